package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// A challenge is open for five minutes.
//
// Requirement: ID-18
func TestChallengeExpires(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "martha.hansen")
		k.Clock.Advance(time.Minute)
		one, two := challenged(t, k, "martha.hansen"), challenged(t, k, "martha.hansen")
		k.Clock.Advance(5*time.Minute - time.Second)
		expectAnswer(t, "a second before five minutes", k, one, app.code(k), "")
		k.Clock.Advance(time.Second)
		expectAnswer(t, "after five minutes", k, two, app.recovery[0], "CHALLENGE_UNKNOWN")
	})
}

// What names no open challenge is told apart by nothing, whatever code comes with it,
// and uses no code up.
//
// Requirement: ID-18
// Case: AUTH-01
func TestChallengeUnknown(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		owner, app := enrolled(t, k, "martha.hansen")
		k.Clock.Advance(time.Minute)
		challenge := challenged(t, k, "martha.hansen")
		want := string(answerChallenge(t, k.Anonymous(), strings.Repeat("A", 43), app.code(k)).Body)
		for name, id := range map[string]string{
			"empty": "", "short": "x", "cut off": challenge[:42], "longer": challenge + "A", "with a line break": challenge[:20] + "\n" + challenge[20:],
			"a blank before it": " " + challenge, "in other letters": strings.ToUpper(challenge), "very long": strings.Repeat("A", 100_000),
			"a session token": owner.Token, "an ID of something else": sessionOf(t, owner), "a pattern": "*",
		} {
			answer := answerChallenge(t, k.Anonymous(), id, app.code(k))
			if got := faultsOf(t, answer, "answerChallenge"); !slices.Equal(got, []string{"CHALLENGE_UNKNOWN challengeId"}) || string(answer.Body) != want {
				t.Errorf("%s: %s, want %s", name, answer.Body, want)
			}
		}
		expectAnswer(t, "the challenge itself", k, challenge, app.code(k), "")
	})
}

// Between password and code the world may change: whoever may no longer log in does
// not, and a password that was replaced is worth nothing in the second step either.
//
// Requirement: ID-16
// Requirement: ID-18
// Case: AUTH-10
func TestChallengeAfterAChange(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		users := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": "gerd.grau"}}).OK(t)
		gerd := map[string]any{"id": users.String(t, "users.nodes.0.id")}
		owner, app := enrolled(t, k, "gerd.grau")
		for name, change := range map[string]func(){
			"deactivated": func() {
				martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": gerd}).OK(t)
			},
			"deactivated and back": func() {
				martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": gerd}).OK(t)
				martha.Operation(t, "spa/users", "ReactivateUser", servertest.Vars{"input": gerd}).OK(t)
			},
			"locked": func() { alter(t, k.SQL(t), `UPDATE users SET status = 'LOCKED' WHERE username = 'gerd.grau'`) },
			"a new password": func() {
				k.Clock.Advance(30 * time.Second)
				owner.Token = answerChallenge(t, k.Anonymous(), challenged(t, k, "gerd.grau"), app.code(k)).OK(t).String(t, "answerChallenge.token")
				changePassword(t, owner, servertest.DemoPassword, "Anderes-1!").OK(t)
			},
			"a reset password": func() { resetByMail(t, k, "gerd.grau@hansa.example", "Anderes-2!") },
		} {
			alter(t, k.SQL(t), `UPDATE users SET status = 'ACTIVE', password_hash = (SELECT password_hash FROM users WHERE username = 'anna.abel')
				WHERE username = 'gerd.grau'`)
			k.Clock.Advance(time.Minute)
			challenge := challenged(t, k, "gerd.grau")
			k.Clock.Advance(time.Second)
			change()
			k.Clock.Advance(time.Minute)
			expectAnswer(t, name, k, challenge, app.code(k), "CHALLENGE_UNKNOWN")
		}
	})
}

// A new password, changed or reset, leaves the second factor as it is.
//
// Requirement: ID-09
// Requirement: ID-18
// Case: AUTH-10
func TestChallengeStaysAfterANewPassword(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, app := enrolled(t, k, "martha.hansen")
		changePassword(t, martha, servertest.DemoPassword, "Geaendert-1!").OK(t)
		k.Clock.Advance(time.Minute)
		login := appLogin(t, k, "martha.hansen", "Geaendert-1!").OK(t)
		expectAnswer(t, "after a change", k, login.String(t, "login.challenge.id"), app.code(k), "")

		resetByMail(t, k, "martha.hansen@hansa.example", "Zurueckgesetzt-1!")
		expectLive(t, "a session before the reset", martha, false)
		k.Clock.Advance(time.Minute)
		login = appLogin(t, k, "martha.hansen", "Zurueckgesetzt-1!").OK(t)
		if login.Get("login.token") != nil {
			t.Fatalf("a reset of the password replaced the code: %s", login.Body)
		}
		expectAnswer(t, "after a reset", k, login.String(t, "login.challenge.id"), app.code(k), "")
	})
}

// resetByMail sets a new password by the link that is mailed to an address.
func resetByMail(t *testing.T, k *servertest.Kontor, address, password string) {
	t.Helper()
	before := len(k.Mails(t, address))
	k.Anonymous().Operation(t, "spa/registration", "RequestPasswordReset", servertest.Vars{"input": map[string]any{"email": address}}).OK(t)
	token := mailsSoon(t, k, address, before+1)[0].Token(t)
	answer := k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": token, "newPassword": password}}).OK(t)
	if len(sessionCookies(answer)) > 0 {
		t.Errorf("the reset logs in: %v", answer.Header)
	}
}

// mailsSoon are the mails to an address once there are so many: some are written
// behind the answer. More of them than that fail the test.
func mailsSoon(t *testing.T, k *servertest.Kontor, address string, want int) []servertest.Mail {
	t.Helper()
	var mails []servertest.Mail
	for range 200 {
		if mails = k.Mails(t, address); len(mails) >= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(mails) != want {
		t.Fatalf("%d mails went to %s, want %d: %+v", len(mails), address, want, mails)
	}
	return mails
}
