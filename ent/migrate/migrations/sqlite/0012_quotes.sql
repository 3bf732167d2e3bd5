-- +goose Up

-- Offers to a company (OR-04). Made by agents, who are of another company. What a customer decides is written once.
CREATE TABLE quotes (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    number text NOT NULL,
    name text NOT NULL,
    customer_order_number text NOT NULL,
    reference_number text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'ACCEPTED', 'DECLINED')),
    made_by_id uuid NOT NULL REFERENCES users (id),
    seller_id uuid NOT NULL REFERENCES tenants (id),
    valid_until date NOT NULL,
    note text NOT NULL,
    recipient_email text NOT NULL CHECK (recipient_email <> ''),
    token_hash text NOT NULL UNIQUE CHECK (token_hash <> ''),
    net_amount integer NOT NULL CHECK (net_amount >= 0),
    tax_amount integer NOT NULL CHECK (tax_amount >= 0),
    gross_amount integer NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    created_at datetime NOT NULL,
    decided_at datetime,
    decided_by_id uuid REFERENCES users (id),
    agreed_name text,
    agreed_email text,
    accept_hash text,
    reason text NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, number),
    CHECK (net_amount + tax_amount = gross_amount),
    CHECK ((state = 'OPEN') = (decided_at IS NULL)),
    CHECK ((state = 'ACCEPTED') = (agreed_name IS NOT NULL AND agreed_email IS NOT NULL))
);
CREATE INDEX quotes_by_time ON quotes (tenant_id, created_at, id);
CREATE INDEX quotes_by_state ON quotes (tenant_id, state, valid_until);

-- Positions of quotes, as they were offered.
CREATE TABLE quote_items (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment json,
    quote_id uuid NOT NULL,
    "position" integer NOT NULL CHECK (position > 0),
    product_id uuid NOT NULL REFERENCES products (id),
    sku text NOT NULL,
    product_name text NOT NULL,
    unit text NOT NULL,
    automatic bool NOT NULL CHECK (automatic IN (0, 1)),
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_price_amount integer NOT NULL CHECK (unit_price_amount >= 0),
    line_total_amount integer NOT NULL CHECK (line_total_amount >= 0),
    tax_rate integer NOT NULL CHECK (tax_rate BETWEEN 0 AND 1000000),
    currency text NOT NULL CHECK (length(currency) = 3),
    wished_date date,
    delivery_address json,
    UNIQUE (quote_id, "position"),
    FOREIGN KEY (tenant_id, quote_id) REFERENCES quotes (tenant_id, id)
);

-- A quote becomes one order, however many accept it.
ALTER TABLE orders ADD COLUMN quote_id uuid REFERENCES quotes (id);
ALTER TABLE orders ADD COLUMN agreed_name text;
ALTER TABLE orders ADD COLUMN agreed_email text;
ALTER TABLE orders ADD COLUMN agreed_by_id uuid REFERENCES users (id);
CREATE UNIQUE INDEX orders_of_quote ON orders (quote_id) WHERE quote_id IS NOT NULL;

-- SQLite adds no key of two columns to a table.
-- +goose StatementBegin
CREATE TRIGGER orders_quote BEFORE INSERT ON orders FOR EACH ROW
    WHEN NEW.quote_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM quotes q WHERE q.id = NEW.quote_id AND q.tenant_id = NEW.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER quote_items_frozen BEFORE UPDATE ON quote_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'quote_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER quote_items_undeletable BEFORE DELETE ON quote_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'quote_items is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER quotes_undeletable BEFORE DELETE ON quotes FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'quotes is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER quotes_frozen BEFORE UPDATE ON quotes FOR EACH ROW
    WHEN OLD.state <> 'OPEN' OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.account_assignment IS NOT NEW.account_assignment OR OLD.number IS NOT NEW.number OR OLD.name IS NOT NEW.name OR OLD.customer_order_number IS NOT NEW.customer_order_number OR OLD.reference_number IS NOT NEW.reference_number OR OLD.made_by_id IS NOT NEW.made_by_id OR OLD.seller_id IS NOT NEW.seller_id OR OLD.valid_until IS NOT NEW.valid_until OR OLD.note IS NOT NEW.note OR OLD.recipient_email IS NOT NEW.recipient_email OR OLD.token_hash IS NOT NEW.token_hash OR OLD.net_amount IS NOT NEW.net_amount OR OLD.tax_amount IS NOT NEW.tax_amount OR OLD.gross_amount IS NOT NEW.gross_amount OR OLD.currency IS NOT NEW.currency OR OLD.created_at IS NOT NEW.created_at BEGIN
    SELECT RAISE(ABORT, 'quotes is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER orders_agreed BEFORE UPDATE ON orders FOR EACH ROW
    WHEN OLD.quote_id IS NOT NEW.quote_id OR OLD.agreed_name IS NOT NEW.agreed_name OR OLD.agreed_email IS NOT NEW.agreed_email OR OLD.agreed_by_id IS NOT NEW.agreed_by_id BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER orders_agreed;
DROP TRIGGER orders_quote;
DROP INDEX orders_of_quote;
ALTER TABLE orders DROP COLUMN agreed_by_id;
ALTER TABLE orders DROP COLUMN agreed_email;
ALTER TABLE orders DROP COLUMN agreed_name;
ALTER TABLE orders DROP COLUMN quote_id;
DROP TABLE quote_items;
DROP TABLE quotes;
DELETE FROM number_series WHERE kind = 'QUOTE';
