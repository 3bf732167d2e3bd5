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
	"kontor/internal/gid"
	"kontor/internal/lang"
	"kontor/internal/ordering"
)

// orderOf is the order of a link, as the viewer of the context sees it now.
func (s *Server) orderOf(ctx context.Context, l link) (*ent.Order, error) {
	var id gid.ID
	if err := json.Unmarshal(l.Where, &id); err != nil {
		return nil, fmt.Errorf("reading the order of a link: %w", err)
	}
	return s.rooms.Ordering.Placed(ctx, id.Of(ent.KindOrder))
}

// placedRows are the positions of an order.
func (s *Server) placedRows(ctx context.Context, l link) iter.Seq2[[]any, error] {
	return rowsOf(l.Language, func() (*cart.Cart, error) {
		of, err := s.orderOf(ctx, l)
		if err != nil {
			return nil, err
		}
		return ordering.PlacedAsCart(of), nil
	})
}

// orderDocument is the confirmation of an order, to print and file (OR-08).
func (s *Server) orderDocument(ctx context.Context, l link) (export.Document, error) {
	d := export.Document{Language: l.Language}
	o, err := s.orderOf(ctx, l)
	if err != nil {
		return d, err
	}
	by, err := s.rooms.Ordering.PlacedBy(ctx, o)
	if err != nil {
		return d, err
	}
	column := func(name string) string { return lang.Text(l.Language, "COLUMN_"+name, nil) }
	d.Title = lang.Text(l.Language, "TITLE_order", nil) + " " + o.Number
	seller, err := s.rooms.Ordering.SoldBy(ctx, o)
	if err != nil {
		return d, err
	}
	from, customer := "", ""
	if seller != nil {
		from = seller.Name
	}
	if t := o.Edges.Tenant; t != nil {
		customer, d.From = t.Name, letterhead(l.Language, from, t)
	} else {
		d.From = filled(from) // the company is not seen by whom it shares the contract with
	}
	c := ordering.PlacedAsCart(o)
	d.Facts = []export.Fact{
		{Name: column("customer"), Value: customer}, {Name: column("date"), Value: day.Of(o.PlacedAt)}, {Name: column("state"), Value: word(l.Language, "STATE", o.State)},
		{Name: column("business_case"), Value: word(l.Language, "CASE", o.BusinessCase)},
		{Name: column("name"), Value: o.Name}, {Name: column("ordered_by"), Value: by.DisplayName()},
		{Name: column("reference_number"), Value: o.ReferenceNumber}, {Name: column("customer_order_number"), Value: o.CustomerOrderNumber},
		{Name: column("account_assignment"), Value: assignmentLine(o.AccountAssignment, l.Language)},
		{Name: column("delivery_address"), Value: addressLine(c.DeliveryAddress)},
	}
	if o.AgreedName != nil {
		d.Facts = append(d.Facts, export.Fact{Name: column("agreed_by"), Value: *o.AgreedName})
	}
	if o.Edges.Contract != nil {
		d.Facts = append(d.Facts, export.Fact{Name: column("contract"), Value: o.Edges.Contract.Number})
	}
	fillPositions(&d, c)
	return d, nil
}
