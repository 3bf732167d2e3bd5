package server_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"kontor/internal/kontortest"
	"kontor/server"
	"kontor/server/servertest"
)

// expectLive tells whether the session of a client still works, and fails when
// that is not what is wanted.
func expectLive(t *testing.T, name string, c *servertest.Client, want bool) {
	t.Helper()
	answer := c.Operation(t, "spa/session", "Me", nil)
	live := answer.Status == http.StatusOK && answer.Code() == ""
	over := answer.Status == http.StatusUnauthorized && answer.Code() == "UNAUTHENTICATED"
	if live != want || over == want {
		t.Errorf("%s: want live %v: %d %s", name, want, answer.Status, answer.Body)
	}
}

// device is a client that names itself, logged in with a bearer token.
func device(t *testing.T, k *servertest.Kontor, username, name string) *servertest.Client {
	t.Helper()
	c := k.Anonymous()
	c.Header["User-Agent"] = name
	c.Token = loginAs(t, c, username, servertest.DemoPassword).OK(t).String(t, "login.token")
	return c
}

// sessionOf is the ID of the session of a client.
func sessionOf(t *testing.T, c *servertest.Client) string {
	t.Helper()
	return c.Operation(t, "spa/session", "Me", nil).OK(t).String(t, "viewer.session.id")
}

func endSessions(t *testing.T, c *servertest.Client, input map[string]any) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/session", "EndSessions", servertest.Vars{"input": input})
}

// A user sees where it is logged in and ends one or all others; what it ends is
// over at once, and what is another's is out of its reach.
//
// Requirement: ID-02
func TestIdentitySessions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		phone := device(t, k, "martha.hansen", "Phone")
		k.Clock.Advance(2 * time.Minute)
		tablet := device(t, k, "martha.hansen", "Tablet")
		k.Clock.Advance(2 * time.Minute)
		laptop := device(t, k, "martha.hansen", "Laptop")
		stranger := device(t, k, "malte.brandt", "Stranger")
		k.Clock.Advance(2 * time.Minute)
		expectLive(t, "phone", phone, true) // the last used from now on, but for the laptop

		list := laptop.Operation(t, "spa/session", "MySessions", nil).OK(t)
		var devices []string
		for i := range list.List(t, "viewer.sessions") {
			at := fmt.Sprintf("viewer.sessions.%d.", i)
			devices = append(devices, list.String(t, at+"device"))
			if current := list.Get(at + "current"); current != (devices[i] == "Laptop") {
				t.Errorf("%s is current: %v", devices[i], current)
			}
			if ip := list.String(t, at+"ipAddress"); ip != "127.0.0.1" {
				t.Errorf("%s logged in from %s", devices[i], ip)
			}
		}
		if want := []string{"Laptop", "Phone", "Tablet"}; !slices.Equal(sorted(devices), want) || devices[2] != "Tablet" {
			t.Errorf("the sessions are %v, want %v with the tablet last", devices, want)
		}

		left := endSessions(t, laptop, map[string]any{"ids": []string{sessionOf(t, phone)}}).OK(t)
		if n := len(left.List(t, "endSessions.sessions")); n != 2 {
			t.Errorf("%d sessions are left: %s", n, left.Body)
		}
		expectLive(t, "phone, ended", phone, false)
		expectLive(t, "tablet", tablet, true)

		foreign := sessionOf(t, stranger)
		for name, input := range map[string]map[string]any{
			"another user's":  {"ids": []string{foreign}},
			"unknown":         {"ids": []string{foreign[:len(foreign)-2] + "00"}},
			"ended":           {"ids": []string{"ses_none"}},
			"of another kind": {"ids": []string{"usr" + foreign[3:]}},
		} {
			answer := endSessions(t, laptop, input)
			if got := faultsOf(t, answer, "endSessions"); !slices.Equal(got, []string{"SESSION_UNKNOWN ids"}) {
				t.Errorf("%s: %s", name, answer.Body)
			}
		}
		if got := faultsOf(t, endSessions(t, laptop, map[string]any{}), "endSessions"); !slices.Equal(got, []string{"VALUE_REQUIRED ids"}) {
			t.Errorf("nothing named: %v", got)
		}
		expectLive(t, "the other user", stranger, true)

		phone = device(t, k, "martha.hansen", "Phone")
		others := endSessions(t, laptop, map[string]any{"allOthers": true}).OK(t)
		if n := len(others.List(t, "endSessions.sessions")); n != 1 || others.Get("endSessions.sessions.0.current") != true {
			t.Errorf("after ending all others: %s", others.Body)
		}
		expectLive(t, "phone, ended with all others", phone, false)
		expectLive(t, "tablet, ended with all others", tablet, false)
		expectLive(t, "laptop", laptop, true)
		expectLive(t, "the other user", stranger, true)

		endSessions(t, laptop, map[string]any{"ids": []string{sessionOf(t, laptop)}}).OK(t)
		expectLive(t, "laptop, ended by itself", laptop, false)
	})
}

// Ten sessions are enough; one more ends the oldest.
//
// Requirement: ID-02
func TestIdentitySessionsAreBounded(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		var all []*servertest.Client
		for i := range 12 {
			k.Clock.Advance(time.Second)
			all = append(all, device(t, k, "gerd.grau", fmt.Sprint("Device ", i)))
		}
		for i, c := range all {
			expectLive(t, fmt.Sprint("device ", i), c, i >= 2)
		}
	})
}

// A browser's session ends after half an hour without use and after twelve hours
// of work; an app's does not.
//
// Requirement: ID-02
// Case: AUTH-16
func TestIdentitySessionsEndByTime(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		app := k.As(t, "martha.hansen")
		browser := func() *servertest.Client {
			c := browserOf(t, k)
			loginAs(t, c, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
			return c
		}
		idle, used := browser(), browser()
		k.Clock.Advance(29 * time.Minute)
		expectLive(t, "used after 29 minutes", used, true)
		k.Clock.Advance(2 * time.Minute)
		expectLive(t, "idle for 31 minutes", idle, false)
		expectLive(t, "used 2 minutes ago", used, true)

		busy := browser()
		for worked := 20 * time.Minute; worked < 12*time.Hour; worked += 20 * time.Minute {
			k.Clock.Advance(20 * time.Minute)
			expectLive(t, "busy for "+worked.String(), busy, true)
		}
		k.Clock.Advance(20*time.Minute - time.Second)
		expectLive(t, "a second before 12 hours", busy, true)
		k.Clock.Advance(time.Second)
		expectLive(t, "12 hours", busy, false)
		expectLive(t, "the app", app, true)
		k.Clock.Advance(30 * 24 * time.Hour)
		expectLive(t, "the app after 30 days", app, false)
	})
}

// What ends on one replica is over on the other with the next request.
//
// Requirement: ID-02
// Requirement: ID-16
// Case: AUTH-09
func TestIdentitySessionsEndOnEveryReplica(t *testing.T) {
	t.Parallel()
	one := servertest.Start(t, servertest.Backends[1])
	two := one.Replica(t)
	for round := range 20 {
		laptop, phone := device(t, one, "martha.hansen", "Laptop"), device(t, two, "martha.hansen", "Phone")
		expectLive(t, "laptop on the second replica", laptop.On(two), true)
		switch round % 3 {
		case 0:
			endSessions(t, laptop, map[string]any{"allOthers": true}).OK(t)
		case 1:
			endSessions(t, laptop, map[string]any{"ids": []string{sessionOf(t, phone)}}).OK(t)
		default:
			phone.On(one).Operation(t, "spa/session", "Logout", nil).OK(t)
		}
		expectLive(t, "phone on the second replica", phone, false)
		expectLive(t, "laptop on the second replica", laptop.On(two), true)
		laptop.Operation(t, "spa/session", "Logout", nil).OK(t)
		expectLive(t, "laptop on the second replica, logged out", laptop.On(two), false)
	}
	gerd := device(t, one, "gerd.grau", "Laptop")
	alter(t, one.SQL(t), `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`)
	expectLive(t, "deactivated, first replica", gerd, false)
	expectLive(t, "deactivated, second replica", gerd.On(two), false)
}

// Without Redis nobody can be told from anybody: a request that brings a token is
// refused as unavailable, and never answered as nobody's.
//
// Case: FLT-05
// Case: FLT-06
func TestIdentityWithoutRedis(t *testing.T) {
	t.Parallel()
	redis, err := kontortest.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := servertest.Start(t, servertest.Backends[1], func(c *server.Config) { c.RedisURL = redis.URL() })
	t.Cleanup(func() {
		if err := redis.Close(); err != nil {
			t.Error(err)
		}
	})
	app, browser := k.As(t, "martha.hansen"), browserOf(t, k)
	loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
	if status, _ := health(t, k, "/readyz"); status != http.StatusOK {
		t.Errorf("with Redis the server says %d", status)
	}

	if err := redis.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*servertest.Client{"app": app, "browser": browser} {
		for _, query := range []string{`{ __typename }`, `{ viewer { user { id } } }`, `{ categories { name } }`, `mutation { clearCart { cart { id } } }`} {
			answer := c.Do(t, query, nil)
			if answer.Status != http.StatusServiceUnavailable || answer.Code() != "UNAVAILABLE" || answer.Data != nil || answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: %d %s", name, query, answer.Status, answer.Body)
			}
		}
	}
	if answer := loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword); answer.Code() != "UNAVAILABLE" || answer.Status != http.StatusServiceUnavailable {
		t.Errorf("a login: %d %s", answer.Status, answer.Body)
	}
	if answer := k.Anonymous().Do(t, `{ __typename }`, nil); answer.Status != http.StatusOK {
		t.Errorf("a request without a token: %d %s", answer.Status, answer.Body)
	}
	if status, body := health(t, k, "/readyz"); status != http.StatusServiceUnavailable || body["redis"] != "unreachable" || body["database"] != "ok" {
		t.Errorf("without Redis the server says %d %v", status, body)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := redis.Start(ctx); err != nil {
		t.Fatal(err)
	}
	// It comes back empty: the sessions are over, and a login works again. The
	// client looks for a lost Redis once a second.
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for status := 0; status != http.StatusOK; status, _ = health(t, k, "/readyz") {
		select {
		case <-ctx.Done():
			t.Fatal("the server does not find Redis again")
		case <-again.C:
		}
	}
	expectLive(t, "app, after Redis came back empty", app, false)
	expectLive(t, "a new login", k.As(t, "martha.hansen"), true)
}
