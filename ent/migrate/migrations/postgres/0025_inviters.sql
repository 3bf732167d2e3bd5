-- +goose Up

-- Who sent an invitation: it ends with whoever sent it (AUTH-12). Those of before have nobody. It is no reference: users are
-- deleted with their company only, and that would read all links for each of them.
ALTER TABLE one_time_links ADD COLUMN sent_by_id uuid;

-- +goose Down

ALTER TABLE one_time_links DROP COLUMN sent_by_id;
