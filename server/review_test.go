package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"kontor/server/servertest"
)

// T1: orders on one contract that are concluded at once lose quantities and numbers.
func TestReviewConcludeAtOnce(t *testing.T) {
	t.Parallel()
	out := newOutsider(t)
	k := servertest.Start(t, servertest.Backends[1], out.configure)
	martha := shopperAs(t, k, "martha.hansen")
	out.next(answers(200, `{"contractNumber": "V-1"}`))
	martha.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
	k.Process(t)
	contract := martha.Do(t, `{ contract(number: "V-1") { id } }`, nil).OK(t).String(t, "contract.id")
	const n = 16
	for i := range n {
		martha.orderOf(map[string]any{"businessCase": "ADDITIONAL_ORDER", "contractId": contract, "idempotencyKey": fmt.Sprint("x", i)}, item("TEL-VP-1102", "1"))
	}
	var mu sync.Mutex
	var calls int
	out.done = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls++
		number := calls
		mu.Unlock()
		time.Sleep(300*time.Millisecond - time.Duration(time.Now().UnixMilli()%200)*time.Millisecond) // meet
		answers(200, fmt.Sprintf(`{"numbers": ["+49406696%d"]}`, number))(w, r)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { k.Process(t) })
	}
	all.Wait()
	c := martha.Do(t, `{ contract(number: "V-1") { numbers agreedQuantity positions { agreedQuantity } orders(first: 50) { nodes { state } } } }`, nil).OK(t)
	t.Log(c.Get("contract.agreedQuantity"), len(c.List(t, "contract.numbers")), c.Get("contract.orders.nodes"))
	if got := said(c, "contract.agreedQuantity"); got != fmt.Sprint(n+1) || len(c.List(t, "contract.numbers")) != n {
		t.Errorf("%d orders of 1 each on a contract of 1 make %s, with %d numbers", n, got, len(c.List(t, "contract.numbers")))
	}
}

// T2: a transfer is revoked while an order on its contract waits for approval.
func TestReviewApprovalAfterRevocation(t *testing.T) {
	t.Parallel()
	out := newOutsider(t)
	k := servertest.Start(t, servertest.Backends[0], out.configure)
	d, martha, maik := k.SQL(t), shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "maik.alster")
	out.next(answers(200, `{"contractNumber": "A-1"}`))
	maik.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
	k.Process(t)
	// ALSTER's contract, on which gerd.grau of HANSA may order.
	give(t, d, "TRANSFER", "maik.alster", "gerd.grau", "A-1", "VIEW")
	give(t, d, "TRANSFER", "maik.alster", "gerd.grau", "A-1", "ORDER")
	gerd := shopperAs(t, k, "gerd.grau")
	id := columnOf(t, d, `SELECT id FROM contracts WHERE number = 'A-1'`)[0]
	number := gerd.orderOf(map[string]any{"businessCase": "TARIFF_CHANGE", "contractId": globalID("con", id)}, item("TEL-VP-1106", "1000"))
	waits := gerd.processed(number)
	if got := said(waits, "order.state", "order.automatic"); got != "PENDING_APPROVAL true" {
		t.Fatal(got)
	}
	t.Log("before", maik.contract("A-1"))
	alter(t, d, `UPDATE grants SET revoked_at = '2026-11-23 09:00:01+00:00', revoked_by_id = granted_by_id WHERE contract_id = $1`, id)
	if got := gerd.contract("A-1"); got != "none" {
		t.Fatal(got)
	}
	t.Log("approve:", approve(t, k.As(t, "anna.abel"), waits.String(t, "order.id")))
	k.Process(t)
	if got := maik.contract("A-1"); got != "ACTIVE 2026-11-23 <nil> 4066969300 TEL-VP-1102 []  Hamburg | 10 TEL-VP-1102 1 1" {
		t.Errorf("after the revocation, the contract of ALSTER is %s", got)
	}
	prices := maik.Do(t, `{ contract(number: "A-1") { positions { price { amount } } } products(first: 1, where: {search: "TEL-VP-1106"}) { nodes { sku } } }`, nil)
	t.Log(string(prices.Body))
	_ = martha
}

// T3: a cart that names an agreement is called off by an amendment, which then amends the agreement, too.
func TestReviewAmendmentThatCallsOff(t *testing.T) {
	t.Parallel()
	out := newOutsider(t)
	k := servertest.Start(t, servertest.Backends[0], out.configure)
	d := k.SQL(t)
	malte, rv := shopperAs(t, k, "malte.brandt"), agreementID(t, k, "RV-300001")
	alter(t, d, `UPDATE products SET automatic = true WHERE sku LIKE 'MET-%'`)
	t.Log("before", calledOff(t, malte.Client, "RV-300001"))
	// Plain amendment, at list price, by a general user.
	gisela := shopperAs(t, k, "gisela.gross")
	n := gisela.orderOf(map[string]any{"businessCase": "CONTRACT_AMENDMENT", "contractId": rv}, item("MET-AL-0301", "500000"))
	k.Process(t)
	t.Log("amended by a general user:", said(gisela.processed(n), "order.state"), calledOff(t, malte.Client, "RV-300001"))
	alter(t, d, `UPDATE contract_positions SET called_off_quantity = 0 WHERE contract_id = (SELECT id FROM contracts WHERE number = 'RV-300001')`)
	malte.do("ClearCart", nil).OK(t)
	t.Log(malte.on(rv))
	malte.add(item("MET-AL-0101", "1000")).OK(t)
	before := calledOff(t, malte.Client, "RV-300001")
	t.Log(faultsOf(t, malte.place(map[string]any{"idempotencyKey": "x", "businessCase": "CONTRACT_AMENDMENT"}), "placeOrder"))
	k.Process(t)
	if after := calledOff(t, malte.Client, "RV-300001"); len(after) != 4 || after[0] != "MET-AL-0101 0/240000" && after[0] != "MET-AL-0101 1000/239000" {
		t.Errorf("from %v to %v", before, after)
	}
}

// T4: an answer with a broken header: what is noted of it is no text for PostgreSQL.
func TestReviewBrokenHeader(t *testing.T) {
	t.Parallel()
	out := newOutsider(t)
	k := servertest.Start(t, servertest.Backends[1], out.configure)
	martha, sabine := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "sabine.kurz")
	out.done = func(w http.ResponseWriter, r *http.Request) {
		if c, rw, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nbroken \xff\xfe\x00 header\r\n\r\n")
			_ = rw.Flush()
			_ = c.Close()
		}
	}
	number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
	for range 15 {
		k.Process(t)
		k.Clock.Advance(10 * time.Minute)
	}
	sabine = shopperAs(t, k, "sabine.kurz")
	t.Log(said(sabine.processed(number), "order.state", "order.processing.failures", "order.processing.lastError"))
	if got := said(sabine.processed(number), "order.state"); got != "ERROR" {
		t.Errorf("after 15 attempts the order is %s", got)
	}
}

// T5: the ERP has a contract with the next number.
func TestReviewNumberIsTaken(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	martha := shopperAs(t, k, "martha.hansen")
	alter(t, k.SQL(t), `UPDATE contracts SET number = 'HANSA-C000001' WHERE number = 'SV-100003'`)
	number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
	for range 12 {
		k.Process(t)
		k.Clock.Advance(10 * time.Minute)
	}
	martha = shopperAs(t, k, "martha.hansen")
	if got := said(martha.processed(number), "order.state", "order.history.1.note"); got != "COMPLETED " {
		t.Errorf("the order is %s", got)
	}
}

// T6: the approver to whom the link was mailed accepts under another address, and approves.
func TestReviewSelfApprovalByLink(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	paul := shopperAs(t, k, "paul.lang")
	_, _, token := paul.offer(k, map[string]any{"recipientEmail": "anna.abel@hansa.example"}, item("TEL-DT-0101", "200"))
	accepted := accept(t, k.Anonymous(), "token", token, map[string]any{"email": "anna@private.example", "name": "A. B."}).OK(t)
	number := accepted.String(t, "acceptQuote.order.number")
	anna := shopperAs(t, k, "anna.abel")
	o := anna.processed(number)
	t.Log(said(o, "order.state"), approve(t, anna.Client, o.String(t, "order.id")), said(anna.processed(number), "order.state"))
	if got := said(anna.processed(number), "order.state"); got != "PENDING_APPROVAL" {
		t.Errorf("whoever was mailed the link accepted and approved: %s", got)
	}
}

// T7: another tariff for a month ends the contract in a month.
func TestReviewTariffChangeShortens(t *testing.T) {
	t.Parallel()
	out := newOutsider(t)
	k := servertest.Start(t, servertest.Backends[0], out.configure)
	gerd := shopperAs(t, k, "gerd.grau")
	out.next(answers(200, `{"contractNumber": "V-1"}`))
	gerd.orderOf(map[string]any{"details": map[string]any{"termMonths": 36}}, item("TEL-VP-1102", "10"))
	k.Process(t)
	t.Log(gerd.contract("V-1"))
	contract := gerd.Do(t, `{ contract(number: "V-1") { id } }`, nil).OK(t).String(t, "contract.id")
	gerd.orderOf(map[string]any{"businessCase": "TARIFF_CHANGE", "contractId": contract, "details": map[string]any{"termMonths": 1}}, item("TEL-VP-1102", "1"))
	k.Process(t)
	if got := gerd.contract("V-1"); got != "ACTIVE 2026-11-23 2029-11-22 <nil> TEL-VP-1102 []  Bremen | 10 TEL-VP-1102 1 1" {
		t.Errorf("then it is %s", got)
	}
	// T8: an amendment with two lines of a product at different prices.
	alter(t, k.SQL(t), `UPDATE contracts SET valid_to = NULL WHERE number = 'V-1'`)
	gerd.do("ClearCart", nil).OK(t)
	gerd.add(item("TEL-VP-1102", "1"), item("TEL-VP-1102", "100", "wishedDate", "2026-12-24")).OK(t)
	n := gerd.place(map[string]any{"idempotencyKey": "two", "businessCase": "CONTRACT_AMENDMENT", "contractId": contract}).OK(t).String(t, "placeOrder.order.number")
	k.Process(t)
	t.Log(said(gerd.processed(n), "order.state"), gerd.contract("V-1"), gerd.order(n).Get("order.items"))
}

// T9: a renewal with a cart that names an agreement.
func TestReviewPriceOfAnother(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	d, gerd, maik := k.SQL(t), shopperAs(t, k, "gerd.grau"), shopperAs(t, k, "maik.alster")
	maik.orderOf(map[string]any{}, item("TEL-VP-1102", "1"))
	k.Process(t)
	number := columnOf(t, d, `SELECT number FROM contracts WHERE number LIKE 'ALSTER-C%'`)[0]
	give(t, d, "TRANSFER", "maik.alster", "gerd.grau", number, "VIEW")
	give(t, d, "TRANSFER", "maik.alster", "gerd.grau", number, "ORDER")
	alter(t, d, `UPDATE prices SET amount = 12345 WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-VP-1106') AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`)
	id := columnOf(t, d, `SELECT id FROM contracts WHERE number = $1`, number)[0]
	gerd.orderOf(map[string]any{"businessCase": "ADDITIONAL_ORDER", "contractId": globalID("con", id)}, item("TEL-VP-1106", "1"))
	k.Process(t)
	seen := maik.Do(t, `query($n: String!) { contract(number: $n) { positions { product { sku } price { amount } } orders(first: 9) { nodes { number } } } }`, servertest.Vars{"n": number})
	t.Log(string(seen.Body))
}

// T10: the seller mails the link to itself and accepts, for somebody of the customer.
func TestReviewSellerAccepts(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	paul := shopperAs(t, k, "paul.lang")
	id, _, token := paul.offer(k, map[string]any{"recipientEmail": "paul.lang@fernruf.example"})
	t.Log("by the portal:", accept(t, paul.Client, "quoteId", id, nil).Code())
	got := accept(t, paul.Client, "token", token, map[string]any{"name": "Martha Hansen", "email": "martha.hansen@hansa.example"})
	if got.Get("acceptQuote.order.number") != nil {
		t.Errorf("the seller, logged in, accepts its own quote: %s", got.Body)
	}
}

// T11: a revoked transfer leaves a waiting order, whose quantities stay taken.
func TestReviewQuantitiesAfterRevocation(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	d, malte, gerd := k.SQL(t), shopperAs(t, k, "malte.brandt"), shopperAs(t, k, "gerd.grau")
	alter(t, d, `UPDATE approval_rules SET above_amount = 0`)
	give(t, d, "TRANSFER", "malte.brandt", "gerd.grau", "RV-300001", "VIEW")
	give(t, d, "TRANSFER", "malte.brandt", "gerd.grau", "RV-300001", "ORDER")
	before := calledOff(t, malte.Client, "RV-300001")
	gerd.do("ClearCart", nil).OK(t)
	t.Log(gerd.on(agreementID(t, k, "RV-300001")))
	t.Log(string(gerd.add(item("MET-AL-0101", "143500")).Body)[:200])
	placed := gerd.place(map[string]any{"idempotencyKey": "x"})
	t.Log(string(placed.Body))
	alter(t, d, `UPDATE grants SET revoked_at = '2026-11-23 09:00:01+00:00', revoked_by_id = granted_by_id WHERE contract_id = (SELECT id FROM contracts WHERE number = 'RV-300001')`)
	t.Log(before, calledOff(t, malte.Client, "RV-300001"))
	log := auditOf(t, malte.Client, map[string]any{})
	if len(log) > 0 {
		t.Log(log[0])
	}
	sabine := shopperAs(t, k, "sabine.kurz")
	if placed.Get("placeOrder.order.id") != nil {
		t.Log(faultsOf(t, sabine.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": map[string]any{"orderId": placed.Get("placeOrder.order.id"), "to": "ERROR", "note": "x"}}), "advanceOrder"))
	}
}

// T12: answers that no table takes.
func TestReviewOddAnswers(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha := shopperAs(t, k, "martha.hansen")
		for _, answer := range []string{`{"validTo": "2020-01-01"}`, `{"validFrom": "0000-01-01"}`} {
			out.done = answers(200, answer)
			number := martha.orderOf(map[string]any{"idempotencyKey": answer}, item("TEL-VP-1103", "1"))
			k.Process(t)
			sabine := shopperAs(t, k, "sabine.kurz")
			t.Log(answer, said(sabine.processed(number), "order.state", "order.processing.step", "order.processing.lastError", "order.history.1.note"))
		}
	})
}
