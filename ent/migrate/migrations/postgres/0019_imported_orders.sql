-- +goose Up

-- Whether an order came from the ERP (OR-09): only such a one is moved on by a later import.
ALTER TABLE orders ADD COLUMN imported boolean NOT NULL DEFAULT false;
CREATE TRIGGER orders_imported_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.imported <> NEW.imported) EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TRIGGER orders_imported_frozen ON orders;
ALTER TABLE orders DROP COLUMN imported;
