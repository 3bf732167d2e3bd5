package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"kontor/authz"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/server/servertest"
)

// importInto imports rows beside the API, as the command does; the replica that comes back knows of nothing.
func importInto(t *testing.T, k *servertest.Kontor, files fstest.MapFS, rows ...string) (*servertest.Kontor, []erp.Result) {
	t.Helper()
	var results []erp.Result
	k.WithDatabase(t, func(d *db.DB) {
		ctx := authz.System(t.Context())
		store, err := blobs.Open(ctx, "file://"+k.Blobs)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		importer := erp.NewImporter(d, servertest.Cheap(), k.Clock.Now).WithFiles(files, store)
		for i := 0; i < len(rows); i += 2 {
			result, err := importer.Run(ctx, erp.Kind(rows[i]), strings.NewReader(rows[i+1]), erp.CSV)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, result)
		}
	})
	return k.Replica(t), results
}

// An order by phone is in the history as any other, with its documents, for those of its company and
// who serve it; what is ordered afterwards gets the number after it.
//
// Requirement: OR-09
// Requirement: CO-04
// Requirement: CO-05
func TestImportedOrdersAreOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const number = "HANSA-000200"
		head := "organization_id;number;channel;placed_at;ordered_by;state;note;name;customer_order_number;position;sku;quantity;unit_price\n"
		order := func(state, note string) string {
			line := "HANSA;" + number + ";PHONE;2026-11-20T14:00:00+01:00;gerd.grau@hansa.example;" + state + ";" + note + ";Per Telefon;T-1;"
			return head + line + "1;TEL-DT-0101;2;100,50\n" + line + "2;TEL-DT-0102;1;7\n"
		}
		files := fstest.MapFS{"LS-9.txt": {Data: []byte("Übergabe am Tor 3\n")}}
		k, results := importInto(t, k, files, "ORDERS", order("IN_PROGRESS", ""),
			"DOCUMENTS", "organization_id;kind;number;issued_on;order_number;file\nHANSA;DELIVERY_NOTE;LS-9;2026-11-21;"+number+";LS-9.txt\n")
		if results[0].Created != 2 || results[1].Created != 1 {
			t.Fatalf("%+v", results)
		}
		martha, sabine, stranger := shopperAs(t, k, "martha.hansen"), k.As(t, "sabine.kurz"), k.As(t, "maik.alster")
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

		k, results = importInto(t, k, files, "ORDERS", order("COMPLETED", "gefunden")+"HANSA;HANSA-000201;PHONE;2026-11-20;gerd.grau;;;;;1;TEL-DT-0101;2;1\n", "ORDERS", order("COMPLETED", "gefunden"))
		if results[0].Updated != 2 || len(results[0].Rejected) != 1 || !strings.Contains(results[0].Rejected[0].Reason, "placed in Kontor") || results[1].Unchanged != 2 {
			t.Errorf("%+v", results)
		}
		seen = shopperAs(t, k, "martha.hansen").order(number)
		if got := said(seen, "order.state", "order.history.1.state", "order.history.1.by.lastName", "order.history.1.note", "order.history.2.state", "order.history.2.by", "order.history.2.note"); got != "COMPLETED ERROR Kurz verloren COMPLETED <nil> gefunden" {
			t.Errorf("then it is %s", got)
		}
	})
}
