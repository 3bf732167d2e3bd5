package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// Good lines go in, bad ones come back with their numbers, in the user's language.
//
// Requirement: CA-10
func TestQuickEntry(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		alter(t, k.SQL(t), `UPDATE products SET active = false WHERE sku = 'TEL-DT-0105'`)
		enter := func(text string) *servertest.Answer {
			return martha.do("AddCartItemsFromCsv", map[string]any{"csv": text})
		}
		martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0101", "1", "wishedDate", "2026-12-24")).OK(t)
		// The same number twice adds up, and to what is there.
		answer := enter("\ufeffArtikelnummer;Menge\r\nTEL-DT-0101;2\r\nMET-AL-0101;5\r\n\r\nTEL-DT-0106;1,0\r\nTEL-DT-0101;2\r\nTEL-DT-0105;1\r\nNET-GF-0606;90\r\n" +
			"NET-GF-0606;105\r\nTEL-DT-0102;0\r\nTEL-DT-0102;100000001\r\nTEL-DT-0102;1.234\r\nTEL-DT-0102;\"3\"\r\n")
		want := []string{"PRODUCT_UNKNOWN csv.3.sku", "PRODUCT_NOT_ORDERABLE csv.7.sku", "QUANTITY_TOO_SMALL csv.8.quantity", "QUANTITY_STEP csv.9.quantity",
			"QUANTITY_INVALID csv.10.quantity", "QUANTITY_TOO_LARGE csv.11.quantity", "QUANTITY_AMBIGUOUS csv.12.quantity"}
		if got := faultsOf(t, answer, "addCartItemsFromCsv"); !slices.Equal(got, want) {
			t.Errorf("the bad lines are %v, want %v", got, want)
		}
		if answer.Get("addCartItemsFromCsv.added") != float64(4) || len(answer.List(t, "addCartItemsFromCsv.cart.items")) != 4 {
			t.Errorf("the good lines: %s", answer.Body)
		}
		lines := []string{"TEL-DT-0101 5 45.65 228.25", "TEL-DT-0101 1 47.55 47.55", "TEL-DT-0106 1 123.70 123.70", "TEL-DT-0102 3"}
		if got := martha.lines(); len(got) != 4 || !slices.Equal(got[:3], lines[:3]) || !strings.HasPrefix(got[3], lines[3]) {
			t.Errorf("the cart has %v", got)
		}
		if problems := martha.cart().Get("cart.orderable"); problems != true {
			t.Error("the cart cannot be ordered")
		}
		for language, message := range map[string]string{"de": "Zeile 3: Einen Artikel mit der Nummer X gibt es", "en": "Line 3: "} {
			martha.Header["Accept-Language"] = language
			if got := enter("sku,quantity\n\nX,1").String(t, "addCartItemsFromCsv.errors.0.message"); !strings.HasPrefix(got, message) {
				t.Errorf("%s: %s", language, got)
			}
		}
		for name, each := range map[string]struct{ text, want string }{
			"nothing": {" \n", "VALUE_REQUIRED csv"}, "half a header": {"Artikel;Preis\nTEL-DT-0101;5", "CSV_HEADER_INVALID csv.1"},
			"many": {strings.Repeat("TEL-DT-0101;1\n", 501), "TOO_MANY_ITEMS csv"}, "long": {strings.Repeat("x", 65537), "VALUE_TOO_LONG csv"},
		} {
			answer := enter(each.text)
			if got := faultsOf(t, answer, "addCartItemsFromCsv"); !slices.Equal(got, []string{each.want}) || answer.Get("addCartItemsFromCsv.added") != float64(0) || len(answer.List(t, "addCartItemsFromCsv.cart.items")) != 4 {
				t.Errorf("%s: %s", name, answer.Body)
			}
		}
	})
}

// Many lines cost the same statements as one.
//
// Requirement: CA-10
func TestStatementsOfQuickEntry(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		skus := productList.all(t, martha.Client, map[string]any{"orderable": true, "search": "Tel"})
		martha.do("AddCartItemsFromCsv", map[string]any{"csv": strings.Join(skus, ";1000\n") + ";1000"}).OK(t)
		// Those that are there, so that quantities change, and one that is new each time.
		sameForAnyLength(t, k, "quick entry", 17, func(n int) *servertest.Answer {
			martha.do("ClearCart", nil).OK(t)
			martha.add(item("TEL-DT-0106", "1000")).OK(t)
			var text strings.Builder
			for i := range n {
				fmt.Fprintf(&text, "%s;1000\n", skus[i%len(skus)])
			}
			k.Statements.Take()
			return martha.do("AddCartItemsFromCsv", map[string]any{"csv": text.String()})
		}, func(answer *servertest.Answer) int { return int(answer.Get("addCartItemsFromCsv.added").(float64)) })
	})
}
