-- +goose Up

-- The conversion account: a company's metal at the supplier, by alloy group (CO-03).
CREATE TABLE alloy_groups (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    code text NOT NULL CHECK (code <> ''),
    name text NOT NULL CHECK (name <> ''),
    unit text NOT NULL CHECK (unit <> ''),
    created_at timestamptz NOT NULL,
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
    quantity bigint NOT NULL CHECK (quantity <> 0 AND quantity BETWEEN -10000000000000 AND 10000000000000),
    note text NOT NULL,
    reverses_id uuid UNIQUE,
    created_at timestamptz NOT NULL,
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
CREATE FUNCTION check_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = NEW.reverses_id AND b.kind <> 'REVERSAL' AND b.quantity = -NEW.quantity) THEN
        RAISE EXCEPTION 'new row violates check constraint: a reversal takes all of its booking back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER bookings_reversed BEFORE INSERT ON bookings FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION check_reversal();
CREATE TRIGGER bookings_frozen BEFORE UPDATE OR DELETE ON bookings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bookings_kept BEFORE TRUNCATE ON bookings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alloy_groups_frozen BEFORE UPDATE ON alloy_groups FOR EACH ROW
    WHEN ((OLD.id, OLD.tenant_id, OLD.code, OLD.unit, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.code, NEW.unit, NEW.created_at)) EXECUTE FUNCTION refuse_change();

SELECT kontor_wall('alloy_groups', 'conversion.view', false);
SELECT kontor_wall('bookings', 'conversion.view', false);

-- +goose Down
DROP TABLE bookings;
DROP FUNCTION check_reversal;
DROP TABLE alloy_groups;
