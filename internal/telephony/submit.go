package telephony

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/enduser"
	"kontor/ent/order"
	"kontor/ent/telephonyuser"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
	"kontor/internal/once"
)

// SubmitTelephonyUserOrderInput is which wizard to order, as it was seen.
type SubmitTelephonyUserOrderInput struct {
	WizardID       gid.ID
	IdempotencyKey string
	Version        *int
}

// AbandonTelephonyUserOrderInput is which wizard to give up.
type AbandonTelephonyUserOrderInput struct{ WizardID gid.ID }

// Submit orders what a wizard has put together (WZ-08): all steps are validated again, the
// order is placed like any other one, and the telephony user comes with it. The same request
// again gives the same order.
func (s *Service) Submit(ctx context.Context, in SubmitTelephonyUserOrderInput) (*ent.Wizard, *ent.Order, error) {
	request := once.Request{Operation: "submitTelephonyUserOrder", Key: in.IdempotencyKey, Input: string(in.WizardID)}
	if err := request.Check(); err != nil {
		return nil, nil, err
	}
	ctx, err := s.of(ctx, in.WizardID)
	if err != nil {
		return nil, nil, err
	}
	placed, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Order, error) {
		w, err := s.hold(ctx, tx, in.WizardID)
		if err != nil {
			return nil, err
		}
		if id, again, err := request.Result(ctx, tx); err != nil || again {
			if err != nil {
				return nil, err
			}
			return tx.Order.Get(ctx, id)
		}
		if w.OrderID != nil {
			return nil, fault.New("WIZARD_ORDERED")
		}
		// What is ordered is what was shown.
		if err := s.unseen(ctx, w, in.Version, w.Version); err != nil {
			return nil, err
		}
		placed, err := (&change{Service: s, ctx: ctx, tx: tx, w: w}).submit()
		if err != nil {
			return nil, err
		}
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, err
		}
		return placed, request.Remember(ctx, tx, v, placed.ID, s.now())
	})
	w, err := s.afterwards(ctx, in.WizardID, err)
	return w, placed, err
}

// submit places the order and makes the telephony user.
func (c *change) submit() (*ent.Order, error) {
	if err := c.keep(); err != nil {
		return nil, err
	}
	if err := c.look(); err != nil {
		return nil, err
	}
	if err := c.facts.problems(c.w); err != nil {
		return nil, err
	}
	ordered, err := c.asCart()
	if err != nil {
		return nil, err
	}
	person, err := c.person()
	if err != nil {
		return nil, err
	}
	details, err := c.details()
	if err != nil {
		return nil, err
	}
	placed, err := c.ordering.PlaceFor(c.ctx, c.tx, ordered, details)
	if err != nil {
		return nil, err
	}
	if err := c.make(placed, person, ordered); err != nil {
		return nil, err
	}
	now := c.moment()
	err = c.tx.Wizard.UpdateOneID(c.w.ID).SetOrderID(placed.ID).AddVersion(1).SetUpdatedAt(now).SetExpiresAt(now).Exec(c.ctx)
	if err != nil {
		return nil, fmt.Errorf("noting that a wizard was ordered: %w", err)
	}
	return placed, nil
}

// details are what whoever carries the order out needs besides its positions.
func (c *change) details() (*account.OrderDetails, error) {
	w := c.w
	d := &account.OrderDetails{TermMonths: *w.TermMonths, Provider: w.Provider,
		Telephony: &account.Telephony{Name: w.DisplayName, Number: w.PhoneNumber, Extension: w.Extension, AreaCode: w.AreaCode}}
	if ports(w) {
		d.PortNumbers = []string{w.PhoneNumber}
	}
	if activates(w) {
		card, err := c.tx.SimCard.Get(c.ctx, *w.SimCardID)
		if err != nil {
			return nil, fmt.Errorf("reading the card of a wizard: %w", err)
		}
		d.Telephony.ICCID = card.Iccid
	}
	return d, nil
}

// asCart is what is ordered: one of each product, from the start on.
func (c *change) asCart() (*cart.Cart, error) {
	w := c.w
	var lines []cart.Line
	for _, each := range choicesOf(w) {
		lines = append(lines, cart.Line{Product: c.facts.rule(w.Portfolio, *each.product).Edges.Product, Quantity: money.FromInt(1), Wished: w.StartDate})
	}
	head := &ent.Cart{ID: w.ID, TenantID: w.TenantID, UserID: w.UserID, Name: w.DisplayName, ReferenceNumber: w.Reference}
	return c.cart.Of(c.ctx, c.tx.Client(), head, lines)
}

// person is the end user, who is made now if it is a new one.
func (c *change) person() (uuid.UUID, error) {
	n := c.w.NewUser
	if n == nil {
		return *c.w.EndUserID, nil
	}
	made := uuid.Must(uuid.NewV7())
	err := c.tx.EndUser.Create().SetID(made).SetTenantID(c.w.TenantID).SetUsername(n.Username).SetUsernameKey(key(n.Username)).SetFirstName(n.FirstName).SetPrefix(n.Prefix).
		SetLastName(n.LastName).SetEmail(n.Email).SetLanguage(enduser.Language(n.Language)).SetCreatedAt(c.moment()).
		OnConflictColumns(enduser.FieldTenantID, enduser.FieldUsernameKey).Ignore().Exec(c.ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("making an end user: %w", err)
	}
	mine, err := c.tx.EndUser.Query().Where(enduser.ID(made)).Exist(c.ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("reading an end user: %w", err)
	}
	if !mine { // another wizard was faster
		return uuid.Nil, fault.New("USERNAME_TAKEN", "endUser", "new", "username")
	}
	return made, c.audit.Record(c.ctx, c.tx, audit.Change{
		Tenant: c.w.TenantID, Action: "telephony_user.end_user", Kind: "EndUser", Subject: made, Label: n.Username,
		After: map[string]any{"firstName": n.FirstName, "prefix": n.Prefix, "lastName": n.LastName, "email": n.Email, "language": n.Language},
	})
}

// make makes the telephony user of an order, which has from here on what the wizard had.
func (c *change) make(placed *ent.Order, person uuid.UUID, ordered *cart.Cart) error {
	w := c.w
	u, err := c.tx.TelephonyUser.Create().SetTenantID(w.TenantID).SetOrderID(placed.ID).SetOrderedByID(placed.PlacedByID).SetEndUserID(person).
		SetState(stateOf(placed.State, w.SimCardID)).SetDisplayName(w.DisplayName).SetExtension(w.Extension).SetPhoneNumber(w.PhoneNumber).SetPorted(ports(w)).
		SetNillableSimCardID(w.SimCardID).SetSimLastFour(w.SimLastFour).SetAreaCode(w.AreaCode).SetPinHash(w.PinHash).SetPinMustChange(w.PinMustChange).
		SetCreatedAt(placed.PlacedAt).Save(c.ctx)
	if err != nil {
		return fmt.Errorf("making a telephony user: %w", err)
	}
	if err := c.handOver(u.ID); err != nil {
		return err
	}
	if w.CreateInvoiceItems {
		if err := c.invoice(c.ctx, c.tx, u, linesOf(ordered), false); err != nil {
			return err
		}
	}
	return c.audit.Record(c.ctx, c.tx, audit.Change{
		Tenant: u.TenantID, Action: "telephony_user.create", Kind: "TelephonyUser", Subject: u.ID, Label: u.DisplayName,
		After: map[string]any{"state": u.State, "order": placed.Number, "extension": u.Extension, "number": u.PhoneNumber, "sim": u.SimLastFour},
	})
}

// stateOf is where a telephony user stands with an order and a card, or none.
func stateOf(ordered order.State, card *uuid.UUID) telephonyuser.State {
	switch {
	case ordered == order.StatePENDING_APPROVAL:
		return telephonyuser.StateORDERED
	case card == nil:
		return telephonyuser.StateAWAITING_SIM
	default:
		return telephonyuser.StateACTIVE
	}
}

// Abandon gives a wizard up, and all that it has reserved back (WZ-11).
func (s *Service) Abandon(ctx context.Context, in AbandonTelephonyUserOrderInput) error {
	ctx, err := s.of(ctx, in.WizardID)
	if err != nil {
		return err
	}
	_, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		w, err := s.hold(ctx, tx, in.WizardID)
		if err != nil {
			return struct{}{}, err
		}
		if w.OrderID != nil {
			return struct{}{}, fault.New("WIZARD_ORDERED")
		}
		if err := (&change{Service: s, ctx: ctx, tx: tx, w: w}).release(); err != nil {
			return struct{}{}, err
		}
		if err := tx.Wizard.DeleteOneID(w.ID).Exec(ctx); err != nil {
			return struct{}{}, fmt.Errorf("giving up a wizard: %w", err)
		}
		return struct{}{}, nil
	})
	return err
}
