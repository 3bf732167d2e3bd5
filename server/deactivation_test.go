package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

func deactivate(t *testing.T, c *servertest.Client, id string) *servertest.Answer {
	t.Helper()
	return administer(t, c, "DeactivateUser", map[string]any{"id": id})
}

func reactivate(t *testing.T, c *servertest.Client, id string) *servertest.Answer {
	t.Helper()
	return administer(t, c, "ReactivateUser", map[string]any{"id": id})
}

// inBrowser is a browser that is logged in.
func inBrowser(t *testing.T, k *servertest.Kontor, username string) *servertest.Client {
	t.Helper()
	c := browserOf(t, k)
	loginAs(t, c, username, servertest.DemoPassword, "transport", "COOKIE").OK(t)
	return c
}

// sessionCount is how many sessions a client's user has.
func sessionCount(t *testing.T, c *servertest.Client) int {
	t.Helper()
	return len(c.Operation(t, "spa/session", "MySessions", nil).OK(t).List(t, "viewer.sessions"))
}

// Whoever is switched off is out with the next request, with every session, on every
// replica, and does not get in again. To switch off twice is to do it once.
//
// Requirement: ID-16
// Requirement: ID-15
// Case: AUTH-09
func TestDeactivationEndsSessions(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d, martha := k[0].SQL(t), k[0].As(t, "martha.hansen")
		gerd := userID(t, d, "gerd.grau")
		for round := range 10 {
			sessions := map[string]*servertest.Client{
				"app, first replica": k[0].As(t, "gerd.grau"), "app, second replica": k[1].As(t, "gerd.grau"),
				"browser, first replica": inBrowser(t, k[0], "gerd.grau"), "browser, second replica": inBrowser(t, k[1], "gerd.grau"),
			}
			sessions["app of the first replica, at the second"] = sessions["app, first replica"].On(k[1])
			for name, c := range sessions {
				expectLive(t, name, c, true)
			}
			off := deactivate(t, martha, gerd).OK(t)
			if off.Get("deactivateUser.user.status") != "DEACTIVATED" {
				t.Errorf("switched off: %s", off.Body)
			}
			for name, c := range sessions {
				expectLive(t, name+", switched off", c, false)
			}
			if loggedIn(t, k[1], "gerd.grau", servertest.DemoPassword) {
				t.Error("somebody who is switched off logs in")
			}
			if round == 0 {
				if again := deactivate(t, martha, gerd).OK(t); again.Get("deactivateUser.user.status") != "DEACTIVATED" {
					t.Errorf("switched off again: %s", again.Body)
				}
			}
			k[0].Clock.Advance(time.Second)
			if on := reactivate(t, martha, gerd).OK(t); on.Get("reactivateUser.user.status") != "ACTIVE" {
				t.Errorf("switched on: %s", on.Body)
			}
			for name, c := range sessions {
				expectLive(t, name+", switched on again", c, false)
			}
			now := k[1].As(t, "gerd.grau") // with the same password
			if n := sessionCount(t, now); n != 1 {
				t.Errorf("round %d: %d sessions are listed after one login", round, n)
			}
			endSessions(t, now, map[string]any{"ids": []string{sessionOf(t, now)}}).OK(t)
			if round == 0 {
				reactivate(t, martha, gerd).OK(t) // changes nothing, and mails nobody
			}
			expectLive(t, "whoever switches off", martha, true)
		}
		var subjects []string
		for _, mail := range k[0].Mails(t, "gerd.grau@hansa.example") {
			if !strings.Contains(mail.Text, "Gerd Grau") {
				t.Errorf("a mail to gerd: %s", mail.Text)
			}
			subjects = append(subjects, mail.Subject)
		}
		if len(subjects) != 20 || subjects[0] == subjects[1] || subjects[0] != subjects[2] || subjects[1] != subjects[19] {
			t.Errorf("the mails are %q", subjects)
		}
	})
}

// The database cuts sessions off, whatever Redis has kept: for good, and not only as
// long as the account is off.
//
// Requirement: ID-16
// Case: AUTH-09
func TestDeactivationIsKnownToTheDatabase(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		app, browser := k.As(t, "gerd.grau"), inBrowser(t, k, "gerd.grau")
		k.Clock.Advance(time.Second)
		// As if Redis had lost the command that ends the sessions.
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED', sessions_valid_after = $1, surviving_session = '' WHERE username = 'gerd.grau'`,
			k.Clock.Now().Format("2006-01-02 15:04:05.999999-07:00"))
		expectLive(t, "app, switched off", app, false)
		expectLive(t, "browser, switched off", browser, false)
		k.Clock.Advance(time.Second)
		reactivate(t, martha, userID(t, d, "gerd.grau")).OK(t)
		expectLive(t, "app, switched on again", app, false)
		expectLive(t, "browser, switched on again", browser, false)
		expectLive(t, "a new login", k.As(t, "gerd.grau"), true)
		// Whoever tries again after Redis failed half way frees what is left there.
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`)
		deactivate(t, martha, userID(t, d, "gerd.grau")).OK(t)
		alter(t, d, `UPDATE users SET status = 'ACTIVE' WHERE username = 'gerd.grau'`)
		if n := sessionCount(t, k.As(t, "gerd.grau")); n != 1 {
			t.Errorf("%d sessions are listed after one login", n)
		}
	})
}

// A user's open links die with the account and stay dead: for a new password, for a
// new address, and the invitation of somebody who never registered, who is invited
// anew.
//
// Requirement: ID-16
// Requirement: ID-15
// Requirement: ID-05
func TestDeactivationEndsLinks(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha, gerd := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "gerd.grau")
		id := userID(t, d, "gerd.grau")
		k.Anonymous().Operation(t, "spa/registration", "RequestPasswordReset", servertest.Vars{"input": map[string]any{"email": "gerd.grau@hansa.example"}}).OK(t)
		reset := k.Mails(t, "gerd.grau@hansa.example")[0].Token(t)
		gerd.Operation(t, "spa/account", "ChangeEmail", servertest.Vars{"input": map[string]any{
			"currentPassword": servertest.DemoPassword, "newEmail": "gerd.neu@hansa.example"}}).OK(t)
		change := k.Mails(t, "gerd.neu@hansa.example")[0].Token(t)
		dead := func(when string) {
			t.Helper()
			answer := k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": reset, "newPassword": "Neu-4711-Sicher!"}})
			if got := faultsOf(t, answer, "resetPassword"); !slices.Equal(got, []string{"LINK_REVOKED token"}) || answer.Get("resetPassword.errors.0.contact.name") != "Paul Lang" {
				t.Errorf("%s, a new password: %s", when, answer.Body)
			}
			answer = k.Anonymous().Operation(t, "spa/account", "ConfirmEmail", servertest.Vars{"input": map[string]any{"token": change}})
			if got := faultsOf(t, answer, "confirmEmail"); !slices.Equal(got, []string{"LINK_REVOKED token"}) {
				t.Errorf("%s, a new address: %s", when, answer.Body)
			}
		}
		deactivate(t, martha, id).OK(t)
		dead("switched off")
		k.Anonymous().Operation(t, "spa/registration", "RequestPasswordReset", servertest.Vars{"input": map[string]any{"email": "gerd.grau@hansa.example"}}).OK(t)
		reactivate(t, martha, id).OK(t)
		dead("switched on again")
		for _, mail := range k.Mails(t, "gerd.grau@hansa.example")[:2] {
			if strings.Contains(mail.Text, "token=") {
				t.Errorf("a link went to somebody who is switched off: %s", mail.Text)
			}
		}

		eva := newUser(t, martha, "eva.neu@hansa.example", "GENERAL_USER")
		first := k.Mails(t, "eva.neu@hansa.example")[0].Token(t)
		if off := deactivate(t, martha, eva).OK(t); off.Get("deactivateUser.user.status") != "DEACTIVATED" {
			t.Errorf("an invited user, switched off: %s", off.Body)
		}
		shown := k.Anonymous().Operation(t, "spa/registration", "Invitation", servertest.Vars{"token": first}).OK(t)
		if shown.Get("invitation.status") != "REVOKED" || shown.Get("invitation.email") != nil {
			t.Errorf("the invitation: %s", shown.Body)
		}
		if got := acceptWith(t, k, first); !slices.Equal(got, []string{"LINK_REVOKED token"}) {
			t.Errorf("the invitation of somebody who is switched off: %v", got)
		}
		for _, operation := range []string{"ResendInvitation", "RevokeInvitation", "SendPasswordReset"} {
			field := strings.ToLower(operation[:1]) + operation[1:]
			if got := faultsOf(t, administer(t, martha, operation, map[string]any{"id": eva}), field); !slices.Equal(got, []string{"USER_DEACTIVATED id"}) {
				t.Errorf("%s for somebody who is switched off: %v", operation, got)
			}
		}
		if on := reactivate(t, martha, eva).OK(t); on.Get("reactivateUser.user.status") != "INVITED" {
			t.Errorf("switched on without having registered: %s", on.Body)
		}
		mails := k.Mails(t, "eva.neu@hansa.example")
		if got := acceptWith(t, k, first); !slices.Equal(got, []string{"LINK_REVOKED token"}) {
			t.Errorf("the first invitation: %v", got)
		}
		if got := acceptWith(t, k, mails[0].Token(t)); got != nil || !loggedIn(t, k, "eva.neu@hansa.example", invitedPassword) {
			t.Errorf("the new invitation: %v", got)
		}
	})
}

// A login that is under way while its user is switched off leaves no session, neither
// one that works now nor one that works later.
//
// Requirement: ID-16
// Case: CONC-10
func TestDeactivationRacesWithLogin(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d, martha := k[0].SQL(t), k[0].As(t, "martha.hansen")
		gerd := userID(t, d, "gerd.grau")
		for round := range 30 {
			var app, browser = k[1].Anonymous(), browserOf(t, k[1])
			atOnce(3, func(i int) bool {
				switch i {
				case 0:
					answer := loginAs(t, app, "gerd.grau", servertest.DemoPassword)
					app.Token, _ = answer.Get("login.token").(string)
				case 1:
					loginAs(t, browser, "gerd.grau", servertest.DemoPassword, "transport", "COOKIE")
				default:
					deactivate(t, martha, gerd).OK(t)
				}
				return true
			})
			expectLive(t, fmt.Sprint("app, round ", round), app, false)
			expectLive(t, fmt.Sprint("browser, round ", round), browser, false)
			reactivate(t, martha, gerd).OK(t)
			expectLive(t, fmt.Sprint("app, switched on, round ", round), app, false)
			expectLive(t, fmt.Sprint("browser, switched on, round ", round), browser, false)
			again := k[1].As(t, "gerd.grau")
			if n := sessionCount(t, again); n != 1 {
				t.Fatalf("round %d: %d sessions are listed after one login", round, n)
			}
			again.Operation(t, "spa/session", "Logout", nil).OK(t)
		}
	})
}
