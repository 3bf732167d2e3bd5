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
    issued_on text NOT NULL,
    filename text NOT NULL CHECK (filename <> ''),
    media_type text NOT NULL,
    size integer NOT NULL CHECK (size > 0),
    sha256 text NOT NULL,
    blob_key text NOT NULL,
    created_at datetime NOT NULL,
    UNIQUE (tenant_id, kind, number),
    CHECK ((order_id IS NULL) = (placed_by_id IS NULL)),
    CHECK (order_id IS NOT NULL OR contract_id IS NOT NULL),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX documents_of_order ON documents (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX documents_of_contract ON documents (contract_id) WHERE contract_id IS NOT NULL;

-- What was issued stays as it was, but for the contract that comes of its order.
-- +goose StatementBegin
CREATE TRIGGER documents_frozen BEFORE UPDATE ON documents FOR EACH ROW
    WHEN OLD.contract_id IS NOT NULL OR OLD.id IS NOT NEW.id OR OLD.tenant_id IS NOT NEW.tenant_id OR OLD.order_id IS NOT NEW.order_id OR OLD.placed_by_id IS NOT NEW.placed_by_id OR OLD.kind IS NOT NEW.kind OR OLD.number IS NOT NEW.number OR OLD.issued_on IS NOT NEW.issued_on OR OLD.filename IS NOT NEW.filename OR OLD.media_type IS NOT NEW.media_type OR OLD.size IS NOT NEW.size OR OLD.sha256 IS NOT NEW.sha256 OR OLD.blob_key IS NOT NEW.blob_key OR OLD.created_at IS NOT NEW.created_at BEGIN
    SELECT RAISE(ABORT, 'documents is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER documents_undeletable BEFORE DELETE ON documents BEGIN
    SELECT RAISE(ABORT, 'documents is written once and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER orders_documents_followed AFTER UPDATE OF contract_id ON orders FOR EACH ROW
    WHEN OLD.contract_id IS NULL AND NEW.contract_id IS NOT NULL BEGIN
    UPDATE documents SET contract_id = NEW.contract_id WHERE order_id = NEW.id;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER orders_documents_followed;
DROP TABLE documents;
