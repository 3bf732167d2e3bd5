-- +goose Up

-- What the retention looks for (PRIV-09).
CREATE INDEX mails_by_creation ON mails (created_at);
CREATE INDEX one_time_links_by_end ON one_time_links (expires_at);

-- Companies that were deleted with all that was theirs (PRIV-06): what is otherwise written once and never deleted goes
-- with them. The key stays here, and no company gets it again.
CREATE TABLE deleted_tenants (
    id uuid NOT NULL PRIMARY KEY,
    deleted_at datetime NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER tenants_never_again BEFORE INSERT ON tenants FOR EACH ROW
    WHEN EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = new.id) BEGIN
    SELECT RAISE(ABORT, 'this company was deleted');
END;
-- +goose StatementEnd
DROP TRIGGER order_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_items_undeletable BEFORE DELETE ON order_items FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER order_events_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_events_undeletable BEFORE DELETE ON order_events FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER orders_undeletable;
-- +goose StatementBegin
CREATE TRIGGER orders_undeletable BEFORE DELETE ON orders FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER need_approvers_undeletable;
-- +goose StatementBegin
CREATE TRIGGER need_approvers_undeletable BEFORE DELETE ON need_approvers FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER order_messages_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_messages_undeletable BEFORE DELETE ON order_messages FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER approval_needs_undeletable;
-- +goose StatementBegin
CREATE TRIGGER approval_needs_undeletable BEFORE DELETE ON approval_needs FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER quote_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER quote_items_undeletable BEFORE DELETE ON quote_items FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'quote_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER quotes_undeletable;
-- +goose StatementBegin
CREATE TRIGGER quotes_undeletable BEFORE DELETE ON quotes FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'quotes is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER bookings_undeletable;
-- +goose StatementBegin
CREATE TRIGGER bookings_undeletable BEFORE DELETE ON bookings FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'bookings is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER documents_undeletable;
-- +goose StatementBegin
CREATE TRIGGER documents_undeletable BEFORE DELETE ON documents FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'documents is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER invoice_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER invoice_items_undeletable BEFORE DELETE ON invoice_items FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id) BEGIN
    SELECT RAISE(ABORT, 'invoice_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER audit_entries_undeletable;
-- +goose StatementBegin
CREATE TRIGGER audit_entries_undeletable BEFORE DELETE ON audit_entries FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = old.tenant_id AND h.cut_sequence >= old.sequence)
        AND NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER audit_heads_kept;
-- +goose StatementBegin
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW
    WHEN (old.cut_sequence < old.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = old.tenant_id))
        AND NOT EXISTS (SELECT 1 FROM deleted_tenants d WHERE d.id = old.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'the end of an audit log is never deleted before its entries');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER tenants_never_again;
DROP TRIGGER order_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_items_undeletable BEFORE DELETE ON order_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER order_events_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_events_undeletable BEFORE DELETE ON order_events FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_events is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER orders_undeletable;
-- +goose StatementBegin
CREATE TRIGGER orders_undeletable BEFORE DELETE ON orders FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'orders is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER need_approvers_undeletable;
-- +goose StatementBegin
CREATE TRIGGER need_approvers_undeletable BEFORE DELETE ON need_approvers FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'need_approvers is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER order_messages_undeletable;
-- +goose StatementBegin
CREATE TRIGGER order_messages_undeletable BEFORE DELETE ON order_messages FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'order_messages is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER approval_needs_undeletable;
-- +goose StatementBegin
CREATE TRIGGER approval_needs_undeletable BEFORE DELETE ON approval_needs FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'approval_needs is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER quote_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER quote_items_undeletable BEFORE DELETE ON quote_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'quote_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER quotes_undeletable;
-- +goose StatementBegin
CREATE TRIGGER quotes_undeletable BEFORE DELETE ON quotes FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'quotes is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER bookings_undeletable;
-- +goose StatementBegin
CREATE TRIGGER bookings_undeletable BEFORE DELETE ON bookings FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'bookings is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER documents_undeletable;
-- +goose StatementBegin
CREATE TRIGGER documents_undeletable BEFORE DELETE ON documents FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'documents is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER invoice_items_undeletable;
-- +goose StatementBegin
CREATE TRIGGER invoice_items_undeletable BEFORE DELETE ON invoice_items FOR EACH ROW BEGIN
    SELECT RAISE(ABORT, 'invoice_items is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER audit_entries_undeletable;
-- +goose StatementBegin
CREATE TRIGGER audit_entries_undeletable BEFORE DELETE ON audit_entries FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.tenant_id = old.tenant_id AND h.cut_sequence >= old.sequence)
BEGIN
    SELECT RAISE(ABORT, 'audit_entries is written once and never changed');
END;
-- +goose StatementEnd
DROP TRIGGER audit_heads_kept;
-- +goose StatementBegin
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads FOR EACH ROW
    WHEN (old.cut_sequence < old.sequence OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant_id = old.tenant_id))
BEGIN
    SELECT RAISE(ABORT, 'the end of an audit log is never deleted before its entries');
END;
-- +goose StatementEnd
DROP TABLE deleted_tenants;
DROP INDEX one_time_links_by_end;
DROP INDEX mails_by_creation;
