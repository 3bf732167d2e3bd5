package cart

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/address"
	"kontor/ent/cart"
	"kontor/ent/cartitem"
	"kontor/ent/savedassignment"
	"kontor/ent/tenant"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/money"
)

// Cart is the current cart with its prices as they are now.
type Cart struct {
	*ent.Cart
	Items []*Item
	// Contract is the agreement that it calls off from; nil where there is none, or where the
	// viewer may not see it any more (OR-12).
	Contract        *ent.Contract
	DeliveryAddress *ent.Address
	Net, Tax, Gross money.Money
	// Orderable tells that the cart has positions and none of them has a problem.
	Orderable bool
}

// Item is a position with its price as it is now.
type Item struct {
	*ent.CartItem
	Product             *ent.Product          // nil when it left the assortment
	Agreed              *ent.ContractPosition // what it calls off from; nil where its price is that of the company
	UnitPrice           *money.Money
	LineTotal           *money.Money
	DeliveryAddress     *ent.Address // its own, or the cart's
	EffectiveAssignment *account.Assignment
	Unit                string
	Problems            []Problem
}

// Problem stands in the way of ordering a position (CA-09).
type Problem struct {
	Code string
	Args map[string]any
}

// Current is the viewer's cart for the tenant that it works for; the first call
// makes it.
func (s *Service) Current(ctx context.Context) (*Cart, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	row, err := s.db.Client.Cart.Query().Where(cart.UserID(v.User), cart.TenantID(v.Tenant)).Only(ctx)
	if ent.IsNotFound(err) {
		row, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Cart, error) { return s.Lock(ctx, tx) })
	}
	if err != nil {
		return nil, fmt.Errorf("reading the cart: %w", err)
	}
	return s.Price(ctx, s.db.Client, row)
}

// Lock takes the viewer's cart for a change: it counts its version up, which
// holds the row until the transaction ends, so that changes follow one another.
// A cart that is not there yet is made, with the viewer's default address and
// assignment.
func (s *Service) Lock(ctx context.Context, tx *ent.Tx) (*ent.Cart, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	mine := []func() (int, error){
		func() (int, error) { return s.touch(ctx, tx, v) },
		func() (int, error) { return 0, s.make(ctx, tx, v) },
		func() (int, error) { return s.touch(ctx, tx, v) },
	}
	for _, step := range mine {
		n, err := step()
		if err != nil {
			return nil, fmt.Errorf("taking the cart for a change: %w", err)
		}
		if n > 0 {
			return tx.Cart.Query().Where(cart.UserID(v.User), cart.TenantID(v.Tenant)).Only(ctx)
		}
	}
	return nil, fmt.Errorf("taking the cart for a change: it could not be made")
}

// Hold holds the viewer's cart as Lock does, and leaves it as it is.
func (s *Service) Hold(ctx context.Context, tx *ent.Tx) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if err := s.make(ctx, tx, v); err != nil {
		return fmt.Errorf("holding the cart: %w", err)
	}
	if _, err := db.ForUpdate(s.db, tx.Cart.Query().Where(cart.UserID(v.User), cart.TenantID(v.Tenant))).Only(ctx); err != nil {
		return fmt.Errorf("holding the cart: %w", err)
	}
	return nil
}

func (s *Service) touch(ctx context.Context, tx *ent.Tx, v *authz.Viewer) (int, error) {
	return tx.Cart.Update().Where(cart.UserID(v.User), cart.TenantID(v.Tenant)).
		AddVersion(1).SetUpdatedAt(s.now()).Save(ctx)
}

func (s *Service) make(ctx context.Context, tx *ent.Tx, v *authz.Viewer) error {
	create := tx.Cart.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetUpdatedAt(s.now())
	if err := s.proposeDefaults(ctx, tx, v, create.Mutation()); err != nil {
		return err
	}
	// Another request may have made it meanwhile: then that one counts.
	return create.OnConflictColumns(cart.FieldTenantID, cart.FieldUserID).Ignore().Exec(ctx)
}

// proposeDefaults fills in the viewer's default address and assignment (CA-04).
func (s *Service) proposeDefaults(ctx context.Context, tx *ent.Tx, v *authz.Viewer, m *ent.CartMutation) error {
	a, err := tx.Address.Query().
		Where(address.UserID(v.User), address.IsDefault(true), address.DeletedAtIsNil()).First(ctx)
	if err == nil {
		m.SetDeliveryAddressID(a.ID)
	} else if !ent.IsNotFound(err) {
		return fmt.Errorf("reading the default address: %w", err)
	}
	saved, err := tx.SavedAssignment.Query().
		Where(savedassignment.UserID(v.User), savedassignment.IsDefault(true)).First(ctx)
	if err == nil {
		m.SetAccountAssignment(&account.Assignment{
			CostCentre: saved.CostCentre, GLAccount: saved.GlAccount, Project: saved.Project, Plant: saved.Plant,
		})
	} else if !ent.IsNotFound(err) {
		return fmt.Errorf("reading the default account assignment: %w", err)
	}
	return nil
}

// Price reads the positions of a cart and prices them: a fixed number of
// statements, however long the cart is.
func (s *Service) Price(ctx context.Context, client *ent.Client, row *ent.Cart) (*Cart, error) {
	items, err := client.CartItem.Query().Where(cartitem.CartID(row.ID)).
		WithProduct().Order(cartitem.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the positions of the cart: %w", err)
	}
	addresses, err := s.addressesOf(ctx, client, row, items)
	if err != nil {
		return nil, err
	}
	currency, err := s.currency(ctx, client, row.TenantID)
	if err != nil {
		return nil, err
	}
	by, err := s.agreement(ctx, client, row)
	if err != nil {
		return nil, err
	}
	c := assemble(row, items, addresses)
	return c, s.priceBy(ctx, client, c, by, currency)
}

// assemble is a cart without its prices, of positions whose products are loaded.
func assemble(row *ent.Cart, items []*ent.CartItem, addresses map[uuid.UUID]*ent.Address) *Cart {
	c := &Cart{Cart: row, Items: make([]*Item, len(items))}
	if row.DeliveryAddressID != nil {
		c.DeliveryAddress = addresses[*row.DeliveryAddressID]
	}
	for i, each := range items {
		item := &Item{CartItem: each, Product: each.Edges.Product, DeliveryAddress: c.DeliveryAddress, Unit: each.ProductUnit,
			EffectiveAssignment: each.AccountAssignment}
		if each.DeliveryAddressID != nil && addresses[*each.DeliveryAddressID] != nil {
			item.DeliveryAddress = addresses[*each.DeliveryAddressID]
		}
		if item.EffectiveAssignment == nil {
			item.EffectiveAssignment = c.AccountAssignment
		}
		c.Items[i] = item
	}
	return c
}

// priceBy prices the positions of a cart by an agreement or without one, tells what stands
// in their way and adds them up; the currency is that of a cart where nothing has a price.
func (s *Service) priceBy(ctx context.Context, client *ent.Client, c *Cart, by *agreement, currency string) error {
	if by != nil {
		c.Contract = by.Contract
	}
	for _, item := range c.Items {
		if err := s.priceItem(ctx, client, by, item); err != nil {
			return err
		}
	}
	if err := by.tell(c.Items); err != nil {
		return err
	}
	c.Orderable = len(c.Items) > 0
	taxed := make([]money.Taxed, 0, len(c.Items))
	for _, item := range c.Items {
		c.Orderable = c.Orderable && len(item.Problems) == 0
		if item.LineTotal != nil {
			taxed = append(taxed, money.Taxed{Net: item.LineTotal.Amount, RatePercent: item.Product.TaxRate})
			currency = item.LineTotal.Currency
		}
	}
	totals, err := money.Sum(taxed)
	if err != nil {
		return fmt.Errorf("adding up the cart: %w", err)
	}
	c.Net, c.Tax, c.Gross = money.Of(totals.Net, currency), money.Of(totals.Tax, currency), money.Of(totals.Gross, currency)
	return nil
}

func (s *Service) priceItem(ctx context.Context, client *ent.Client, by *agreement, item *Item) error {
	item.UnitPrice, item.LineTotal, item.Agreed = nil, nil, nil
	if item.Product != nil {
		price, agreed, err := s.unitPrice(ctx, client, by, item.Product, item.Quantity)
		if err != nil {
			return err
		}
		if price != nil {
			total, err := money.Line(item.Quantity, price.Amount)
			if err != nil {
				return fmt.Errorf("pricing a position: %w", err)
			}
			line := money.Of(total, price.Currency)
			item.UnitPrice, item.LineTotal, item.Agreed = price, &line, agreed
		}
	}
	problems, err := s.problems(item)
	item.Problems = problems
	return err
}

// problems are what stands in the way of ordering a position as it is now (CA-09).
func (s *Service) problems(item *Item) ([]Problem, error) {
	if item.Product == nil || !item.Product.Active || item.UnitPrice == nil {
		sku := ""
		if item.Product != nil {
			sku = item.Product.Sku
		}
		return []Problem{{Code: "PRODUCT_NOT_ORDERABLE", Args: map[string]any{"sku": sku}}}, nil
	}
	var found []Problem
	if item.SeenPrice == nil || item.SeenPrice.Cmp(item.UnitPrice.Amount) != 0 {
		found = append(found, Problem{Code: "PRICE_CHANGED"})
	}
	broken, err := brokenQuantity(item.Product, item.Quantity)
	if err != nil {
		return nil, err
	}
	if broken != nil {
		found = append(found, *broken)
	}
	if item.WishedDate != nil && *item.WishedDate < day.Of(s.now()) {
		found = append(found, Problem{Code: "DATE_IN_PAST"})
	}
	return found, nil
}

// brokenQuantity is the product's rule that a quantity breaks, or nil.
func brokenQuantity(p *ent.Product, quantity money.Decimal) (*Problem, error) {
	if quantity.Cmp(p.MinimumQuantity) < 0 {
		return &Problem{Code: "QUANTITY_TOO_SMALL", Args: map[string]any{"minimum": p.MinimumQuantity.String(), "unit": p.Unit}}, nil
	}
	whole, err := quantity.IsMultipleOf(p.QuantityStep)
	if err != nil {
		return nil, fmt.Errorf("checking the quantity step of %s: %w", p.Sku, err)
	}
	if !whole {
		return &Problem{Code: "QUANTITY_STEP", Args: map[string]any{"step": p.QuantityStep.String(), "unit": p.Unit}}, nil
	}
	return nil, nil
}

func (s *Service) addressesOf(ctx context.Context, client *ent.Client, row *ent.Cart, items []*ent.CartItem) (map[uuid.UUID]*ent.Address, error) {
	var ids []uuid.UUID
	if row.DeliveryAddressID != nil {
		ids = append(ids, *row.DeliveryAddressID)
	}
	for _, item := range items {
		if item.DeliveryAddressID != nil {
			ids = append(ids, *item.DeliveryAddressID)
		}
	}
	return s.ownAddresses(ctx, client, ids)
}

// ownAddresses are those of the addresses that are the viewer's.
func (s *Service) ownAddresses(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.Address, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := client.Address.Query().Where(address.IDIn(ids...), address.DeletedAtIsNil()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading delivery addresses: %w", err)
	}
	byID := make(map[uuid.UUID]*ent.Address, len(found))
	for _, a := range found {
		byID[a.ID] = a
	}
	return byID, nil
}

// currency is the tenant's: that of the totals of an empty cart.
func (s *Service) currency(ctx context.Context, client *ent.Client, id uuid.UUID) (string, error) {
	t, err := client.Tenant.Query().Where(tenant.ID(id)).Select(tenant.FieldCurrency).Only(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the tenant's currency: %w", err)
	}
	return t.Currency, nil
}

// at is the path of a position in a list of the input.
func at(list string, i int, rest ...string) []string {
	return append([]string{list, strconv.Itoa(i)}, rest...)
}
