-- +goose Up

-- The customer centre: who a user is there, and whether online billing asks for it (AC-12).

-- A user has one link at most, and an identity is linked to one user.
CREATE TABLE customer_centre_links (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    issuer text NOT NULL CHECK (issuer <> ''),
    subject text NOT NULL CHECK (subject <> ''),
    linked_at timestamptz NOT NULL,
    UNIQUE (tenant_id, user_id),
    UNIQUE (issuer, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
SELECT kontor_wall('customer_centre_links', 'centre.link');

ALTER TABLE tenants ADD COLUMN online_billing_needs_link boolean NOT NULL DEFAULT true;

-- +goose Down
ALTER TABLE tenants DROP COLUMN online_billing_needs_link;
DROP TABLE customer_centre_links;
