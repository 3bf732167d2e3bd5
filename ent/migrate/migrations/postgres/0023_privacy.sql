-- +goose Up

-- Whether agents give a reason before they act for a company (PRIV-08).
ALTER TABLE tenants ADD COLUMN acting_needs_reason boolean NOT NULL DEFAULT false;

-- Where the receipt of an order went can be forgotten, and not changed, when a user is erased (PRIV-05).
DROP TRIGGER orders_receipt_frozen ON orders;
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.receipt_to IS DISTINCT FROM NEW.receipt_to AND NOT (OLD.receipt_to IS NOT NULL AND coalesce(NEW.receipt_to = '[]', false)))
    EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TRIGGER orders_receipt_frozen ON orders;
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.receipt_to IS DISTINCT FROM NEW.receipt_to) EXECUTE FUNCTION refuse_change();
ALTER TABLE tenants DROP COLUMN acting_needs_reason;
