-- +goose Up

-- Where receipts of orders go to, besides to people (OR-08): the company's e-mail address of its master data.
ALTER TABLE tenants ADD COLUMN email text NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN receipt_to json;
-- +goose StatementBegin
CREATE TRIGGER orders_receipt_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.receipt_to IS NOT NEW.receipt_to BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER orders_receipt_frozen;
ALTER TABLE orders DROP COLUMN receipt_to;
ALTER TABLE tenants DROP COLUMN email;
