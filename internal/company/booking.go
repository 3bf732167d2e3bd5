package company

import (
	"context"
	"fmt"

	"entgo.io/contrib/entgql"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/booking"
	"kontor/ent/predicate"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// BookingFilter is a period: its days count, and without one it is open on that side.
type BookingFilter struct{ From, To *day.Day }

// BookingFile says which bookings a file holds: of one alloy group in a period.
type BookingFile struct {
	AlloyGroupID gid.ID
	BookingFilter
}

// check refuses a period that ends before it begins.
func (f BookingFilter) check() error {
	if f.From != nil && f.To != nil && *f.To < *f.From {
		return fault.Invalid("the period ends before it begins: from is not after to")
	}
	return nil
}

// String names the period.
func (f BookingFilter) String() string {
	name := func(d *day.Day) string {
		if d == nil {
			return "open"
		}
		return string(*d)
	}
	return name(f.From) + " to " + name(f.To)
}

// before holds for bookings before the period.
func (f BookingFilter) before(s *sql.Selector) *sql.Predicate {
	if f.From == nil {
		return sql.False()
	}
	return sql.LT(s.C(booking.FieldBookedOn), *f.From)
}

// until holds for bookings before the end of the period.
func (f BookingFilter) until(s *sql.Selector) *sql.Predicate {
	if f.To == nil {
		return sql.Not(sql.False())
	}
	return sql.LTE(s.C(booking.FieldBookedOn), *f.To)
}

func (f BookingFilter) within(s *sql.Selector) {
	if f.From != nil {
		s.Where(sql.GTE(s.C(booking.FieldBookedOn), *f.From))
	}
	if f.To != nil {
		s.Where(sql.LTE(s.C(booking.FieldBookedOn), *f.To))
	}
}

// later holds for bookings that come after one: by day and, on one day, as they came in.
func later(on day.Day, id uuid.UUID) predicate.Booking {
	return booking.And(booking.BookedOnGTE(on), booking.Or(booking.BookedOnGT(on), booking.IDGT(id)))
}

// BookingConnection is a page of the bookings of an alloy group in a period, and what the period
// made of the group. What nobody asks for is not read.
type BookingConnection struct {
	Group  *ent.AlloyGroup
	Period BookingFilter

	room  *Service
	first int
	after *ent.Cursor
}

// Bookings are the bookings of an alloy group in a period, from the oldest on: the first so many
// after a cursor (CO-03).
func (s *Service) Bookings(g *ent.AlloyGroup, first int, after *ent.Cursor, period *BookingFilter) (*BookingConnection, error) {
	c := &BookingConnection{Group: g, room: s, first: first, after: after}
	if period != nil {
		c.Period = *period
	}
	if after != nil {
		if text, ok := after.Value.(string); !ok || !isDay(text) {
			return nil, fault.Invalid("this is no cursor: take one from pageInfo or from an edge")
		}
	}
	return c, c.Period.check()
}

func isDay(text string) bool {
	_, err := day.Parse(text)
	return err == nil
}

// page are up to one more booking than asked for: it tells whether there is another page. They
// are read in one statement for all groups that were loaded together.
func (c *BookingConnection) page(ctx context.Context) ([]*ent.Booking, error) {
	name := fmt.Sprintf("bookings %v, %d after %v", c.Period, c.first, c.after)
	all, err := ent.Load(ctx, c.Group.Siblings(), name, func(ctx context.Context, groups []*ent.AlloyGroup) (map[uuid.UUID][]*ent.Booking, error) {
		q := c.room.db.Client.Booking.Query().Where(booking.AlloyGroupIDIn(keysOf(groups)...), c.Period.within)
		if c.after != nil {
			q.Where(later(day.Day(c.after.Value.(string)), c.after.ID))
		}
		q.Modify(entgql.LimitPerRow(booking.FieldAlloyGroupID, c.first+1, sql.ExprFunc(func(b *sql.Builder) { b.IdentComma(booking.FieldBookedOn, booking.FieldID) })))
		found, err := q.Order(booking.ByBookedOn(), booking.ByID()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the bookings of alloy groups: %w", err)
		}
		byGroup := make(map[uuid.UUID][]*ent.Booking, len(groups))
		for _, b := range found {
			byGroup[b.AlloyGroupID] = append(byGroup[b.AlloyGroupID], b)
		}
		return byGroup, nil
	})
	return all[c.Group.ID], err
}

// Nodes are the bookings of the page.
func (c *BookingConnection) Nodes(ctx context.Context) ([]*ent.Booking, error) {
	found, err := c.page(ctx)
	return found[:min(len(found), c.first)], err
}

// Edges are the bookings of the page with their cursors.
func (c *BookingConnection) Edges(ctx context.Context) ([]*ent.BookingEdge, error) {
	nodes, err := c.Nodes(ctx)
	edges := make([]*ent.BookingEdge, len(nodes))
	for i, b := range nodes {
		edges[i] = &ent.BookingEdge{Node: b, Cursor: ent.Cursor{ID: b.ID, Value: string(b.BookedOn)}}
	}
	return edges, err
}

// PageInfo is where the page lies.
func (c *BookingConnection) PageInfo(ctx context.Context) (*ent.PageInfo, error) {
	found, err := c.page(ctx)
	if err != nil {
		return nil, err
	}
	info := &ent.PageInfo{HasNextPage: len(found) > c.first, HasPreviousPage: c.after != nil}
	edges, err := c.Edges(ctx)
	if n := len(edges); n > 0 {
		info.StartCursor, info.EndCursor = &edges[0].Cursor, &edges[n-1].Cursor
	}
	return info, err
}

// TotalCount is how many bookings there are in the period.
func (c *BookingConnection) TotalCount(ctx context.Context) (int, error) {
	t, err := c.room.turnover(ctx, c.Group, c.Period)
	return t.Count, err
}

// OpeningBalance is how much there was before the period.
func (c *BookingConnection) OpeningBalance(ctx context.Context) (money.Decimal, error) {
	t, err := c.room.turnover(ctx, c.Group, c.Period)
	return t.Opening, err
}

// ClosingBalance is how much there was at its end: the opening balance and all its bookings.
func (c *BookingConnection) ClosingBalance(ctx context.Context) (money.Decimal, error) {
	t, err := c.room.turnover(ctx, c.Group, c.Period)
	return t.Closing, err
}

// File says what a file of the whole period holds.
func (c *BookingConnection) File() BookingFile { return BookingFile{c.Group.GlobalID(), c.Period} }

// Batch are the next bookings of a file after one, up to so many; from the first on where it is nil.
func (s *Service) Batch(ctx context.Context, g *ent.AlloyGroup, period BookingFilter, after *ent.Booking, most int) ([]*ent.Booking, error) {
	q := s.db.Client.Booking.Query().Where(booking.AlloyGroupID(g.ID), period.within)
	if after != nil {
		q.Where(later(after.BookedOn, after.ID))
	}
	found, err := q.Order(booking.ByBookedOn(), booking.ByID()).Limit(most).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the bookings of an alloy group: %w", err)
	}
	return found, nil
}

// BalanceAfter is how much of its alloy group there is after a booking, in the order of the list.
// It is added up when it is asked for, so that a booking that comes late is right everywhere; in
// one statement for all bookings that were loaded together.
func (s *Service) BalanceAfter(ctx context.Context, b *ent.Booking) (money.Decimal, error) {
	all, err := ent.Load(ctx, b.Siblings(), "balance after", func(ctx context.Context, bookings []*ent.Booking) (map[uuid.UUID]money.Decimal, error) {
		ids, groups, last := make([]uuid.UUID, len(bookings)), map[uuid.UUID]bool{}, day.Day("")
		for i, each := range bookings {
			ids[i], groups[each.AlloyGroupID], last = each.ID, true, max(last, each.BookedOn)
		}
		var found []struct {
			ID      uuid.UUID
			Balance money.Decimal
		}
		err := s.db.Client.Booking.Query().Where(booking.IDIn(ids...)).Modify(func(sel *sql.Selector) {
			running := runningBalances(sel.Dialect(), groups, last)
			sel.Join(running).On(sel.C(booking.FieldID), running.C(booking.FieldID)).
				Select(sel.C(booking.FieldID), running.C("balance"))
		}).Scan(ctx, &found)
		if err != nil {
			return nil, fmt.Errorf("adding up the balances after bookings: %w", err)
		}
		balances := make(map[uuid.UUID]money.Decimal, len(found))
		for _, each := range found {
			balances[each.ID] = each.Balance
		}
		return balances, nil
	})
	return all[b.ID], err
}

// runningBalances selects the balance after each booking of some groups until a day. The groups
// are those of bookings that the viewer sees.
func runningBalances(dialect string, groups map[uuid.UUID]bool, last day.Day) *sql.Selector {
	of := make([]any, 0, len(groups))
	for id := range groups {
		of = append(of, id)
	}
	t := sql.Dialect(dialect).Table(booking.Table).As("every")
	return sql.Dialect(dialect).Select(t.C(booking.FieldID)).AppendSelectExprAs(sql.ExprFunc(func(b *sql.Builder) {
		b.WriteString("CAST(SUM(").Ident(t.C(booking.FieldQuantity)).WriteString(") OVER (PARTITION BY ").Ident(t.C(booking.FieldAlloyGroupID)).
			WriteString(" ORDER BY ").IdentComma(t.C(booking.FieldBookedOn), t.C(booking.FieldID)).WriteString(") AS bigint)")
	}), "balance").From(t).Where(sql.And(sql.In(t.C(booking.FieldAlloyGroupID), of...), sql.LTE(t.C(booking.FieldBookedOn), last))).As("running")
}

// Reverses is the booking that a reversal takes back; nil for any other booking.
func (s *Service) Reverses(ctx context.Context, b *ent.Booking) (*ent.Booking, error) {
	if b.ReversesID == nil {
		return nil, nil
	}
	all, err := ent.Load(ctx, b.Siblings(), "reverses", func(ctx context.Context, bookings []*ent.Booking) (map[uuid.UUID]*ent.Booking, error) {
		var ids []uuid.UUID
		for _, each := range bookings {
			if each.ReversesID != nil {
				ids = append(ids, *each.ReversesID)
			}
		}
		return s.found(ctx, booking.IDIn(ids...), func(b *ent.Booking) uuid.UUID { return b.ID })
	})
	return all[*b.ReversesID], err
}

// ReversedBy is the reversal that took a booking back; nil where none did.
func (s *Service) ReversedBy(ctx context.Context, b *ent.Booking) (*ent.Booking, error) {
	all, err := ent.Load(ctx, b.Siblings(), "reversed by", func(ctx context.Context, bookings []*ent.Booking) (map[uuid.UUID]*ent.Booking, error) {
		ids := make([]uuid.UUID, len(bookings))
		for i, each := range bookings {
			ids[i] = each.ID
		}
		return s.found(ctx, booking.ReversesIDIn(ids...), func(b *ent.Booking) uuid.UUID { return *b.ReversesID })
	})
	return all[b.ID], err
}

func (s *Service) found(ctx context.Context, which predicate.Booking, key func(*ent.Booking) uuid.UUID) (map[uuid.UUID]*ent.Booking, error) {
	found, err := s.db.Client.Booking.Query().Where(which).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading reversals: %w", err)
	}
	byKey := make(map[uuid.UUID]*ent.Booking, len(found))
	for _, b := range found {
		byKey[key(b)] = b
	}
	return byKey, nil
}
