-- +goose Up

-- The customers that agents act for, one at a time in a session (AC-02).
CREATE TABLE acting_sessions (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    session_id uuid NOT NULL UNIQUE,
    customer_id uuid NOT NULL REFERENCES tenants (id),
    created_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX acting_sessions_of_user ON acting_sessions (tenant_id, user_id);

-- An agent that acts for a customer has addresses and assignments for it, too: they belong
-- to the customer, and their user to another company.
ALTER TABLE addresses DROP CONSTRAINT addresses_tenant_id_user_id_fkey,
    ADD FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE saved_assignments DROP CONSTRAINT saved_assignments_tenant_id_user_id_fkey,
    ADD FOREIGN KEY (user_id) REFERENCES users (id);

-- +goose Down
-- The looser keys of addresses and assignments stay: what agents wrote by them must not be lost.
DROP TABLE acting_sessions;
