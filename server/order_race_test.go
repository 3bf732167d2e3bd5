package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// An order while another tab adds to the cart is an order of the cart before that or after it: what
// was added is ordered or still in the cart, never lost, never both.
//
// Requirement: OR-01
// Case: CONC-03
func TestOrderWhileTheCartChanges(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		martha := shopperAs(t, k[0], "martha.hansen")
		tab := shopper{martha.On(k[1]), t}
		seen := map[string]int{}
		for round := range 25 {
			martha.add(item("TEL-DT-0101", "2")).OK(t)
			var placed *servertest.Answer
			atOnce(3, func(i int) bool {
				switch i {
				case 0:
					placed = martha.place(map[string]any{"idempotencyKey": fmt.Sprint("round ", round)})
				case 1:
					tab.add(item("TEL-DT-0106", "3")).OK(t)
				default:
					tab.add(item("TEL-DT-0101", "1")).OK(t)
				}
				return true
			})
			order := martha.order(placed.OK(t).String(t, "placeOrder.order.number"))
			quantities := map[string]string{}
			for i := range order.List(t, "order.items") {
				at := fmt.Sprintf("order.items.%d.", i)
				quantities[order.String(t, at+"product.sku")] = order.String(t, at+"quantity")
			}
			ordered := fmt.Sprintf("%s %s", quantities["TEL-DT-0101"], quantities["TEL-DT-0106"])
			var left []string
			for _, line := range martha.lines() {
				left = append(left, strings.Join(strings.Fields(line)[:2], " "))
			}
			want := map[string][]string{
				"2 ": {"TEL-DT-0101 1", "TEL-DT-0106 3"}, "3 ": {"TEL-DT-0106 3"}, "2 3": {"TEL-DT-0101 1"}, "3 3": nil,
			}
			if rest, known := want[ordered]; !known || !slices.Equal(sorted(left), rest) {
				t.Errorf("round %d: %q is ordered, %v is left", round, ordered, left)
			}
			seen[ordered]++
			if len(left) > 0 {
				martha.place(map[string]any{"idempotencyKey": fmt.Sprint("rest of ", round)}).OK(t)
			}
		}
		t.Logf("ordered were %v", seen)
		if wrong := columnOf(t, k[0].SQL(t), `SELECT o.number FROM orders o WHERE o.number > 'HANSA-000060' AND o.number LIKE 'HANSA-%'
			AND o.net_amount <> (SELECT SUM(i.line_total_amount) FROM order_items i WHERE i.order_id = o.id)`); len(wrong) > 0 {
			t.Errorf("these orders are not the sum of their positions: %v", wrong)
		}
	})
}

// However many decide at once, on two replicas, by approving twice, rejecting or taking the order back:
// one of them does, the order is in its state, and history, audit log and mails tell of it once.
//
// Requirement: OR-02
// Requirement: OR-03
// Case: CONC-04
func TestDecisionsAtOnce(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d, gerd := k[0].SQL(t), shopperAs(t, k[0], "gerd.grau")
		promote(t, k[0], "APPROVER", "moritz.hansen")
		anna, moritz := k[0].As(t, "anna.abel"), k[1].As(t, "moritz.hansen")
		// The rule of the demo data asks one of two from here on.
		rule := rowsOf(t, d, `SELECT id, tenant_id FROM approval_rules WHERE name = 'Bestellungen über 5.000 EUR'`)[0]
		alter(t, d, `INSERT INTO rule_approvers (id, tenant_id, rule_id, user_id) SELECT $1, tenant_id, $2, id FROM users WHERE username = 'moritz.hansen'`, uuid.Must(uuid.NewV7()).String(), rule[0])
		states := map[string]int{}
		for round := range 50 {
			id := quick(gerd, fmt.Sprint(round), false)
			deciders := []func() []string{
				func() []string { return approve(t, anna, id) },
				func() []string {
					return faultsOf(t, onOrder(t, moritz, "RejectOrder", id, "reason", "Zu teuer."), "rejectOrder")
				},
				func() []string { return approve(t, anna.On(k[1]), id) },
				func() []string { return approve(t, moritz.On(k[0]), id) },
			}
			wins := []string{"IN_PROGRESS", "REJECTED", "IN_PROGRESS", "IN_PROGRESS"}
			if round%5 == 0 {
				deciders, wins = append(deciders, func() []string { return faultsOf(t, onOrder(t, gerd.On(k[1]), "WithdrawOrder", id), "withdrawOrder") }), append(wins, "WITHDRAWN")
			}
			want := ""
			for i, faults := range atOnce(len(deciders), func(i int) []string { return deciders[i]() }) {
				switch {
				case len(faults) == 0 && want == "":
					want = wins[i]
				case len(faults) == 0:
					t.Errorf("round %d: two decided", round)
				case !slices.Equal(faults, []string{"ORDER_ALREADY_DECIDED"}) && !slices.Equal(faults, []string{"ORDER_ALREADY_APPROVED"}):
					t.Errorf("round %d: %v", round, faults)
				}
			}
			key := keyOf(t, id)
			state := columnOf(t, d, `SELECT state FROM orders WHERE id = $1`, key)[0]
			events := columnOf(t, d, `SELECT state FROM order_events WHERE order_id = $1 ORDER BY id`, key)
			records := columnOf(t, d, `SELECT COUNT(*) FROM audit_entries WHERE subject_id = $1 AND action IN ('order.approve', 'order.reject', 'order.withdraw')`, key)[0]
			if state != want || !slices.Equal(events, []string{"PENDING_APPROVAL", want}) || records != "1" {
				t.Errorf("round %d: %q was told, the order is %s after %v, with %s records", round, want, state, events, records)
			}
			states[state]++
		}
		told := states["IN_PROGRESS"] + states["REJECTED"]
		if n := columnOf(t, d, `SELECT COUNT(*) FROM mails WHERE subject LIKE '%ist genehmigt' OR subject LIKE '%ist abgelehnt'`)[0]; n != fmt.Sprint(told) {
			t.Errorf("%v became %s mails", states, n)
		}
		t.Logf("orders ended as %v", states)
	})
}

// Whoever loses the right to decide while a decision waits for its order decides nothing: the right is
// asked where the order is held.
//
// Requirement: OR-02
// Case: CONC-04
func TestTheRightToDecideEndsMeanwhile(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, gerd, anna := k.SQL(t), shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel")
		id := quick(gerd, "k", false)
		held, err := d.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		do := func(statement string, args ...any) {
			t.Helper()
			if _, err := held.ExecContext(context.WithoutCancel(t.Context()), statement, args...); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		do(`BEGIN`)
		do(`UPDATE orders SET state = state WHERE id = $1`, keyOf(t, id))
		answered := make(chan *servertest.Answer, 1)
		go func() { answered <- onOrder(t, anna, "ApproveOrder", id) }()
		select {
		case early := <-answered:
			t.Errorf("the decision did not wait: %s", early.Body)
		case <-time.After(time.Second):
		}
		do(`DELETE FROM user_roles WHERE role = 'APPROVER' AND user_id = (SELECT id FROM users WHERE username = 'anna.abel')`)
		do(`COMMIT`)
		if answer := <-answered; answer.Code() == "" && len(answer.Codes("approveOrder")) == 0 {
			t.Errorf("decided without the right: %s", answer.Body)
		}
		if state := columnOf(t, d, `SELECT state FROM orders WHERE id = $1`, keyOf(t, id))[0]; state != "PENDING_APPROVAL" {
			t.Errorf("the order is %s", state)
		}
	})
}
