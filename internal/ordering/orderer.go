package ordering

import (
	"context"
	"fmt"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/ordermessage"
	"kontor/internal/audit"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
)

// NotifyApproverInput is what an orderer tells the approvers.
type NotifyApproverInput struct {
	OrderID gid.ID
	Text    string
}

// maxMessages bounds how often approvers are written to about one order.
const maxMessages = 20

// Notify writes a message on the viewer's order and mails it to those who can decide
// (OR-03). Once approved, nobody of the company can stop it any more: the answer is
// ORDER_ALREADY_APPROVED, with whom to ask.
func (s *Service) Notify(ctx context.Context, in NotifyApproverInput) (*ent.Order, error) {
	var faults fault.List
	text := fault.NeededText(in.Text, maxText, "text", &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return s.on(ctx, in.OrderID, func(tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayNotify(v); err != nil {
			return err
		}
		o := w.order
		n, err := tx.OrderMessage.Query().Where(ordermessage.OrderID(o.ID)).Count(ctx)
		if err != nil {
			return fmt.Errorf("counting the messages on an order: %w", err)
		}
		if n >= maxMessages {
			return fault.New("TOO_MANY_ITEMS", "text").With("max", maxMessages)
		}
		err = tx.OrderMessage.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).SetNillableContractID(o.ContractID).
			SetAt(s.moment()).SetAuthorID(v.User).SetText(text).Exec(ctx)
		if err != nil {
			return fmt.Errorf("writing a message on an order: %w", err)
		}
		err = s.audit.Record(ctx, tx, audit.Change{
			Tenant: o.TenantID, Action: "order.notify", Kind: "Order", Subject: o.ID, Label: o.Number, After: map[string]any{"text": text},
		})
		if err != nil {
			return err
		}
		return s.tellApprovers(ctx, tx, mail.OrderMessage, w, text)
	})
}

// Withdraw takes the viewer's order back while it waits (OR-03).
func (s *Service) Withdraw(ctx context.Context, id gid.ID) (*ent.Order, error) {
	return s.on(ctx, id, func(tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayWithdraw(v); err != nil {
			return err
		}
		if err := s.settle(ctx, tx, w.open(), nil, ""); err != nil {
			return err
		}
		return s.move(ctx, tx, w.order, order.StateWITHDRAWN, "order.withdraw", "")
	})
}
