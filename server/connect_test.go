package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/server/servertest"
)

// eachPair runs a test on every backend with two replicas, which are one and the same on
// SQLite: a file is for one process.
func eachPair(t *testing.T, test func(t *testing.T, one, two *servertest.Kontor)) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			one := servertest.Start(t, backend)
			two := one
			if backend != servertest.Backends[0] {
				two = one.Replica(t)
			}
			test(t, one, two)
		})
	}
}

// contractID is the global ID of a contract.
func contractID(t testing.TB, k *servertest.Kontor, number string) string {
	t.Helper()
	return globalID(ent.KindContract, columnOf(t, k.SQL(t), `SELECT id FROM contracts WHERE number = $1`, number)[0])
}

// promote gives users one more role beside the API.
func promote(t *testing.T, k *servertest.Kontor, role string, usernames ...string) {
	t.Helper()
	for _, username := range usernames {
		alter(t, k.SQL(t), `INSERT INTO user_roles (id, tenant_id, user_id, role) SELECT $1, tenant_id, id, $2 FROM users WHERE username = $3`,
			uuid.Must(uuid.NewV7()).String(), role, username)
	}
}

// write writes a letter for a customer number, as the operator does, and gives its secret.
func write(t *testing.T, operator *servertest.Client, number string, more ...any) string {
	t.Helper()
	input := map[string]any{"customerNumber": number}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return operator.Operation(t, "partner/dashboard", "IssueOneTimePassword", servertest.Vars{"input": input}).OK(t).String(t, "issueOneTimePassword.oneTimePassword")
}

// connect types what stands in a letter.
func connect(t *testing.T, c *servertest.Client, number, secret string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/transfers", "ConnectCustomerNumber", servertest.Vars{"input": map[string]any{"customerNumber": number, "oneTimePassword": secret}})
}

// wantConnect expects one fault, with whom to turn to, or none for an empty code.
func wantConnect(t *testing.T, what, code string, answer *servertest.Answer) {
	t.Helper()
	if code == "" {
		if got := answer.OK(t); got.Get("connectCustomerNumber.customerNumber") == nil {
			t.Errorf("%s: %s", what, got.Body)
		}
		return
	}
	if got := faultsOf(t, answer, "connectCustomerNumber"); !slices.Equal(got, []string{code + " oneTimePassword"}) {
		t.Errorf("%s: %v, want %s", what, got, code)
	}
	if answer.Get("connectCustomerNumber.customerNumber") != nil || answer.Get("connectCustomerNumber.errors.0.contact.email") == nil {
		t.Errorf("%s says %s", what, answer.Body)
	}
}

// rightsOf are the viewer's rights on the contracts of its list.
func rightsOf(t *testing.T, c *servertest.Client) map[string][]string {
	t.Helper()
	answer := c.Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 100, "format": "CSV"}).OK(t)
	all := map[string][]string{}
	for i := range answer.List(t, "contracts.nodes") {
		rights := []string{}
		for _, right := range answer.List(t, fmt.Sprintf("contracts.nodes.%d.myRights", i)) {
			rights = append(rights, fmt.Sprint(right))
		}
		all[answer.String(t, fmt.Sprintf("contracts.nodes.%d.number", i))] = rights
	}
	return all
}

// wrong is a one-time password of the right form that belongs to no letter.
const wrong = "0000-0000-0000-0000-0000-0000"

// A master admin types what stands in the operator's letter, as people type, and holds all
// rights on all contracts under the number, those that come later too, and not a row for
// any of them.
//
// Requirement: AC-05
// Requirement: AC-04
func TestConnectACustomerNumber(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		beside, operator, moritz := one.SQL(t), one.As(t, "sabine.kurz"), one.As(t, "moritz.hansen")
		issued := operator.Operation(t, "partner/dashboard", "IssueOneTimePassword", servertest.Vars{"input": map[string]any{"customerNumber": " 4066969100 "}}).OK(t)
		if got, want := issued.String(t, "issueOneTimePassword.expiresAt"), one.Clock.Now().Add(10*24*time.Hour).Format(time.RFC3339); got != want {
			t.Errorf("the letter ends at %s, want %s", got, want)
		}
		secret := issued.String(t, "issueOneTimePassword.oneTimePassword")
		if dumped := dump(t, beside, "HANSA"); strings.Contains(dumped, secret) || strings.Contains(dumped, strings.ReplaceAll(secret, "-", "")) {
			t.Error("the database has the one-time password")
		}
		under := columnOf(t, beside, `SELECT c.number FROM contracts c JOIN customer_numbers n ON n.id = c.customer_number_id WHERE n.number = '4066969100' ORDER BY c.number`)
		check := func(c *servertest.Client, connected []string) {
			t.Helper()
			for number, rights := range rightsOf(t, c) {
				want := allRights[:2]
				if slices.Contains(connected, number) {
					want = allRights
				}
				if !slices.Equal(rights, want) {
					t.Errorf("the rights on %s are %v, want %v", number, rights, want)
				}
			}
		}
		check(moritz, nil)
		typed := " " + strings.ToLower(strings.ReplaceAll(secret, "-", "  ")) + " "
		answer := connect(t, moritz, "4066969100 ", typed).OK(t)
		if got := answer.Get("connectCustomerNumber.customerNumber.contracts.totalCount"); got != float64(len(under)) || len(under) < 10 {
			t.Errorf("%v contracts hang under the number, want %d", got, len(under))
		}
		for i := range answer.List(t, "connectCustomerNumber.customerNumber.contracts.nodes") {
			if got := fmt.Sprint(answer.Get(fmt.Sprintf("connectCustomerNumber.customerNumber.contracts.nodes.%d.myRights", i))); got != fmt.Sprint(allRights) {
				t.Errorf("the answer says %s of contract %d", got, i)
			}
		}
		check(moritz.On(two), under)
		copies(t, beside, 1, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id)
			SELECT $1, $2, 'later', type, state, valid_from, created_at, tenant_id, customer_number_id FROM contracts WHERE number = $3`, "SV-100001")
		later := columnOf(t, beside, `SELECT number FROM contracts WHERE access_number = 'later'`)
		check(moritz.On(two), append(under, later...))
		if rows := columnOf(t, beside, `SELECT COUNT(*) FROM grants g JOIN users u ON u.id = g.holder_id WHERE u.username = 'moritz.hansen'`); rows[0] != "0" {
			t.Errorf("connecting wrote %s grants", rows[0])
		}

		mine := moritz.On(two).Operation(t, "spa/transfers", "MyCustomerNumbers", nil).OK(t)
		for field, want := range map[string]any{"number": "4066969100", "line": "FIXED_LINE", "connectedAt": one.Clock.Now().Format(time.RFC3339), "contracts.totalCount": float64(len(under) + 1)} {
			if got := mine.Get("viewer.customerNumbers.0." + field); got != want {
				t.Errorf("%s of the number is %v, want %v", field, got, want)
			}
		}
		if all := mine.List(t, "viewer.customerNumbers"); len(all) != 1 {
			t.Errorf("moritz has the numbers %v", all)
		}
		// A second letter for what is connected does no harm.
		wantConnect(t, "the same number again", "", connect(t, moritz, "4066969100", write(t, operator, "4066969100")))

		// The rights are those of a master admin: without the role the connection gives none.
		alter(t, beside, `UPDATE user_roles SET role = 'GENERAL_USER' WHERE user_id = (SELECT id FROM users WHERE username = 'moritz.hansen')`)
		check(moritz.On(two), nil)
	})
}

// A letter works for ten days, to the second.
//
// Requirement: AC-05
// Case: AUTH-14
func TestConnectWithinTenDays(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		operator := k.As(t, "sabine.kurz")
		first, second := write(t, operator, "4066969100"), write(t, operator, "4066969200")
		k.Clock.Advance(10*24*time.Hour - time.Second)
		wantConnect(t, "the last second", "", connect(t, k.As(t, "moritz.hansen"), "4066969100", first))
		k.Clock.Advance(time.Second)
		moritz := k.As(t, "moritz.hansen")
		wantConnect(t, "after ten days", "LINK_EXPIRED", connect(t, moritz, "4066969200", second))
		wantConnect(t, "a used one after ten days", "LINK_USED", connect(t, moritz, "4066969100", first))
		wantConnect(t, "a new letter", "", connect(t, moritz, "4066969200", write(t, k.As(t, "sabine.kurz"), "4066969200")))
	})
}

// Of many who come with one letter at once, on two replicas, one connects the number.
//
// Requirement: AC-05
// Case: CONC-05
func TestConnectOnce(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		beside, usernames := one.SQL(t), []string{"martha.hansen", "moritz.hansen", "gerd.grau", "anna.abel", "silke.sommer"}
		promote(t, one, "MASTER_ADMIN", usernames[2:]...)
		alter(t, beside, `UPDATE connections SET revoked_at = connected_at`)
		var clients []*servertest.Client
		for _, username := range usernames {
			clients = append(clients, one.As(t, username))
		}
		secret := write(t, one.As(t, "sabine.kurz"), "4066969100")
		answers := atOnce(50, func(i int) *servertest.Answer {
			return connect(t, clients[i%len(clients)].On([]*servertest.Kontor{one, two}[i/len(clients)%2]), "4066969100", secret)
		})
		connected := 0
		for _, answer := range answers {
			if answer.Get("connectCustomerNumber.customerNumber") != nil {
				connected++
				continue
			}
			wantConnect(t, "one of the others", "LINK_USED", answer)
		}
		if connected != 1 {
			t.Errorf("%d of 50 connected the number", connected)
		}
		if live := columnOf(t, beside, `SELECT COUNT(*) FROM connections WHERE revoked_at IS NULL`)[0]; live != "1" {
			t.Errorf("there are %s connections", live)
		}
		if used := columnOf(t, beside, `SELECT COUNT(*) FROM one_time_passwords WHERE used_at IS NOT NULL AND used_by_id IS NOT NULL`)[0]; used != "1" {
			t.Errorf("%s letters are used", used)
		}
	})
}

// Five wrong passwords burn a letter: the right one is refused then, and a new letter
// works. A newer letter ends the older one.
//
// Requirement: AC-05
// Case: AUTH-14
func TestConnectWithFewTries(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, operator, moritz := k.SQL(t), k.As(t, "sabine.kurz"), k.As(t, "moritz.hansen")
		burnt := write(t, operator, "4066969100")
		for i, typed := range []string{wrong, "", "not a password", burnt + "0", wrong} {
			wantConnect(t, fmt.Sprint("wrong password ", i), "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969100", typed))
		}
		wantConnect(t, "the right one after five wrong ones", "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969100", burnt))
		second := write(t, operator, "4066969100")
		for i := range 4 {
			wantConnect(t, fmt.Sprint("wrong password ", i, " for the new letter"), "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969100", wrong))
		}
		wantConnect(t, "the right one after four wrong ones", "", connect(t, moritz, "4066969100", second))

		older, newer := write(t, operator, "4066969200"), write(t, operator, "4066969200")
		wantConnect(t, "an older letter", "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969200", older))
		wantConnect(t, "the newest letter", "", connect(t, moritz, "4066969200", newer))

		// Many guesses at once count, and no more than five.
		third := write(t, operator, "1713920200")
		atOnce(11, func(int) *servertest.Answer { return connect(t, moritz, "1713920200", wrong) })
		if tries := columnOf(t, beside, `SELECT tries FROM one_time_passwords ORDER BY id DESC LIMIT 1`)[0]; tries != "5" {
			t.Errorf("%s tries are counted", tries)
		}
		martha := k.As(t, "martha.hansen")
		wantConnect(t, "a burnt one", "ONE_TIME_PASSWORD_INVALID", connect(t, martha, "1713920200", third))

		// Letters that were written at once: one of them works.
		letters := atOnce(5, func(int) *servertest.Answer {
			return operator.Operation(t, "partner/dashboard", "IssueOneTimePassword", servertest.Vars{"input": map[string]any{"customerNumber": "1713920200"}})
		})
		works := 0
		for _, letter := range letters {
			if connect(t, martha, "1713920200", letter.OK(t).String(t, "issueOneTimePassword.oneTimePassword")).Get("connectCustomerNumber.customerNumber") != nil {
				works++
			}
		}
		if open := columnOf(t, beside, `SELECT COUNT(*) FROM one_time_passwords WHERE used_at IS NULL AND tries < 5`)[0]; open != "0" || works != 1 {
			t.Errorf("%d of five letters worked, and %s are open still", works, open)
		}
	})
}

// A letter is for one number of one company. What is another company's answers as what
// there is not, to the byte, and only master admins connect.
//
// Requirement: AC-05
// Requirement: AC-01
// Case: AUTH-14
func TestConnectNoOtherNumber(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, operator, moritz := k.SQL(t), k.As(t, "sabine.kurz"), k.As(t, "moritz.hansen")
		own, of, foreign := write(t, operator, "4066969100"), write(t, operator, "4066969200"), write(t, operator, "4066969300")
		wantConnect(t, "the letter of another number", "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969100", of))
		wantConnect(t, "that number", "", connect(t, moritz, "4066969200", of))
		unknown := plain(connect(t, moritz, "4099999999", foreign))
		if got := plain(connect(t, moritz, "4066969300", foreign)); got != unknown {
			t.Errorf("another company's number answers %s, an unknown one %s", got, unknown)
		}
		if got := plain(connect(t, moritz, "4066969300", wrong)); got != unknown {
			t.Errorf("another company's number with a wrong password answers %s, an unknown one %s", got, unknown)
		}
		if tries := columnOf(t, beside, `SELECT o.tries FROM one_time_passwords o JOIN customer_numbers n ON n.id = o.customer_number_id WHERE n.number = '4066969300'`)[0]; tries != "0" {
			t.Errorf("strangers used up %s tries of another company's letter", tries)
		}
		for _, username := range []string{"silke.sommer", "gerd.grau", "anna.abel", "paul.lang", "sabine.kurz"} {
			if answer := connect(t, k.As(t, username), "4066969100", own); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s connects: %s", username, answer.Body)
			}
		}
		issue := func(c *servertest.Client, input map[string]any) *servertest.Answer {
			return c.Operation(t, "partner/dashboard", "IssueOneTimePassword", servertest.Vars{"input": input})
		}
		for _, username := range []string{"martha.hansen", "silke.sommer", "gerd.grau", "paul.lang"} {
			if answer := issue(k.As(t, username), map[string]any{"customerNumber": "4066969100"}); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s writes letters: %s", username, answer.Body)
			}
		}
		wantConnect(t, "the letter that others tried", "", connect(t, moritz, "4066969100", own))

		// The same number on another line, and with another company.
		hansa := columnOf(t, beside, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0]
		for tenant, line := range map[string]string{hansa: "MOBILE", columnOf(t, beside, `SELECT id FROM tenants WHERE organization_id = 'BRANDT'`)[0]: "FIXED_LINE"} {
			alter(t, beside, `INSERT INTO customer_numbers (id, tenant_id, number, line, created_at) VALUES ($1, $2, '4066969200', $3, '2026-01-01 00:00:00+00:00')`,
				uuid.Must(uuid.NewV7()).String(), tenant, line)
		}
		for want, input := range map[string]map[string]any{
			"CUSTOMER_NUMBER_UNKNOWN":   {"customerNumber": "4099999999"},
			"CUSTOMER_NUMBER_AMBIGUOUS": {"customerNumber": "4066969200", "line": "FIXED_LINE"},
		} {
			if got := faultsOf(t, issue(operator, input), "issueOneTimePassword"); !slices.Equal(got, []string{want + " customerNumber"}) {
				t.Errorf("a letter for %v: %v", input, got)
			}
		}
		martha := k.As(t, "martha.hansen")
		alter(t, beside, `UPDATE connections SET revoked_at = connected_at WHERE user_id = (SELECT id FROM users WHERE username = 'martha.hansen')`)
		mobile := write(t, operator, "4066969200", "line", "MOBILE", "tenantId", globalID(ent.KindTenant, hansa))
		if got := connect(t, martha, "4066969200", mobile).OK(t).Get("connectCustomerNumber.customerNumber.line"); got != "MOBILE" {
			t.Errorf("the letter for the mobile line connects %v", got)
		}
		if all := martha.Operation(t, "spa/transfers", "MyCustomerNumbers", nil).OK(t).List(t, "viewer.customerNumbers"); len(all) != 1 {
			t.Errorf("martha has connected %v", all)
		}
	})
}

// Guesses are throttled: after eleven in a row a wait begins that doubles, whatever is
// typed.
//
// Requirement: AC-05
// Case: AUTH-14
func TestConnectIsThrottled(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		operator, moritz := k.As(t, "sabine.kurz"), k.As(t, "moritz.hansen")
		for range 11 {
			wantConnect(t, "a guess", "ONE_TIME_PASSWORD_INVALID", connect(t, moritz, "4066969100", wrong))
		}
		secret := write(t, operator, "4066969100")
		for range 3 {
			answer := connect(t, moritz, "4066969100", secret)
			if answer.Code() != "RATE_LIMITED" || answer.Status != http.StatusOK && answer.Status != http.StatusTooManyRequests || answer.Errors[0].Extensions["retryAfter"] != float64(60) {
				t.Fatalf("after eleven guesses: %d %s", answer.Status, answer.Body)
			}
		}
		wantConnect(t, "a colleague meanwhile", "ONE_TIME_PASSWORD_INVALID", connect(t, k.As(t, "martha.hansen"), "4066969100", wrong))
		k.Clock.Advance(time.Minute)
		wantConnect(t, "after the wait", "", connect(t, moritz, "4066969100", secret))
	})
}
