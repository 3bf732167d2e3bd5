-- +goose Up

-- Whether agents give a reason before they act for a company (PRIV-08).
ALTER TABLE tenants ADD COLUMN acting_needs_reason boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE tenants DROP COLUMN acting_needs_reason;
