-- +goose Up

-- Which orders of a company need an approval, and by whom (OR-02).
CREATE TABLE approval_rules (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (name <> ''),
    above_amount integer CHECK (above_amount >= 0),
    currency text NOT NULL CHECK (length(currency) = 3),
    cost_centre text CHECK (cost_centre <> ''),
    self_approval bool NOT NULL CHECK (self_approval IN (0, 1)),
    created_at datetime NOT NULL,
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
    above_amount integer,
    currency text NOT NULL CHECK (length(currency) = 3),
    cost_centre text,
    self_approval bool NOT NULL CHECK (self_approval IN (0, 1)),
    asked_at datetime NOT NULL,
    reminded_at datetime,
    settled_at datetime,
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
    "at" datetime NOT NULL,
    author_id uuid NOT NULL REFERENCES users (id),
    text text NOT NULL CHECK (text <> ''),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX order_messages_of_order ON order_messages (order_id, id);

-- A need is settled once, and is otherwise what it was.
-- +goose StatementBegin
CREATE TRIGGER need_approvers_frozen BEFORE UPDATE ON need_approvers FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER need_approvers_undeletable BEFORE DELETE ON need_approvers FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_messages_frozen BEFORE UPDATE ON order_messages FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_messages_undeletable BEFORE DELETE ON order_messages FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_needs_undeletable BEFORE DELETE ON approval_needs FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_needs_frozen BEFORE UPDATE ON approval_needs FOR EACH ROW
    WHEN OLD.settled_at IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.contract_id IS NOT NEW.contract_id OR OLD.rule_id IS NOT NEW.rule_id OR OLD.rule IS NOT NEW.rule OR OLD.above_amount IS NOT NEW.above_amount OR OLD.currency IS NOT NEW.currency OR OLD.cost_centre IS NOT NEW.cost_centre OR OLD.self_approval IS NOT NEW.self_approval OR OLD.asked_at IS NOT NEW.asked_at BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE order_messages;
DROP TABLE need_approvers;
DROP TABLE approval_needs;
DROP TABLE rule_approvers;
DROP TABLE approval_rules;
