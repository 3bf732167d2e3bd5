-- +goose NO TRANSACTION
-- +goose Up

-- What 0022 to 0024 look for, made beside servers that answer (docs/adr/0019-upgrade.md). Nobody is in the way of
-- who waits here, so it waits as long as there are transactions of before; what a try that was broken off has left is made anew.
SET lock_timeout = 0;

DROP INDEX CONCURRENTLY IF EXISTS audit_entries_by_class;
CREATE INDEX CONCURRENTLY audit_entries_by_class ON audit_entries (tenant_id, class, at, id);
-- What the retention looks for (PRIV-09).
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_origins;
CREATE INDEX CONCURRENTLY audit_entries_origins ON audit_entries (at) WHERE ip_address <> '';
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_security;
CREATE INDEX CONCURRENTLY audit_entries_security ON audit_entries (at) WHERE class = 'SECURITY' AND salts <> '- - -';
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_at;
CREATE INDEX CONCURRENTLY audit_entries_at ON audit_entries (at);
DROP INDEX CONCURRENTLY IF EXISTS mails_by_creation;
CREATE INDEX CONCURRENTLY mails_by_creation ON mails (created_at);
DROP INDEX CONCURRENTLY IF EXISTS one_time_links_by_end;
CREATE INDEX CONCURRENTLY one_time_links_by_end ON one_time_links (expires_at);
DROP INDEX CONCURRENTLY IF EXISTS audit_heads_moved;
CREATE INDEX CONCURRENTLY audit_heads_moved ON audit_heads (moved_at);

-- Reads rows of before, and keeps nobody from writing meanwhile.
ALTER TABLE audit_entries VALIDATE CONSTRAINT audit_entries_class_check;
ALTER TABLE audit_entries VALIDATE CONSTRAINT audit_entries_result_check;
ALTER TABLE audit_heads VALIDATE CONSTRAINT audit_heads_keyed_from_check;
ALTER TABLE audit_heads VALIDATE CONSTRAINT audit_heads_check;

RESET lock_timeout;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_by_class;
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_origins;
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_security;
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_at;
DROP INDEX CONCURRENTLY IF EXISTS mails_by_creation;
DROP INDEX CONCURRENTLY IF EXISTS one_time_links_by_end;
DROP INDEX CONCURRENTLY IF EXISTS audit_heads_moved;
