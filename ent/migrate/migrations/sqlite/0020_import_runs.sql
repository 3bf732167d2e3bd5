-- +goose Up

-- Imports of files of the operator's ERP (CO-05).
CREATE TABLE import_runs (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL,
    format text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('GOOD_ROWS', 'ALL_OR_NONE')),
    state text NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'COMPLETED', 'REJECTED', 'FAILED')),
    filename text NOT NULL,
    size integer NOT NULL CHECK (size >= 0),
    sha256 text NOT NULL,
    blob_key text NOT NULL,
    buyer text NOT NULL,
    read_bytes integer NOT NULL,
    records integer NOT NULL,
    created integer NOT NULL,
    updated integer NOT NULL,
    unchanged integer NOT NULL,
    refused integer NOT NULL,
    failure text NOT NULL,
    started_by_id uuid REFERENCES users (id),
    takes integer NOT NULL,
    leased_until datetime,
    queued_at datetime NOT NULL,
    started_at datetime,
    ended_at datetime,
    UNIQUE (tenant_id, id),
    CHECK ((state IN ('QUEUED', 'RUNNING')) = (ended_at IS NULL)),
    CHECK (state <> 'RUNNING' OR leased_until IS NOT NULL)
);
-- One at a time per tenant and kind, whoever takes them.
CREATE UNIQUE INDEX import_runs_one ON import_runs (tenant_id, kind) WHERE state = 'RUNNING';
CREATE INDEX import_runs_open ON import_runs (queued_at) WHERE ended_at IS NULL;
CREATE INDEX import_runs_newest ON import_runs (tenant_id, queued_at, id);
CREATE INDEX import_runs_started_by ON import_runs (started_by_id);

CREATE TABLE import_reasons (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    run_id uuid NOT NULL,
    line integer NOT NULL,
    column_name text NOT NULL,
    reason text NOT NULL,
    FOREIGN KEY (tenant_id, run_id) REFERENCES import_runs (tenant_id, id)
);
CREATE INDEX import_reasons_of_run ON import_reasons (run_id, id);

-- How many units the prices of a catalogue are for: T_UPDATE_PRICES of BMEcat does not repeat it (CO-06).
ALTER TABLE products ADD COLUMN price_quantity integer NOT NULL DEFAULT 10000 CHECK (price_quantity > 0);

-- +goose Down
ALTER TABLE products DROP COLUMN price_quantity;
DROP TABLE import_reasons;
DROP TABLE import_runs;
