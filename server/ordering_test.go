package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// place sends PlaceOrder as the clients do.
func (s shopper) place(input map[string]any) *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/orders", "PlaceOrder", servertest.Vars{"input": input})
}

func (s shopper) order(number string) *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/orders", "Order", servertest.Vars{"number": number}).OK(s.t)
}

// An order takes everything along as it stands; whatever changes afterwards, it
// stays as it was placed.
//
// Requirement: OR-01
func TestOrderIsASnapshot(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, beside := shopperAs(t, k, "martha.hansen"), k.SQL(t)
		home := martha.do("SaveAddress", map[string]any{"company": "Hansa", "contact": "Frau H.", "street": "Kai 7", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		martha.add(item("TEL-DT-0101", "2", "wishedDate", "2026-12-01", "deliveryAddressId", home, "accountAssignment", map[string]any{"costCentre": "9", "glAccount": "8"}),
			item("BUE-KH-3101", "3")).OK(t)
		cart := martha.do("UpdateCart", map[string]any{"name": "Büro", "customerOrderNumber": "K-1", "referenceNumber": "R-2"}).OK(t)
		placed := martha.place(map[string]any{"idempotencyKey": "snapshot", "expectedGross": cart.String(t, "updateCart.cart.gross.amount")}).OK(t)
		number := placed.String(t, "placeOrder.order.number")
		order := martha.order(number)
		for field, want := range map[string]any{
			"name": "Büro", "customerOrderNumber": "K-1", "referenceNumber": "R-2", "state": "IN_PROGRESS", "businessCase": "NEW_ORDER", "channel": "ONLINE",
			"placedAt": "2026-11-23T09:00:00Z", "placedBy.email": "martha.hansen@hansa.example", "contract": nil, "quote": nil, "approval": nil,
			"items.0.position": float64(1), "items.0.quantity": "2", "items.0.unit": "piece", "items.0.wishedDate": "2026-12-01",
			"items.0.product.sku": "TEL-DT-0101", "items.0.product.name": "Tischtelefon Basis 10", "items.0.unitPrice.amount": "47.55", "items.0.lineTotal.amount": "95.10",
			"items.0.deliveryAddress.street": "Kai 7", "items.0.accountAssignment.costCentre": "9", "items.0.accountAssignment.glAccount": "8",
			"items.1.deliveryAddress.street": "Am Sandtorkai 20", "items.1.accountAssignment.costCentre": "4100", "items.1.wishedDate": nil,
			"net.amount": cart.Get("updateCart.cart.net.amount"), "tax.amount": cart.Get("updateCart.cart.tax.amount"), "gross.amount": cart.Get("updateCart.cart.gross.amount"),
			"history.0.state": "IN_PROGRESS", "history.0.by.lastName": "Hansen", "history.0.at": "2026-11-23T09:00:00Z",
		} {
			if got := order.Get("order." + field); got != want {
				t.Errorf("%s is %v, want %v", field, got, want)
			}
		}
		alter(t, beside, `UPDATE products SET name = 'Anderer Name', unit = 'kg', tax_rate = 0, active = false WHERE sku = 'TEL-DT-0101'`)
		alter(t, beside, `UPDATE prices SET amount = amount * 2`)
		martha.do("SaveAddress", map[string]any{"id": home, "street": "Woanders 1", "postalCode": "1", "city": "Bremen"}).OK(t)
		martha.do("DeleteAddress", map[string]any{"id": home}).OK(t)
		alter(t, beside, `DELETE FROM prices WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0101')`)
		if later := martha.order(number); string(later.Body) != string(order.Body) {
			t.Errorf("the order changed from\n%s to\n%s", order.Body, later.Body)
		}
	})
}

// The database itself refuses to change or delete what was ordered; the state, and
// the contract that comes of an order, are all that moves.
//
// Requirement: OR-01
func TestOrdersCannotBeChanged(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside := k.SQL(t)
		for _, statement := range []string{
			`DELETE FROM orders WHERE number = 'HANSA-000001'`, `DELETE FROM order_items`, `DELETE FROM order_events`,
			`UPDATE order_items SET quantity = quantity + 1`, `UPDATE order_items SET unit_price_amount = 0`, `UPDATE order_items SET product_name = 'x'`,
			`UPDATE order_events SET note = 'x'`, `UPDATE order_events SET state = 'COMPLETED'`,
			`UPDATE orders SET number = 'x' WHERE number = 'HANSA-000001'`, `UPDATE orders SET name = name || 'x'`, `UPDATE orders SET customer_order_number = 'x'`,
			`UPDATE orders SET reference_number = reference_number || 'x'`, `UPDATE orders SET placed_at = '2020-01-01 00:00:00+00:00'`, `UPDATE orders SET channel = 'PAPER' WHERE channel = 'ONLINE'`,
			`UPDATE orders SET business_case = 'TARIFF_CHANGE'`, `UPDATE orders SET net_amount = net_amount + 1, gross_amount = gross_amount + 1`,
			`UPDATE orders SET currency = 'USD'`, `UPDATE orders SET account_assignment = '{"costCentre":"x"}'`,
			`UPDATE orders SET placed_by_id = (SELECT id FROM users WHERE username = 'paul.lang')`,
			`UPDATE orders SET contract_id = (SELECT id FROM contracts WHERE number = 'RV-100001') WHERE contract_id IS NOT NULL AND number LIKE 'HANSA%'`,
			`UPDATE orders SET state = 'UNHEARD_OF'`,
		} {
			if _, err := beside.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s was carried out", statement)
			}
		}
		alter(t, beside, `UPDATE orders SET state = 'WITHDRAWN' WHERE number = 'HANSA-000060'`)
		alter(t, beside, `UPDATE orders SET contract_id = (SELECT id FROM contracts WHERE number = 'SV-100001') WHERE number = 'HANSA-000001' AND contract_id IS NULL`)
	})
}

// Every state says what it means, in the language of the one who asks.
//
// Requirement: OR-05
func TestStatesAndHistory(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, beside := shopperAs(t, k, "martha.hansen"), k.SQL(t)
		said := map[string]bool{}
		for _, state := range []string{"PENDING_APPROVAL", "REJECTED", "WITHDRAWN", "IN_PROGRESS", "COMPLETED", "ERROR"} {
			alter(t, beside, `UPDATE orders SET state = $1 WHERE number = 'HANSA-000010'`, state)
			for _, language := range []string{"de", "en"} {
				martha.Header["Accept-Language"] = language
				answer := martha.order("HANSA-000010")
				text := answer.String(t, "order.stateDescription")
				if answer.String(t, "order.state") != state || said[text] || !strings.Contains(text, " ") {
					t.Errorf("%s in %s: %q", state, language, text)
				}
				said[text] = true
			}
		}
		failed := martha.order("HANSA-000047")
		if failed.String(t, "order.history.0.state") != "IN_PROGRESS" || failed.String(t, "order.history.1.state") != "ERROR" ||
			!strings.Contains(failed.String(t, "order.history.1.note"), "Lieferant") || failed.Get("order.history.1.by") != nil {
			t.Errorf("the history of a failed order is %v", failed.Get("order.history"))
		}
	})
}

// Orders of several people at once, some of them refused: the numbers go on from
// the last one without a gap.
//
// Requirement: OR-01
func TestNumbersWithoutGaps(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		var buyers []shopper
		for _, username := range []string{"martha.hansen", "moritz.hansen", "gerd.grau", "silke.sommer"} {
			buyers = append(buyers, shopperAs(t, k, username))
		}
		answers := atOnce(40, func(i int) *servertest.Answer {
			buyer := buyers[i%len(buyers)]
			// Every fifth buys nothing: its cart is empty, unless it just got another's.
			if i%5 > 0 {
				buyer.add(item("TEL-DT-0101", "1")).OK(t)
			}
			return buyer.place(map[string]any{"idempotencyKey": fmt.Sprint("number", i)})
		})
		var numbers []string
		refused := 0
		for _, answer := range answers {
			if codes := answer.Codes("placeOrder"); slices.Equal(codes, []string{"CART_EMPTY"}) {
				refused++
				continue
			}
			numbers = append(numbers, answer.OK(t).String(t, "placeOrder.order.number"))
		}
		slices.Sort(numbers)
		for i, number := range numbers {
			if want := fmt.Sprintf("HANSA-%06d", 61+i); number != want {
				t.Fatalf("order %d has the number %s, want %s: %v", i, number, want, numbers)
			}
		}
		if len(numbers) < 4 || refused == 0 {
			t.Errorf("%d orders, %d refused: the test shows nothing", len(numbers), refused)
		}
		ordered := columnOf(t, k.SQL(t), `SELECT number FROM orders WHERE number >= 'HANSA-000061' AND number < 'HANSA-999999' ORDER BY number`)
		if !slices.Equal(ordered, numbers) {
			t.Errorf("the database has %v, the buyers %v", ordered, numbers)
		}
		maik := shopperAs(t, k, "maik.alster")
		maik.add(item("TEL-DT-0101", "1")).OK(t)
		if got := maik.place(map[string]any{"idempotencyKey": "x"}).OK(t).String(t, "placeOrder.order.number"); got != "ALSTER-000026" {
			t.Errorf("another company's series gives %s", got)
		}
	})
}

// The same request sent often places one order, whichever replica it reaches.
//
// Requirement: OR-01
// Case: CONC-01
func TestSameKeyPlacesOneOrder(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend)
			replicas := []*servertest.Kontor{k}
			if backend != servertest.Backends[0] { // a SQLite file is for one process
				replicas = append(replicas, k.Replica(t))
			}
			martha := shopperAs(t, k, "martha.hansen")
			martha.add(item("TEL-DT-0101", "1")).OK(t)
			input := map[string]any{"idempotencyKey": "once", "businessCase": "NEW_ORDER"}
			answers := atOnce(100, func(i int) *servertest.Answer {
				return shopper{martha.On(replicas[i%len(replicas)]), t}.place(input)
			})
			for _, answer := range answers {
				if string(answer.Body) != string(answers[0].Body) || answer.OK(t).String(t, "placeOrder.order.number") != "HANSA-000061" {
					t.Errorf("one request got %s, another %s", answers[0].Body, answer.Body)
				}
			}
			if mails := k.Mails(t, "martha.hansen@hansa.example"); len(mails) != 1 {
				t.Errorf("%d receipts were sent", len(mails))
			}
			// Later, too, with something else in the cart, which stays there.
			martha.add(item("TEL-DT-0102", "1")).OK(t)
			if again := martha.place(input); string(again.Body) != string(answers[0].Body) {
				t.Errorf("sent again: %s", again.Body)
			}
			if n := len(martha.lines()); n != 1 {
				t.Errorf("after a repeated request the cart has %d positions", n)
			}
			if n := columnOf(t, k.SQL(t), `SELECT count(*) FROM orders WHERE number LIKE 'HANSA%'`)[0]; n != "61" {
				t.Errorf("there are %s orders, want 61", n)
			}
		})
	}
}

// Two keys for one cart at the same time: one order, the other finds it empty.
//
// Requirement: OR-01
// Case: CONC-03
func TestTwoKeysOneCart(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		results := map[string]int{}
		for _, faults := range atOnce(10, func(i int) []string {
			return faultsOf(t, martha.place(map[string]any{"idempotencyKey": fmt.Sprint(i)}), "placeOrder")
		}) {
			results[strings.Join(faults, " ")]++
		}
		if results[""] != 1 || results["CART_EMPTY"] != 9 {
			t.Errorf("ten keys for one cart: %v", results)
		}
	})
}

// Keys that are used otherwise, or are none; a gross amount that is another one.
// Nothing is ordered then and the cart is as it was.
//
// Requirement: OR-01
// Case: CONC-02
func TestRefusedOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau")
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		first := martha.place(map[string]any{"idempotencyKey": "k"}).OK(t)
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		before := martha.cart()
		longest := strings.Repeat("k", 255)
		for name, each := range map[string]struct {
			input map[string]any
			want  []string
		}{
			"another amount for the key":   {map[string]any{"idempotencyKey": "k", "expectedGross": "1"}, []string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"}},
			"another case for the key":     {map[string]any{"idempotencyKey": "k", "businessCase": "NEW_SITE_WITH_PROVIDER_SWITCH"}, []string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"}},
			"an empty key":                 {map[string]any{"idempotencyKey": ""}, []string{"IDEMPOTENCY_KEY_INVALID idempotencyKey"}},
			"a long key":                   {map[string]any{"idempotencyKey": longest + "k"}, []string{"IDEMPOTENCY_KEY_INVALID idempotencyKey"}},
			"a key of two lines":           {map[string]any{"idempotencyKey": "a\nb"}, []string{"IDEMPOTENCY_KEY_INVALID idempotencyKey"}},
			"a key with a null byte":       {map[string]any{"idempotencyKey": "a\x00"}, []string{"IDEMPOTENCY_KEY_INVALID idempotencyKey"}},
			"a cent too little":            {map[string]any{"idempotencyKey": "x", "expectedGross": "56.57"}, []string{"PRICE_CHANGED expectedGross"}},
			"no amount":                    {map[string]any{"idempotencyKey": "x", "expectedGross": "much"}, []string{"BAD_USER_INPUT"}},
			"no key at all":                {map[string]any{}, []string{"GRAPHQL_VALIDATION_FAILED"}},
			"a business case of no kind":   {map[string]any{"idempotencyKey": "x", "businessCase": "GIFT"}, []string{"GRAPHQL_VALIDATION_FAILED"}},
			"a contract that is none":      {map[string]any{"idempotencyKey": "x", "contractId": "con_none"}, []string{"CONTRACT_UNKNOWN contractId"}},
			"an order where a contract is": {map[string]any{"idempotencyKey": "x", "contractId": first.Get("placeOrder.order.id")}, []string{"CONTRACT_UNKNOWN contractId"}},
		} {
			if got := faultsOf(t, martha.place(each.input), "placeOrder"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		if after := martha.cart(); string(after.Body) != string(before.Body) {
			t.Errorf("refusals changed the cart from\n%s to\n%s", before.Body, after.Body)
		}
		// The same key of somebody else is another key.
		gerd.add(item("TEL-DT-0101", "2")).OK(t)
		if got := gerd.place(map[string]any{"idempotencyKey": "k", "expectedGross": "113.17"}).OK(t).String(t, "placeOrder.order.number"); got != "HANSA-000062" {
			t.Errorf("the same key of somebody else gives %s", got)
		}
		if got := martha.place(map[string]any{"idempotencyKey": longest, "expectedGross": "56.58"}).OK(t).String(t, "placeOrder.order.number"); got != "HANSA-000063" {
			t.Errorf("the order has the number %s, want the next one", got)
		}
	})
}

// Business cases about a contract name one on which the viewer may order.
//
// Requirement: AC-07
// Requirement: AC-04
func TestOrderOnAContract(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		ids := map[string]string{}
		sabine := k.As(t, "sabine.kurz")
		for _, number := range []string{"SV-100001", "RV-100001", "SV-100009", "SV-200001"} {
			ids[number] = sabine.Do(t, `query($n: String!) { contract(number: $n) { id } }`, servertest.Vars{"n": number}).OK(t).String(t, "contract.id")
		}
		granted := columnOf(t, k.SQL(t), `SELECT DISTINCT c.number FROM grants g JOIN contracts c ON c.id = g.contract_id WHERE g."right" = 'ORDER' AND g.revoked_at IS NULL ORDER BY 1`)
		if !slices.Contains(granted, "SV-100001") || slices.Contains(granted, "SV-100009") {
			t.Fatalf("silke may order on %v", granted)
		}
		// VIEW alone is not enough to order.
		alter(t, k.SQL(t), `UPDATE grants SET revoked_at = created_at WHERE "right" = 'ORDER' AND contract_id = (SELECT id FROM contracts WHERE number = 'RV-100001')`)
		aboutContract := []string{"ADDITIONAL_ORDER", "CONTRACT_RENEWAL", "TARIFF_CHANGE", "CONTRACT_AMENDMENT", "NEW_NUMBERS_FOR_SITE", "PROVIDER_SWITCH_FOR_SITE"}
		key := 0
		for _, each := range []struct {
			username string
			contract string
			cases    []string
			want     []string
		}{
			{"silke.sommer", "", aboutContract, []string{"CONTRACT_REQUIRED contractId"}},
			{"silke.sommer", "SV-100001", aboutContract, nil},
			{"silke.sommer", "RV-100001", aboutContract[:1], []string{"CONTRACT_UNKNOWN contractId"}},
			{"silke.sommer", "SV-100009", aboutContract, []string{"CONTRACT_UNKNOWN contractId"}},
			{"silke.sommer", "SV-200001", aboutContract[:1], []string{"CONTRACT_UNKNOWN contractId"}},
			{"silke.sommer", "", []string{"NEW_ORDER", "NEW_SITE_WITH_PROVIDER_SWITCH"}, nil},
			{"gerd.grau", "SV-100001", aboutContract[:2], nil},
			{"gerd.grau", "SV-100009", aboutContract[:1], nil},
			{"gerd.grau", "SV-200001", aboutContract[:1], []string{"CONTRACT_UNKNOWN contractId"}},
			{"moritz.hansen", "SV-100009", aboutContract[:1], nil},
			{"anna.abel", "SV-100009", aboutContract[:1], []string{"CONTRACT_UNKNOWN contractId"}},
			{"maik.alster", "SV-100001", aboutContract[:1], []string{"CONTRACT_UNKNOWN contractId"}},
			{"maik.alster", "SV-200001", aboutContract[:1], nil},
		} {
			buyer := shopperAs(t, k, each.username)
			for _, businessCase := range each.cases {
				buyer.add(item("TEL-DT-0101", "1")).OK(t)
				key++
				input := map[string]any{"idempotencyKey": fmt.Sprint(key), "businessCase": businessCase}
				if each.contract != "" {
					input["contractId"] = ids[each.contract]
				}
				answer := buyer.place(input)
				if got := faultsOf(t, answer, "placeOrder"); !slices.Equal(got, each.want) {
					t.Errorf("%s, %s on %q: %v, want %v", each.username, businessCase, each.contract, got, each.want)
					continue
				}
				if each.want == nil {
					order := buyer.order(answer.String(t, "placeOrder.order.number"))
					if named, _ := order.Get("order.contract.number").(string); named != each.contract || order.Get("order.businessCase") != businessCase {
						t.Errorf("%s, %s on %q became %s", each.username, businessCase, each.contract, order.Body)
					}
				}
			}
		}
	})
}
