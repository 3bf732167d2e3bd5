package erp

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/enduser"
	"kontor/ent/extension"
	"kontor/ent/phonenumber"
	"kontor/ent/simcard"
	"kontor/ent/telephonyuser"
)

// writeTelephonyUser writes one that telephoned before it came to Kontor. What it has is taken
// from the stock; afterwards a file may change its name and area code.
func (w *writer) writeTelephonyUser(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.TelephonyUser.Query().Where(telephonyuser.TenantID(t.ID), telephonyuser.Extension(row.Text("extension")),
		telephonyuser.StateNEQ(telephonyuser.StateCANCELLED)).Only(w.ctx)
	if ent.IsNotFound(err) {
		return created, w.makeTelephonyUser(row, t)
	}
	if err != nil {
		return 0, fmt.Errorf("finding the telephony user: %w", err)
	}
	if existing.PhoneNumber != row.Text("number") {
		return 0, refusal("number", "the telephony user has another number, and keeps it")
	}
	update := existing.Update().SetDisplayName(row.Text("name")).SetAreaCode(row.Text("area_code"))
	if !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	return updated, wrap(update.Exec(w.ctx), "changing the telephony user")
}

func (w *writer) makeTelephonyUser(row *Row, t *ent.Tenant) error {
	person, err := w.tx.EndUser.Query().Where(enduser.TenantID(t.ID), enduser.UsernameKey(strings.ToLower(row.Text("username")))).OnlyID(w.ctx)
	if ent.IsNotFound(err) {
		return refusal("username", "there is no end user %q; import it first", row.Text("username"))
	}
	if err != nil {
		return fmt.Errorf("finding the end user: %w", err)
	}
	taken, err := w.tx.Extension.Query().Where(extension.TenantID(t.ID), extension.Extension(row.Text("extension"))).Exist(w.ctx)
	if err != nil {
		return fmt.Errorf("looking for the extension: %w", err)
	}
	if taken {
		return refusal("extension", "somebody has reserved the extension")
	}
	number, err := w.tx.PhoneNumber.Query().Where(phonenumber.TenantID(t.ID), phonenumber.Number(row.Text("number")),
		phonenumber.WizardIDIsNil(), phonenumber.TelephonyUserIDIsNil()).Only(w.ctx)
	if ent.IsNotFound(err) {
		return refusal("number", "%s is not free in the stock of %s; import it first", row.Text("number"), t.OrganizationID)
	}
	if err != nil {
		return fmt.Errorf("finding the number: %w", err)
	}
	id := uuid.Must(uuid.NewV7())
	create := w.tx.TelephonyUser.Create().SetID(id).SetTenantID(t.ID).SetEndUserID(person).SetState(telephonyuser.StateAWAITING_SIM).SetDisplayName(row.Text("name")).
		SetExtension(row.Text("extension")).SetPhoneNumber(number.Number).SetPorted(false).SetAreaCode(row.Text("area_code")).SetPinMustChange(true).SetCreatedAt(w.now().UTC())
	var card *ent.SimCard
	if row.Given("iccid") {
		card, err = w.tx.SimCard.Query().Where(simcard.TenantID(t.ID), simcard.Iccid(row.Text("iccid")), simcard.WizardIDIsNil(), simcard.TelephonyUserIDIsNil()).Only(w.ctx)
		if ent.IsNotFound(err) {
			return refusal("iccid", "the card is not free in the stock of %s; import it first", t.OrganizationID)
		}
		if err != nil {
			return fmt.Errorf("finding the SIM card: %w", err)
		}
		create.SetState(telephonyuser.StateACTIVE).SetSimCardID(card.ID).SetSimLastFour(card.LastFour)
	}
	if err := create.Exec(w.ctx); err != nil {
		return fmt.Errorf("writing the telephony user: %w", err)
	}
	if err := w.tx.Extension.Create().SetTenantID(t.ID).SetExtension(row.Text("extension")).SetTelephonyUserID(id).Exec(w.ctx); err != nil {
		return fmt.Errorf("writing its extension: %w", err)
	}
	if err := number.Update().SetTelephonyUserID(id).Exec(w.ctx); err != nil {
		return fmt.Errorf("giving it its number: %w", err)
	}
	if card == nil {
		return nil
	}
	return wrap(card.Update().SetTelephonyUserID(id).Exec(w.ctx), "giving it its SIM card")
}
