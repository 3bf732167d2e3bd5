package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kontor/server/servertest"
)

// The list of sessions says which is the own one, on what device and from where each
// began, when it was last used and when it ends.
//
// Requirement: ID-02
func TestLifetimesInTheList(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		began := k.Clock.Now()
		phone := device(t, k, "martha.hansen", "Kontor/1.2 (Telefon; Größe 6,1\")")
		k.Clock.Advance(time.Hour)
		browser := browserOf(t, k)
		browser.Header["User-Agent"] = strings.Repeat("Ä", 300)
		loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		k.Clock.Advance(20 * time.Minute)
		used := k.Clock.Now()
		expectLive(t, "phone", phone, true)
		k.Clock.Advance(30 * time.Second) // less than the last use is exact to
		expectLive(t, "phone", phone, true)
		k.Clock.Advance(5 * time.Minute)

		list := browser.Operation(t, "spa/session", "MySessions", nil).OK(t)
		want := []map[string]any{
			{"current": true, "device": strings.Repeat("Ä", 200), "createdAt": began.Add(time.Hour), "lastSeenAt": k.Clock.Now(), "expiresAt": began.Add(13 * time.Hour)},
			{"current": false, "device": "Kontor/1.2 (Telefon; Größe 6,1\")", "createdAt": began, "lastSeenAt": used, "expiresAt": began.Add(30 * 24 * time.Hour)},
		}
		if n := len(list.List(t, "viewer.sessions")); n != len(want) {
			t.Fatalf("%d sessions: %s", n, list.Body)
		}
		for i, session := range want {
			session["ipAddress"] = "127.0.0.1"
			for field, value := range session {
				if at, isTime := value.(time.Time); isTime {
					value = at.Format(time.RFC3339)
				}
				if got := list.Get(fmt.Sprintf("viewer.sessions.%d.%s", i, field)); got != value {
					t.Errorf("session %d: %s is %v, want %v", i, field, got, value)
				}
			}
		}
		for _, secret := range []string{phone.Token, cookieOf(browser)} {
			if strings.Contains(string(list.Body), secret) {
				t.Errorf("the list has a token: %s", list.Body)
			}
		}
	})
}

// cookieOf is the value of a browser's session cookie, or empty.
func cookieOf(browser *servertest.Client) string {
	for _, c := range browser.HTTP.Jar.Cookies(nil) {
		if !isDevice(c) {
			return c.Value
		}
	}
	return ""
}

// withCookie is a browser that still has this session cookie.
func withCookie(t *testing.T, k *servertest.Kontor, value string) *servertest.Client {
	t.Helper()
	c := browserOf(t, k)
	c.HTTP.Jar.SetCookies(nil, []*http.Cookie{{Name: "kontor", Value: value}})
	return c
}

// How long sessions last is the portal's: by the server's clock, for browsers and
// apps, from the next login on.
//
// Requirement: ID-21
// Requirement: ID-02
// Case: AUTH-16
func TestLifetimesOfThePortal(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		sabine := k.As(t, "sabine.kurz")
		set := func(idle, absolute int) {
			t.Helper()
			changeSettings(t, sabine, map[string]any{"tenantId": tenantID(t, d, "HANSA"), "sessionIdleMinutes": idle, "sessionAbsoluteMinutes": absolute}).OK(t)
		}
		both := func(username string) map[string]*servertest.Client {
			return map[string]*servertest.Client{"app": k.As(t, username), "browser": inBrowser(t, k, username)}
		}
		expect := func(when string, sessions map[string]*servertest.Client, want bool) {
			t.Helper()
			for name, c := range sessions {
				expectLive(t, name+", "+when, c, want)
			}
		}
		before := both("gerd.grau")
		set(5, 60)
		others, sessions, idle := both("greta.groth"), both("gerd.grau"), both("gerd.grau")
		for name, c := range sessions {
			me := c.Operation(t, "spa/session", "Me", nil).OK(t)
			if got, want := me.String(t, "viewer.session.expiresAt"), k.Clock.Now().Add(time.Hour).Format(time.RFC3339); got != want {
				t.Errorf("%s ends at %s, want %s", name, got, want)
			}
		}
		login := loginAs(t, browserOf(t, k), "gerd.grau", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		if set := sessionCookies(login); len(set) != 1 || !set[0].Expires.Equal(k.Clock.Now().Add(time.Hour)) {
			t.Errorf("the login sets %v", set)
		}
		k.Clock.Advance(5*time.Minute - time.Second)
		expect("a second before it was idle for too long", sessions, true)
		k.Clock.Advance(time.Second)
		expect("idle for too long", idle, false)
		for range 18 { // an hour, less 2 minutes and a second
			k.Clock.Advance(3 * time.Minute)
			expect("busy", sessions, true)
		}
		k.Clock.Advance(time.Minute - time.Second)
		expect("a second before its end", sessions, true)
		k.Clock.Advance(time.Second)
		expect("at its end, however busy", sessions, false)
		expectLive(t, "an app that logged in before", before["app"], true)
		expectLive(t, "an app of another portal", others["app"], true)

		set(1, 0)
		busy, idle := both("gerd.grau"), both("gerd.grau")
		for range 20 {
			k.Clock.Advance(50 * time.Second)
			expect("used every 50 seconds of a minute", busy, true)
		}
		expect("idle for longer than a minute", idle, false)

		set(0, 0)
		usual := both("gerd.grau")
		k.Clock.Advance(29 * time.Minute)
		expect("by the defaults", usual, true)
		k.Clock.Advance(30 * time.Minute)
		expectLive(t, "browser, by the defaults", usual["browser"], false)
		k.Clock.Advance(13 * 24 * time.Hour)
		expectLive(t, "app, by the defaults", usual["app"], true)
	})
}

// Every login has a token of its own. Neither a value that the client chose nor the
// token that it had before logs anybody in afterwards.
//
// Case: AUTH-08
// Requirement: ID-02
func TestLifetimesAFreshTokenForEachLogin(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		chosen := strings.Repeat("A", 43)
		app := k.Anonymous()
		app.Token = chosen
		fresh := loginAs(t, app, "martha.hansen", servertest.DemoPassword).OK(t).String(t, "login.token")
		if fresh == chosen {
			t.Error("the chosen token is taken")
		}
		expectLive(t, "the chosen token", app, false)
		app.Token = fresh
		second := loginAs(t, app, "gerd.grau", servertest.DemoPassword).OK(t).String(t, "login.token")
		expectLive(t, "the token before another login", app, false)
		app.Token = second
		expectLive(t, "the token of the other login", app, true)

		browser := withCookie(t, k, chosen)
		loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		values := []string{chosen, cookieOf(browser)}
		for range 3 {
			loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
			now := cookieOf(browser)
			if slices.Contains(values, now) {
				t.Error("a login gives a cookie again")
			}
			for i, old := range values {
				expectLive(t, fmt.Sprint("cookie ", i, " after another login"), withCookie(t, k, old), false)
			}
			values = append(values, now)
		}
		if n := sessionCount(t, browser); n != 1 {
			t.Errorf("%d sessions are listed in a browser that logged in again and again", n)
		}
		// A login that fails changes nothing.
		loginAs(t, browser, "martha.hansen", "Falsch-2026!", "transport", "COOKIE")
		expectLive(t, "the cookie after a login that failed", browser, true)
	})
}

// With another password or a second factor a browser goes on under a new cookie; the
// old value is worth nothing, and all other sessions are over.
//
// Case: AUTH-08
// Case: AUTH-10
// Requirement: ID-10
// Requirement: ID-18
func TestLifetimesANewCookieAfterAChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, k *servertest.Kontor, c *servertest.Client) *servertest.Answer{
		"password": func(t *testing.T, _ *servertest.Kontor, c *servertest.Client) *servertest.Answer {
			return changePassword(t, c, servertest.DemoPassword, "Neu-4711-Sicher!").OK(t)
		},
		"one-time codes": func(t *testing.T, k *servertest.Kontor, c *servertest.Client) *servertest.Answer {
			before := cookieOf(c)
			secret := c.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")
			if cookieOf(c) != before {
				t.Error("the cookie is another one before codes were confirmed")
			}
			code, err := totp.GenerateCode(secret, k.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			return c.Operation(t, "spa/account", "ConfirmOtp", servertest.Vars{"input": map[string]any{"code": code}}).OK(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
				browser, phone, tablet := inBrowser(t, k[0], "gerd.grau"), k[1].As(t, "gerd.grau"), inBrowser(t, k[1], "gerd.grau")
				stranger := inBrowser(t, k[0], "martha.hansen")
				old, session := cookieOf(browser), sessionOf(t, browser)
				k[0].Clock.Advance(time.Second)
				set := sessionCookies(change(t, k[0], browser))
				now := cookieOf(browser)
				if len(set) != 1 || !set[0].HttpOnly || set[0].Value != now || now == old || now == "" || !set[0].Expires.Equal(k[0].Clock.Now().Add(12*time.Hour-time.Second)) {
					t.Errorf("the change sets %v", set)
				}
				for i, replica := range k {
					expectLive(t, fmt.Sprint("the new cookie, replica ", i), withCookie(t, replica, now), true)
					expectLive(t, fmt.Sprint("the old cookie, replica ", i), withCookie(t, replica, old), false)
				}
				if got := sessionOf(t, browser); got != session {
					t.Errorf("the session is %s, was %s", got, session)
				}
				if n := sessionCount(t, browser); n != 1 {
					t.Errorf("%d sessions are listed", n)
				}
				expectLive(t, "phone", phone, false)
				expectLive(t, "tablet", tablet, false)
				expectLive(t, "another user", stranger, true)
				// It can be ended under its new token.
				browser.Operation(t, "spa/session", "Logout", nil).OK(t)
				expectLive(t, "the new cookie, logged out", withCookie(t, k[1], now), false)
			})
		})
	}
}

// A cut-off in the database ends what began before it, but for the session that the
// change came from; what begins after it lives.
//
// Requirement: ID-02
// Case: AUTH-09
func TestLifetimesCutOff(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		kept, other := k.As(t, "gerd.grau"), k.As(t, "gerd.grau")
		k.Clock.Advance(time.Second)
		cut := func(survivor string) {
			alter(t, d, `UPDATE users SET sessions_valid_after = $1, surviving_session = $2 WHERE username = 'gerd.grau'`,
				k.Clock.Now().Format("2006-01-02 15:04:05.999999-07:00"), survivor)
		}
		cut(keyOf(t, sessionOf(t, kept)))
		expectLive(t, "the session that is spared", kept, true)
		expectLive(t, "a session from before", other, false)
		after := k.As(t, "gerd.grau")
		expectLive(t, "a session from after", after, true)
		k.Clock.Advance(time.Second)
		cut("")
		expectLive(t, "spared once, not twice", kept, false)
		expectLive(t, "from between the two", after, false)
	})
}
