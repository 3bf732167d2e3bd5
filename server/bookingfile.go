package server

import (
	"context"
	"fmt"
	"iter"

	"kontor/ent"
	"kontor/internal/company"
	"kontor/internal/lang"
	"kontor/internal/money"
)

var bookingColumns = []string{"booked_on", "booking_kind", "reference", "quantity", "balance", "unit", "alloy_group", "note"}

// bookingRows are the bookings of an alloy group in a period, between what there was before it
// and what there was at its end (CO-03).
func (s *Server) bookingRows(ctx context.Context, g *ent.AlloyGroup, period company.BookingFilter, language string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		all, err := s.rooms.Company.Bookings(g, 0, nil, &period)
		if err != nil {
			yield(nil, err)
			return
		}
		balance, err := all.OpeningBalance(ctx)
		if !yield([]any{orNil(period.From), lang.Text(language, "BALANCE_OPENING", nil), "", nil, balance, unitOf(g.Unit, language), g.Code, ""}, err) || err != nil {
			return
		}
		var last *ent.Booking
		for {
			batch, err := s.rooms.Company.Batch(ctx, g, period, last, batchRows)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, b := range batch {
				row, err := bookingRow(b, g, &balance, language)
				if !yield(row, err) || err != nil {
					return
				}
				last = b
			}
			if len(batch) < batchRows {
				break
			}
		}
		yield([]any{orNil(period.To), lang.Text(language, "BALANCE_CLOSING", nil), "", nil, balance, unitOf(g.Unit, language), g.Code, ""}, nil)
	}
}

// bookingRow is a booking, and moves the balance on.
func bookingRow(b *ent.Booking, g *ent.AlloyGroup, balance *money.Decimal, language string) ([]any, error) {
	sum, err := balance.Plus(b.Quantity)
	if err != nil {
		return nil, fmt.Errorf("adding up bookings: %w", err)
	}
	units, err := sum.Units()
	*balance = money.FromUnits(units) // as the API writes it, without zeros at its end
	return []any{b.BookedOn, word(language, "BOOKING", b.Kind), b.Reference, b.Quantity, *balance, unitOf(g.Unit, language), g.Code, b.Note}, err
}
