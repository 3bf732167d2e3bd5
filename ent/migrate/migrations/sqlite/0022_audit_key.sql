-- +goose Up

-- The chain of the audit log with a key (PRIV-02), what happens around ways in and data (PRIV-03), and what entries say
-- of people apart from what is hashed, so that it can be taken out (PRIV-05, PRIV-09). Entries of before stay
-- as they are; a chain of before goes on without a key until `kontor audit key`.
ALTER TABLE audit_entries ADD COLUMN class text NOT NULL DEFAULT 'CHANGE' CHECK (class IN ('CHANGE', 'SECURITY'));
ALTER TABLE audit_entries ADD COLUMN result text NOT NULL DEFAULT 'DONE' CHECK (result IN ('DONE', 'REFUSED'));
ALTER TABLE audit_entries ADD COLUMN key_id text NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN seals text NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN salts text NOT NULL DEFAULT '';
CREATE INDEX audit_entries_by_class ON audit_entries (tenant_id, class, at, id);
-- What the retention looks for.
CREATE INDEX audit_entries_origins ON audit_entries (at) WHERE ip_address <> '';
CREATE INDEX audit_entries_security ON audit_entries (at) WHERE class = 'SECURITY' AND salts <> '- - -';
CREATE INDEX audit_entries_at ON audit_entries (at);

ALTER TABLE audit_heads ADD COLUMN keyed_from bigint NOT NULL DEFAULT 0 CHECK (keyed_from >= 0);
ALTER TABLE audit_heads ADD COLUMN cut_sequence bigint NOT NULL DEFAULT 0 CHECK (cut_sequence BETWEEN 0 AND sequence);
ALTER TABLE audit_heads ADD COLUMN cut_hash text NOT NULL DEFAULT '';
ALTER TABLE audit_heads ADD COLUMN moved_at datetime;
ALTER TABLE audit_heads ADD COLUMN key_id text NOT NULL DEFAULT '';
ALTER TABLE audit_heads ADD COLUMN mac text NOT NULL DEFAULT '';
CREATE INDEX audit_heads_moved ON audit_heads (moved_at);

-- What an entry says of people can be taken out and not be changed, entries are deleted only where the chain was
-- cut, and a chain goes away with nothing left of it.
DROP TRIGGER audit_entries_frozen;
DROP TRIGGER audit_entries_undeletable;
DROP TRIGGER audit_heads_kept;
-- +goose StatementBegin
CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries FOR EACH ROW
    WHEN (old.id, old.tenant_id, old.sequence, old.at, old.action, old.class, old.result, old.actor_id, old.subject_kind, old.subject_id, old.request_id, old.previous_hash, old.hash, old.key_id) IS NOT (new.id, new.tenant_id, new.sequence, new.at, new.action, new.class, new.result, new.actor_id, new.subject_kind, new.subject_id, new.request_id, new.previous_hash, new.hash, new.key_id)
        OR new.actor_username NOT IN ('', old.actor_username) OR new.actor_tenant NOT IN ('', old.actor_tenant) OR new.subject_label NOT IN ('', old.subject_label) OR new.before NOT IN ('', old.before) OR new.after NOT IN ('', old.after) OR new.ip_address NOT IN ('', old.ip_address)
        OR (old.seals <> '' AND old.seals <> new.seals)
        OR old.salts = '- - -'
BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_entries_undeletable BEFORE DELETE ON audit_entries FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = old.tenant_id AND h.cut_sequence >= old.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW
    WHEN old.cut_sequence < old.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = old.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'the end of an audit log is never deleted before its entries');
END;
-- +goose StatementEnd
-- A server of before that still runs does not know the key: its entries would break the chain.
-- +goose StatementBegin
CREATE TRIGGER audit_entries_keyed BEFORE INSERT ON audit_entries FOR EACH ROW
    WHEN new.key_id = '' AND EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = new.tenant_id AND h.keyed_from > 0)
BEGIN
    SELECT RAISE(ABORT, 'this audit log is written with a key');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER audit_entries_keyed;
DROP TRIGGER audit_entries_frozen;
DROP TRIGGER audit_entries_undeletable;
DROP TRIGGER audit_heads_kept;
DROP INDEX audit_entries_by_class;
DROP INDEX audit_entries_origins;
DROP INDEX audit_entries_security;
DROP INDEX audit_entries_at;
DROP INDEX audit_heads_moved;
ALTER TABLE audit_entries DROP COLUMN class;
ALTER TABLE audit_entries DROP COLUMN result;
ALTER TABLE audit_entries DROP COLUMN key_id;
ALTER TABLE audit_entries DROP COLUMN seals;
ALTER TABLE audit_entries DROP COLUMN salts;
ALTER TABLE audit_heads DROP COLUMN keyed_from;
ALTER TABLE audit_heads DROP COLUMN cut_sequence;
ALTER TABLE audit_heads DROP COLUMN cut_hash;
ALTER TABLE audit_heads DROP COLUMN moved_at;
ALTER TABLE audit_heads DROP COLUMN key_id;
ALTER TABLE audit_heads DROP COLUMN mac;
-- +goose StatementBegin
CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_entries_undeletable BEFORE DELETE ON audit_entries FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'audit_heads is never emptied');
END;
-- +goose StatementEnd
