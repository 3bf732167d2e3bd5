-- +goose Up

-- Access: one-time passwords of customer numbers, transfers between companies.

-- What the operator's letter has: it connects a customer number, once. Only its hash
-- is kept, and how often somebody guessed.
CREATE TABLE one_time_passwords (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    customer_number_id uuid NOT NULL,
    secret_hash text NOT NULL UNIQUE,
    issued_by_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by_id uuid REFERENCES users (id),
    tries bigint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    CHECK (expires_at > created_at),
    CHECK ((used_at IS NULL) = (used_by_id IS NULL)),
    FOREIGN KEY (tenant_id, customer_number_id) REFERENCES customer_numbers (tenant_id, id)
);
CREATE INDEX one_time_passwords_of_number ON one_time_passwords (tenant_id, customer_number_id, id);

-- Who shared which contract with whom, and until when: the history of both sides. The
-- tenant is that of the contract; the rights themselves are grants.
CREATE TABLE transfers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    contract_id uuid NOT NULL,
    contract_number text NOT NULL,
    giver_id uuid NOT NULL REFERENCES users (id),
    receiver_id uuid NOT NULL REFERENCES users (id),
    request_id uuid NOT NULL,
    given_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by_id uuid REFERENCES users (id),
    revoke_request_id uuid,
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id),
    CHECK (giver_id <> receiver_id),
    CHECK ((revoked_at IS NULL) = (revoked_by_id IS NULL))
);
CREATE UNIQUE INDEX transfers_live ON transfers (receiver_id, contract_id) WHERE revoked_at IS NULL;
CREATE INDEX transfers_of_tenant ON transfers (tenant_id, given_at, id);
CREATE INDEX transfers_to ON transfers (receiver_id, given_at, id);
CREATE INDEX transfers_of_request ON transfers (request_id);
CREATE INDEX transfers_of_revocation ON transfers (revoke_request_id) WHERE revoke_request_id IS NOT NULL;

ALTER TABLE grants ADD COLUMN transfer_id uuid REFERENCES transfers (id);
CREATE INDEX grants_of_transfer ON grants (transfer_id) WHERE revoked_at IS NULL;

-- What was delegated does not stand in the way of a transfer by the same person.
DROP INDEX grants_live;
CREATE UNIQUE INDEX grants_live ON grants (holder_id, "right", contract_id, granted_by_id, kind) WHERE revoked_at IS NULL;

-- +goose Down
DROP INDEX grants_live;
CREATE UNIQUE INDEX grants_live ON grants (holder_id, "right", contract_id, granted_by_id) WHERE revoked_at IS NULL;
DROP INDEX grants_of_transfer;
ALTER TABLE grants DROP COLUMN transfer_id;
DROP TABLE transfers;
DROP TABLE one_time_passwords;
