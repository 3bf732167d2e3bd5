-- +goose Up

-- The chain of the audit log with a key (PRIV-02), what happens around ways in and data (PRIV-03), and what entries say
-- of people apart from what is hashed, so that it can be taken out (PRIV-05, PRIV-09). Entries of before stay
-- as they are; a chain of before goes on without a key until `kontor audit key`.
ALTER TABLE audit_entries ADD COLUMN class text NOT NULL DEFAULT 'CHANGE';
ALTER TABLE audit_entries ADD COLUMN result text NOT NULL DEFAULT 'DONE';
ALTER TABLE audit_entries ADD COLUMN key_id text NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN seals text NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN salts text NOT NULL DEFAULT '';
-- Rows of before are looked at in 0026, and indexes are made there: beside servers that answer.
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_class_check CHECK (class IN ('CHANGE', 'SECURITY')) NOT VALID;
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_result_check CHECK (result IN ('DONE', 'REFUSED')) NOT VALID;

ALTER TABLE audit_heads ADD COLUMN keyed_from bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_heads ADD COLUMN cut_sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_heads ADD COLUMN cut_hash text NOT NULL DEFAULT '';
ALTER TABLE audit_heads ADD COLUMN moved_at timestamptz;
ALTER TABLE audit_heads ADD COLUMN key_id text NOT NULL DEFAULT '';
ALTER TABLE audit_heads ADD COLUMN mac text NOT NULL DEFAULT '';
ALTER TABLE audit_heads ADD CONSTRAINT audit_heads_keyed_from_check CHECK (keyed_from >= 0) NOT VALID;
ALTER TABLE audit_heads ADD CONSTRAINT audit_heads_check CHECK (cut_sequence BETWEEN 0 AND sequence) NOT VALID;

-- What an entry says of people can be taken out and not be changed, entries are deleted only where the chain was
-- cut, and a chain goes away with nothing left of it.
DROP TRIGGER audit_entries_frozen ON audit_entries;
CREATE TRIGGER audit_entries_frozen BEFORE UPDATE ON audit_entries FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.sequence, OLD.at, OLD.action, OLD.class, OLD.result, OLD.actor_id, OLD.subject_kind, OLD.subject_id, OLD.request_id, OLD.previous_hash, OLD.hash, OLD.key_id) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.sequence, NEW.at, NEW.action, NEW.class, NEW.result, NEW.actor_id, NEW.subject_kind, NEW.subject_id, NEW.request_id, NEW.previous_hash, NEW.hash, NEW.key_id)
        OR NEW.actor_username NOT IN ('', OLD.actor_username) OR NEW.actor_tenant NOT IN ('', OLD.actor_tenant) OR NEW.subject_label NOT IN ('', OLD.subject_label) OR NEW.before NOT IN ('', OLD.before) OR NEW.after NOT IN ('', OLD.after) OR NEW.ip_address NOT IN ('', OLD.ip_address)
        OR (OLD.seals <> '' AND OLD.seals <> NEW.seals)
        OR OLD.salts = '- - -')
    EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = OLD.tenant_id AND h.cut_sequence >= OLD.sequence) THEN
        RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE FUNCTION keep_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.cut_sequence < OLD.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = OLD.tenant_id) THEN
        RAISE EXCEPTION 'the end of an audit log is never deleted before its entries' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
-- A server of before that still runs does not know the key: its entries would break the chain.
CREATE FUNCTION refuse_keyless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = NEW.tenant_id AND h.keyed_from > 0) THEN
        RAISE EXCEPTION 'this audit log is written with a key' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_undeletable BEFORE DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION keep_audit();
DROP TRIGGER audit_heads_kept ON audit_heads;
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION keep_audit_head();
CREATE TRIGGER audit_entries_keyed BEFORE INSERT ON audit_entries FOR EACH ROW WHEN (NEW.key_id = '') EXECUTE FUNCTION refuse_keyless();
-- So it can note nothing any more in a log that has a key, and fails: there is no way back to it (docs/adr/0019-upgrade.md).
COMMENT ON TABLE goose_db_version IS 'oldest kontor: 22';

-- +goose Down
COMMENT ON TABLE goose_db_version IS NULL;
DROP TRIGGER audit_entries_keyed ON audit_entries;
DROP TRIGGER audit_entries_undeletable ON audit_entries;
DROP TRIGGER audit_entries_frozen ON audit_entries;
DROP TRIGGER audit_heads_kept ON audit_heads;
CREATE TRIGGER audit_entries_frozen BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP FUNCTION keep_audit;
DROP FUNCTION keep_audit_head;
DROP FUNCTION refuse_keyless;
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
