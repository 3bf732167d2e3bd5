package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kontor/server"
	"kontor/server/servertest"
)

const webhookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// outsider carries out orders as a provisioning system of an operator does: each order
// once, whatever it is asked again.
type outsider struct {
	*httptest.Server
	t *testing.T

	mu sync.Mutex
	// answers are given one after the other; then each call is answered with done.
	answers []http.HandlerFunc
	// asked are the bodies of the calls.
	asked []map[string]any
	ids   []string
	done  http.HandlerFunc
}

func newOutsider(t *testing.T) *outsider {
	t.Helper()
	o := &outsider{t: t, done: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }}
	verifier, err := standardwebhooks.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		// The clock of the test is not that of the receiver.
		if err := verifier.VerifyIgnoringTimestamp(body, r.Header); err != nil {
			t.Errorf("a call is not signed: %v", err)
		}
		var asked map[string]any
		if err := json.Unmarshal(body, &asked); err != nil {
			t.Errorf("a call is no JSON: %v", err)
		}
		o.mu.Lock()
		answer := o.done
		if len(o.answers) > 0 {
			answer, o.answers = o.answers[0], o.answers[1:]
		}
		o.asked, o.ids = append(o.asked, asked), append(o.ids, r.Header.Get("webhook-id"))
		o.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// configure has a replica ask the outsider.
func (o *outsider) configure(c *server.Config) {
	c.Provisioning = server.ProvisioningConfig{URL: o.URL + "/orders", Secret: webhookSecret}
}

// next are the answers to the next calls.
func (o *outsider) next(answers ...http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = append(o.answers, answers...)
}

func (o *outsider) calls() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// orderOf places an order and gives its number.
func (s shopper) orderOf(input map[string]any, items ...map[string]any) string {
	s.t.Helper()
	s.do("ClearCart", nil).OK(s.t)
	s.add(items...).OK(s.t)
	if input["idempotencyKey"] == nil {
		input["idempotencyKey"] = fmt.Sprint(input, items)
	}
	return s.place(input).OK(s.t).String(s.t, "placeOrder.order.number")
}

const processed = `query($n: String!) { order(number: $n) { id state automatic contract { id number } history { state by { lastName } note } myActions
	details { missing } processing { step failures nextAttemptAt lastError } items { product { sku } } } }`

func (s shopper) processed(number string) *servertest.Answer {
	s.t.Helper()
	return s.Do(s.t, processed, servertest.Vars{"n": number}).OK(s.t)
}

const concluded = `query($n: String!) { contract(number: $n) { id number type state validFrom validTo accessNumber numbers previousProvider site { city }
	customerNumber { number } product { sku } agreedQuantity calledOffQuantity openQuantity
	positions { position product { sku } agreedQuantity calledOffQuantity price { amount } } orders(first: 5) { nodes { number } } } }`

// contract is what somebody is told of a contract, short enough to compare.
func (s shopper) contract(number string) string {
	s.t.Helper()
	c := s.Do(s.t, concluded, servertest.Vars{"n": number}).OK(s.t)
	if c.Get("contract") == nil {
		return "none"
	}
	positions := []string{}
	for i := range c.List(s.t, "contract.positions") {
		positions = append(positions, said(c, fmt.Sprintf("contract.positions.%d.position", i), fmt.Sprintf("contract.positions.%d.product.sku", i),
			fmt.Sprintf("contract.positions.%d.agreedQuantity", i), fmt.Sprintf("contract.positions.%d.calledOffQuantity", i)))
	}
	return said(c, "contract.state", "contract.validFrom", "contract.validTo", "contract.customerNumber.number", "contract.product.sku", "contract.numbers", "contract.previousProvider",
		"contract.site.city") + " | " + strings.Join(positions, ", ")
}

// What a machine can do is done within seconds and ends in a contract, which the order
// shows, with all that was ordered; what people have to do waits for them.
//
// Requirement: OR-07
func TestAutomaticOrdersBecomeContracts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		number := martha.orderOf(map[string]any{"details": map[string]any{"customerNumber": "4066969200", "termMonths": 24}},
			item("TEL-VP-1103", "3"), item("TEL-DA-2103", "3"), item("TEL-VP-1103", "2", "wishedDate", "2027-01-01"))
		before := martha.processed(number)
		if got := said(before, "order.state", "order.automatic", "order.contract", "order.processing"); got != "IN_PROGRESS true <nil> <nil>" {
			t.Errorf("a new order is %s", got)
		}
		byHand := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"), item("TEL-DT-0101", "1"))
		k.Process(t)
		after := martha.processed(number)
		if got := said(after, "order.state", "order.contract.number", "order.history.1.state", "order.history.1.by"); got != "COMPLETED HANSA-C000001 COMPLETED <nil>" {
			t.Errorf("a processed order is %s", got)
		}
		if got := len(after.List(t, "order.items")); got != 3 {
			t.Errorf("the order has %d positions then", got)
		}
		if got := martha.contract("HANSA-C000001"); got != "ACTIVE 2026-11-23 2028-11-22 4066969200 <nil> []  Hamburg | 10 TEL-VP-1103 5 5, 20 TEL-DA-2103 3 3" {
			t.Errorf("the contract is %s", got)
		}
		if got := said(martha.processed(byHand), "order.state", "order.automatic", "order.contract"); got != "IN_PROGRESS false <nil>" {
			t.Errorf("an order for people is %s", got)
		}
		if log := auditOf(t, martha.Client, map[string]any{}); log[0]["action"] != "order.complete" || log[1]["action"] != "contract.create" || !strings.Contains(fmt.Sprint(log[1]), number) {
			t.Errorf("the audit log says %v, %v", log[0], log[1])
		}
		// Whoever sees the contract sees the order with all that belongs to it; others see nothing.
		if got := shopperAs(t, k, "maik.alster").contract("HANSA-C000001"); got != "none" {
			t.Errorf("another company sees %s", got)
		}
		k.Process(t)
		if got := len(martha.processed(number).List(t, "order.history")); got != 2 {
			t.Errorf("processing once more makes %d steps of it", got)
		}
	})
}

// Every business case does to the contract what it is for.
//
// Requirement: OR-06
func TestBusinessCasesChangeContracts(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha := shopperAs(t, k, "martha.hansen")
		address := martha.do("SaveAddress", map[string]any{"label": "Bremen", "company": "Hansa", "street": "Am Wall 1", "postalCode": "28195", "city": "Bremen", "country": "DE"}).OK(t).String(t, "saveAddress.address.id")
		toBremen := func(sku, quantity string) map[string]any { return item(sku, quantity, "deliveryAddressId", address) }
		out.next(answers(200, `{"contractNumber": "V-1", "numbers": ["+4940669691"], "customerNumber": "4066969100"}`))
		martha.orderOf(map[string]any{"details": map[string]any{"termMonths": 12}}, item("TEL-VP-1102", "2"))
		k.Process(t)
		contract := martha.Do(t, `{ contract(number: "V-1") { id } }`, nil).OK(t).String(t, "contract.id")
		on := func(of string, details map[string]any) map[string]any {
			input := map[string]any{"businessCase": of, "contractId": contract}
			if details != nil {
				input["details"] = details
			}
			return input
		}
		start := "ACTIVE 2026-11-23 2027-11-22 4066969100 TEL-VP-1102 [+4940669691]  Hamburg | 10 TEL-VP-1102 2 2"
		if got := martha.contract("V-1"); got != start {
			t.Fatalf("the new contract is\n%s, want\n%s", got, start)
		}
		for _, step := range []struct {
			name   string
			input  map[string]any
			items  []map[string]any
			answer string
			want   string
		}{
			{"additional order", on("ADDITIONAL_ORDER", nil), []map[string]any{item("TEL-VP-1102", "1"), item("TEL-DA-2103", "2")}, `{}`,
				"ACTIVE 2026-11-23 2027-11-22 4066969100 TEL-VP-1102 [+4940669691]  Hamburg | 10 TEL-VP-1102 3 3, 20 TEL-DA-2103 2 2"},
			{"amendment", on("CONTRACT_AMENDMENT", nil), []map[string]any{item("TEL-DA-2103", "1"), item("TEL-SM-2201", "4")}, `{}`,
				"ACTIVE 2026-11-23 2027-11-22 4066969100 TEL-VP-1102 [+4940669691]  Hamburg | 10 TEL-VP-1102 3 3, 20 TEL-DA-2103 1 1, 30 TEL-SM-2201 4 4"},
			{"renewal", on("CONTRACT_RENEWAL", map[string]any{"termMonths": 6}), []map[string]any{item("TEL-VP-1102", "1")}, `{}`,
				"ACTIVE 2026-11-23 2028-05-22 4066969100 TEL-VP-1102 [+4940669691]  Hamburg | 10 TEL-VP-1102 3 3, 20 TEL-DA-2103 1 1, 30 TEL-SM-2201 4 4"},
			{"tariff change", on("TARIFF_CHANGE", nil), []map[string]any{item("TEL-VP-1106", "3")}, `{}`,
				"ACTIVE 2026-11-23 2028-05-22 4066969100 TEL-VP-1106 [+4940669691]  Hamburg | 10 TEL-VP-1106 3 3"},
			{"new numbers", on("NEW_NUMBERS_FOR_SITE", map[string]any{"newNumbers": 2}), []map[string]any{toBremen("TEL-RN-3201", "2")}, `{"numbers": ["+4940669692", "+4940669693", "+4940669691"]}`,
				"ACTIVE 2026-11-23 2028-05-22 4066969100 TEL-VP-1106 [+4940669691 +4940669692 +4940669693]  Hamburg | 10 TEL-VP-1106 3 3, 20 TEL-RN-3201 2 2"},
			{"provider switch", on("PROVIDER_SWITCH_FOR_SITE", map[string]any{"provider": "Altanbieter AG", "portNumbers": []string{"+49 421 1234567"}}), []map[string]any{item("TEL-TR-1201", "1")}, `{}`,
				"ACTIVE 2026-11-23 2028-05-22 4066969100 TEL-VP-1106 [+4940669691 +4940669692 +4940669693 +494211234567] Altanbieter AG Hamburg | 10 TEL-VP-1106 3 3, 20 TEL-RN-3201 2 2, 30 TEL-TR-1201 1 1"},
		} {
			out.next(answers(200, step.answer))
			number := martha.orderOf(step.input, step.items...)
			k.Process(t)
			if got := said(martha.processed(number), "order.state", "order.contract.number"); got != "COMPLETED V-1" {
				t.Fatalf("%s: the order is %s", step.name, got)
			}
			if got := martha.contract("V-1"); got != step.want {
				t.Errorf("%s: the contract is\n%s, want\n%s", step.name, got, step.want)
			}
		}
		out.next(answers(201, `{"contractNumber": "V-2"}`))
		number := martha.orderOf(map[string]any{"businessCase": "NEW_SITE_WITH_PROVIDER_SWITCH", "details": map[string]any{"provider": "Altanbieter AG", "portNumbers": []string{"+494211234568"}}}, toBremen("TEL-TR-1202", "1"))
		k.Process(t)
		if got := martha.contract("V-2"); got != "ACTIVE 2026-11-23 <nil> <nil> TEL-TR-1202 [+494211234568] Altanbieter AG Bremen | 10 TEL-TR-1202 1 1" {
			t.Errorf("the new site's contract is %s", got)
		}
		told := out.asked[len(out.asked)-1]
		data := told["data"].(map[string]any)
		if told["type"] != "order.provision" || data["number"] != number || data["businessCase"] != "NEW_SITE_WITH_PROVIDER_SWITCH" || fmt.Sprint(data["details"]) != "map[portNumbers:[+494211234568] provider:Altanbieter AG]" ||
			!strings.Contains(fmt.Sprint(data["items"]), "Bremen") || data["organizationId"] != "HANSA" {
			t.Errorf("the outside is told %v", told)
		}
		// What is needed and not said, people ask for.
		for of, want := range map[string]string{"NEW_SITE_WITH_PROVIDER_SWITCH": "[PROVIDER]", "NEW_NUMBERS_FOR_SITE": "[NEW_NUMBERS]", "PROVIDER_SWITCH_FOR_SITE": "[PROVIDER]"} {
			input := map[string]any{"businessCase": of}
			if !strings.HasPrefix(of, "NEW_SITE") {
				input["contractId"] = contract
			}
			if got := said(martha.processed(martha.orderOf(input, item("TEL-TR-1201", "1"))), "order.automatic", "order.details.missing"); got != "false "+want {
				t.Errorf("%s without details: %s", of, got)
			}
		}
		martha.do("ClearCart", nil).OK(t)
		martha.do("UpdateCart", map[string]any{"deliveryAddressId": nil}).OK(t)
		martha.add(item("TEL-TR-1201", "1")).OK(t)
		nowhere := martha.place(map[string]any{"idempotencyKey": "nowhere", "businessCase": "NEW_SITE_WITH_PROVIDER_SWITCH"}).OK(t).String(t, "placeOrder.order.number")
		if got := said(martha.processed(nowhere), "order.automatic", "order.details.missing"); got != "false [DELIVERY_ADDRESS PROVIDER]" {
			t.Errorf("a new site that is nowhere: %s", got)
		}
	})
}

// Details that make no sense are refused, and nothing is ordered.
//
// Requirement: OR-06
func TestDetailsOfBusinessCases(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, brandt := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "malte.brandt")
		martha.add(item("TEL-TR-1201", "1")).OK(t)
		brandt.add(item("MET-AL-0101", "500")).OK(t)
		id := func(s shopper, number string) string {
			return s.Do(t, `query($n: String!) { contract(number: $n) { id } }`, servertest.Vars{"n": number}).OK(t).String(t, "contract.id")
		}
		service, frame := id(martha, "SV-100001"), id(brandt, "RV-300001")
		alter(t, k.SQL(t), `UPDATE contracts SET state = 'TERMINATED' WHERE number = 'SV-100002'`)
		alter(t, k.SQL(t), `UPDATE contracts SET state = 'EXPIRED' WHERE number = 'SV-100003'`)
		details := func(of string, d map[string]any) map[string]any {
			return map[string]any{"businessCase": of, "details": d}
		}
		on := func(number, of string) map[string]any {
			return map[string]any{"businessCase": of, "contractId": id(martha, number)}
		}
		for name, each := range map[string]struct {
			who   shopper
			input map[string]any
			want  string
		}{
			"provider of a new order":   {martha, details("NEW_ORDER", map[string]any{"provider": "X"}), "NOT_FOR_BUSINESS_CASE details.provider"},
			"no such customer number":   {martha, details("NEW_ORDER", map[string]any{"customerNumber": "4711"}), "CUSTOMER_NUMBER_UNKNOWN details.customerNumber"},
			"another's customer number": {brandt, details("NEW_ORDER", map[string]any{"customerNumber": "4066969100"}), "CUSTOMER_NUMBER_UNKNOWN details.customerNumber"},
			"a term without months":     {martha, details("NEW_ORDER", map[string]any{"termMonths": 0}), "NUMBER_OUT_OF_RANGE details.termMonths"},
			"a term of a life":          {martha, details("NEW_ORDER", map[string]any{"termMonths": 121}), "NUMBER_OUT_OF_RANGE details.termMonths"},
			"no phone number":           {martha, details("NEW_SITE_WITH_PROVIDER_SWITCH", map[string]any{"portNumbers": []string{"+49 40 123456", "110"}}), "PHONE_NUMBER_INVALID details.portNumbers.1"},
			"too many phone numbers":    {martha, details("NEW_SITE_WITH_PROVIDER_SWITCH", map[string]any{"portNumbers": slices.Repeat([]string{"+4940123456"}, 201)}), "TOO_MANY_ITEMS details.portNumbers"},
			"control characters":        {martha, details("NEW_SITE_WITH_PROVIDER_SWITCH", map[string]any{"provider": "a\x00b"}), "VALUE_INVALID details.provider"},
			"no contract":               {martha, map[string]any{"businessCase": "TARIFF_CHANGE"}, "CONTRACT_REQUIRED contractId"},
			"another's contract":        {brandt, map[string]any{"businessCase": "TARIFF_CHANGE", "contractId": service}, "CONTRACT_UNKNOWN contractId"},
			"a tariff of an agreement":  {brandt, map[string]any{"businessCase": "TARIFF_CHANGE", "contractId": frame}, "CONTRACT_NOT_FOR_CASE contractId"},
			"a contract that has ended": {martha, on("SV-100002", "ADDITIONAL_ORDER"), "CONTRACT_NOT_ACTIVE contractId"},
			"renewing what has ended":   {martha, on("SV-100002", "CONTRACT_RENEWAL"), "CONTRACT_NOT_ACTIVE contractId"},
			"more of what has expired":  {martha, on("SV-100003", "ADDITIONAL_ORDER"), "CONTRACT_NOT_ACTIVE contractId"},
			"renewing what has expired": {martha, on("SV-100003", "CONTRACT_RENEWAL"), ""},
		} {
			each.input["idempotencyKey"] = name
			answer := each.who.place(each.input)
			if got := strings.Join(faultsOf(t, answer, "placeOrder"), ", "); got != each.want {
				t.Errorf("%s: %q, want %q", name, got, each.want)
			}
			if each.want != "" && answer.Get("placeOrder.order") != nil {
				t.Errorf("%s: something was ordered", name)
			}
			if each.want == "" {
				each.who.add(item("TEL-TR-1201", "1")).OK(t)
			}
		}
	})
}

// eachWithOutsider runs a test on every backend, with a replica that asks an outsider.
func eachWithOutsider(t *testing.T, test func(t *testing.T, k *servertest.Kontor, out *outsider)) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			out := newOutsider(t)
			test(t, servertest.Start(t, backend, out.configure), out)
		})
	}
}
