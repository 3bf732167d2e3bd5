package server

import (
	"context"
	"iter"
	"slices"
	"strings"

	"kontor/ent"
	"kontor/internal/account"
	"kontor/internal/cart"
	"kontor/internal/day"
	"kontor/internal/export"
	"kontor/internal/lang"
	"kontor/internal/money"
)

var cartColumns = []string{"position", "sku", "product", "quantity", "unit", "unit_price", "line_total", "currency", "wished_date", "delivery_address", "account_assignment", "contract"}

// cartRows are the positions of the viewer's current cart.
func (s *Server) cartRows(ctx context.Context, language string) iter.Seq2[[]any, error] {
	return rowsOf(language, func() (*cart.Cart, error) { return s.rooms.Cart.Current(ctx) })
}

// rowsOf are the positions of something that is or was a cart, which is read when they are asked for.
func rowsOf(language string, read func() (*cart.Cart, error)) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		c, err := read()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, row := range positionRows(c, language) {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// positionRows are the positions of a cart as rows of cartColumns.
func positionRows(c *cart.Cart, language string) [][]any {
	rows := make([][]any, len(c.Items))
	for i, item := range c.Items {
		sku, name := productOf(item, language)
		rows[i] = []any{money.FromInt(int64(i + 1)), sku, name, item.Quantity, unitOf(item.Unit, language), orNil(item.UnitPrice), orNil(item.LineTotal), c.Net.Currency,
			orNil(item.WishedDate), addressLine(item.DeliveryAddress), assignmentLine(item.EffectiveAssignment, language), agreementOf(c)}
	}
	return rows
}

// cartDocument is the viewer's current cart to print and file (CA-08).
func (s *Server) cartDocument(ctx context.Context, l link) (export.Document, error) {
	language := l.Language
	d := export.Document{Title: lang.Text(language, "TITLE_cart", nil), Language: language, Empty: lang.Text(language, "CART_EMPTY", nil)}
	c, err := s.rooms.Cart.Current(ctx)
	if err != nil {
		return d, err
	}
	t, err := s.rooms.Identity.Tenant(ctx)
	if err != nil {
		return d, err
	}
	by, err := s.rooms.Identity.User(ctx)
	if err != nil {
		return d, err
	}
	column := func(name string) string { return lang.Text(language, "COLUMN_"+name, nil) }
	d.From = letterhead(language, t.Name, t)
	d.Facts = []export.Fact{
		{Name: column("date"), Value: day.Of(s.now())}, {Name: column("name"), Value: c.Name},
		{Name: column("created_by"), Value: by.DisplayName()}, {Name: column("reference_number"), Value: c.ReferenceNumber},
		{Name: column("customer_order_number"), Value: c.CustomerOrderNumber}, {Name: column("account_assignment"), Value: assignmentLine(c.AccountAssignment, language)},
		{Name: column("delivery_address"), Value: addressLine(c.DeliveryAddress)}, {Name: column("contract"), Value: agreementOf(c)},
	}
	fillPositions(&d, c)
	return d, nil
}

// letterhead is who a document is from, and whom the company that it is for turns to.
func letterhead(language, from string, company *ent.Tenant) []string {
	head := filled(from)
	if contact := strings.Join(filled(company.ContactName, company.ContactPhone, company.ContactEmail), " · "); contact != "" {
		head = append(head, lang.Text(language, "COLUMN_contact", nil)+": "+contact)
	}
	return head
}

// fillPositions puts the positions of a cart and its totals into a document.
func fillPositions(d *export.Document, c *cart.Cart) {
	language := d.Language
	column := func(name string) string { return lang.Text(language, "COLUMN_"+name, nil) }
	d.Columns = []export.DocumentColumn{
		{Title: column("position"), Width: 10}, {Title: column("sku"), Width: 27}, {Title: column("product")},
		{Title: column("quantity"), Width: 27, Right: true}, {Title: column("unit_price"), Width: 27, Right: true}, {Title: column("line_total"), Width: 30, Right: true},
	}
	for i, item := range c.Items {
		sku, name := productOf(item, language)
		d.Positions = append(d.Positions, export.DocumentPosition{
			Cells: []any{i + 1, sku, name, export.Measured{Amount: item.Quantity, Unit: unitOf(item.Unit, language)}, orNil(item.UnitPrice), orNil(item.LineTotal)},
			Notes: notes(c, item, language),
		})
	}
	d.Totals = []export.Fact{{Name: column("net"), Value: c.Net}, {Name: column("tax"), Value: c.Tax}, {Name: column("gross"), Value: c.Gross}}
}

// notes are what is particular about a position.
func notes(c *cart.Cart, item *cart.Item, language string) []string {
	var notes []string
	add := func(column string, value string) {
		if value != "" {
			notes = append(notes, lang.Text(language, "COLUMN_"+column, nil)+": "+value)
		}
	}
	if item.WishedDate != nil {
		add("wished_date", export.Text(*item.WishedDate, language))
	}
	if line := addressLine(item.DeliveryAddress); line != addressLine(c.DeliveryAddress) {
		add("delivery_address", line)
	}
	if line := assignmentLine(item.EffectiveAssignment, language); line != assignmentLine(c.AccountAssignment, language) {
		add("account_assignment", line)
	}
	for _, p := range item.Problems {
		notes = append(notes, lang.Text(language, p.Code, p.Args))
	}
	return notes
}

// agreementOf is the number of the agreement that a cart calls off from (OR-12).
func agreementOf(c *cart.Cart) string {
	if c.Contract == nil {
		return ""
	}
	return c.Contract.Number
}

func productOf(item *cart.Item, language string) (sku, name string) {
	if item.Product == nil {
		return "", lang.Text(language, "PRODUCT_GONE", nil)
	}
	return item.Product.Sku, item.Product.Name
}

// unitOf is a unit in the user's language; one that is not known is left as it is.
func unitOf(unit, language string) string {
	if text := word(language, "UNIT", unit); text != "UNIT_"+unit {
		return text
	}
	return unit
}

func addressLine(a *ent.Address) string {
	if a == nil {
		return ""
	}
	return strings.Join(filled(a.Company, a.Contact, a.Street, strings.TrimSpace(a.PostalCode+" "+a.City), a.Country), ", ")
}

func assignmentLine(a *account.Assignment, language string) string {
	if a == nil {
		return ""
	}
	var parts []string
	for _, part := range []struct{ column, value string }{
		{"cost_centre", a.CostCentre}, {"gl_account", a.GLAccount}, {"project", a.Project}, {"plant", a.Plant},
	} {
		if part.value != "" {
			parts = append(parts, lang.Text(language, "COLUMN_"+part.column, nil)+" "+part.value)
		}
	}
	return strings.Join(parts, ", ")
}

// filled are the texts that are not empty.
func filled(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}
