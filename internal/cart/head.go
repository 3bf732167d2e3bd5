package cart

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/cartitem"
	"kontor/internal/account"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// AccountAssignmentInput says which accounts something belongs to; parts left out
// are empty.
type AccountAssignmentInput struct{ CostCentre, GlAccount, Project, Plant *string }

// UpdateCartInput is what to change of the cart itself; what is not set stays,
// null empties.
type UpdateCartInput struct {
	Name                graphql.Omittable[*string]
	CustomerOrderNumber graphql.Omittable[*string]
	ReferenceNumber     graphql.Omittable[*string]
	DeliveryAddressID   graphql.Omittable[*gid.ID]
	ContractID          graphql.Omittable[*gid.ID]
	AccountAssignment   graphql.Omittable[*AccountAssignmentInput]
	AcknowledgePrices   *bool
}

// Update changes the cart itself: names, numbers, delivery and assignment (CA-02,
// CA-05), and the agreement that it calls off from (OR-12). With AcknowledgePrices the prices
// as they are now count as seen (CA-09), and so they do with another agreement.
func (s *Service) Update(ctx context.Context, in UpdateCartInput) (*Cart, error) {
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		var faults fault.List
		update := row.Update()
		if name, set := in.Name.ValueOK(); set {
			update.SetName(fault.Line(name, 100, []string{"name"}, &faults))
		}
		if number, set := in.CustomerOrderNumber.ValueOK(); set {
			update.SetCustomerOrderNumber(fault.Line(number, 60, []string{"customerOrderNumber"}, &faults))
		}
		if number, set := in.ReferenceNumber.ValueOK(); set {
			update.SetReferenceNumber(fault.Line(number, 60, []string{"referenceNumber"}, &faults))
		}
		if id, set := in.DeliveryAddressID.ValueOK(); set {
			known, err := s.knownAddress(ctx, tx, id, []string{"deliveryAddressId"}, &faults)
			if err != nil {
				return err
			}
			setOrClear(known, update.SetDeliveryAddressID, update.ClearDeliveryAddressID)
		}
		if assignment, set := in.AccountAssignment.ValueOK(); set {
			if value := assignment.value([]string{"accountAssignment"}, &faults); value != nil {
				update.SetAccountAssignment(value)
			} else {
				update.ClearAccountAssignment()
			}
		}
		if id, set := in.ContractID.ValueOK(); set {
			if err := s.name(ctx, tx, update, id, &faults); err != nil {
				return err
			}
		}
		if len(faults) > 0 {
			return faults
		}
		changed, err := update.Save(ctx)
		if err != nil {
			return fmt.Errorf("changing the cart: %w", err)
		}
		if in.AcknowledgePrices != nil && *in.AcknowledgePrices || !equal(row.ContractID, changed.ContractID) {
			return s.acknowledge(ctx, tx, changed)
		}
		return nil
	})
}

// acknowledge notes the prices as they are now as seen.
func (s *Service) acknowledge(ctx context.Context, tx *ent.Tx, row *ent.Cart) error {
	c, err := s.Price(ctx, tx.Client(), row)
	if err != nil {
		return err
	}
	f := &filling{s: s, tx: tx, cart: row, changed: map[*ent.CartItem]bool{}}
	for _, item := range c.Items {
		if item.UnitPrice != nil && (item.SeenPrice == nil || item.SeenPrice.Cmp(item.UnitPrice.Amount) != 0) {
			item.SeenPrice, f.changed[item.CartItem] = &item.UnitPrice.Amount, true
			f.items = append(f.items, item.CartItem)
		}
	}
	return f.write(ctx)
}

// Clear takes everything out of the cart and makes it new.
func (s *Service) Clear(ctx context.Context) (*Cart, error) {
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error { return s.Empty(ctx, tx, row) })
}

// Empty makes a locked cart new, within a transaction: without positions, with
// the viewer's defaults.
func (s *Service) Empty(ctx context.Context, tx *ent.Tx, row *ent.Cart) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.CartItem.Delete().Where(cartitem.CartID(row.ID)).Exec(ctx); err != nil {
		return fmt.Errorf("emptying the cart: %w", err)
	}
	update := tx.Cart.UpdateOneID(row.ID).SetName("").SetCustomerOrderNumber("").SetReferenceNumber("").ClearContractID()
	m := update.Mutation()
	if err := s.proposeDefaults(ctx, tx, v, m); err != nil {
		return err
	}
	if _, proposed := m.DeliveryAddressID(); !proposed {
		update.ClearDeliveryAddressID()
	}
	if _, proposed := m.AccountAssignment(); !proposed {
		update.ClearAccountAssignment()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("emptying the cart: %w", err)
	}
	return nil
}

// value is the assignment of the input; nil when nothing is assigned.
func (in *AccountAssignmentInput) value(field []string, faults *fault.List) *account.Assignment {
	if in == nil {
		return nil
	}
	part := func(text *string, name string) string {
		return fault.Line(text, 40, append(append([]string{}, field...), name), faults)
	}
	a := account.Assignment{
		CostCentre: part(in.CostCentre, "costCentre"), GLAccount: part(in.GlAccount, "glAccount"),
		Project: part(in.Project, "project"), Plant: part(in.Plant, "plant"),
	}
	if a.IsZero() {
		return nil
	}
	return &a
}
