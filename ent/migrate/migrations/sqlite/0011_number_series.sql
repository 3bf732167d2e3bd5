-- +goose Up

-- Quotes and contracts are numbered like orders.
CREATE TABLE new_number_series (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL CHECK (kind IN ('ORDER', 'QUOTE', 'CONTRACT')),
    next integer NOT NULL CHECK (next > 0),
    UNIQUE (tenant_id, kind)
);
INSERT INTO new_number_series SELECT id, tenant_id, kind, next FROM number_series;
DROP TABLE number_series;
ALTER TABLE new_number_series RENAME TO number_series;

-- +goose Down
CREATE TABLE old_number_series (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL CHECK (kind IN ('ORDER')),
    next integer NOT NULL CHECK (next > 0),
    UNIQUE (tenant_id, kind)
);
INSERT INTO old_number_series SELECT id, tenant_id, kind, next FROM number_series WHERE kind = 'ORDER';
DROP TABLE number_series;
ALTER TABLE old_number_series RENAME TO number_series;
