package erp

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/internal/day"
	"kontor/internal/identity"
	"kontor/internal/money"
	"kontor/internal/series"
)

// contractOfCase holds a business case that is about a contract to naming it.
func contractOfCase(r *Row) *RowError {
	if !ent.AboutContract(order.BusinessCase(r.Text("business_case"))) {
		return nil
	}
	if !r.Given("contract_number") {
		return &RowError{Column: "contract_number", Code: CodeValueRequired}
	}
	return nil
}

func settledAfterPlaced(r *Row) *RowError {
	placed := r.Moment("placed_at")
	if settled, fits := value[moment](r, "settled_on").notBefore(placed); r.Given("settled_on") && !fits {
		return &RowError{Column: "settled_on", Code: CodeDatesReversed, args: []any{fmt.Sprintf("%s < %s", settled.Format(time.RFC3339), placed.Format(time.RFC3339))}}
	}
	return nil
}

func errorExplained(r *Row) *RowError {
	if r.Text("state") == string(order.StateERROR) && !r.Given("note") {
		return &RowError{Column: "note", Code: CodeValueRequired}
	}
	return nil
}

// pastOrder is an order as its rows say it.
type pastOrder struct {
	// head is the first of its rows, and row the one that was read last: what is wrong is wrong there.
	head, row *Row
	key       ownKey
	tenant    *ent.Tenant
	by        uuid.UUID
	contract  *uuid.UUID
	// stored is the order in the database; nil: there is none yet.
	stored *ent.Order

	positions []pastPosition
	totals    money.Totals
}

// pastPosition is a position of a past order.
type pastPosition struct {
	row     *Row
	product *ent.Product
	total   money.Decimal
}

// wished is the day that the customer wished the position for; nil: none.
func (p pastPosition) wished() *day.Day {
	if d := p.row.Day("wished_date"); d != "" {
		return &d
	}
	return nil
}

// ahead is how far in the future an order may seem to be: it is tomorrow elsewhere, and a plain
// date is noon.
const ahead = 24 * time.Hour

// read reads an order from its rows.
func (b *orderBook) read(o *pastOrder, rows []*Row) error {
	if err := b.readHead(o); err != nil {
		return err
	}
	if b.told[o.key] {
		return refusal("number", "the rows of an order stand one after the other, and those of %s came before", o.key.name)
	}
	b.told[o.key] = true
	taxed := make([]money.Taxed, len(rows))
	for i, row := range rows {
		o.row = row
		if column := contradiction(o.head, row); column != "" {
			return refusal(column, "all rows of an order say the same of it, and line %d says otherwise", o.head.Line)
		}
		p := pastPosition{row: row}
		var err error
		if p.product, err = b.good("sku", row.Text("sku")); err != nil {
			return err
		}
		if p.total, err = money.Line(row.Decimal("quantity"), row.Decimal("unit_price")); err != nil || !storable(p.total) {
			return refusal("quantity", "so much at that price is more than can be counted")
		}
		at, twice := slices.BinarySearchFunc(o.positions, row.Int("position"), func(p pastPosition, n int) int { return cmp.Compare(p.row.Int("position"), n) })
		if twice {
			return refusal("position", "the order has a position %d already, in line %d", row.Int("position"), o.positions[at].row.Line)
		}
		o.positions = slices.Insert(o.positions, at, p)
		taxed[i] = money.Taxed{Net: p.total, RatePercent: p.product.TaxRate}
	}
	o.row = o.head
	var err error
	if o.totals, err = money.Sum(taxed); err != nil || !storable(o.totals.Gross) {
		return refusal("", "the order comes to more than can be counted")
	}
	return nil
}

func storable(d money.Decimal) bool {
	_, err := d.Units()
	return err == nil
}

// readHead reads what all rows of an order say.
func (b *orderBook) readHead(o *pastOrder) (err error) {
	head := o.head
	if o.tenant, err = b.tenant(head.Text("organization_id")); err != nil {
		return err
	}
	o.key = ownKey{o.tenant.ID, head.Text("number")}
	if o.stored = b.stored[o.key]; o.stored != nil && !o.stored.Imported {
		return refusal("number", "%s was placed in Kontor, which no import changes; have a service agent move it on by advanceOrder", o.key.name)
	}
	if _, far := series.Place(o.tenant, numberseries.KindORDER, o.key.name); far {
		return refusal("number", "it has more digits than the numbers that Kontor gives to orders of %s; use one of another form", o.tenant.OrganizationID)
	}
	if currency := head.Text("currency"); currency != "" && currency != o.tenant.Currency {
		return refusal("currency", "%s buys in %s, not in %s", o.tenant.OrganizationID, o.tenant.Currency, currency)
	}
	for _, column := range []string{"placed_at", "settled_on"} {
		if head.Moment(column).After(b.now().Add(ahead)) {
			return refusal(column, "it lies in the future")
		}
	}
	by, known := b.people[ownKey{o.tenant.ID, identity.Key(head.Text("ordered_by"))}]
	if !known {
		return refusal("ordered_by", "%s has no user %q; import it first", o.tenant.OrganizationID, head.Text("ordered_by"))
	}
	o.by = by
	if number := head.Text("contract_number"); number != "" {
		about, known := b.agreements[ownKey{o.tenant.ID, number}]
		if !known {
			return refusal("contract_number", "%s has no contract %q; import it first", o.tenant.OrganizationID, number)
		}
		o.contract = &about
	}
	return nil
}

// ofPosition are the columns of a position; in the others all rows of an order are the same.
var ofPosition = []string{"position", "sku", "quantity", "unit_price", "wished_date"}

// contradiction is the first column in which a row says something else of its order than the first one.
func contradiction(head, row *Row) string {
	for _, c := range row.table.columns {
		// The organization ID may be written otherwise, or the rows would not be of one order.
		if c.Name != "organization_id" && !slices.Contains(ofPosition, c.Name) && value[any](head, c.Name) != value[any](row, c.Name) {
			return c.Name
		}
	}
	return ""
}

// differs refuses rows that say something else than the order that is there.
func (o *pastOrder) differs() error {
	is, head := o.stored, o.head
	column := firstOtherwise([]claim{
		{"channel", string(is.Channel) == head.Text("channel")}, {"placed_at", is.PlacedAt.Equal(head.Moment("placed_at"))}, {"ordered_by", is.PlacedByID == o.by},
		{"business_case", string(is.BusinessCase) == head.Text("business_case")}, {"name", is.Name == head.Text("name")},
		{"customer_order_number", is.CustomerOrderNumber == head.Text("customer_order_number")}, {"reference_number", is.ReferenceNumber == head.Text("reference_number")},
		// What came of it may be told by one side only, but not otherwise by both.
		{"contract_number", o.contract == nil || is.ContractID == nil || *is.ContractID == *o.contract},
		{"position", len(is.Edges.Items) == len(o.positions)},
	})
	if column != "" {
		return refusal(column, "the order is there otherwise, and an order stays as it was placed")
	}
	for i, item := range is.Edges.Items {
		p := o.positions[i]
		o.row = p.row
		column := firstOtherwise([]claim{
			{"position", item.Position == p.row.Int("position")}, {"sku", item.ProductID == p.product.ID}, {"quantity", item.Quantity.Cmp(p.row.Decimal("quantity")) == 0},
			{"unit_price", item.UnitPriceAmount.Cmp(p.row.Decimal("unit_price")) == 0}, {"wished_date", equal(item.WishedDate, p.wished())},
		})
		if column != "" {
			return refusal(column, "the position is there otherwise, and an order stays as it was placed")
		}
	}
	o.row = o.head
	return nil
}
