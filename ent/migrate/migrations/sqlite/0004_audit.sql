-- +goose Up

-- The audit log: what was changed, by whom, for whom, written in the transaction of the
-- change. Each entry of a tenant carries the hash of the one before (AC-13).
CREATE TABLE audit_entries (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    at datetime NOT NULL,
    action text NOT NULL CHECK (action <> ''),
    actor_id uuid,
    actor_username text NOT NULL,
    actor_tenant text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid,
    subject_label text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    ip_address text NOT NULL,
    request_id text NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL,
    UNIQUE (tenant_id, sequence)
);
CREATE INDEX audit_entries_by_time ON audit_entries (tenant_id, at, id);
CREATE INDEX audit_entries_by_action ON audit_entries (tenant_id, action, id);
CREATE INDEX audit_entries_by_actor ON audit_entries (tenant_id, actor_id, id);
CREATE INDEX audit_entries_by_subject ON audit_entries (tenant_id, subject_id, id);

-- Where each tenant's chain ends; held by whoever appends to it.
CREATE TABLE audit_heads (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL UNIQUE REFERENCES tenants (id),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    hash text NOT NULL
);

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

-- +goose Down
DROP TABLE audit_heads;
DROP TABLE audit_entries;
