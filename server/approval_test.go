package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// large places an order of more than 5,000 EUR, for which the demo data has a rule, and
// gives its ID and number.
func (s shopper) large(key string) (id, number string) {
	s.t.Helper()
	s.add(item("TEL-DT-0101", "200")).OK(s.t)
	placed := s.place(map[string]any{"idempotencyKey": key}).OK(s.t)
	if got := placed.String(s.t, "placeOrder.order.state"); got != "PENDING_APPROVAL" {
		s.t.Fatalf("an order of %v is %s", placed.Get("placeOrder.order.gross.amount"), got)
	}
	return placed.String(s.t, "placeOrder.order.id"), placed.String(s.t, "placeOrder.order.number")
}

// onOrder sends a mutation about an order as the portal does.
func onOrder(t *testing.T, c *servertest.Client, operation, id string, more ...any) *servertest.Answer {
	t.Helper()
	input := map[string]any{"orderId": id}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return c.Operation(t, "spa/orders", operation, servertest.Vars{"input": input})
}

func approve(t *testing.T, c *servertest.Client, id string) []string {
	t.Helper()
	return faultsOf(t, onOrder(t, c, "ApproveOrder", id), "approveOrder")
}

// awaited are the orders that wait for a viewer, as the phone app lists them.
func awaited(t *testing.T, c *servertest.Client) []any {
	t.Helper()
	answer := c.Do(t, `{ pending: orders(first: 5, where: { states: [PENDING_APPROVAL], awaitingMyApproval: true }) {
		totalCount nodes { id number placedAt gross { amount currency } placedBy { lastName } myActions } } }`, nil).OK(t)
	return fieldOf(t, answer, "pending.nodes", "number")
}

// An order above the amount of a rule waits, is seen by its approver, who is told by mail,
// and goes on when that one approves; the orderer is told then.
//
// Requirement: OR-02
// Requirement: OR-05
// Requirement: AC-13
func TestOrdersWaitForTheirApprovers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET language = 'en' WHERE username = 'martha.hansen'`)
		martha, anna := shopperAs(t, k, "martha.hansen"), k.As(t, "anna.abel")
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		if got := martha.place(map[string]any{"idempotencyKey": "small"}).OK(t).Get("placeOrder.order.state"); got != "IN_PROGRESS" {
			t.Errorf("a small order is %s", got)
		}
		id, number := martha.large("large")
		order := martha.order(number)
		if got := said(order, "order.approval.required", "order.approval.rule", "order.approval.approvers", "order.approval.decidedBy", "order.approval.decidedAt", "order.history.0.state"); got !=
			"true Bestellungen über 5.000 EUR [map[lastName:Abel]] <nil> <nil> PENDING_APPROVAL" {
			t.Errorf("a waiting order says %s", got)
		}
		if got := awaited(t, anna); !slices.Contains(got, any(number)) || len(got) != 2 { // and that of the demo data
			t.Errorf("anna decides on %v", got)
		}
		waiting := newest(t, k, "anna.abel@hansa.example")
		if !strings.Contains(waiting.Subject, number+" wartet auf Ihre Genehmigung") || !strings.Contains(waiting.Text, "Martha Hansen") {
			t.Errorf("the approver is told\n%s\n%s", waiting.Subject, waiting.Text)
		}
		if got := onOrder(t, k.As(t, "gerd.grau"), "ApproveOrder", id).Code(); got != "FORBIDDEN" {
			t.Errorf("a general user approves: %s", got)
		}
		for _, username := range []string{"martha.hansen", "moritz.hansen"} {
			want := map[string]string{"martha.hansen": "SELF_APPROVAL_NOT_ALLOWED", "moritz.hansen": "OTHER_APPROVERS_DECIDE"}[username]
			if got := approve(t, k.As(t, username), id); !slices.Equal(got, []string{want}) {
				t.Errorf("%s approves: %v, want %s", username, got, want)
			}
		}
		if got := onOrder(t, k.As(t, "malte.brandt"), "ApproveOrder", id).Code(); got != "NOT_FOUND" {
			t.Errorf("somebody of another company approves: %s", got)
		}
		if got := onOrder(t, anna, "ApproveOrder", id, "note", "Bitte\nbald.").OK(t).Get("approveOrder.order.state"); got != "IN_PROGRESS" {
			t.Errorf("the approved order is %s", got)
		}
		order = martha.order(number)
		if got := said(order, "order.state", "order.approval.decidedBy.lastName", "order.approval.decidedAt", "order.approval.reason", "order.history.1"); got !=
			"IN_PROGRESS Abel 2026-11-23T09:00:00Z <nil> map[at:2026-11-23T09:00:00Z by:map[lastName:Abel] note:Bitte\nbald. state:IN_PROGRESS]" {
			t.Errorf("an approved order says %s", got)
		}
		if told := newest(t, k, "martha.hansen@hansa.example"); !strings.Contains(told.Subject, number+" is approved") || !strings.Contains(told.Text, "Anna Abel") || !strings.Contains(told.Text, "Bitte bald.") {
			t.Errorf("the orderer is told\n%s\n%s", told.Subject, told.Text)
		}
		if got := len(k.Mails(t, "anna.abel@hansa.example")) + len(k.Mails(t, "moritz.hansen@hansa.example")); got != 1 {
			t.Errorf("approvers got %d mails", got)
		}
		for what, got := range map[string][]string{"again": approve(t, anna, id), "rejects": faultsOf(t, onOrder(t, anna, "RejectOrder", id, "reason", "x"), "rejectOrder")} {
			if !slices.Equal(got, []string{"ORDER_ALREADY_DECIDED"}) {
				t.Errorf("anna %s: %v", what, got)
			}
		}
		if log := auditOf(t, martha.Client, map[string]any{}); log[0]["action"] != "order.approve" || !strings.Contains(fmt.Sprint(log[0]), "PENDING_APPROVAL") {
			t.Errorf("the audit log says %v", log[0])
		}
	})
}

// A rejection needs a reason, which the orderer is told.
//
// Requirement: OR-02
func TestRejectedOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		silke, anna := shopperAs(t, k, "silke.sommer"), k.As(t, "anna.abel")
		id, number := silke.large("k")
		for reason, want := range map[string]string{"": "VALUE_REQUIRED reason", " \n": "VALUE_REQUIRED reason", strings.Repeat("x", 1001): "VALUE_TOO_LONG reason", "a\x00": "VALUE_INVALID reason"} {
			if got := faultsOf(t, onOrder(t, anna, "RejectOrder", id, "reason", reason), "rejectOrder"); !slices.Equal(got, []string{want}) {
				t.Errorf("the reason %.10q: %v, want %s", reason, got, want)
			}
		}
		if got := anna.Operation(t, "mobile/approvals", "AppReject", servertest.Vars{"id": id, "reason": "Zu teuer."}).OK(t).Get("rejectOrder.order.state"); got != "REJECTED" {
			t.Errorf("the rejected order is %s", got)
		}
		if got := said(silke.order(number), "order.state", "order.approval.decidedBy.lastName", "order.approval.reason", "order.history.1.note", "order.myActions"); got != "REJECTED Abel Zu teuer. Zu teuer. [REORDER]" {
			t.Errorf("a rejected order says %s", got)
		}
		if told := newest(t, k, "silke.sommer@hansa.example"); !strings.Contains(told.Subject, number+" ist abgelehnt") || !strings.Contains(told.Text, "Zu teuer.") {
			t.Errorf("the orderer is told\n%s\n%s", told.Subject, told.Text)
		}
	})
}

// The orderer writes to the approvers and takes its order back while it waits; once it is
// approved the answer names whom to ask.
//
// Requirement: OR-03
func TestOrdererBeforeAndAfterTheDecision(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET language = 'en' WHERE username = 'anna.abel'`)
		gerd, anna := shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel")
		id, number := gerd.large("a")
		if got := onOrder(t, gerd.Client, "NotifyApprover", id, "text", "Die Menge ist falsch.").OK(t).String(t, "notifyApprover.order.messages.0.text"); got != "Die Menge ist falsch." {
			t.Errorf("the message is %s", got)
		}
		if got := said(gerd.order(number), "order.messages"); got != "[map[at:2026-11-23T09:00:00Z by:map[lastName:Grau] text:Die Menge ist falsch.]]" {
			t.Errorf("the messages are %s", got)
		}
		if told := newest(t, k, "anna.abel@hansa.example"); !strings.Contains(told.Subject, "message about order "+number) || !strings.Contains(told.Text, "Die Menge ist falsch.") {
			t.Errorf("the approver is told\n%s\n%s", told.Subject, told.Text)
		}
		for _, operation := range []string{"NotifyApprover", "WithdrawOrder"} {
			more := []any{}
			if operation == "NotifyApprover" {
				more = []any{"text", "x"}
			}
			if got := onOrder(t, k.As(t, "martha.hansen"), operation, id, more...).Code(); got != "FORBIDDEN" {
				t.Errorf("%s by a colleague: %q", operation, got)
			}
			if got := onOrder(t, k.As(t, "maik.alster"), operation, id, more...).Code(); got != "NOT_FOUND" {
				t.Errorf("%s by somebody of another company: %q", operation, got)
			}
		}
		for text, want := range map[string]string{"": "VALUE_REQUIRED text", strings.Repeat("x", 1001): "VALUE_TOO_LONG text"} {
			if got := faultsOf(t, onOrder(t, gerd.Client, "NotifyApprover", id, "text", text), "notifyApprover"); !slices.Equal(got, []string{want}) {
				t.Errorf("the text %.10q: %v, want %s", text, got, want)
			}
		}
		if got := onOrder(t, gerd.Client, "WithdrawOrder", id).OK(t).Get("withdrawOrder.order.state"); got != "WITHDRAWN" {
			t.Errorf("the withdrawn order is %s", got)
		}
		if got := said(gerd.order(number), "order.state", "order.approval.decidedBy", "order.history.1.by.lastName"); got != "WITHDRAWN <nil> Grau" {
			t.Errorf("a withdrawn order says %s", got)
		}
		if got := approve(t, anna, id); !slices.Equal(got, []string{"ORDER_ALREADY_DECIDED"}) {
			t.Errorf("approving a withdrawn order: %v", got)
		}
		if got := faultsOf(t, onOrder(t, gerd.Client, "WithdrawOrder", id), "withdrawOrder"); !slices.Equal(got, []string{"ORDER_ALREADY_DECIDED"}) {
			t.Errorf("withdrawing again: %v", got)
		}
		later, _ := gerd.large("b")
		approve(t, anna, later)
		for operation, payload := range map[string]string{"NotifyApprover": "notifyApprover", "WithdrawOrder": "withdrawOrder"} {
			more := []any{}
			if operation == "NotifyApprover" {
				more = []any{"text", "x"}
			}
			answer := onOrder(t, gerd.Client, operation, later, more...)
			if got := said(answer, payload+".errors.0.code", payload+".errors.0.contact.name", payload+".order"); got != "ORDER_ALREADY_APPROVED Paul Lang <nil>" {
				t.Errorf("%s after the approval: %s", operation, answer.Body)
			}
		}
	})
}

// No way goes around the rules: an agent that acts for the company orders by them, too.
//
// Requirement: OR-02
// Requirement: AC-02
func TestAgentsOrderByTheRules(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, anna := shopperAs(t, k, "paul.lang"), k.As(t, "anna.abel")
		actFor(t, paul.Client, tenantID(t, k.SQL(t), "HANSA")).OK(t)
		id, number := paul.large("k")
		if got := said(paul.order(number), "order.myActions"); got != "[WITHDRAW NOTIFY_APPROVER REORDER]" {
			t.Errorf("the agent can %s", got)
		}
		if got := onOrder(t, paul.Client, "ApproveOrder", id).Code(); got != "FORBIDDEN" {
			t.Errorf("the agent approves: %q", got)
		}
		onOrder(t, paul.Client, "NotifyApprover", id, "text", "Bitte prüfen.").OK(t)
		if got := fmt.Sprint(fieldOf(t, paul.Do(t, `{ approvalRules { name approvers { displayName } } }`, nil).OK(t), "approvalRules", "approvers")); got != "[[map[displayName:Anna Abel]]]" {
			t.Errorf("the agent sees %s", got)
		}
		if got := approve(t, anna, id); got != nil {
			t.Errorf("approving the agent's order: %v", got)
		}
		if told := newest(t, k, "paul.lang@fernruf.example"); !strings.Contains(told.Subject, "Hansa Logistik GmbH: Auftrag "+number+" ist genehmigt") {
			t.Errorf("the agent is told %s", told.Subject)
		}
		second, _ := paul.large("l")
		if got := onOrder(t, paul.Client, "WithdrawOrder", second).OK(t).Get("withdrawOrder.order.state"); got != "WITHDRAWN" {
			t.Errorf("the agent's order is %s", got)
		}
		// For another company its own rules count.
		actFor(t, paul.Client, tenantID(t, k.SQL(t), "ALSTER")).OK(t)
		paul.add(item("TEL-DT-0101", "200")).OK(t)
		if got := paul.place(map[string]any{"idempotencyKey": "k"}).OK(t).Get("placeOrder.order.state"); got != "IN_PROGRESS" {
			t.Errorf("an order for a company without rules is %s", got)
		}
	})
}

// Who decides is asked at the decision: whoever has lost the role, was switched off or has
// nobody beside hands over to the master admins, so that no order is stuck.
//
// Requirement: OR-02
// Requirement: AC-03
func TestWhoDecidesIsAskedLive(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		gerd, martha, anna := shopperAs(t, k, "gerd.grau"), shopperAs(t, k, "martha.hansen"), k.As(t, "anna.abel")
		moritz := k.As(t, "moritz.hansen")
		ofGerd, _ := gerd.large("g")
		ofMartha, number := martha.large("m")
		alter(t, d, `UPDATE user_roles SET role = 'GENERAL_USER' WHERE role = 'APPROVER'`)
		if got := onOrder(t, anna, "ApproveOrder", ofGerd).Code(); got != "FORBIDDEN" || len(awaited(t, anna)) != 0 {
			t.Errorf("anna without the role approves: %q, decides on %v", got, awaited(t, anna))
		}
		if got := said(gerd.order(number), "order.approval.approvers"); got != "[map[lastName:Hansen]]" { // martha placed it
			t.Errorf("it is decided by %s", got)
		}
		if got := approve(t, martha.Client, ofMartha); !slices.Equal(got, []string{"SELF_APPROVAL_NOT_ALLOWED"}) {
			t.Errorf("martha approves her own: %v", got)
		}
		if got := len(awaited(t, martha.Client)); got != 1 {
			t.Errorf("martha decides on %d orders", got)
		}
		if got := fmt.Sprint(approve(t, martha.Client, ofGerd), approve(t, moritz, ofMartha)); got != "[] []" {
			t.Errorf("master admins approve: %s", got)
		}
		alter(t, d, `UPDATE user_roles SET role = 'APPROVER' WHERE user_id = (SELECT id FROM users WHERE username = 'anna.abel')`)
		third, _ := gerd.large("h")
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'anna.abel'`)
		if got := onOrder(t, anna, "ApproveOrder", third).Code(); got != "UNAUTHENTICATED" {
			t.Errorf("anna, switched off: %q", got)
		}
		if got := approve(t, moritz, third); got != nil {
			t.Errorf("a master admin for an approver that was switched off: %v", got)
		}
	})
}

// An approver approves its own order where the rule says so, and not else.
//
// Requirement: OR-02
// Case: AUTHZ-12
func TestSelfApproval(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		promote(t, k, "GENERAL_USER", "anna.abel")
		anna := shopperAs(t, k, "anna.abel")
		first, _ := anna.large("a")
		if got := approve(t, anna.Client, first); !slices.Equal(got, []string{"SELF_APPROVAL_NOT_ALLOWED"}) {
			t.Errorf("anna approves her own: %v", got)
		}
		if got := approve(t, k.As(t, "martha.hansen"), first); got != nil { // the only approver placed it
			t.Errorf("a master admin approves it: %v", got)
		}
		alter(t, d, `UPDATE approval_rules SET self_approval = true`)
		second, _ := anna.large("b")
		if got := approve(t, anna.Client, second); got != nil {
			t.Errorf("anna approves her own where the rule allows it: %v", got)
		}
	})
}

// Every state and role: what is offered works, and what is not is refused.
//
// Requirement: AC-14
// Requirement: OR-02
// Requirement: OR-03
func TestActionsAreWhatWorks(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		promote(t, k, "GENERAL_USER", "anna.abel")
		var people []shopper
		names := []string{"martha.hansen", "moritz.hansen", "silke.sommer", "gerd.grau", "anna.abel"}
		for _, username := range names {
			people = append(people, shopperAs(t, k, username))
		}
		for _, organization := range []string{"", "HANSA"} {
			paul := shopperAs(t, k, "paul.lang")
			actFor(t, paul.Client, map[string]string{"HANSA": tenantID(t, d, "HANSA")}[organization]).OK(t)
			people, names = append(people, paul), append(names, "paul.lang for "+organization)
		}
		actor := len(people) - 1
		people, names = append(people, shopperAs(t, k, "sabine.kurz")), append(names, "sabine.kurz")
		offered, key := 0, 0
		for _, state := range []string{"PENDING_APPROVAL", "REJECTED", "WITHDRAWN", "IN_PROGRESS", "COMPLETED", "ERROR"} {
			orderers := []int{0, 3, 4, actor}
			if state != "PENDING_APPROVAL" {
				orderers = orderers[1:2]
			}
			for _, orderer := range orderers {
				for i, person := range people {
					for _, each := range []struct {
						action, operation, payload string
						more                       []any
					}{
						{"APPROVE", "ApproveOrder", "approveOrder", nil}, {"REJECT", "RejectOrder", "rejectOrder", []any{"reason", "x"}},
						{"WITHDRAW", "WithdrawOrder", "withdrawOrder", nil}, {"NOTIFY_APPROVER", "NotifyApprover", "notifyApprover", []any{"text", "x"}},
						{"REORDER", "ReorderToCart", "reorderToCart", nil}, {"ADVANCE", "AdvanceOrder", "advanceOrder", []any{"to", "COMPLETED"}}, {"RETRY", "RetryOrder", "retryOrder", nil},
					} {
						key++
						id := quick(people[orderer], fmt.Sprint(key), key%2 == 0)
						if state != "PENDING_APPROVAL" {
							alter(t, d, `UPDATE orders SET state = $1 WHERE id = $2`, state, keyOf(t, id))
						}
						seen := person.Do(t, `query($id: ID!) { node(id: $id) { ... on Order { myActions } } }`, servertest.Vars{"id": id})
						input := map[string]any{"orderId": id}
						for j := 0; j+1 < len(each.more); j += 2 {
							input[each.more[j].(string)] = each.more[j+1]
						}
						answer := person.Do(t, fmt.Sprintf(`mutation($input: %sInput!) { %s(input: $input) { errors { code field message } } }`, each.operation, each.payload), servertest.Vars{"input": input})
						works := len(faultsOf(t, answer, each.payload)) == 0
						shown := seen.Get("node") != nil && slices.Contains(seen.List(t, "node.myActions"), any(each.action))
						if shown {
							offered++
						}
						if works != shown {
							t.Errorf("%s on an order of %s in %s: %s works is %v, offered is %v", names[i], names[orderer], state, each.action, works, shown)
						}
					}
				}
			}
		}
		if offered < 10 {
			t.Errorf("%d actions were offered", offered)
		}
	})
}

// quick is a waiting order in few requests, for a machine or for people.
func quick(s shopper, key string, automatic bool) string {
	s.t.Helper()
	what := map[bool]map[string]any{true: item("TEL-VP-1103", "1000"), false: item("TEL-DT-0101", "200")}[automatic]
	return s.Do(s.t, `mutation($key: String!, $item: CartItemInput!) { addCartItems(input: {items: [$item]}) { errors { code } }
		placeOrder(input: {idempotencyKey: $key}) { order { id } errors { code } } }`, servertest.Vars{"key": key, "item": what}).OK(s.t).String(s.t, "placeOrder.order.id")
}
