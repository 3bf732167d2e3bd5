package server_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

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

// All that hash are held, and what may wait waits. Who is too many is told before any of it is done, and so is a
// password too long to be hashed; other operations are answered meanwhile. No more are hashed at once than there are
// workers, each in the memory that is foreseen, and so the memory is bounded, too. Nothing here is a matter of speed.
//
// Requirement: ID-19
// Case: AUTH-07
func TestWhoIsTooManyDoesNotWait(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			const workers, queue, many = 2, 8, 40
			var holding atomic.Bool
			var now, most, begun, done atomic.Int64
			var memory atomic.Uint32
			release := make(chan struct{})
			letGo := sync.OnceFunc(func() { close(release) })
			defer letGo()
			k := servertest.StartWith(t, backend, password.NewHasher(workers, queue).DerivingWith(
				func(typed, salt []byte, time, kibibytes uint32, threads uint8, length uint32) []byte {
					at := now.Add(1)
					defer now.Add(-1)
					for highest := most.Load(); at > highest && !most.CompareAndSwap(highest, at); highest = most.Load() {
					}
					memory.Store(max(memory.Load(), kibibytes))
					if holding.Load() {
						begun.Add(1)
						<-release
						done.Add(1)
					}
					return argon2.IDKey(typed, salt, time, 64, threads, length) // cheap: what it costs is not asked here
				}))
			martha := shopperAs(t, k, "martha.hansen")
			holding.Store(true)
			answers := make(chan *servertest.Answer, many)
			for i := range many {
				go func() { answers <- loginAs(t, k.Anonymous(), fmt.Sprint("niemand.", i), wrongPassword) }()
			}
			for range many - workers - queue {
				answer := <-answers
				if answer.Status != http.StatusTooManyRequests || answer.Code() != "RATE_LIMITED" || answer.Header.Get("Retry-After") == "" || answer.Data != nil {
					t.Errorf("who is too many: %d %v %s", answer.Status, answer.Header, answer.Body)
				}
			}
			if long := loginAs(t, k.Anonymous(), "niemand", strings.Repeat("p", password.MaxBytes+1)); !slices.Equal(long.Codes("login"), []string{"INVALID_CREDENTIALS"}) {
				t.Errorf("a password of %d bytes: %s", password.MaxBytes+1, long.Body)
			}
			for range 50 {
				martha.Operation(t, "spa/session", "Me", nil).OK(t)
				martha.Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 5, "format": "CSV"}).OK(t)
			}
			martha.add(item("TEL-DT-0101", "1")).OK(t)
			if done.Load() != 0 || begun.Load() != workers || len(answers) != 0 {
				t.Errorf("%d hashes were done, %d begun, and %d of those that wait answered: all that came before was to be answered first", done.Load(), begun.Load(), len(answers))
			}
			letGo()
			for range workers + queue {
				if answer := <-answers; !slices.Equal(answer.Codes("login"), []string{"INVALID_CREDENTIALS"}) {
					t.Errorf("who waited: %d %s", answer.Status, answer.Body)
				}
			}
			if most.Load() != workers || memory.Load() != 46<<10 {
				t.Errorf("%d hashes at once, of %d KiB each", most.Load(), memory.Load())
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
