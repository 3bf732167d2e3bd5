package server_test

import (
	"fmt"
	"testing"
	"time"

	"kontor/server/servertest"
)

// An app that asks for another token with a change of password, codes or customer goes on under it, in the same
// session, and the old value is worth nothing on any replica. One that does not ask keeps its token, and so does one
// whose change did not work. A browser gets it in its cookie and nowhere else.
//
// Requirement: ID-10
// Requirement: ID-18
// Requirement: AC-02
// Case: AUTH-08
func TestAnAppTakesAnotherTokenWithAChange(t *testing.T) {
	t.Parallel()
	const (
		password = `mutation { changed: changePassword(input: {currentPassword: "Kontor-2026!", newPassword: "Neu-4711-Sicher!"}) { %s errors { code message } } }`
		wrong    = `mutation { changed: changePassword(input: {currentPassword: "Falsch-2026!", newPassword: "Neu-4711-Sicher!"}) { %s errors { code message } } }`
		confirm  = `mutation($code: String!) { changed: confirmOtp(input: {code: $code}) { %s errors { code message } } }`
		disable  = `mutation($code: String!) { changed: disableOtp(input: {currentPassword: "Kontor-2026!", code: $code}) { %s errors { code message } } }`
		act      = `mutation($id: ID!) { changed: actFor(input: {tenantId: $id}) { viewer { session { id } } %s errors { code message } } }`
	)
	type preparation func(t *testing.T, k *servertest.Kontor, c *servertest.Client) servertest.Vars
	nothing := func(*testing.T, *servertest.Kontor, *servertest.Client) servertest.Vars { return nil }
	enrolled := func(t *testing.T, k *servertest.Kontor, c *servertest.Client) servertest.Vars {
		app := authenticator{secret: c.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")}
		return servertest.Vars{"code": app.code(k)}
	}
	confirmed := func(t *testing.T, k *servertest.Kontor, c *servertest.Client) servertest.Vars {
		app := setUp(t, k, c)
		k.Clock.Advance(time.Minute)
		return servertest.Vars{"code": app.code(k)}
	}
	customer := func(t *testing.T, k *servertest.Kontor, _ *servertest.Client) servertest.Vars {
		return servertest.Vars{"id": tenantID(t, k.SQL(t), "HANSA")}
	}
	for name, each := range map[string]struct {
		document, wanted string
		prepare          preparation
		takes            bool
	}{
		"a new password":                     {password, "token", nothing, true},
		"a new password, under another name": {password, "next: token", nothing, true},
		"a new password, not asked":          {password, "", nothing, false},
		"a new password, skipped":            {password, "token @skip(if: true)", nothing, false},
		"a wrong password":                   {wrong, "token", nothing, false},
		"codes switched on":                  {confirm, "token", enrolled, true},
		"codes switched on, not asked":       {confirm, "recoveryCodes", enrolled, false},
		"codes switched off":                 {disable, "token", confirmed, true},
		"codes switched off, not asked":      {disable, "", confirmed, false},
		"another customer":                   {act, "token", customer, true},
		"another customer, not asked":        {act, "", customer, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
				app, browser := k[0].As(t, "paul.lang"), (*servertest.Client)(nil)
				session, former := sessionOf(t, app), *app
				variables := each.prepare(t, k[0], app)
				k[0].Clock.Advance(time.Second)
				answer := app.Do(t, fmt.Sprintf(each.document, each.wanted), variables)
				if len(answer.Errors) > 0 {
					t.Fatalf("%s", answer.Body)
				}
				fresh, _ := answer.Get("changed.token").(string)
				if next, ok := answer.Get("changed.next").(string); ok {
					fresh = next
				}
				if (fresh != "") != each.takes || fresh == former.Token {
					t.Fatalf("the token is %q, was %q", fresh, former.Token)
				}
				for i, replica := range k {
					expectLive(t, fmt.Sprint("the token so far, replica ", i), former.On(replica), !each.takes)
				}
				if !each.takes {
					return
				}
				app.Token = fresh
				expectLive(t, "the new token", app.On(k[1]), true)
				if got := sessionOf(t, app); got != session {
					t.Errorf("the session is %s, was %s", got, session)
				}
				app.Operation(t, "spa/session", "Logout", nil).OK(t)
				expectLive(t, "the new token, logged out", app.On(k[1]), false)

				// The same in a browser, as somebody else.
				if each.document == password {
					browser = inBrowser(t, k[0], "gerd.grau")
					old := cookieOf(browser)
					answer := browser.Do(t, fmt.Sprintf(each.document, each.wanted), nil).OK(t)
					if answer.Get("changed.token") != nil || answer.Get("changed.next") != nil || cookieOf(browser) == old {
						t.Errorf("a browser gets %s", answer.Body)
					}
					expectLive(t, "the cookie so far", withCookie(t, k[1], old), false)
					expectLive(t, "the new cookie", browser, true)
				}
			})
		})
	}
}
