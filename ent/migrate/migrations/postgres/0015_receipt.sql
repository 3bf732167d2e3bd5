-- +goose Up

-- Where receipts of orders go to, besides to people (OR-08): the company's e-mail address of its master data.
ALTER TABLE tenants ADD COLUMN email text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN receipt_to jsonb;
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.receipt_to IS DISTINCT FROM NEW.receipt_to) EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TRIGGER orders_receipt_frozen ON orders;
ALTER TABLE orders DROP COLUMN receipt_to;
ALTER TABLE tenants DROP COLUMN email;
