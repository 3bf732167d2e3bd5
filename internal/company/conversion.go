package company

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/alloygroup"
	"kontor/ent/booking"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// ConversionAccount is a company's metal at the supplier, by alloy group (CO-03).
type ConversionAccount struct {
	// AsOf is the day whose end balances without a date are of.
	AsOf        day.Day
	AlloyGroups []*ent.AlloyGroup
}

// ConversionAccount is the conversion account of a company, of the one that the viewer works
// for unless told; nil where there is none that the viewer may see.
func (s *Service) ConversionAccount(ctx context.Context, of *gid.ID) (*ConversionAccount, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	tenant := v.Tenant
	if of != nil {
		tenant = of.Of(ent.KindTenant)
	}
	groups, err := s.db.Client.AlloyGroup.Query().Where(alloygroup.TenantID(tenant)).Order(alloygroup.ByCode()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the alloy groups of a company: %w", err)
	}
	if len(groups) == 0 {
		return nil, nil
	}
	return &ConversionAccount{AsOf: s.today(), AlloyGroups: groups}, nil
}

// AlloyGroup is the alloy group with this ID, read as the viewer; fault.ErrNotFound where it
// sees none.
func (s *Service) AlloyGroup(ctx context.Context, id gid.ID) (*ent.AlloyGroup, error) {
	g, err := s.db.Client.AlloyGroup.Get(ctx, id.Of(ent.KindAlloyGroup))
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading an alloy group: %w", err)
	}
	return g, nil
}

// Balance is how much of an alloy group there is at the end of a day; today's unless told.
func (s *Service) Balance(ctx context.Context, g *ent.AlloyGroup, on *day.Day) (money.Decimal, error) {
	if on == nil {
		today := s.today()
		on = &today
	}
	t, err := s.turnover(ctx, g, BookingFilter{To: on})
	return t.Closing, err
}

func (s *Service) today() day.Day { return day.Of(s.now()) }

// turnover is what a period made of an alloy group.
type turnover struct {
	AlloyGroupID     uuid.UUID `json:"alloy_group_id"`
	Count            int       `json:"count"`
	Opening, Closing money.Decimal
}

// turnover adds up what is booked before a period, in it and until its end: in one statement
// for all groups that were loaded together.
func (s *Service) turnover(ctx context.Context, g *ent.AlloyGroup, period BookingFilter) (turnover, error) {
	all, err := ent.Load(ctx, g.Siblings(), "turnover "+period.String(), func(ctx context.Context, groups []*ent.AlloyGroup) (map[uuid.UUID]turnover, error) {
		var found []turnover
		err := s.db.Client.Booking.Query().Where(booking.AlloyGroupIDIn(keysOf(groups)...)).Modify(func(sel *sql.Selector) {
			quantity := sel.C(booking.FieldQuantity)
			sel.Select(sel.C(booking.FieldAlloyGroupID)).
				AppendSelectExprAs(sumWhere("1", sql.And(sql.Not(period.before(sel)), period.until(sel))), "count").
				AppendSelectExprAs(sumWhere(quantity, period.before(sel)), "opening").
				AppendSelectExprAs(sumWhere(quantity, period.until(sel)), "closing").
				GroupBy(sel.C(booking.FieldAlloyGroupID))
		}).Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("adding up the bookings of alloy groups: %w", err)
		}
		byGroup := make(map[uuid.UUID]turnover, len(found))
		for _, t := range found {
			byGroup[t.AlloyGroupID] = t
		}
		return byGroup, nil
	})
	return all[g.ID], err
}

// sumWhere adds an expression up over the rows for which something holds. PostgreSQL would give
// a numeric; the bounds of a booking keep the sum within 64 bits.
func sumWhere(expression string, holds *sql.Predicate) sql.Querier {
	return sql.ExprFunc(func(b *sql.Builder) {
		b.WriteString("CAST(SUM(CASE WHEN ").Join(holds).WriteString(" THEN " + expression + " ELSE 0 END) AS bigint)")
	})
}

func keysOf(groups []*ent.AlloyGroup) []uuid.UUID {
	keys := make([]uuid.UUID, len(groups))
	for i, g := range groups {
		keys[i] = g.ID
	}
	return keys
}
