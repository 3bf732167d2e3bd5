package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

// Access number and personal password link, too. Whatever is wrong of the two, the answer
// is the same, and guessing is slowed down before the customer centre is asked.
//
// Requirement: AC-12
func TestCentreByAccessNumber(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		martha := k.As(t, "martha.hansen")
		for _, each := range []struct{ number, password, want string }{
			{" \t", "", "VALUE_REQUIRED accessNumber, VALUE_REQUIRED password"},
			{strings.Repeat("5", 65), strings.Repeat("x", 257), "VALUE_TOO_LONG accessNumber, VALUE_TOO_LONG password"},
			{"5500\x00", kontortest.CentrePassword, "VALUE_INVALID accessNumber"},
		} {
			if got := strings.Join(faultsOf(t, linkBy(t, martha, each.number, each.password), "linkCustomerCentre"), ", "); got != each.want {
				t.Errorf("%q: %s, want %s", each.number, got, each.want)
			}
		}
		wrong := linkBy(t, martha, numberOfMartha, "Falsch-2026!")
		unknown := linkBy(t, martha, "99"+rand.Text()[:8], kontortest.CentrePassword)
		if got := faultsOf(t, wrong, "linkCustomerCentre"); !slices.Equal(got, []string{"CUSTOMER_CENTRE_CREDENTIALS password"}) || string(wrong.Body) != string(unknown.Body) {
			t.Errorf("a wrong password: %s, an unknown number: %s", wrong.Body, unknown.Body)
		}
		if link := linkOf(t, martha); link != unlinked {
			t.Errorf("a wrong password links: %s", link)
		}
		k.Clock.Advance(time.Hour)
		answer := linkBy(t, martha, " "+numberOfMartha+" ", kontortest.CentrePassword).OK(t)
		got := said(answer, "linkCustomerCentre.link.linked", "linkCustomerCentre.link.linkedAt", "linkCustomerCentre.link.subject")
		if got != linkOf(t, martha) || got != "true 2026-11-23T10:00:00Z kc-1001" {
			t.Errorf("linked: %s", answer.Body)
		}
		// The login in the browser finds the same identity, and changes nothing.
		k.Clock.Advance(time.Hour)
		finishLogin(t, martha, logInThere(t, startLogin(t, martha), as(numberOfMartha))).OK(t)
		if link := linkOf(t, martha); link != got {
			t.Errorf("linked once more: %s", link)
		}
		if entries := auditOf(t, martha, map[string]any{"action": "centre.link"}); len(entries) != 1 {
			t.Errorf("the log has %v", entries)
		}
		if found := (vault{"right": kontortest.CentrePassword, "wrong": "Falsch-2026!"}).found(k.Log.String() + everything(t, k.SQL(t))); len(found) > 0 {
			t.Errorf("kept or logged in plain: %v", found)
		}
	})
}

// One user guesses ten times, and then waits; so does everybody at a number that many
// guess at. The customer centre is asked once for each guess and not at all while waiting.
//
// Requirement: AC-12
// Case: AUTH-06
func TestCentreGuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		number, gerd := "99"+rand.Text()[:8], k.As(t, "gerd.grau")
		answers := atOnce(30, func(int) *servertest.Answer { return linkBy(t, gerd, number, "Falsch-2026!") })
		limited := slices.DeleteFunc(answers, func(a *servertest.Answer) bool { return a.Code() != "RATE_LIMITED" })
		if tries := c.Tries(t, number); tries != "11" || len(limited) != 19 {
			t.Errorf("of thirty guesses at once the customer centre saw %s, and %d were refused", tries, len(limited))
		}
		if answer := linkBy(t, gerd, numberOfMartha, kontortest.CentrePassword); answer.Code() != "RATE_LIMITED" || answer.Status != http.StatusTooManyRequests && answer.Status != http.StatusOK {
			t.Errorf("the right password while waiting: %s", answer.Body)
		}
		// Two others go on at the same number until it has had 21 guesses.
		for _, other := range []string{"anna.abel", "greta.groth"} {
			guesser := k.As(t, other)
			for range 6 {
				linkBy(t, guesser, number, "Falsch-2026!")
			}
		}
		if tries := c.Tries(t, number); tries != "21" {
			t.Errorf("at one number %s guesses were passed on", tries)
		}
		// Logins that are begun and never finished are bounded, too.
		martha := k.As(t, "martha.hansen")
		for range 20 {
			startLogin(t, martha)
		}
		if answer := martha.Operation(t, "spa/account", "StartCustomerCentreLogin", nil); answer.Code() != "RATE_LIMITED" {
			t.Errorf("the login number 21: %s", answer.Body)
		}
		k.Clock.Advance(2 * time.Minute)
		startLogin(t, martha)
		linkBy(t, gerd, numberOfMartha, kontortest.CentrePassword).OK(t)
	})
}

// An identity at the customer centre is one account's, whoever asks for it at once, and
// who has it is not told. An account has one. Whoever leaves gives it free.
//
// Requirement: AC-12
// Requirement: ID-15
func TestCentreIdentityIsOfOneAccount(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		users := []string{"martha.hansen", "moritz.hansen", "maik.alster", "gerd.grau", "malte.brandt", "greta.groth"}
		clients := map[string]*servertest.Client{}
		for _, name := range users {
			clients[name] = k.As(t, name)
		}
		var winners []string
		for i, answer := range atOnce(2*len(users), func(i int) *servertest.Answer {
			return linkBy(t, clients[users[i%len(users)]], numberOfMartha, kontortest.CentrePassword)
		}) {
			name := users[i%len(users)]
			if codes := answer.Codes("linkCustomerCentre"); len(codes) == 0 && answer.Get("linkCustomerCentre.link.linked") == true {
				winners = append(winners, name)
			} else if !slices.Equal(codes, []string{"CUSTOMER_CENTRE_IDENTITY_TAKEN"}) || answer.Get("linkCustomerCentre.errors.0.contact.email") == nil {
				t.Errorf("%s: %s", name, answer.Body)
			}
		}
		if len(winners) != 2 || winners[0] != winners[1] { // each asked twice
			t.Fatalf("linked are %v", winners)
		}
		winner := winners[0]
		for _, name := range users {
			if link := linkOf(t, clients[name]); (link == unlinked) == (name == winner) {
				t.Errorf("%s: %s", name, link)
			}
		}
		other := clients[winner]
		if got := faultsOf(t, linkBy(t, other, numberOfMoritz, kontortest.CentrePassword), "linkCustomerCentre"); !slices.Equal(got, []string{"CUSTOMER_CENTRE_ALREADY_LINKED"}) {
			t.Errorf("another identity: %v", got)
		}
		// The links of others cannot be seen or ended.
		loser := clients[users[(slices.Index(users, winner)+1)%len(users)]]
		taken := finishLogin(t, loser, logInThere(t, startLogin(t, loser), as(numberOfMartha)))
		if got := faultsOf(t, taken, "finishCustomerCentreLogin"); !slices.Equal(got, []string{"CUSTOMER_CENTRE_IDENTITY_TAKEN"}) || strings.Contains(string(taken.Body), strings.Split(winner, ".")[1]) {
			t.Errorf("by the browser: %s", taken.Body)
		}
		loser.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		if linkOf(t, other) == unlinked {
			t.Error("somebody else has ended the link")
		}

		sabine := k.As(t, "sabine.kurz")
		alter(t, k.SQL(t), `UPDATE users SET superior_id = NULL WHERE superior_id IS NOT NULL`)
		promote(t, k, "MASTER_ADMIN", "susi.stein", "gisela.gross")
		sabine.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": map[string]any{"id": userID(t, k.SQL(t), winner)}}).OK(t)
		if entries := auditOf(t, sabine, map[string]any{"action": "centre.unlink"}); len(entries) != 1 || entries[0]["actor"].(map[string]any)["username"] != "sabine.kurz" {
			t.Errorf("the log has %v", entries)
		}
		linkBy(t, loser, numberOfMartha, kontortest.CentrePassword).OK(t)
		sabine.Operation(t, "spa/users", "ReactivateUser", servertest.Vars{"input": map[string]any{"id": userID(t, k.SQL(t), winner)}}).OK(t)
		if link := linkOf(t, k.As(t, winner)); link != unlinked {
			t.Errorf("whoever comes back has the link again: %s", link)
		}
	})
}

// No ID token is believed that is not signed by the customer centre, for Kontor, about
// somebody, in time, and for this login; no answer that is too large or sent elsewhere.
//
// Requirement: AC-12
func TestCentreTokensAreVerified(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		const untrusted, unavailable = "CUSTOMER_CENTRE_UNTRUSTED", "CUSTOMER_CENTRE_UNAVAILABLE"
		browser, refused := browserAs(t, k, "martha.hansen"), 0
		for _, each := range []struct{ what, number, code string }{
			{"for another client", "5500009001", untrusted}, {"for two clients, given to the other", "5500009002", untrusted},
			{"of another issuer", "5500009003", untrusted}, {"signed by somebody else", "5500009004", untrusted}, {"not signed", "5500009005", untrusted},
			{"expired", "5500009006", untrusted}, {"of another login", "5500009007", untrusted}, {"about nobody", "5500009008", untrusted},
			{"missing", "5500009009", untrusted}, {"signed with the client's secret", "5500009010", untrusted},
			{"in an answer of two megabytes", "5500009011", unavailable}, {"sent elsewhere", "5500009012", unavailable},
			{"from another issuer in the browser", "5500009013", untrusted}, {"from no issuer in the browser", "5500009014", untrusted},
		} {
			refused++
			answer := finishLogin(t, browser, logInThere(t, startLogin(t, browser), as(each.number)))
			if got := faultsOf(t, answer, "finishCustomerCentreLogin"); !slices.Equal(got, []string{each.code}) {
				t.Errorf("%s, by login: %s", each.what, answer.Body)
			}
			// By access number there is no browser and no nonce.
			if number := each.number; number != "5500009007" && number < "5500009013" {
				answer := linkBy(t, browser, number, kontortest.CentrePassword)
				if got := faultsOf(t, answer, "linkCustomerCentre"); !slices.Equal(got, []string{each.code}) {
					t.Errorf("%s, by access number: %s", each.what, answer.Body)
				}
			}
			k.Clock.Advance(2 * time.Hour)
			browser = browserAs(t, k, "martha.hansen") // the session has ended
			if link := linkOf(t, browser); link != unlinked {
				t.Fatalf("%s: the account is linked: %s", each.what, link)
			}
		}
		log := k.Log.String()
		if n := strings.Count(log, "the customer centre failed"); n < refused || strings.Contains(log, kontortest.CentrePassword) || strings.Contains(log, c.Secret) || strings.Contains(log, "eyJ") {
			t.Errorf("the log tells %d failures, or too much about them", n)
		}
	})
}

// While the customer centre is down nothing changes, and what to do is said; Kontor runs
// without it and finds it when it is back.
//
// Requirement: AC-12
func TestCentreIsDown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := kontortest.StartCentre(ctx, kontortest.CentreRedirect)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	change(c.Stop())
	k := servertest.Start(t, servertest.Backends[0], atCentre(c))
	browser := browserAs(t, k, "martha.hansen")
	expectDown := func() {
		t.Helper()
		for field, answer := range map[string]*servertest.Answer{
			"linkCustomerCentre":       linkBy(t, browser, numberOfMartha, kontortest.CentrePassword),
			"startCustomerCentreLogin": browser.Operation(t, "spa/account", "StartCustomerCentreLogin", nil),
		} {
			if got := faultsOf(t, answer, field); !slices.Equal(got, []string{"CUSTOMER_CENTRE_UNAVAILABLE"}) || answer.Get(field+".errors.0.contact.email") == nil {
				t.Errorf("%s: %s", field, answer.Body)
			}
		}
		if link := linkOf(t, browser); link != unlinked {
			t.Errorf("while it is down: %s", link)
		}
	}
	expectDown()
	change(c.Start(ctx))
	back := logInThere(t, startLogin(t, browser), as(numberOfMartha))
	change(c.Stop())
	wantNotLinked(t, "coming back while it is down", browser, comeBack(t, k, browser, http.MethodGet, back), http.StatusBadRequest, "try again later")
	k.Clock.Advance(5 * time.Minute) // what discovery gave is still believed
	if got := faultsOf(t, linkBy(t, browser, numberOfMartha, kontortest.CentrePassword), "linkCustomerCentre"); !slices.Equal(got, []string{"CUSTOMER_CENTRE_UNAVAILABLE"}) {
		t.Errorf("discovered, and down since: %v", got)
	}
	change(c.Start(ctx)) // with another key, as after a rotation
	linkBy(t, browser, numberOfMartha, kontortest.CentrePassword).OK(t)
	if link := linkOf(t, browser); !strings.HasPrefix(link, "true ") {
		t.Errorf("when it is back: %s", link)
	}
}

// Where the operator has no customer centre, both ways say so, with whom to turn to.
//
// Requirement: AC-12
func TestCentreIsNotConfigured(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserAs(t, k, "martha.hansen")
		for field, answer := range map[string]*servertest.Answer{
			"linkCustomerCentre":       linkBy(t, browser, numberOfMartha, kontortest.CentrePassword),
			"startCustomerCentreLogin": browser.Operation(t, "spa/account", "StartCustomerCentreLogin", nil),
			"finishCustomerCentreLogin": browser.Do(t, `mutation { finishCustomerCentreLogin(input: {code: "c", state: "s"}) {
				link { linked } errors { code field message contact { email } } } }`, nil),
		} {
			if got := faultsOf(t, answer, field); !slices.Equal(got, []string{"CUSTOMER_CENTRE_NOT_CONFIGURED"}) || answer.Get(field+".errors.0.contact.email") == nil ||
				fmt.Sprint(answer.Get(field+".link"), answer.Get(field+".authorizationUrl")) != "<nil> <nil>" {
				t.Errorf("%s: %s", field, answer.Body)
			}
		}
		browser.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		if link := linkOf(t, browser); link != unlinked {
			t.Errorf("the account is linked: %s", link)
		}
	})
}
