-- +goose Up

-- Offers to a company (OR-04). Made by agents, who are of another company. What a customer decides is written once.
CREATE TABLE quotes (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    account_assignment jsonb,
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
    net_amount bigint NOT NULL CHECK (net_amount >= 0),
    tax_amount bigint NOT NULL CHECK (tax_amount >= 0),
    gross_amount bigint NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
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
    account_assignment jsonb,
    quote_id uuid NOT NULL,
    "position" bigint NOT NULL CHECK (position > 0),
    product_id uuid NOT NULL REFERENCES products (id),
    sku text NOT NULL,
    product_name text NOT NULL,
    unit text NOT NULL,
    automatic boolean NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price_amount bigint NOT NULL CHECK (unit_price_amount >= 0),
    line_total_amount bigint NOT NULL CHECK (line_total_amount >= 0),
    tax_rate bigint NOT NULL CHECK (tax_rate BETWEEN 0 AND 1000000),
    currency text NOT NULL CHECK (length(currency) = 3),
    wished_date date,
    delivery_address jsonb,
    UNIQUE (quote_id, "position"),
    FOREIGN KEY (tenant_id, quote_id) REFERENCES quotes (tenant_id, id)
);

-- A quote becomes one order, however many accept it.
ALTER TABLE orders ADD COLUMN quote_id uuid;
ALTER TABLE orders ADD COLUMN agreed_name text;
ALTER TABLE orders ADD COLUMN agreed_email text;
ALTER TABLE orders ADD COLUMN agreed_by_id uuid REFERENCES users (id);
ALTER TABLE orders ADD CONSTRAINT orders_quote_fkey FOREIGN KEY (tenant_id, quote_id) REFERENCES quotes (tenant_id, id);
CREATE UNIQUE INDEX orders_of_quote ON orders (quote_id) WHERE quote_id IS NOT NULL;

CREATE TRIGGER quote_items_frozen BEFORE UPDATE OR DELETE ON quote_items FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quote_items_kept BEFORE TRUNCATE ON quote_items FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_undeletable BEFORE DELETE ON quotes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_kept BEFORE TRUNCATE ON quotes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_frozen BEFORE UPDATE ON quotes FOR EACH ROW
    WHEN (OLD.state <> 'OPEN' OR (OLD.id, OLD.tenant_id, OLD.account_assignment, OLD.number, OLD.name, OLD.customer_order_number, OLD.reference_number, OLD.made_by_id, OLD.seller_id, OLD.valid_until, OLD.note, OLD.recipient_email, OLD.token_hash, OLD.net_amount, OLD.tax_amount, OLD.gross_amount, OLD.currency, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.account_assignment, NEW.number, NEW.name, NEW.customer_order_number, NEW.reference_number, NEW.made_by_id, NEW.seller_id, NEW.valid_until, NEW.note, NEW.recipient_email, NEW.token_hash, NEW.net_amount, NEW.tax_amount, NEW.gross_amount, NEW.currency, NEW.created_at))
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER orders_agreed BEFORE UPDATE ON orders FOR EACH ROW
    WHEN ((OLD.quote_id, OLD.agreed_name, OLD.agreed_email, OLD.agreed_by_id) IS DISTINCT FROM (NEW.quote_id, NEW.agreed_name, NEW.agreed_email, NEW.agreed_by_id)) EXECUTE FUNCTION refuse_change();

SELECT kontor_wall('quotes', 'quote.view');
SELECT kontor_wall('quote_items', 'quote.view');

-- +goose Down
DROP TRIGGER orders_agreed ON orders;
ALTER TABLE orders DROP COLUMN agreed_by_id;
ALTER TABLE orders DROP COLUMN agreed_email;
ALTER TABLE orders DROP COLUMN agreed_name;
ALTER TABLE orders DROP COLUMN quote_id;
DROP TABLE quote_items;
DROP TABLE quotes;
DELETE FROM number_series WHERE kind = 'QUOTE';
