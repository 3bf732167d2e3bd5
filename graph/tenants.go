package graph

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/ent/user"
	"kontor/internal/company"
	"kontor/internal/identity"
	"kontor/internal/ordering"
)

// usersOf, ordersOf and contractsOf are lists inside of each tenant of a page. An agent
// reads them as itself, whomever it acts for.

func (r *Resolver) usersOf(ctx context.Context, t *ent.Tenant, first int, where *identity.UserFilter) (*ent.UserConnection, error) {
	ctx, err := atHome(ctx)
	if err != nil {
		return nil, err
	}
	by := &ent.UserOrder{Direction: ascending, Field: ent.UserOrderFieldLastName}
	list := inner[*ent.UserEdge]{
		name: "users",
		load: func(ctx context.Context, tenants []uuid.UUID, limit int) ([]*ent.UserEdge, error) {
			q, err := r.identity.Served(ctx, where)
			if err != nil {
				return nil, err
			}
			q.Where(user.TenantIDIn(tenants...)).Modify(limitPerTenant(limit, func(b *sql.Builder) { b.IdentComma(user.FieldLastName, user.FieldID) }))
			found, err := q.Paginate(ctx, nil, nil, nil, nil, ent.WithUserOrder(by))
			if err != nil {
				return nil, err
			}
			return found.Edges, nil
		},
		count: func(ctx context.Context, tenants []uuid.UUID, into *[]ofTenant) error {
			q, err := r.identity.Served(ctx, where)
			if err != nil {
				return err
			}
			return q.Where(user.TenantIDIn(tenants...)).GroupBy(user.FieldTenantID).Aggregate(ent.Count()).Scan(ctx, into)
		},
		tenantOf: func(e *ent.UserEdge) uuid.UUID { return e.Node.TenantID },
		cursorOf: func(e *ent.UserEdge) ent.Cursor { return e.Cursor },
	}
	found, err := list.of(ctx, t, first)
	return &ent.UserConnection{Edges: found.edges, PageInfo: found.info, TotalCount: found.total}, err
}

func (r *Resolver) ordersOf(ctx context.Context, t *ent.Tenant, first int, where *ordering.OrderFilter) (*ent.OrderConnection, error) {
	ctx, err := atHome(ctx)
	if err != nil {
		return nil, err
	}
	newest := &ent.OrderOrder{Direction: descending, Field: ent.OrderOrderFieldPlacedAt}
	list := inner[*ent.OrderEdge]{
		name: "orders",
		load: func(ctx context.Context, tenants []uuid.UUID, limit int) ([]*ent.OrderEdge, error) {
			q, err := r.ordering.Orders(ctx, where)
			if err != nil {
				return nil, err
			}
			q.Where(order.TenantIDIn(tenants...))
			q.Modify(limitPerTenant(limit, func(b *sql.Builder) {
				b.Ident(order.FieldPlacedAt).WriteString(" DESC, ").Ident(order.FieldID).WriteString(" DESC")
			}))
			found, err := q.Paginate(ctx, nil, nil, nil, nil, ent.WithOrderOrder(newest))
			if err != nil {
				return nil, err
			}
			return found.Edges, nil
		},
		count: func(ctx context.Context, tenants []uuid.UUID, into *[]ofTenant) error {
			q, err := r.ordering.Orders(ctx, where)
			if err != nil {
				return err
			}
			return q.Where(order.TenantIDIn(tenants...)).GroupBy(order.FieldTenantID).Aggregate(ent.Count()).Scan(ctx, into)
		},
		tenantOf: func(e *ent.OrderEdge) uuid.UUID { return e.Node.TenantID },
		cursorOf: func(e *ent.OrderEdge) ent.Cursor { return e.Cursor },
	}
	found, err := list.of(ctx, t, first)
	return &ent.OrderConnection{Edges: found.edges, PageInfo: found.info, TotalCount: found.total}, err
}

func (r *Resolver) contractsOf(ctx context.Context, t *ent.Tenant, first int, where *company.ContractFilter) (*ent.ContractConnection, error) {
	ctx, err := atHome(ctx)
	if err != nil {
		return nil, err
	}
	by := &ent.ContractOrder{Direction: ascending, Field: ent.ContractOrderFieldNumber}
	list := inner[*ent.ContractEdge]{
		name: "contracts",
		load: func(ctx context.Context, tenants []uuid.UUID, limit int) ([]*ent.ContractEdge, error) {
			q, err := r.company.Contracts(ctx, where)
			if err != nil {
				return nil, err
			}
			q.Where(contract.TenantIDIn(tenants...)).Modify(limitPerTenant(limit, func(b *sql.Builder) { b.IdentComma(contract.FieldNumber, contract.FieldID) }))
			found, err := q.Paginate(ctx, nil, nil, nil, nil, ent.WithContractOrder(by))
			if err != nil {
				return nil, err
			}
			return found.Edges, nil
		},
		count: func(ctx context.Context, tenants []uuid.UUID, into *[]ofTenant) error {
			q, err := r.company.Contracts(ctx, where)
			if err != nil {
				return err
			}
			return q.Where(contract.TenantIDIn(tenants...)).GroupBy(contract.FieldTenantID).Aggregate(ent.Count()).Scan(ctx, into)
		},
		tenantOf: func(e *ent.ContractEdge) uuid.UUID { return e.Node.TenantID },
		cursorOf: func(e *ent.ContractEdge) ent.Cursor { return e.Cursor },
	}
	found, err := list.of(ctx, t, first)
	return &ent.ContractConnection{Edges: found.edges, PageInfo: found.info, TotalCount: found.total}, err
}
