-- +goose Up

-- What fits what in a portfolio is rows (WZ-02): the operator's rules, and which company is offered what.
CREATE TABLE portfolios (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (name <> ''),
    terms json NOT NULL,
    active bool NOT NULL DEFAULT true CHECK (active IN (0, 1)),
    UNIQUE (tenant_id, name)
);
CREATE TABLE portfolio_products (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    portfolio text NOT NULL CHECK (portfolio <> ''),
    product_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('VOICE', 'DATA', 'SMS', 'ADD_ON', 'SIM')),
    voices json NOT NULL,
    terms json NOT NULL,
    active bool NOT NULL DEFAULT true CHECK (active IN (0, 1)),
    UNIQUE (tenant_id, portfolio, product_id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);

CREATE TABLE end_users (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    username text NOT NULL CHECK (username <> ''),
    username_key text NOT NULL,
    first_name text NOT NULL,
    prefix text NOT NULL DEFAULT '',
    last_name text NOT NULL,
    email text NOT NULL,
    language text NOT NULL DEFAULT 'de' CHECK (language IN ('de', 'en')),
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, username_key)
);

-- Wizards: one row each, with what was entered.
CREATE TABLE wizards (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    portfolio text NOT NULL DEFAULT '',
    reference text NOT NULL DEFAULT '',
    start_date text,
    term_months integer,
    voice_id uuid REFERENCES products (id),
    data_id uuid REFERENCES products (id),
    sms_id uuid REFERENCES products (id),
    add_on_ids json,
    end_user_id uuid,
    new_user json,
    sim_product_id uuid REFERENCES products (id),
    sim_mode text CHECK (sim_mode IN ('ACTIVATE_NOW', 'LINK_LATER')),
    sim_card_id uuid,
    sim_last_four text NOT NULL DEFAULT '',
    number_kind text CHECK (number_kind IN ('NEW', 'PORT_IN')),
    phone_number text NOT NULL DEFAULT '',
    provider text NOT NULL DEFAULT '',
    extension text NOT NULL DEFAULT '',
    display_name text NOT NULL DEFAULT '',
    area_code text NOT NULL DEFAULT '',
    pin_hash text NOT NULL DEFAULT '',
    pin_must_change bool NOT NULL DEFAULT false CHECK (pin_must_change IN (0, 1)),
    create_invoice_items bool NOT NULL DEFAULT true CHECK (create_invoice_items IN (0, 1)),
    dropped json,
    changed json,
    version integer NOT NULL DEFAULT 1,
    expires_at datetime NOT NULL,
    created_at datetime NOT NULL,
    updated_at datetime NOT NULL,
    order_id uuid UNIQUE,
    UNIQUE (tenant_id, id),
    CHECK (end_user_id IS NULL OR new_user IS NULL),
    FOREIGN KEY (tenant_id, end_user_id) REFERENCES end_users (tenant_id, id),
    FOREIGN KEY (tenant_id, sim_card_id) REFERENCES sim_cards (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX wizards_of_user ON wizards (user_id, tenant_id);
CREATE INDEX wizards_left ON wizards (updated_at) WHERE order_id IS NULL;

CREATE TABLE telephony_users (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid UNIQUE,
    ordered_by_id uuid REFERENCES users (id),
    end_user_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('ORDERED', 'AWAITING_SIM', 'ACTIVE', 'CANCELLED')),
    display_name text NOT NULL,
    extension text NOT NULL,
    phone_number text NOT NULL,
    ported bool NOT NULL CHECK (ported IN (0, 1)),
    sim_card_id uuid,
    sim_last_four text NOT NULL DEFAULT '',
    area_code text NOT NULL DEFAULT '',
    pin_hash text NOT NULL DEFAULT '',
    pin_must_change bool NOT NULL DEFAULT false CHECK (pin_must_change IN (0, 1)),
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    CHECK (state <> 'ACTIVE' OR sim_card_id IS NOT NULL),
    CHECK (state <> 'AWAITING_SIM' OR sim_card_id IS NULL),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id),
    FOREIGN KEY (tenant_id, end_user_id) REFERENCES end_users (tenant_id, id),
    FOREIGN KEY (tenant_id, sim_card_id) REFERENCES sim_cards (tenant_id, id)
);
CREATE INDEX telephony_users_of_tenant ON telephony_users (tenant_id, created_at);

CREATE TABLE invoice_items (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    telephony_user_id uuid NOT NULL,
    ordered_by_id uuid REFERENCES users (id),
    label text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    amount integer NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    monthly bool NOT NULL CHECK (monthly IN (0, 1)),
    by_hand bool NOT NULL CHECK (by_hand IN (0, 1)),
    created_at datetime NOT NULL,
    FOREIGN KEY (tenant_id, telephony_user_id) REFERENCES telephony_users (tenant_id, id)
);
CREATE INDEX invoice_items_of_telephony_user ON invoice_items (telephony_user_id);
-- +goose StatementBegin
CREATE TRIGGER invoice_items_frozen BEFORE UPDATE ON invoice_items BEGIN
    SELECT RAISE(ABORT, 'invoice_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER invoice_items_undeletable BEFORE DELETE ON invoice_items BEGIN
    SELECT RAISE(ABORT, 'invoice_items is written once and never changed');
END;
-- +goose StatementEnd

-- The stock. Each thing is there once, and somebody has it or nobody: a wizard for a while, or a telephony user. A wizard
-- and a telephony user have one of each at most.
CREATE TABLE sim_cards (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    iccid text NOT NULL UNIQUE,
    last_four text NOT NULL,
    product_id uuid NOT NULL REFERENCES products (id),
    wizard_id uuid UNIQUE,
    reserved_until datetime,
    telephony_user_id uuid UNIQUE,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, id),
    CHECK ((wizard_id IS NULL) = (reserved_until IS NULL)),
    CHECK (wizard_id IS NULL OR telephony_user_id IS NULL),
    FOREIGN KEY (tenant_id, wizard_id) REFERENCES wizards (tenant_id, id),
    FOREIGN KEY (tenant_id, telephony_user_id) REFERENCES telephony_users (tenant_id, id)
);
CREATE INDEX sim_cards_by_ending ON sim_cards (tenant_id, last_four);
CREATE INDEX sim_cards_reserved ON sim_cards (reserved_until) WHERE reserved_until IS NOT NULL;

CREATE TABLE phone_numbers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    number text NOT NULL CHECK (number LIKE '+%'),
    origin text NOT NULL CHECK (origin IN ('STOCK', 'PORT_IN')),
    wizard_id uuid UNIQUE,
    reserved_until datetime,
    telephony_user_id uuid UNIQUE,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, number),
    CHECK ((wizard_id IS NULL) = (reserved_until IS NULL)),
    CHECK (wizard_id IS NULL OR telephony_user_id IS NULL),
    CHECK (origin = 'STOCK' OR wizard_id IS NOT NULL OR telephony_user_id IS NOT NULL),
    FOREIGN KEY (tenant_id, wizard_id) REFERENCES wizards (tenant_id, id),
    FOREIGN KEY (tenant_id, telephony_user_id) REFERENCES telephony_users (tenant_id, id)
);
CREATE UNIQUE INDEX phone_numbers_in_stock ON phone_numbers (number) WHERE origin = 'STOCK';
CREATE INDEX phone_numbers_reserved ON phone_numbers (reserved_until) WHERE reserved_until IS NOT NULL;

CREATE TABLE extensions (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    extension text NOT NULL CHECK (extension <> ''),
    wizard_id uuid UNIQUE,
    reserved_until datetime,
    telephony_user_id uuid UNIQUE,
    UNIQUE (tenant_id, extension),
    CHECK ((wizard_id IS NULL) = (reserved_until IS NULL)),
    CHECK ((wizard_id IS NULL) <> (telephony_user_id IS NULL)),
    FOREIGN KEY (tenant_id, wizard_id) REFERENCES wizards (tenant_id, id),
    FOREIGN KEY (tenant_id, telephony_user_id) REFERENCES telephony_users (tenant_id, id)
);
CREATE INDEX extensions_reserved ON extensions (reserved_until) WHERE reserved_until IS NOT NULL;

-- +goose Down
DROP TABLE extensions;
DROP TABLE phone_numbers;
DROP TABLE invoice_items;
DROP TABLE sim_cards;
DROP TABLE telephony_users;
DROP TABLE wizards;
DROP TABLE end_users;
DROP TABLE portfolio_products;
DROP TABLE portfolios;
