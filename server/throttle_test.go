package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"kontor/internal/kontortest"
	"kontor/server"
	"kontor/server/servertest"
)

const wrongPassword = "Falsch-2026!"

// refused are the bytes of the one answer to all logins that do not work; any other
// answer fails the test.
func refused(t *testing.T, answer *servertest.Answer) string {
	t.Helper()
	if got := answer.Codes("login"); answer.Status != http.StatusOK || !slices.Equal(got, []string{"INVALID_CREDENTIALS"}) {
		t.Fatalf("a login that should be refused: %d %s", answer.Status, answer.Body)
	}
	return string(answer.Body)
}

// fail makes so many logins with a wrong password, one at once after the other.
func fail(t *testing.T, k *servertest.Kontor, username string, times int) {
	t.Helper()
	for range times {
		refused(t, loginAs(t, k.Anonymous(), username, wrongPassword))
	}
}

// breakHash makes every check of a user's password an internal error, so that a test
// sees from outside which logins were evaluated. It gives back how to mend it.
func breakHash(t *testing.T, k *servertest.Kontor, username string) (mend func()) {
	t.Helper()
	d := k.SQL(t)
	hash := columnOf(t, d, `SELECT password_hash FROM users WHERE username = '`+username+`'`)[0]
	alter(t, d, `UPDATE users SET password_hash = 'broken' WHERE username = '`+username+`'`)
	return func() { alter(t, d, `UPDATE users SET password_hash = '`+hash+`' WHERE username = '`+username+`'`) }
}

// count is how many answers there are of each code, of either kind of error.
func count(answers []*servertest.Answer, field string) map[string]int {
	n := map[string]int{}
	for _, answer := range answers {
		code := answer.Code()
		if codes := answer.Codes(field); len(codes) > 0 {
			code = codes[0]
		}
		n[code]++
	}
	return n
}

// After the free failures each wait is twice as long as the one before, up to a
// quarter of an hour. During a wait the right password gets what a wrong one gets;
// after it, it works, and the failures are forgotten.
//
// Requirement: ID-19
// Case: AUTH-03
func TestThrottleWaitsGrow(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		wrong := loginAs(t, k.Anonymous(), "gerd.grau", wrongPassword)
		want := refused(t, wrong)
		fail(t, k, "gerd.grau", 5)
		rightDuringWait := func() {
			t.Helper()
			right := loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword)
			if got := refused(t, right); got != want || !maps.Equal(steady(right.Header), steady(wrong.Header)) {
				t.Fatalf("the right password during a wait: %v %s, a wrong one: %v %s", right.Header, got, wrong.Header, want)
			}
		}
		wait := time.Second
		for failures := 6; failures < 18; failures++ {
			rightDuringWait()
			k.Clock.Advance(wait - time.Millisecond)
			rightDuringWait()
			k.Clock.Advance(time.Millisecond)
			fail(t, k, "gerd.grau", 1)
			wait = min(2*wait, 15*time.Minute)
		}
		k.Clock.Advance(wait - time.Millisecond)
		rightDuringWait()
		k.Clock.Advance(time.Millisecond)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("after the wait the right password does not work")
		}
		fail(t, k, "gerd.grau", 5)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("a login that worked did not clear the failures before it")
		}
	})
}

// Nobody learns from failures who there is: all that cannot log in are refused and
// counted like a user whose password is wrong.
//
// Requirement: ID-01
// Requirement: ID-19
// Case: AUTH-01
// Case: AUTH-03
func TestThrottleCountsEverybodyAlike(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`)
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`)
		alter(t, d, `UPDATE users SET status = 'INVITED', password_hash = '' WHERE username = 'silke.sommer'`)
		want := ""
		for name, who := range map[string][3]string{
			"a wrong password":      {"moritz.hansen", wrongPassword, "HANSA"},
			"an unknown user":       {"niemand", servertest.DemoPassword, "HANSA"},
			"a wrong organization":  {"martha.hansen", servertest.DemoPassword, "ALSTER"},
			"a deactivated user":    {"gerd.grau", servertest.DemoPassword, "HANSA"},
			"a locked user":         {"anna.abel", servertest.DemoPassword, "HANSA"},
			"an invited user":       {"silke.sommer", servertest.DemoPassword, "HANSA"},
			"an unknown address":    {"niemand@hansa.example", servertest.DemoPassword, "HANSA"},
			"an empty organization": {"malte.brandt", wrongPassword, ""},
		} {
			for i := range 12 {
				got := refused(t, loginAs(t, k.Anonymous(), who[0], who[1], "organization", who[2]))
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s, attempt %d: %s, want %s", name, i, got, want)
				}
			}
		}
		if r := k.Redis(t); r != nil {
			seen := 0
			for _, key := range r.Keys(t.Context(), "kontor:throttle:*").Val() {
				if r.Type(t.Context(), key).Val() != "hash" {
					continue // the source
				}
				seen++
				if got := r.HMGet(t.Context(), key, "counted", "cleared").Val(); fmt.Sprint(got) != "[6 0]" {
					t.Errorf("of 12 attempts at once %v were counted and cleared, want 6 and 0", got)
				}
			}
			if seen != 8 {
				t.Errorf("8 names were tried, %d are counted", seen)
			}
		}
		if mails := columnOf(t, d, `SELECT recipient FROM mails`); len(mails) > 0 {
			t.Errorf("after 6 failures mails went to %v", mails)
		}
	})
}

// The user name and the e-mail address of an account have one counter, however they
// are written.
//
// Requirement: ID-19
func TestThrottleNamesShareACounter(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		names := []string{"gerd.grau", "GERD.GRAU@hansa.example", " Gerd.Grau", "gerd.grau@hansa.example", "gerd.ｇrau", "GERD.GRAU"}
		for _, name := range names {
			fail(t, k, name, 1)
		}
		for _, name := range names {
			if loggedIn(t, k, name, servertest.DemoPassword) {
				t.Errorf("%q does not wait with the others", name)
			}
		}
		if !loggedIn(t, k, "martha.hansen", servertest.DemoPassword) {
			t.Error("another user waits, too")
		}
	})
}

// Replicas count together.
//
// Requirement: ID-19
// Case: AUTH-03
func TestThrottleHoldsAcrossReplicas(t *testing.T) {
	t.Parallel()
	one := servertest.Start(t, servertest.Backends[1])
	two := one.Replica(t)
	mend := breakHash(t, one, "gerd.grau")
	var answers []*servertest.Answer
	for i := range 20 {
		answers = append(answers, loginAs(t, []*servertest.Kontor{one, two}[i%2].Anonymous(), "gerd.grau", wrongPassword))
	}
	if got := count(answers, "login"); got["INTERNAL"] != 6 || got["INVALID_CREDENTIALS"] != 14 {
		t.Errorf("of 20 attempts on two replicas: %v, want 6 evaluated", got)
	}
	mend()
	one.Clock.Advance(time.Second)
	if !loggedIn(t, two, "gerd.grau", servertest.DemoPassword) {
		t.Fatal("after the wait the right password does not work")
	}
	fail(t, one, "gerd.grau", 5)
	if !loggedIn(t, one, "gerd.grau", servertest.DemoPassword) {
		t.Error("what one replica forgot the other still counts")
	}
}

// Of many logins at once as many are evaluated as one after the other, and the
// source is counted to the attempt: nobody slips through between counting and
// checking.
//
// Requirement: ID-19
// Case: AUTH-06
func TestThrottleCountsParallelLoginsExactly(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		mend := breakHash(t, k, "gerd.grau")
		try := func() map[string]int {
			return count(atOnce(200, func(i int) *servertest.Answer {
				return patiently(func() *servertest.Answer {
					return loginAs(t, k.Anonymous(), "gerd.grau", fmt.Sprint("Geraten-", i, "!"))
				})
			}), "login")
		}
		want := map[string]int{"INTERNAL": 6, "INVALID_CREDENTIALS": 94, "RATE_LIMITED": 100}
		if got := try(); !maps.Equal(got, want) {
			t.Errorf("200 at once: %v, want %v: evaluated, refused for the account, refused for the source", got, want)
		}
		k.Clock.Advance(5 * time.Minute)
		want["INTERNAL"], want["INVALID_CREDENTIALS"] = 1, 99
		if got := try(); !maps.Equal(got, want) {
			t.Errorf("200 at once after the wait: %v, want %v", got, want)
		}
		mend()
		k.Clock.Advance(time.Hour)
		fail(t, k, "gerd.grau", 1)
		var worked int
		for _, answer := range atOnce(50, func(i int) *servertest.Answer {
			return loginAs(t, k.Anonymous(), "gerd.grau", map[bool]string{true: servertest.DemoPassword, false: fmt.Sprint("Geraten-", i)}[i == 25])
		}) {
			if answer.Get("login.token") != nil {
				worked++
			}
		}
		if worked > 0 {
			t.Error("the right password among many slipped through during a wait")
		}
	})
}

// Without Redis nothing can be counted, so nothing is evaluated: neither a password
// nor a code, right or wrong.
//
// Requirement: ID-19
// Case: FLT-05
// Case: CONC-11
func TestThrottleNothingIsEvaluatedWithoutRedis(t *testing.T) {
	t.Parallel()
	k, stop := withOwnRedis(t)
	_, app := enrolled(t, k, "martha.hansen")
	k.Clock.Advance(time.Minute)
	challenge := challenged(t, k, "martha.hansen")
	stop()
	breakHash(t, k, "gerd.grau")
	for name, answer := range map[string]*servertest.Answer{
		"a password":         loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword),
		"an unknown user":    loginAs(t, k.Anonymous(), "niemand", servertest.DemoPassword),
		"an app's login":     appLogin(t, k, "gerd.grau", wrongPassword),
		"a code":             answerChallenge(t, k.Anonymous(), challenge, app.code(k)),
		"a wrong code":       answerChallenge(t, k.Anonymous(), challenge, "000000"),
		"an activation code": k.Anonymous().Operation(t, "spa/registration", "ActivateAccount", servertest.Vars{"input": map[string]any{"activationCode": "x", "email": "a@b.example", "username": "jemand", "password": "x"}}),
	} {
		if answer.Status != http.StatusServiceUnavailable || answer.Code() != "UNAVAILABLE" || answer.Data != nil || answer.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %v %s", name, answer.Status, answer.Header, answer.Body)
		}
	}
	if step := columnOf(t, k.SQL(t), `SELECT otp_last_step FROM users WHERE username = 'martha.hansen'`); step[0] != fmt.Sprint(app.confirmed) {
		t.Errorf("the code was used up: the last step is %s, want %d", step[0], app.confirmed)
	}
}

// withOwnRedis is a replica with a Redis of its own, and what stops that.
func withOwnRedis(t *testing.T) (k *servertest.Kontor, stop func()) {
	t.Helper()
	redis, err := kontortest.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k = servertest.Start(t, servertest.Backends[1], func(c *server.Config) { c.RedisURL = redis.URL() })
	t.Cleanup(func() {
		if err := redis.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, func() {
		if err := redis.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}
