package erp

import (
	"cmp"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/alloygroup"
	"kontor/ent/booking"
	"kontor/internal/money"
)

// writeAlloyGroup writes an alloy group. Its name may change; its unit would change what all
// its bookings say.
func (w *writer) writeAlloyGroup(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.AlloyGroup.Query().Where(alloygroup.TenantID(t.ID), alloygroup.Code(row.Text("code"))).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.AlloyGroup.Create().SetTenantID(t.ID).SetCode(row.Text("code")).SetName(row.Text("name")).SetUnit(row.Text("unit")).
			SetCreatedAt(w.now().UTC()).Exec(w.ctx)
		if err != nil {
			return 0, fmt.Errorf("writing the alloy group: %w", err)
		}
		return created, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding the alloy group: %w", err)
	}
	if existing.Unit != row.Text("unit") {
		return 0, refusal("unit", "%s is counted in %s and stays so; use a new code", existing.Code, existing.Unit)
	}
	update := existing.Update().SetName(row.Text("name"))
	if !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	if err := update.Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("changing the alloy group: %w", err)
	}
	return updated, nil
}

// writeBooking writes a booking, once and for all: another row with its reference says the
// same or is refused.
func (w *writer) writeBooking(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	group, err := w.alloyGroup(row, t)
	if err != nil {
		return 0, err
	}
	reversed, err := w.reversed(row, t, group)
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.Booking.Query().Where(booking.TenantID(t.ID), booking.Reference(row.Text("reference"))).Only(w.ctx)
	if err == nil {
		return unchanged, differs(row, existing, group, reversed)
	}
	if !ent.IsNotFound(err) {
		return 0, fmt.Errorf("finding the booking: %w", err)
	}
	if err := w.mayReverse(row, reversed); err != nil {
		return 0, err
	}
	if group == nil {
		if group, err = w.makeGroup(row, t); err != nil {
			return 0, err
		}
	}
	create := w.tx.Booking.Create().SetTenantID(t.ID).SetAlloyGroupID(group.ID).SetReference(row.Text("reference")).SetBookedOn(row.Day("booked_on")).
		SetKind(booking.Kind(row.Text("kind"))).SetQuantity(row.Decimal("quantity")).SetNote(row.Text("note")).SetCreatedAt(w.now().UTC())
	if reversed != nil {
		create.SetReversesID(reversed.ID)
	}
	if err := create.Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("writing the booking: %w", err)
	}
	return created, nil
}

// differs refuses a row that says something else than the booking that is there.
func differs(row *Row, b *ent.Booking, group *ent.AlloyGroup, reversed *ent.Booking) error {
	var reverses *uuid.UUID
	if reversed != nil {
		reverses = &reversed.ID
	}
	column := firstOtherwise([]claim{
		{"alloy_group", group != nil && b.AlloyGroupID == group.ID}, {"booked_on", b.BookedOn == row.Day("booked_on")}, {"kind", string(b.Kind) == row.Text("kind")},
		{"quantity", b.Quantity.Cmp(row.Decimal("quantity")) == 0}, {"reverses", equal(b.ReversesID, reverses)}, {"note", b.Note == row.Text("note")},
	})
	if column != "" {
		return refusal(column, "%s is booked otherwise, and a booking is never changed; take it back by a REVERSAL and book anew", b.Reference)
	}
	return nil
}

// reversed is the booking that a reversal takes back; nil for any other booking.
func (w *writer) reversed(row *Row, t *ent.Tenant, group *ent.AlloyGroup) (*ent.Booking, error) {
	if !row.Given("reverses") {
		return nil, nil
	}
	of := row.Text("reverses")
	found, err := w.tx.Booking.Query().Where(booking.TenantID(t.ID), booking.Reference(of)).Only(w.ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, refusal("reverses", "%s has no booking %q; it must come before this row", t.OrganizationID, of)
	case err != nil:
		return nil, fmt.Errorf("finding the booking to reverse: %w", err)
	case group == nil || found.AlloyGroupID != group.ID:
		return nil, refusal("alloy_group", "%s is a booking of another alloy group", of)
	}
	return found, nil
}

// mayReverse refuses a reversal that is none: of another quantity, before its booking, a second
// one, or one of a reversal.
func (w *writer) mayReverse(row *Row, b *ent.Booking) error {
	if b == nil {
		return nil
	}
	back, err := money.FromInt(0).Minus(b.Quantity)
	if err != nil {
		return fmt.Errorf("turning a quantity around: %w", err)
	}
	already, err := w.tx.Booking.Query().Where(booking.ReversesID(b.ID)).Exist(w.ctx)
	switch {
	case err != nil:
		return fmt.Errorf("looking for a reversal: %w", err)
	case b.Kind == booking.KindREVERSAL:
		return refusal("reverses", "%s is itself a reversal; book anew what it took back", b.Reference)
	case already:
		return refusal("reverses", "%s has been reversed already", b.Reference)
	case row.Decimal("quantity").Cmp(back) != 0:
		return refusal("quantity", "the reversal of %s is %s", b.Reference, back)
	case row.Day("booked_on") < b.BookedOn:
		return refusal("booked_on", "%s counts from %s; a reversal does not come before", b.Reference, b.BookedOn)
	}
	return nil
}

// alloyGroup is the alloy group of a booking; nil where it is missing and the row says how it is
// counted, so that it can be made.
func (w *writer) alloyGroup(row *Row, t *ent.Tenant) (*ent.AlloyGroup, error) {
	name := ownKey{t.ID, row.Text("alloy_group")}
	g := w.groups[name]
	if g == nil {
		found, err := w.tx.AlloyGroup.Query().Where(alloygroup.TenantID(t.ID), alloygroup.Code(name.name)).Only(w.ctx)
		switch {
		case ent.IsNotFound(err) && row.Given("unit"):
			return nil, nil
		case ent.IsNotFound(err):
			return nil, refusal("alloy_group", "%s has no alloy group %q; import it first, or say its unit", t.OrganizationID, name.name)
		case err != nil:
			return nil, fmt.Errorf("finding the alloy group: %w", err)
		}
		if w.groups == nil {
			w.groups = map[ownKey]*ent.AlloyGroup{}
		}
		g, w.groups[name] = found, found
	}
	if row.Given("unit") && row.Text("unit") != g.Unit {
		return nil, refusal("unit", "%s is counted in %s", g.Code, g.Unit)
	}
	return g, nil
}

func (w *writer) makeGroup(row *Row, t *ent.Tenant) (*ent.AlloyGroup, error) {
	made, err := w.tx.AlloyGroup.Create().SetTenantID(t.ID).SetCode(row.Text("alloy_group")).SetName(cmp.Or(row.Text("alloy_group_name"), row.Text("alloy_group"))).
		SetUnit(row.Text("unit")).SetCreatedAt(w.now().UTC()).Save(w.ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the alloy group: %w", err)
	}
	return made, nil
}
