package ordering

import (
	"context"
	"fmt"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// OrderFilter says which orders to list. Everything given must hold.
type OrderFilter struct {
	Search        *string
	States        []order.State
	BusinessCases []order.BusinessCase
	Channel       *order.Channel
	PlacedFrom    *day.Day
	PlacedTo      *day.Day
	ContractID    *gid.ID
	TenantID      *gid.ID
	// AwaitingMyApproval picks the orders that the viewer can decide now, or all others.
	AwaitingMyApproval *bool
}

// Orders is the query for the orders that the viewer may see, under a filter
// (OR-09).
func (s *Service) Orders(ctx context.Context, where *OrderFilter) (*ent.OrderQuery, error) {
	q := s.db.Client.Order.Query()
	if where == nil {
		return q, nil
	}
	if text := fault.Sought(where.Search); text != "" {
		q.Where(order.Or(order.NumberContainsFold(text), order.CustomerOrderNumberContainsFold(text),
			order.ReferenceNumberContainsFold(text), order.NameContainsFold(text)))
	}
	if len(where.States) > 0 {
		q.Where(order.StateIn(where.States...))
	}
	if len(where.BusinessCases) > 0 {
		q.Where(order.BusinessCaseIn(where.BusinessCases...))
	}
	if where.Channel != nil {
		q.Where(order.ChannelEQ(*where.Channel))
	}
	if where.PlacedFrom != nil {
		q.Where(order.PlacedAtGTE(start(*where.PlacedFrom)))
	}
	if where.PlacedTo != nil {
		q.Where(order.PlacedAtLT(start(*where.PlacedTo).AddDate(0, 0, 1)))
	}
	if where.ContractID != nil {
		q.Where(order.ContractID(where.ContractID.Of(ent.KindContract)))
	}
	if where.TenantID != nil {
		q.Where(order.TenantID(where.TenantID.Of(ent.KindTenant)))
	}
	if where.AwaitingMyApproval != nil {
		mine, err := awaits(ctx)
		if err != nil {
			return nil, err
		}
		if !*where.AwaitingMyApproval {
			mine = order.Not(mine)
		}
		q.Where(mine)
	}
	return q, nil
}

// inOrder reads the positions of orders in their order.
func inOrder(q *ent.OrderItemQuery) { q.Order(orderitem.ByPosition()) }

// start is the first moment of a day in UTC, in which the API tells all times.
func start(d day.Day) time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Order is the order with this number that the viewer may see, or nil, read by a
// query that says what to load with it. Where numbers of several companies coincide, it is the viewer's own.
func (s *Service) Order(ctx context.Context, q *ent.OrderQuery, number string) (*ent.Order, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	found, err := q.AlsoSelect(order.FieldTenantID).Where(order.Number(number)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the order: %w", err)
	}
	for _, o := range found {
		if o.TenantID == v.Tenant {
			return o, nil
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}
