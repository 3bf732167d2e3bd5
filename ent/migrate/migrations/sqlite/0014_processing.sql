-- +goose Up

-- What the business case of an order needs besides its positions (OR-06), and whether it is processed without
-- people (OR-07): part of what was ordered, so it never changes.
ALTER TABLE orders ADD COLUMN details json;
ALTER TABLE orders ADD COLUMN automatic bool NOT NULL DEFAULT 0 CHECK (automatic IN (0, 1));
-- +goose StatementBegin
CREATE TRIGGER orders_details_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.details IS NOT NEW.details OR OLD.automatic IS NOT NEW.automatic BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd

-- What orders make of contracts.
ALTER TABLE contracts ADD COLUMN site json;
ALTER TABLE contracts ADD COLUMN numbers json NOT NULL DEFAULT '[]';
ALTER TABLE contracts ADD COLUMN previous_provider text NOT NULL DEFAULT '';

-- What is left to do of the orders that are processed automatically.
CREATE TABLE order_jobs (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL UNIQUE,
    step text NOT NULL CHECK (step IN ('PROVISION', 'CONCLUDE')),
    answer json,
    failures integer NOT NULL CHECK (failures >= 0),
    takes integer NOT NULL CHECK (takes >= 0),
    next_attempt_at datetime NOT NULL,
    last_error text NOT NULL,
    created_at datetime NOT NULL,
    ended_at datetime,
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX order_jobs_due ON order_jobs (next_attempt_at) WHERE ended_at IS NULL;

-- The contract that comes of an order comes to all that belongs to it, once: whoever sees the one sees the other.
DROP TRIGGER order_items_frozen;
DROP TRIGGER order_events_frozen;
DROP TRIGGER need_approvers_frozen;
DROP TRIGGER order_messages_frozen;
DROP TRIGGER approval_needs_frozen;
-- +goose StatementBegin
CREATE TRIGGER order_items_frozen BEFORE UPDATE ON order_items FOR EACH ROW
    WHEN OLD.contract_id IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.account_assignment IS NOT NEW.account_assignment OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD."position" IS NOT NEW."position" OR OLD.product_id IS NOT NEW.product_id OR OLD.sku IS NOT NEW.sku OR OLD.product_name IS NOT NEW.product_name OR OLD.unit IS NOT NEW.unit OR OLD.quantity IS NOT NEW.quantity OR OLD.unit_price_amount IS NOT NEW.unit_price_amount OR OLD.line_total_amount IS NOT NEW.line_total_amount OR OLD.tax_rate IS NOT NEW.tax_rate OR OLD.currency IS NOT NEW.currency OR OLD.wished_date IS NOT NEW.wished_date OR OLD.delivery_address IS NOT NEW.delivery_address OR OLD.contract_position_id IS NOT NEW.contract_position_id BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_events_frozen BEFORE UPDATE ON order_events FOR EACH ROW
    WHEN OLD.contract_id IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD."at" IS NOT NEW."at" OR OLD.state IS NOT NEW.state OR OLD.actor_id IS NOT NEW.actor_id OR OLD.note IS NOT NEW.note BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER need_approvers_frozen BEFORE UPDATE ON need_approvers FOR EACH ROW
    WHEN OLD.contract_id IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.need_id IS NOT NEW.need_id OR OLD.user_id IS NOT NEW.user_id BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_messages_frozen BEFORE UPDATE ON order_messages FOR EACH ROW
    WHEN OLD.contract_id IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD."at" IS NOT NEW."at" OR OLD.author_id IS NOT NEW.author_id OR OLD.text IS NOT NEW.text BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN (OLD.settled_at IS NOT NULL AND (OLD.reminded_at IS NOT NEW.reminded_at OR OLD.settled_at IS NOT NEW.settled_at OR OLD.decided_by_id IS NOT NEW.decided_by_id OR OLD.reason IS NOT NEW.reason))
        OR (OLD.contract_id IS NOT NULL AND NEW.contract_id IS NOT OLD.contract_id) OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.rule_id IS NOT NEW.rule_id OR OLD.rule IS NOT NEW.rule OR OLD.above_amount IS NOT NEW.above_amount OR OLD.currency IS NOT NEW.currency OR OLD.cost_centre IS NOT NEW.cost_centre OR OLD.self_approval IS NOT NEW.self_approval OR OLD.asked_at IS NOT NEW.asked_at BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER orders_contract_followed AFTER UPDATE OF contract_id ON orders FOR EACH ROW
    WHEN OLD.contract_id IS NULL AND NEW.contract_id IS NOT NULL BEGIN
    UPDATE order_items SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE order_events SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE order_messages SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE approval_needs SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    UPDATE need_approvers SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
END;
-- +goose StatementEnd
CREATE INDEX need_approvers_of_order ON need_approvers (order_id);

-- +goose Down
DROP INDEX need_approvers_of_order;
DROP TRIGGER orders_contract_followed;
DROP TRIGGER order_items_frozen;
DROP TRIGGER order_events_frozen;
DROP TRIGGER need_approvers_frozen;
DROP TRIGGER order_messages_frozen;
DROP TRIGGER approval_needs_frozen;
-- +goose StatementBegin
CREATE TRIGGER order_items_frozen BEFORE UPDATE ON order_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_events_frozen BEFORE UPDATE ON order_events FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER need_approvers_frozen BEFORE UPDATE ON need_approvers FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_messages_frozen BEFORE UPDATE ON order_messages FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN OLD.settled_at IS NOT NULL OR OLD.contract_id IS NOT NEW.contract_id OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.rule_id IS NOT NEW.rule_id OR OLD.rule IS NOT NEW.rule OR OLD.above_amount IS NOT NEW.above_amount OR OLD.currency IS NOT NEW.currency OR OLD.cost_centre IS NOT NEW.cost_centre OR OLD.self_approval IS NOT NEW.self_approval OR OLD.asked_at IS NOT NEW.asked_at BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd
DROP TABLE order_jobs;
ALTER TABLE contracts DROP COLUMN site;
ALTER TABLE contracts DROP COLUMN numbers;
ALTER TABLE contracts DROP COLUMN previous_provider;
DROP TRIGGER orders_details_frozen;
ALTER TABLE orders DROP COLUMN details;
ALTER TABLE orders DROP COLUMN automatic;
