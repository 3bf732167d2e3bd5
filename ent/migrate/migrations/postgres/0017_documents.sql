-- +goose Up

-- Documents of orders and contracts (CO-04): what is known of them. The content is in the blob store.
CREATE TABLE documents (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    order_id uuid,
    placed_by_id uuid REFERENCES users (id),
    contract_id uuid REFERENCES contracts (id),
    kind text NOT NULL CHECK (kind IN ('ORDER_CONFIRMATION', 'DELIVERY_NOTE', 'INVOICE', 'OTHER')),
    number text NOT NULL CHECK (number <> ''),
    issued_on date NOT NULL,
    filename text NOT NULL CHECK (filename <> ''),
    media_type text NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    sha256 text NOT NULL,
    blob_key text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, kind, number),
    CHECK ((order_id IS NULL) = (placed_by_id IS NULL)),
    CHECK (order_id IS NOT NULL OR contract_id IS NOT NULL),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX documents_of_order ON documents (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX documents_of_contract ON documents (contract_id) WHERE contract_id IS NOT NULL;
SELECT kontor_wall('documents', 'order.view', false, contract => 'contract_id');

-- What was issued stays as it was, but for the contract that comes of its order.
CREATE TRIGGER documents_frozen BEFORE UPDATE ON documents FOR EACH ROW
    WHEN (OLD.contract_id IS NOT NULL OR to_jsonb(OLD) - 'contract_id' IS DISTINCT FROM to_jsonb(NEW) - 'contract_id')
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_undeletable BEFORE DELETE ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_kept BEFORE TRUNCATE ON documents FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION documents_follow_contract() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE documents SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER orders_documents_followed AFTER UPDATE OF contract_id ON orders FOR EACH ROW
    WHEN (OLD.contract_id IS NULL AND NEW.contract_id IS NOT NULL) EXECUTE FUNCTION documents_follow_contract();

-- +goose Down
DROP TRIGGER orders_documents_followed ON orders;
DROP FUNCTION documents_follow_contract;
DROP TABLE documents;
