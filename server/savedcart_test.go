package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// saved are the saved carts that the shopper sees, as "name owner shared count net orderable".
func (s shopper) saved() []string {
	s.t.Helper()
	answer := s.Operation(s.t, "spa/cart", "SavedCarts", servertest.Vars{"first": 100}).OK(s.t)
	var all []string
	for i := range answer.List(s.t, "savedCarts.nodes") {
		at := fmt.Sprintf("savedCarts.nodes.%d.", i)
		all = append(all, said(answer, at+"name", at+"owner.lastName", at+"shared", at+"itemCount", at+"net.amount", at+"orderable"))
	}
	if got := answer.Get("savedCarts.totalCount"); got != float64(len(all)) {
		s.t.Errorf("%v saved carts are counted, %d listed", got, len(all))
	}
	return all
}

// save saves the current cart and gives the ID.
func (s shopper) save(name string, shared bool) string {
	s.t.Helper()
	return s.do("SaveCart", map[string]any{"name": name, "shared": shared}).OK(s.t).String(s.t, "saveCart.savedCart.id")
}

func expectLines(t *testing.T, step string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%q, want\n%q", step, got, want)
	}
}

// A cart is saved, loaded, renamed, shared and deleted; what replaces a cart says what it
// replaced, and changed prices are told.
//
// Requirement: CA-06
// Requirement: CA-09
func TestSavedCarts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd, malte, d := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau"), shopperAs(t, k, "malte.brandt"), k.SQL(t)
		expectLines(t, "an empty cart", faultsOf(t, martha.do("SaveCart", map[string]any{"name": "x"}), "saveCart"), "CART_EMPTY")
		kai := martha.do("SaveAddress", map[string]any{"street": "Kai 7", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		martha.add(item("TEL-DT-0101", "2", "deliveryAddressId", kai, "wishedDate", "2026-12-24", "accountAssignment", map[string]any{"costCentre": "9"}), item("TEL-DT-0106", "1")).OK(t)
		martha.do("UpdateCart", map[string]any{"name": "Alt", "referenceNumber": "R-1", "customerOrderNumber": "K-1"}).OK(t)
		for name, want := range map[string]string{" ": "VALUE_REQUIRED name", strings.Repeat("ü", 101): "VALUE_TOO_LONG name", "a\nb": "VALUE_INVALID name"} {
			expectLines(t, name, faultsOf(t, martha.do("SaveCart", map[string]any{"name": name}), "saveCart"), want)
		}
		before := martha.cart()
		id := martha.save(" Telefone ", false)
		if after := martha.cart(); string(after.Body) != string(before.Body) {
			t.Errorf("saving changed the cart: %s", after.Body)
		}
		expectLines(t, "saved", martha.saved(), "Telefone Hansen false 2 218.80 true")
		expectLines(t, "private", append(gerd.saved(), malte.saved()...))
		for operation, field := range map[string]string{"LoadSavedCart": "loadSavedCart", "UpdateSavedCart": "updateSavedCart", "DeleteSavedCart": "deleteSavedCart"} {
			expectLines(t, operation+" of another's private cart", faultsOf(t, gerd.do(operation, map[string]any{"id": id}), field), "SAVED_CART_UNKNOWN id")
		}

		martha.do("ClearCart", nil).OK(t)
		martha.add(item("TEL-DT-0102", "3")).OK(t)
		alter(t, d, `UPDATE prices SET amount = 500000 WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') AND product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0101')`)
		expectLines(t, "with a new price", martha.saved(), "Telefone Hansen false 2 223.70 false")
		loaded := martha.do("LoadSavedCart", map[string]any{"id": id}).OK(t)
		at := "loadSavedCart.cart.items.0."
		if got := said(loaded, "loadSavedCart.replaced.itemCount", "loadSavedCart.cart.name", "loadSavedCart.cart.referenceNumber", "loadSavedCart.cart.customerOrderNumber",
			at+"problems.0.code", at+"deliveryAddress.id", at+"wishedDate", at+"accountAssignment.costCentre", "loadSavedCart.cart.items.1.deliveryAddress.street", "loadSavedCart.cart.orderable"); got !=
			"1 Telefone R-1 K-1 PRICE_CHANGED "+kai+" 2026-12-24 9 Am Sandtorkai 20 false" {
			t.Errorf("loaded: %s", got)
		}
		expectLines(t, "loaded", martha.lines(), "TEL-DT-0101 2 50.00 100.00", "TEL-DT-0106 1 123.70 123.70")
		martha.do("UpdateCart", map[string]any{"acknowledgePrices": true}).OK(t)
		if martha.cart().Get("cart.orderable") != true {
			t.Error("the loaded cart cannot be ordered after its prices were seen")
		}

		renamed := martha.do("UpdateSavedCart", map[string]any{"id": id, "name": "Büro", "shared": true}).OK(t)
		if got := said(renamed, "updateSavedCart.savedCart.name", "updateSavedCart.savedCart.shared"); got != "Büro true" {
			t.Errorf("renamed: %s", got)
		}
		expectLines(t, "shared", gerd.saved(), "Büro Hansen true 2 223.70 false")
		expectLines(t, "within the company", malte.saved())
		expectLines(t, "changed by another", faultsOf(t, gerd.do("UpdateSavedCart", map[string]any{"id": id, "name": "x"}), "updateSavedCart"), "SAVED_CART_NOT_YOURS id")
		expectLines(t, "deleted by another", faultsOf(t, gerd.do("DeleteSavedCart", map[string]any{"id": id}), "deleteSavedCart"), "SAVED_CART_NOT_YOURS id")
		// The address is not gerd's: it gets one of its own that says the same, once.
		addresses := func() int {
			return len(gerd.Operation(t, "spa/cart", "MyAddresses", nil).OK(t).List(t, "viewer.addresses"))
		}
		n := addresses()
		for range 2 {
			got := gerd.do("LoadSavedCart", map[string]any{"id": id}).OK(t)
			if got.String(t, "loadSavedCart.cart.items.0.deliveryAddress.street") != "Kai 7" || got.Get("loadSavedCart.cart.items.0.deliveryAddress.id") == kai {
				t.Errorf("another loads %s", got.Body)
			}
		}
		if got := addresses(); got > n+2 {
			t.Errorf("%d addresses became %d", n, got)
		}
		if entries := columnOf(t, d, `SELECT subject_label FROM audit_entries WHERE action = 'saved_cart.share'`); !slices.Equal(entries, []string{"Büro"}) {
			t.Errorf("the audit log has %v", entries)
		}
		if got := martha.Do(t, `query($id: ID!) { node(id: $id) { ... on SavedCart { name itemCount createdAt } } }`, servertest.Vars{"id": id}).OK(t); got.Get("node.itemCount") != float64(2) {
			t.Errorf("by its ID: %s", got.Body)
		}
		if deleted := martha.do("DeleteSavedCart", map[string]any{"id": id}).OK(t); deleted.Get("deleteSavedCart.deletedId") != id {
			t.Errorf("deleted: %s", deleted.Body)
		}
		expectLines(t, "after the deletion", append(gerd.saved(), martha.saved()...))
		for range 100 {
			martha.save("viele", false)
		}
		expectLines(t, "too many", faultsOf(t, martha.do("SaveCart", map[string]any{"name": "x"}), "saveCart"), "TOO_MANY_SAVED_CARTS")
	})
}

// What an agent saves for one customer is not there for another, nor at home.
//
// Requirement: AC-02
// Requirement: CA-06
func TestSavedCartsOfAgents(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		paul, martha, maik := shopperAs(t, k, "paul.lang"), shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "maik.alster")
		actFor(t, paul.Client, tenantID(t, d, "HANSA")).OK(t)
		paul.add(item("TEL-DT-0101", "1")).OK(t)
		own, shared := paul.save("eigener", false), paul.save("für alle", true)
		if got := len(paul.saved()); got != 2 {
			t.Errorf("for the customer the agent sees %d saved carts", got)
		}
		expectLines(t, "the customer", martha.saved(), "für alle Lang true 1 47.55 true")
		actFor(t, paul.Client, tenantID(t, d, "ALSTER")).OK(t)
		expectLines(t, "another customer", append(paul.saved(), maik.saved()...))
		for _, id := range []string{own, shared} {
			expectLines(t, "loaded for another", faultsOf(t, paul.do("LoadSavedCart", map[string]any{"id": id}), "loadSavedCart"), "SAVED_CART_UNKNOWN id")
		}
		actFor(t, paul.Client, "").OK(t)
		expectLines(t, "at home", paul.saved())
	})
}

// A saved cart is ordered at once, as it is stored, and the current one stays.
//
// Requirement: CA-07
// Requirement: OR-01
func TestOrderNow(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd, d := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau"), k.SQL(t)
		kai := martha.do("SaveAddress", map[string]any{"street": "Kai 7", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		martha.add(item("TEL-DT-0101", "2", "deliveryAddressId", kai, "accountAssignment", map[string]any{"costCentre": "9"}), item("TEL-DT-0106", "1")).OK(t)
		id := martha.save("Telefone", true)
		martha.do("ClearCart", nil).OK(t)
		martha.add(item("TEL-DT-0102", "3")).OK(t)
		martha.do("DeleteAddress", map[string]any{"id": kai}).OK(t)
		before := martha.Do(t, `{ cart { id version name items { id quantity } } }`, nil).OK(t)
		now := func(s shopper, key string, more ...any) *servertest.Answer {
			input := map[string]any{"id": id, "idempotencyKey": key}
			for i := 0; i+1 < len(more); i += 2 {
				input[more[i].(string)] = more[i+1]
			}
			return s.do("OrderSavedCart", input)
		}
		answers := atOnce(5, func(int) *servertest.Answer { return now(martha, "k") })
		number := answers[0].OK(t).String(t, "orderSavedCart.order.number")
		for _, answer := range answers {
			if answer.OK(t).String(t, "orderSavedCart.order.number") != number {
				t.Errorf("the same key placed another order: %s", answer.Body)
			}
		}
		order := martha.order(number)
		if got := said(order, "order.name", "order.state", "order.items.0.deliveryAddress.street", "order.items.0.accountAssignment.costCentre", "order.items.1.deliveryAddress.street",
			"order.items.1.accountAssignment.costCentre", "order.net.amount"); got != "Telefone IN_PROGRESS Kai 7 9 Am Sandtorkai 20 4100 218.80" {
			t.Errorf("the order is %s", got)
		}
		if after := martha.Do(t, `{ cart { id version name items { id quantity } } }`, nil).OK(t); string(after.Body) != string(before.Body) {
			t.Errorf("the current cart was %s and is %s", before.Body, after.Body)
		}
		expectLines(t, "another input", faultsOf(t, now(martha, "k", "expectedGross", "1"), "orderSavedCart"), "IDEMPOTENCY_KEY_REUSED idempotencyKey")
		if got := now(gerd, "k").OK(t).String(t, "orderSavedCart.order.number"); got == number {
			t.Error("a colleague gets the same order")
		}
		app := martha.Operation(t, "mobile/approvals", "AppOrderAgain", servertest.Vars{"id": id, "key": "app"}).OK(t)
		if app.Get("orderSavedCart.order.state") != "IN_PROGRESS" {
			t.Errorf("the app: %s", app.Body)
		}
		placed := columnOf(t, d, `SELECT COUNT(*) FROM orders`)
		alter(t, d, `UPDATE products SET active = false WHERE sku = 'TEL-DT-0106'`)
		alter(t, d, `UPDATE prices SET amount = 500000 WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') AND product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0101')`)
		expectLines(t, "what is gone", faultsOf(t, now(martha, "x"), "orderSavedCart"), "PRICE_CHANGED items.0", "PRODUCT_NOT_ORDERABLE items.1")
		expectLines(t, "an unknown cart", faultsOf(t, martha.do("OrderSavedCart", map[string]any{"id": "svc_none", "idempotencyKey": "y"}), "orderSavedCart"), "SAVED_CART_UNKNOWN id")
		if got := columnOf(t, d, `SELECT COUNT(*) FROM orders`); !slices.Equal(got, placed) {
			t.Errorf("%v orders became %v", placed, got)
		}
		alter(t, d, `UPDATE products SET active = true WHERE sku = 'TEL-DT-0106'`)
		expectLines(t, "a wrong amount", faultsOf(t, now(martha, "z", "expectedGross", "1"), "orderSavedCart"), "PRICE_CHANGED expectedGross")
		now(martha, "z", "expectedGross", "266.20").OK(t) // (100.00 + 123.70) * 1.19
	})
}

// A past order goes into the cart again, beside what is there; what is gone is told.
//
// Requirement: OR-11
func TestOrderAgain(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd, d := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau"), k.SQL(t)
		martha.add(item("TEL-DT-0101", "2", "wishedDate", "2026-11-24"), item("TEL-DT-0106", "1"), item("TEL-DT-0102", "1")).OK(t)
		id := martha.place(map[string]any{"idempotencyKey": "k"}).OK(t).String(t, "placeOrder.order.id")
		again := func(s shopper) *servertest.Answer {
			return s.Operation(t, "spa/orders", "ReorderToCart", servertest.Vars{"input": map[string]any{"orderId": id}})
		}
		martha.add(item("TEL-DT-0106", "1"), item("TEL-DT-0103", "1")).OK(t)
		alter(t, d, `UPDATE products SET active = false WHERE sku = 'TEL-DT-0102'`)
		alter(t, d, `UPDATE prices SET amount = 500000 WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') AND product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0101')`)
		answer := again(martha).OK(t)
		var got []string
		for i := range answer.List(t, "reorderToCart.cart.items") {
			at := fmt.Sprintf("reorderToCart.cart.items.%d.", i)
			got = append(got, strings.TrimSpace(said(answer, at+"product.sku", at+"quantity")+fmt.Sprint(" ", fieldOf(t, answer, at+"problems", "code"))))
		}
		expectLines(t, "again", got, "TEL-DT-0106 1 []", "TEL-DT-0103 1 []", "TEL-DT-0101 2 [PRICE_CHANGED]", "TEL-DT-0106 1 []", "TEL-DT-0102 1 [PRODUCT_NOT_ORDERABLE]")
		if n := len(again(martha).OK(t).List(t, "reorderToCart.cart.items")); n != 5 {
			t.Errorf("once more there are %d positions", n)
		}
		if n := len(again(gerd).OK(t).List(t, "reorderToCart.cart.items")); n != 3 {
			t.Errorf("a colleague who sees the order has %d positions", n)
		}
		expectLines(t, "an unknown order", faultsOf(t, martha.Operation(t, "spa/orders", "ReorderToCart", servertest.Vars{"input": map[string]any{"orderId": "ord_none"}}), "reorderToCart"), "ORDER_UNKNOWN orderId")
		martha.do("ClearCart", nil).OK(t)
		alter(t, d, `UPDATE cart_items SET quantity = 1000000000000 WHERE quantity > 0`)
		again(martha).OK(t)
		alter(t, d, `UPDATE cart_items SET quantity = 1000000000000`)
		if got := faultsOf(t, again(martha), "reorderToCart"); len(got) == 0 || got[0] != "QUANTITY_TOO_LARGE orderId" {
			t.Errorf("too much: %v", got)
		}
	})
}

// Saved carts cost the same however many there are.
//
// Requirement: CA-06
func TestStatementsOfSavedCarts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		kai := martha.do("SaveAddress", map[string]any{"street": "Kai 7", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		for i := range 100 {
			martha.add(item("TEL-DT-0101", "1", "deliveryAddressId", kai), item([]string{"TEL-DT-0102", "TEL-DT-0103", "TEL-DT-0106"}[i%3], "1")).OK(t)
			martha.save(fmt.Sprint(i), i%2 == 0)
		}
		// The viewer, the carts, their number, products, prices, addresses, the currency, owners.
		sameForAnyLength(t, k, "saved carts", 8, func(n int) *servertest.Answer {
			return martha.Operation(t, "spa/cart", "SavedCarts", servertest.Vars{"first": n}).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "savedCarts.nodes")) })
	})
}
