package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"kontor/internal/erp"
	"kontor/server/servertest"
)

// offer is a product of a tenant's assortment as the demo data has it.
type offer struct {
	sku, name, category, text string
	orderable                 bool
	attributes                []string
	breaks                    [][2]string // from quantity, price
}

// assortmentOf is what a company has prices for, by product number.
func assortmentOf(t *testing.T, organization string) map[string]*offer {
	t.Helper()
	products, offers := map[string]*offer{}, map[string]*offer{}
	for _, row := range demoRows(t, erp.Products) {
		o := &offer{sku: row["sku"], name: row["name"], category: row["category"], orderable: row["orderable"] != "false"}
		o.attributes = strings.Split(row["attributes"], "|")
		o.text = strings.Join([]string{row["sku"], row["name"], row["description"], row["attributes"]}, " ")
		products[o.sku] = o
	}
	for _, row := range demoRows(t, erp.Prices) {
		if row["organization_id"] != organization {
			continue
		}
		o := products[row["sku"]]
		from := row["from_quantity"]
		if from == "" {
			from = "1"
		}
		o.breaks = append(o.breaks, [2]string{from, row["amount"]})
		offers[o.sku] = o
	}
	if len(offers) < 50 {
		t.Fatalf("%s has only %d products", organization, len(offers))
	}
	return offers
}

// skus are the numbers of the offers that pass, sorted.
func skus(offers map[string]*offer, pass func(*offer) bool) []string {
	var found []string
	for _, o := range offers {
		if pass(o) {
			found = append(found, o.sku)
		}
	}
	slices.Sort(found)
	return found
}

// Everybody sees its own company's products at its own company's prices, exactly.
//
// Requirement: CA-01
func TestProductsAtTheTenantsOwnPrices(t *testing.T) {
	t.Parallel()
	hansa, alster := assortmentOf(t, "HANSA"), assortmentOf(t, "ALSTER")
	if sku := "TEL-DT-0101"; hansa[sku].breaks[0][1] == alster[sku].breaks[0][1] {
		t.Fatalf("two companies pay the same for %s: the test would not notice a mix-up", sku)
	}
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for username, organization := range map[string]string{"martha.hansen": "HANSA", "maik.alster": "ALSTER", "malte.brandt": "BRANDT"} {
			c, offers := k.As(t, username), assortmentOf(t, organization)
			seen, vars := map[string]bool{}, servertest.Vars{"first": 100}
			for {
				page := c.Operation(t, "spa/catalog", "Products", vars).OK(t)
				for i := range page.List(t, "products.nodes") {
					at := fmt.Sprintf("products.nodes.%d.", i)
					o := offers[page.String(t, at+"sku")]
					if o == nil {
						t.Fatalf("%s sees %s, which has no price for it", username, page.String(t, at+"sku"))
					}
					seen[o.sku] = true
					checkOffer(t, page, at, o)
				}
				if page.Get("products.totalCount") != float64(len(offers)) {
					t.Fatalf("%s has %v products, want %d", username, page.Get("products.totalCount"), len(offers))
				}
				if page.Get("products.pageInfo.hasNextPage") != true {
					break
				}
				vars["after"] = page.Get("products.pageInfo.endCursor")
			}
			if len(seen) != len(offers) {
				t.Errorf("%s sees %d products, want %d", username, len(seen), len(offers))
			}
		}
	})
}

func checkOffer(t *testing.T, page *servertest.Answer, at string, o *offer) {
	t.Helper()
	if page.String(t, at+"name") != o.name || page.Get(at+"orderable") != o.orderable {
		t.Errorf("%s is told wrong: %v", o.sku, page.Get(strings.TrimSuffix(at, ".")))
	}
	if path := strings.Split(o.category, " > "); page.String(t, at+"category.name") != path[len(path)-1] {
		t.Errorf("%s is in %s, want %s", o.sku, page.String(t, at+"category.name"), o.category)
	}
	breaks := page.List(t, at+"priceBreaks")
	if len(breaks) != len(o.breaks) {
		t.Errorf("%s has %d prices, want %d", o.sku, len(breaks), len(o.breaks))
		return
	}
	if got := page.String(t, at+"price.amount"); !sameAmount(t, got, o.breaks[0][1]) || page.String(t, at+"price.currency") != "EUR" {
		t.Errorf("%s costs %s, want %s", o.sku, got, o.breaks[0][1])
	}
	for i, want := range o.breaks {
		from, price := page.String(t, fmt.Sprintf("%spriceBreaks.%d.fromQuantity", at, i)), page.String(t, fmt.Sprintf("%spriceBreaks.%d.price.amount", at, i))
		if !sameAmount(t, from, want[0]) || !sameAmount(t, price, want[1]) {
			t.Errorf("%s costs %s from %s, want %v", o.sku, price, from, want)
		}
	}
}

// A single product, one of another company's assortment and one that nobody has.
//
// Requirement: CA-01
func TestProductByNumber(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, offers := k.As(t, "martha.hansen"), assortmentOf(t, "HANSA")
		for _, sku := range []string{"TEL-DT-0101", "BUE-KH-3101"} {
			answer := martha.Operation(t, "spa/catalog", "Product", servertest.Vars{"sku": sku}).OK(t)
			var attributes []string
			for i := range answer.List(t, "product.attributes") {
				at := fmt.Sprintf("product.attributes.%d.", i)
				value := answer.String(t, at+"name") + "=" + answer.String(t, at+"value")
				if unit, ok := answer.Get(at + "unit").(string); ok && unit != "" {
					value += " " + unit
				}
				attributes = append(attributes, value)
			}
			if !slices.Equal(attributes, offers[sku].attributes) {
				t.Errorf("%s has %v, want %v", sku, attributes, offers[sku].attributes)
			}
			if got := answer.String(t, "product.price.amount"); !sameAmount(t, got, offers[sku].breaks[0][1]) {
				t.Errorf("%s costs %s", sku, got)
			}
		}
		for _, sku := range []string{"MET-AL-0101", "NOBODY-HAS-THIS", "", "tel-dt-0101' OR 1=1 --"} {
			if answer := martha.Operation(t, "spa/catalog", "Product", servertest.Vars{"sku": sku}).OK(t); answer.Get("product") != nil {
				t.Errorf("%q gives %s", sku, answer.Body)
			}
		}
	})
}

// The categories with products of the company, those above them included, the
// upper ones first.
//
// Requirement: CA-01
func TestCategories(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for username, organization := range map[string]string{"martha.hansen": "HANSA", "malte.brandt": "BRANDT"} {
			want := map[string]int{}
			for _, o := range assortmentOf(t, organization) {
				path := strings.Split(o.category, " > ")
				for i := range path {
					want[strings.Join(path[:i+1], " > ")]++
				}
			}
			got := map[string]int{}
			for path, c := range categoriesOf(t, k.As(t, username)) {
				got[path] = c.count
			}
			if !maps.Equal(got, want) {
				t.Errorf("the categories of %s are %v, want %v", organization, got, want)
			}
		}
	})
}

type categoryShown struct {
	id    string
	count int
}

// categoriesOf are the categories as a viewer sees them, by path; a parent must
// come before its children.
func categoriesOf(t *testing.T, c *servertest.Client) map[string]categoryShown {
	t.Helper()
	answer := c.Operation(t, "spa/catalog", "Categories", nil).OK(t)
	paths, found := map[string]string{}, map[string]categoryShown{}
	for i := range answer.List(t, "categories") {
		at := fmt.Sprintf("categories.%d.", i)
		id, path := answer.String(t, at+"id"), answer.String(t, at+"name")
		if parent, ok := answer.Get(at + "parent.id").(string); ok {
			if paths[parent] == "" {
				t.Fatalf("%s comes before its parent", path)
			}
			path = paths[parent] + " > " + path
		}
		paths[id] = path
		found[path] = categoryShown{id: id, count: int(answer.Get(at + "productCount").(float64))}
	}
	return found
}

// Each filter alone and several together give exactly what the demo data says.
//
// Requirement: CA-01
func TestProductFilters(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, offers := k.As(t, "martha.hansen"), assortmentOf(t, "HANSA")
		category := func(path string) string { return categoriesOf(t, martha)[path].id }
		in := func(o *offer, path string) bool {
			return o.category == path || strings.HasPrefix(o.category, path+" > ")
		}
		price := func(o *offer, from, to string) bool {
			p := amount(t, o.breaks[0][1])
			return p.Cmp(amount(t, from)) >= 0 && p.Cmp(amount(t, to)) <= 0
		}
		exact := offers["TEL-DT-0101"].breaks[0][1]
		for _, each := range []struct {
			name  string
			where map[string]any
			pass  func(*offer) bool
			empty bool
		}{
			{"a category with children", map[string]any{"categoryId": category("Telefonie")}, func(o *offer) bool { return in(o, "Telefonie") }, false},
			{"a category in the middle", map[string]any{"categoryId": category("Büro > Möbel")}, func(o *offer) bool { return in(o, "Büro > Möbel") }, false},
			{"a leaf", map[string]any{"categoryId": category("Netze > Router")}, func(o *offer) bool { return in(o, "Netze > Router") }, false},
			{"an ID that is none", map[string]any{"categoryId": "cat_none"}, func(*offer) bool { return false }, true},
			{"orderable", map[string]any{"orderable": true}, func(o *offer) bool { return o.orderable }, false},
			{"not orderable", map[string]any{"orderable": false}, func(o *offer) bool { return !o.orderable }, false},
			{"a price range", map[string]any{"priceFrom": "40", "priceTo": "60.00"}, func(o *offer) bool { return price(o, "40", "60") }, false},
			{"exactly one price", map[string]any{"priceFrom": exact, "priceTo": exact}, func(o *offer) bool { return price(o, exact, exact) }, false},
			{"cheap", map[string]any{"priceTo": "1"}, func(o *offer) bool { return price(o, "0", "1") }, false},
			{"dear", map[string]any{"priceFrom": "1000"}, func(o *offer) bool { return price(o, "1000", "99999999") }, false},
			{"no price is so high", map[string]any{"priceFrom": "99999999999999"}, func(*offer) bool { return false }, true},
			{"all together", map[string]any{"categoryId": category("Telefonie > Endgeräte"), "orderable": true, "priceFrom": "50", "priceTo": "200", "search": "Tischtelefon"},
				func(o *offer) bool {
					return in(o, "Telefonie > Endgeräte") && o.orderable && price(o, "50", "200") && hasWord(o.text, "tischtelefon")
				}, false},
			{"nothing given", map[string]any{"search": nil, "categoryId": nil, "orderable": nil, "priceFrom": nil, "priceTo": nil}, func(*offer) bool { return true }, false},
		} {
			want := skus(offers, each.pass)
			if (len(want) == 0) != each.empty {
				t.Errorf("%s: the demo data has %d such products", each.name, len(want))
			}
			if got := productList.all(t, martha, each.where); !slices.Equal(got, want) {
				t.Errorf("%s: %d products %v, want %d %v", each.name, len(got), got, len(want), want)
			}
		}
	})
}

// hasWord tells whether a text has a word that begins so.
func hasWord(text, beginning string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, beginning) })
}

// searches are what people type, with the beginnings of words of which a product
// must have one from each group.
var searches = []struct {
	text string
	want [][]string
}{
	{"Tischtelefon", [][]string{{"tischtelefon"}}},
	{"Tischtelefone", [][]string{{"tischtelefon"}}},
	{"TISCHTELEFONEN", [][]string{{"tischtelefon"}}},
	{"Tischtel", [][]string{{"tischtel"}}},
	{"Komfort Tischtel", [][]string{{"komfort"}, {"tischtel"}}},
	{"Tischtelefone Komfort", [][]string{{"tischtelefon"}, {"komfort"}}},
	{"Schreibtisch", [][]string{{"schreibtisch"}}},
	{"Schreibtische", [][]string{{"schreibtisch"}}},
	{"Drehstuhl", [][]string{{"drehstuhl"}}},
	{"Drehstühle", [][]string{{"drehstuhl"}}},
	{"Drehstuehle", [][]string{{"drehstuhl"}}},
	{"Stühle Dreh", [][]string{{"stuhl", "stühl"}, {"dreh"}}},
	{"PoE", [][]string{{"poe"}}},
	{"Gehäuse", [][]string{{"gehäuse"}}},
	{"Gehaeuse", [][]string{{"gehäuse"}}},
	{"GEHÄUSE", [][]string{{"gehäuse"}}},
	{"reinweiß", [][]string{{"reinweiß"}}},
	{"reinweiss", [][]string{{"reinweiß"}}},
	{"Kräuter", [][]string{{"kräuter"}}},
	{"TEL-DT-0101", [][]string{{"tel"}, {"dt"}, {"0101"}}},
	{"  Patchkabel,  gelb! ", [][]string{{"patchkabel"}, {"gelb"}}},
	{`"Patchkabel" AND gelb*`, [][]string{{"patchkabel"}, {"and"}, {"gelb"}}},
	{"Donaudampfschiff", [][]string{{"donaudampfschiff"}}},
}

// hostile is what no search may stumble over; none of it is a word.
var hostile = []string{"*", `"`, "%", "'", `"" "`, "(", ") OR (", "' OR 1=1 --", "NEAR(", ":*", "&|!", "\\", "a\u0000b", "\u202e", "{}^", "-", "+-*/", "😀", "%s%d"}

// The same words find the same products on either database, in German word forms,
// and nothing that is typed breaks the search.
//
// Requirement: CA-01
func TestSearchFindsTheSameOnEveryBackend(t *testing.T) {
	t.Parallel()
	offers := assortmentOf(t, "HANSA")
	found := map[string]map[string][]string{}
	for _, backend := range servertest.Backends {
		martha := servertest.Start(t, backend).As(t, "martha.hansen")
		found[backend] = map[string][]string{}
		for _, search := range searches {
			got := productList.all(t, martha, map[string]any{"search": search.text})
			want := skus(offers, func(o *offer) bool {
				return !slices.ContainsFunc(search.want, func(group []string) bool {
					return !slices.ContainsFunc(group, func(beginning string) bool { return hasWord(o.text, beginning) })
				})
			})
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q finds %v, want %v", backend, search.text, got, want)
			}
			found[backend][search.text] = got
		}
		long := strings.Repeat("Tischtelefon ", 8000)
		for _, text := range append(hostile, long, strings.Repeat("x", 100<<10), strings.Repeat(`"`, 100<<10)) {
			found[backend][text] = productList.all(t, martha, map[string]any{"search": text})
		}
		if len(found[backend][long]) == 0 {
			t.Errorf("%s: a long search finds nothing", backend)
		}
	}
	for text, one := range found[servertest.Backends[0]] {
		if other := found[servertest.Backends[1]][text]; !slices.Equal(one, other) {
			t.Errorf("%.60q finds %v in one database and %v in the other", text, one, other)
		}
	}
}

// Whoever reads the list page by page sees each product once, in the order asked
// for, forward and backward.
//
// Requirement: CA-01
func TestProductPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, offers := k.As(t, "martha.hansen"), assortmentOf(t, "HANSA")
		bySKU := skus(offers, func(*offer) bool { return true })
		byName := slices.Clone(bySKU)
		slices.SortFunc(byName, func(a, b string) int { return strings.Compare(offers[a].name, offers[b].name) })
		names := func(keys []string) []string {
			all := make([]string, len(keys))
			for i, sku := range keys {
				all[i] = offers[sku].name
			}
			return all
		}
		for _, field := range []string{"SKU", "NAME"} {
			for _, direction := range []string{"ASC", "DESC"} {
				want := slices.Clone(map[string][]string{"SKU": bySKU, "NAME": byName}[field])
				if direction == "DESC" {
					slices.Reverse(want)
				}
				for _, backward := range []bool{false, true} {
					for _, size := range []int{7, 100} {
						got := productList.walk(t, martha, size, backward, nil, map[string]any{"field": field, "direction": direction})
						// Which of two products of one name comes first is open.
						if !slices.Equal(names(got), names(want)) || !slices.Equal(sorted(got), bySKU) {
							t.Errorf("by %s %s, pages of %d, backward %v: %v", field, direction, size, backward, got)
						}
					}
				}
			}
		}
		for _, backward := range []bool{false, true} {
			if got := productList.walk(t, martha, 1, backward, nil, nil); !slices.Equal(got, bySKU) {
				t.Errorf("one by one, backward %v: %v", backward, got)
			}
		}
		productList.refusesBadPages(t, martha)
		if none := productList.ask(t, martha, servertest.Vars{"first": 5, "where": map[string]any{"search": "Donaudampfschiff"}}).OK(t); none.Get("list.totalCount") != float64(0) || none.Get("list.pageInfo.endCursor") != nil {
			t.Errorf("an empty list says %s", none.Body)
		}
	})
}
