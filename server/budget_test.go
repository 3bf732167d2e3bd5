package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"kontor/internal/budget"
	"kontor/server"
	"kontor/server/servertest"
)

// dear costs 5,202 points and finds nothing.
const dear = `{ contracts(first: 100, where: {search: "nothing of this name"}) { totalCount nodes { orders(first: 50) { totalCount nodes { id } } } } }`

// A user has points, and all users of a company have together. Whoever spent them waits, and nobody
// else does. What is left is told with each answer.
//
// Case: GQL-14
func TestBudgets(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend, func(c *server.Config) { c.Budget = budget.Rates{User: 10, Tenant: 20} })
			martha, gerd, maik := k.As(t, "martha.hansen"), k.As(t, "gerd.grau"), k.As(t, "maik.alster")
			replicas := k.Both(t)

			first := martha.Do(t, dear, nil).OK(t)
			cost := number(t, first, "points")
			if cost < 5000 || number(t, first, "left", "maximum") != 20_000 || number(t, first, "left", "perSecond") != 10 || number(t, first, "left", "remaining") > 20_000-cost {
				t.Fatalf("the cost is %s", first.Body)
			}
			done := 1
			for ; done < 10; done++ {
				answer := martha.On(replicas[done%len(replicas)]).Do(t, dear, nil)
				if answer.Code() != "" {
					spent(t, answer)
					break
				}
			}
			if want := 20_000 / cost; done != want {
				t.Errorf("%d dear operations were answered, of %d points each; want %d", done, cost, want)
			}
			// The dear one is refused, a cheap one is not, as long as there are points for it.
			martha.Operation(t, "spa/session", "Me", nil).OK(t)

			// A colleague has a budget of his own, but that of the company is nearly spent.
			spent(t, gerd.Do(t, dear, nil))
			gerd.Operation(t, "spa/session", "Me", nil).OK(t)
			// Another company has its own, and whoever is not logged in has none.
			for range done {
				maik.Do(t, dear, nil).OK(t)
			}
			k.Anonymous().Do(t, `{ __typename }`, nil).OK(t)
			// Somebody who is refused is not logged out, and what is refused changes nothing.
			if answer := martha.Do(t, `mutation { clearCart { errors { code } } }`, nil).OK(t); number(t, answer, "points") < 10 {
				t.Errorf("a change costs %s", answer.Body)
			}
		})
	}
}

// Twenty users of a company cannot ask for more than the company may, however much each has left.
//
// Case: GQL-14
func TestBudgetOfACompany(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend, func(c *server.Config) { c.Budget = budget.Rates{Tenant: 10} })
			clients := make([]*servertest.Client, 20)
			for i := range clients {
				name := fmt.Sprintf("kunde.%03d", i)
				colleague(t, k.SQL(t), "gerd.grau", name, "K", name, "GENERAL_USER")
				clients[i] = k.As(t, name)
			}
			answered := 0
			for _, answer := range atOnce(len(clients), func(i int) *servertest.Answer {
				return patiently(func() *servertest.Answer { return clients[i].Do(t, dear, nil) })
			}) {
				if answer.Code() == "" {
					answered++
				} else {
					spent(t, answer)
				}
			}
			if answered != 3 {
				t.Errorf("%d of 20 were answered at once, want 3", answered)
			}
			k.As(t, "maik.alster").Do(t, dear, nil).OK(t)
		})
	}
}

// spent checks that an operation was refused because there are no points for it.
func spent(t *testing.T, answer *servertest.Answer) {
	t.Helper()
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if answer.Status != http.StatusTooManyRequests || answer.Code() != "RATE_LIMITED" || answer.Data != nil || err != nil || seconds < 1 {
		t.Fatalf("refused with %d, Retry-After %q: %s", answer.Status, answer.Header.Get("Retry-After"), answer.Body)
	}
	if left := number(t, answer, "left", "remaining"); left < 0 || left >= number(t, answer, "points") {
		t.Errorf("refused, but %d are left: %s", left, answer.Body)
	}
}

// number is one of extensions.cost.
func number(t *testing.T, answer *servertest.Answer, path ...string) int {
	t.Helper()
	at, _ := answer.Extensions["cost"].(map[string]any)
	for _, name := range path[:len(path)-1] {
		at, _ = at[name].(map[string]any)
	}
	n, isNumber := at[path[len(path)-1]].(float64)
	if !isNumber {
		t.Fatalf("no cost.%v: %s", path, answer.Body)
	}
	return int(n)
}
