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

// Asker is who asks. With a user it may be shown the orders of its tenant and
// those on contracts that it was given the right to view, which is what Kontor's
// policy says of the users of the benchmark; without one, those of the tenant.
type Asker struct{ Tenant, User uuid.UUID }

type askerKey struct{}

// WithAsker says who asks for orders.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

const (
	ofTenant     = `tenant_id = $1`
	granted      = ` OR contract_id = ANY (ARRAY(SELECT contract_id FROM grants WHERE holder_id = $3 AND "right" = 'VIEW' AND revoked_at IS NULL))`
	selectOrders = `SELECT id, number, state, placed_at, gross_amount, currency FROM orders WHERE (%s) ORDER BY placed_at DESC, id DESC LIMIT $2`
	selectOrder  = `SELECT id, number, state, placed_at, gross_amount, currency FROM orders WHERE (%s) AND number = $2`
	selectItems  = `SELECT id, order_id, position, quantity, sku, product_name, unit_price_amount, line_total_amount, currency FROM order_items WHERE (%s) AND order_id = ANY($2) ORDER BY id`
	countOrders  = `SELECT count(*) FROM orders WHERE (%s) AND $2`
)

// visible completes a statement and its arguments, of which it has one of its own.
func visible(ctx context.Context, statement string, own any) (string, []any) {
	a, _ := ctx.Value(askerKey{}).(Asker)
	if a.User == uuid.Nil {
		return fmt.Sprintf(statement, ofTenant), []any{a.Tenant, own}
	}
	return fmt.Sprintf(statement, ofTenant+granted), []any{a.Tenant, own, a.User}
}

// List is a page of orders, with their items, in two statements and
// one for the total.
func List(ctx context.Context, pool *pgxpool.Pool, first int) (*OrderConnection, error) {
	orders, err := read(ctx, pool, selectOrders, first)
	if err != nil {
		return nil, err
	}
	page := &OrderConnection{Nodes: orders}
	count, args := visible(ctx, countOrders, true)
	if err := pool.QueryRow(ctx, count, args...).Scan(&page.TotalCount); err != nil {
		return nil, fmt.Errorf("counting orders: %w", err)
	}
	return page, nil
}

// One is the order with this number, with its items.
func One(ctx context.Context, pool *pgxpool.Pool, number string) (*Order, error) {
	orders, err := read(ctx, pool, selectOrder, number)
	if err != nil || len(orders) == 0 {
		return nil, err
	}
	return orders[0], nil
}

func read(ctx context.Context, pool *pgxpool.Pool, statement string, own any) ([]*Order, error) {
	query, args := visible(ctx, statement, own)
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
	query, args = visible(ctx, selectItems, keys)
	items, err := pool.Query(ctx, query, args...)
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
