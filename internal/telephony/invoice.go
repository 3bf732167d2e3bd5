package telephony

import (
	"context"
	"fmt"
	"strconv"

	"kontor/ent"
	"kontor/ent/invoiceitem"
	"kontor/ent/orderitem"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// AddInvoiceItemsInput is what to invoice for a telephony user, by hand: the positions of its
// order where nothing is said.
type AddInvoiceItemsInput struct {
	TelephonyUserID gid.ID
	Items           []*InvoiceItemInput
}

// InvoiceItemInput is a line of it.
type InvoiceItemInput struct {
	Label    string
	Quantity money.Decimal
	Amount   money.Decimal
	Monthly  bool
}

// maxInvoiceItems bounds the lines of a telephony user.
const maxInvoiceItems = 100

// line is something that is ordered, and what it costs.
type line struct {
	label            string
	quantity, amount money.Decimal
	currency         string
	monthly          bool
}

// isMonthly tells whether a unit counts months.
func isMonthly(unit string) bool { return unit == "month" }

// linesOf are the positions of a cart.
func linesOf(c *cart.Cart) []line {
	lines := make([]line, len(c.Items))
	for i, item := range c.Items {
		lines[i] = line{item.Product.Name, item.Quantity, item.LineTotal.Amount, item.LineTotal.Currency, isMonthly(item.Product.Unit)}
	}
	return lines
}

// AddInvoiceItems adds what the customer is invoiced for a telephony user (WZ-08): once the
// positions of its order, if they were left out at the end of the wizard, and lines by hand.
func (s *Service) AddInvoiceItems(ctx context.Context, in AddInvoiceItemsInput) (*ent.TelephonyUser, error) {
	return s.onUser(ctx, in.TelephonyUserID, func(tx *ent.Tx, u *ent.TelephonyUser) error {
		there, err := tx.InvoiceItem.Query().Where(invoiceitem.TelephonyUserID(u.ID)).All(ctx)
		if err != nil {
			return fmt.Errorf("reading invoice items: %w", err)
		}
		lines, err := s.byHand(ctx, tx, u, in.Items, len(there))
		if err != nil {
			return err
		}
		if err := s.invoice(ctx, tx, u, lines, len(in.Items) > 0); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Change{
			Tenant: u.TenantID, Action: "telephony_user.invoice", Kind: "TelephonyUser", Subject: u.ID, Label: u.DisplayName,
			After: map[string]any{"added": len(lines)},
		})
	})
}

// byHand are the lines to add, or all that is wrong with them.
func (s *Service) byHand(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser, items []*InvoiceItemInput, there int) ([]line, error) {
	if len(items) == 0 {
		return s.ordered(ctx, tx, u, there)
	}
	if there+len(items) > maxInvoiceItems {
		return nil, fault.New("TOO_MANY_ITEMS", "items").With("max", maxInvoiceItems)
	}
	t, err := s.ofTenant(ctx, tx, u.TenantID)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	lines, most := make([]line, len(items)), money.FromInt(1_000_000_000)
	for i, item := range items {
		at := func(name string) []string { return []string{"items", strconv.Itoa(i), name} }
		lines[i] = line{fault.NeededAt(item.Label, maxName, at("label"), &faults), item.Quantity, item.Amount, t.Currency, item.Monthly}
		if item.Quantity.Sign() <= 0 || item.Quantity.Cmp(most) > 0 {
			faults.Add(fault.New("QUANTITY_INVALID", at("quantity")...))
		}
		if item.Amount.Sign() < 0 || item.Amount.Cmp(most) > 0 {
			faults.Add(fault.New("AMOUNT_INVALID", at("amount")...))
		}
	}
	return lines, faults.Err()
}

// ordered are the positions of the order of a telephony user that has no invoice items yet.
func (s *Service) ordered(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser, there int) ([]line, error) {
	if there > 0 || u.OrderID == nil {
		return nil, fault.New("INVOICE_ITEMS_EXIST", "items")
	}
	items, err := tx.OrderItem.Query().Where(orderitem.OrderID(*u.OrderID)).Order(orderitem.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what was ordered for a telephony user: %w", err)
	}
	lines := make([]line, len(items))
	for i, item := range items {
		lines[i] = line{item.ProductName, item.Quantity, item.LineTotalAmount, item.Currency, isMonthly(item.Unit)}
	}
	return lines, nil
}

// invoice writes lines for a telephony user.
func (s *Service) invoice(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser, lines []line, byHand bool) error {
	rows := make([]*ent.InvoiceItemCreate, len(lines))
	for i, l := range lines {
		rows[i] = tx.InvoiceItem.Create().SetTenantID(u.TenantID).SetTelephonyUserID(u.ID).SetNillableOrderedByID(u.OrderedByID).SetLabel(l.label).
			SetQuantity(l.quantity).SetAmount(l.amount).SetCurrency(l.currency).SetMonthly(l.monthly).SetByHand(byHand).SetCreatedAt(s.moment())
	}
	if err := tx.InvoiceItem.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("writing invoice items: %w", err)
	}
	return nil
}
