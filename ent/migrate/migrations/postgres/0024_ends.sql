-- +goose Up

-- Companies that were deleted with all that was theirs (PRIV-06): what is otherwise written once and never deleted goes
-- with them. The key stays here, and no company gets it again.
CREATE TABLE deleted_tenants (
    id uuid NOT NULL PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);
-- Only the system says so, and sees it: a viewer would lift what is never deleted.
SELECT kontor_wall('deleted_tenants', NULL, false, tenant => 'id');
-- +goose StatementBegin
CREATE FUNCTION refuse_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = NEW.id) THEN
        RAISE EXCEPTION 'this company was deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tenants_never_again BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION refuse_again();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = OLD.tenant_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = OLD.tenant_id) THEN
        RETURN OLD;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = OLD.tenant_id AND h.cut_sequence >= OLD.sequence) THEN
        RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE OR REPLACE FUNCTION keep_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = OLD.tenant_id) THEN
        RETURN OLD;
    END IF;
    IF OLD.cut_sequence < OLD.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = OLD.tenant_id) THEN
        RAISE EXCEPTION 'the end of an audit log is never deleted before its entries' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER tenants_never_again ON tenants;
DROP FUNCTION refuse_again;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = OLD.tenant_id AND h.cut_sequence >= OLD.sequence) THEN
        RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE OR REPLACE FUNCTION keep_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.cut_sequence < OLD.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = OLD.tenant_id) THEN
        RAISE EXCEPTION 'the end of an audit log is never deleted before its entries' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
DROP TABLE deleted_tenants;
