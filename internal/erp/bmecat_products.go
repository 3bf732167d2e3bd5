package erp

import (
	"slices"
	"strings"
)

// header is what HEADER says about the whole of a file.
type header struct {
	there       bool
	line        int
	transaction string
	// language is that of the texts that are taken where there are several.
	language    string
	currency    string
	territories []string
	buyer       string
}

func (h *header) read(e *element) {
	h.there, h.line = true, e.line
	h.currency = e.say("CATALOG", "CURRENCY")
	for _, t := range e.all("CATALOG", "TERRITORY") {
		h.territories = append(h.territories, t.text)
	}
	for _, l := range e.all("CATALOG", "LANGUAGE") {
		if h.language == "" || l.attr("default") == "true" {
			h.language = l.text
		}
	}
	h.buyer = buyerOf(e)
}

// buyerOf is the number of who buys at the prices of the file: 1.2 names it in BUYER, 2005 refers to
// one of the PARTIES, whose number at the supplier counts before others that it has.
func buyerOf(e *element) string {
	named := e.say("BUYER", "BUYER_ID")
	if named == "" {
		named = e.say("BUYER_IDREF")
	}
	for _, party := range e.all("PARTIES", "PARTY") {
		ids := party.all("PARTY_ID")
		meant := slices.ContainsFunc(ids, func(id *element) bool { return id.text == named })
		if named == "" {
			meant = slices.ContainsFunc(party.all("PARTY_ROLE"), func(role *element) bool { return role.text == "buyer" })
		}
		if !meant || len(ids) == 0 {
			continue
		}
		for _, id := range ids {
			if id.attr("type") == "supplier_specific" {
				return id.text
			}
		}
		if named == "" {
			return ids[0].text
		}
	}
	return named
}

// productRow is the row of a product. What BMEcat has no word for, it leaves out: that stays as it is.
func (s *bmecatSource) productRow(e *element, of offer) record {
	row := record{line: e.line, kind: Products, partial: true, cells: map[string]cell{"orderable": {text: "true"}}}
	set := func(column, text string) { row.cells[column] = cell{text: text, exact: true} }
	wrong := func(column string, bad *RowError) {
		bad.Column = column
		row.bad = append(row.bad, bad)
	}
	sku := e.say("SUPPLIER_PID")
	set("sku", sku)
	set("name", oneLine(plain(e.in(s.header.language, "PRODUCT_DETAILS", "DESCRIPTION_SHORT"))))
	set("description", plain(e.in(s.header.language, "PRODUCT_DETAILS", "DESCRIPTION_LONG")))
	set("attributes", s.attributesOf(e))
	switch path, bad := s.groups.path(sku); {
	case bad == nil:
		set("category", path)
	case s.header.transaction == newCatalogue:
		wrong("category", bad)
	}
	order := e.first("PRODUCT_ORDER_DETAILS")
	if code := order.say("ORDER_UNIT"); code == "" {
		set("unit", "")
	} else if unit, bad := unitOf(code); bad != nil {
		wrong("unit", bad)
	} else {
		set("unit", unit)
	}
	for column, name := range map[string]string{"minimum_quantity": "QUANTITY_MIN", "quantity_step": "QUANTITY_INTERVAL"} {
		if text, bad := exactly(order.say(name), "1"); bad != nil {
			wrong(column, bad)
		} else {
			set(column, text)
		}
	}
	if text, bad := exactly(order.say("PRICE_QUANTITY"), "1"); bad != nil {
		wrong("price_quantity", bad)
	} else {
		set("price_quantity", text)
	}
	if of.twofold != nil {
		wrong("tax_rate", of.twofold)
	} else if of.tax != "" {
		if rate, bad := percentOf(of.tax); bad != nil {
			wrong("tax_rate", bad)
		} else {
			set("tax_rate", rate)
		}
	}
	slices.SortFunc(row.bad, func(a, b *RowError) int { return strings.Compare(a.Column, b.Column) })
	return row
}

// attributesOf writes the features of a product as the column has them: name=value unit, separated by
// |, each name once.
func (s *bmecatSource) attributesOf(e *element) string {
	var names []string
	values := map[string]string{}
	plainly := func(text string) string { return strings.ReplaceAll(oneLine(plain(text)), "|", "/") }
	for _, f := range e.all("PRODUCT_FEATURES", "FEATURE") {
		name := strings.ReplaceAll(plainly(f.in(s.header.language, "FNAME")), "=", ":")
		var several []string
		for _, v := range f.all("FVALUE") {
			language := v.attr("lang")
			if text := plainly(v.text); text != "" && (language == "" || s.header.language == "" || strings.EqualFold(language, s.header.language)) {
				several = append(several, text)
			}
		}
		value := trim(strings.Join(several, ", "))
		if name == "" || value == "" {
			continue
		}
		value = trim(value + " " + plainly(featureUnit(f.say("FUNIT"))))
		if before, again := values[name]; again {
			values[name] = before + ", " + value
			continue
		}
		names = append(names, name)
		values[name] = value
	}
	for i, name := range names {
		names[i] = name + "=" + values[name]
	}
	return strings.Join(names, "|")
}
