package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Orders on one contract that are concluded at the same time all count.
//
// Requirement: OR-07
func TestOrdersConcludedAtOnceAllCount(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha := shopperAs(t, k, "martha.hansen")
		out.next(answers(200, `{"contractNumber": "V-1"}`))
		martha.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
		k.Process(t)
		contract := martha.Do(t, `{ contract(number: "V-1") { id } }`, nil).OK(t).String(t, "contract.id")
		const orders, workers = 16, 4
		for i := range orders {
			martha.orderOf(map[string]any{"businessCase": "ADDITIONAL_ORDER", "contractId": contract, "idempotencyKey": fmt.Sprint("x", i)}, item("TEL-VP-1102", "1"))
		}
		// The outside answers when all workers have asked, so that they conclude together.
		var mu sync.Mutex
		waiting, all := 0, make(chan struct{})
		out.done = func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			waiting++
			number, together := waiting, all
			if waiting%workers == 0 {
				close(all)
				all = make(chan struct{})
			}
			mu.Unlock()
			select {
			case <-together:
			case <-r.Context().Done():
			}
			answers(200, fmt.Sprintf(`{"numbers": ["+49406696%d"]}`, number))(w, r)
		}
		var working sync.WaitGroup
		for range workers {
			working.Go(func() { k.Process(t) })
		}
		working.Wait()
		c := martha.Do(t, `{ contract(number: "V-1") { numbers agreedQuantity positions { agreedQuantity } } }`, nil).OK(t)
		if got := said(c, "contract.agreedQuantity", "contract.positions.0.agreedQuantity"); got != fmt.Sprint(orders+1, " ", orders+1) || len(c.List(t, "contract.numbers")) != orders {
			t.Errorf("%d orders of 1 on a contract of 1 make %s, with %d numbers", orders, got, len(c.List(t, "contract.numbers")))
		}
	})
}

// A right that is taken back takes with it what waits: the order is not approved, and what a
// machine has not begun it does not begin.
//
// Requirement: AC-10
// Requirement: OR-07
// Case: AUTHZ-10
func TestOrdersEndWithTheRight(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		d, maik := k.SQL(t), shopperAs(t, k, "maik.alster")
		out.next(answers(200, `{"contractNumber": "A-1"}`))
		maik.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
		k.Process(t)
		was := maik.contract("A-1")
		for _, right := range []string{"VIEW", "ORDER"} {
			give(t, d, "TRANSFER", "maik.alster", "gerd.grau", "A-1", right)
		}
		gerd := shopperAs(t, k, "gerd.grau")
		on := func(of string) map[string]any {
			return map[string]any{"businessCase": of, "contractId": globalID("con", columnOf(t, d, `SELECT id FROM contracts WHERE number = 'A-1'`)[0])}
		}
		waits := gerd.processed(gerd.orderOf(on("TARIFF_CHANGE"), item("TEL-VP-1106", "1000")))
		begun := gerd.orderOf(on("ADDITIONAL_ORDER"), item("TEL-VP-1106", "1"))
		if got := said(waits, "order.state", "order.automatic"); got != "PENDING_APPROVAL true" {
			t.Fatal(got)
		}
		alter(t, d, `UPDATE grants SET revoked_at = '2026-11-23 09:00:01+00:00', revoked_by_id = granted_by_id WHERE granted_by_id = (SELECT id FROM users WHERE username = 'maik.alster')`)
		anna := k.As(t, "anna.abel")
		if got := approve(t, anna, waits.String(t, "order.id")); !slices.Equal(got, []string{"CONTRACT_RIGHT_LOST"}) {
			t.Errorf("approved: %v", got)
		}
		if got := faultsOf(t, onOrder(t, anna, "RejectOrder", waits.String(t, "order.id"), "reason", "x"), "rejectOrder"); got != nil {
			t.Errorf("rejected: %v", got)
		}
		k.Process(t)
		if got := said(gerd.processed(begun), "order.state", "order.contract", "order.history.1.note"); !strings.HasPrefix(got, "ERROR <nil> Wer bestellt hat, darf auf dem Vertrag A-1") {
			t.Errorf("the order that a machine had is %s", got)
		}
		if got := maik.contract("A-1"); got != was || out.calls() != 1 {
			t.Errorf("the contract is %s after %d calls, was %s", got, out.calls(), was)
		}
	})
}

// What another company pays is not told by the contract on which it orders.
//
// Requirement: CA-01
func TestContractsTellTheirOwnersPrices(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, maik := k.SQL(t), shopperAs(t, k, "maik.alster")
		first := maik.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
		k.Process(t)
		number := maik.processed(first).String(t, "order.contract.number")
		for _, right := range []string{"VIEW", "ORDER"} {
			give(t, d, "TRANSFER", "maik.alster", "gerd.grau", number, right)
		}
		alter(t, d, `UPDATE prices SET amount = 12345 WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-VP-1106') AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`)
		alter(t, d, `DELETE FROM prices WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-SM-2203') AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'ALSTER')`)
		gerd := shopperAs(t, k, "gerd.grau")
		on := map[string]any{"businessCase": "ADDITIONAL_ORDER", "contractId": globalID("con", columnOf(t, d, `SELECT id FROM contracts WHERE number = $1`, number)[0])}
		gerd.orderOf(on, item("TEL-VP-1106", "1"))
		k.Process(t)
		own := maik.Do(t, `{ product(sku: "TEL-VP-1106") { price { amount } } }`, nil).OK(t).String(t, "product.price.amount")
		seen := maik.Do(t, `query($n: String!) { contract(number: $n) { positions { product { sku } price { amount } } } }`, servertest.Vars{"n": number}).OK(t)
		if got := said(seen, "contract.positions.1"); got != fmt.Sprintf("map[price:map[amount:%s] product:map[sku:TEL-VP-1106]]", own) || own == "1.2345" {
			t.Errorf("the owner is told %s, its price is %s", got, own)
		}
		on["idempotencyKey"] = "unpriced"
		failed := gerd.orderOf(on, item("TEL-SM-2203", "1"))
		k.Process(t)
		if got := said(gerd.processed(failed), "order.state"); got != "ERROR" {
			t.Errorf("what the owner has no price for is %s", got)
		}
		if log := auditOf(t, maik.Client, map[string]any{}); log[0]["action"] != "contract.change" {
			t.Errorf("the owner's audit log says %v", log[0])
		}
	})
}

// A change of an agreement is negotiated, so people carry it out; and a cart that calls off
// does nothing else.
//
// Requirement: OR-06
// Requirement: OR-12
func TestAgreementsAreChangedByPeople(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, gisela, sabine := k.SQL(t), shopperAs(t, k, "gisela.gross"), shopperAs(t, k, "sabine.kurz")
		alter(t, d, `UPDATE products SET automatic = true WHERE sku LIKE 'MET-%'`)
		agreement := agreementID(t, k, "RV-300001")
		amended := gisela.orderOf(map[string]any{"businessCase": "CONTRACT_AMENDMENT", "contractId": agreement}, item("MET-AL-0301", "500000"))
		low := gisela.orderOf(map[string]any{"businessCase": "CONTRACT_AMENDMENT", "contractId": agreement, "idempotencyKey": "low"}, item("MET-AL-0101", "500"))
		renewed := gisela.orderOf(map[string]any{"businessCase": "CONTRACT_RENEWAL", "contractId": agreement}, item("MET-AL-0301", "500"))
		before := calledOff(t, gisela.Client, "RV-300001")
		k.Process(t)
		for _, number := range []string{amended, renewed} {
			if got := said(gisela.processed(number), "order.state", "order.automatic"); got != "IN_PROGRESS false" {
				t.Errorf("a change of an agreement is %s", got)
			}
		}
		if after := calledOff(t, gisela.Client, "RV-300001"); !slices.Equal(after, before) {
			t.Errorf("a machine made of %v %v", before, after)
		}
		complete := func(number string) []string {
			return faultsOf(t, sabine.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": map[string]any{
				"orderId": sabine.processed(number).String(t, "order.id"), "to": "COMPLETED"}}), "advanceOrder")
		}
		if got := complete(low); !slices.Equal(got, []string{"AMENDED_BELOW_CALLED_OFF"}) {
			t.Errorf("amended below what is called off: %v", got)
		}
		if got := complete(amended); got != nil {
			t.Error(got)
		}
		if got := calledOff(t, gisela.Client, "RV-300001"); !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, "MET-AL-0301 31000/469000") }) {
			t.Errorf("the amended agreement has %v", got)
		}
		if got := complete(renewed); got != nil {
			t.Error(got)
		}
		if got := gisela.contract("RV-300001"); !strings.HasPrefix(got, "ACTIVE 2025-01-01 2030-12-31") {
			t.Errorf("the renewed agreement is %s", got)
		}
		gisela.do("ClearCart", nil).OK(t)
		gisela.on(agreement)
		gisela.add(item("MET-AL-0101", "1000")).OK(t)
		if got := faultsOf(t, gisela.place(map[string]any{"idempotencyKey": "x", "businessCase": "CONTRACT_AMENDMENT"}), "placeOrder"); !slices.Equal(got, []string{"AGREEMENT_CALLS_OFF businessCase"}) {
			t.Errorf("an amendment of a cart that calls off: %v", got)
		}
	})
}

// Numbers that the ERP has given already, terms that end before, and two prices of one
// product are no obstacle.
//
// Requirement: OR-06
// Requirement: OR-07
func TestContractsComeOutRight(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha, gerd := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau")
		alter(t, k.SQL(t), `UPDATE contracts SET number = 'HANSA-C000001' WHERE number = 'SV-100003'`)
		number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
		k.Process(t)
		if got := said(martha.processed(number), "order.state", "order.contract.number"); got != "COMPLETED HANSA-C000002" {
			t.Errorf("where the next number is taken the order is %s", got)
		}
		out.next(answers(200, `{"contractNumber": "V-1"}`))
		gerd.orderOf(map[string]any{"details": map[string]any{"termMonths": 36}}, item("TEL-VP-1102", "10"))
		k.Process(t)
		contract := gerd.Do(t, `{ contract(number: "V-1") { id } }`, nil).OK(t).String(t, "contract.id")
		gerd.orderOf(map[string]any{"businessCase": "TARIFF_CHANGE", "contractId": contract, "details": map[string]any{"termMonths": 1}}, item("TEL-VP-1102", "1"))
		k.Process(t)
		if got := gerd.contract("V-1"); !strings.HasPrefix(got, "ACTIVE 2026-11-23 2029-11-22") {
			t.Errorf("another tariff ends the contract: %s", got)
		}
		gerd.orderOf(map[string]any{"businessCase": "CONTRACT_AMENDMENT", "contractId": contract}, item("TEL-VP-1102", "1"), item("TEL-VP-1102", "100", "wishedDate", "2026-12-24"))
		k.Process(t)
		if got := gerd.Do(t, `{ contract(number: "V-1") { agreedQuantity } }`, nil).OK(t).Get("contract.agreedQuantity"); got != "101" {
			t.Errorf("two lines of 1 and 100 make %v", got)
		}
		out.next(answers(200, `{"validTo": "2020-01-01"}`))
		number = martha.orderOf(map[string]any{"idempotencyKey": "early"}, item("TEL-VP-1103", "1"))
		k.Process(t)
		if got := said(martha.processed(number), "order.state", "order.history.1.note"); !strings.HasPrefix(got, "ERROR Der Vertrag HANSA-C000003 würde vor seinem Beginn enden") {
			t.Errorf("a contract that ends before it begins: %s", got)
		}
	})
}

// Where nobody knows how an order ended, what it called off stays taken until a person says
// that nothing was delivered.
//
// Requirement: OR-12
// Requirement: OR-07
func TestUnknownEndsKeepWhatIsCalledOff(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		malte, sabine := shopperAs(t, k, "malte.brandt"), shopperAs(t, k, "sabine.kurz")
		alter(t, k.SQL(t), `UPDATE products SET automatic = true WHERE sku LIKE 'MET-%'`)
		on := func() map[string]any { return map[string]any{"contractId": agreementID(t, k, "RV-300001")} }
		before := calledOff(t, malte.Client, "RV-300001")
		out.done = answers(500, "")
		number := malte.orderOf(on(), item("MET-AL-0101", "1000"))
		taken := calledOff(t, malte.Client, "RV-300001")
		for range 10 {
			k.Process(t)
			k.Clock.Advance(6 * time.Minute) // longer than any pause
		}
		malte, sabine = shopperAs(t, k, "malte.brandt"), shopperAs(t, k, "sabine.kurz")
		if got := calledOff(t, malte.Client, "RV-300001"); said(malte.processed(number), "order.state") != "ERROR" || !slices.Equal(got, taken) || slices.Equal(got, before) {
			t.Errorf("after a failure that says nothing %v is called off, was %v", got, taken)
		}
		fail := func() []string {
			return faultsOf(t, sabine.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": map[string]any{
				"orderId": sabine.processed(number).String(t, "order.id"), "to": "ERROR", "note": "Nicht geliefert."}}), "advanceOrder")
		}
		if got := fail(); got != nil {
			t.Errorf("a person says so: %v", got)
		}
		if got := calledOff(t, malte.Client, "RV-300001"); !slices.Equal(got, before) {
			t.Errorf("then %v is called off, before it was %v", got, before)
		}
		if got := fail(); !slices.Equal(got, []string{"ORDER_NOT_IN_PROGRESS"}) {
			t.Errorf("said twice: %v", got)
		}
		out.done = answers(422, `{"reason": "ausverkauft"}`)
		second := on()
		second["idempotencyKey"] = "second"
		malte.orderOf(second, item("MET-AL-0101", "1000"))
		k.Process(t)
		if got := calledOff(t, malte.Client, "RV-300001"); !slices.Equal(got, before) {
			t.Errorf("after a refusal %v is called off, before it was %v", got, before)
		}
	})
}
