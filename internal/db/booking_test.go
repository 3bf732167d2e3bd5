package db_test

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/booking"
	"kontor/internal/db"
	"kontor/internal/money"
)

// A booking is never changed, and taken back once and as a whole, whoever asks the database; no
// viewer books at all.
//
// Requirement: CO-03
// Requirement: AC-01
func TestBookingsNeverChange(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w, c := build(ctx, d.Client), d.Client
		group := func(of *ent.Tenant, code string) *ent.AlloyGroup {
			return must(c.AlloyGroup.Create().SetTenantID(of.ID).SetCode(code).SetName(code).SetUnit("kg").SetCreatedAt(noon).Save(ctx))
		}
		mine, second, other := group(w.a, "A"), group(w.a, "B"), group(w.b, "A")
		book := func(of *ent.AlloyGroup, reference string, kind booking.Kind, quantity string, reverses *ent.Booking) *ent.BookingCreate {
			create := c.Booking.Create().SetTenantID(of.TenantID).SetAlloyGroupID(of.ID).SetReference(reference).SetBookedOn("2026-01-31").SetKind(kind).
				SetQuantity(money.MustParse(quantity)).SetCreatedAt(noon)
			if reverses != nil {
				create.SetReversesID(reverses.ID)
			}
			return create
		}
		in := must(book(mine, "1", booking.KindRECEIPT, "10", nil).Save(ctx))
		out := must(book(mine, "2", booking.KindWITHDRAWAL, "-1.5", nil).Save(ctx))
		back := must(book(mine, "3", booking.KindREVERSAL, "1.5", out).Save(ctx))
		must(book(other, "1", booking.KindRECEIPT, "1", nil).Save(ctx))
		foreign := book(mine, "9", booking.KindRECEIPT, "1", nil)
		foreign.Mutation().SetAlloyGroupID(other.ID)
		for name, create := range map[string]*ent.BookingCreate{
			"a reference again": book(second, "1", booking.KindRECEIPT, "1", nil), "nothing": book(mine, "9", booking.KindADJUSTMENT, "0", nil),
			"a receipt of less": book(mine, "9", booking.KindRECEIPT, "-1", nil), "a loss of more": book(mine, "9", booking.KindLOSS, "1", nil),
			"more than can be": book(mine, "9", booking.KindRECEIPT, "1000000001", nil), "a reversal of nothing": book(mine, "9", booking.KindREVERSAL, "1", nil),
			"a second reversal": book(mine, "9", booking.KindREVERSAL, "1.5", out), "half a reversal": book(mine, "9", booking.KindREVERSAL, "-5", in),
			"a reversal of a reversal": book(mine, "9", booking.KindREVERSAL, "-1.5", back), "a reversal in another group": book(second, "9", booking.KindREVERSAL, "-10", in),
			"a receipt that reverses": book(mine, "9", booking.KindADJUSTMENT, "-10", in), "in a foreign group": foreign,
		} {
			if err := create.Exec(ctx); !ent.IsConstraintError(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		refused := []string{"DELETE FROM bookings", "UPDATE bookings SET quantity = 20000", "UPDATE bookings SET booked_on = '2020-01-01'", "UPDATE bookings SET note = 'X'",
			"UPDATE alloy_groups SET unit = 't'", "UPDATE alloy_groups SET code = 'Z'", "DELETE FROM alloy_groups WHERE code = 'A'"}
		if d.Dialect == dialect.Postgres {
			refused = append(refused, "TRUNCATE bookings", "TRUNCATE alloy_groups CASCADE")
		}
		for _, statement := range refused {
			if _, err := d.SQL.ExecContext(ctx, statement); err == nil {
				t.Errorf("%s: not refused", statement)
			}
		}
		if err := in.Update().Exec(ctx); err == nil {
			t.Error("ent changes a booking")
		}
		for _, role := range []authz.Role{authz.GeneralUser, authz.MasterAdmin, authz.ServiceAgent} {
			viewer := authz.NewContext(ctx, &authz.Viewer{User: w.userA.ID, Tenant: w.a.ID, Roles: []authz.Role{role}})
			if err := book(mine, "9", booking.KindRECEIPT, "1", nil).Exec(viewer); err == nil || ent.IsConstraintError(err) {
				t.Errorf("%s books: %v", role, err)
			}
			if err := mine.Update().SetName("X").Exec(viewer); err == nil {
				t.Errorf("%s renames an alloy group", role)
			}
		}
	})
}
