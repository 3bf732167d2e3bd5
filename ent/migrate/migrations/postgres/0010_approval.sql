-- +goose Up

-- Which orders of a company need an approval, and by whom (OR-02).
CREATE TABLE approval_rules (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (name <> ''),
    above_amount bigint CHECK (above_amount >= 0),
    currency text NOT NULL CHECK (length(currency) = 3),
    cost_centre text CHECK (cost_centre <> ''),
    self_approval boolean NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, id)
);

CREATE TABLE rule_approvers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    rule_id uuid NOT NULL,
    user_id uuid NOT NULL,
    UNIQUE (rule_id, user_id),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES approval_rules (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX rule_approvers_of_user ON rule_approvers (tenant_id, user_id);

-- The approvals that an order needs, by rules as they were when it was placed. They stay when a rule goes.
CREATE TABLE approval_needs (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    rule_id uuid NOT NULL,
    rule text NOT NULL,
    above_amount bigint,
    currency text NOT NULL CHECK (length(currency) = 3),
    cost_centre text,
    self_approval boolean NOT NULL,
    asked_at timestamptz NOT NULL,
    reminded_at timestamptz,
    settled_at timestamptz,
    decided_by_id uuid REFERENCES users (id),
    reason text NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (order_id, rule_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    CHECK (decided_by_id IS NULL OR settled_at IS NOT NULL)
);
CREATE INDEX approval_needs_to_remind ON approval_needs (asked_at) WHERE settled_at IS NULL AND reminded_at IS NULL;

CREATE TABLE need_approvers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    need_id uuid NOT NULL,
    user_id uuid NOT NULL,
    UNIQUE (need_id, user_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, need_id) REFERENCES approval_needs (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

-- What orderers tell approvers (OR-03).
CREATE TABLE order_messages (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    "at" timestamptz NOT NULL,
    author_id uuid NOT NULL REFERENCES users (id),
    text text NOT NULL CHECK (text <> ''),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX order_messages_of_order ON order_messages (order_id, id);

-- A need is settled once, and is otherwise what it was.
CREATE TRIGGER need_approvers_frozen BEFORE UPDATE OR DELETE ON need_approvers FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_messages_frozen BEFORE UPDATE OR DELETE ON order_messages FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_needs_undeletable BEFORE DELETE ON approval_needs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_needs_kept BEFORE TRUNCATE ON approval_needs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER need_approvers_kept BEFORE TRUNCATE ON need_approvers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_messages_kept BEFORE TRUNCATE ON order_messages FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN (OLD.settled_at IS NOT NULL OR (OLD.id, OLD.tenant_id, OLD.order_id, OLD.placed_by_id, OLD.contract_id, OLD.rule_id, OLD.rule, OLD.above_amount, OLD.currency, OLD.cost_centre, OLD.self_approval, OLD.asked_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.order_id, NEW.placed_by_id, NEW.contract_id, NEW.rule_id, NEW.rule, NEW.above_amount, NEW.currency, NEW.cost_centre, NEW.self_approval, NEW.asked_at))
    EXECUTE FUNCTION refuse_change();

SELECT kontor_wall('approval_rules', 'rule.view');
SELECT kontor_wall('rule_approvers', 'rule.view');
SELECT kontor_wall('approval_needs', 'order.view', contract => 'contract_id');
SELECT kontor_wall('need_approvers', 'order.view', contract => 'contract_id');
SELECT kontor_wall('order_messages', 'order.view', contract => 'contract_id');

-- +goose Down
DROP TABLE order_messages;
DROP TABLE need_approvers;
DROP TABLE approval_needs;
DROP TABLE rule_approvers;
DROP TABLE approval_rules;
