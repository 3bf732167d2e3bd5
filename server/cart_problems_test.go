package server_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kontor/server/servertest"
)

// What changed behind the user's back is told per position and stands in the way
// of the order, until it was seen or the right gross amount is named.
//
// Requirement: CA-09
func TestWhatCanNoLongerBeOrdered(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, beside := shopperAs(t, k, "martha.hansen"), k.SQL(t)
		reprice := func(sku string, cents int) {
			alter(t, beside, `UPDATE prices SET amount = $1 WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')
				AND product_id = (SELECT id FROM products WHERE sku = $2)`, cents*100, sku)
		}
		problems := func() []string {
			cart := martha.cart()
			var all []string
			for i := range cart.List(t, "cart.items") {
				for _, p := range cart.List(t, fmt.Sprintf("cart.items.%d.problems", i)) {
					all = append(all, fmt.Sprint(i, " ", p.(map[string]any)["code"]))
				}
			}
			if orderable := cart.Get("cart.orderable"); orderable != (len(all) == 0) {
				t.Errorf("orderable is %v with %v", orderable, all)
			}
			return all
		}
		place := func(key string, more ...any) []string {
			input := map[string]any{"idempotencyKey": key}
			for i := 0; i+1 < len(more); i += 2 {
				input[more[i].(string)] = more[i+1]
			}
			return faultsOf(t, martha.Operation(t, "spa/orders", "PlaceOrder", servertest.Vars{"input": input}), "placeOrder")
		}
		expect := func(step string, got, want []string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", step, got, want)
			}
		}
		martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0102", "2")).OK(t)
		expect("as added", problems(), nil)
		seen := martha.cart().String(t, "cart.gross.amount")
		reprice("TEL-DT-0102", 4000)
		expect("a price fell", problems(), []string{"1 PRICE_CHANGED"})
		if got := martha.lines()[1]; got != "TEL-DT-0102 2 40.00 80.00" {
			t.Errorf("the cart does not show the new price: %s", got)
		}
		expect("order without having seen it", place("a"), []string{"PRICE_CHANGED items.1"})
		expect("order at the old gross amount", place("b", "expectedGross", seen), []string{"PRICE_CHANGED expectedGross"})
		martha.do("UpdateCart", map[string]any{"acknowledgePrices": true}).OK(t)
		expect("seen", problems(), nil)
		expect("order after having seen it", place("c"), nil)

		martha.add(item("TEL-DT-0101", "1")).OK(t)
		reprice("TEL-DT-0101", 9999)
		expect("order at the new gross amount", place("d", "expectedGross", martha.cart().String(t, "cart.gross.amount")), nil)

		martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0102", "1"), item("TEL-DT-0103", "1", "wishedDate", "2026-11-24"), item("TEL-DT-0104", "3")).OK(t)
		alter(t, beside, `UPDATE products SET active = false WHERE sku = 'TEL-DT-0101'`)
		alter(t, beside, `DELETE FROM prices WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') AND product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0102')`)
		alter(t, beside, `UPDATE products SET minimum_quantity = 100000, quantity_step = 100000 WHERE sku = 'TEL-DT-0104'`)
		token := martha.Token
		k.Clock.Advance(48 * time.Hour)
		martha = shopperAs(t, k, "martha.hansen")
		if martha.Token == token {
			t.Fatal("the session is the old one")
		}
		expect("gone", problems(), []string{"0 PRODUCT_NOT_ORDERABLE", "1 PRODUCT_NOT_ORDERABLE", "2 DATE_IN_PAST", "3 QUANTITY_TOO_SMALL"})
		if gone := martha.cart(); gone.Get("cart.items.1.product") != nil || gone.Get("cart.items.1.unitPrice") != nil || gone.Get("cart.items.1.unit") != "piece" {
			t.Errorf("what left the assortment is shown as %v", gone.Get("cart.items.1"))
		}
		expect("order what is gone", place("e"), []string{"PRODUCT_NOT_ORDERABLE items.0", "PRODUCT_NOT_ORDERABLE items.1", "DATE_IN_PAST items.2", "QUANTITY_TOO_SMALL items.3"})
		expect("the expected amount does not help there", place("f", "expectedGross", martha.cart().String(t, "cart.gross.amount")),
			[]string{"PRODUCT_NOT_ORDERABLE items.0", "PRODUCT_NOT_ORDERABLE items.1", "DATE_IN_PAST items.2", "QUANTITY_TOO_SMALL items.3"})
		if n := len(martha.lines()); n != 4 {
			t.Errorf("after refusals the cart has %d positions", n)
		}
	})
}
