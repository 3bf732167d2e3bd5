package server_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// statusSoon waits for a status that is written behind an answer.
func statusSoon(t *testing.T, k *servertest.Kontor, username, want string) {
	t.Helper()
	d, got := k.SQL(t), ""
	for range 200 {
		if got = columnOf(t, d, `SELECT status FROM users WHERE username = '`+username+`'`)[0]; got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s is %s, want %s", username, got, want)
}

// lockOut makes as many wrong logins as it takes, each after the wait.
func lockOut(t *testing.T, k *servertest.Kontor, username string) {
	t.Helper()
	for range 100 {
		k.Clock.Advance(15 * time.Minute)
		fail(t, k, username, 1)
	}
	statusSoon(t, k, username, "LOCKED")
}

// A hundred failures in a row are evaluated and no more, however long somebody goes
// on. Then the right password is refused for good, whatever becomes of Redis; who is
// logged in works on.
//
// Requirement: ID-19
// Case: AUTH-03
// Case: AUTH-04
// Case: FLT-06
func TestLockedAfterAHundredFailures(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		session := k.As(t, "gerd.grau")
		mend := breakHash(t, k, "gerd.grau")
		var answers []*servertest.Answer
		for range 150 {
			k.Clock.Advance(15 * time.Minute)
			answers = append(answers, loginAs(t, k.Anonymous(), "gerd.grau", wrongPassword))
		}
		if got, want := count(answers, "login"), map[string]int{"INTERNAL": 100, "INVALID_CREDENTIALS": 50}; !maps.Equal(got, want) {
			t.Errorf("150 wrong passwords: %v, want %v", got, want)
		}
		mend()
		statusSoon(t, k, "gerd.grau", "LOCKED")
		want := refused(t, loginAs(t, k.Anonymous(), "niemand", wrongPassword))
		for _, wait := range []time.Duration{0, time.Hour, 24 * time.Hour, 10 * 24 * time.Hour} {
			k.Clock.Advance(wait)
			for _, password := range []string{servertest.DemoPassword, wrongPassword} {
				if got := refused(t, loginAs(t, k.Anonymous(), "gerd.grau", password)); got != want {
					t.Errorf("%s after %s: %s, want %s", password, wait, got, want)
				}
			}
			expectLive(t, fmt.Sprint("the session that there was, after ", wait), session, true)
		}
		k.Clock.Advance(40 * 24 * time.Hour) // Redis has forgotten
		refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword))
		if r := k.Redis(t); r != nil {
			if err := r.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword))
		}
	})
}

// Three ways lead out: the mailed link, and what a master admin does for its people.
//
// Requirement: ID-09
// Requirement: ID-15
// Requirement: ID-19
// Case: AUTH-04
func TestLockedIsReleased(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		users := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": "gerd.grau"}}).OK(t)
		gerd := servertest.Vars{"input": map[string]any{"id": users.String(t, "users.nodes.0.id")}}
		works := func(name, password string) {
			t.Helper()
			statusSoon(t, k, "gerd.grau", "ACTIVE")
			fail(t, k, "gerd.grau", 5)
			if !loggedIn(t, k, "gerd.grau", password) {
				t.Errorf("%s does not release", name)
			}
		}
		lockOut(t, k, "gerd.grau")
		if got := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 5, "where": map[string]any{"status": "LOCKED"}}).OK(t); got.Get("users.totalCount") != float64(1) {
			t.Errorf("the master admin sees as locked: %s", got.Body)
		}
		resetByMail(t, k, "gerd.grau@hansa.example", "Zurueckgesetzt-1!")
		works("a reset by mail", "Zurueckgesetzt-1!")

		lockOut(t, k, "gerd.grau")
		if got := martha.Operation(t, "spa/users", "ReactivateUser", gerd).OK(t).String(t, "reactivateUser.user.status"); got != "ACTIVE" {
			t.Errorf("reactivated, and %s", got)
		}
		works("reactivateUser", "Zurueckgesetzt-1!")

		lockOut(t, k, "gerd.grau")
		martha.Operation(t, "spa/users", "SendPasswordReset", gerd).OK(t)
		works("sendPasswordReset", "Zurueckgesetzt-1!")
		token := k.Mails(t, "gerd.grau@hansa.example")[0].Token(t)
		k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": token, "newPassword": "Zurueckgesetzt-2!"}}).OK(t)
		works("the link that the master admin sent", "Zurueckgesetzt-2!")
	})
}

// Somebody who is kept out for a while gets in at once by the mailed link, and that is
// all it takes: a hundred failures are not needed.
//
// Requirement: ID-09
// Requirement: ID-19
// Case: AUTH-04
func TestLockedOutForAWhileIsReleasedByMail(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		fail(t, k, "gerd.grau", 20)
		if loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Fatal("there is no wait")
		}
		resetByMail(t, k, "gerd.grau@hansa.example", "Zurueckgesetzt-1!")
		if !loggedIn(t, k, "gerd.grau", "Zurueckgesetzt-1!") {
			t.Error("after the reset the wait goes on")
		}
	})
}

// The owner is told at the tenth failure in a row, once, until a login has worked. Of
// those who cannot log in anyway nobody is.
//
// Requirement: ID-19
// Requirement: ID-20
// Case: AUTH-03
func TestLockedOwnerIsToldOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'anna.abel'`)
		alter(t, d, `UPDATE users SET status = 'INVITED', password_hash = '' WHERE username = 'silke.sommer'`)
		alter(t, d, `UPDATE users SET language = 'en' WHERE username = 'gerd.grau'`)
		const address = "gerd.grau@hansa.example"
		failures := func(times int) {
			t.Helper()
			for i := range times {
				k.Clock.Advance(15 * time.Minute)
				for _, name := range []string{"anna.abel", "silke.sommer", "niemand@hansa.example", []string{"gerd.grau", address}[i%2]} {
					fail(t, k, name, 1)
				}
			}
		}
		failures(9)
		mailsSoon(t, k, address, 0)
		failures(1)
		told := mailsSoon(t, k, address, 1)[0]
		if !strings.Contains(told.Subject, "logins with your user name are delayed") || !strings.Contains(told.Text, "127.0.0.1") || !strings.Contains(told.Text, "gerd.grau") {
			t.Errorf("the owner was told: %+v", told)
		}
		failures(15)
		mailsSoon(t, k, address, 1)
		k.Clock.Advance(15 * time.Minute)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Fatal("after the wait the right password does not work")
		}
		failures(12)
		mailsSoon(t, k, address, 2)
		if others := columnOf(t, d, `SELECT recipient FROM mails WHERE recipient <> '`+address+`'`); len(others) > 0 {
			t.Errorf("mails went to %v", others)
		}
	})
}
