package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kontor/authz"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

// A company is deleted by command while its people work on two replicas, in apps and browsers. Every request of theirs
// that begins after the command has committed is refused, on both; nobody logs in any more, and an agent that acted for it
// acts for nobody. Redis forgets the sessions right after.
//
// Requirement: ID-16
// Case: AUTH-09
// Case: INV-4
func TestADeletedCompanyEndsItsSessions(t *testing.T) {
	t.Parallel()
	one := servertest.Start(t, servertest.Backends[1])
	replicas := []*servertest.Kontor{one.Replica(t), one.Replica(t)}
	var people [][2]*servertest.Client // each at both replicas
	for _, username := range []string{"martha.hansen", "moritz.hansen", "silke.sommer", "gerd.grau", "anna.abel"} {
		for i := range 3 {
			app, cookie := replicas[i%2].As(t, username), cookieOf(inBrowser(t, replicas[i%2], username))
			people = append(people, [2]*servertest.Client{app.On(replicas[0]), app.On(replicas[1])},
				[2]*servertest.Client{withCookie(t, replicas[0], cookie), withCookie(t, replicas[1], cookie)})
		}
	}
	neighbour, agent := replicas[0].As(t, "maik.alster"), replicas[0].As(t, "sabine.kurz")
	actFor(t, agent, tenantID(t, one.SQL(t), "HANSA")).OK(t)

	var over, stop atomic.Bool
	var before, after, let atomic.Int64
	var asking sync.WaitGroup
	begun := make(chan struct{}, len(people))
	for i, c := range people {
		asking.Go(func() {
			for n := i; !stop.Load(); n++ {
				late := over.Load()
				answer := patiently(func() *servertest.Answer { return c[n%2].Do(t, `{ viewer { user { username } } }`, nil) })
				refused := answer.Status == http.StatusUnauthorized && answer.Code() == "UNAUTHENTICATED"
				switch {
				case late && refused:
					after.Add(1)
				case late:
					let.Add(1)
					t.Errorf("after the company was deleted: %d %s", answer.Status, answer.Body)
				default:
					before.Add(1)
				}
				if n == i {
					begun <- struct{}{}
				}
			}
		})
	}
	for range people {
		<-begun
	}
	one.WithDatabase(t, func(store *db.DB) {
		system := authz.System(t.Context())
		room := privacy.New(store, one.AuditLog(t, store), one.Clock.Now)
		done, err := room.DeleteTenant(system, "HANSA")
		if over.Store(true); err != nil {
			stop.Store(true)
			t.Fatal(err)
		}
		for after.Load() < 100 && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		stop.Store(true)
		asking.Wait()
		for i, replica := range replicas { // before Redis has forgotten anything
			for _, c := range people {
				for range 20 {
					expectLive(t, "somebody of the deleted company", c[i], false)
				}
			}
			refused(t, loginAs(t, replica.Anonymous(), "martha.hansen", servertest.DemoPassword))
		}
		if before.Load() == 0 || after.Load() == 0 || let.Load() > 0 {
			t.Errorf("%d requests before, %d refused and %d let in after", before.Load(), after.Load(), let.Load())
		}
		forgotten(t, one, room, done)
	})
	for _, user := range one.Redis(t).Keys(t.Context(), "kontor:sessions:*").Val() {
		if ids := one.Redis(t).HKeys(t.Context(), user).Val(); len(ids) > 0 && user != "kontor:sessions:"+columnOf(t, one.SQL(t), `SELECT id FROM users WHERE username = 'maik.alster'`)[0] &&
			user != "kontor:sessions:"+columnOf(t, one.SQL(t), `SELECT id FROM users WHERE username = 'sabine.kurz'`)[0] {
			t.Errorf("Redis keeps %s: %v", user, ids)
		}
	}
	expectLive(t, "another company's user", neighbour.On(replicas[1]), true)
	me := agent.On(replicas[1]).Operation(t, "spa/session", "Me", nil).OK(t)
	if fmt.Sprint(me.Get("viewer.actingFor")) != "<nil>" {
		t.Errorf("the agent acts for %s", me.Body)
	}
}
