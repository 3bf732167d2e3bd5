package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// expectAnswer answers a challenge and fails when something else comes of it: a code
// of an error, or a session where that is empty.
func expectAnswer(t *testing.T, name string, k *servertest.Kontor, challenge, code, want string) {
	t.Helper()
	answer := answerChallenge(t, k.Anonymous(), challenge, code)
	got := answer.Code()
	if codes := answer.Codes("answerChallenge"); len(codes) > 0 {
		got = codes[0]
	}
	session := answer.Get("answerChallenge.token") != nil
	if got != want || session != (want == "") || session != (answer.Get("answerChallenge.viewer") != nil) || len(sessionCookies(answer)) > 0 {
		t.Errorf("%s: %s, want %q", name, answer.Body, want)
	}
}

// A code works once, in its own half minute and the one after; the server's clock
// decides.
//
// Requirement: ID-18
// Case: AUTH-11
func TestOtpCodesWorkOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "martha.hansen")
		first := challenged(t, k, "martha.hansen")
		expectAnswer(t, "the code that switched it on", k, first, app.code(k), "CODE_INVALID")

		k.Clock.Advance(time.Minute)
		code := app.code(k)
		expectAnswer(t, "a code", k, first, code, "")
		expectAnswer(t, "an answered challenge with the same code", k, first, code, "CHALLENGE_UNKNOWN")
		second := challenged(t, k, "martha.hansen")
		expectAnswer(t, "the same code for another challenge", k, second, code, "CODE_INVALID")
		k.Clock.Advance(30 * time.Second)
		expectAnswer(t, "the same code a step later", k, second, code, "CODE_INVALID")
		expectAnswer(t, "the answered challenge with the next code", k, first, app.code(k), "CHALLENGE_UNKNOWN")
		expectAnswer(t, "the next code", k, second, app.code(k), "")

		third := challenged(t, k, "martha.hansen")
		k.Clock.Advance(2 * time.Minute)
		now := k.Clock.Now()
		expectAnswer(t, "two steps old", k, third, app.codeAt(now.Add(-time.Minute)), "CODE_INVALID")
		expectAnswer(t, "two steps ahead", k, third, app.codeAt(now.Add(time.Minute)), "CODE_INVALID")
		expectAnswer(t, "one step old", k, third, app.codeAt(now.Add(-30*time.Second)), "")

		fourth := challenged(t, k, "martha.hansen")
		expectAnswer(t, "one step ahead, from a phone that is fast", k, fourth, app.codeAt(now.Add(30*time.Second)), "")
		fifth := challenged(t, k, "martha.hansen")
		expectAnswer(t, "the present one, after one that was ahead", k, fifth, app.code(k), "CODE_INVALID")
		for name, header := range map[string]string{"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "X-Time": "1795424400"} {
			c := k.Anonymous()
			c.Header[name] = header
			if got := answerChallenge(t, c, fifth, app.codeAt(now.Add(-time.Hour))).Codes("answerChallenge"); !slices.Equal(got, []string{"CODE_INVALID"}) {
				t.Errorf("an old code with a time of the client's own: %v", got)
			}
		}
	})
}

// Of many who come with one code at the same time one gets in, on whichever
// challenge and replica.
//
// Requirement: ID-18
// Case: AUTH-06
// Case: AUTH-11
func TestOtpOneCodeManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		owner, app := enrolled(t, k, "martha.hansen")
		replicas := []*servertest.Kontor{k}
		if k.Redis(t) != nil {
			replicas = append(replicas, k.Replica(t))
		}
		for round := range 3 {
			k.Clock.Advance(time.Hour)
			challenges := make([]string, 10)
			for i := range challenges {
				challenges[i] = challenged(t, k, "martha.hansen")
			}
			code := app.code(k)
			if round == 2 {
				code = app.recovery[0]
			}
			answers := atOnce(50, func(i int) *servertest.Answer {
				return answerChallenge(t, replicas[i%len(replicas)].Anonymous(), challenges[i%10], code)
			})
			got := count(answers, "answerChallenge")
			if got[""] != 1 || got["CODE_INVALID"]+got["CHALLENGE_UNKNOWN"]+got["RATE_LIMITED"] != 49 {
				t.Errorf("50 answers with one code, round %d: %v", round, got)
			}
		}
		sessions := owner.Operation(t, "spa/session", "MySessions", nil).OK(t)
		if n := len(sessions.List(t, "viewer.sessions")); n != 1+3 {
			t.Errorf("3 codes made %d sessions beside the one that asks", n-1)
		}
	})
}

// A challenge takes five answers; many at once are no more.
//
// Requirement: ID-18
// Requirement: ID-19
// Case: AUTH-06
func TestOtpFiveWrongAnswersEndAChallenge(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "martha.hansen")
		k.Clock.Advance(time.Minute)
		challenge := challenged(t, k, "martha.hansen")
		for i := range 5 {
			expectAnswer(t, fmt.Sprint("wrong answer ", i+1), k, challenge, "000000", "CODE_INVALID")
		}
		expectAnswer(t, "the right code after five wrong ones", k, challenge, app.code(k), "CHALLENGE_UNKNOWN")
		// A fresh challenge takes the next answer, which is the sixth wrong one of the user.
		fresh := challenged(t, k, "martha.hansen")
		expectAnswer(t, "a wrong answer to a fresh challenge", k, fresh, "000000", "CODE_INVALID")
		limited := answerChallenge(t, k.Anonymous(), fresh, app.code(k))
		if limited.Status != http.StatusTooManyRequests || limited.Code() != "RATE_LIMITED" || limited.Errors[0].Extensions["retryAfter"] != float64(30) || limited.Header.Get("Retry-After") != "30" {
			t.Errorf("the right code after six wrong ones of a user: %d %v %s", limited.Status, limited.Header, limited.Body)
		}
		k.Clock.Advance(30 * time.Second)
		expectAnswer(t, "the right code after the wait", k, fresh, app.code(k), "")

		// Whatever is evaluated now is an internal error.
		k.Clock.Advance(time.Hour)
		challenge = challenged(t, k, "martha.hansen")
		alter(t, k.SQL(t), `UPDATE users SET otp_secret = 'broken' WHERE username = 'martha.hansen'`)
		got := count(atOnce(200, func(i int) *servertest.Answer {
			return answerChallenge(t, k.Anonymous(), challenge, fmt.Sprintf("%06d", i))
		}), "answerChallenge")
		if want := map[string]int{"INTERNAL": 5, "CHALLENGE_UNKNOWN": 95, "RATE_LIMITED": 100}; !maps.Equal(got, want) {
			t.Errorf("200 answers at once: %v, want %v: evaluated, refused for the challenge, refused for the source", got, want)
		}
	})
}

// Guesses at codes add up over all challenges of a user. Whoever makes them knows the
// password, so the owner is told once, and the account is locked in the end.
//
// Requirement: ID-18
// Requirement: ID-19
// Case: AUTH-03
func TestOtpGuessesAddUpOverChallenges(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		owner, app := enrolled(t, k, "martha.hansen")
		for i := range 100 {
			k.Clock.Advance(15 * time.Minute)
			challenge := challenged(t, k, "martha.hansen")
			expectAnswer(t, fmt.Sprint("guess ", i+1), k, challenge, "000000", "CODE_INVALID")
			if i > 4 && i < 99 {
				expectAnswer(t, "the right code during the wait", k, challenge, app.code(k), "RATE_LIMITED")
			}
		}
		statusSoon(t, k, "martha.hansen", "LOCKED")
		refused(t, loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword))
		if mails := mailsSoon(t, k, "martha.hansen@hansa.example", 2); !strings.Contains(mails[0].Subject, "verzögert") {
			t.Errorf("the owner was told: %+v", mails)
		}
		expectLive(t, "the session of the owner", owner, true)
		resetByMail(t, k, "martha.hansen@hansa.example", "Neues-Kennwort-1!")
		challenge := appLogin(t, k, "martha.hansen", "Neues-Kennwort-1!").OK(t).String(t, "login.challenge.id")
		expectAnswer(t, "the code after a reset of the password", k, challenge, app.code(k), "")
	})
}

// A recovery code replaces the app once, however it is typed, and the owner is told.
//
// Requirement: ID-18
func TestOtpRecoveryCodes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		owner, app := enrolled(t, k, "martha.hansen")
		for i, typed := range []func(string) string{
			func(c string) string { return c },
			strings.ToLower,
			func(c string) string { return strings.ReplaceAll(c, "-", "") },
			func(c string) string { return " " + strings.ReplaceAll(c, "-", " ") + " " },
		} {
			challenge := challenged(t, k, "martha.hansen")
			expectAnswer(t, "a recovery code", k, challenge, typed(app.recovery[i]), "")
			again := challenged(t, k, "martha.hansen")
			expectAnswer(t, "the same recovery code", k, again, app.recovery[i], "CODE_INVALID")
			mails := k.Mails(t, "martha.hansen@hansa.example")
			if len(mails) != 2+i || !strings.Contains(mails[0].Subject, "Wiederherstellungscode") || strings.Contains(mails[0].Text, app.recovery[i]) {
				t.Errorf("the owner was told: %+v", mails)
			}
		}
		// Another user's code is nobody's here.
		_, other := enrolled(t, k, "moritz.hansen")
		expectAnswer(t, "another user's recovery code", k, challenged(t, k, "martha.hansen"), other.recovery[0], "CODE_INVALID")
		expectAnswer(t, "its own", k, challenged(t, k, "moritz.hansen"), other.recovery[0], "")
		disableOtp(t, owner, servertest.DemoPassword, app.recovery[9]).OK(t)
	})
}
