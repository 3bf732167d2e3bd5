-- +goose Up

-- Whether an order came from the ERP (OR-09): only such a one is moved on by a later import.
ALTER TABLE orders ADD COLUMN imported boolean NOT NULL DEFAULT false;
-- +goose StatementBegin
CREATE TRIGGER orders_imported_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.imported <> NEW.imported BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER orders_imported_frozen;
ALTER TABLE orders DROP COLUMN imported;
