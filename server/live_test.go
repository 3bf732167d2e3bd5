package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"kontor/server/servertest"
)

// changes is the subscription as the clients send it.
const changes = `subscription OrderChanged($orderId: ID) { orderChanged(orderId: $orderId) { id number state history { at state } contract { number } } }`

// eachStream runs a test for both ways to subscribe, on two replicas where the database
// takes two: changes are made on the first, and listened to on the second.
func eachStream(t *testing.T, test func(t *testing.T, one, two *servertest.Kontor, subscribe func(c *servertest.Client, variables servertest.Vars) *servertest.Stream)) {
	t.Helper()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		for name, open := range servertest.Streams {
			t.Run(name, func(t *testing.T) {
				test(t, one, two, func(c *servertest.Client, variables servertest.Vars) *servertest.Stream {
					return open(c.On(two), t, changes, variables)
				})
			})
		}
	})
}

// Orders reach whoever may see them, on every replica, as they are; and nobody else.
//
// Requirement: OR-10
// Requirement: AC-01
// Requirement: AC-10
func TestOrdersArriveLive(t *testing.T) {
	t.Parallel()
	eachStream(t, func(t *testing.T, one, two *servertest.Kontor, subscribe func(*servertest.Client, servertest.Vars) *servertest.Stream) {
		martha := shopperAs(t, one, "martha.hansen")
		hers := map[string]*servertest.Stream{}
		for _, username := range []string{"martha.hansen", "gerd.grau", "paul.lang", "sabine.kurz"} {
			hers[username] = subscribe(one.As(t, username), nil)
		}
		others := []*servertest.Stream{subscribe(one.As(t, "silke.sommer"), nil), subscribe(one.As(t, "maik.alster"), nil)}
		first := ""
		for round := range 2 {
			martha.add(item("TEL-DT-0101", "1")).OK(t)
			placed := martha.place(map[string]any{"idempotencyKey": fmt.Sprint(t.Name(), round)}).OK(t)
			number := placed.String(t, "placeOrder.order.number")
			for username, stream := range hers {
				got := stream.Next(t)
				for got.Get("orderChanged.number") != number { // others of the last minutes come first, and one may come twice
					got = stream.Next(t)
				}
				if got.Get("orderChanged.state") != "IN_PROGRESS" || len(got.List(t, "orderChanged.history")) != 1 {
					t.Errorf("%s is told %s, want %s", username, got.Body, number)
				}
			}
			first = placed.String(t, "placeOrder.order.id")
		}
		for _, stream := range others {
			stream.Quiet(t)
		}
		// Whoever comes back within two minutes misses nothing, and one order is told at once.
		for _, variables := range []servertest.Vars{nil, {"orderId": first}} {
			again := subscribe(one.As(t, "martha.hansen"), variables)
			for got := again.Next(t); got.Get("orderChanged.id") != first; got = again.Next(t) {
			}
			again.Close()
		}
		for _, id := range []string{first, nobodys(t, first), "ord_0", ""} {
			stream := subscribe(one.As(t, "maik.alster"), servertest.Vars{"orderId": id})
			stream.End(t)
			if !strings.Contains(stream.Problem, "NOT_FOUND") {
				t.Errorf("a foreign order %s: %s", id, stream.Problem)
			}
		}
		nobody := subscribe(one.Anonymous(), nil)
		nobody.End(t)
		if !strings.Contains(nobody.Problem, "UNAUTHENTICATED") {
			t.Errorf("nobody: %s", nobody.Problem)
		}
	})
}

// A subscription ends within a second when its session ends or its rights become others,
// and goes on when those of somebody else do.
//
// Requirement: AC-10
// Requirement: ID-16
// Requirement: AC-02
// Case: GQL-16
func TestStreamsEndWithTheRight(t *testing.T) {
	t.Parallel()
	eachStream(t, func(t *testing.T, one, two *servertest.Kontor, subscribe func(*servertest.Client, servertest.Vars) *servertest.Stream) {
		d := one.SQL(t)
		martha := one.As(t, "martha.hansen")
		hansa := tenantID(t, d, "HANSA")
		gerd := userID(t, d, "gerd.grau")
		bystander := subscribe(one.As(t, "anna.abel"), nil)
		for _, each := range []struct {
			name, username string
			end            func(c *servertest.Client)
		}{
			{"log out", "gerd.grau", func(c *servertest.Client) { c.Operation(t, "spa/session", "Logout", nil).OK(t) }},
			{"sessions ended elsewhere", "gerd.grau", func(*servertest.Client) {
				endSessions(t, one.As(t, "gerd.grau"), map[string]any{"allOthers": true}).OK(t)
			}},
			{"another role", "gerd.grau", func(*servertest.Client) { setRoles(t, martha, gerd, "SUB_ADMIN").OK(t) }},
			{"a right on a contract", "gerd.grau", func(*servertest.Client) {
				setRights(t, martha, gerd, contractID(t, one, "SV-100001"), "VIEW").OK(t)
			}},
			{"switched off", "gerd.grau", func(*servertest.Client) { deactivate(t, martha, gerd).OK(t) }},
			{"acting", "paul.lang", func(c *servertest.Client) { actFor(t, c, hansa).OK(t) }},
		} {
			c := one.As(t, each.username)
			stream := subscribe(c, nil)
			drain(stream)
			each.end(c)
			if took := stream.End(t); took > time.Second {
				t.Errorf("%s: the stream ends after %s", each.name, took)
			}
		}
		drain(bystander)
		bystander.Quiet(t)
		reactivate(t, martha, gerd).OK(t)
		setRights(t, martha, gerd, contractID(t, one, "SV-100001")).OK(t)
		setRoles(t, martha, gerd, "GENERAL_USER").OK(t)
	})
}

// drain takes what came so far.
func drain(s *servertest.Stream) {
	time.Sleep(100 * time.Millisecond)
	s.Drain()
}

// A WebSocket is taken from one's own pages only, must say soon who it is, and carries
// nothing large; a session subscribes ten times at most. What is no stream is told so.
//
// Requirement: OR-10
// Case: GQL-16
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := inBrowser(t, k, "martha.hansen")
		stream := browser.WebSocket(t, changes, nil)
		drain(stream)
		stream.Close()
		foreign := *browser
		foreign.Header = map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
		if _, response, err := foreign.Dial(t); err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("from another site: %v %v", response, err)
		}

		silent, _, err := k.Anonymous().Dial(t)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _, err = silent.Read(context.Background())
		if took := time.Since(began); websocket.CloseStatus(err) == -1 || took < 3*time.Second || took > 8*time.Second {
			t.Errorf("without a word: %v after %s", err, took)
		}

		wrong, _, err := k.Anonymous().Dial(t)
		if err != nil {
			t.Fatal(err)
		}
		servertest.Send(t, wrong, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": "Bearer " + strings.Repeat("x", 43)}})
		for err == nil {
			_, _, err = wrong.Read(context.Background())
		}
		if websocket.CloseStatus(err) != 4403 {
			t.Errorf("with a wrong token: %v", err)
		}

		large, _, err := k.Anonymous().Dial(t)
		if err != nil {
			t.Fatal(err)
		}
		servertest.Send(t, large, map[string]any{"type": "connection_init", "payload": map[string]any{"x": strings.Repeat("x", 1100<<10)}})
		for err == nil {
			_, _, err = large.Read(context.Background())
		}

		gerd := k.As(t, "gerd.grau")
		var open []*servertest.Stream
		for range 10 {
			open = append(open, gerd.Events(t, changes, nil))
		}
		time.Sleep(200 * time.Millisecond)
		var refused *servertest.Stream
		for n := 11; n <= 1000; n++ {
			refused = gerd.Events(t, changes, nil)
			refused.End(t)
			if !strings.Contains(refused.Problem, "RATE_LIMITED") {
				t.Fatalf("number %d: %s", n, refused.Problem)
			}
		}
		for range 2 {
			another := k.As(t, "gerd.grau")
			for range 10 {
				open = append(open, another.Events(t, changes, nil))
			}
		}
		time.Sleep(200 * time.Millisecond)
		refused = k.As(t, "gerd.grau").Events(t, changes, nil)
		refused.End(t)
		if !strings.Contains(refused.Problem, "RATE_LIMITED") {
			t.Errorf("the thirty-first of a user: %s", refused.Problem)
		}
		for _, stream := range open {
			drain(stream)
			stream.Quiet(t)
			stream.Close()
		}
		time.Sleep(200 * time.Millisecond)
		again := gerd.Events(t, changes, nil)
		drain(again)
		again.Quiet(t)

		if answer := gerd.Do(t, changes, nil); answer.Status != http.StatusBadRequest || answer.Code() != "BAD_USER_INPUT" {
			t.Errorf("by POST alone: %s", answer.Body)
		}
		// Queries go over streams as well.
		query := gerd.WebSocket(t, `{ viewer { user { username } } }`, nil)
		if got := query.Next(t).Get("viewer.user.username"); got != "gerd.grau" {
			t.Errorf("a query over a WebSocket: %v", got)
		}
		query.End(t)
		query = gerd.Events(t, `{ viewer { user { username } } }`, nil)
		if got := query.Next(t).Get("viewer.user.username"); got != "gerd.grau" {
			t.Errorf("a query as events: %v", got)
		}
		query.End(t)
	})
}
