-- +goose Up

-- Orders call off from agreements (OR-12). How much of a position may be called off at most, the check of
-- contract_positions says since it is there.
ALTER TABLE orders ADD COLUMN called_off boolean NOT NULL DEFAULT false;
ALTER TABLE order_items ADD COLUMN contract_position_id uuid REFERENCES contract_positions (id);
CREATE INDEX order_items_called_off ON order_items (contract_position_id) WHERE contract_position_id IS NOT NULL;

-- The agreement that a cart calls off from; it may be of another company.
ALTER TABLE carts ADD COLUMN contract_id uuid REFERENCES contracts (id);
ALTER TABLE saved_carts ADD COLUMN contract_id uuid REFERENCES contracts (id);

-- +goose Down
ALTER TABLE saved_carts DROP COLUMN contract_id;
ALTER TABLE carts DROP COLUMN contract_id;
DROP INDEX order_items_called_off;
ALTER TABLE order_items DROP COLUMN contract_position_id;
ALTER TABLE orders DROP COLUMN called_off;
