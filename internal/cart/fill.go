package cart

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/cartitem"
	"kontor/internal/fault"
)

// filling collects what goes into a locked cart and writes it at the end: a fixed
// number of statements, however many positions there are.
type filling struct {
	s       *Service
	tx      *ent.Tx
	cart    *ent.Cart
	by      *agreement
	items   []*ent.CartItem // those without an ID are new
	changed map[*ent.CartItem]bool
}

// filling begins with the positions that the cart has.
func (s *Service) filling(ctx context.Context, tx *ent.Tx, row *ent.Cart) (*filling, error) {
	items, err := tx.CartItem.Query().Where(cartitem.CartID(row.ID)).Order(cartitem.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the positions of the cart: %w", err)
	}
	by, err := s.agreement(ctx, tx.Client(), row)
	if err != nil {
		return nil, err
	}
	return &filling{s: s, tx: tx, cart: row, by: by, items: items, changed: map[*ent.CartItem]bool{}}, nil
}

// put adds a position, to an existing one where only the quantity differs. What stands
// in its way is added to faults.
func (f *filling) put(ctx context.Context, p *ent.Product, add position, field []string, faults *fault.List) error {
	same := slices.IndexFunc(f.items, func(item *ent.CartItem) bool {
		return item.ProductID == p.ID && equal(item.DeliveryAddressID, add.address) && equal(item.WishedDate, add.wished) &&
			equal(item.AccountAssignment, add.assignment)
	})
	quantity := add.quantity
	if same >= 0 {
		var err error
		if quantity, err = quantity.Plus(f.items[same].Quantity); err != nil {
			return fmt.Errorf("adding quantities: %w", err)
		}
	}
	if !f.s.fits(p, quantity, field, faults) {
		return nil
	}
	price, _, err := f.s.unitPrice(ctx, f.tx.Client(), f.by, p, quantity)
	if err != nil {
		return err
	}
	if price == nil {
		faults.Add(fault.New("PRODUCT_NOT_ORDERABLE", field...).With("sku", p.Sku))
		return nil
	}
	if same < 0 {
		same = len(f.items)
		f.items = append(f.items, &ent.CartItem{ProductID: p.ID, ProductUnit: p.Unit, WishedDate: add.wished,
			DeliveryAddressID: add.address, AccountAssignment: add.assignment, CreatedAt: f.s.now()})
	}
	item := f.items[same]
	item.Quantity, item.SeenPrice, f.changed[item] = quantity, &price.Amount, true
	return nil
}

// write writes what is new, and the quantities of what was there.
func (f *filling) write(ctx context.Context) error {
	var rows []*ent.CartItemCreate
	for _, item := range f.items {
		if !f.changed[item] && item.ID != uuid.Nil {
			continue
		}
		create := f.tx.CartItem.Create().SetTenantID(f.cart.TenantID).SetCartID(f.cart.ID).SetUserID(f.cart.UserID).
			SetProductID(item.ProductID).SetQuantity(item.Quantity).SetNillableSeenPrice(item.SeenPrice).SetProductUnit(item.ProductUnit).
			SetNillableWishedDate(item.WishedDate).SetNillableDeliveryAddressID(item.DeliveryAddressID).SetCreatedAt(item.CreatedAt)
		if item.ID != uuid.Nil {
			create.SetID(item.ID)
		}
		if item.AccountAssignment != nil {
			create.SetAccountAssignment(item.AccountAssignment)
		}
		rows = append(rows, create)
	}
	if len(rows) == 0 {
		return nil
	}
	err := f.tx.CartItem.CreateBulk(rows...).OnConflict(sql.ConflictColumns(cartitem.FieldID)).
		Update(func(row *ent.CartItemUpsert) { row.UpdateQuantity().UpdateSeenPrice() }).Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing positions of the cart: %w", err)
	}
	return nil
}
