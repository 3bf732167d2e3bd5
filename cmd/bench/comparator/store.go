package comparator

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kontor/internal/gid"
	"kontor/internal/money"
)

type tenantKey struct{}

// WithTenant says whose orders are asked for.
func WithTenant(ctx context.Context, tenant uuid.UUID) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

const (
	selectOrders = `SELECT id, number, state, placed_at, gross_amount, currency FROM orders WHERE tenant_id = $1 ORDER BY placed_at DESC, id DESC LIMIT $2`
	selectOrder  = `SELECT id, number, state, placed_at, gross_amount, currency FROM orders WHERE tenant_id = $1 AND number = $2`
	selectItems  = `SELECT id, order_id, position, quantity, sku, product_name, unit_price_amount, line_total_amount, currency FROM order_items WHERE tenant_id = $1 AND order_id = ANY($2) ORDER BY id`
	countOrders  = `SELECT count(*) FROM orders WHERE tenant_id = $1`
)

// List is a page of the tenant's orders, with their items, in two statements and
// one for the total.
func List(ctx context.Context, pool *pgxpool.Pool, first int) (*OrderConnection, error) {
	tenant, _ := ctx.Value(tenantKey{}).(uuid.UUID)
	orders, err := read(ctx, pool, tenant, selectOrders, tenant, first)
	if err != nil {
		return nil, err
	}
	page := &OrderConnection{Nodes: orders}
	if err := pool.QueryRow(ctx, countOrders, tenant).Scan(&page.TotalCount); err != nil {
		return nil, fmt.Errorf("counting orders: %w", err)
	}
	return page, nil
}

// One is the tenant's order with this number, with its items.
func One(ctx context.Context, pool *pgxpool.Pool, number string) (*Order, error) {
	tenant, _ := ctx.Value(tenantKey{}).(uuid.UUID)
	orders, err := read(ctx, pool, tenant, selectOrder, tenant, number)
	if err != nil || len(orders) == 0 {
		return nil, err
	}
	return orders[0], nil
}

func read(ctx context.Context, pool *pgxpool.Pool, tenant uuid.UUID, query string, args ...any) ([]*Order, error) {
	rows, err := pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	var keys []uuid.UUID
	byKey := map[uuid.UUID]*Order{}
	orders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Order, error) {
		var (
			id       uuid.UUID
			at       time.Time
			gross    int64
			currency string
		)
		o := &Order{Items: []*OrderItem{}}
		if err := row.Scan(&id, &o.Number, &o.State, &at, &gross, &currency); err != nil {
			return nil, err
		}
		o.ID, o.PlacedAt, o.Gross = string(gid.New("ord", id)), at, amount(gross, currency)
		keys, byKey[id] = append(keys, id), o
		return o, nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	items, err := pool.Query(ctx, selectItems, tenant, keys)
	if err != nil {
		return nil, fmt.Errorf("reading items: %w", err)
	}
	defer items.Close()
	for items.Next() {
		var (
			id, of                uuid.UUID
			quantity, price, line int64
			currency              string
		)
		i := &OrderItem{Product: &Product{}}
		if err := items.Scan(&id, &of, &i.Position, &quantity, &i.Product.Sku, &i.Product.Name, &price, &line, &currency); err != nil {
			return nil, fmt.Errorf("reading items: %w", err)
		}
		i.ID, i.Quantity = string(gid.New("oit", id)), money.FromUnits(quantity).String()
		i.UnitPrice, i.LineTotal = amount(price, currency), amount(line, currency)
		byKey[of].Items = append(byKey[of].Items, i)
	}
	return orders, items.Err()
}

func amount(units int64, currency string) *Money {
	return &Money{Amount: money.Of(money.FromUnits(units), currency).Amount.String(), Currency: currency}
}
