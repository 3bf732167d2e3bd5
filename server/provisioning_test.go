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

// broken are the usual ways in which a system outside fails for a while.
var broken = map[string]http.HandlerFunc{
	"a failure":            answers(500, `{"error": "database is gone"}`),
	"a gateway's page":     answers(502, `<html>Bad Gateway</html>`),
	"no JSON":              answers(200, `<html>Welcome to our hotspot</html>`),
	"JSON of another kind": answers(200, `["contractNumber"]`),
	"nonsense in it":       answers(200, `{"contractNumber": "V\n1"}`),
	"no date":              answers(200, `{"validTo": "tomorrow"}`),
	"an end before":        answers(200, `{"validFrom": "2027-01-01", "validTo": "2026-01-01"}`),
	"too long an answer":   answers(200, `{"note": "`+strings.Repeat("x", 70_000)+`"}`),
	"elsewhere": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	},
	"accepted, not done": answers(202, ``),
	"a line that is cut": func(w http.ResponseWriter, r *http.Request) {
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = connection.Close()
		}
	},
	"half an answer": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"contract`))
	},
	"asked too early": answers(http.StatusTooEarly, ``),
}

// A failed step is tried again after longer and longer pauses, asked with the same ID, and
// the order is completed once the outside is back.
//
// Requirement: OR-07
func TestFailedStepsAreTriedAgain(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha, sabine := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "sabine.kurz")
		for name, answer := range broken {
			out.next(answer)
			number := martha.orderOf(map[string]any{"idempotencyKey": name}, item("TEL-VP-1103", "1"))
			k.Process(t)
			waits := sabine.processed(number)
			if got := said(waits, "order.state", "order.processing.step", "order.processing.failures", "order.processing.nextAttemptAt"); got != "IN_PROGRESS PROVISION 1 "+k.Clock.Now().Add(time.Second).Format(time.RFC3339) ||
				waits.String(t, "order.processing.lastError") == "" {
				t.Errorf("%s: the order is %s", name, got)
			}
			if got := martha.processed(number).Get("order.processing"); got != nil {
				t.Errorf("%s: the customer is told of the inside: %v", name, got)
			}
			k.Process(t) // too early
			k.Clock.Advance(time.Second)
			k.Process(t)
			if got := said(martha.processed(number), "order.state"); got != "COMPLETED" {
				t.Errorf("%s: the order is %s then", name, got)
			}
		}
		if got := out.calls(); got != 2*len(broken) {
			t.Errorf("the outside was asked %d times", got)
		}
		for i := 0; i < len(out.ids); i += 2 {
			if out.ids[i] != out.ids[i+1] || out.ids[i] == "" {
				t.Errorf("asked again as %s, before as %s", out.ids[i+1], out.ids[i])
			}
		}
		// The outside says when: seconds, a date, or nonsense.
		for after, want := range map[string]time.Duration{"90": 90 * time.Second, "100000": time.Hour, "-5": time.Second, "soon": time.Second,
			k.Clock.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat): 10 * time.Minute} {
			now := k.Clock.Now()
			out.next(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			number := martha.orderOf(map[string]any{"idempotencyKey": "later" + after}, item("TEL-VP-1103", "1"))
			k.Process(t)
			if got := said(sabine.processed(number), "order.processing.nextAttemptAt"); got != now.Add(want).Format(time.RFC3339) {
				t.Errorf("after %q it is tried at %s, want %s", after, got, now.Add(want))
			}
		}
	})
}

// A step that fails again and again ends in ERROR, with what went wrong and nothing of the
// inside; so does at once what the outside refuses. A service agent has it tried again, or
// says how it ended.
//
// Requirement: OR-07
// Requirement: OR-05
func TestOrdersThatCannotBeCarriedOut(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha, sabine := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "sabine.kurz")
		number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
		out.done = answers(503, "db7.intern:5432 refused")
		var pauses []time.Duration
		for range 9 {
			k.Process(t)
			next, err := time.Parse(time.RFC3339, sabine.processed(number).String(t, "order.processing.nextAttemptAt"))
			if err != nil {
				t.Fatal(err)
			}
			pauses = append(pauses, next.Sub(k.Clock.Now()))
			k.Clock.Advance(next.Sub(k.Clock.Now()))
		}
		if got := fmt.Sprint(pauses); got != "[1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s]" {
			t.Errorf("the pauses are %s", got)
		}
		k.Process(t)
		failed := martha.processed(number)
		if got := said(failed, "order.state", "order.history.1.note", "order.contract", "order.myActions"); got != "ERROR Die Bereitstellung hat den Auftrag nicht ausgeführt, auch nach 10 Versuchen. <nil> [REORDER]" {
			t.Errorf("the order is %s", got)
		}
		if got := said(sabine.processed(number), "order.processing.failures", "order.processing.nextAttemptAt", "order.myActions"); got != "10 <nil> [ADVANCE RETRY REORDER]" {
			t.Errorf("the service agent is told %s", got)
		}
		out.done = answers(422, `{"reason": "Standort\nnicht ausgebaut"}`)
		id := failed.String(t, "order.id")
		retry := func(who shopper) *servertest.Answer {
			return who.Do(t, `mutation($id: ID!) { retryOrder(input: {orderId: $id}) { order { state } errors { code message field } } }`, servertest.Vars{"id": id})
		}
		if got := retry(martha).Code(); got != "FORBIDDEN" {
			t.Errorf("a master admin has it tried again: %s", got)
		}
		if got := said(retry(sabine).OK(t), "retryOrder.order.state"); got != "IN_PROGRESS" {
			t.Errorf("tried again it is %s", got)
		}
		if got := faultsOf(t, retry(sabine), "retryOrder"); !slices.Equal(got, []string{"ORDER_NOT_IN_ERROR"}) {
			t.Errorf("tried again twice: %v", got)
		}
		k.Process(t)
		if got := said(martha.processed(number), "order.state", "order.history.3.note"); got != "ERROR Die Bereitstellung hat den Auftrag abgelehnt: Standort nicht ausgebaut" {
			t.Errorf("a refused order is %s", got)
		}
		out.done = answers(200, `{"contractNumber": "V-9", "note": "Geschaltet am Montag."}`)
		retry(sabine).OK(t)
		k.Process(t)
		done := martha.processed(number)
		if got := said(done, "order.state", "order.contract.number", "order.history.5.note"); got != "COMPLETED V-9 Geschaltet am Montag." {
			t.Errorf("at last the order is %s", got)
		}
		if got := out.calls(); got != 12 {
			t.Errorf("the outside was asked %d times", got)
		}
		// A number that is another company's is this one's as well; one that the company has is that contract.
		second := martha.orderOf(map[string]any{"idempotencyKey": "again"}, item("TEL-VP-1103", "1"))
		third := shopperAs(t, k, "maik.alster").orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
		k.Process(t)
		if got := said(martha.processed(second), "order.contract.id", "order.state"); got != said(done, "order.contract.id", "order.state") {
			t.Errorf("the company's own contract is %s", got)
		}
		if got := shopperAs(t, k, "maik.alster").processed(third); got.Get("order.contract.number") != "V-9" || got.Get("order.contract.id") == done.Get("order.contract.id") {
			t.Errorf("the other company's contract is %s", got.Body)
		}
	})
}

// Service agents move on what people carry out, and nobody else does.
//
// Requirement: OR-07
func TestServiceAgentsAdvanceOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, sabine := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "sabine.kurz")
		placed := func(key string) (id, number string) {
			number = martha.orderOf(map[string]any{"idempotencyKey": key}, item("TEL-DT-0101", "1"))
			return martha.processed(number).String(t, "order.id"), number
		}
		advance := func(who shopper, id, to string, more ...any) *servertest.Answer {
			input := map[string]any{"orderId": id, "to": to}
			for i := 0; i+1 < len(more); i += 2 {
				input[more[i].(string)] = more[i+1]
			}
			return who.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": input})
		}
		id, number := placed("a")
		for username, want := range map[string]string{"martha.hansen": "FORBIDDEN", "anna.abel": "FORBIDDEN", "paul.lang": "FORBIDDEN", "malte.brandt": "FORBIDDEN"} {
			if got := advance(shopperAs(t, k, username), id, "COMPLETED").Code(); got != want {
				t.Errorf("%s: %s, want %s", username, got, want)
			}
		}
		if got := said(sabine.processed(number), "order.myActions", "order.processing"); got != "[ADVANCE REORDER] <nil>" {
			t.Errorf("the service agent can %s", got)
		}
		for name, each := range map[string]struct {
			to   string
			more []any
			want string
		}{
			"an error without a word":  {"ERROR", nil, "VALUE_REQUIRED note"},
			"an error with a contract": {"ERROR", []any{"note", "x", "contractNumber", "V-1"}, "VALUE_INVALID contractNumber"},
			"a number like a novel":    {"COMPLETED", []any{"contractNumber", strings.Repeat("V", 61)}, "VALUE_TOO_LONG contractNumber"},
			"two lines of a number":    {"COMPLETED", []any{"contractNumber", "V\n1"}, "VALUE_INVALID contractNumber"},
		} {
			if got := faultsOf(t, advance(sabine, id, each.to, each.more...), "advanceOrder"); !slices.Equal(got, []string{each.want}) {
				t.Errorf("%s: %v, want %s", name, got, each.want)
			}
		}
		if got := advance(sabine, id, "IN_PROGRESS").Code(); got != "GRAPHQL_VALIDATION_FAILED" && got != "BAD_USER_INPUT" {
			t.Errorf("another state: %s", got)
		}
		answer := advance(sabine, id, "COMPLETED", "contractNumber", " KV-77 ", "note", "Geliefert.").OK(t)
		if got := said(answer, "advanceOrder.order.state", "advanceOrder.order.contract.number"); got != "COMPLETED KV-77" {
			t.Errorf("the order is %s", got)
		}
		if got := said(martha.processed(number), "order.state", "order.contract.number", "order.history.1.by.lastName", "order.history.1.note"); got != "COMPLETED KV-77 Kurz Geliefert." {
			t.Errorf("the customer is told %s", got)
		}
		if got := faultsOf(t, advance(sabine, id, "ERROR", "note", "doch nicht"), "advanceOrder"); !slices.Equal(got, []string{"ORDER_NOT_IN_PROGRESS"}) {
			t.Errorf("once more: %v", got)
		}
		if log := auditOf(t, martha.Client, map[string]any{}); log[0]["action"] != "order.complete" || !strings.Contains(fmt.Sprint(log[0]), "sabine.kurz") {
			t.Errorf("the audit log says %v", log[0])
		}
		// What failed can still be completed, by people only.
		id, number = placed("b")
		advance(sabine, id, "ERROR", "note", "Nicht lieferbar.").OK(t)
		if got := said(martha.processed(number), "order.state", "order.history.1.note", "order.contract"); got != "ERROR Nicht lieferbar. <nil>" {
			t.Errorf("the failed order is %s", got)
		}
		if got := faultsOf(t, sabine.Do(t, `mutation($id: ID!) { retryOrder(input: {orderId: $id}) { errors { code message field } } }`, servertest.Vars{"id": id}), "retryOrder"); !slices.Equal(got, []string{"ORDER_NOT_AUTOMATIC"}) {
			t.Errorf("a machine tries it: %v", got)
		}
		if got := said(advance(sabine, id, "COMPLETED").OK(t), "advanceOrder.order.state", "advanceOrder.order.contract.number"); got != "COMPLETED HANSA-C000001" {
			t.Errorf("the completed order is %s", got)
		}
		// A contract that the order is about has its own number.
		contract := martha.Do(t, `{ contract(number: "SV-100001") { id } }`, nil).OK(t).String(t, "contract.id")
		number = martha.orderOf(map[string]any{"businessCase": "ADDITIONAL_ORDER", "contractId": contract}, item("TEL-DT-0101", "1"))
		id = martha.processed(number).String(t, "order.id")
		if got := faultsOf(t, advance(sabine, id, "COMPLETED", "contractNumber", "V-1"), "advanceOrder"); !slices.Equal(got, []string{"CONTRACT_DIFFERS contractNumber"}) {
			t.Errorf("another contract: %v", got)
		}
		advance(sabine, id, "COMPLETED", "contractNumber", "SV-100001").OK(t)
		// An order that waits for approval is nobody's to advance.
		waiting, _ := martha.large("w")
		if got := faultsOf(t, advance(sabine, waiting, "COMPLETED"), "advanceOrder"); !slices.Equal(got, []string{"ORDER_NOT_IN_PROGRESS"}) {
			t.Errorf("a waiting order: %v", got)
		}
	})
}

// A service agent may say how an automatic order ended while a machine is at it: one of
// them does, and the contract is there once.
//
// Requirement: OR-07
func TestAgentAndMachineDoNotBothEndAnOrder(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha, sabine := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "sabine.kurz")
		number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1"))
		id := martha.processed(number).String(t, "order.id")
		out.next(func(w http.ResponseWriter, _ *http.Request) {
			answer := sabine.Operation(t, "partner/dashboard", "AdvanceOrder", servertest.Vars{"input": map[string]any{"orderId": id, "to": "COMPLETED", "contractNumber": "BY-HAND"}}).OK(t)
			if got := answer.Get("advanceOrder.order.state"); got != "COMPLETED" {
				t.Errorf("the agent completed it: %v", got)
			}
			answers(200, `{"contractNumber": "BY-MACHINE"}`)(w, nil)
		})
		k.Process(t)
		if got := said(martha.processed(number), "order.state", "order.contract.number"); got != "COMPLETED BY-HAND" {
			t.Errorf("the order is %s", got)
		}
		if got := martha.contract("BY-MACHINE"); got != "none" {
			t.Errorf("the machine made %s", got)
		}
	})
}

// Many workers on several replicas carry each order out once.
//
// Requirement: OR-07
func TestWorkersShareTheOrders(t *testing.T) {
	t.Parallel()
	eachWithOutsider(t, func(t *testing.T, k *servertest.Kontor, out *outsider) {
		martha := shopperAs(t, k, "martha.hansen")
		const orders = 30
		for i := range orders {
			martha.orderOf(map[string]any{"idempotencyKey": fmt.Sprint(i)}, item("TEL-VP-1103", "1"))
		}
		var all sync.WaitGroup
		for _, replica := range k.Both(t) {
			for range 4 {
				all.Go(func() { replica.Process(t) })
			}
		}
		all.Wait()
		done := martha.Do(t, `{ orders(first: 100, where: {states: [COMPLETED], search: "HANSA-"}) { nodes { history { state } contract { number } } } }`, nil).OK(t)
		numbers := map[any]bool{}
		for _, n := range done.List(t, "orders.nodes") {
			if contract, ok := n.(map[string]any)["contract"].(map[string]any); ok && strings.HasPrefix(fmt.Sprint(contract["number"]), "HANSA-C") {
				numbers[contract["number"]] = true
			}
		}
		if len(numbers) != orders || !numbers["HANSA-C000001"] || !numbers[fmt.Sprintf("HANSA-C%06d", orders)] {
			t.Errorf("%d orders made %d contracts: %v", orders, len(numbers), numbers)
		}
		if got := out.calls(); got != orders {
			t.Errorf("the outside was asked %d times", got)
		}
	})
}

// An order that waited for its approval is processed after it, and one that is not
// approved never is.
//
// Requirement: OR-02
// Requirement: OR-07
func TestApprovedOrdersAreProcessed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, anna := shopperAs(t, k, "martha.hansen"), k.As(t, "anna.abel")
		number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "1000"))
		k.Process(t)
		waits := martha.processed(number)
		if got := said(waits, "order.state", "order.automatic"); got != "PENDING_APPROVAL true" {
			t.Fatalf("the order is %s", got)
		}
		if got := approve(t, anna, waits.String(t, "order.id")); len(got) > 0 {
			t.Fatal(got)
		}
		k.Process(t)
		done := martha.processed(number)
		if got := said(done, "order.state", "order.contract.number"); got != "COMPLETED HANSA-C000001" {
			t.Errorf("the approved order is %s", got)
		}
		full := martha.order(number)
		if got := said(full, "order.approval.decidedBy.lastName", "order.approval.required"); got != "Abel true" {
			t.Errorf("its approval is %s", got)
		}
	})
}
