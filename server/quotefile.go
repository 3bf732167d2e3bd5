package server

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"kontor/ent"
	"kontor/internal/cart"
	"kontor/internal/day"
	"kontor/internal/export"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/lang"
	"kontor/internal/ordering"
)

// quoteOf is the quote of a link, as the viewer of the context sees it now.
func (s *Server) quoteOf(ctx context.Context, l link) (*ent.Quote, error) {
	var id gid.ID
	if err := json.Unmarshal(l.Where, &id); err != nil {
		return nil, fmt.Errorf("reading the quote of a link: %w", err)
	}
	q, err := s.rooms.Ordering.Quote(ctx, id)
	if err == nil && q == nil {
		return nil, fmt.Errorf("reading the quote of a link: %w", fault.ErrNotFound)
	}
	return q, err
}

// quoteRows are the positions of a quote.
func (s *Server) quoteRows(ctx context.Context, l link) iter.Seq2[[]any, error] {
	return rowsOf(l.Language, func() (*cart.Cart, error) {
		of, err := s.quoteOf(ctx, l)
		if err != nil {
			return nil, err
		}
		return ordering.AsCart(of), nil
	})
}

// quoteDocument is a quote to print and file, under the letterhead of the seller (OR-04).
func (s *Server) quoteDocument(ctx context.Context, l link) (export.Document, error) {
	d := export.Document{Language: l.Language}
	q, err := s.quoteOf(ctx, l)
	if err != nil {
		return d, err
	}
	seller, err := s.rooms.Ordering.Seller(ctx, q)
	if err != nil {
		return d, err
	}
	by, err := s.rooms.Ordering.MadeBy(ctx, q)
	if err != nil {
		return d, err
	}
	column := func(name string) string { return lang.Text(l.Language, "COLUMN_"+name, nil) }
	t := q.Edges.Tenant
	d.Title, d.From, d.Closing = lang.Text(l.Language, "TITLE_quote", nil)+" "+q.Number, letterhead(l.Language, seller.Name, t), q.Note
	c := ordering.AsCart(q)
	d.Facts = []export.Fact{
		{Name: column("customer"), Value: t.Name}, {Name: column("date"), Value: day.Of(q.CreatedAt)},
		{Name: column("offered_by"), Value: by.DisplayName()}, {Name: column("valid_until"), Value: q.ValidUntil},
		{Name: column("name"), Value: c.Name}, {Name: column("reference_number"), Value: c.ReferenceNumber},
		{Name: column("customer_order_number"), Value: c.CustomerOrderNumber}, {Name: column("account_assignment"), Value: assignmentLine(c.AccountAssignment, l.Language)},
		{Name: column("delivery_address"), Value: addressLine(c.DeliveryAddress)},
	}
	fillPositions(&d, c)
	return d, nil
}
