package cart

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/product"
	"kontor/ent/savedcart"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// maxSavedCarts bounds what a user keeps for one tenant.
const maxSavedCarts = 100

// SaveCartInput is how to save the current cart.
type SaveCartInput struct {
	Name   string
	Shared *bool
}

// UpdateSavedCartInput is what to change of a saved cart; what is not set stays.
type UpdateSavedCartInput struct {
	ID     gid.ID
	Name   graphql.Omittable[*string]
	Shared *bool
}

// SavedCarts is the query for the saved carts that the viewer may see: its own for the
// tenant that it works for, and those that are shared there (CA-06).
func (s *Service) SavedCarts() *ent.SavedCartQuery { return s.db.Client.SavedCart.Query() }

// Save keeps the current cart under a name (CA-06). The cart stays as it is.
func (s *Service) Save(ctx context.Context, in SaveCartInput) (*ent.SavedCart, error) {
	var faults fault.List
	name := fault.Needed(in.Name, 100, "name", &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.SavedCart, error) {
		// The cart's row is held: of several requests the bound stops the right one.
		row, err := s.Lock(ctx, tx)
		if err != nil {
			return nil, err
		}
		c, err := s.Price(ctx, tx.Client(), row)
		if err != nil {
			return nil, err
		}
		if len(c.Items) == 0 {
			return nil, fault.New("CART_EMPTY")
		}
		kept, err := tx.SavedCart.Query().Where(savedcart.UserID(row.UserID), savedcart.TenantID(row.TenantID)).Count(ctx)
		if err != nil {
			return nil, fmt.Errorf("counting saved carts: %w", err)
		}
		if kept >= maxSavedCarts {
			return nil, fault.New("TOO_MANY_SAVED_CARTS").With("max", maxSavedCarts)
		}
		create := tx.SavedCart.Create().SetTenantID(row.TenantID).SetUserID(row.UserID).SetName(name).SetShared(in.Shared != nil && *in.Shared).
			SetCustomerOrderNumber(row.CustomerOrderNumber).SetReferenceNumber(row.ReferenceNumber).SetNillableContractID(row.ContractID).
			SetPositions(savedPositions(c)).SetCreatedAt(s.now()).SetUpdatedAt(s.now())
		if c.AccountAssignment != nil {
			create.SetAccountAssignment(c.AccountAssignment)
		}
		if c.DeliveryAddress != nil {
			create.SetDeliveryAddress(savedAddress(c.DeliveryAddress))
		}
		saved, err := create.Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("saving the cart: %w", err)
		}
		return saved, s.recordSharing(ctx, tx, saved, false)
	})
}

// savedPositions are the positions of a cart to keep: an address or assignment that is
// the cart's stays the cart's.
func savedPositions(c *Cart) []account.SavedPosition {
	positions := make([]account.SavedPosition, len(c.Items))
	for i, item := range c.Items {
		positions[i] = account.SavedPosition{ProductID: item.ProductID, Unit: item.ProductUnit, Quantity: item.Quantity,
			SeenPrice: item.SeenPrice, WishedDate: item.WishedDate, Assignment: item.AccountAssignment}
		if a := item.DeliveryAddress; a != nil && item.DeliveryAddressID != nil && a.ID == *item.DeliveryAddressID {
			positions[i].Address = savedAddress(a)
		}
	}
	return positions
}

func savedAddress(a *ent.Address) *account.SavedAddress {
	return &account.SavedAddress{ID: a.ID, Address: a.Copy()}
}

// UpdateSaved renames a saved cart of the viewer's, or shares it, or shares it no more.
func (s *Service) UpdateSaved(ctx context.Context, in UpdateSavedCartInput) (*ent.SavedCart, error) {
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.SavedCart, error) {
		saved, err := s.ownSaved(ctx, tx, in.ID)
		if err != nil {
			return nil, err
		}
		var faults fault.List
		update := saved.Update().SetUpdatedAt(s.now())
		if name, set := in.Name.ValueOK(); set {
			if name == nil {
				name = new(string)
			}
			update.SetName(fault.Needed(*name, 100, "name", &faults))
		}
		if in.Shared != nil {
			update.SetShared(*in.Shared)
		}
		if len(faults) > 0 {
			return nil, faults
		}
		before := saved.Shared
		if saved, err = update.Save(ctx); err != nil {
			return nil, fmt.Errorf("changing the saved cart: %w", err)
		}
		return saved, s.recordSharing(ctx, tx, saved, before)
	})
}

// DeleteSaved deletes a saved cart of the viewer's.
func (s *Service) DeleteSaved(ctx context.Context, id gid.ID) (gid.ID, error) {
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (gid.ID, error) {
		saved, err := s.ownSaved(ctx, tx, id)
		if err != nil {
			return "", err
		}
		if err := tx.SavedCart.DeleteOne(saved).Exec(ctx); err != nil {
			return "", fmt.Errorf("deleting the saved cart: %w", err)
		}
		before := saved.Shared
		saved.Shared = false
		return id, s.recordSharing(ctx, tx, saved, before)
	})
}

// recordSharing notes what others see coming or going; what somebody does with carts of
// its own is nobody's business.
func (s *Service) recordSharing(ctx context.Context, tx *ent.Tx, saved *ent.SavedCart, before bool) error {
	if saved.Shared == before {
		return nil
	}
	return s.audit.Record(ctx, tx, audit.Change{Tenant: saved.TenantID, Action: "saved_cart.share", Kind: "SavedCart", Subject: saved.ID, Label: saved.Name,
		Before: map[string]any{"shared": before}, After: map[string]any{"shared": saved.Shared}})
}

// ownSaved is a saved cart of the viewer's own.
func (s *Service) ownSaved(ctx context.Context, tx *ent.Tx, id gid.ID) (*ent.SavedCart, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	saved, err := s.visibleSaved(ctx, tx, id)
	if err == nil && saved.UserID != v.User {
		return nil, fault.New("SAVED_CART_NOT_YOURS", "id")
	}
	return saved, err
}

// visibleSaved is a saved cart that the viewer may see.
func (s *Service) visibleSaved(ctx context.Context, tx *ent.Tx, id gid.ID) (*ent.SavedCart, error) {
	saved, err := tx.SavedCart.Query().Where(savedcart.ID(id.Of(ent.KindSavedCart))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New("SAVED_CART_UNKNOWN", "id")
	}
	if err != nil {
		return nil, fmt.Errorf("finding the saved cart: %w", err)
	}
	return saved, nil
}

// PriceSaved is a saved cart with the viewer's prices as they are now: a fixed number of
// statements for all saved carts that were loaded together.
func (s *Service) PriceSaved(ctx context.Context, saved *ent.SavedCart) (*Cart, error) {
	priced, err := ent.Load(ctx, saved.Siblings(), "priced", func(ctx context.Context, all []*ent.SavedCart) (map[uuid.UUID]*Cart, error) {
		return s.priceSaved(ctx, s.db.Client, all)
	})
	return priced[saved.ID], err
}

// Saved is a saved cart that the viewer may see, priced within a transaction, as if it
// were the current one: to order it as it stands (CA-07).
func (s *Service) Saved(ctx context.Context, tx *ent.Tx, id gid.ID) (*Cart, error) {
	saved, err := s.visibleSaved(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	priced, err := s.priceSaved(ctx, tx.Client(), []*ent.SavedCart{saved})
	return priced[saved.ID], err
}

func (s *Service) priceSaved(ctx context.Context, client *ent.Client, all []*ent.SavedCart) (map[uuid.UUID]*Cart, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var products, contracts []uuid.UUID
	stored := map[uuid.UUID]account.Address{}
	note := func(a *account.SavedAddress) {
		if a != nil {
			stored[a.ID] = a.Address
		}
	}
	for _, saved := range all {
		note(saved.DeliveryAddress)
		if saved.ContractID != nil {
			contracts = append(contracts, *saved.ContractID)
		}
		for _, p := range saved.Positions {
			products = append(products, p.ProductID)
			note(p.Address)
		}
	}
	offered, err := client.Product.Query().Where(product.IDIn(distinct(products)...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the products of saved carts: %w", err)
	}
	known := make(map[uuid.UUID]*ent.Product, len(offered))
	for _, p := range offered {
		known[p.ID] = p
	}
	addresses, err := s.storedAddresses(ctx, client, stored)
	if err != nil {
		return nil, err
	}
	currency, err := s.currency(ctx, client, v.Tenant)
	if err != nil {
		return nil, err
	}
	by, err := s.agreements(ctx, client, distinct(contracts))
	if err != nil {
		return nil, err
	}
	priced := make(map[uuid.UUID]*Cart, len(all))
	for _, saved := range all {
		row := &ent.Cart{ID: saved.ID, TenantID: v.Tenant, UserID: v.User, Name: saved.Name, CustomerOrderNumber: saved.CustomerOrderNumber,
			ReferenceNumber: saved.ReferenceNumber, AccountAssignment: saved.AccountAssignment, ContractID: saved.ContractID, UpdatedAt: saved.UpdatedAt}
		if saved.DeliveryAddress != nil {
			row.DeliveryAddressID = &saved.DeliveryAddress.ID
		}
		var from *agreement
		if row.ContractID != nil {
			from = by[*row.ContractID]
		}
		priced[saved.ID] = assemble(row, itemsOf(saved.Positions, known), addresses)
		if err := s.priceBy(ctx, client, priced[saved.ID], from, currency); err != nil {
			return nil, err
		}
	}
	return priced, nil
}

// itemsOf are kept positions as those of a cart.
func itemsOf(positions []account.SavedPosition, known map[uuid.UUID]*ent.Product) []*ent.CartItem {
	items := make([]*ent.CartItem, len(positions))
	for i, p := range positions {
		items[i] = &ent.CartItem{ProductID: p.ProductID, ProductUnit: p.Unit, Quantity: p.Quantity, SeenPrice: p.SeenPrice,
			WishedDate: p.WishedDate, AccountAssignment: p.Assignment}
		if p.Address != nil {
			items[i].DeliveryAddressID = &p.Address.ID
		}
		items[i].Edges.Product = known[p.ProductID]
	}
	return items
}

// storedAddresses are addresses as they are now where they are the viewer's, and as they
// were kept otherwise.
func (s *Service) storedAddresses(ctx context.Context, client *ent.Client, stored map[uuid.UUID]account.Address) (map[uuid.UUID]*ent.Address, error) {
	ids := make([]uuid.UUID, 0, len(stored))
	for id := range stored {
		ids = append(ids, id)
	}
	own, err := s.ownAddresses(ctx, client, ids)
	if err != nil {
		return nil, err
	}
	addresses := make(map[uuid.UUID]*ent.Address, len(stored))
	for id, a := range stored {
		if addresses[id] = own[id]; addresses[id] == nil {
			addresses[id] = &ent.Address{ID: id, Company: a.Company, Contact: a.Contact, Street: a.Street, PostalCode: a.PostalCode, City: a.City, Country: a.Country}
		}
	}
	return addresses, nil
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	seen, once := map[uuid.UUID]bool{}, make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id], once = true, append(once, id)
		}
	}
	return once
}
