package server_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kontor/internal/password"
	"kontor/server/servertest"
)

// Many log in at once, with passwords hashed as in production: as many are hashed as there is room
// for, who is too many is told at once and when to come back, and who is logged in goes on working.
// Tests beside it would spoil what it measures, so there are none.
//
// Requirement: ID-19
// Case: AUTH-07
func TestFloodOfLogins(t *testing.T) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			const workers, queue = 2, 8
			k := servertest.StartWith(t, backend, password.NewHasher(workers, queue))
			martha := k.As(t, "martha.hansen")
			if long := loginAs(t, k.Anonymous(), "niemand", strings.Repeat("p", 1<<20)); long.Status != http.StatusRequestEntityTooLarge || long.Code() != "BODY_TOO_LARGE" {
				t.Errorf("a password of 1 MiB: %d %s", long.Status, long.Body)
			}

			stop, most := heapWatched()
			var over atomic.Bool
			var worked int
			working := make(chan struct{})
			go func() {
				defer close(working)
				for ; !over.Load(); worked++ {
					patiently(func() *servertest.Answer { return martha.Operation(t, "spa/session", "Me", nil) }).OK(t)
				}
			}()
			type try struct {
				*servertest.Answer
				took time.Duration
			}
			tries := atOnce(500, func(i int) try {
				began := time.Now()
				return try{loginAs(t, k.Anonymous(), fmt.Sprint("niemand.", i), wrongPassword), time.Since(began)}
			})
			over.Store(true)
			<-working
			stop()

			var hashed int
			var all, slowest time.Duration
			for _, each := range tries {
				all = max(all, each.took)
				switch code := each.Code(); {
				case code == "" && len(each.Codes("login")) == 1 && each.Codes("login")[0] == "INVALID_CREDENTIALS":
					hashed++
				case (code == "RATE_LIMITED" && each.Status == http.StatusTooManyRequests || code == "UNAVAILABLE" && each.Status == http.StatusServiceUnavailable) &&
					each.Header.Get("Retry-After") != "" && each.Data == nil:
					slowest = max(slowest, each.took)
				default:
					t.Errorf("a login: %d %v %s", each.Status, each.Header, each.Body)
				}
			}
			t.Logf("%d of 500 were hashed in %s, the others told in %s at most; beside them %d operations worked; the heap grew by %d MiB", hashed, all, slowest, worked, most()>>20)
			if hashed < workers+queue || hashed > 100 { // no source has more failures at once
				t.Errorf("%d of 500 were hashed", hashed)
			}
			if worked == 0 {
				t.Error("nobody else worked meanwhile")
			}
			// Two hashes take 92 MiB, and what is not used any more lies about for a while; all 500 would take 23 GiB.
			if most() > 512<<20 {
				t.Errorf("the heap grew by %d MiB", most()>>20)
			}
			k.Clock.Advance(time.Hour) // the failures of the test have used up what its address has
			if !loggedIn(t, k, "martha.hansen", servertest.DemoPassword) {
				t.Error("after the rush nobody logs in")
			}
		})
	}
}

// heapWatched looks at the heap until stop, and tells by how much it grew at most.
func heapWatched() (stop func(), most func() uint64) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-ended:
				tick.Stop()
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if now.HeapAlloc > before.HeapAlloc {
					peak.Store(max(peak.Load(), now.HeapAlloc-before.HeapAlloc))
				}
			}
		}
	}()
	return func() { close(ended); <-done }, peak.Load
}
