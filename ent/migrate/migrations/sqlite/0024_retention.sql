-- +goose Up

-- What the retention looks for (PRIV-09).
CREATE INDEX mails_by_creation ON mails (created_at);
CREATE INDEX one_time_links_by_end ON one_time_links (expires_at);

-- +goose Down
DROP INDEX one_time_links_by_end;
DROP INDEX mails_by_creation;
