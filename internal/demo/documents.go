package demo

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/document"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/ent/tenant"
	"kontor/internal/day"
	"kontor/internal/export"
)

// paper is a kind of document as the ERP issues it: under which number, and how many days after
// the order.
type paper struct {
	kind          document.Kind
	prefix, title string
	after         int
}

var (
	confirmation = paper{document.KindORDER_CONFIRMATION, "AB", "Auftragsbestätigung", 1}
	deliveryNote = paper{document.KindDELIVERY_NOTE, "LS", "Lieferschein", 6}
	invoice      = paper{document.KindINVOICE, "RE", "Rechnung", 8}
)

// papers are which past orders have documents: the number of the order in its company. Every sixth
// order is about a contract. They are few, because each is made at each load.
var papers = []struct {
	tenant string
	orders map[int][]paper
}{
	{"HANSA", map[int][]paper{12: {confirmation, deliveryNote, invoice}, 13: {confirmation, deliveryNote, invoice}, 14: {confirmation}}},
	{"ALSTER", map[int][]paper{6: {confirmation, deliveryNote, invoice}, 7: {confirmation, invoice}}},
	{"BRANDT", map[int][]paper{5: {confirmation, deliveryNote, invoice}, 7: {deliveryNote, invoice}}},
}

// documentRows are documents of past orders, and one about a contract itself, as rows of a file and
// the folder with what these name.
func documentRows(ctx context.Context, client *ent.Client) (io.Reader, fs.FS, error) {
	b := newBundle()
	for _, of := range papers {
		t, err := client.Tenant.Query().Where(tenant.OrganizationID(of.tenant)).WithParent().Only(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("finding the company of documents: %w", err)
		}
		for n, kinds := range of.orders {
			o, err := client.Order.Query().Where(order.TenantID(t.ID), order.Number(fmt.Sprintf("%s-%06d", of.tenant, n))).
				WithContract().WithItems(func(q *ent.OrderItemQuery) { q.Order(orderitem.ByPosition()) }).Only(ctx)
			if err != nil {
				return nil, nil, fmt.Errorf("finding an order with documents: %w", err)
			}
			for _, p := range kinds {
				at := o.PlacedAt.AddDate(0, 0, p.after)
				number := fmt.Sprintf("%s-%d-%04d", p.prefix, at.Year(), 1000+7*n)
				page := p.about(o, t, number)
				page.Made = at
				if err := b.add(page, of.tenant, string(p.kind), number, string(day.Of(at)), o.Number, ""); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	c, err := client.Contract.Query().Where(contract.Number("RV-300001"), contract.HasTenantWith(tenant.OrganizationID("BRANDT"))).
		WithTenant(func(q *ent.TenantQuery) { q.WithParent() }).Only(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("finding a contract with a document: %w", err)
	}
	err = b.add(export.Document{
		Title: "Rahmenvertrag " + c.Number, Language: "de", Made: c.CreatedAt, From: []string{c.Edges.Tenant.Edges.Parent.Name},
		Facts:   []export.Fact{{Name: "Kunde", Value: c.Edges.Tenant.Name}, {Name: "Gültig ab", Value: c.ValidFrom}},
		Closing: "Mengen und Preise stehen in den Positionen des Vertrags im Portal.\nAbrufe erfolgen über das Portal.",
	}, "BRANDT", string(document.KindOTHER), "VT-"+c.Number, string(c.ValidFrom), "", c.Number)
	if err != nil {
		return nil, nil, err
	}
	return b.open()
}

// bundle is a file of documents with an archive of their contents, as they come from outside.
type bundle struct {
	rows    [][]string
	content bytes.Buffer
	archive *zip.Writer
}

func newBundle() *bundle {
	b := &bundle{rows: [][]string{{"organization_id", "kind", "number", "issued_on", "order_number", "contract_number", "file"}}}
	b.archive = zip.NewWriter(&b.content)
	return b
}

// add makes the PDF of a document and a row that names it. Each company has a folder: their numbers coincide.
func (b *bundle) add(page export.Document, row ...string) error {
	name := row[0] + "/" + strings.ReplaceAll(page.Title, " ", "-") + ".pdf"
	b.rows = append(b.rows, append(row, name))
	into, err := b.archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return fmt.Errorf("packing a document: %w", err)
	}
	return export.WriteDocument(into, page)
}

func (b *bundle) open() (io.Reader, fs.FS, error) {
	if err := b.archive.Close(); err != nil {
		return nil, nil, fmt.Errorf("packing documents: %w", err)
	}
	folder, err := zip.NewReader(bytes.NewReader(b.content.Bytes()), int64(b.content.Len()))
	if err != nil {
		return nil, nil, fmt.Errorf("opening documents: %w", err)
	}
	rows, err := file(b.rows)
	return rows, folder, err
}

// about is the page about an order.
func (p paper) about(o *ent.Order, t *ent.Tenant, number string) export.Document {
	d := export.Document{
		Title: p.title + " " + number, Language: "de", From: []string{t.Edges.Parent.Name, t.ContactName + " · " + t.ContactPhone},
		Facts: []export.Fact{
			{Name: "Kunde", Value: t.Name}, {Name: "Datum", Value: day.Of(o.PlacedAt.AddDate(0, 0, p.after))}, {Name: "Bestellung", Value: o.Number},
			{Name: "Bestellt am", Value: day.Of(o.PlacedAt)}, {Name: "Ihre Bestellnummer", Value: o.CustomerOrderNumber}, {Name: "Ihr Zeichen", Value: o.ReferenceNumber},
		},
		Columns: []export.DocumentColumn{{Title: "Pos.", Width: 10}, {Title: "Artikel", Width: 27}, {Title: "Bezeichnung"}, {Title: "Menge", Width: 27, Right: true}},
	}
	if o.Edges.Contract != nil {
		d.Facts = append(d.Facts, export.Fact{Name: "Vertrag", Value: o.Edges.Contract.Number})
	}
	priced := p.kind != document.KindDELIVERY_NOTE
	if priced {
		d.Columns = append(d.Columns, export.DocumentColumn{Title: "Preis", Width: 27, Right: true}, export.DocumentColumn{Title: "Betrag", Width: 30, Right: true})
		d.Totals = []export.Fact{{Name: "Netto", Value: o.Net()}, {Name: "Umsatzsteuer", Value: o.Tax()}, {Name: "Gesamt", Value: o.Gross()}}
	}
	for _, item := range o.Edges.Items {
		cells := []any{item.Position, item.Sku, item.ProductName, export.Measured{Amount: item.Quantity, Unit: units[item.Unit]}}
		if priced {
			cells = append(cells, item.UnitPrice(), item.LineTotal())
		}
		d.Positions = append(d.Positions, export.DocumentPosition{Cells: cells})
	}
	if p.kind == document.KindINVOICE {
		d.Closing = "Zahlbar innerhalb von 30 Tagen ohne Abzug."
	}
	return d
}

var units = map[string]string{"piece": "Stück", "month": "Monat", "kg": "kg", "t": "t", "m": "m"}
