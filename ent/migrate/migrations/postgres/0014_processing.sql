-- +goose Up

-- What the business case of an order needs besides its positions (OR-06), and whether it is processed without
-- people (OR-07): part of what was ordered, so it never changes.
ALTER TABLE orders ADD COLUMN details jsonb;
ALTER TABLE orders ADD COLUMN automatic boolean NOT NULL DEFAULT false;
CREATE TRIGGER orders_details_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.details IS DISTINCT FROM NEW.details OR OLD.automatic <> NEW.automatic)
    EXECUTE FUNCTION refuse_change();

-- What orders make of contracts.
ALTER TABLE contracts ADD COLUMN site jsonb;
ALTER TABLE contracts ADD COLUMN numbers jsonb NOT NULL DEFAULT '[]';
ALTER TABLE contracts ADD COLUMN previous_provider text NOT NULL DEFAULT '';

-- What is left to do of the orders that are processed automatically.
CREATE TABLE order_jobs (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL UNIQUE,
    step text NOT NULL CHECK (step IN ('PROVISION', 'CONCLUDE')),
    answer jsonb,
    failures bigint NOT NULL CHECK (failures >= 0),
    takes bigint NOT NULL CHECK (takes >= 0),
    next_attempt_at timestamptz NOT NULL,
    last_error text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX order_jobs_due ON order_jobs (next_attempt_at) WHERE ended_at IS NULL;
SELECT kontor_wall('order_jobs', NULL, false);

-- The contract that comes of an order comes to all that belongs to it, once: whoever sees the one sees the other.
DROP TRIGGER order_items_frozen ON order_items;
DROP TRIGGER order_events_frozen ON order_events;
DROP TRIGGER need_approvers_frozen ON need_approvers;
DROP TRIGGER order_messages_frozen ON order_messages;
DROP TRIGGER approval_needs_frozen ON approval_needs;
-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['order_items', 'order_events', 'need_approvers', 'order_messages'] LOOP
        EXECUTE format($f$CREATE TRIGGER %1$s_frozen BEFORE UPDATE ON %1$s FOR EACH ROW
            WHEN (OLD.contract_id IS NOT NULL OR to_jsonb(OLD) - 'contract_id' IS DISTINCT FROM to_jsonb(NEW) - 'contract_id')
            EXECUTE FUNCTION refuse_change()$f$, part);
        EXECUTE format('CREATE TRIGGER %1$s_undeletable BEFORE DELETE ON %1$s FOR EACH ROW EXECUTE FUNCTION refuse_change()', part);
    END LOOP;
END $$;
CREATE FUNCTION follow_contract() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_items SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE order_events SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE order_messages SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE approval_needs SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE need_approvers SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN ((OLD.settled_at IS NOT NULL AND to_jsonb(OLD) - 'contract_id' IS DISTINCT FROM to_jsonb(NEW) - 'contract_id')
        OR (OLD.contract_id IS NOT NULL AND NEW.contract_id IS DISTINCT FROM OLD.contract_id)
        OR (OLD.id, OLD.tenant_id, OLD.order_id, OLD.placed_by_id, OLD.rule_id, OLD.rule, OLD.above_amount, OLD.currency, OLD.cost_centre, OLD.self_approval, OLD.asked_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.order_id, NEW.placed_by_id, NEW.rule_id, NEW.rule, NEW.above_amount, NEW.currency, NEW.cost_centre, NEW.self_approval, NEW.asked_at))
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER orders_contract_followed AFTER UPDATE OF contract_id ON orders FOR EACH ROW
    WHEN (OLD.contract_id IS NULL AND NEW.contract_id IS NOT NULL) EXECUTE FUNCTION follow_contract();
CREATE INDEX need_approvers_of_order ON need_approvers (order_id);

-- +goose Down
DROP INDEX need_approvers_of_order;
DROP TRIGGER orders_contract_followed ON orders;
DROP FUNCTION follow_contract;
DROP TRIGGER order_items_frozen ON order_items;
DROP TRIGGER order_items_undeletable ON order_items;
DROP TRIGGER order_events_frozen ON order_events;
DROP TRIGGER order_events_undeletable ON order_events;
DROP TRIGGER need_approvers_frozen ON need_approvers;
DROP TRIGGER need_approvers_undeletable ON need_approvers;
DROP TRIGGER order_messages_frozen ON order_messages;
DROP TRIGGER order_messages_undeletable ON order_messages;
DROP TRIGGER approval_needs_frozen ON approval_needs;
CREATE TRIGGER order_items_frozen BEFORE UPDATE OR DELETE ON order_items FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_events_frozen BEFORE UPDATE OR DELETE ON order_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER need_approvers_frozen BEFORE UPDATE OR DELETE ON need_approvers FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_messages_frozen BEFORE UPDATE OR DELETE ON order_messages FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN (OLD.settled_at IS NOT NULL OR (OLD.id, OLD.tenant_id, OLD.order_id, OLD.placed_by_id, OLD.contract_id, OLD.rule_id, OLD.rule, OLD.above_amount, OLD.currency, OLD.cost_centre, OLD.self_approval, OLD.asked_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.order_id, NEW.placed_by_id, NEW.contract_id, NEW.rule_id, NEW.rule, NEW.above_amount, NEW.currency, NEW.cost_centre, NEW.self_approval, NEW.asked_at))
    EXECUTE FUNCTION refuse_change();
DROP TABLE order_jobs;
ALTER TABLE contracts DROP COLUMN site;
ALTER TABLE contracts DROP COLUMN numbers;
ALTER TABLE contracts DROP COLUMN previous_provider;
DROP TRIGGER orders_details_frozen ON orders;
ALTER TABLE orders DROP COLUMN details;
ALTER TABLE orders DROP COLUMN automatic;
