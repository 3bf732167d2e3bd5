-- +goose Up

-- Whether agents give a reason before they act for a company (PRIV-08).
ALTER TABLE tenants ADD COLUMN acting_needs_reason bool NOT NULL DEFAULT false CHECK (acting_needs_reason IN (0, 1));

-- +goose Down
ALTER TABLE tenants DROP COLUMN acting_needs_reason;
