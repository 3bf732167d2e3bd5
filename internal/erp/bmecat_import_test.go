package erp_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/ent/price"
	"kontor/ent/product"
	"kontor/ent/tenant"
	"kontor/internal/db"
	"kontor/internal/erp"
)

// catalogues imports BMEcat files into a database with two companies, on a day.
func catalogues(t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) func(ctx context.Context, kind erp.Kind, text, buyer string) erp.Result {
	t.Helper()
	run(erp.Tenants, "organization_id;name;kind;parent;email_domain\nOP;Betreiber;OPERATOR;;op.example\nBRANDT;Brandt Druckguss GmbH & Co. KG;CUSTOMER;OP;brandt.example\nHANSA;Hansa Logistik GmbH;CUSTOMER;OP;hansa.example\n")
	return func(ctx context.Context, kind erp.Kind, text, buyer string) erp.Result {
		t.Helper()
		importer := erp.NewImporter(d, nil, func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) }).WithBuyer(buyer)
		result, err := importer.Run(ctx, kind, strings.NewReader(text), erp.BMECAT)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

func sampleFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// did is a result in short: created, updated, unchanged, and why rows were refused.
func did(r erp.Result) string {
	text := fmt.Sprintf("%d %d %d", r.Created, r.Updated, r.Unchanged)
	for _, one := range r.Rejected {
		text += fmt.Sprintf(" | %d %s", one.Line, one.Reason)
	}
	return text
}

func pricesOf(ctx context.Context, d *db.DB, organization, sku string) string {
	var found []string
	for _, p := range d.Client.Price.Query().Where(price.HasProductWith(product.Sku(sku))).Order(price.ByFromQuantity()).AllX(ctx) {
		if d.Client.Tenant.Query().Where(tenant.ID(p.TenantID)).OnlyX(ctx).OrganizationID == organization {
			found = append(found, fmt.Sprintf("%s: %s %s", p.FromQuantity, p.Amount, p.Currency))
		}
	}
	return strings.Join(found, ", ")
}

// Requirement: CO-06
func TestImportOfBMEcat(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		load := catalogues(t, d, run)
		expect := func(what string, got erp.Result, want string) {
			t.Helper()
			if did(got) != want {
				t.Errorf("%s: %s, want %s", what, did(got), want)
			}
		}
		metal, phones := sampleFile(t, "metall-2005.xml"), sampleFile(t, "telefonie-1.2.xml")
		expect("metal", load(ctx, erp.Products, metal, ""), "5 0 0")
		expect("metal again", load(ctx, erp.Products, metal, ""), "0 0 5")
		expect("phones", load(ctx, erp.Products, phones, ""), "5 0 0")
		expect("phones again", load(ctx, erp.Products, phones, ""), "0 0 5")

		al := d.Client.Product.Query().Where(product.Sku("MET-AL-0226")).WithCategory().OnlyX(ctx)
		if al.Edges.Category.Path != "Metalle > Aluminium-Gusslegierungen" || al.Unit != "kg" || al.MinimumQuantity.String() != "500" || !al.Active || len(al.Attributes) != 3 {
			t.Errorf("the alloy came in as %v in %s", al, al.Edges.Category.Path)
		}
		if got := pricesOf(ctx, d, "BRANDT", "MET-AL-0226"); got != "1: 2.985 EUR, 5000: 2.91 EUR" {
			t.Errorf("the alloy costs %s", got)
		}

		// What BMEcat has no word for stays, and so does the category where the file has no groups.
		al.Update().SetAutomatic(true).SaveX(ctx)
		change := sampleFile(t, "metall-aenderung-2005.xml")
		missing := `there is no product "MET-ZN-0001", and to make it the row would need its name`
		expect("change", load(ctx, erp.Products, change, ""), "0 3 1 | 33 sku: "+missing)
		expect("change again", load(ctx, erp.Products, change, ""), "0 0 4 | 33 sku: "+missing)
		al = d.Client.Product.Query().Where(product.Sku("MET-AL-0226")).WithCategory().OnlyX(ctx)
		if !al.Automatic || al.Edges.Category.Name != "Aluminium-Gusslegierungen" || !strings.HasSuffix(al.Name, "CO₂-reduziert") || len(al.Attributes) != 0 || al.TaxRate.String() != "19" {
			t.Errorf("after the change the alloy is %v", al)
		}
		if got := pricesOf(ctx, d, "BRANDT", "MET-AL-0226"); got != "1: 2.985 EUR, 5000: 2.8825 EUR" {
			t.Errorf("after the change the alloy costs %s", got)
		}
		wire := d.Client.Product.Query().Where(product.Sku("MET-CU-1500")).OnlyX(ctx)
		if wire.Active || wire.Name != "Kupferdraht, blank, Ø 1,5 mm" {
			t.Errorf("the deleted wire is %v", wire)
		}
		// Products that the catalogue does not have stay; the ones that it has can be ordered again.
		expect("metal once more", load(ctx, erp.Products, metal, ""), "0 3 2")
		if n := d.Client.Product.Query().Where(product.Active(true)).CountX(ctx); n != 4 {
			t.Errorf("%d products can be ordered", n)
		}
	})
}

// The prices of a product are replaced as a whole, for their buyer and nobody else.
//
// Requirement: CO-06
func TestImportOfBMEcatPrices(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		load := catalogues(t, d, run)
		phones, prices := sampleFile(t, "telefonie-1.2.xml"), sampleFile(t, "telefonie-preise-1.2.xml")
		load(ctx, erp.Products, phones, "")
		load(ctx, erp.Prices, phones, "brandt")
		for _, want := range []string{"1 0 1", "0 0 2"} {
			if got := did(load(ctx, erp.Prices, prices, "")); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		if got := pricesOf(ctx, d, "HANSA", "TEL-DC-0301"); got != "1: 189 EUR, 25: 169 EUR" {
			t.Errorf("the phone costs %s", got)
		}
		if got := pricesOf(ctx, d, "BRANDT", "TEL-DC-0301"); got != "1: 189 EUR, 10: 179.5 EUR" {
			t.Errorf("another company pays %s", got)
		}
		// Fewer prices than before, and a wrong one, which lets the others stay.
		fewer := prices[:strings.LastIndex(prices, "        <ARTICLE_PRICE ")] + prices[strings.Index(prices, "      </ARTICLE_PRICE_DETAILS>"):]
		wrong := strings.Replace(prices, "169.00", "169,00", 1)
		if got := load(ctx, erp.Prices, wrong, ""); got.Unchanged != 1 || len(got.Rejected) != 1 || pricesOf(ctx, d, "HANSA", "TEL-DC-0301") != "1: 189 EUR, 25: 169 EUR" {
			t.Errorf("a wrong price: %s", did(got))
		}
		if got := did(load(ctx, erp.Prices, fewer, "")); got != "0 1 0" || pricesOf(ctx, d, "HANSA", "TEL-DC-0301") != "1: 189 EUR" {
			t.Errorf("fewer prices: %s", got)
		}
		if got := did(load(ctx, erp.Prices, fewer, "")); got != "0 0 1" {
			t.Errorf("fewer prices again: %s", got)
		}
		for name, c := range map[string]struct{ text, buyer, want string }{
			"nobody":      {prices, "NOBODY", "no tenant"},
			"no product":  {strings.Replace(prices, "TEL-DC-0301", "TEL-XX", 1), "", "no product"},
			"other money": {strings.Replace(prices, "<CURRENCY>EUR", "<CURRENCY>CHF", 1), "", "buys in EUR"},
		} {
			got := load(ctx, erp.Prices, c.text, c.buyer)
			if len(got.Rejected) != 2 || slices.ContainsFunc(got.Rejected, func(r erp.Rejection) bool { return !strings.Contains(r.Reason, c.want) }) {
				t.Errorf("%s: %s", name, did(got))
			}
		}
		// Where nobody is named the products go in, and their prices are told once.
		anonymous := strings.Replace(phones, `<BUYER_ID type="supplier_specific">HANSA</BUYER_ID>`, "", 1)
		if got := load(ctx, erp.Products, anonymous, ""); got.Unchanged != 2 || len(got.Rejected) != 1 || got.Rejected[0].Line != 4 || !strings.Contains(got.Rejected[0].Reason, "BUYER") {
			t.Errorf("no buyer: %s", did(got))
		}
	})
}

// New prices count for as many units as the catalogue of the product said, which they do not repeat.
//
// Requirement: CO-06
func TestNewPricesPerHundred(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		load := catalogues(t, d, run)
		load(ctx, erp.Products, sampleFile(t, "metall-2005.xml"), "")
		const prices = `<BMECAT version="2005"><HEADER><CATALOG><CURRENCY>EUR</CURRENCY></CATALOG></HEADER><T_UPDATE_PRICES><PRODUCT><SUPPLIER_PID>MET-AL-0226</SUPPLIER_PID>
<PRODUCT_PRICE_DETAILS><PRODUCT_PRICE price_type="net_customer"><PRICE_AMOUNT>301.25</PRICE_AMOUNT></PRODUCT_PRICE></PRODUCT_PRICE_DETAILS></PRODUCT></T_UPDATE_PRICES></BMECAT>`
		if got := did(load(ctx, erp.Prices, prices, "BRANDT")); got != "0 1 0" || pricesOf(ctx, d, "BRANDT", "MET-AL-0226") != "1: 3.0125 EUR" {
			t.Errorf("%s, %s", got, pricesOf(ctx, d, "BRANDT", "MET-AL-0226"))
		}
		if got := load(ctx, erp.Prices, strings.Replace(prices, "301.25", "301.253", 1), "BRANDT"); len(got.Rejected) != 1 || got.Rejected[0].Column != "amount" {
			t.Errorf("a price that would have to be rounded: %s", did(got))
		}
	})
}

// All rows of a catalogue or none: of products and prices alike.
//
// Requirement: CO-06
func TestImportOfWholeBMEcat(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		catalogues(t, d, run)
		metal := sampleFile(t, "metall-2005.xml")
		importer := erp.NewImporter(d, nil, func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) })
		for _, c := range []struct {
			text           string
			want, products int
		}{{strings.Replace(metal, "189.90", "189,90", 1), 0, 0}, {strings.Replace(metal, ">BRANDT<", ">NOBODY<", 1), 0, 0}, {metal, 5, 2}} {
			got, err := importer.RunWhole(ctx, erp.Products, strings.NewReader(c.text), erp.BMECAT)
			if err != nil || got.Created != c.want || (len(got.Rejected) == 0) != (c.want > 0) || d.Client.Product.Query().CountX(ctx) != c.products {
				t.Errorf("%s, %v, %d products", did(got), err, d.Client.Product.Query().CountX(ctx))
			}
		}
	})
}
