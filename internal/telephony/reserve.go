package telephony

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/extension"
	"kontor/ent/phonenumber"
	"kontor/ent/portfolioproduct"
	"kontor/ent/predicate"
	"kontor/ent/simcard"
	entwizard "kontor/ent/wizard"
	"kontor/internal/fault"
	"kontor/internal/phone"
)

// Reservations are columns of the stock, taken by a conditional update: of many wizards that
// want the same thing one changes the row, the others find it changed (WZ-11). A reservation
// that ran out counts as none, whether it was swept away or not.

// freeSIM holds for cards that nobody has, and that nobody has reserved but whoever these are.
func freeSIM(now time.Time, but ...predicate.SimCard) predicate.SimCard {
	return simcard.And(simcard.TelephonyUserIDIsNil(), simcard.Or(append(but, simcard.WizardIDIsNil(), simcard.ReservedUntilLTE(now))...))
}

func freeNumber(now time.Time, but ...predicate.PhoneNumber) predicate.PhoneNumber {
	return phonenumber.And(phonenumber.TelephonyUserIDIsNil(), phonenumber.Or(append(but, phonenumber.WizardIDIsNil(), phonenumber.ReservedUntilLTE(now))...))
}

// mayTakeSIM holds for cards that nobody has but, at most, this wizard.
func (c *change) mayTakeSIM() predicate.SimCard {
	return freeSIM(c.moment(), simcard.WizardID(c.w.ID))
}

func (c *change) mayTakeNumber() predicate.PhoneNumber {
	return freeNumber(c.moment(), phonenumber.WizardID(c.w.ID))
}

func (c *change) mayTakeExtension() predicate.Extension {
	return extension.And(extension.TelephonyUserIDIsNil(), extension.Or(extension.WizardID(c.w.ID), extension.ReservedUntilLTE(c.moment())))
}

// sim sets the SIM product, and reserves a card or none (WZ-05).
func (c *change) sim(in *SIMInput) error {
	if err := c.look(); err != nil {
		return err
	}
	w := c.w
	switch {
	case in.ProductSku != nil:
		w.SimProductID = c.product(*in.ProductSku, portfolioproduct.KindSIM, w.VoiceID, "sim", "productSku")
	case w.SimProductID == nil:
		c.faults.Add(fault.New("VALUE_REQUIRED", "sim", "productSku"))
	}
	if in.Mode == nil {
		c.faults.Add(fault.New("VALUE_REQUIRED", "sim", "mode"))
	}
	if len(c.faults) > 0 {
		return nil
	}
	w.SimMode, w.SimCardID, w.SimLastFour = in.Mode, nil, ""
	if *in.Mode == entwizard.SimModeLINK_LATER {
		if in.SimID != nil || in.LastFour != nil && strings.TrimSpace(*in.LastFour) != "" {
			c.faults.Add(fault.New("VALUE_CONTRADICTS", "sim", "lastFour"))
			return nil
		}
		return c.releaseSIM()
	}
	field := []string{"sim", "lastFour"}
	card, err := wanted{id: in.SimID, lastFour: in.LastFour, product: w.SimProductID, wizard: w.ID, field: field}.find(c.ctx, c.tx, c.moment())
	if err != nil {
		return err
	}
	taken, err := c.takeSIM(card.ID)
	if err != nil {
		return err
	}
	if !taken {
		return fault.New("SIM_TAKEN", field...)
	}
	w.SimCardID, w.SimLastFour = &card.ID, card.LastFour
	return nil
}

// takeSIM reserves a card, and gives back the one that the wizard had; false where somebody
// else was faster.
func (c *change) takeSIM(id uuid.UUID) (bool, error) {
	if err := c.releaseSIM(simcard.IDNEQ(id)); err != nil {
		return false, err
	}
	n, err := c.tx.SimCard.Update().Where(simcard.ID(id), c.mayTakeSIM()).SetWizardID(c.w.ID).SetReservedUntil(c.moment().Add(reservedFor)).Save(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reserving a SIM card: %w", err)
	}
	return n == 1, nil
}

func (c *change) releaseSIM(but ...predicate.SimCard) error {
	err := c.tx.SimCard.Update().Where(append(but, simcard.WizardID(c.w.ID))...).ClearWizardID().ClearReservedUntil().Exec(c.ctx)
	if err != nil {
		return fmt.Errorf("giving a SIM card back: %w", err)
	}
	return nil
}

// number reserves a number of the stock, or one to port in (WZ-06).
func (c *change) number(in *NumberInput) error {
	switch {
	case in.Kind == nil:
		c.faults.Add(fault.New("VALUE_REQUIRED", "number", "kind"))
		return nil
	case *in.Kind == entwizard.NumberKindPORT_IN:
		return c.portIn(in)
	case in.NumberID == nil:
		c.faults.Add(fault.New("VALUE_REQUIRED", "number", "numberId"))
		return nil
	case in.Number != nil || in.Provider != nil:
		c.faults.Add(fault.New("VALUE_CONTRADICTS", "number", "number"))
		return nil
	}
	found, err := c.tx.PhoneNumber.Query().Where(phonenumber.ID(in.NumberID.Of(ent.KindPhoneNumber)), phonenumber.OriginEQ(phonenumber.OriginSTOCK)).Only(c.ctx)
	if ent.IsNotFound(err) {
		c.faults.Add(fault.New("NUMBER_UNKNOWN", "number", "numberId"))
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding a number: %w", err)
	}
	return c.reserveNumber(found.Number, *in.Kind, "", "numberId")
}

// portIn reserves a number that another provider has.
func (c *change) portIn(in *NumberInput) error {
	if in.NumberID != nil {
		c.faults.Add(fault.New("VALUE_CONTRADICTS", "number", "numberId"))
	}
	text := ""
	if in.Number != nil {
		text = strings.TrimSpace(*in.Number)
	}
	e164, ok := phone.Parse(text)
	switch {
	case text == "":
		c.faults.Add(fault.New("VALUE_REQUIRED", "number", "number"))
	case !ok || len(text) > 30:
		c.faults.Add(fault.New("PHONE_NUMBER_INVALID", "number", "number"))
	}
	provider := ""
	if in.Provider != nil {
		provider = *in.Provider
	}
	provider = fault.NeededAt(provider, maxName, []string{"number", "provider"}, &c.faults)
	if len(c.faults) > 0 {
		return nil
	}
	stocked, err := c.tx.PhoneNumber.Query().Where(phonenumber.Number(e164), phonenumber.OriginEQ(phonenumber.OriginSTOCK)).Exist(c.ctx)
	if err != nil {
		return fmt.Errorf("looking for a number to port in: %w", err)
	}
	if stocked {
		c.faults.Add(fault.New("NUMBER_IN_STOCK", "number", "number"))
		return nil
	}
	return c.reserveNumber(e164, *in.Kind, provider, "number")
}

// reserveNumber reserves a number of either kind for the wizard.
func (c *change) reserveNumber(number string, kind entwizard.NumberKind, provider, field string) error {
	taken, err := c.takeNumber(number, kind)
	if err != nil {
		return err
	}
	if !taken {
		c.faults.Add(fault.New("NUMBER_TAKEN", "number", field).With("number", number))
		return nil
	}
	c.w.NumberKind, c.w.PhoneNumber, c.w.Provider = &kind, number, provider
	return nil
}

// takeNumber reserves a number, and gives back the one that the wizard had; false where
// somebody else was faster. One to port in is written for it.
func (c *change) takeNumber(number string, kind entwizard.NumberKind) (bool, error) {
	if err := c.releaseNumber(phonenumber.NumberNEQ(number)); err != nil {
		return false, err
	}
	until := c.moment().Add(reservedFor)
	n, err := c.tx.PhoneNumber.Update().Where(phonenumber.Number(number), c.mayTakeNumber()).SetWizardID(c.w.ID).SetReservedUntil(until).Save(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reserving a number: %w", err)
	}
	if n == 1 || kind == entwizard.NumberKindNEW {
		return n == 1, nil
	}
	err = c.tx.PhoneNumber.Create().SetTenantID(c.w.TenantID).SetNumber(number).SetOrigin(phonenumber.OriginPORT_IN).SetWizardID(c.w.ID).SetReservedUntil(until).
		SetCreatedAt(c.moment()).OnConflictColumns(phonenumber.FieldTenantID, phonenumber.FieldNumber).Ignore().Exec(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reserving a number to port in: %w", err)
	}
	mine, err := c.tx.PhoneNumber.Query().Where(phonenumber.Number(number), phonenumber.WizardID(c.w.ID)).Exist(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reading who has a number: %w", err)
	}
	return mine, nil
}

// releaseNumber gives numbers back: those of the stock are free, those to port in are
// nobody's any more.
func (c *change) releaseNumber(but ...predicate.PhoneNumber) error {
	mine := append(but, phonenumber.WizardID(c.w.ID))
	if _, err := c.tx.PhoneNumber.Delete().Where(append(mine, phonenumber.OriginEQ(phonenumber.OriginPORT_IN))...).Exec(c.ctx); err != nil {
		return fmt.Errorf("giving up a number to port in: %w", err)
	}
	if err := c.tx.PhoneNumber.Update().Where(mine...).ClearWizardID().ClearReservedUntil().Exec(c.ctx); err != nil {
		return fmt.Errorf("giving a number back: %w", err)
	}
	return nil
}

// takeExtension reserves an extension, and gives up the one that the wizard had; false where
// somebody else has it.
func (c *change) takeExtension(number string) (bool, error) {
	if err := c.releaseExtension(extension.ExtensionNEQ(number)); err != nil {
		return false, err
	}
	until := c.moment().Add(reservedFor)
	n, err := c.tx.Extension.Update().Where(extension.Extension(number), c.mayTakeExtension()).SetWizardID(c.w.ID).SetReservedUntil(until).Save(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reserving an extension: %w", err)
	}
	if n == 1 {
		return true, nil
	}
	err = c.tx.Extension.Create().SetTenantID(c.w.TenantID).SetExtension(number).SetWizardID(c.w.ID).SetReservedUntil(until).
		OnConflictColumns(extension.FieldTenantID, extension.FieldExtension).Ignore().Exec(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reserving an extension: %w", err)
	}
	mine, err := c.tx.Extension.Query().Where(extension.Extension(number), extension.WizardID(c.w.ID)).Exist(c.ctx)
	if err != nil {
		return false, fmt.Errorf("reading who has an extension: %w", err)
	}
	return mine, nil
}

func (c *change) releaseExtension(but ...predicate.Extension) error {
	if _, err := c.tx.Extension.Delete().Where(append(but, extension.WizardID(c.w.ID))...).Exec(c.ctx); err != nil {
		return fmt.Errorf("giving up an extension: %w", err)
	}
	return nil
}

// release gives back all that the wizard has reserved.
func (c *change) release() error {
	for _, give := range []func() error{
		func() error { return c.releaseSIM() }, func() error { return c.releaseNumber() }, func() error { return c.releaseExtension() },
	} {
		if err := give(); err != nil {
			return err
		}
	}
	return nil
}

// keep holds what the wizard has reserved for longer, and takes again what ran out and is
// still free. What somebody else took meanwhile is told by the step.
func (c *change) keep() error {
	w := c.w
	if activates(w) && w.SimCardID != nil {
		if _, err := c.takeSIM(*w.SimCardID); err != nil {
			return err
		}
	}
	if w.NumberKind != nil {
		if _, err := c.takeNumber(w.PhoneNumber, *w.NumberKind); err != nil {
			return err
		}
	}
	if w.Extension != "" {
		if _, err := c.takeExtension(w.Extension); err != nil {
			return err
		}
	}
	return nil
}
