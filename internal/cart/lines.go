package cart

import (
	"context"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Line is a position of something that is ordered without having been in a cart.
type Line struct {
	Product  *ent.Product
	Quantity money.Decimal
	Wished   *day.Day
}

// Of is what was put together elsewhere as a cart of the viewer's company, at its prices as
// they are now, which whoever orders has seen there.
func (s *Service) Of(ctx context.Context, client *ent.Client, head *ent.Cart, lines []Line) (*Cart, error) {
	items := make([]*ent.CartItem, len(lines))
	for i, line := range lines {
		price, err := s.catalog.UnitPrice(ctx, client, line.Product, line.Quantity)
		if err != nil {
			return nil, err
		}
		items[i] = &ent.CartItem{ProductID: line.Product.ID, Quantity: line.Quantity, WishedDate: line.Wished, ProductUnit: line.Product.Unit}
		items[i].Edges.Product = line.Product
		if price != nil {
			items[i].SeenPrice = &price.Amount
		}
	}
	currency, err := s.currency(ctx, client, head.TenantID)
	if err != nil {
		return nil, err
	}
	c := assemble(head, items, map[uuid.UUID]*ent.Address{})
	return c, s.priceBy(ctx, client, c, nil, currency)
}
