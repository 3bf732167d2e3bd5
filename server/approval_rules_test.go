package server_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/internal/db"
	"kontor/internal/mail"
	"kontor/internal/ordering"
	"kontor/internal/seal"
	"kontor/server/servertest"
)

// saveRule saves an approval rule of HANSA, by anna.abel unless told otherwise.
func saveRule(t *testing.T, k *servertest.Kontor, c *servertest.Client, more ...any) *servertest.Answer {
	t.Helper()
	input := map[string]any{"name": "Regel", "approverIds": []string{userID(t, k.SQL(t), "anna.abel")}}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return c.Operation(t, "spa/orders", "SaveApprovalRule", servertest.Vars{"input": input})
}

// wait has all orders of somebody wait by a rule that names nobody who can decide.
func wait(t *testing.T, d *sql.DB, username string) {
	t.Helper()
	for _, row := range rowsOf(t, d, `SELECT o.id, o.tenant_id, o.placed_by_id FROM orders o JOIN users u ON u.id = o.placed_by_id
		WHERE u.username = $1 AND NOT EXISTS (SELECT 1 FROM approval_needs n WHERE n.order_id = o.id)`, username) {
		alter(t, d, fmt.Sprintf(`INSERT INTO approval_needs (id, tenant_id, order_id, placed_by_id, rule_id, rule, currency, self_approval, asked_at, reason)
			VALUES ('%s', '%s', '%s', '%s', '%s', 'Alles', 'EUR', false, '2026-11-23 09:00:00+00:00', '')`,
			uuid.Must(uuid.NewV7()), row[1], row[0], row[2], uuid.Must(uuid.NewV7())))
		alter(t, d, `UPDATE orders SET state = 'PENDING_APPROVAL' WHERE id = $1`, row[0])
	}
}

// Master admins keep the rules of their company; everybody of it sees them.
//
// Requirement: OR-02
// Requirement: AC-13
func TestApprovalRules(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha := k.As(t, "martha.hansen")
		list := func(username string) *servertest.Answer {
			return k.As(t, username).Operation(t, "spa/orders", "ApprovalRules", nil).OK(t)
		}
		anna := userID(t, d, "anna.abel")
		if got := said(list("gerd.grau"), "approvalRules"); got != "[map[above:map[amount:5000.00 currency:EUR] approvers:[map[id:"+anna+" lastName:Abel]] costCentre:<nil> id:"+
			globalID("rul", columnOf(t, d, `SELECT id FROM approval_rules`)[0])+" name:Bestellungen über 5.000 EUR selfApproval:false]]" {
			t.Errorf("the demo data has %s", got)
		}
		if got := said(list("malte.brandt"), "approvalRules"); got != "[]" {
			t.Errorf("another company sees %s", got)
		}
		for _, username := range []string{"gerd.grau", "silke.sommer", "anna.abel", "paul.lang"} {
			if got := saveRule(t, k, k.As(t, username)).Code(); got != "FORBIDDEN" {
				t.Errorf("%s saves a rule: %q", username, got)
			}
		}
		for name, each := range map[string]struct {
			input []any
			want  []string
		}{
			"no name":              {[]any{"name", " "}, []string{"VALUE_REQUIRED name"}},
			"nobody":               {[]any{"approverIds", []string{}}, []string{"VALUE_REQUIRED approverIds"}},
			"below zero":           {[]any{"above", "-1"}, []string{"AMOUNT_INVALID above"}},
			"a general user":       {[]any{"approverIds", []string{anna, userID(t, d, "gerd.grau")}}, []string{"APPROVER_UNFIT approverIds.1"}},
			"of another company":   {[]any{"approverIds", []string{userID(t, d, "malte.brandt")}}, []string{"APPROVER_UNKNOWN approverIds.0"}},
			"a rule that is none":  {[]any{"id", "rul_0"}, []string{"RULE_UNKNOWN id"}},
			"too many of them":     {[]any{"approverIds", slices.Repeat([]string{anna}, 51)}, []string{"TOO_MANY_ITEMS approverIds"}},
			"a cost centre of two": {[]any{"costCentre", "1\n2"}, []string{"VALUE_INVALID costCentre"}},
		} {
			if got := faultsOf(t, saveRule(t, k, martha, each.input...), "saveApprovalRule"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		id := saveRule(t, k, martha, "name", "Lager", "above", "100.5", "costCentre", "4711", "selfApproval", true, "approverIds", []string{anna, anna, userID(t, d, "moritz.hansen")}).OK(t).String(t, "saveApprovalRule.rule.id")
		if got := said(list("anna.abel"), "approvalRules.1.name", "approvalRules.1.above.amount", "approvalRules.1.costCentre", "approvalRules.1.selfApproval", "approvalRules.1.approvers.1.lastName"); got != "Lager 100.50 4711 true Hansen" {
			t.Errorf("the new rule is %s", got)
		}
		saveRule(t, k, martha, "id", id, "name", "Immer").OK(t)
		if got := said(list("anna.abel"), "approvalRules.1.name", "approvalRules.1.above", "approvalRules.1.costCentre", "approvalRules.1.selfApproval"); got != "Immer <nil> <nil> false" {
			t.Errorf("the changed rule is %s", got)
		}
		if got := martha.Operation(t, "spa/orders", "DeleteApprovalRule", servertest.Vars{"input": map[string]any{"id": id}}).OK(t).Get("deleteApprovalRule.deletedId"); got != id {
			t.Errorf("deleted is %v", got)
		}
		log := auditOf(t, martha, map[string]any{})
		if got := fmt.Sprint(log[0]["action"], log[1]["action"], log[2]["action"]); got != "rule.deleterule.saverule.save" {
			t.Errorf("the audit log says %s", got)
		}
	})
}

// Rules apply by amount, by the cost centre of any part, always, or by both; all that
// apply have to be satisfied, as they were when the order was placed.
//
// Requirement: OR-02
func TestRulesThatApply(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha, gerd, anna, moritz := k.As(t, "martha.hansen"), shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel"), k.As(t, "moritz.hansen")
		byMoritz := []string{userID(t, d, "moritz.hansen")}
		centre := saveRule(t, k, martha, "name", "Lager", "costCentre", "Lager 9", "approverIds", byMoritz).OK(t).String(t, "saveApprovalRule.rule.id")
		key := 0
		place := func(quantity, costCentre string) *servertest.Answer {
			key++
			gerd.add(item("TEL-DT-0102", "1"), item("TEL-DT-0101", quantity, "accountAssignment", map[string]any{"costCentre": costCentre})).OK(t)
			return gerd.place(map[string]any{"idempotencyKey": fmt.Sprint("rules", key)}).OK(t)
		}
		for _, each := range []struct{ quantity, costCentre, want string }{
			{"1", "4711", "<nil>"}, {"1", "lager 9", "Lager"}, {"200", "1", "Bestellungen über 5.000 EUR"}, {"200", "Lager 9", "Bestellungen über 5.000 EUR, Lager"},
		} {
			number := place(each.quantity, each.costCentre).String(t, "placeOrder.order.number")
			if got := said(gerd.order(number), "order.approval.rule"); got != each.want {
				t.Errorf("%s for %s asks %s, want %s", each.quantity, each.costCentre, got, each.want)
			}
		}
		both := place("200", "Lager 9")
		id, number := both.String(t, "placeOrder.order.id"), both.String(t, "placeOrder.order.number")
		// The rules change and go, and the order waits as it did.
		saveRule(t, k, martha, "id", centre, "name", "Anders", "above", "9999999").OK(t)
		martha.Operation(t, "spa/orders", "DeleteApprovalRule", servertest.Vars{"input": map[string]any{"id": centre}}).OK(t)
		if got := onOrder(t, anna, "ApproveOrder", id).OK(t).Get("approveOrder.order.state"); got != "PENDING_APPROVAL" {
			t.Errorf("after one of two approvals: %v", got)
		}
		if got := approve(t, anna, id); !slices.Equal(got, []string{"ORDER_ALREADY_DECIDED"}) || slices.Contains(awaited(t, anna), any(number)) {
			t.Errorf("anna again: %v", got)
		}
		if got := said(gerd.order(number), "order.approval.approvers", "order.approval.decidedBy"); got != "[map[lastName:Hansen]] <nil>" {
			t.Errorf("then it waits for %s", got)
		}
		if got := onOrder(t, moritz, "ApproveOrder", id).OK(t).Get("approveOrder.order.state"); got != "IN_PROGRESS" {
			t.Errorf("after both approvals: %v", got)
		}
		saveRule(t, k, martha, "name", "Immer").OK(t)
		if got := place("1", "1").Get("placeOrder.order.state"); got != "PENDING_APPROVAL" {
			t.Errorf("a rule about everything: %v", got)
		}
	})
}

// Of many who decide about one order at once, at all replicas, one does.
//
// Requirement: OR-02
// Requirement: OR-03
func TestOneDecision(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas := k.Both(t)
		martha, gerd, anna, moritz := k.As(t, "martha.hansen"), shopperAs(t, k, "gerd.grau"), k.As(t, "anna.abel"), k.As(t, "moritz.hansen")
		id := globalID("rul", columnOf(t, k.SQL(t), `SELECT id FROM approval_rules`)[0])
		saveRule(t, k, martha, "id", id, "above", "5000", "approverIds", []string{userID(t, k.SQL(t), "anna.abel"), userID(t, k.SQL(t), "moritz.hansen")}).OK(t)
		for round := range 3 {
			order, number := gerd.large(fmt.Sprint(round))
			results := map[string]int{}
			for _, got := range atOnce(20, func(i int) []string {
				on := replicas[i%len(replicas)]
				switch i % 4 {
				case 0:
					return faultsOf(t, onOrder(t, anna.On(on), "ApproveOrder", order), "approveOrder")
				case 1:
					return faultsOf(t, onOrder(t, moritz.On(on), "ApproveOrder", order), "approveOrder")
				case 2:
					return faultsOf(t, onOrder(t, moritz.On(on), "RejectOrder", order, "reason", "x"), "rejectOrder")
				default:
					return faultsOf(t, onOrder(t, gerd.On(on), "WithdrawOrder", order), "withdrawOrder")
				}
			}) {
				results[strings.Join(got, " ")]++
			}
			if results[""] != 1 || results["ORDER_ALREADY_DECIDED"]+results["ORDER_ALREADY_APPROVED"] != 19 {
				t.Errorf("twenty decisions: %v", results)
			}
			if n := len(gerd.order(number).List(t, "order.history")); n != 2 {
				t.Errorf("the history has %d steps", n)
			}
		}
	})
}

// Approvers are reminded once when an order has waited for two days, however many
// replicas look.
//
// Requirement: OR-02
func TestReminders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := shopperAs(t, k, "gerd.grau")
		_, number := gerd.large("k")
		withdrawn, _ := gerd.large("l")
		onOrder(t, gerd.Client, "WithdrawOrder", withdrawn).OK(t)
		sealer, err := seal.New([]string{"0123456789abcdef0123456789abcdef"})
		if err != nil {
			t.Fatal(err)
		}
		k.WithDatabase(t, func(d *db.DB) {
			for _, each := range []struct {
				later time.Duration
				want  string
			}{{47 * time.Hour, "0"}, {48 * time.Hour, "1"}, {500 * time.Hour, "1"}} {
				now := func() time.Time { return k.Clock.Now().Add(each.later) }
				var replicas sync.WaitGroup
				for range 4 {
					room := ordering.New(ordering.Needs{DB: d, Outbox: mail.NewOutbox(sealer), Log: slog.Default(), Now: now})
					replicas.Go(func() {
						if err := room.Remind(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				replicas.Wait()
				if got := columnOf(t, k.SQL(t), `SELECT count(*) FROM mails WHERE recipient = 'anna.abel@hansa.example' AND subject LIKE '%`+number+` wartet noch%'`)[0]; got != each.want {
					t.Errorf("after %s anna got %s reminders, want %s", each.later, got, each.want)
				}
			}
			if got := columnOf(t, k.SQL(t), `SELECT count(*) FROM mails WHERE subject LIKE '%wartet noch%'`)[0]; got != "1" {
				t.Errorf("%s reminders went out", got)
			}
		})
	})
}
