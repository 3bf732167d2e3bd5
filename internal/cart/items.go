package cart

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/address"
	"kontor/ent/cartitem"
	"kontor/ent/product"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// maxItems bounds what one request may add, and maxPositions what a cart holds.
const (
	maxItems     = 100
	maxPositions = 500
)

// maxQuantity keeps quantity times price within what a decimal holds exactly.
var maxQuantity = money.MustParse("100000000")

// AddCartItemsInput is what to put into the cart; all of it goes in, or nothing.
type AddCartItemsInput struct{ Items []*CartItemInput }

// CartItemInput is a position to add.
type CartItemInput struct {
	Sku               string
	Quantity          money.Decimal
	DeliveryAddressID *gid.ID
	WishedDate        *day.Day
	AccountAssignment *AccountAssignmentInput
}

// UpdateCartItemInput is what to change of a position; what is not set stays,
// null empties.
type UpdateCartItemInput struct {
	ItemID            gid.ID
	Quantity          *money.Decimal
	DeliveryAddressID graphql.Omittable[*gid.ID]
	WishedDate        graphql.Omittable[*day.Day]
	AccountAssignment graphql.Omittable[*AccountAssignmentInput]
}

// RemoveCartItemsInput is which positions to take out.
type RemoveCartItemsInput struct{ ItemIds []gid.ID }

// Add puts products into the cart (CA-02). A position that differs from an
// existing one in the quantity only is added to it.
func (s *Service) Add(ctx context.Context, in AddCartItemsInput) (*Cart, error) {
	if len(in.Items) > maxItems {
		return nil, fault.New("TOO_MANY_ITEMS", "items").With("max", maxItems)
	}
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		skus := make([]string, len(in.Items))
		for i, each := range in.Items {
			skus[i] = each.Sku
		}
		products, err := s.productsBySKU(ctx, tx, skus)
		if err != nil {
			return err
		}
		f, err := s.filling(ctx, tx, row)
		if err != nil {
			return err
		}
		var faults fault.List
		for i, each := range in.Items {
			p := products[each.Sku]
			if p == nil {
				faults.Add(fault.New("PRODUCT_UNKNOWN", at("items", i, "sku")...).With("sku", each.Sku))
				continue
			}
			position, err := s.position(ctx, tx, each, i, &faults)
			if err != nil {
				return err
			}
			if position == nil || !p.Active {
				if !p.Active {
					faults.Add(fault.New("PRODUCT_NOT_ORDERABLE", at("items", i, "sku")...).With("sku", each.Sku))
				}
				continue
			}
			if err := f.put(ctx, p, *position, at("items", i, "quantity"), &faults); err != nil {
				return err
			}
		}
		if len(f.items) > maxPositions {
			faults.Add(fault.New("TOO_MANY_ITEMS", "items").With("max", maxPositions))
		}
		if len(faults) > 0 {
			return faults
		}
		return f.write(ctx)
	})
}

// position is a checked CartItemInput.
type position struct {
	quantity   money.Decimal
	address    *uuid.UUID
	wished     *day.Day
	assignment *account.Assignment
}

// position checks what does not depend on the product; nil when it has a fault.
func (s *Service) position(ctx context.Context, tx *ent.Tx, in *CartItemInput, i int, faults *fault.List) (*position, error) {
	before := len(*faults)
	p := position{quantity: in.Quantity, wished: in.WishedDate}
	s.checkQuantity(in.Quantity, at("items", i, "quantity"), faults)
	s.checkDate(in.WishedDate, at("items", i, "wishedDate"), faults)
	p.assignment = in.AccountAssignment.value(at("items", i, "accountAssignment"), faults)
	id, err := s.knownAddress(ctx, tx, in.DeliveryAddressID, at("items", i, "deliveryAddressId"), faults)
	if err != nil {
		return nil, err
	}
	p.address = id
	if len(*faults) > before {
		return nil, nil
	}
	return &p, nil
}

// UpdateItem changes a position (CA-03).
func (s *Service) UpdateItem(ctx context.Context, in UpdateCartItemInput) (*Cart, error) {
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		item, err := tx.CartItem.Query().Where(cartitem.ID(in.ItemID.Of(ent.KindCartItem)), cartitem.CartID(row.ID)).WithProduct().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.New("ITEM_UNKNOWN", "itemId")
		}
		if err != nil {
			return fmt.Errorf("reading the position to change: %w", err)
		}
		var faults fault.List
		update := item.Update()
		if in.Quantity != nil {
			if err := s.setQuantity(ctx, tx, row, update, item, *in.Quantity, &faults); err != nil {
				return err
			}
		}
		if wished, set := in.WishedDate.ValueOK(); set {
			s.checkDate(wished, []string{"wishedDate"}, &faults)
			setOrClear(wished, update.SetWishedDate, update.ClearWishedDate)
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
		if len(faults) > 0 {
			return faults
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("changing the position: %w", err)
		}
		return nil
	})
}

func (s *Service) setQuantity(ctx context.Context, tx *ent.Tx, row *ent.Cart, update *ent.CartItemUpdateOne, item *ent.CartItem, quantity money.Decimal, faults *fault.List) error {
	field := []string{"quantity"}
	p := item.Edges.Product
	if p == nil {
		faults.Add(fault.New("PRODUCT_NOT_ORDERABLE", field...).With("sku", ""))
		return nil
	}
	before := len(*faults)
	s.checkQuantity(quantity, field, faults)
	if len(*faults) > before || !s.fits(p, quantity, field, faults) {
		return nil
	}
	by, err := s.agreement(ctx, tx.Client(), row)
	if err != nil {
		return err
	}
	price, _, err := s.unitPrice(ctx, tx.Client(), by, p, quantity)
	if err != nil {
		return err
	}
	update.SetQuantity(quantity)
	if price != nil {
		update.SetSeenPrice(price.Amount)
	}
	return nil
}

// RemoveItems takes positions out. One that is not there any more is no fault: it
// is out.
func (s *Service) RemoveItems(ctx context.Context, in RemoveCartItemsInput) (*Cart, error) {
	if len(in.ItemIds) > maxPositions {
		return nil, fault.New("TOO_MANY_ITEMS", "itemIds").With("max", maxPositions)
	}
	ids := make([]uuid.UUID, len(in.ItemIds))
	for i, id := range in.ItemIds {
		ids[i] = id.Of(ent.KindCartItem)
	}
	return s.change(ctx, func(tx *ent.Tx, row *ent.Cart) error {
		if _, err := tx.CartItem.Delete().Where(cartitem.CartID(row.ID), cartitem.IDIn(ids...)).Exec(ctx); err != nil {
			return fmt.Errorf("removing positions: %w", err)
		}
		return nil
	})
}

// change runs a change of the viewer's cart in a transaction of its own and gives
// the cart as it is then.
func (s *Service) change(ctx context.Context, apply func(*ent.Tx, *ent.Cart) error) (*Cart, error) {
	row, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Cart, error) {
		row, err := s.Lock(ctx, tx)
		if err != nil {
			return nil, err
		}
		if err := apply(tx, row); err != nil {
			return nil, err
		}
		return tx.Cart.Get(ctx, row.ID)
	})
	if err != nil {
		return nil, err
	}
	return s.Price(ctx, s.db.Client, row)
}

func (s *Service) productsBySKU(ctx context.Context, tx *ent.Tx, skus []string) (map[string]*ent.Product, error) {
	found, err := tx.Product.Query().Where(product.SkuIn(skus...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding products by number: %w", err)
	}
	bySKU := make(map[string]*ent.Product, len(found))
	for _, p := range found {
		bySKU[p.Sku] = p
	}
	return bySKU, nil
}

func (s *Service) checkQuantity(quantity money.Decimal, field []string, faults *fault.List) {
	switch {
	case quantity.Sign() <= 0:
		faults.Add(fault.New("QUANTITY_INVALID", field...))
	case quantity.Cmp(maxQuantity) > 0:
		faults.Add(fault.New("QUANTITY_TOO_LARGE", field...).With("max", maxQuantity.String()))
	}
}

// fits tells whether the product's rules allow the quantity, and adds the fault
// when they do not.
func (s *Service) fits(p *ent.Product, quantity money.Decimal, field []string, faults *fault.List) bool {
	before := len(*faults)
	s.checkQuantity(quantity, field, faults)
	if len(*faults) > before {
		return false
	}
	broken, err := brokenQuantity(p, quantity)
	if err != nil {
		faults.Add(fault.New("QUANTITY_INVALID", field...))
		return false
	}
	if broken != nil {
		faults.Add(&fault.Fault{Code: broken.Code, Field: field, Args: broken.Args})
		return false
	}
	return true
}

func (s *Service) checkDate(date *day.Day, field []string, faults *fault.List) {
	if date != nil && *date < day.Of(s.now()) {
		faults.Add(fault.New("DATE_IN_PAST", field...))
	}
}

// knownAddress is the key of one of the viewer's addresses; nil for none.
func (s *Service) knownAddress(ctx context.Context, tx *ent.Tx, id *gid.ID, field []string, faults *fault.List) (*uuid.UUID, error) {
	if id == nil {
		return nil, nil
	}
	key := id.Of(ent.KindAddress)
	known, err := tx.Address.Query().Where(address.ID(key), address.DeletedAtIsNil()).Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the delivery address: %w", err)
	}
	if !known {
		faults.Add(fault.New("ADDRESS_UNKNOWN", field...))
		return nil, nil
	}
	return &key, nil
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// setOrClear sets a column to a value, or empties it when there is none.
func setOrClear[T, U any](value *T, set func(T) U, empty func() U) {
	if value != nil {
		set(*value)
	} else {
		empty()
	}
}
