package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kontor/server/servertest"
)

// agreementID is the global ID of a contract, as the operator sees it.
func agreementID(t *testing.T, k *servertest.Kontor, number string) string {
	t.Helper()
	return globalID("con", columnOf(t, k.SQL(t), `SELECT id FROM contracts WHERE number = $1`, number)[0])
}

// calledOff are a contract's positions as "SKU called off/open", and its sums.
func calledOff(t *testing.T, c *servertest.Client, number string) []string {
	t.Helper()
	answer := c.Do(t, `query($n: String!) { contract(number: $n) { agreedQuantity calledOffQuantity openQuantity positions { product { sku } agreedQuantity calledOffQuantity openQuantity } } }`,
		servertest.Vars{"n": number}).OK(t)
	var all []string
	for i := range answer.List(t, "contract.positions") {
		at := fmt.Sprintf("contract.positions.%d.", i)
		all = append(all, said(answer, at+"product.sku")+" "+answer.String(t, at+"calledOffQuantity")+"/"+answer.String(t, at+"openQuantity"))
		if !adds(t, answer, at) {
			t.Errorf("%s: position %d does not add up: %s", number, i, answer.Body)
		}
	}
	if answer.Get("contract.agreedQuantity") != nil && !adds(t, answer, "contract.") {
		t.Errorf("%s does not add up: %s", number, answer.Body)
	}
	return append(all, said(answer, "contract.calledOffQuantity", "contract.openQuantity"))
}

// adds tells whether agreed is called off and open.
func adds(t *testing.T, answer *servertest.Answer, at string) bool {
	sum := amount(t, answer.String(t, at+"calledOffQuantity"))
	return sum.Add(sum, amount(t, answer.String(t, at+"openQuantity"))).Cmp(amount(t, answer.String(t, at+"agreedQuantity"))) == 0
}

// problems are what the cart says of its positions, as "CODE" or "CODE+CODE".
func (s shopper) problems() []string {
	s.t.Helper()
	cart, all := s.cart(), []string{}
	for i := range cart.List(s.t, "cart.items") {
		var codes []string
		for j := range cart.List(s.t, fmt.Sprintf("cart.items.%d.problems", i)) {
			at := fmt.Sprintf("cart.items.%d.problems.%d.", i, j)
			codes = append(codes, cart.String(s.t, at+"code"))
			if message := cart.String(s.t, at+"message"); strings.Contains(message, "<no value>") || message == cart.String(s.t, at+"code") {
				s.t.Errorf("%v has the message %q", codes, message)
			}
		}
		all = append(all, strings.Join(codes, "+"))
	}
	return all
}

// on names the agreement that the cart calls off from; nil takes it off.
func (s shopper) on(contract any) []string {
	s.t.Helper()
	return faultsOf(s.t, s.do("UpdateCart", map[string]any{"contractId": contract}), "updateCart")
}

// An order on a frame agreement has the agreed prices and takes from what is open; when
// nothing is left the agreement is not among the open ones.
//
// Requirement: OR-12
// Requirement: CO-01
func TestCallOff(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		malte, rv := shopperAs(t, k, "malte.brandt"), agreementID(t, k, "RV-300001")
		malte.add(item("MET-AL-0101", "1000"), item("MET-AL-0301", "500", "wishedDate", "2026-12-24")).OK(t)
		if got := faultsOf(t, malte.place(map[string]any{"idempotencyKey": "list", "contractId": rv, "expectedGross": malte.cart().String(t, "cart.gross.amount")}), "placeOrder"); !slices.Equal(got, []string{"PRICE_CHANGED expectedGross"}) {
			t.Errorf("at list prices: %v", got)
		}
		// 1000 at 2.7462 and 500 at 2.6174, and 19 %.
		placed := malte.place(map[string]any{"idempotencyKey": "a", "contractId": rv, "expectedGross": "4825.33"}).OK(t)
		order := malte.order(placed.String(t, "placeOrder.order.number"))
		if got := said(order, "order.businessCase", "order.contract.number", "order.items.0.unitPrice.amount", "order.items.0.lineTotal.amount", "order.items.1.unitPrice.amount", "order.gross.amount"); got !=
			"ADDITIONAL_ORDER RV-300001 2.7462 2746.20 2.6174 4825.33" {
			t.Errorf("the order says %s", got)
		}
		expectLines(t, "after an order", calledOff(t, malte.Client, "RV-300001"), "MET-AL-0101 97500/142500", "MET-AL-0103 8250/21750", "MET-AL-0301 31500/58500", "137250 222750")
		// Without an amount, and with the case that it is.
		malte.add(item("MET-AL-0103", "500")).OK(t)
		malte.place(map[string]any{"idempotencyKey": "b", "contractId": rv, "businessCase": "ADDITIONAL_ORDER"}).OK(t)
		// The same request again takes nothing more.
		malte.place(map[string]any{"idempotencyKey": "b", "contractId": rv, "businessCase": "ADDITIONAL_ORDER"}).OK(t)
		expectLines(t, "after another", calledOff(t, malte.Client, "RV-300001"), "MET-AL-0101 97500/142500", "MET-AL-0103 8750/21250", "MET-AL-0301 31500/58500", "137750 222250")
		if got := contractList.all(t, malte.Client, map[string]any{"openOnly": true}); !slices.Contains(got, "RV-300002") {
			t.Errorf("open are %v", got)
		}
		for i, each := range [][2]string{{"MET-AL-0202", "115.5"}, {"MET-AL-0203", "179"}} {
			malte.add(item(each[0], each[1])).OK(t)
			malte.place(map[string]any{"idempotencyKey": fmt.Sprint("all", i), "contractId": agreementID(t, k, "RV-300002")}).OK(t)
		}
		expectLines(t, "all of it", calledOff(t, malte.Client, "RV-300002"), "MET-AL-0202 180/0", "MET-AL-0203 320/0", "500 0")
		if got := contractList.all(t, malte.Client, map[string]any{"openOnly": true}); slices.Contains(got, "RV-300002") {
			t.Errorf("open are %v", got)
		}
		if _, err := k.SQL(t).ExecContext(t.Context(), `UPDATE contract_positions SET called_off_quantity = agreed_quantity + 1`); err == nil {
			t.Error("the database lets more be called off than was agreed")
		}
		if _, err := k.SQL(t).ExecContext(t.Context(), `UPDATE order_items SET contract_position_id = NULL WHERE contract_position_id IS NOT NULL`); err == nil {
			t.Error("where an order called off from can be changed")
		}
	})
}

// What cannot be called off is told at its position; nothing is ordered then, and the
// agreement stays as it is. What is no call-off stays what it was.
//
// Requirement: OR-12
// Requirement: CA-09
func TestRefusedCallOffs(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, malte := k.SQL(t), shopperAs(t, k, "malte.brandt")
		before := calledOff(t, malte.Client, "RV-300001")
		later := item("MET-AL-0101", "72000", "wishedDate", "2027-01-11")
		alter(t, d, `UPDATE contract_positions SET unit = 't' WHERE product_id = (SELECT id FROM products WHERE sku = 'MET-AL-0301')`)
		for name, each := range map[string]struct {
			contract string
			items    []map[string]any
			want     []string
		}{
			"a product that it has not":       {"RV-300001", []map[string]any{item("MET-AL-0101", "500"), item("MET-AL-0202", "1")}, []string{"PRODUCT_NOT_IN_AGREEMENT items.1"}},
			"another unit":                    {"RV-300001", []map[string]any{item("MET-AL-0301", "500")}, []string{"PRODUCT_NOT_IN_AGREEMENT items.0"}},
			"more than is open":               {"RV-300001", []map[string]any{item("MET-AL-0103", "500"), item("MET-AL-0101", "143750")}, []string{"QUANTITY_NOT_OPEN items.1"}},
			"more in the sum of positions":    {"RV-300001", []map[string]any{item("MET-AL-0101", "72000"), item("MET-AL-0103", "500"), later}, []string{"QUANTITY_NOT_OPEN items.0", "QUANTITY_NOT_OPEN items.2"}},
			"an agreement that has ended":     {"RV-300004", []map[string]any{item("MET-AL-0501", "500")}, []string{"CONTRACT_NOT_ACTIVE contractId"}},
			"another company's":               {"RV-100001", []map[string]any{item("MET-AL-0101", "500")}, []string{"CONTRACT_UNKNOWN contractId"}},
			"a quantity that nobody delivers": {"RV-300001", []map[string]any{item("MET-AL-0101", "500")}, []string{"QUANTITY_TOO_SMALL items.0"}},
		} {
			malte.do("ClearCart", nil).OK(t)
			malte.add(each.items...).OK(t)
			if name == "a quantity that nobody delivers" {
				alter(t, d, `UPDATE products SET minimum_quantity = 10000000 WHERE sku = 'MET-AL-0101'`)
			}
			input := map[string]any{"idempotencyKey": name, "contractId": agreementID(t, k, each.contract)}
			answer := malte.place(input)
			if got := faultsOf(t, answer, "placeOrder"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
			if name == "more than is open" && !strings.Contains(answer.String(t, "placeOrder.errors.0.message"), "143500 kg") {
				t.Errorf("the message is %s", answer.Body)
			}
			alter(t, d, `UPDATE products SET minimum_quantity = 5000000 WHERE sku = 'MET-AL-0101'`)
			if n := len(malte.lines()); n != len(each.items) {
				t.Errorf("%s: the cart has %d positions then", name, n)
			}
		}
		alter(t, d, `UPDATE contract_positions SET unit = 'kg' WHERE product_id = (SELECT id FROM products WHERE sku = 'MET-AL-0301')`)
		expectLines(t, "after refusals", calledOff(t, malte.Client, "RV-300001"), before...)
		malte.do("ClearCart", nil).OK(t)
		for i, businessCase := range []string{"CONTRACT_RENEWAL", "CONTRACT_AMENDMENT"} {
			malte.add(item("MET-AL-0202", "1")).OK(t)
			placed := malte.place(map[string]any{"idempotencyKey": fmt.Sprint(i), "businessCase": businessCase, "contractId": agreementID(t, k, "RV-300001")}).OK(t)
			if got := malte.order(placed.String(t, "placeOrder.order.number")).String(t, "order.items.0.unitPrice.amount"); got != "2332.91" {
				t.Errorf("%s costs %s", businessCase, got)
			}
		}
		expectLines(t, "after other cases", calledOff(t, malte.Client, "RV-300001"), before...)
		// An agreement that begins tomorrow, and one that ends today.
		alter(t, d, `UPDATE contracts SET valid_from = '2026-11-24' WHERE number = 'RV-300003'`)
		alter(t, d, `UPDATE contracts SET valid_to = '2026-11-23' WHERE number = 'RV-300001'`)
		malte.add(item("MET-CU-2101", "500")).OK(t)
		if got := faultsOf(t, malte.place(map[string]any{"idempotencyKey": "tomorrow", "contractId": agreementID(t, k, "RV-300003")}), "placeOrder"); !slices.Equal(got, []string{"CONTRACT_NOT_ACTIVE contractId"}) {
			t.Errorf("tomorrow's agreement: %v", got)
		}
		malte.do("ClearCart", nil).OK(t)
		malte.add(item("MET-AL-0101", "500")).OK(t)
		malte.place(map[string]any{"idempotencyKey": "today", "contractId": agreementID(t, k, "RV-300001")}).OK(t)
	})
}

// However many order at once, what is open goes, and no more: half of the buyers are of the
// agreement's company, the others of one that it was transferred to.
//
// Requirement: OR-12
func TestCallOffsAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, rv := k.SQL(t), agreementID(t, k, "RV-100001")
		alter(t, d, `UPDATE contract_positions SET called_off_quantity = agreed_quantity - 1000000 WHERE position = 10 AND contract_id = $1`, keyOf(t, rv))
		buyers := make([]shopper, 200)
		for i := range buyers {
			name := fmt.Sprintf("kunde.%03d", i)
			colleague(t, d, []string{"gerd.grau", "greta.groth"}[i%2], name, "K", name, "GENERAL_USER")
			if i%2 == 1 {
				give(t, d, "TRANSFER", "martha.hansen", name, "RV-100001", "VIEW")
				give(t, d, "TRANSFER", "martha.hansen", name, "RV-100001", "ORDER")
			}
			buyers[i] = shopperAs(t, k, name)
			buyers[i].add(item("TEL-DT-0104", "1")).OK(t)
		}
		results := map[string]int{}
		for _, faults := range atOnce(len(buyers), func(i int) []string {
			return faultsOf(t, patiently(func() *servertest.Answer {
				return buyers[i].place(map[string]any{"idempotencyKey": "k", "contractId": rv})
			}), "placeOrder")
		}) {
			results[strings.Join(faults, ",")]++
		}
		if results[""] != 100 || results["QUANTITY_NOT_OPEN items.0"] != 100 {
			t.Errorf("200 orders of the last 100: %v", results)
		}
		if got := calledOff(t, buyers[0].Client, "RV-100001"); got[0] != "TEL-DT-0104 120/0" {
			t.Errorf("afterwards: %v", got)
		}
	})
}

// Orders of the same products in another sequence, rejections and withdrawals in between:
// nobody waits for ever, and none fails.
//
// Requirement: OR-12
func TestCallOffsInAnySequence(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		rv := agreementID(t, k, "RV-100001")
		before := calledOff(t, k.As(t, "martha.hansen"), "RV-100001")
		anna := k.As(t, "anna.abel")
		alter(t, k.SQL(t), `UPDATE approval_rules SET above_amount = 0`)
		buyers := []shopper{shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau"), shopperAs(t, k, "moritz.hansen"), shopperAs(t, k, "silke.sommer")}
		atOnce(len(buyers), func(i int) any {
			for n := range 6 {
				items := []map[string]any{item("TEL-DT-0104", "1"), item("TEL-DT-0107", "1")}
				if i%2 == 0 {
					slices.Reverse(items)
				}
				buyers[i].add(items...).OK(t)
				id := buyers[i].place(map[string]any{"idempotencyKey": fmt.Sprint(n), "contractId": rv}).OK(t).String(t, "placeOrder.order.id")
				if n%2 == 0 {
					onOrder(t, buyers[i].Client, "WithdrawOrder", id).OK(t)
				} else {
					onOrder(t, anna, "RejectOrder", id, "reason", "x").OK(t)
				}
			}
			return nil
		})
		expectLines(t, "all given back", calledOff(t, buyers[0].Client, "RV-100001"), before...)
	})
}

// Who rejects or withdraws an order gives back what it called off, once.
//
// Requirement: OR-12
func TestGivenBack(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, anna, rv := shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel"), agreementID(t, k, "RV-100001")
		before := calledOff(t, gerd.Client, "RV-100001")
		order := func(key string) string {
			gerd.add(item("TEL-DT-0104", "60")).OK(t)
			placed := gerd.place(map[string]any{"idempotencyKey": key, "contractId": rv}).OK(t)
			if got := placed.Get("placeOrder.order.state"); got != "PENDING_APPROVAL" {
				t.Fatalf("the order is %v", got)
			}
			return placed.String(t, "placeOrder.order.id")
		}
		first := order("a")
		expectLines(t, "while it waits", calledOff(t, gerd.Client, "RV-100001"), "TEL-DT-0104 106/14", before[1], before[2], "151 89")
		gerd.add(item("TEL-DT-0104", "15")).OK(t)
		if got := faultsOf(t, gerd.place(map[string]any{"idempotencyKey": "too much", "contractId": rv}), "placeOrder"); !slices.Equal(got, []string{"QUANTITY_NOT_OPEN items.0"}) {
			t.Errorf("more than the waiting order leaves: %v", got)
		}
		gerd.do("ClearCart", nil).OK(t)
		onOrder(t, anna, "RejectOrder", first, "reason", "Zu viel.").OK(t)
		expectLines(t, "rejected", calledOff(t, gerd.Client, "RV-100001"), before...)
		second := order("b")
		answers := atOnce(6, func(i int) []string {
			if i%2 == 0 {
				return faultsOf(t, onOrder(t, anna, "RejectOrder", second, "reason", "x"), "rejectOrder")
			}
			return faultsOf(t, onOrder(t, gerd.Client, "WithdrawOrder", second), "withdrawOrder")
		})
		if n := len(slices.DeleteFunc(answers, func(faults []string) bool { return len(faults) > 0 })); n != 1 {
			t.Errorf("%d of six ended the order", n)
		}
		expectLines(t, "withdrawn", calledOff(t, gerd.Client, "RV-100001"), before...)
		third := order("c")
		onOrder(t, anna, "ApproveOrder", third).OK(t)
		expectLines(t, "approved", calledOff(t, gerd.Client, "RV-100001"), "TEL-DT-0104 106/14", before[1], before[2], "151 89")
	})
}

// Whatever is ordered, rejected and withdrawn: what is called off is what live orders call off
// and what was before, and the rest is open.
//
// Requirement: OR-12
// Requirement: CO-01
func TestCallOffsAddUp(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, rv := k.SQL(t), agreementID(t, k, "RV-100001")
		gerd, anna := shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel")
		alter(t, d, `UPDATE approval_rules SET above_amount = 0`)
		var waiting []string
		key, began := 0, time.Now()
		rapid.Check(t, func(r *rapid.T) {
			if time.Since(began) > 20*time.Second {
				return // enough of it
			}
			take := func() string {
				if len(waiting) == 0 {
					r.Skip()
				}
				i := rapid.IntRange(0, len(waiting)-1).Draw(r, "order")
				id := waiting[i]
				waiting = slices.Delete(waiting, i, i+1)
				return id
			}
			switch rapid.SampledFrom([]string{"order", "order", "reject", "withdraw", "approve"}).Draw(r, "step") {
			case "order":
				gerd.do("ClearCart", nil).OK(t)
				gerd.add(item("TEL-DT-0104", fmt.Sprint(rapid.IntRange(1, 30).Draw(r, "a"))), item("TEL-DT-0107", fmt.Sprint(rapid.IntRange(1, 12).Draw(r, "b")))).OK(t)
				key++
				placed := gerd.place(map[string]any{"idempotencyKey": fmt.Sprint(key), "contractId": rv})
				if got := faultsOf(t, placed, "placeOrder"); len(got) == 0 {
					waiting = append(waiting, placed.String(t, "placeOrder.order.id"))
				} else if !strings.HasPrefix(got[0], "QUANTITY_NOT_OPEN") {
					r.Fatal(got)
				}
			case "reject":
				onOrder(t, anna, "RejectOrder", take(), "reason", "x").OK(t)
			case "withdraw":
				onOrder(t, gerd.Client, "WithdrawOrder", take()).OK(t)
			case "approve":
				onOrder(t, anna, "ApproveOrder", take()).OK(t)
			}
			calledOff(t, gerd.Client, "RV-100001") // adds up
			for _, row := range rowsOf(t, d, `SELECT p.position, p.called_off_quantity, (SELECT coalesce(sum(i.quantity), 0) FROM order_items i JOIN orders o ON o.id = i.order_id
				WHERE i.contract_position_id = p.id AND o.state NOT IN ('REJECTED', 'WITHDRAWN', 'ERROR')) + CASE p.position WHEN 10 THEN 460000 WHEN 20 THEN 120000 ELSE 330000 END
				FROM contract_positions p JOIN contracts c ON c.id = p.contract_id WHERE c.number = 'RV-100001'`) {
				if row[1] != row[2] {
					r.Fatalf("position %s: %s are called off, orders and what was before are %s", row[0], row[1], row[2])
				}
			}
		})
		if key < 10 {
			t.Errorf("%d orders: the test shows nothing", key)
		}
	})
}

// Whoever an agreement was transferred to with the right to order calls off from it: the order
// is of its own company, the quantity is the agreement's. Without the right it is unknown.
//
// Requirement: OR-12
// Requirement: AC-04
func TestCallOffFromAReceivedAgreement(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, maik, martha, rv := k.SQL(t), shopperAs(t, k, "maik.alster"), k.As(t, "martha.hansen"), agreementID(t, k, "RV-100001")
		maik.add(item("TEL-DT-0104", "3")).OK(t)
		if got := maik.on(rv); !slices.Equal(got, []string{"CONTRACT_UNKNOWN contractId"}) {
			t.Errorf("another company's agreement: %v", got)
		}
		give(t, d, "TRANSFER", "martha.hansen", "maik.alster", "RV-100001", "VIEW")
		if got := maik.on(rv); !slices.Equal(got, []string{"CONTRACT_UNKNOWN contractId"}) {
			t.Errorf("one that may only be seen: %v", got)
		}
		grant := give(t, d, "TRANSFER", "martha.hansen", "maik.alster", "RV-100001", "ORDER")
		if got := maik.on(rv); got != nil {
			t.Fatalf("naming the agreement: %v", got)
		}
		expectLines(t, "at its prices", maik.lines(), "TEL-DT-0104 3 109.48 328.44")
		number := maik.place(map[string]any{"idempotencyKey": "a"}).OK(t).String(t, "placeOrder.order.number")
		if got := said(maik.order(number), "order.contract.number", "order.items.0.unitPrice.amount"); !strings.HasPrefix(number, "ALSTER-") || got != "RV-100001 109.48" {
			t.Errorf("%s says %s", number, got)
		}
		if got := calledOff(t, martha, "RV-100001"); got[0] != "TEL-DT-0104 49/71" {
			t.Errorf("the agreement's company sees %v", got)
		}
		maik.add(item("TEL-DT-0104", "1")).OK(t)
		maik.on(rv)
		alter(t, d, `UPDATE grants SET revoked_at = created_at WHERE id = $1`, grant)
		expectLines(t, "without the right", maik.problems(), "CONTRACT_UNKNOWN")
		if got := faultsOf(t, maik.place(map[string]any{"idempotencyKey": "b"}), "placeOrder"); !slices.Equal(got, []string{"CONTRACT_UNKNOWN items.0"}) {
			t.Errorf("ordered without the right: %v", got)
		}
		alter(t, d, `UPDATE grants SET revoked_at = created_at WHERE contract_id = (SELECT id FROM contracts WHERE number = 'RV-100001') AND revoked_at IS NULL`)
		if cart := maik.Do(t, `{ cart { contract { number } items { unitPrice { amount } problems { code } } } }`, nil).OK(t); said(cart, "cart.contract", "cart.items.0.unitPrice.amount") != "<nil> 111.96" {
			t.Errorf("an agreement that is not seen any more shows in %s", cart.Body)
		}
	})
}
