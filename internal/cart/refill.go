package cart

import (
	"context"
	"fmt"
	"slices"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/address"
	"kontor/ent/cartitem"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"

	"github.com/google/uuid"
)

// LoadSavedCartInput is which saved cart to load.
type LoadSavedCartInput struct{ ID gid.ID }

// ReplacedCart is what the current cart was before a saved one replaced it.
type ReplacedCart struct {
	Name      string
	ItemCount int
	Net       money.Money
}

// LoadSaved replaces the current cart with a saved one and tells what it replaced
// (CA-06). Prices count as seen when they were seen before the cart was saved: what
// changed since is told (CA-09).
func (s *Service) LoadSaved(ctx context.Context, in LoadSavedCartInput) (*Cart, *ReplacedCart, error) {
	var replaced *ReplacedCart
	c, err := s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		saved, err := s.visibleSaved(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		old, err := s.Price(ctx, tx.Client(), row)
		if err != nil {
			return err
		}
		replaced = &ReplacedCart{Name: old.Name, ItemCount: len(old.Items), Net: old.Net}
		if _, err := tx.CartItem.Delete().Where(cartitem.CartID(row.ID)).Exec(ctx); err != nil {
			return fmt.Errorf("emptying the cart: %w", err)
		}
		f := &filling{s: s, tx: tx, cart: row, changed: map[*ent.CartItem]bool{}}
		own, err := f.adopt(ctx, addressesIn(saved.DeliveryAddress, saved.Positions))
		if err != nil {
			return err
		}
		update := row.Update().SetName(saved.Name).SetCustomerOrderNumber(saved.CustomerOrderNumber).SetReferenceNumber(saved.ReferenceNumber)
		setOrClear(own.of(saved.DeliveryAddress), update.SetDeliveryAddressID, update.ClearDeliveryAddressID)
		setOrClear(saved.ContractID, update.SetContractID, update.ClearContractID)
		if saved.AccountAssignment != nil {
			update.SetAccountAssignment(saved.AccountAssignment)
		} else {
			update.ClearAccountAssignment()
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("loading the saved cart: %w", err)
		}
		for _, p := range saved.Positions {
			f.items = append(f.items, f.again(p, own))
		}
		return f.write(ctx)
	})
	if err != nil {
		return nil, nil, err
	}
	return c, replaced, nil
}

// AddAgain adds positions as they once were to the current cart (OR-11): to existing ones
// where only the quantity differs. What of them cannot be ordered any more, or costs
// something else now, goes in and is told there. The positions are read within the
// transaction, with the agreement that they were called off from, which an empty cart names
// then, too; field is where they are named in the input.
func (s *Service) AddAgain(ctx context.Context, field string, read func(*ent.Tx) ([]account.SavedPosition, *uuid.UUID, error)) (*Cart, error) {
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		positions, from, err := read(tx)
		if err != nil {
			return err
		}
		f, err := s.filling(ctx, tx, row)
		if err != nil {
			return err
		}
		if from != nil && len(f.items) == 0 {
			if err := row.Update().SetContractID(*from).Exec(ctx); err != nil {
				return fmt.Errorf("naming the agreement of an order in the cart: %w", err)
			}
		}
		own, err := f.adopt(ctx, addressesIn(nil, positions))
		if err != nil {
			return err
		}
		var faults fault.List
		for _, p := range positions {
			if p.WishedDate != nil && *p.WishedDate < day.Of(s.now()) {
				p.WishedDate = nil // a date that is over was wished for then
			}
			if err := f.merge(f.again(p, own), field, &faults); err != nil {
				return err
			}
		}
		if len(f.items) > maxPositions {
			faults.Add(fault.New("TOO_MANY_ITEMS", field).With("max", maxPositions))
		}
		if len(faults) > 0 {
			return faults
		}
		return f.write(ctx)
	})
}

// again is a kept position as one of the cart.
func (f *filling) again(p account.SavedPosition, own adopted) *ent.CartItem {
	return &ent.CartItem{ProductID: p.ProductID, ProductUnit: p.Unit, Quantity: p.Quantity, SeenPrice: p.SeenPrice, WishedDate: p.WishedDate,
		DeliveryAddressID: own.of(p.Address), AccountAssignment: p.Assignment, CreatedAt: f.s.now()}
}

// merge adds a position as it is. Where the two were seen at different prices, none of
// them was seen for both.
func (f *filling) merge(add *ent.CartItem, field string, faults *fault.List) error {
	same := slices.IndexFunc(f.items, func(item *ent.CartItem) bool {
		return item.ProductID == add.ProductID && equal(item.DeliveryAddressID, add.DeliveryAddressID) && equal(item.WishedDate, add.WishedDate) &&
			equal(item.AccountAssignment, add.AccountAssignment)
	})
	if same < 0 {
		f.items = append(f.items, add)
		return nil
	}
	item := f.items[same]
	quantity, err := item.Quantity.Plus(add.Quantity)
	if err != nil {
		return fmt.Errorf("adding quantities: %w", err)
	}
	f.s.checkQuantity(quantity, []string{field}, faults)
	if item.SeenPrice != nil && (add.SeenPrice == nil || item.SeenPrice.Cmp(*add.SeenPrice) != 0) {
		item.SeenPrice = nil
	}
	item.Quantity, f.changed[item] = quantity, true
	return nil
}

// adopted are the viewer's own addresses for kept ones.
type adopted map[account.SavedAddress]uuid.UUID

func (a adopted) of(kept *account.SavedAddress) *uuid.UUID {
	if kept == nil {
		return nil
	}
	id := a[*kept]
	return &id
}

// adopt finds the viewer's own address for each kept one: the same one if it is the
// viewer's, one that says the same, or a new one, so that nothing is sent elsewhere.
func (f *filling) adopt(ctx context.Context, kept []account.SavedAddress) (adopted, error) {
	own := adopted{}
	if len(kept) == 0 {
		return own, nil
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := f.tx.Address.Query().Where(address.UserID(v.User), address.TenantID(v.Tenant), address.DeletedAtIsNil()).Order(address.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading addresses: %w", err)
	}
	ids, alike := map[uuid.UUID]bool{}, map[account.Address]uuid.UUID{}
	for _, a := range mine {
		ids[a.ID] = true
		alike[a.Copy()] = a.ID
	}
	var creates []*ent.AddressCreate
	for _, k := range kept {
		id, known := alike[k.Address]
		switch {
		case ids[k.ID]:
			id = k.ID
		case !known:
			id = uuid.Must(uuid.NewV7())
			alike[k.Address] = id
			creates = append(creates, f.tx.Address.Create().SetID(id).SetTenantID(v.Tenant).SetUserID(v.User).SetLabel(k.Street).SetCompany(k.Company).
				SetContact(k.Contact).SetStreet(k.Street).SetPostalCode(k.PostalCode).SetCity(k.City).SetCountry(k.Country).SetCreatedAt(f.s.now()))
		}
		own[k] = id
	}
	if len(creates) > 0 {
		if err := f.tx.Address.CreateBulk(creates...).Exec(ctx); err != nil {
			return nil, fmt.Errorf("keeping addresses: %w", err)
		}
	}
	return own, nil
}

// addressesIn are the addresses of a saved cart, each once.
func addressesIn(whole *account.SavedAddress, positions []account.SavedPosition) []account.SavedAddress {
	var all []account.SavedAddress
	add := func(a *account.SavedAddress) {
		if a != nil && !slices.Contains(all, *a) {
			all = append(all, *a)
		}
	}
	add(whole)
	for _, p := range positions {
		add(p.Address)
	}
	return all
}
