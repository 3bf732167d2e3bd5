-- +goose Up

-- Carts under a name, of a user for the tenant that it worked for, which may be another than its own. They are
-- written and read as a whole; what is in them is checked against the assortment whenever they are shown.
CREATE TABLE saved_carts (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment jsonb,
    user_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL CHECK (name <> ''),
    shared boolean NOT NULL,
    customer_order_number text NOT NULL,
    reference_number text NOT NULL,
    delivery_address jsonb,
    positions jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX saved_carts_of_user ON saved_carts (tenant_id, user_id, updated_at, id);
CREATE INDEX saved_carts_shared ON saved_carts (tenant_id, updated_at, id) WHERE shared;

SELECT kontor_wall('saved_carts', 'saved_cart.use');

-- +goose Down
DROP TABLE saved_carts;
