package erp

import (
	"math/big"
	"regexp"
	"slices"
	"strings"

	"kontor/internal/day"
	"kontor/internal/money"
)

// netPrices are the types of prices that count, the better one first: what the buyer agreed on, and
// what everybody pays. All others are gross, recommended, or for other cases than an order here.
var netPrices = []string{"net_customer", "net_list"}

// offer is what a product costs on the day.
type offer struct {
	// prices are those that count: all of one type.
	prices []*element
	// bad is why none counts although there are some, and line where.
	bad  *RowError
	line int
	// tax is the rate, as a share of the net amount; empty where none is named.
	tax string
	// twofold are two rates that prices of the product have.
	twofold *RowError
}

// offerOf finds the prices of a product that count: valid on the day, for the territory of the
// catalogue, net.
func (s *bmecatSource) offerOf(e *element) offer {
	var (
		o     offer
		types []string
		valid = map[string][]*element{}
		other string // the rate of a price that does not count
	)
	hinder := func(at *element, bad *RowError) {
		if o.bad == nil {
			o.bad, o.line = bad, at.line
		}
	}
	for _, details := range e.all("PRODUCT_PRICE_DETAILS") {
		today := s.onTheDay(details)
		for _, p := range details.all("PRODUCT_PRICE") {
			kind := p.attr("price_type")
			if other == "" {
				other = taxOf(p)
			}
			switch {
			case !slices.Contains(netPrices, kind):
				if !slices.Contains(types, kind) {
					types = append(types, kind)
				}
			case today != nil:
				hinder(p, today)
			case !s.counts(p):
				hinder(p, flaw(CodePriceElsewhere, clip(strings.Join(s.header.territories[:min(len(s.header.territories), 10)], ", "))))
			default:
				if strings.EqualFold(details.say("DAILY_PRICE"), "true") {
					p.children = append(p.children, &element{name: "DAILY_PRICE"})
				}
				valid[kind] = append(valid[kind], p)
			}
		}
		if len(types) > 0 && o.line == 0 {
			o.line = details.line
		}
	}
	for _, kind := range netPrices {
		if o.prices = valid[kind]; len(o.prices) > 0 {
			break
		}
	}
	switch {
	case len(o.prices) > 0:
		o.bad = nil
	case o.bad == nil && len(types) > 0:
		o.bad = flaw(CodePriceNotNet, list(types), strings.Join(netPrices, ", "))
	}
	for _, p := range o.prices {
		switch rate := taxOf(p); {
		case o.tax == "":
			o.tax = rate
		case rate != "" && rate != o.tax:
			o.twofold = flaw(CodeTaxTwofold, quote(o.tax), quote(rate))
		}
	}
	if o.tax == "" {
		o.tax = other
	}
	return o
}

// onTheDay tells why the prices of PRODUCT_PRICE_DETAILS are not valid on the day; nil: they are.
func (s *bmecatSource) onTheDay(details *element) *RowError {
	bound := func(name, kind string) string {
		if text := details.say(name); text != "" {
			return text
		}
		for _, d := range details.all("DATETIME") {
			if d.attr("type") == kind {
				return d.say("DATE")
			}
		}
		return ""
	}
	from, to := bound("VALID_START_DATE", "valid_start_date"), bound("VALID_END_DATE", "valid_end_date")
	for _, text := range []string{from, to} {
		if text == "" {
			continue
		}
		if _, err := day.Parse(text[:min(len(text), len("2026-11-23"))]); err != nil {
			return flaw(CodeDateInvalid, quote(text))
		}
	}
	today := string(s.options.today)
	if from != "" && today < from[:len(today)] || to != "" && today > to[:len(today)] {
		return flaw(CodePriceNotToday, today, clip(from)+" – "+clip(to))
	}
	return nil
}

// counts tells whether a price is for all of the catalogue's territories, or for one of them.
func (s *bmecatSource) counts(p *element) bool {
	of := p.all("TERRITORY")
	here := slices.ContainsFunc(of, func(t *element) bool { return slices.Contains(s.header.territories, t.text) })
	return (len(of) == 0 || len(s.header.territories) == 0 || here) && p.first("AREA_REFS") == nil
}

// taxOf is the rate of a price, as a share: 0.19.
func taxOf(p *element) string {
	if rate := p.say("TAX"); rate != "" {
		return rate
	}
	for _, details := range p.all("TAX_DETAILS") {
		if kind := details.say("TAX_TYPE"); kind == "" || strings.EqualFold(kind, "vat") {
			return details.say("TAX")
		}
	}
	return ""
}

// priceRows are the rows of a product's prices. Together they are all that the buyer pays for it: the
// last one takes away what is not among them, unless one of them is wrong.
func (s *bmecatSource) priceRows(e *element, of offer) []record {
	blank := func(line int) record {
		return record{line: line, kind: Prices, partial: true, cells: map[string]cell{
			"organization_id": {text: s.header.buyer}, "sku": {text: e.say("SUPPLIER_PID")},
		}}
	}
	if of.bad != nil {
		row := blank(of.line)
		of.bad.Column = "amount"
		row.bad = RowErrors{of.bad}
		return []record{row}
	}
	var (
		rows  []record
		there = map[string]int{}
		only  []money.Decimal
		sound = true
	)
	for _, p := range of.prices {
		row := blank(p.line)
		s.fillPrice(&row, e, p)
		from := row.cells["from_quantity"].text
		if n, again := there[from]; again && from != "" {
			first := &rows[n]
			if first.cells["amount"] == row.cells["amount"] && first.cells["currency"] == row.cells["currency"] {
				continue
			}
			first.bad = RowErrors{{Column: "from_quantity", Code: CodePriceRepeated, args: []any{from}}}
			row.bad = RowErrors{{Column: "from_quantity", Code: CodePriceRepeated, args: []any{from}}}
			sound = false
		}
		there[from] = len(rows)
		rows = append(rows, row)
		quantity, err := money.Parse(from)
		sound = sound && err == nil && row.bad == nil
		only = append(only, quantity)
	}
	if sound && len(rows) > 0 {
		rows[len(rows)-1].only = only
	}
	return rows
}

// fillPrice works out what one unit costs.
func (s *bmecatSource) fillPrice(row *record, e, p *element) {
	set := func(column, text string, bad *RowError) {
		if bad != nil {
			bad.Column = column
			row.bad = append(row.bad, bad)
			return
		}
		row.cells[column] = cell{text: text, exact: true}
	}
	from, bad := exactly(p.say("LOWER_BOUND"), "1")
	if from == "0" {
		from = "1"
	}
	set("from_quantity", from, bad)
	currency := p.say("PRICE_CURRENCY")
	if currency == "" {
		currency = s.header.currency
	}
	set("currency", currency, nil)
	order := e.first("PRODUCT_ORDER_DETAILS")
	switch {
	case p.first("PRICE_FORMULA") != nil || p.first("DAILY_PRICE") != nil:
		set("amount", "", flaw(CodePriceFormula))
	case p.first("PRICE_BASE") != nil && !sameUnit(order, p.first("PRICE_BASE")):
		set("amount", "", flaw(CodePriceBase, quote(p.say("PRICE_BASE", "PRICE_UNIT")), quote(order.say("ORDER_UNIT"))))
	case p.say("PRICE_AMOUNT") == "":
		set("amount", "", nil)
	default:
		row.perCatalogue = order == nil
		amount, bad := unitPrice(p.say("PRICE_AMOUNT"), p.say("PRICE_FACTOR"), order.say("PRICE_QUANTITY"))
		set("amount", amount, bad)
	}
}

// sameUnit tells whether a price is for what quantities count.
func sameUnit(order, base *element) bool {
	counted, badOrder := unitOf(order.say("ORDER_UNIT"))
	priced, badBase := unitOf(base.say("PRICE_UNIT"))
	factor, badFactor := exactly(base.say("PRICE_UNIT_FACTOR"), "1")
	return badOrder == nil && badBase == nil && badFactor == nil && counted == priced && factor == "1"
}

// unitPrice is the price of one unit: the amount times the factor, for so many units.
func unitPrice(amount, factor, quantity string) (string, *RowError) {
	var parts [3]*big.Rat
	for i, text := range []string{amount, factor, quantity} {
		if text == "" {
			text = "1"
		}
		var bad *RowError
		if parts[i], bad = number(text); bad != nil {
			return "", bad
		}
	}
	if parts[2].Sign() <= 0 {
		return "", flaw(CodeNumberOutOfRange, "> 0 (PRICE_QUANTITY)")
	}
	said := amount
	if factor != "" {
		said += " × " + factor
	}
	if quantity != "" {
		said += " / " + quantity
	}
	one := new(big.Rat).Mul(parts[0], parts[1])
	return decimal(one.Quo(one, parts[2]), said)
}

// percentOf writes a rate as a percentage: 0.19 is 19.
func percentOf(share string) (string, *RowError) {
	rate, bad := number(share)
	if bad != nil {
		return "", bad
	}
	return decimal(rate.Mul(rate, big.NewRat(100, 1)), share)
}

// exactly writes a number without needless zeros; an empty one is the default.
func exactly(text, otherwise string) (string, *RowError) {
	if text == "" {
		return otherwise, nil
	}
	n, bad := number(text)
	if bad != nil {
		return "", bad
	}
	return decimal(n, text)
}

// numbers are written with a decimal point and without anything between thousands.
var numbers = regexp.MustCompile(`^[+-]?[0-9]{1,14}(\.[0-9]{0,20})?$`)

func number(text string) (*big.Rat, *RowError) {
	if !numbers.MatchString(text) {
		return nil, flaw(CodeNumberInvalid, quote(text))
	}
	n, _ := new(big.Rat).SetString(strings.TrimSuffix(text, "."))
	return n, nil
}

func decimal(n *big.Rat, said string) (string, *RowError) {
	places, exact := n.FloatPrec()
	if !exact || places > money.Places {
		return "", flaw(CodeTooManyPlaces, quote(said), money.Places)
	}
	return n.FloatString(places), nil
}
