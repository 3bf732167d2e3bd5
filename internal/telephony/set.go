package telephony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/product"
	"kontor/ent/tenant"
	entwizard "kontor/ent/wizard"
	"kontor/internal/account"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

const (
	// reservedFor is how long reservations last after a wizard was changed last.
	reservedFor = 24 * time.Hour
	// maxWizards bounds what a user has open for one tenant.
	maxWizards = 50
)

// change is a step that is being set: the wizard is held, changed in memory and written as a
// whole.
type change struct {
	*Service
	ctx    context.Context
	tx     *ent.Tx
	w      *wizard
	facts  *facts
	faults fault.List
	// pin is the hash of the PIN that was given; making it takes too long for a transaction.
	pin string
}

// Start begins a wizard for the company that the viewer works for, or for a customer of the
// agent's (WZ-01, WZ-09).
func (s *Service) Start(ctx context.Context, in StartTelephonyUserOrderInput) (*ent.Wizard, error) {
	if in.TenantID != nil {
		customer, err := s.within(ctx, in.TenantID.Of(ent.KindTenant))
		if errors.Is(err, fault.ErrNotFound) {
			return nil, fault.New("TENANT_UNKNOWN", "tenantId")
		}
		if err != nil {
			return nil, err
		}
		ctx = customer
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	made, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Wizard, error) {
		// A bound against wizards that are forgotten: two at once may go one beyond.
		open, err := tx.Wizard.Query().Where(entwizard.OrderIDIsNil()).Count(ctx)
		if err != nil {
			return nil, fmt.Errorf("counting wizards: %w", err)
		}
		if open >= maxWizards {
			return nil, fault.New("TOO_MANY_WIZARDS").With("max", maxWizards)
		}
		now := s.moment()
		w, err := tx.Wizard.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetExpiresAt(now.Add(reservedFor)).SetCreatedAt(now).SetUpdatedAt(now).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("beginning a wizard: %w", err)
		}
		c := &change{Service: s, ctx: ctx, tx: tx, w: w}
		return w, c.apply(Customer, func(c *change) error {
			return c.customer(&CustomerInput{Portfolio: in.Portfolio, Reference: in.Reference, StartDate: in.StartDate, TermMonths: in.TermMonths})
		}, "customer")
	})
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, made.ID)
}

// Set sets one step of a wizard (WZ-09), which is validated on its own. What no longer fits
// afterwards is taken out, and said. The wizard as it is now comes with what is wrong, too.
func (s *Service) Set(ctx context.Context, in SetTelephonyUserOrderStepInput) (*ent.Wizard, error) {
	step, set, err := in.step()
	if err != nil {
		return nil, err
	}
	ctx, err = s.of(ctx, in.WizardID)
	if err != nil {
		return nil, err
	}
	pin, err := s.hashPIN(ctx, in.Fmc)
	if err != nil {
		return nil, err
	}
	_, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Wizard, error) {
		w, err := s.hold(ctx, tx, in.WizardID)
		if err != nil {
			return nil, err
		}
		if w.OrderID != nil {
			return nil, fault.New("WIZARD_ORDERED")
		}
		if err := s.unseen(ctx, w, in.Version, w.Changed[string(step)]); err != nil {
			return nil, err
		}
		return w, (&change{Service: s, ctx: ctx, tx: tx, w: w, pin: pin}).apply(step, set)
	})
	return s.afterwards(ctx, in.WizardID, err)
}

// afterwards is a wizard as it is after something that may have failed.
func (s *Service) afterwards(ctx context.Context, id gid.ID, failed error) (*ent.Wizard, error) {
	if _, err := fault.Split(failed); err != nil {
		return nil, failed
	}
	w, err := s.shown(ctx, id.Of(ent.KindWizard))
	if err != nil {
		return nil, err
	}
	return w, failed
}

// apply sets a step, takes out what no longer fits, keeps what is reserved and writes the
// wizard. At the beginning the fields of the input stand for themselves.
func (c *change) apply(step Step, set func(*change) error, prefix ...string) error {
	c.w.Dropped = slices.DeleteFunc(slices.Clone(c.w.Dropped), func(d account.Dropped) bool { return d.Step == string(step) })
	if err := set(c); err != nil {
		return err
	}
	if len(c.faults) > 0 {
		for _, f := range c.faults {
			if len(prefix) > 0 && len(f.Field) > 1 && f.Field[0] == prefix[0] {
				f.Field = f.Field[1:]
			}
		}
		return c.faults
	}
	if step == Customer || step == Connection {
		if err := c.drop(); err != nil {
			return err
		}
	}
	now := c.moment()
	c.w.ExpiresAt, c.w.UpdatedAt = now.Add(reservedFor), now
	if err := c.keep(); err != nil {
		return err
	}
	c.w.Version++
	changed := map[string]int{string(step): c.w.Version}
	for name, version := range c.w.Changed {
		if name != string(step) {
			changed[name] = version
		}
	}
	c.w.Changed = changed
	return c.write()
}

// drop takes out what no longer fits the portfolio, the term and the voice product, and
// nothing else (WZ-09).
func (c *change) drop() error {
	if err := c.look(); err != nil {
		return err
	}
	// The voice product comes first: without it, nothing hangs on it.
	for _, each := range choicesOf(c.w) {
		rule := c.facts.rule(c.w.Portfolio, *each.product)
		if rule != nil && c.facts.offers[c.w.Portfolio] != nil && fits(rule, each.kind, c.w.VoiceID, c.w.TermMonths) {
			continue
		}
		if err := c.takeOut(each); err != nil {
			return err
		}
	}
	return nil
}

// takeOut takes a product out of the wizard, and notes that.
func (c *change) takeOut(each choice) error {
	left, err := c.tx.Product.Query().Where(product.ID(*each.product)).Only(c.ctx)
	if err != nil && !ent.IsNotFound(err) {
		return fmt.Errorf("reading a product that no longer fits: %w", err)
	}
	note := account.Dropped{Step: string(each.step), Field: each.field}
	if left != nil {
		note.SKU, note.Name = left.Sku, left.Name
	}
	gone := *each.product
	switch {
	case each.step == AddOns:
		note.Field = []string{"addOns", "skus"}
		c.w.AddOnIds = slices.DeleteFunc(slices.Clone(c.w.AddOnIds), func(id uuid.UUID) bool { return id == gone })
	case each.step == SIM:
		c.w.SimProductID, c.w.SimMode, c.w.SimCardID, c.w.SimLastFour = nil, nil, nil, ""
		if err := c.releaseSIM(); err != nil {
			return err
		}
	case same(c.w.VoiceID, gone):
		c.w.VoiceID = nil
	case same(c.w.DataID, gone):
		c.w.DataID = nil
	case same(c.w.SmsID, gone):
		c.w.SmsID = nil
	}
	c.w.Dropped = append(c.w.Dropped, note)
	return nil
}

func same(id *uuid.UUID, other uuid.UUID) bool { return id != nil && *id == other }

// look reads what the wizard is checked by, as it is now in the transaction.
func (c *change) look() (err error) {
	c.facts, err = c.Service.facts(c.ctx, c.tx.Client(), []*wizard{c.w})
	return err
}

// hold is a wizard of the viewer's, which nobody else changes until the transaction ends.
func (s *Service) hold(ctx context.Context, tx *ent.Tx, id gid.ID) (*wizard, error) {
	w, err := db.ForUpdate(s.db, tx.Wizard.Query().Where(entwizard.ID(id.Of(ent.KindWizard))), db.KeepingKeys).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("holding a wizard: %w", err)
	}
	return w, nil
}

// write writes all of the wizard that steps change.
func (c *change) write() error {
	w := c.w
	u := c.tx.Wizard.UpdateOneID(w.ID).SetPortfolio(w.Portfolio).SetReference(w.Reference).SetPhoneNumber(w.PhoneNumber).SetProvider(w.Provider).
		SetSimLastFour(w.SimLastFour).SetExtension(w.Extension).SetDisplayName(w.DisplayName).SetAreaCode(w.AreaCode).SetPinHash(w.PinHash).
		SetPinMustChange(w.PinMustChange).SetCreateInvoiceItems(w.CreateInvoiceItems).SetDropped(w.Dropped).SetChanged(w.Changed).SetVersion(w.Version).
		SetExpiresAt(w.ExpiresAt).SetUpdatedAt(w.UpdatedAt)
	put(w.StartDate, u.SetStartDate, u.ClearStartDate)
	put(w.TermMonths, u.SetTermMonths, u.ClearTermMonths)
	put(w.VoiceID, u.SetVoiceID, u.ClearVoiceID)
	put(w.DataID, u.SetDataID, u.ClearDataID)
	put(w.SmsID, u.SetSmsID, u.ClearSmsID)
	put(w.EndUserID, u.SetEndUserID, u.ClearEndUserID)
	put(w.SimProductID, u.SetSimProductID, u.ClearSimProductID)
	put(w.SimMode, u.SetSimMode, u.ClearSimMode)
	put(w.SimCardID, u.SetSimCardID, u.ClearSimCardID)
	put(w.NumberKind, u.SetNumberKind, u.ClearNumberKind)
	if w.AddOnIds != nil {
		u.SetAddOnIds(w.AddOnIds)
	}
	if w.NewUser != nil {
		u.SetNewUser(w.NewUser)
	} else {
		u.ClearNewUser()
	}
	if err := u.Exec(c.ctx); err != nil {
		return fmt.Errorf("writing a wizard: %w", err)
	}
	return nil
}

func put[T, U any](value *T, set func(T) U, clear func() U) {
	if value == nil {
		clear()
	} else {
		set(*value)
	}
}

// ofTenant is a company by its key.
func (s *Service) ofTenant(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Tenant, error) {
	t, err := tx.Tenant.Query().Where(tenant.ID(id)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the company of a wizard: %w", err)
	}
	return t, nil
}
