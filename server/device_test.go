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

// known logs an app in, and gives what its device is known by from then on.
func known(t *testing.T, k *servertest.Kontor, username, deviceToken string) (*servertest.Answer, string) {
	t.Helper()
	input := map[string]any{"username": username, "password": servertest.DemoPassword, "transport": "BEARER", "deviceToken": deviceToken}
	answer := k.Anonymous().Do(t, `mutation($input: LoginInput!) {
		login(input: $input) { token deviceToken challenge { id } viewer { user { username } } errors { code } } }`, servertest.Vars{"input": input})
	token, _ := answer.Get("login.deviceToken").(string)
	return answer, token
}

// deviceCookie is the cookie by which a browser is known, as an answer sets it; nil where it sets none.
func deviceCookie(answer *servertest.Answer) *http.Cookie {
	set := (&http.Response{Header: answer.Header}).Cookies()
	if i := slices.IndexFunc(set, isDevice); i >= 0 {
		return set[i]
	}
	return nil
}

// locked makes a user one that is locked for guesses.
func locked(t *testing.T, k *servertest.Kontor, username string) {
	t.Helper()
	alter(t, k.SQL(t), `UPDATE users SET status = 'LOCKED' WHERE username = '`+username+`'`)
}

// Somebody locks a user by a hundred guesses from anywhere. Elsewhere the right password is refused; where the
// user was logged in from before it lets in, again and again, after a logout too, and the lock stays for all others.
//
// Requirement: ID-19
// Case: AUTH-04
func TestAKnownDeviceLogsInWhileItsUserIsLocked(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserOf(t, k)
		first := loginAs(t, browser, "gerd.grau", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		c := deviceCookie(first)
		if c == nil || c.Name != "kontor-device" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
			!c.Expires.Equal(k.Clock.Now().Add(180*24*time.Hour).Truncate(time.Second)) {
			t.Fatalf("the login sets %v", first.Header)
		}
		if strings.Contains(string(first.Body), c.Value) || strings.Contains(c.Value, "gerd") {
			t.Errorf("a script can read the cookie, or it tells whose it is: %s", first.Body)
		}
		app, device := known(t, k, "gerd.grau", "")
		if deviceCookie(app) != nil || device == "" {
			t.Fatalf("an app gets %v %s", app.Header, app.Body)
		}
		out := browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		if set := deviceCookie(out); set != nil {
			t.Errorf("the logout changes the device: %v", set)
		}

		lockOut(t, k, "gerd.grau")
		want := refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword))
		for range 3 {
			if got := loginAs(t, browser, "gerd.grau", wrongPassword, "transport", "COOKIE"); refused(t, got) != want || deviceCookie(got) != nil {
				t.Errorf("a wrong password from a known device: %v %s", got.Header, got.Body)
			}
			loginAs(t, browser, "gerd.grau", servertest.DemoPassword, "transport", "COOKIE").OK(t)
			expectLive(t, "the browser that is known", browser, true)
			again, next := known(t, k, "gerd.grau", device)
			phone := k.Anonymous()
			phone.Token, device = again.OK(t).String(t, "login.token"), next
			expectLive(t, "the app that is known", phone, true)
			if got := refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword)); got != want {
				t.Errorf("elsewhere: %s", got)
			}
			browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		}
		statusSoon(t, k, "gerd.grau", "LOCKED")
	})
}

// With one-time codes the password from a known device asks for one, and the answer lets in; the code is not
// forgiven.
//
// Requirement: ID-18
// Requirement: ID-19
// Case: AUTH-04
func TestAKnownDeviceStillNeedsACode(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, app := enrolled(t, k, "gerd.grau")
		answer := func(challenge, code string) *servertest.Answer {
			return k.Anonymous().Do(t, `mutation($input: AnswerChallengeInput!) { answerChallenge(input: $input) { token deviceToken errors { code field message } } }`,
				servertest.Vars{"input": map[string]any{"challengeId": challenge, "code": code}})
		}
		k.Clock.Advance(time.Minute)
		waiting, early := known(t, k, "gerd.grau", "")
		if early != "" {
			t.Error("the password alone makes a device known")
		}
		device := answer(waiting.OK(t).String(t, "login.challenge.id"), app.code(k)).OK(t).String(t, "answerChallenge.deviceToken")
		elsewhere := challenged(t, k, "gerd.grau")
		locked(t, k, "gerd.grau")
		k.Clock.Advance(time.Minute)
		if got := faultsOf(t, answer(elsewhere, app.code(k)), "answerChallenge"); !slices.Equal(got, []string{"CHALLENGE_UNKNOWN challengeId"}) {
			t.Errorf("a login from elsewhere that waited for its code: %v", got)
		}
		again, _ := known(t, k, "gerd.grau", device)
		challenge := again.OK(t).String(t, "login.challenge.id")
		if again.Get("login.token") != nil {
			t.Error("a known device needs no code")
		}
		if got := faultsOf(t, answer(challenge, "000000"), "answerChallenge"); !slices.Equal(got, []string{"CODE_INVALID code"}) {
			t.Errorf("a wrong code: %v", got)
		}
		phone := k.Anonymous()
		phone.Token = answer(challenge, app.code(k)).OK(t).String(t, "answerChallenge.token")
		expectLive(t, "the app that is known", phone, true)
	})
}

// What is forged, another user's, too old, or of before something that ends sessions, does what nothing at all does:
// the answer is the same to the byte.
//
// Requirement: ID-19
// Case: AUTH-01
// Case: AUTH-04
func TestAnUnknownDeviceIsNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, k *servertest.Kontor, gerd *servertest.Client, device string) string{
		"nothing": func(*testing.T, *servertest.Kontor, *servertest.Client, string) string { return "" },
		"what is no token": func(*testing.T, *servertest.Kontor, *servertest.Client, string) string {
			return strings.Repeat("ä;=", 2000)
		},
		"a forged token": func(_ *testing.T, _ *servertest.Kontor, _ *servertest.Client, device string) string {
			return map[bool]string{true: "B", false: "A"}[device[0] == 'A'] + device[1:]
		},
		"a token for another time": func(_ *testing.T, _ *servertest.Kontor, _ *servertest.Client, device string) string {
			return device[:len(device)-8] + "AAAAAAAA"
		},
		"another user's token": func(t *testing.T, k *servertest.Kontor, _ *servertest.Client, _ string) string {
			_, device := known(t, k, "martha.hansen", "")
			return device
		},
		"a token of 180 days ago": func(_ *testing.T, k *servertest.Kontor, _ *servertest.Client, device string) string {
			k.Clock.Advance(180 * 24 * time.Hour)
			return device
		},
		"a token of before all other sessions were ended": func(t *testing.T, _ *servertest.Kontor, gerd *servertest.Client, device string) string {
			endSessions(t, gerd, map[string]any{"allOthers": true}).OK(t)
			return device
		},
		"a token of before a new password": func(t *testing.T, _ *servertest.Kontor, gerd *servertest.Client, device string) string {
			changePassword(t, gerd, servertest.DemoPassword, "Zwischen-2026!").OK(t)
			changePassword(t, gerd, "Zwischen-2026!", "Zwischen-2027!").OK(t)
			return device
		},
		"a token of before the user was switched off and on": func(t *testing.T, k *servertest.Kontor, _ *servertest.Client, device string) string {
			martha := k.As(t, "martha.hansen")
			id := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": "gerd.grau"}}).OK(t).String(t, "users.nodes.0.id")
			deactivate(t, martha, id).OK(t)
			reactivate(t, martha, id).OK(t)
			return device
		},
	} {
		t.Run(name, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
				gerd := k.As(t, "gerd.grau")
				_, device := known(t, k, "gerd.grau", "")
				k.Clock.Advance(time.Second)
				bad := spoil(t, k, gerd, device)
				hash := columnOf(t, k.SQL(t), `SELECT password_hash FROM users WHERE username = 'anna.abel'`)[0]
				alter(t, k.SQL(t), `UPDATE users SET password_hash = $1 WHERE username = 'gerd.grau'`, hash) // the demo password again
				locked(t, k, "gerd.grau")
				want := loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword)
				refused(t, want)
				got := loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword, "deviceToken", bad)
				if refused(t, got) != string(want.Body) || !maps.Equal(steady(got.Header), steady(want.Header)) {
					t.Errorf("%v %s, without: %v %s", got.Header, got.Body, want.Header, want.Body)
				}
				// It is no counter of its own either.
				fail(t, k, "gerd.grau", 4)
				mend := breakHash(t, k, "gerd.grau")
				refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword, "deviceToken", bad))
				mend()
			})
		})
	}
}

// A new password, and the end of all other sessions, make all devices unknown but the browser that asked for it.
//
// Requirement: ID-02
// Requirement: ID-10
// Case: AUTH-04
func TestABrowserStaysKnownAfterItsOwnChange(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := inBrowser(t, k, "gerd.grau")
		for name, change := range map[string]func() *servertest.Answer{
			"the end of all other sessions": func() *servertest.Answer { return endSessions(t, browser, map[string]any{"allOthers": true}) },
			"a new password": func() *servertest.Answer {
				return changePassword(t, browser, servertest.DemoPassword, "Neu-4711-Sicher!")
			},
		} {
			k.Clock.Advance(time.Second)
			if c := deviceCookie(change().OK(t)); c == nil {
				t.Errorf("%s gives the browser no other cookie", name)
			}
		}
		locked(t, k, "gerd.grau")
		loginAs(t, browser, "gerd.grau", "Neu-4711-Sicher!", "transport", "COOKIE").OK(t)
		expectLive(t, "the browser", browser, true)
	})
}

// Whoever stole what a device is known by cannot guess for long: of many at once as many are checked as without
// it, and of all of them thirty.
//
// Requirement: ID-19
// Case: AUTH-04
// Case: AUTH-06
func TestGuessesFromAKnownDeviceAreCounted(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, device := known(t, k, "gerd.grau", "")
		lockOut(t, k, "gerd.grau")
		mend := breakHash(t, k, "gerd.grau")
		guess := func(i int) *servertest.Answer {
			return patiently(func() *servertest.Answer {
				return loginAs(t, k.Anonymous(), "gerd.grau", fmt.Sprint("Geraten-", i, "!"), "deviceToken", device)
			})
		}
		k.Clock.Advance(time.Hour) // the source is full again
		want := map[string]int{"INTERNAL": 6, "INVALID_CREDENTIALS": 94, "RATE_LIMITED": 100}
		if got := count(atOnce(200, guess), "login"); !maps.Equal(got, want) {
			t.Errorf("200 at once: %v, want %v: checked, refused for the device, refused for the source", got, want)
		}
		var answers []*servertest.Answer
		for i := range 40 {
			k.Clock.Advance(15 * time.Minute)
			answers = append(answers, guess(i))
		}
		if got, want := count(answers, "login"), map[string]int{"INTERNAL": 24, "INVALID_CREDENTIALS": 16}; !maps.Equal(got, want) {
			t.Errorf("40 more, each after the wait: %v, want %v", got, want)
		}
		mend()
		refused(t, loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword, "deviceToken", device))
	})
}
