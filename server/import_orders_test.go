package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// An order by phone is in the history as any other, with its documents, for those of its company and
// who serve it; what is ordered afterwards gets the number after it.
//
// Requirement: OR-09
// Requirement: CO-04
// Requirement: CO-05
// Requirement: OR-10
func TestImportedOrdersAreOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const number = "HANSA-000200"
		head := "organization_id;number;channel;placed_at;ordered_by;state;note;name;customer_order_number;position;sku;quantity;unit_price\n"
		order := func(state, note string) string {
			line := "HANSA;" + number + ";PHONE;2026-11-20T14:00:00+01:00;gerd.grau@hansa.example;" + state + ";" + note + ";Per Telefon;T-1;"
			return head + line + "1;TEL-DT-0101;2;100,50\n" + line + "2;TEL-DT-0102;1;7\n"
		}
		martha, sabine, stranger := shopperAs(t, k, "martha.hansen"), k.As(t, "sabine.kurz"), k.As(t, "maik.alster")
		hers, theirs := martha.Events(t, changes, nil), stranger.Events(t, changes, nil)
		expect := func(kind, content, want string) {
			t.Helper()
			if got := cameTo(importing(t, sabine, kind, "CSV", "GOOD_ROWS", content).OK(t)); !strings.HasPrefix(got, want) {
				t.Fatalf("%s came to %s, want %s", kind, got, want)
			}
		}
		live := func(state string) {
			t.Helper()
			for got := hers.Next(t); got.Get("orderChanged.number") != number || got.Get("orderChanged.state") != state; got = hers.Next(t) {
			}
		}
		expect("ORDERS", order("IN_PROGRESS", ""), "COMPLETED 2 0 0")
		live("IN_PROGRESS")
		expect("DOCUMENTS", zipped(t, map[string]string{
			"documents.csv": "organization_id;kind;number;issued_on;order_number;file\nHANSA;DELIVERY_NOTE;LS-9;2026-11-21;" + number + ";LS-9.txt\n",
			"LS-9.txt":      "Übergabe am Tor 3\n",
		}), "COMPLETED 1 0 0")
		for _, where := range []map[string]any{{"search": "per telefon"}, {"search": "T-1", "channel": "PHONE", "states": []string{"IN_PROGRESS"}}, {"placedFrom": "2026-11-20", "channel": "PHONE"}} {
			if got := fmt.Sprint(orderList.all(t, martha.Client, where)); got != "["+number+"]" {
				t.Errorf("by %v are found %s", where, got)
			}
			if got := orderList.all(t, stranger, where); len(got) > 0 {
				t.Errorf("another company finds %v", got)
			}
		}
		seen := martha.order(number)
		if got := said(seen, "order.channel", "order.placedBy.lastName", "order.placedAt", "order.net.amount", "order.tax.amount", "order.gross.amount", "order.items.1.lineTotal.amount", "order.history.0.by.lastName", "order.myActions"); got !=
			"PHONE Grau 2026-11-20T13:00:00Z 208.00 39.52 247.52 7.00 Grau [REORDER]" {
			t.Errorf("it is %s", got)
		}
		links, kinds := papersOf(t, martha.Client, number)
		if status, content, _ := get(t, martha.Client, links["DELIVERY_NOTE"]); kinds != "DELIVERY_NOTE" || status != http.StatusOK || content != "Übergabe am Tor 3\n" {
			t.Errorf("its documents are %s; it comes %d %q", kinds, status, content)
		}
		receipt := martha.Operation(t, "spa/orders", "OrderReceipt", servertest.Vars{"number": number}).OK(t)
		if got := said(receipt, "orderReceipt.order.number", "orderReceipt.sentTo", "orderReceipt.documents.0.kind", "orderReceipt.documents.1.kind"); got != number+" [] ORDER_CONFIRMATION DELIVERY_NOTE" {
			t.Errorf("its receipt is %s", got)
		}
		if _, got := papersOf(t, stranger, number); got != "no order" {
			t.Errorf("another company gets %s", got)
		}
		if status, _, _ := get(t, stranger, links["DELIVERY_NOTE"]); status != http.StatusNotFound {
			t.Errorf("another company gets its document: %d", status)
		}

		again := martha.Operation(t, "spa/orders", "ReorderToCart", servertest.Vars{"input": map[string]any{"orderId": seen.String(t, "order.id")}}).OK(t)
		if got := said(again, "reorderToCart.cart.items.0.product.sku", "reorderToCart.cart.items.0.quantity"); got != "TEL-DT-0101 2" {
			t.Errorf("ordered again are %s: %s", got, again.Body)
		}
		placed := martha.place(map[string]any{"idempotencyKey": "after", "expectedGross": martha.Operation(t, "spa/cart", "CurrentCart", nil).OK(t).String(t, "cart.gross.amount")}).OK(t)
		if got := placed.String(t, "placeOrder.order.number"); got != "HANSA-000201" {
			t.Errorf("then comes %s", got)
		}
		if got := said(sabine.Operation(t, "spa/orders", "Order", servertest.Vars{"number": number}).OK(t), "order.myActions"); got != "[ADVANCE REORDER]" {
			t.Errorf("a service agent can %s", got)
		}
		sabine.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": map[string]any{"orderId": seen.String(t, "order.id"), "to": "ERROR", "note": "verloren"}}).OK(t)

		live("ERROR")

		expect("ORDERS", order("COMPLETED", "gefunden")+"HANSA;HANSA-000201;PHONE;2026-11-20;gerd.grau;;;;;1;TEL-DT-0101;2;1\n", "COMPLETED 0 2 0; 4: number: HANSA-000201 was placed in Kontor")
		live("COMPLETED")
		theirs.Quiet(t)
		expect("ORDERS", order("COMPLETED", "gefunden"), "COMPLETED 0 0 2")
		seen = martha.order(number)
		if got := said(seen, "order.state", "order.history.1.state", "order.history.1.by.lastName", "order.history.1.note", "order.history.2.state", "order.history.2.by", "order.history.2.note"); got != "COMPLETED ERROR Kurz verloren COMPLETED <nil> gefunden" {
			t.Errorf("then it is %s", got)
		}
	})
}
