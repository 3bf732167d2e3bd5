-- +goose Up

-- Whether agents give a reason before they act for a company (PRIV-08).
ALTER TABLE tenants ADD COLUMN acting_needs_reason bool NOT NULL DEFAULT false CHECK (acting_needs_reason IN (0, 1));

-- Where the receipt of an order went can be forgotten, and not changed, when a user is erased (PRIV-05).
DROP TRIGGER orders_receipt_frozen;
-- +goose StatementBegin
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.receipt_to IS NOT NEW.receipt_to AND NOT (OLD.receipt_to IS NOT NULL AND NEW.receipt_to IS '[]') BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER orders_receipt_frozen;
-- +goose StatementBegin
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.receipt_to IS NOT NEW.receipt_to BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd
ALTER TABLE tenants DROP COLUMN acting_needs_reason;
