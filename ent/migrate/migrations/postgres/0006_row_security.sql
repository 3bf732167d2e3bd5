-- +goose Up

-- The second wall (docs/adr, "row security"): whatever a statement forgets to
-- ask for, it gets rows of the tenant that the viewer works for, and of others only what
-- the policy lets it see. Who the viewer is, the server says for each transaction in the
-- setting kontor.viewer (authz.Wall): tenant, user, operator, path of the tenant, actions that
-- reach the tenants below, actions that reach all. Nobody said, nothing seen.
--
-- In policies these stand in a SELECT of their own, which is worked out once for a statement. What
-- reads tables is a function with a plan of its own, so that the plans of all statements stay small,
-- and with a small cost, because it is asked for rows of other tenants only.

CREATE FUNCTION kontor_viewer(field integer) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(split_part(current_setting('kontor.viewer', true), ' ', field), '') $$;
CREATE FUNCTION kontor_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(1)::uuid $$;
CREATE FUNCTION kontor_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(2)::uuid $$;
CREATE FUNCTION kontor_operator() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(3)::uuid $$;
CREATE FUNCTION kontor_all(action text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT kontor_viewer(6) = '*' OR strpos(kontor_viewer(6), ',' || action || ',') > 0 $$;
CREATE FUNCTION kontor_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(6) = '*' $$;

-- kontor_below are the tenants that an action of the viewer reaches by its place in the tree, as the keys
-- of an object: looking one up is fast however many there are, and costs nothing where there are none.
-- +goose StatementBegin
CREATE FUNCTION kontor_below(action text) RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF strpos(kontor_viewer(5), ',' || action || ',') > 0 THEN
        RETURN (SELECT jsonb_object_agg(t.id, true) FROM tenants t WHERE starts_with(t.path, kontor_viewer(4)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- kontor_granted tells whether the viewer was given the right to see a contract. It is asked for one
-- contract at a time: whoever holds a million grants has no million read.
-- +goose StatementBegin
CREATE FUNCTION kontor_granted(contract uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM grants g WHERE g.holder_id = kontor_user() AND g."right" = 'VIEW'
        AND g.contract_id = contract AND g.revoked_at IS NULL);
END $$;
-- +goose StatementEnd

-- kontor_wall gives a table its wall. Each later table with a tenant gets its own by one line:
--
--   read     the policy's action for reading it, as in ent/schema; NULL: no viewer reads it.
--   written  whether viewers write it, for the tenant that they work for; else only the server does.
--   also     what makes more rows visible, as SQL over the row: the relations held and operator.
--   contract the column with the contract that the row is or belongs to, for the relation granted.
--   tenant   the column with the tenant.
-- +goose StatementBegin
CREATE FUNCTION kontor_wall(name text, read text, written boolean DEFAULT true, also text DEFAULT NULL, contract text DEFAULT NULL, tenant text DEFAULT 'tenant_id')
RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    own text := format('%I = (SELECT kontor_tenant())', tenant);
    seen text := '(SELECT kontor_system())';
    changed text := '(SELECT kontor_system())';
    command text;
BEGIN
    IF read IS NOT NULL THEN
        -- The cheapest comes first, and for most rows nothing else is asked. The wall of the
        -- tenants looks at the row alone: kontor_below reads tenants.
        seen := concat_ws(' OR ', own, also, format('(SELECT kontor_all(%L))', read),
            CASE WHEN name = 'tenants'
                THEN format('((SELECT strpos(kontor_viewer(5), %L) > 0) AND starts_with(path, (SELECT kontor_viewer(4))))', ',' || read || ',')
                ELSE format('(SELECT kontor_below(%L)) ? %I::text', read, tenant) END,
            '(' || quote_ident(contract) || ' IS NOT NULL AND kontor_granted(' || quote_ident(contract) || '))');
    END IF;
    IF written THEN
        changed := format('%s OR %s', own, changed);
    END IF;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    FOREACH command IN ARRAY ARRAY['select', 'insert', 'update', 'delete'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON %I', name || '_' || command, name);
    END LOOP;
    EXECUTE format('CREATE POLICY %I ON %I FOR SELECT USING (%s)', name || '_select', name, seen);
    EXECUTE format('CREATE POLICY %I ON %I FOR INSERT WITH CHECK (%s)', name || '_insert', name, changed);
    EXECUTE format('CREATE POLICY %I ON %I FOR UPDATE USING (%s)', name || '_update', name, changed);
    EXECUTE format('CREATE POLICY %I ON %I FOR DELETE USING (%s)', name || '_delete', name, changed);
END $$;
-- +goose StatementEnd

-- Full text has a table of its own, as in SQLite: no tenant and nothing but keys and stemmed words, so
-- no wall. Behind one, PostgreSQL would read every product before it asks for words: @@ might tell
-- of rows that are not seen (it is not leakproof), so it may not go through the index first.
ALTER TABLE products DROP COLUMN search;
CREATE TABLE products_search (
    product_id uuid NOT NULL PRIMARY KEY REFERENCES products (id) ON DELETE CASCADE,
    search tsvector NOT NULL
);
INSERT INTO products_search SELECT id, to_tsvector('simple', search_text) FROM products;
CREATE INDEX products_search_words ON products_search USING gin (search);
-- +goose StatementBegin
CREATE FUNCTION follow_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products_search VALUES (NEW.id, to_tsvector('simple', NEW.search_text))
        ON CONFLICT (product_id) DO UPDATE SET search = EXCLUDED.search;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER products_searched AFTER INSERT OR UPDATE OF search_text ON products FOR EACH ROW EXECUTE FUNCTION follow_search_text();

-- Companies and people. A person always sees itself, whomever it works for.
SELECT kontor_wall('tenants', 'tenant.view', false, tenant => 'id');
SELECT kontor_wall('users', 'user.view', also => 'id = (SELECT kontor_user())');
SELECT kontor_wall('user_roles', 'user.view', also => 'user_id = (SELECT kontor_user())');
SELECT kontor_wall('acting_sessions', 'viewer.view');
SELECT kontor_wall('password_hashes', 'account.change');
SELECT kontor_wall('one_time_links', NULL, false);
SELECT kontor_wall('registrations', NULL, false);
SELECT kontor_wall('recovery_codes', NULL, false);

-- What the operator offers, and each company's prices.
SELECT kontor_wall('categories', 'category.view', false, 'tenant_id = (SELECT kontor_operator())');
SELECT kontor_wall('products', 'product.view', false, 'tenant_id = (SELECT kontor_operator())');
SELECT kontor_wall('prices', 'price.view', false);

-- Contracts, and the rights on them.
SELECT kontor_wall('customer_numbers', 'customer_number.view', false);
SELECT kontor_wall('connections', 'connection.view', also => 'user_id = (SELECT kontor_user())');
SELECT kontor_wall('contracts', 'contract.VIEW', false, contract => 'id');
SELECT kontor_wall('contract_positions', 'contract.VIEW', false, contract => 'contract_id');
SELECT kontor_wall('grants', 'grant.view', also => 'holder_id = (SELECT kontor_user())');
SELECT kontor_wall('transfers', 'transfer.view', also => 'receiver_id = (SELECT kontor_user())');
SELECT kontor_wall('one_time_passwords', NULL, false);

-- Carts and orders.
SELECT kontor_wall('addresses', 'address.use');
SELECT kontor_wall('saved_assignments', 'address.use');
SELECT kontor_wall('carts', 'cart.use');
SELECT kontor_wall('cart_items', 'cart.use');
SELECT kontor_wall('orders', 'order.view', contract => 'contract_id');
SELECT kontor_wall('order_items', 'order.view', contract => 'contract_id');
SELECT kontor_wall('order_events', 'order.view', contract => 'contract_id');
SELECT kontor_wall('number_series', 'order.place');
SELECT kontor_wall('idempotency_keys', 'request.repeat');

-- What the server keeps for itself.
SELECT kontor_wall('mails', NULL, false);
SELECT kontor_wall('audit_entries', 'audit.view', false);
SELECT kontor_wall('audit_heads', 'audit.view', false);

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    p record;
BEGIN
    FOR p IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema() AND policyname IN
        (tablename || '_select', tablename || '_insert', tablename || '_update', tablename || '_delete') LOOP
        EXECUTE format('DROP POLICY %I ON %I', p.policyname, p.tablename);
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', p.tablename);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', p.tablename);
    END LOOP;
END $$;
-- +goose StatementEnd
DROP TRIGGER products_searched ON products;
DROP FUNCTION follow_search_text;
DROP TABLE products_search;
ALTER TABLE products ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', search_text)) STORED;
CREATE INDEX products_search ON products USING gin (search);
DROP FUNCTION kontor_wall;
DROP FUNCTION kontor_granted;
DROP FUNCTION kontor_below;
DROP FUNCTION kontor_system;
DROP FUNCTION kontor_all;
DROP FUNCTION kontor_operator;
DROP FUNCTION kontor_user;
DROP FUNCTION kontor_tenant;
DROP FUNCTION kontor_viewer;
