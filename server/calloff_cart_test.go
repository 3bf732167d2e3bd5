package server_test

import (
	"fmt"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// A cart that names an agreement has its prices and says what cannot be called off; the order
// of it is on that agreement.
//
// Requirement: OR-12
// Requirement: CA-09
func TestCartOnAnAgreement(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, malte, rv := k.SQL(t), shopperAs(t, k, "malte.brandt"), agreementID(t, k, "RV-300001")
		for _, number := range []string{"RV-300004", "RV-100001"} {
			want := map[string]string{"RV-300004": "CONTRACT_NOT_ACTIVE contractId", "RV-100001": "CONTRACT_UNKNOWN contractId"}[number]
			expectLines(t, number, malte.on(agreementID(t, k, number)), want)
		}
		expectLines(t, "no contract", malte.on("con_none"), "CONTRACT_UNKNOWN contractId")
		expectLines(t, "a service contract", shopperAs(t, k, "martha.hansen").on(agreementID(t, k, "SV-100001")), "CONTRACT_NO_AGREEMENT contractId")
		malte.add(item("MET-AL-0101", "1000"), item("MET-AL-0202", "1")).OK(t)
		expectLines(t, "naming", malte.on(rv))
		// The new prices come with the agreement, which the user chose: they were seen.
		expectLines(t, "prices", malte.lines(), "MET-AL-0101 1000 2.7462 2746.20", "MET-AL-0202 1 2332.91 2332.91")
		expectLines(t, "problems", malte.problems(), "", "PRODUCT_NOT_IN_AGREEMENT")
		if got := malte.Do(t, `{ cart { orderable contract { number positions { product { sku } openQuantity } } } }`, nil).OK(t); said(got, "cart.orderable", "cart.contract.number", "cart.contract.positions.0.openQuantity") != "false RV-300001 143500" {
			t.Errorf("the cart says %s", got.Body)
		}
		expectLines(t, "ordered as it is", faultsOf(t, malte.place(map[string]any{"idempotencyKey": "a"}), "placeOrder"), "PRODUCT_NOT_IN_AGREEMENT items.1")
		malte.do("RemoveCartItems", map[string]any{"itemIds": []any{malte.cart().Get("cart.items.1.id")}}).OK(t)
		// What is added or changed now is at agreed prices, without quantity breaks, and seen.
		malte.add(item("MET-AL-0101", "71000", "wishedDate", "2026-12-24"), item("MET-AL-0103", "500")).OK(t)
		malte.do("UpdateCartItem", map[string]any{"itemId": malte.cart().Get("cart.items.2.id"), "quantity": "5000"}).OK(t)
		expectLines(t, "more", malte.lines(), "MET-AL-0101 1000 2.7462 2746.20", "MET-AL-0101 71000 2.7462 194980.20", "MET-AL-0103 5000 2.8285 14142.50")
		expectLines(t, "no problems", malte.problems(), "", "", "")
		// Somebody else takes the most of it.
		alter(t, d, `UPDATE contract_positions SET called_off_quantity = agreed_quantity - 710000000 WHERE product_id = (SELECT id FROM products WHERE sku = 'MET-AL-0101')`)
		expectLines(t, "the sum", malte.problems(), "QUANTITY_NOT_OPEN", "QUANTITY_NOT_OPEN", "")
		malte.do("UpdateCartItem", map[string]any{"itemId": malte.cart().Get("cart.items.1.id"), "quantity": "70000"}).OK(t)
		expectLines(t, "less", malte.problems(), "", "", "")
		// The agreed price changes, and is seen.
		alter(t, d, `UPDATE contract_positions SET price_amount = 30000 WHERE product_id = (SELECT id FROM products WHERE sku = 'MET-AL-0103')`)
		expectLines(t, "another price", malte.problems(), "", "", "PRICE_CHANGED")
		malte.do("UpdateCart", map[string]any{"acknowledgePrices": true}).OK(t)
		expectLines(t, "seen", malte.problems(), "", "", "")

		file := rows(t, malte.Client, malte.Do(t, `{ cart { download(format: CSV) { url } } }`, nil).OK(t).String(t, "cart.download.url"))
		if header, row := file[0], file[1]; header[len(header)-1] != "Vertrag" || row[len(row)-1] != "RV-300001" {
			t.Errorf("the file has %q", file)
		}
		alter(t, d, `UPDATE contracts SET state = 'TERMINATED' WHERE number = 'RV-300001'`)
		expectLines(t, "terminated", malte.problems(), "CONTRACT_NOT_ACTIVE", "CONTRACT_NOT_ACTIVE", "CONTRACT_NOT_ACTIVE")
		expectLines(t, "ordered", faultsOf(t, malte.place(map[string]any{"idempotencyKey": "b"}), "placeOrder"), "CONTRACT_NOT_ACTIVE items.0", "CONTRACT_NOT_ACTIVE items.1", "CONTRACT_NOT_ACTIVE items.2")
		alter(t, d, `UPDATE contracts SET state = 'ACTIVE' WHERE number = 'RV-300001'`)

		expectLines(t, "on another", faultsOf(t, malte.place(map[string]any{"idempotencyKey": "c", "contractId": agreementID(t, k, "RV-300002")}), "placeOrder"), "CONTRACT_DIFFERS contractId")
		gross := malte.cart().String(t, "cart.gross.amount")
		number := malte.place(map[string]any{"idempotencyKey": "d", "expectedGross": gross}).OK(t).String(t, "placeOrder.order.number")
		if got := said(malte.order(number), "order.businessCase", "order.contract.number", "order.gross.amount"); got != "ADDITIONAL_ORDER RV-300001 "+gross {
			t.Errorf("the order says %s", got)
		}
		if got := calledOff(t, malte.Client, "RV-300001"); got[0] != "MET-AL-0101 240000/0" || got[1] != "MET-AL-0103 13250/16750" {
			t.Errorf("called off are %v", got)
		}
		named := func() any { return malte.Do(t, `{ cart { contract { number } } }`, nil).OK(t).Get("cart.contract") }
		if named() != nil {
			t.Error("the new cart names the agreement")
		}
		// Taken off again, it is a cart like any other; and so is a cleared one.
		malte.add(item("MET-AL-0103", "1000")).OK(t)
		malte.on(rv)
		expectLines(t, "named", malte.lines(), "MET-AL-0103 1000 3.00 3000.00")
		malte.on(nil)
		expectLines(t, "taken off", append(malte.lines(), malte.problems()...), "MET-AL-0103 1000 2.8793 2879.30", "")
		malte.on(rv)
		if malte.do("ClearCart", nil).OK(t); named() != nil {
			t.Error("the cleared cart names the agreement")
		}
	})
}

// Where several positions of an agreement have the same product, a position of the cart goes
// to the first one that has enough open.
//
// Requirement: OR-12
func TestCallOffFromOneOfSeveralPositions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, malte, rv := k.SQL(t), shopperAs(t, k, "malte.brandt"), agreementID(t, k, "RV-300001")
		alter(t, d, `UPDATE contract_positions SET product_id = (SELECT id FROM products WHERE sku = 'MET-AL-0103') WHERE position = 30 AND contract_id = $1`, keyOf(t, rv))
		malte.on(rv)
		malte.add(item("MET-AL-0103", "21750"), item("MET-AL-0103", "22000", "wishedDate", "2026-12-24")).OK(t)
		expectLines(t, "prices", malte.lines(), "MET-AL-0103 21750 2.8285 61519.88", "MET-AL-0103 22000 2.6174 57582.80")
		expectLines(t, "problems", malte.problems(), "", "")
		malte.do("UpdateCartItem", map[string]any{"itemId": malte.cart().Get("cart.items.1.id"), "quantity": "59250"}).OK(t)
		expectLines(t, "more than any has", malte.problems(), "", "QUANTITY_NOT_OPEN")
		malte.do("UpdateCartItem", map[string]any{"itemId": malte.cart().Get("cart.items.1.id"), "quantity": "59000"}).OK(t)
		malte.place(map[string]any{"idempotencyKey": "a"}).OK(t)
		expectLines(t, "ordered", calledOff(t, malte.Client, "RV-300001"), "MET-AL-0101 96500/143500", "MET-AL-0103 30000/0", "MET-AL-0103 90000/0", "216500 143500")
	})
}

// Saved carts keep their agreement, and whoever may not order on it is told at each position.
// An order is repeated on its agreement where the cart is empty or names the same.
//
// Requirement: OR-12
// Requirement: CA-06
// Requirement: CA-07
// Requirement: OR-11
func TestSavedCartsKeepTheirAgreement(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, gerd, anna := k.SQL(t), shopperAs(t, k, "gerd.grau"), shopperAs(t, k, "anna.abel")
		named := func(s shopper) string {
			return said(s.Do(t, `{ cart { contract { number } } }`, nil).OK(t), "cart.contract.number")
		}
		gerd.add(item("TEL-DT-0104", "2")).OK(t)
		gerd.on(agreementID(t, k, "RV-100001"))
		id := gerd.save("Abruf", true)
		gerd.do("ClearCart", nil).OK(t)
		expectLines(t, "saved", gerd.saved(), "Abruf Grau true 1 218.96 true")
		gerd.do("LoadSavedCart", map[string]any{"id": id}).OK(t)
		expectLines(t, "loaded", append(gerd.lines(), append(gerd.problems(), named(gerd))...), "TEL-DT-0104 2 109.48 218.96", "", "RV-100001")
		// anna sees the agreement and may not order on it.
		expectLines(t, "for anna", anna.saved(), "Abruf Grau true 1 218.96 false")
		gerd.do("OrderSavedCart", map[string]any{"id": id, "idempotencyKey": "a", "expectedGross": "260.56"}).OK(t)
		if got := calledOff(t, gerd.Client, "RV-100001"); got[0] != "TEL-DT-0104 48/72" {
			t.Errorf("called off are %v", got)
		}
		alter(t, d, `UPDATE contract_positions SET called_off_quantity = agreed_quantity WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0104')`)
		expectLines(t, "nothing open", faultsOf(t, gerd.do("OrderSavedCart", map[string]any{"id": id, "idempotencyKey": "b"}), "orderSavedCart"), "QUANTITY_NOT_OPEN items.0")
		alter(t, d, `UPDATE contracts SET valid_to = '2026-11-22' WHERE number = 'RV-100001'`)
		expectLines(t, "ended", faultsOf(t, gerd.do("OrderSavedCart", map[string]any{"id": id, "idempotencyKey": "c"}), "orderSavedCart"), "CONTRACT_NOT_ACTIVE items.0")
		expectLines(t, "shown", gerd.saved(), "Abruf Grau true 1 218.96 false")
		alter(t, d, `UPDATE contracts SET valid_to = NULL WHERE number = 'RV-100001'`)

		order := func(key string, contract any, sku string) string {
			gerd.do("ClearCart", nil).OK(t)
			gerd.add(item(sku, "1")).OK(t)
			return gerd.place(map[string]any{"idempotencyKey": key, "contractId": contract}).OK(t).String(t, "placeOrder.order.id")
		}
		onAgreement, onList := order("d", agreementID(t, k, "RV-100001"), "TEL-DT-0107"), order("e", nil, "TEL-DT-0101")
		onService := order("f", agreementID(t, k, "SV-100001"), "TEL-DT-0101")
		again := func(id string) {
			gerd.Operation(t, "spa/orders", "ReorderToCart", servertest.Vars{"input": map[string]any{"orderId": id}}).OK(t)
		}
		again(onAgreement)
		expectLines(t, "again", append(gerd.problems(), named(gerd)), "", "RV-100001")
		again(onAgreement)
		expectLines(t, "twice", append(gerd.lines(), named(gerd)), "TEL-DT-0107 2 173.88 347.76", "RV-100001")
		again(onList)
		expectLines(t, "and something else", append(gerd.problems(), named(gerd)), "", "PRODUCT_NOT_IN_AGREEMENT", "RV-100001")
		gerd.do("ClearCart", nil).OK(t)
		again(onService)
		expectLines(t, "of a service contract", append(gerd.problems(), named(gerd)), "", "<nil>")
		again(onAgreement)
		expectLines(t, "into a cart without", append(gerd.problems(), named(gerd)), "", "PRICE_CHANGED", "<nil>")
	})
}

// A cart on an agreement costs the same statements however long it is, to show and to order,
// and so do saved carts however many.
//
// Requirement: OR-12
func TestStatementsOfCallOffs(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, rv := shopperAs(t, k, "martha.hansen"), agreementID(t, k, "RV-100001")
		alter(t, k.SQL(t), `UPDATE contract_positions SET agreed_quantity = 100000000000`)
		fill := func(n int) {
			martha.do("ClearCart", nil).OK(t)
			martha.on(rv)
			items := make([]map[string]any, n)
			for i := range items {
				items[i] = item([]string{"TEL-DT-0104", "TEL-DT-0107", "TEL-HZ-0403"}[i%3], "1", "accountAssignment", map[string]any{"project": fmt.Sprint(i)})
			}
			martha.add(items...).OK(t)
		}
		cart := func(answer *servertest.Answer) int { return len(answer.List(t, "cart.items")) }
		sameForAnyLength(t, k, "cart", 12, func(n int) *servertest.Answer {
			fill(n)
			k.Statements.Take()
			return martha.cart()
		}, cart)
		alter(t, k.SQL(t), `UPDATE contract_positions SET price_amount = price_amount + 1`)
		for _, change := range []map[string]any{{"acknowledgePrices": true}, {"contractId": nil}} {
			sameForAnyLength(t, k, fmt.Sprint(change), 40, func(n int) *servertest.Answer {
				fill(n)
				k.Statements.Take()
				return martha.do("UpdateCart", change).OK(t)
			}, func(answer *servertest.Answer) int { return len(answer.List(t, "updateCart.cart.items")) })
		}
		alter(t, k.SQL(t), `UPDATE approval_rules SET above_amount = 100000000000`)
		martha.place(map[string]any{"idempotencyKey": "first"}).OK(t) // begins the company's audit log
		key := 0
		sameForAnyLength(t, k, "order", 50, func(n int) *servertest.Answer {
			fill(n)
			key++
			k.Statements.Take()
			return martha.Do(t, `mutation($key: String!) { placeOrder(input: {idempotencyKey: $key}) { order { items { id } } errors { code } } }`, servertest.Vars{"key": fmt.Sprint(key)}).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "placeOrder.order.items")) })
		fill(3)
		for range 100 {
			martha.save("x", false)
		}
		sameForAnyLength(t, k, "saved carts", 12, func(n int) *servertest.Answer {
			return martha.Do(t, fmt.Sprintf(`{ savedCarts(first: %d) { totalCount nodes { name orderable net { amount } } } }`, n), nil).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "savedCarts.nodes")) })
	})
}

// The PDF of a cart names its agreement, which is nothing else in it.
//
// Requirement: OR-12
// Requirement: CA-08
func TestCartFilesNameTheAgreement(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := shopperAs(t, k, "gerd.grau")
		gerd.add(item("TEL-DT-0104", "1")).OK(t)
		size := func() int {
			_, content, _ := get(t, gerd.Client, gerd.Do(t, `{ cart { download(format: PDF) { url } } }`, nil).OK(t).String(t, "cart.download.url"))
			if !strings.HasPrefix(content, "%PDF") {
				t.Fatalf("%.20q is no PDF", content)
			}
			return len(content)
		}
		before := size()
		gerd.on(agreementID(t, k, "RV-100001"))
		if size() == before {
			t.Error("the document is as long without the agreement")
		}
	})
}
