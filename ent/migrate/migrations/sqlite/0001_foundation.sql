-- +goose Up

-- The foundation, for SQLite. Decimals are stored as whole numbers of
-- ten-thousandths (19 % is 190000). A child refers to its parent together with the
-- tenant of both, so that the database itself refuses a parent of another tenant.

-- Companies, as a tree: path holds the keys from the root down.
CREATE TABLE tenants (
    id uuid NOT NULL PRIMARY KEY,
    parent_id uuid REFERENCES tenants (id),
    path text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('OPERATOR', 'PARTNER', 'CUSTOMER')),
    organization_id text NOT NULL CHECK (organization_id <> ''),
    name text NOT NULL CHECK (name <> ''),
    email_domain text NOT NULL,
    password_policy text NOT NULL CHECK (password_policy IN ('STRICT', 'BASIC', 'MODERN', 'PIN_OTP')),
    login_needs_organization bool NOT NULL CHECK (login_needs_organization IN (0, 1)),
    language text NOT NULL CHECK (language IN ('de', 'en')),
    currency text NOT NULL CHECK (length(currency) = 3),
    contact_name text NOT NULL,
    contact_phone text NOT NULL,
    contact_email text NOT NULL,
    created_at datetime NOT NULL,
    UNIQUE (path),
    CHECK ((kind = 'OPERATOR') = (parent_id IS NULL))
);
CREATE UNIQUE INDEX tenants_organization_id ON tenants (lower(organization_id));
CREATE INDEX tenants_parent ON tenants (parent_id);

-- People who log in for a tenant. The keys are what login compares.
CREATE TABLE users (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    username text NOT NULL,
    username_key text NOT NULL UNIQUE,
    email text NOT NULL,
    email_key text NOT NULL UNIQUE,
    title text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    phone text NOT NULL,
    mobile text NOT NULL,
    language text NOT NULL CHECK (language IN ('de', 'en')),
    status text NOT NULL CHECK (status IN ('INVITED', 'ACTIVE', 'LOCKED', 'DEACTIVATED')),
    password_hash text NOT NULL,
    must_change_password bool NOT NULL CHECK (must_change_password IN (0, 1)),
    sessions_valid_after datetime NOT NULL,
    surviving_session text NOT NULL,
    last_login_at datetime,
    superior_id uuid,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, superior_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX users_by_name ON users (tenant_id, last_name, id);
CREATE INDEX users_superior ON users (tenant_id, superior_id) WHERE superior_id IS NOT NULL;

-- Roles of users.
CREATE TABLE user_roles (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('MASTER_ADMIN', 'SUB_ADMIN', 'GENERAL_USER', 'APPROVER', 'PARTNER_AGENT', 'SERVICE_AGENT')),
    UNIQUE (user_id, role),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX user_roles_by_role ON user_roles (tenant_id, role);

-- Passwords that users had, so that they are not chosen again.
CREATE TABLE password_hashes (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    hash text NOT NULL,
    created_at datetime NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX password_hashes_of_user ON password_hashes (tenant_id, user_id, id);

-- The keys under which contracts hang.
CREATE TABLE customer_numbers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    number text NOT NULL CHECK (number <> ''),
    line text NOT NULL CHECK (line IN ('FIXED_LINE', 'MOBILE', 'GENERAL')),
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, line, number)
);
CREATE INDEX customer_numbers_by_number ON customer_numbers (number);

-- Master admins that connected a customer number; live until revoked_at.
CREATE TABLE connections (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    customer_number_id uuid NOT NULL,
    connected_at datetime NOT NULL,
    revoked_at datetime,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_number_id) REFERENCES customer_numbers (tenant_id, id)
);
CREATE UNIQUE INDEX connections_live ON connections (user_id, customer_number_id) WHERE revoked_at IS NULL;
CREATE INDEX connections_of_number ON connections (customer_number_id) WHERE revoked_at IS NULL;

-- The operator's category tree; path holds the names from the root down.
CREATE TABLE categories (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    parent_id uuid,
    name text NOT NULL CHECK (name <> ''),
    path text NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, path),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES categories (tenant_id, id)
);

-- What the operator offers. search_text holds stemmed words for the full-text index.
CREATE TABLE products (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    category_id uuid NOT NULL,
    sku text NOT NULL CHECK (sku <> ''),
    name text NOT NULL CHECK (name <> ''),
    description text NOT NULL,
    unit text NOT NULL,
    active bool NOT NULL CHECK (active IN (0, 1)),
    automatic bool NOT NULL CHECK (automatic IN (0, 1)),
    tax_rate integer NOT NULL CHECK (tax_rate BETWEEN 0 AND 1000000),
    minimum_quantity integer NOT NULL CHECK (minimum_quantity > 0),
    quantity_step integer NOT NULL CHECK (quantity_step > 0),
    attributes json NOT NULL,
    search_text text NOT NULL,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, sku),
    FOREIGN KEY (tenant_id, category_id) REFERENCES categories (tenant_id, id)
);
CREATE INDEX products_by_name ON products (tenant_id, name, id);
CREATE INDEX products_by_sku ON products (sku, id);
CREATE INDEX products_of_category ON products (category_id);

-- What one tenant pays from a quantity on. The product belongs to the operator.
CREATE TABLE prices (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    product_id uuid NOT NULL REFERENCES products (id),
    from_quantity integer NOT NULL CHECK (from_quantity > 0),
    amount integer NOT NULL CHECK (amount >= 0),
    currency text NOT NULL CHECK (length(currency) = 3),
    UNIQUE (tenant_id, product_id, from_quantity)
);
CREATE INDEX prices_of_product ON prices (product_id);

-- Service contracts, supply contracts, frame agreements.
CREATE TABLE contracts (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    customer_number_id uuid,
    number text NOT NULL CHECK (number <> ''),
    access_number text NOT NULL,
    type text NOT NULL CHECK (type IN ('SERVICE_CONTRACT', 'SUPPLY_CONTRACT', 'FRAME_AGREEMENT')),
    state text NOT NULL CHECK (state IN ('ACTIVE', 'EXPIRED', 'TERMINATED')),
    product_id uuid REFERENCES products (id),
    valid_from text NOT NULL CHECK (valid_from IS date(valid_from)),
    valid_to text CHECK (valid_to IS date(valid_to)),
    agreed_quantity integer,
    called_off_quantity integer,
    unit text,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, number),
    FOREIGN KEY (tenant_id, customer_number_id) REFERENCES customer_numbers (tenant_id, id),
    CHECK (valid_to >= valid_from),
    CHECK (called_off_quantity BETWEEN 0 AND agreed_quantity)
);
CREATE INDEX contracts_number ON contracts (number, id);
CREATE INDEX contracts_by_start ON contracts (tenant_id, valid_from, id);
CREATE INDEX contracts_by_end ON contracts (tenant_id, valid_to) WHERE valid_to IS NOT NULL;
CREATE INDEX contracts_of_customer_number ON contracts (customer_number_id);
CREATE INDEX contracts_of_product ON contracts (product_id);

-- Agreed quantities of a contract.
CREATE TABLE contract_positions (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    contract_id uuid NOT NULL,
    "position" integer NOT NULL CHECK (position > 0),
    product_id uuid NOT NULL REFERENCES products (id),
    agreed_quantity integer NOT NULL CHECK (agreed_quantity > 0),
    called_off_quantity integer NOT NULL,
    unit text NOT NULL,
    price_amount integer NOT NULL CHECK (price_amount >= 0),
    currency text NOT NULL CHECK (length(currency) = 3),
    UNIQUE (contract_id, "position"),
    CHECK (called_off_quantity BETWEEN 0 AND agreed_quantity),
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contract_positions_of_product ON contract_positions (product_id);

-- Single rights of single people on single contracts, by delegation or transfer; live until
-- revoked_at. The holder may belong to another tenant than the contract.
CREATE TABLE grants (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    contract_id uuid NOT NULL,
    holder_id uuid NOT NULL REFERENCES users (id),
    "right" text NOT NULL CHECK ("right" IN ('VIEW', 'ORDER', 'CONFIGURE', 'BILLING', 'ADMINISTER', 'COMMERCIAL_CONTACT')),
    kind text NOT NULL CHECK (kind IN ('DELEGATION', 'TRANSFER')),
    granted_by_id uuid NOT NULL REFERENCES users (id),
    parent_id uuid REFERENCES grants (id),
    created_at datetime NOT NULL,
    revoked_at datetime,
    revoked_by_id uuid REFERENCES users (id),
    FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id),
    CHECK (NOT (kind = 'TRANSFER' AND "right" = 'COMMERCIAL_CONTACT')),
    CHECK (holder_id <> granted_by_id)
);
CREATE UNIQUE INDEX grants_live ON grants (holder_id, "right", contract_id, granted_by_id) WHERE revoked_at IS NULL;
CREATE INDEX grants_of_contract ON grants (contract_id) WHERE revoked_at IS NULL;
CREATE INDEX grants_of_parent ON grants (parent_id) WHERE revoked_at IS NULL;

-- Saved delivery addresses.
CREATE TABLE addresses (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    label text NOT NULL,
    company text NOT NULL,
    contact text NOT NULL,
    street text NOT NULL CHECK (street <> ''),
    postal_code text NOT NULL CHECK (postal_code <> ''),
    city text NOT NULL CHECK (city <> ''),
    country text NOT NULL CHECK (length(country) = 2),
    is_default bool NOT NULL CHECK (is_default IN (0, 1)),
    deleted_at datetime,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX addresses_default ON addresses (tenant_id, user_id) WHERE is_default;
CREATE INDEX addresses_of_user ON addresses (tenant_id, user_id);

-- Saved account assignments.
CREATE TABLE saved_assignments (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    label text NOT NULL,
    cost_centre text NOT NULL,
    gl_account text NOT NULL,
    project text NOT NULL,
    plant text NOT NULL,
    is_default bool NOT NULL CHECK (is_default IN (0, 1)),
    created_at datetime NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX saved_assignments_default ON saved_assignments (tenant_id, user_id) WHERE is_default;
CREATE INDEX saved_assignments_of_user ON saved_assignments (tenant_id, user_id);

-- The current cart of a user for the tenant that it works for, which may be another than its own.
CREATE TABLE carts (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    user_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL,
    customer_order_number text NOT NULL,
    reference_number text NOT NULL,
    delivery_address_id uuid,
    version integer NOT NULL,
    updated_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, user_id),
    FOREIGN KEY (tenant_id, delivery_address_id) REFERENCES addresses (tenant_id, id)
);

-- Positions of carts.
CREATE TABLE cart_items (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    cart_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    product_id uuid NOT NULL REFERENCES products (id),
    quantity integer NOT NULL CHECK (quantity > 0),
    wished_date text CHECK (wished_date IS date(wished_date)),
    delivery_address_id uuid,
    seen_price integer,
    product_unit text NOT NULL,
    created_at datetime NOT NULL,
    FOREIGN KEY (tenant_id, cart_id) REFERENCES carts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, delivery_address_id) REFERENCES addresses (tenant_id, id)
);
CREATE INDEX cart_items_of_cart ON cart_items (tenant_id, cart_id, id);

-- Placed orders: they never change but for their state and the contract that comes of them.
CREATE TABLE orders (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    number text NOT NULL,
    name text NOT NULL,
    customer_order_number text NOT NULL,
    reference_number text NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING_APPROVAL', 'REJECTED', 'WITHDRAWN', 'IN_PROGRESS', 'COMPLETED', 'ERROR')),
    business_case text NOT NULL CHECK (business_case IN ('NEW_ORDER', 'ADDITIONAL_ORDER', 'CONTRACT_RENEWAL', 'TARIFF_CHANGE', 'CONTRACT_AMENDMENT', 'NEW_SITE_WITH_PROVIDER_SWITCH', 'NEW_NUMBERS_FOR_SITE', 'PROVIDER_SWITCH_FOR_SITE')),
    channel text NOT NULL CHECK (channel IN ('ONLINE', 'PHONE', 'PAPER')),
    placed_at datetime NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    net_amount integer NOT NULL CHECK (net_amount >= 0),
    tax_amount integer NOT NULL CHECK (tax_amount >= 0),
    gross_amount integer NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, number),
    CHECK (net_amount + tax_amount = gross_amount)
);
CREATE INDEX orders_by_time ON orders (tenant_id, placed_at, id);
CREATE INDEX orders_by_state ON orders (tenant_id, state, placed_at, id);
CREATE INDEX orders_number ON orders (number);
CREATE INDEX orders_of_user ON orders (placed_by_id, placed_at);
CREATE INDEX orders_of_contract ON orders (contract_id, placed_at, id) WHERE contract_id IS NOT NULL;

-- Positions of orders, as they were ordered.
CREATE TABLE order_items (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    order_id uuid NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    "position" integer NOT NULL CHECK (position > 0),
    product_id uuid NOT NULL REFERENCES products (id),
    sku text NOT NULL,
    product_name text NOT NULL,
    unit text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_price_amount integer NOT NULL CHECK (unit_price_amount >= 0),
    line_total_amount integer NOT NULL CHECK (line_total_amount >= 0),
    tax_rate integer NOT NULL CHECK (tax_rate BETWEEN 0 AND 1000000),
    currency text NOT NULL CHECK (length(currency) = 3),
    wished_date text CHECK (wished_date IS date(wished_date)),
    delivery_address json,
    UNIQUE (order_id, "position"),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);

-- The history of orders.
CREATE TABLE order_events (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid NOT NULL,
    placed_by_id uuid NOT NULL REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    "at" datetime NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING_APPROVAL', 'REJECTED', 'WITHDRAWN', 'IN_PROGRESS', 'COMPLETED', 'ERROR')),
    actor_id uuid REFERENCES users (id),
    note text NOT NULL,
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX order_events_of_order ON order_events (order_id, id);

-- Mails to send, written in the transaction of what they are about, so that none is lost or sent for
-- nothing.
CREATE TABLE mails (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    recipient text NOT NULL CHECK (recipient <> ''),
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL,
    created_at datetime NOT NULL,
    sent_at datetime,
    next_attempt_at datetime NOT NULL,
    attempts integer NOT NULL,
    last_error text NOT NULL
);
CREATE INDEX mails_to_send ON mails (next_attempt_at) WHERE sent_at IS NULL;

-- The next number of each series of a tenant.
CREATE TABLE number_series (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL CHECK (kind IN ('ORDER')),
    next integer NOT NULL CHECK (next > 0),
    UNIQUE (tenant_id, kind)
);

-- What requests did, so that the same request sent twice does it once.
CREATE TABLE idempotency_keys (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    operation text NOT NULL,
    "key" text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    input_hash text NOT NULL,
    result_id uuid NOT NULL,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, user_id, operation, "key")
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Full text: an index over search_text that follows the table.
CREATE VIRTUAL TABLE products_search USING fts5 (search_text, content='products', content_rowid='rowid', tokenize='unicode61');
-- +goose StatementBegin
CREATE TRIGGER products_search_insert AFTER INSERT ON products BEGIN
    INSERT INTO products_search (rowid, search_text) VALUES (new.rowid, new.search_text);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER products_search_delete AFTER DELETE ON products BEGIN
    INSERT INTO products_search (products_search, rowid, search_text) VALUES ('delete', old.rowid, old.search_text);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER products_search_update AFTER UPDATE OF search_text ON products BEGIN
    INSERT INTO products_search (products_search, rowid, search_text) VALUES ('delete', old.rowid, old.search_text);
    INSERT INTO products_search (rowid, search_text) VALUES (new.rowid, new.search_text);
END;
-- +goose StatementEnd

-- What never changes.
-- +goose StatementBegin
CREATE TRIGGER order_items_frozen BEFORE UPDATE ON order_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_items_undeletable BEFORE DELETE ON order_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_events_frozen BEFORE UPDATE ON order_events FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_events_undeletable BEFORE DELETE ON order_events FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER idempotency_keys_frozen BEFORE UPDATE ON idempotency_keys FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'idempotency_keys is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER orders_undeletable BEFORE DELETE ON orders FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER orders_frozen BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.account_assignment IS NOT NEW.account_assignment OR OLD.number IS NOT NEW.number OR OLD.name IS NOT NEW.name OR OLD.customer_order_number IS NOT NEW.customer_order_number OR OLD.reference_number IS NOT NEW.reference_number OR OLD.business_case IS NOT NEW.business_case OR OLD.channel IS NOT NEW.channel OR OLD.placed_at IS NOT NEW.placed_at OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.net_amount IS NOT NEW.net_amount OR OLD.tax_amount IS NOT NEW.tax_amount OR OLD.gross_amount IS NOT NEW.gross_amount OR OLD.currency IS NOT NEW.currency
        OR (OLD.contract_id IS NOT NULL AND NEW.contract_id IS NOT OLD.contract_id) BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_stay BEFORE UPDATE OF tenant_id ON users FOR EACH ROW
    WHEN OLD.tenant_id IS NOT NEW.tenant_id BEGIN
    SELECT RAISE(ABORT, 'the tenant of users is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER contracts_stay BEFORE UPDATE OF tenant_id ON contracts FOR EACH ROW
    WHEN OLD.tenant_id IS NOT NEW.tenant_id BEGIN
    SELECT RAISE(ABORT, 'the tenant of contracts is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER carts_stay BEFORE UPDATE OF tenant_id ON carts FOR EACH ROW
    WHEN OLD.tenant_id IS NOT NEW.tenant_id BEGIN
    SELECT RAISE(ABORT, 'the tenant of carts is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER products_stay BEFORE UPDATE OF tenant_id ON products FOR EACH ROW
    WHEN OLD.tenant_id IS NOT NEW.tenant_id BEGIN
    SELECT RAISE(ABORT, 'the tenant of products is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE products_search;
DROP TABLE idempotency_keys;
DROP TABLE number_series;
DROP TABLE mails;
DROP TABLE order_events;
DROP TABLE order_items;
DROP TABLE orders;
DROP TABLE cart_items;
DROP TABLE carts;
DROP TABLE saved_assignments;
DROP TABLE addresses;
DROP TABLE grants;
DROP TABLE contract_positions;
DROP TABLE contracts;
DROP TABLE prices;
DROP TABLE products;
DROP TABLE categories;
DROP TABLE connections;
DROP TABLE customer_numbers;
DROP TABLE password_hashes;
DROP TABLE user_roles;
DROP TABLE users;
DROP TABLE tenants;
