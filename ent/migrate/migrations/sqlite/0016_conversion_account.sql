-- +goose Up

-- The conversion account: a company's metal at the supplier, by alloy group (CO-03).
CREATE TABLE alloy_groups (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    code text NOT NULL CHECK (code <> ''),
    name text NOT NULL CHECK (name <> ''),
    unit text NOT NULL CHECK (unit <> ''),
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, code)
);

-- What came in and went out, counted in ten-thousandths. A billion at a time, so that balances fit. A reversal names
-- a booking of the same group, which is reversed once.
CREATE TABLE bookings (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    alloy_group_id uuid NOT NULL,
    reference text NOT NULL CHECK (reference <> ''),
    booked_on date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('RECEIPT', 'WITHDRAWAL', 'ADJUSTMENT', 'LOSS', 'REVERSAL')),
    quantity integer NOT NULL CHECK (quantity <> 0 AND quantity BETWEEN -10000000000000 AND 10000000000000),
    note text NOT NULL,
    reverses_id uuid UNIQUE,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, alloy_group_id, id),
    FOREIGN KEY (tenant_id, alloy_group_id) REFERENCES alloy_groups (tenant_id, id),
    FOREIGN KEY (tenant_id, alloy_group_id, reverses_id) REFERENCES bookings (tenant_id, alloy_group_id, id),
    CHECK (kind <> 'RECEIPT' OR quantity > 0),
    CHECK (kind NOT IN ('WITHDRAWAL', 'LOSS') OR quantity < 0),
    CHECK ((kind = 'REVERSAL') = (reverses_id IS NOT NULL))
);
CREATE INDEX bookings_in_order ON bookings (alloy_group_id, booked_on, id);

-- A reversal takes all of its booking back, and is not taken back itself.
-- +goose StatementBegin
CREATE TRIGGER bookings_reversed BEFORE INSERT ON bookings FOR EACH ROW
    WHEN NEW.reverses_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = NEW.reverses_id AND b.kind <> 'REVERSAL' AND b.quantity = -NEW.quantity) BEGIN
    SELECT RAISE(ABORT, 'CHECK constraint failed: a reversal takes all of its booking back');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER bookings_frozen BEFORE UPDATE ON bookings FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'bookings is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER bookings_undeletable BEFORE DELETE ON bookings FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'bookings is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER alloy_groups_frozen BEFORE UPDATE ON alloy_groups FOR EACH ROW
    WHEN OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.code IS NOT NEW.code OR OLD.unit IS NOT NEW.unit OR OLD.created_at IS NOT NEW.created_at BEGIN
    SELECT RAISE(ABORT, 'alloy_groups is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE bookings;
DROP TABLE alloy_groups;
