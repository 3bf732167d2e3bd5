-- +goose NO TRANSACTION
-- +goose Up

-- SQLite changes a foreign key by making the table anew, which takes place with the keys of
-- others switched off, and that is possible outside of a transaction only.
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;

-- The customers that agents act for, one at a time in a session (AC-02).
CREATE TABLE acting_sessions (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    session_id uuid NOT NULL UNIQUE,
    customer_id uuid NOT NULL REFERENCES tenants (id),
    created_at datetime NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX acting_sessions_of_user ON acting_sessions (tenant_id, user_id);

-- An agent that acts for a customer has addresses and assignments for it, too: they belong
-- to the customer, and their user to another company.
CREATE TABLE new_addresses (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    label text NOT NULL,
    company text NOT NULL,
    contact text NOT NULL,
    street text NOT NULL CHECK (street <> ''),
    postal_code text NOT NULL CHECK (postal_code <> ''),
    city text NOT NULL CHECK (city <> ''),
    country text NOT NULL CHECK (length(country) = 2),
    is_default bool NOT NULL CHECK (is_default IN (0, 1)),
    deleted_at datetime,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id)
);
INSERT INTO new_addresses SELECT id, tenant_id, user_id, label, company, contact, street, postal_code, city, country, is_default, deleted_at, created_at
FROM addresses;
DROP TABLE addresses;
ALTER TABLE new_addresses RENAME TO addresses;
CREATE UNIQUE INDEX addresses_default ON addresses (tenant_id, user_id) WHERE is_default;
CREATE INDEX addresses_of_user ON addresses (tenant_id, user_id);

CREATE TABLE new_saved_assignments (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    label text NOT NULL,
    cost_centre text NOT NULL,
    gl_account text NOT NULL,
    project text NOT NULL,
    plant text NOT NULL,
    is_default bool NOT NULL CHECK (is_default IN (0, 1)),
    created_at datetime NOT NULL
);
INSERT INTO new_saved_assignments SELECT id, tenant_id, user_id, label, cost_centre, gl_account, project, plant, is_default, created_at
FROM saved_assignments;
DROP TABLE saved_assignments;
ALTER TABLE new_saved_assignments RENAME TO saved_assignments;
CREATE UNIQUE INDEX saved_assignments_default ON saved_assignments (tenant_id, user_id) WHERE is_default;
CREATE INDEX saved_assignments_of_user ON saved_assignments (tenant_id, user_id);

COMMIT;
PRAGMA foreign_keys = ON;

-- +goose Down
-- The looser keys of addresses and assignments stay: what agents wrote by them must not be lost.
DROP TABLE acting_sessions;
