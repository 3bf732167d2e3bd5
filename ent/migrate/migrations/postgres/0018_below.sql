-- +goose Up

-- The tenants below another one are a range of paths, byte for byte: behind row security only what is leakproof goes
-- through an index, and comparing is, while LIKE and starts_with are not. A path ends with a slash, after which comes '0'.
CREATE INDEX tenants_below ON tenants (path COLLATE "C");
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION kontor_below(action text) RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    above text := kontor_viewer(4);
BEGIN
    IF strpos(kontor_viewer(5), ',' || action || ',') > 0 THEN
        RETURN (SELECT jsonb_object_agg(t.id, true) FROM tenants t
            WHERE t.path COLLATE "C" >= above AND t.path COLLATE "C" < left(above, -1) || '0');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION kontor_below(action text) RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF strpos(kontor_viewer(5), ',' || action || ',') > 0 THEN
        RETURN (SELECT jsonb_object_agg(t.id, true) FROM tenants t WHERE starts_with(t.path, kontor_viewer(4)));
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
DROP INDEX tenants_below;
