package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/price"
	"kontor/internal/money"
)

// PriceBreak is what one unit costs from a quantity on, net.
type PriceBreak struct {
	FromQuantity money.Decimal
	Price        money.Money
}

// Price is the net price of one unit at the smallest quantity, or nil when the
// viewer's tenant has none.
func (s *Service) Price(ctx context.Context, p *ent.Product) (*money.Money, error) {
	breaks, err := s.PriceBreaks(ctx, p)
	if err != nil || len(breaks) == 0 {
		return nil, err
	}
	return &breaks[0].Price, nil
}

// PriceBreaks are the prices of the viewer's tenant by quantity, the smallest
// first: one statement for all products that were loaded together.
func (s *Service) PriceBreaks(ctx context.Context, p *ent.Product) ([]*PriceBreak, error) {
	return priceBreaks(ctx, s.db.Client, p)
}

func priceBreaks(ctx context.Context, client *ent.Client, p *ent.Product) ([]*PriceBreak, error) {
	all, err := ent.Load(ctx, p.Siblings(), "prices", func(ctx context.Context, products []*ent.Product) (map[uuid.UUID][]*PriceBreak, error) {
		return readPrices(ctx, client, products)
	})
	if err != nil {
		return nil, err
	}
	return all[p.ID], nil
}

// UnitPrice is the net price of one unit when so many are bought, or nil when
// the viewer's tenant has no price. Below the first break the first one counts.
// Within a transaction the client is the transaction's: one that waits for a second
// connection while it holds its first can wait for ever.
func (s *Service) UnitPrice(ctx context.Context, client *ent.Client, p *ent.Product, quantity money.Decimal) (*money.Money, error) {
	breaks, err := priceBreaks(ctx, client, p)
	if err != nil || len(breaks) == 0 {
		return nil, err
	}
	return &at(breaks, quantity).Price, nil
}

// at is the last break that the quantity reaches.
func at(breaks []*PriceBreak, quantity money.Decimal) *PriceBreak {
	reached := breaks[0]
	for _, b := range breaks[1:] {
		if b.FromQuantity.Cmp(quantity) <= 0 {
			reached = b
		}
	}
	return reached
}

func readPrices(ctx context.Context, client *ent.Client, products []*ent.Product) (map[uuid.UUID][]*PriceBreak, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(products))
	for i, p := range products {
		ids[i] = p.ID
	}
	rows, err := client.Price.Query().
		Where(price.TenantID(v.Tenant), price.ProductIDIn(ids...)).
		Order(price.ByProductID(), price.ByFromQuantity()).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading prices: %w", err)
	}
	breaks := make(map[uuid.UUID][]*PriceBreak, len(products))
	for _, row := range rows {
		breaks[row.ProductID] = append(breaks[row.ProductID], &PriceBreak{
			FromQuantity: row.FromQuantity,
			Price:        money.Of(row.Amount, row.Currency),
		})
	}
	return breaks, nil
}
