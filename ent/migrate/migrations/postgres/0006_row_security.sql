-- +goose Up

-- The second wall (docs/adr, "row security"): whatever a statement forgets to
-- ask for, it gets rows of the tenant that the viewer works for, and of others only what
-- the policy lets it see. Who the viewer is, the server says for each transaction in the
-- setting kontor.viewer (authz.Wall): tenant, user, operator, path of the tenant, actions that
-- reach the tenants below, actions that reach all. Nobody said, nothing seen.
--
-- In policies these stand in a SELECT of their own, which is worked out once for a statement.

CREATE FUNCTION kontor_viewer(field integer) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(split_part(current_setting('kontor.viewer', true), ' ', field), '') $$;
CREATE FUNCTION kontor_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(1)::uuid $$;
CREATE FUNCTION kontor_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(2)::uuid $$;
CREATE FUNCTION kontor_operator() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(3)::uuid $$;
CREATE FUNCTION kontor_below(action text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT strpos(kontor_viewer(5), ',' || action || ',') > 0 $$;
CREATE FUNCTION kontor_all(action text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT kontor_viewer(6) = '*' OR strpos(kontor_viewer(6), ',' || action || ',') > 0 $$;
CREATE FUNCTION kontor_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT kontor_viewer(6) = '*' $$;

-- kontor_wall gives a table its wall. Each later table with a tenant gets its own by one line:
--
--   read     the policy's action for reading it, as in ent/schema; NULL: no viewer reads it.
--   written  whether viewers write it, for the tenant that they work for; else only the server does.
--   also     what makes more rows visible, as SQL over the row: what the relations granted,
--            held and operator say.
--   tenant   the column with the tenant.
-- +goose StatementBegin
CREATE FUNCTION kontor_wall(name text, read text, written boolean DEFAULT true, also text DEFAULT NULL, tenant text DEFAULT 'tenant_id')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    own text := format('%I = (SELECT kontor_tenant())', tenant);
    seen text := '(SELECT kontor_system())';
    changed text := '(SELECT kontor_system())';
    command text;
BEGIN
    IF read IS NOT NULL THEN
        -- The cheapest comes first, and for most rows nothing else is asked. A tenant is
        -- never looked up from its own policy: that would not end.
        seen := format('%s OR (SELECT kontor_all(%L)) OR ((SELECT kontor_below(%L)) AND %s)', own, read, read,
            CASE WHEN name = 'tenants' THEN 'starts_with(path, (SELECT kontor_viewer(4)))'
            ELSE format('%I IN (SELECT t.id FROM tenants t WHERE starts_with(t.path, (SELECT kontor_viewer(4))))', tenant) END)
            || coalesce(' OR ' || also, '');
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

-- kontor_granted is the condition that the viewer was given the right to see a contract. It
-- asks for one contract at a time: whoever holds a million grants has no million read.
-- +goose StatementBegin
CREATE FUNCTION kontor_granted(name text, contract text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT format('(SELECT true FROM grants g WHERE g.holder_id = (SELECT kontor_user()) AND g."right" = ''VIEW'' AND g.contract_id = %I.%I AND g.revoked_at IS NULL LIMIT 1)', name, contract)
$$;
-- +goose StatementEnd

-- Companies and people. A person always sees itself, whomever it works for.
SELECT kontor_wall('tenants', 'tenant.view', false, tenant => 'id');
SELECT kontor_wall('users', 'user.view', also => 'id = (SELECT kontor_user())');
SELECT kontor_wall('user_roles', 'user.view', also => 'user_id = (SELECT kontor_user())');
SELECT kontor_wall('password_hashes', 'account.change');
SELECT kontor_wall('one_time_links', NULL);
SELECT kontor_wall('registrations', NULL);
SELECT kontor_wall('recovery_codes', NULL);

-- What the operator offers, and each company's prices.
SELECT kontor_wall('categories', 'category.view', false, 'tenant_id = (SELECT kontor_operator())');
SELECT kontor_wall('products', 'product.view', false, 'tenant_id = (SELECT kontor_operator())');
SELECT kontor_wall('prices', 'price.view', false);

-- Contracts, and the rights on them.
SELECT kontor_wall('customer_numbers', 'customer_number.view', false);
SELECT kontor_wall('connections', 'connection.view', also => 'user_id = (SELECT kontor_user())');
SELECT kontor_wall('contracts', 'contract.VIEW', false, kontor_granted('contracts', 'id'));
SELECT kontor_wall('contract_positions', 'contract.VIEW', false, kontor_granted('contract_positions', 'contract_id'));
SELECT kontor_wall('grants', 'grant.view', also => 'holder_id = (SELECT kontor_user())');
SELECT kontor_wall('transfers', 'transfer.view', also => 'receiver_id = (SELECT kontor_user())');
SELECT kontor_wall('one_time_passwords', NULL);

-- Carts and orders.
SELECT kontor_wall('addresses', 'address.use');
SELECT kontor_wall('saved_assignments', 'address.use');
SELECT kontor_wall('carts', 'cart.use');
SELECT kontor_wall('cart_items', 'cart.use');
SELECT kontor_wall('orders', 'order.view', also => kontor_granted('orders', 'contract_id'));
SELECT kontor_wall('order_items', 'order.view', also => kontor_granted('order_items', 'contract_id'));
SELECT kontor_wall('order_events', 'order.view', also => kontor_granted('order_events', 'contract_id'));
SELECT kontor_wall('number_series', 'order.place');
SELECT kontor_wall('idempotency_keys', 'account.change');

-- What the server keeps for itself.
SELECT kontor_wall('mails', NULL);
SELECT kontor_wall('audit_entries', 'audit.view');
SELECT kontor_wall('audit_heads', 'audit.view');

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
DROP FUNCTION kontor_granted;
DROP FUNCTION kontor_wall;
DROP FUNCTION kontor_system;
DROP FUNCTION kontor_all;
DROP FUNCTION kontor_below;
DROP FUNCTION kontor_operator;
DROP FUNCTION kontor_user;
DROP FUNCTION kontor_tenant;
DROP FUNCTION kontor_viewer;
