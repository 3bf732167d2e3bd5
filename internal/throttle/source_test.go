package throttle_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/internal/throttle"
)

const (
	burst  = 100
	refill = 3 * time.Second
)

// from makes an attempt from an address.
func from(t *testing.T, attempts *throttle.Throttle, address string) throttle.Slot {
	t.Helper()
	slot, err := attempts.Source(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

// useUp makes attempts from an address until one is refused, and returns how many
// were allowed, and how long the refused one has to wait.
func useUp(t *testing.T, attempts *throttle.Throttle, address string) (int, time.Duration) {
	t.Helper()
	for allowed := 0; ; allowed++ {
		if slot := from(t, attempts, address); !slot.Allowed {
			return allowed, slot.RetryAfter
		}
	}
}

func wantLeft(t *testing.T, attempts *throttle.Throttle, address string, left int, wait time.Duration) {
	t.Helper()
	if gotLeft, gotWait := useUp(t, attempts, address); gotLeft != left || gotWait != wait {
		t.Errorf("%s had %d attempts, then a wait of %s; want %d and %s", address, gotLeft, gotWait, left, wait)
	}
}

func giveBack(t *testing.T, attempts *throttle.Throttle, slot throttle.Slot) {
	t.Helper()
	if err := attempts.Return(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
}

// Requirement: ID-19
func TestSourceHasABurstAndARefill(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		const address = "192.0.2.7"
		wantLeft(t, attempts, address, burst, refill)
		clock.advance(refill - time.Millisecond)
		wantLeft(t, attempts, address, 0, time.Millisecond)
		clock.advance(time.Millisecond)
		wantLeft(t, attempts, address, 1, refill)
		clock.advance(time.Minute)
		wantLeft(t, attempts, address, 20, refill)
		clock.advance(24 * time.Hour)
		wantLeft(t, attempts, address, burst, refill)
		wantLeft(t, attempts, "192.0.2.8", burst, refill)
	})
}

// Requirement: ID-19
func TestSuccessesUseNoSourceUp(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		const address = "192.0.2.7"
		for range 3 * burst {
			giveBack(t, attempts, from(t, attempts, address))
		}
		first, second := from(t, attempts, address), from(t, attempts, address)
		wantLeft(t, attempts, address, burst-2, refill)
		for _, slot := range []throttle.Slot{first, first, {}, first} {
			giveBack(t, attempts, slot)
		}
		wantLeft(t, attempts, address, 1, refill)
		clock.advance(time.Minute)
		wantLeft(t, attempts, address, 20, refill)
		giveBack(t, attempts, second)
		wantLeft(t, attempts, address, 0, refill)
	})
}

// Requirement: ID-19
// Case: AUTH-06
func TestParallelAttemptsOfASourceAreCountedExactly(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		attempts := throttle.New(client, (&clock{}).now)
		var allowed atomic.Int64
		var all sync.WaitGroup
		for range 2 * burst {
			all.Go(func() {
				slot, err := attempts.Source(t.Context(), "192.0.2.7")
				if err != nil {
					t.Error(err)
				}
				if slot.Allowed {
					allowed.Add(1)
				}
			})
		}
		all.Wait()
		if got := allowed.Load(); got != burst {
			t.Errorf("%d attempts were allowed, want %d", got, burst)
		}
	})
}

// Requirement: ID-19
func TestIPv6SourceIsItsNetwork(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		attempts := throttle.New(client, (&clock{}).now)
		for i := range burst {
			if slot := from(t, attempts, fmt.Sprintf("2001:db8:0:1:%x::%x", i, i)); !slot.Allowed {
				t.Fatalf("attempt %d: %+v", i+1, slot)
			}
		}
		wantLeft(t, attempts, "2001:DB8:0:1:ffff:ffff:ffff:ffff", 0, refill)
		wantLeft(t, attempts, "2001:db8:0:1::1%eth0", 0, refill)
		wantLeft(t, attempts, "2001:db8:0:2::1", burst, refill)

		// An IPv4 address stays one, however the listener writes it.
		wantLeft(t, attempts, "::ffff:192.0.2.7", burst, refill)
		wantLeft(t, attempts, "192.0.2.7", 0, refill)
		wantLeft(t, attempts, "::ffff:192.0.2.8", burst, refill)
	})
}

func TestSourceMustBeAnAddress(t *testing.T) {
	t.Parallel()
	attempts := throttle.New(open(t, ""), (&clock{}).now)
	for _, address := range []string{"", "localhost", "192.0.2.7:443", "[2001:db8::1]"} {
		if slot, err := attempts.Source(t.Context(), address); err == nil || slot.Allowed || errors.Is(err, throttle.ErrUnavailable) {
			t.Errorf("%q: %+v, %v, want a clear error", address, slot, err)
		}
	}
}
