package server_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

var quoteList = listing{"quotes", "QuoteFilter", "QuoteOrder", "number"}

// manyQuotes makes quotes to HANSA and one to ALSTER, a second apart, and gives their numbers.
func manyQuotes(t *testing.T, k *servertest.Kontor, n int) (ofHansa []string, ofAlster string) {
	t.Helper()
	paul, d := shopperAs(t, k, "paul.lang"), k.SQL(t)
	customers := map[string]string{"HANSA": tenantID(t, d, "HANSA"), "ALSTER": tenantID(t, d, "ALSTER")}
	for _, organization := range append(slices.Repeat([]string{"HANSA"}, n), "ALSTER") {
		customer := customers[organization]
		actFor(t, paul.Client, customer).OK(t)
		paul.add(item("TEL-DT-0101", "5")).OK(t)
		paul.do("UpdateCart", map[string]any{"referenceNumber": "R-" + organization}).OK(t)
		number := paul.quoteTo(customer, nil).OK(t).String(t, "createQuote.quote.number")
		if organization == "HANSA" {
			ofHansa = append(ofHansa, number)
		} else {
			ofAlster = number
		}
		k.Clock.Advance(time.Second)
	}
	return ofHansa, ofAlster
}

// Agents list the quotes to the customers that they look after, customers theirs; in pages, by
// filters and in an order.
//
// Requirement: OR-04
// Requirement: AC-01
func TestQuotesAreListed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		mine, other := manyQuotes(t, k, 7)
		newestFirst := func(numbers ...string) []string { slices.Reverse(numbers); return numbers }
		all := newestFirst(append(slices.Clone(mine), other)...)
		martha := k.As(t, "martha.hansen")
		for username, want := range map[string][]string{
			"paul.lang": all, "sabine.kurz": all, "martha.hansen": newestFirst(slices.Clone(mine)...), "gerd.grau": newestFirst(slices.Clone(mine)...),
			"maik.alster": {other}, "malte.brandt": nil,
		} {
			c := k.As(t, username)
			for _, size := range []int{1, 3, 100} {
				for _, backward := range []bool{false, true} {
					if got := quoteList.walk(t, c, size, backward, nil, nil); !slices.Equal(got, want) {
						t.Errorf("%s lists %v, want %v", username, got, want)
					}
				}
			}
		}
		if got := k.As(t, "silke.sommer").Operation(t, "partner/dashboard", "Quotes", servertest.Vars{"first": 5}).Code(); got != "FORBIDDEN" {
			t.Errorf("a sub admin lists quotes: %q", got)
		}
		accept(t, martha, "quoteId", idOf(t, martha, mine[0]), nil).OK(t)
		decline(t, martha, "quoteId", idOf(t, martha, mine[1])).OK(t)
		paul := k.As(t, "paul.lang")
		hansa := tenantID(t, k.SQL(t), "HANSA")
		for name, each := range map[string]struct {
			where map[string]any
			want  []string
		}{
			"accepted": {map[string]any{"states": []string{"ACCEPTED"}}, mine[:1]}, "decided": {map[string]any{"states": []string{"ACCEPTED", "DECLINED"}}, []string{mine[1], mine[0]}},
			"open": {map[string]any{"states": []string{"OPEN"}}, append([]string{other}, newestFirst(slices.Clone(mine[2:])...)...)}, "expired": {map[string]any{"states": []string{"EXPIRED"}}, nil},
			"no state": {map[string]any{"states": []string{}}, all}, "of HANSA": {map[string]any{"tenantId": hansa, "states": []string{"DECLINED"}}, mine[1:2]},
			"of nobody": {map[string]any{"tenantId": nobodys(t, hansa)}, nil}, "by number": {map[string]any{"search": strings.ToLower(mine[3])}, mine[3:4]},
			"by reference": {map[string]any{"search": "r-alster"}, []string{other}}, "by nothing": {map[string]any{"search": "\x00"}, all},
		} {
			if got := quoteList.walk(t, paul, 2, false, each.where, nil); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		byNumber := append([]string{other}, mine...)
		for direction, want := range map[string][]string{"ASC": byNumber, "DESC": newestFirst(slices.Clone(byNumber)...)} {
			if got := quoteList.walk(t, paul, 3, false, nil, map[string]any{"field": "NUMBER", "direction": direction}); !slices.Equal(got, want) {
				t.Errorf("by number, %s: %v", direction, got)
			}
		}
		if got := quoteList.walk(t, paul, 3, false, nil, map[string]any{"field": "CREATED_AT"}); !slices.Equal(got, newestFirst(slices.Clone(all)...)) {
			t.Errorf("the oldest first: %v", got)
		}
		quoteList.refusesBadPages(t, paul)
	})
}

// idOf is the ID of a quote by its number.
func idOf(t *testing.T, c *servertest.Client, number string) string {
	t.Helper()
	return c.Do(t, `query($number: String!) { quotes(first: 2, where: {search: $number}) { nodes { id } } }`, servertest.Vars{"number": number}).OK(t).String(t, "quotes.nodes.0.id")
}

// A list of quotes costs the same few statements however long it is.
//
// Requirement: OR-04
func TestStatementsOfQuotes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		manyQuotes(t, k, 99)
		paul, sabine := k.As(t, "paul.lang"), k.As(t, "sabine.kurz")
		query := `{ quotes(first: %d) { totalCount nodes { number state items { product { name } } tenant { name } seller { name } madeBy { lastName } order { number } agreedBy { name } myActions } } }`
		for name, c := range map[string]*servertest.Client{"the partner": paul, "the operator": sabine} {
			// The viewer, the total, quotes, items, tenants, sellers, the people, the orders.
			sameForAnyLength(t, k, "quotes for "+name, 8, func(n int) *servertest.Answer { return c.Do(t, fmt.Sprintf(query, n), nil).OK(t) },
				func(answer *servertest.Answer) int { return len(answer.List(t, "quotes.nodes")) })
		}
	})
}

// A quote is a document to file, under the letterhead of the seller; in other formats its
// positions. The link to it is for whoever asked.
//
// Requirement: OR-04
func TestQuoteAsFile(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, martha := shopperAs(t, k, "paul.lang"), k.As(t, "martha.hansen")
		actFor(t, paul.Client, tenantID(t, k.SQL(t), "HANSA")).OK(t)
		address := paul.do("SaveAddress", map[string]any{"company": "Hansa Süd GmbH & Co. KG", "street": "Große Elbstraße 7", "postalCode": "22767", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		paul.do("UpdateCart", map[string]any{"name": "Umzug", "deliveryAddressId": address, "accountAssignment": map[string]any{"costCentre": "77"}}).OK(t)
		id, number, _ := paul.offer(k, map[string]any{"note": "Wie besprochen liefern wir frei Haus.\n\n" + strings.Repeat("Montage und Inbetriebnahme sind enthalten. ", 8)},
			item("TEL-DT-0101", "1200", "wishedDate", "2026-12-24", "deliveryAddressId", address), item("NET-GF-0606", "110", "deliveryAddressId", address))
		file := func(c *servertest.Client, format string) (string, string) {
			answer := c.Do(t, `query($id: ID!, $format: ExportFormat!) { node(id: $id) { ... on Quote { download(format: $format) { url filename } } } }`, servertest.Vars{"id": id, "format": format}).OK(t)
			status, content, _ := get(t, c, answer.String(t, "node.download.url"))
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", format, status, content)
			}
			return content, answer.String(t, "node.download.url")
		}
		for language, c := range map[string]*servertest.Client{"de": martha, "en": paul.Client} {
			c.Header["Accept-Language"] = language
			pdf, link := file(c, "PDF")
			if !strings.HasPrefix(pdf, "%PDF-") {
				t.Errorf("the document is %.20s", pdf)
			}
			if folder := os.Getenv("KONTOR_TEST_FILES"); folder != "" { // to look at them
				if err := os.WriteFile(filepath.Join(folder, "quote."+language+".pdf"), []byte(pdf), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if status, _, _ := get(t, k.As(t, "gerd.grau"), link); status != http.StatusNotFound {
				t.Errorf("somebody else gets %d", status)
			}
		}
		alter(t, k.SQL(t), `UPDATE products SET name = 'Umbenannt'`)
		_, link := file(martha, "CSV")
		table := rows(t, martha, link)
		if got := strings.Join(table[1], "|"); len(table) != 3 || !strings.HasPrefix(got, "1|TEL-DT-0101|Tischtelefon Basis 10|1200|Stück|") || !strings.Contains(got, "24.12.2026|Hansa Süd GmbH & Co. KG, Große Elbstraße 7") {
			t.Errorf("quote %s has the positions %q", number, table)
		}
	})
}
