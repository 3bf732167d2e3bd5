package telephony

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/extension"
	"kontor/ent/order"
	"kontor/ent/phonenumber"
	"kontor/ent/simcard"
	"kontor/ent/telephonyuser"
	"kontor/internal/audit"
	"kontor/internal/fault"
)

// handOver gives a telephony user what the wizard has reserved. The wizard is held and has
// been checked, so all of it is there.
func (c *change) handOver(to uuid.UUID) error {
	cards, err := c.tx.SimCard.Update().Where(simcard.WizardID(c.w.ID)).SetTelephonyUserID(to).ClearWizardID().ClearReservedUntil().Save(c.ctx)
	if err != nil {
		return fmt.Errorf("handing a SIM card over: %w", err)
	}
	numbers, err := c.tx.PhoneNumber.Update().Where(phonenumber.WizardID(c.w.ID)).SetTelephonyUserID(to).ClearWizardID().ClearReservedUntil().Save(c.ctx)
	if err != nil {
		return fmt.Errorf("handing a number over: %w", err)
	}
	extensions, err := c.tx.Extension.Update().Where(extension.WizardID(c.w.ID)).SetTelephonyUserID(to).ClearWizardID().ClearReservedUntil().Save(c.ctx)
	if err != nil {
		return fmt.Errorf("handing an extension over: %w", err)
	}
	if numbers != 1 || extensions != 1 || (cards == 1) != activates(c.w) {
		return fmt.Errorf("handing over what a wizard has: %d cards, %d numbers, %d extensions", cards, numbers, extensions)
	}
	return nil
}

// followOrder brings the telephony user of an order to where the order is: one that was
// approved can be used, one that came to nothing gives back what it has. An order that goes on
// after that needs it again.
func (s *Service) followOrder(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State) error {
	ctx = authz.System(ctx) // approvers and machines write no telephony users
	u, err := tx.TelephonyUser.Query().Where(telephonyuser.OrderID(o.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the telephony user of an order: %w", err)
	}
	switch to {
	case order.StateREJECTED, order.StateWITHDRAWN, order.StateERROR:
		return s.cancel(ctx, tx, u)
	default:
		return s.goOn(ctx, tx, u, stateOf(to, u.SimCardID))
	}
}

// cancel gives back what a telephony user has; a number that was to be ported in is nobody's.
func (s *Service) cancel(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser) error {
	if u.State == telephonyuser.StateCANCELLED {
		return nil
	}
	if err := tx.SimCard.Update().Where(simcard.TelephonyUserID(u.ID)).ClearTelephonyUserID().Exec(ctx); err != nil {
		return fmt.Errorf("giving a SIM card back: %w", err)
	}
	if _, err := tx.PhoneNumber.Delete().Where(phonenumber.TelephonyUserID(u.ID), phonenumber.OriginEQ(phonenumber.OriginPORT_IN)).Exec(ctx); err != nil {
		return fmt.Errorf("giving up a number to port in: %w", err)
	}
	if err := tx.PhoneNumber.Update().Where(phonenumber.TelephonyUserID(u.ID)).ClearTelephonyUserID().Exec(ctx); err != nil {
		return fmt.Errorf("giving a number back: %w", err)
	}
	if _, err := tx.Extension.Delete().Where(extension.TelephonyUserID(u.ID)).Exec(ctx); err != nil {
		return fmt.Errorf("giving up an extension: %w", err)
	}
	return s.bring(ctx, tx, u, telephonyuser.StateCANCELLED)
}

// goOn has a telephony user go on with its order, after it took again what it had given back;
// what somebody else has now stands in the way.
func (s *Service) goOn(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser, to telephonyuser.State) error {
	if u.State == to {
		return nil
	}
	if u.State == telephonyuser.StateCANCELLED {
		if err := s.retake(ctx, tx, u); err != nil {
			return err
		}
	}
	return s.bring(ctx, tx, u, to)
}

func (s *Service) retake(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser) error {
	if u.SimCardID != nil {
		if err := s.giveSIM(ctx, tx, *u.SimCardID, u.ID); err != nil {
			return err
		}
	}
	n, err := tx.PhoneNumber.Update().Where(phonenumber.TenantID(u.TenantID), phonenumber.Number(u.PhoneNumber), freeNumber(s.moment())).
		SetTelephonyUserID(u.ID).ClearWizardID().ClearReservedUntil().Save(ctx)
	if err == nil && n == 0 && u.Ported {
		err = tx.PhoneNumber.Create().SetTenantID(u.TenantID).SetNumber(u.PhoneNumber).SetOrigin(phonenumber.OriginPORT_IN).SetTelephonyUserID(u.ID).SetCreatedAt(s.moment()).
			OnConflictColumns(phonenumber.FieldTenantID, phonenumber.FieldNumber).Ignore().Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("taking a number again: %w", err)
	}
	mine, err := tx.PhoneNumber.Query().Where(phonenumber.TelephonyUserID(u.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("reading who has a number: %w", err)
	}
	if !mine {
		return fault.New("NUMBER_TAKEN").With("number", u.PhoneNumber)
	}
	return s.retakeExtension(ctx, tx, u)
}

func (s *Service) retakeExtension(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser) error {
	_, err := tx.Extension.Delete().Where(extension.TenantID(u.TenantID), extension.Extension(u.Extension), extension.ReservedUntilLTE(s.moment())).Exec(ctx)
	if err == nil {
		err = tx.Extension.Create().SetTenantID(u.TenantID).SetExtension(u.Extension).SetTelephonyUserID(u.ID).
			OnConflictColumns(extension.FieldTenantID, extension.FieldExtension).Ignore().Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("taking an extension again: %w", err)
	}
	mine, err := tx.Extension.Query().Where(extension.TelephonyUserID(u.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("reading who has an extension: %w", err)
	}
	if !mine {
		return fault.New("EXTENSION_TAKEN").With("extension", u.Extension)
	}
	return nil
}

// bring writes the state of a telephony user, and that it changed.
func (s *Service) bring(ctx context.Context, tx *ent.Tx, u *ent.TelephonyUser, to telephonyuser.State) error {
	if err := tx.TelephonyUser.UpdateOneID(u.ID).SetState(to).Exec(ctx); err != nil {
		return fmt.Errorf("bringing a telephony user to %s: %w", to, err)
	}
	return s.audit.Record(ctx, tx, audit.Change{
		Tenant: u.TenantID, Action: "telephony_user.state", Kind: "TelephonyUser", Subject: u.ID, Label: u.DisplayName,
		Before: map[string]any{"state": u.State}, After: map[string]any{"state": to},
	})
}
