package erp

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"kontor/internal/day"
)

// theDay is when the files of these tests are read.
const theDay = day.Day("2026-11-25")

// written are the rows of a catalogue, a line each: where, and what is in the columns that the row
// itself gives, or what is wrong.
func written(t *testing.T, text string, kind Kind, chosen ...Option) []string {
	t.Helper()
	all, err := readAll(text, kind, BMECAT, append([]Option{On(theDay)}, chosen...)...)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range all {
		if s.row == nil {
			found = append(found, summary([]seen{s})...)
			continue
		}
		line := fmt.Sprintf("%d %s", s.line, s.row.Kind)
		for _, c := range Columns(s.row.Kind) {
			if s.row.Given(c.Name) {
				line += fmt.Sprintf(" %s=%v", c.Name, s.row.values[c.Name])
			}
		}
		if s.row.only != nil {
			line += fmt.Sprint(" only", s.row.only)
		}
		found = append(found, line)
	}
	return found
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sameLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// Requirement: CO-06
func TestBMEcatCatalogues(t *testing.T) {
	t.Parallel()
	sameLines(t, written(t, sample(t, "metall-2005.xml"), Products),
		"56 PRODUCTS sku=MET-AL-0226 name=Aluminium EN AC-46000 (AlSi9Cu3), Masseln description=Druckgusslegierung nach DIN EN 1706, Masseln zu je ca. 7 kg.\n\n- gebündelt zu 1 t\n- Werkszeugnis 3.1 für jede Charge "+
			"category=[Metalle Aluminium-Gusslegierungen] unit=kg tax_rate=19 orderable=true minimum_quantity=500 quantity_step=0.5 price_quantity=100 attributes=[{Dichte 2.75 g/cm3 } {Masselgewicht 7 kg} {Güte sekundär, rückführbar }]",
		"82 PRICES organization_id=BRANDT sku=MET-AL-0226 from_quantity=1 amount=2.985 currency=EUR",
		"89 PRICES organization_id=BRANDT sku=MET-AL-0226 from_quantity=5000 amount=2.91 currency=EUR only[1 5000]",
		"107 PRODUCTS sku=MET-CU-1500 name=Kupferdraht, blank, Ø 1,5 mm category=[Metalle Drähte › 1 mm] unit=m tax_rate=19 orderable=true minimum_quantity=100 quantity_step=100 price_quantity=1000",
		"119 PRICES organization_id=BRANDT sku=MET-CU-1500 from_quantity=1 amount=0.1899 currency=EUR only[1]")
	sameLines(t, written(t, sample(t, "telefonie-1.2.xml"), Products),
		"25 PRODUCTS sku=TEL-DC-0301 name=Schnurlostelefon für laute Räume, stoßfest description=DECT-Mobilteil mit Ladeschale.\nLautstärke bis 100 dB, Gehäuse nach IP65. category=[Endgeräte Schnurlostelefone] "+
			"unit=piece tax_rate=19 orderable=true minimum_quantity=1 quantity_step=1 price_quantity=1 attributes=[{Gewicht 165 g} {Farbe schwarz }]",
		"51 PRICES organization_id=HANSA sku=TEL-DC-0301 from_quantity=1 amount=189 currency=EUR",
		"52 PRICES organization_id=HANSA sku=TEL-DC-0301 from_quantity=10 amount=179.5 currency=EUR only[1 10]",
		"56 PRODUCTS sku=TEL-SIP-10 name=SIP-Anschluss mit 10 Sprachkanälen category=[Anschlüsse] unit=month tax_rate=19 orderable=true minimum_quantity=1 quantity_step=1 price_quantity=1",
		"63 PRICES organization_id=HANSA sku=TEL-SIP-10 from_quantity=1 amount=49.9 currency=EUR only[1]")
	sameLines(t, written(t, sample(t, "metall-2005.xml"), Prices, WithBuyer("ACME"))[2:], "119 PRICES organization_id=ACME sku=MET-CU-1500 from_quantity=1 amount=0.1899 currency=EUR only[1]")
	sameLines(t, written(t, sample(t, "metall-aenderung-2005.xml"), Products)[3:], "30 PRODUCTS sku=MET-CU-1500 orderable=false", "33 PRODUCTS sku=MET-ZN-0001 orderable=false")
}

// catalogue is a file with a header and elements of a transaction; the product begins in line 3.
func catalogue(transaction, header, elements string) string {
	return `<?xml version="1.0"?><BMECAT version="2005"><HEADER><CATALOG><CURRENCY>EUR</CURRENCY></CATALOG>` + header + "</HEADER>\n<" +
		transaction + ">\n" + elements + "</" + transaction + "></BMECAT>"
}

const (
	buyer = "<BUYER_IDREF>ACME</BUYER_IDREF>"
	tree  = `<CATALOG_GROUP_SYSTEM><CATALOG_STRUCTURE type="leaf"><GROUP_ID>g</GROUP_ID><GROUP_NAME>Metalle</GROUP_NAME></CATALOG_STRUCTURE></CATALOG_GROUP_SYSTEM>` +
		`<PRODUCT_TO_CATALOGGROUP_MAP><PROD_ID>A</PROD_ID><CATALOG_GROUP_ID>g</CATALOG_GROUP_ID></PRODUCT_TO_CATALOGGROUP_MAP>`
)

// one is a product A whose parts are replaced.
func one(order, details string) string {
	return `<PRODUCT><SUPPLIER_PID>A</SUPPLIER_PID><PRODUCT_DETAILS><DESCRIPTION_SHORT>Eins</DESCRIPTION_SHORT></PRODUCT_DETAILS>` +
		`<PRODUCT_ORDER_DETAILS><ORDER_UNIT>KGM</ORDER_UNIT>` + order + `</PRODUCT_ORDER_DETAILS>` + details + `</PRODUCT>`
}

func priceOf(kind, inside string) string {
	return `<PRODUCT_PRICE price_type="` + kind + `">` + inside + `</PRODUCT_PRICE>`
}

func priced(prices ...string) string {
	return "<PRODUCT_PRICE_DETAILS>" + strings.Join(prices, "") + "</PRODUCT_PRICE_DETAILS>"
}

// Requirement: CO-06
func TestBMEcatPrices(t *testing.T) {
	t.Parallel()
	amount := func(text string) string { return "<PRICE_AMOUNT>" + text + "</PRICE_AMOUNT>" }
	for name, c := range map[string]struct {
		order, details string
		header         string
		want           string // without what all have
	}{
		"plain":                     {details: priced(priceOf("net_list", amount("1.50"))), want: "from_quantity=1 amount=1.5 currency=EUR only[1]"},
		"the customer's before all": {details: priced(priceOf("net_list", amount("2")), priceOf("net_customer", amount("1"))), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"gross ones do not count":   {details: priced(priceOf("gros_list", amount("2")), priceOf("net_list", amount("1"))), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"nothing but gross":         {details: priced(priceOf("gros_list", amount("2")), priceOf("nrp", amount("1"))), want: "amount:PRICE_NOT_NET"},
		"for so many":               {order: "<PRICE_QUANTITY>1000</PRICE_QUANTITY>", details: priced(priceOf("net_list", amount("12.5"))), want: "from_quantity=1 amount=0.0125 currency=EUR only[1]"},
		"not exact":                 {order: "<PRICE_QUANTITY>3</PRICE_QUANTITY>", details: priced(priceOf("net_list", amount("10"))), want: "amount:TOO_MANY_PLACES"},
		"too fine":                  {order: "<PRICE_QUANTITY>100</PRICE_QUANTITY>", details: priced(priceOf("net_list", amount("1.2345"))), want: "amount:TOO_MANY_PLACES"},
		"for none":                  {order: "<PRICE_QUANTITY>0</PRICE_QUANTITY>", details: priced(priceOf("net_list", amount("10"))), want: "amount:NUMBER_OUT_OF_RANGE"},
		"with a factor":             {details: priced(priceOf("net_list", amount("10")+"<PRICE_FACTOR>0.85</PRICE_FACTOR>")), want: "from_quantity=1 amount=8.5 currency=EUR only[1]"},
		"decimal comma":             {details: priced(priceOf("net_list", amount("1,5"))), want: "amount:NUMBER_INVALID"},
		"exponent":                  {details: priced(priceOf("net_list", amount("1e9"))), want: "amount:NUMBER_INVALID"},
		"below nothing":             {details: priced(priceOf("net_list", amount("-1"))), want: "amount:NUMBER_OUT_OF_RANGE"},
		"no amount":                 {details: priced(priceOf("net_list", "")), want: "amount:VALUE_REQUIRED"},
		"formula":                   {details: priced(priceOf("net_list", amount("1")), priceOf("net_customer", "<PRICE_FORMULA/>")), want: "amount:PRICE_FORMULA"},
		"daily":                     {details: priced("<DAILY_PRICE>true</DAILY_PRICE>", priceOf("net_list", amount("1"))), want: "amount:PRICE_FORMULA"},
		"other currency":            {details: priced(priceOf("net_list", amount("1")+"<PRICE_CURRENCY>CHF</PRICE_CURRENCY>")), want: "from_quantity=1 amount=1 currency=CHF only[1]"},
		"from a quantity":           {details: priced(priceOf("net_list", amount("1")+"<LOWER_BOUND>10.0000000</LOWER_BOUND>")), want: "from_quantity=10 amount=1 currency=EUR only[10]"},
		"from nothing on":           {details: priced(priceOf("net_list", amount("1")+"<LOWER_BOUND>0</LOWER_BOUND>")), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"twice the same":            {details: priced(priceOf("net_list", amount("1")), priceOf("net_list", amount("1.0"))), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"twice":                     {details: priced(priceOf("net_list", amount("1")), priceOf("net_list", amount("2"))), want: "from_quantity:PRICE_REPEATED | from_quantity:PRICE_REPEATED"},
		"one is wrong: none goes":   {details: priced(priceOf("net_list", amount("1")), priceOf("net_list", amount("x")+"<LOWER_BOUND>5</LOWER_BOUND>")), want: "from_quantity=1 amount=1 currency=EUR | amount:NUMBER_INVALID"},
		"from tomorrow":             {details: priced("<VALID_START_DATE>2026-11-26</VALID_START_DATE>", priceOf("net_list", amount("1"))), want: "amount:PRICE_NOT_TODAY"},
		"until yesterday":           {details: priced(`<DATETIME type="valid_end_date"><DATE>2026-11-24</DATE></DATETIME>`, priceOf("net_list", amount("1"))), want: "amount:PRICE_NOT_TODAY"},
		"until today":               {details: priced("<VALID_END_DATE>2026-11-25T23:59:59+01:00</VALID_END_DATE>", priceOf("net_list", amount("1"))), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"no date":                   {details: priced("<VALID_END_DATE>demnächst</VALID_END_DATE>", priceOf("net_list", amount("1"))), want: "amount:DATE_INVALID"},
		"another time":              {details: priced("<VALID_END_DATE>2025-12-31</VALID_END_DATE>", priceOf("net_list", amount("9"))) + priced(priceOf("net_list", amount("1"))), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"another territory":         {header: "<CATALOG><TERRITORY>DE</TERRITORY></CATALOG>", details: priced(priceOf("net_list", amount("1")+"<TERRITORY>CH</TERRITORY>")), want: "amount:PRICE_ELSEWHERE"},
		"the catalogue's territory": {header: "<CATALOG><TERRITORY>DE</TERRITORY></CATALOG>", details: priced(priceOf("net_list", amount("1")+"<TERRITORY>DE</TERRITORY>"), priceOf("net_list", amount("2")+"<TERRITORY>CH</TERRITORY>")), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"for the unit of orders":    {details: priced(priceOf("net_list", amount("1")+"<PRICE_BASE><PRICE_UNIT>KG</PRICE_UNIT></PRICE_BASE>")), want: "from_quantity=1 amount=1 currency=EUR only[1]"},
		"for another unit":          {details: priced(priceOf("net_list", amount("1")+"<PRICE_BASE><PRICE_UNIT>TNE</PRICE_UNIT><PRICE_UNIT_FACTOR>0.001</PRICE_UNIT_FACTOR></PRICE_BASE>")), want: "amount:PRICE_BASE"},
		"none":                      {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := written(t, catalogue(newCatalogue, buyer+c.header, tree+"\n"+one(c.order, c.details)), Prices)
			for i, line := range got {
				line = strings.TrimPrefix(line, "4 PRICES organization_id=ACME sku=A ")
				got[i] = strings.TrimPrefix(line, "4 ")
			}
			if all := strings.Join(got, " | "); all != c.want {
				t.Errorf("got %s, want %s", all, c.want)
			}
		})
	}
}

// Requirement: CO-06
func TestBMEcatProducts(t *testing.T) {
	t.Parallel()
	whole := "sku=A name=Eins category=[Metalle] unit=kg orderable=true minimum_quantity=1 quantity_step=1 price_quantity=1"
	for name, c := range map[string]struct{ transaction, elements, want string }{
		"plain":              {newCatalogue, tree + one("", ""), "PRODUCTS " + whole},
		"groups come after":  {newCatalogue, one("", "") + tree, "PRODUCTS " + whole},
		"in no group":        {newCatalogue, one("", ""), "category:GROUP_MISSING"},
		"group is not there": {newCatalogue, one("", "") + "<PRODUCT_TO_CATALOGGROUP_MAP><PROD_ID>A</PROD_ID><CATALOG_GROUP_ID>h</CATALOG_GROUP_ID></PRODUCT_TO_CATALOGGROUP_MAP>", "category:GROUP_UNKNOWN"},
		"keeps its category": {updateProducts, one("", ""), "PRODUCTS " + strings.Replace(whole, " category=[Metalle]", "", 1)},
		"unit":               {newCatalogue, tree + strings.Replace(one("", ""), "KGM", "PK", 1), "unit:UNIT_UNKNOWN"},
		"everything at once": {newCatalogue, strings.NewReplacer("KGM", "PK", "Eins", "").Replace(one("<QUANTITY_MIN>0</QUANTITY_MIN><QUANTITY_INTERVAL>0.00001</QUANTITY_INTERVAL>", "")),
			"category:GROUP_MISSING quantity_step:TOO_MANY_PLACES unit:UNIT_UNKNOWN name:VALUE_REQUIRED minimum_quantity:NUMBER_OUT_OF_RANGE"},
		"rate in percent":       {newCatalogue, tree + one("", priced(priceOf("net_list", "<TAX>19</TAX>"))), "tax_rate:NUMBER_OUT_OF_RANGE"},
		"two rates":             {newCatalogue, tree + one("", priced(priceOf("net_list", "<TAX>0.19</TAX>"), priceOf("net_list", "<TAX>0.07</TAX>"))), "tax_rate:TAX_TWOFOLD"},
		"delete":                {updateProducts, `<PRODUCT mode="delete"><SUPPLIER_PID>A</SUPPLIER_PID></PRODUCT>`, "PRODUCTS sku=A orderable=false"},
		"delete without number": {updateProducts, `<PRODUCT mode="delete"/>`, "sku:VALUE_REQUIRED"},
		"mode":                  {updateProducts, `<PRODUCT mode="weg"><SUPPLIER_PID>A</SUPPLIER_PID></PRODUCT>`, ":MODE_UNKNOWN"},
		"too large":             {newCatalogue, "<PRODUCT>" + strings.Repeat("<X>abc</X>", maxElements) + "</PRODUCT><PRODUCT/>", ":PRODUCT_TOO_LARGE | category:GROUP_MISSING sku:VALUE_REQUIRED name:VALUE_REQUIRED unit:VALUE_REQUIRED"},
		"very long text":        {newCatalogue, "<PRODUCT>" + strings.Repeat("<X>"+strings.Repeat("y", 1000)+"</X>", 1100) + "</PRODUCT>", ":PRODUCT_TOO_LARGE"},
		"pictures do not count": {newCatalogue, tree + one("", "<MIME_INFO>"+strings.Repeat("<MIME/>", maxElements)+"</MIME_INFO>"), "PRODUCTS " + whole},
		"signs of lists": {newCatalogue, tree + one("", "<PRODUCT_FEATURES><FEATURE><FNAME>a=b|c</FNAME><FVALUE>1|2</FVALUE></FEATURE><FEATURE><FNAME>X</FNAME></FEATURE>"+
			"<FEATURE><FNAME>Y</FNAME><FVALUE>1</FVALUE></FEATURE><FEATURE><FNAME>Y</FNAME><FVALUE>2</FVALUE></FEATURE></PRODUCT_FEATURES>"), "PRODUCTS " + whole + " attributes=[{a:b/c 1/2 } {Y 1, 2 }]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := written(t, catalogue(c.transaction, "", "\n"+c.elements), Products)
			got = slices.DeleteFunc(got, func(line string) bool { return strings.HasSuffix(line, "BUYER_MISSING") })
			for i, line := range got {
				got[i] = strings.TrimPrefix(line, "4 ")
			}
			if all := strings.Join(got, " | "); all != c.want {
				t.Errorf("got %s, want %s", all, c.want)
			}
		})
	}
}

// Requirement: CO-06
func TestBMEcatBuyers(t *testing.T) {
	t.Parallel()
	text := func(header string) string {
		return catalogue(newCatalogue, header, tree+one("", priced(priceOf("net_list", "<PRICE_AMOUNT>1</PRICE_AMOUNT>"))))
	}
	for name, c := range map[string]struct {
		header, given, want string
	}{
		"2005":             {header: buyer, want: "ACME"},
		"1.2":              {header: `<BUYER><BUYER_ID type="duns">ACME</BUYER_ID></BUYER>`, want: "ACME"},
		"number at us":     {header: `<BUYER_IDREF>401</BUYER_IDREF><PARTIES><PARTY><PARTY_ID>401</PARTY_ID><PARTY_ID type="supplier_specific">ACME</PARTY_ID></PARTY></PARTIES>`, want: "ACME"},
		"number elsewhere": {header: `<BUYER_IDREF>ACME</BUYER_IDREF><PARTIES><PARTY><PARTY_ID>401</PARTY_ID></PARTY></PARTIES>`, want: "ACME"},
		"by its role":      {header: `<PARTIES><PARTY><PARTY_ID>X</PARTY_ID><PARTY_ROLE>supplier</PARTY_ROLE></PARTY><PARTY><PARTY_ID>ACME</PARTY_ID><PARTY_ROLE>buyer</PARTY_ROLE></PARTY></PARTIES>`, want: "ACME"},
		"given":            {given: "ACME", want: "ACME"},
		"given before all": {header: buyer, given: "HANSA", want: "HANSA"},
	} {
		got := written(t, text(c.header), Products, WithBuyer(c.given))
		if want := "3 PRICES organization_id=" + c.want + " sku=A from_quantity=1 amount=1 currency=EUR only[1]"; len(got) != 2 || got[1] != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	sameLines(t, written(t, text(""), Products), "1 organization_id:BUYER_MISSING", "3 PRODUCTS sku=A name=Eins category=[Metalle] unit=kg orderable=true minimum_quantity=1 quantity_step=1 price_quantity=1")
	if _, err := readAll(text(""), Prices, BMECAT); err == nil || !strings.Contains(err.Error(), "BUYER") {
		t.Errorf("prices that nobody pays: %v", err)
	}
}
