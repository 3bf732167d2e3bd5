-- +goose Up

-- Who sent an invitation: it ends with whoever sent it (AUTH-12). Those of before have nobody.
ALTER TABLE one_time_links ADD COLUMN sent_by_id uuid REFERENCES users (id) ON DELETE SET NULL;
CREATE INDEX one_time_links_by_sender ON one_time_links (sent_by_id) WHERE sent_by_id IS NOT NULL;

-- +goose Down

DROP INDEX one_time_links_by_sender;
ALTER TABLE one_time_links DROP COLUMN sent_by_id;
