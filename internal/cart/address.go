package cart

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/address"
	"kontor/ent/cart"
	"kontor/ent/cartitem"
	"kontor/ent/savedassignment"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// SaveAddressInput is an address to save, or to change when it has an ID.
type SaveAddressInput struct {
	ID         *gid.ID
	Label      *string
	Company    *string
	Contact    *string
	Street     string
	PostalCode string
	City       string
	Country    string
	IsDefault  *bool
}

// SaveAccountAssignmentInput is an account assignment to save, or to change when
// it has an ID.
type SaveAccountAssignmentInput struct {
	ID         *gid.ID
	Label      *string
	CostCentre *string
	GlAccount  *string
	Project    *string
	Plant      *string
	IsDefault  *bool
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// Addresses are the viewer's saved delivery addresses, the default first (CA-04).
func (s *Service) Addresses(ctx context.Context) ([]*ent.Address, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.db.Client.Address.Query().Where(address.UserID(v.User), address.TenantID(v.Tenant), address.DeletedAtIsNil()).
		Order(address.ByIsDefault(sql.OrderDesc()), address.ByLabel(), address.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	return all, nil
}

// Assignments are the viewer's saved account assignments, the default first (CA-04).
func (s *Service) Assignments(ctx context.Context) ([]*ent.SavedAssignment, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.db.Client.SavedAssignment.Query().Where(savedassignment.UserID(v.User), savedassignment.TenantID(v.Tenant)).
		Order(savedassignment.ByIsDefault(sql.OrderDesc()), savedassignment.ByLabel(), savedassignment.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing account assignments: %w", err)
	}
	return all, nil
}

// SaveAddress saves or changes an address. There is one default at most: the
// latest (CA-04).
func (s *Service) SaveAddress(ctx context.Context, in SaveAddressInput) (*ent.Address, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	street, city := fault.Line(&in.Street, 100, []string{"street"}, &faults), fault.Line(&in.City, 100, []string{"city"}, &faults)
	postal := fault.Line(&in.PostalCode, 20, []string{"postalCode"}, &faults)
	company, contact := fault.Line(in.Company, 100, []string{"company"}, &faults), fault.Line(in.Contact, 100, []string{"contact"}, &faults)
	label := fault.Line(in.Label, 60, []string{"label"}, &faults)
	for _, needed := range []struct{ field, text string }{{"street", in.Street}, {"postalCode", in.PostalCode}, {"city", in.City}} {
		if strings.TrimSpace(needed.text) == "" {
			faults.Add(fault.New("VALUE_REQUIRED", needed.field))
		}
	}
	if !country.MatchString(in.Country) {
		faults.Add(fault.New("COUNTRY_INVALID", "country"))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if label == "" {
		label = street
	}
	isDefault := in.IsDefault != nil && *in.IsDefault
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Address, error) {
		if isDefault {
			if err := tx.Address.Update().Where(address.UserID(v.User), address.IsDefault(true)).SetIsDefault(false).Exec(ctx); err != nil {
				return nil, fmt.Errorf("replacing the default address: %w", err)
			}
		}
		if in.ID == nil {
			return tx.Address.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetLabel(label).SetCompany(company).
				SetContact(contact).SetStreet(street).SetPostalCode(postal).SetCity(city).SetCountry(in.Country).
				SetIsDefault(isDefault).SetCreatedAt(s.now()).Save(ctx)
		}
		existing, err := tx.Address.Query().Where(address.ID(in.ID.Of(ent.KindAddress)), address.DeletedAtIsNil()).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, fault.New("ADDRESS_UNKNOWN", "id")
		}
		if err != nil {
			return nil, fmt.Errorf("reading the address to change: %w", err)
		}
		update := existing.Update().SetLabel(label).SetCompany(company).SetContact(contact).SetStreet(street).
			SetPostalCode(postal).SetCity(city).SetCountry(in.Country)
		if in.IsDefault != nil {
			update.SetIsDefault(isDefault)
		}
		return update.Save(ctx)
	})
}

// DeleteAddress deletes an address: the carts that name it lose it, orders keep
// theirs, which they took along.
func (s *Service) DeleteAddress(ctx context.Context, id gid.ID) (gid.ID, error) {
	key := id.Of(ent.KindAddress)
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (gid.ID, error) {
		n, err := tx.Address.Update().Where(address.ID(key), address.DeletedAtIsNil()).
			SetDeletedAt(s.now()).SetIsDefault(false).Save(ctx)
		if err != nil {
			return "", fmt.Errorf("deleting the address: %w", err)
		}
		if n == 0 {
			return "", fault.New("ADDRESS_UNKNOWN", "id")
		}
		if err := tx.Cart.Update().Where(cart.DeliveryAddressID(key)).ClearDeliveryAddressID().Exec(ctx); err != nil {
			return "", fmt.Errorf("taking the address out of the cart: %w", err)
		}
		if err := tx.CartItem.Update().Where(cartitem.DeliveryAddressID(key)).ClearDeliveryAddressID().Exec(ctx); err != nil {
			return "", fmt.Errorf("taking the address out of positions: %w", err)
		}
		return id, nil
	})
}

// SaveAssignment saves or changes an account assignment. There is one default at
// most: the latest (CA-04).
func (s *Service) SaveAssignment(ctx context.Context, in SaveAccountAssignmentInput) (*ent.SavedAssignment, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	value := (&AccountAssignmentInput{CostCentre: in.CostCentre, GlAccount: in.GlAccount, Project: in.Project, Plant: in.Plant}).value(nil, &faults)
	label := fault.Line(in.Label, 60, []string{"label"}, &faults)
	if value == nil && len(faults) == 0 {
		faults.Add(fault.New("VALUE_REQUIRED", "costCentre"))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	for _, proposal := range []string{value.CostCentre, value.GLAccount, value.Project, value.Plant} {
		if label == "" {
			label = proposal
		}
	}
	isDefault := in.IsDefault != nil && *in.IsDefault
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.SavedAssignment, error) {
		if isDefault {
			if err := tx.SavedAssignment.Update().Where(savedassignment.UserID(v.User), savedassignment.IsDefault(true)).SetIsDefault(false).Exec(ctx); err != nil {
				return nil, fmt.Errorf("replacing the default account assignment: %w", err)
			}
		}
		if in.ID == nil {
			return tx.SavedAssignment.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetLabel(label).
				SetCostCentre(value.CostCentre).SetGlAccount(value.GLAccount).SetProject(value.Project).SetPlant(value.Plant).
				SetIsDefault(isDefault).SetCreatedAt(s.now()).Save(ctx)
		}
		existing, err := tx.SavedAssignment.Query().Where(savedassignment.ID(in.ID.Of(ent.KindSavedAssignment))).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, fault.New("ASSIGNMENT_UNKNOWN", "id")
		}
		if err != nil {
			return nil, fmt.Errorf("reading the account assignment to change: %w", err)
		}
		update := existing.Update().SetLabel(label).SetCostCentre(value.CostCentre).SetGlAccount(value.GLAccount).
			SetProject(value.Project).SetPlant(value.Plant)
		if in.IsDefault != nil {
			update.SetIsDefault(isDefault)
		}
		return update.Save(ctx)
	})
}
