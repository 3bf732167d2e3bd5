package throttle_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/internal/throttle"
)

// inParallel makes 200 attempts at once, and returns how many may be evaluated, and
// how many locked.
func inParallel(t *testing.T, attempts *throttle.Throttle, kind string, limits throttle.Limits) (allowed, locks int64) {
	t.Helper()
	var allowedNow, locksNow atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			decision, err := attempts.Reserve(t.Context(), kind, owner, limits)
			if err != nil {
				t.Error(err)
			}
			if decision.Allowed {
				allowedNow.Add(1)
			}
			if decision.Locked {
				locksNow.Add(1)
			}
		})
	}
	all.Wait()
	return allowedNow.Load(), locksNow.Load()
}

// Requirement: ID-19
// Case: AUTH-06
func TestParallelAttemptsAreCountedExactly(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		limits := throttle.DefaultLimits()
		allowed, locks := inParallel(t, attempts, "login", limits)
		if allowed != 6 || locks != 0 {
			t.Errorf("of the first 200, %d may be evaluated and %d locked, want 6 and 0", allowed, locks)
		}
		for wait := time.Second; wait <= 64*time.Second; wait *= 2 {
			clock.advance(wait)
			allowed, more := inParallel(t, attempts, "login", limits)
			if locks += more; allowed != 1 {
				t.Errorf("of 200 after a wait of %s, %d may be evaluated, want 1", wait, allowed)
			}
		}
		if locks != 1 {
			t.Errorf("the owner was told %d times, want once", locks)
		}

		// A code that may be tried five times.
		limits = throttle.Limits{Free: 5, Hard: 5, Tell: 5, Forget: time.Hour}
		if allowed, locks := inParallel(t, attempts, "code", limits); allowed != 5 || locks != 1 {
			t.Errorf("%d codes may be evaluated and %d locked, want 5 and 1", allowed, locks)
		}
	})
}

// Requirement: ID-19
// Case: AUTH-03
func TestHammeringDoesNotKeepTheOwnerOut(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		failUntil(t, attempts, clock, 9)
		for left := 8 * time.Second; left > 0; left -= 100 * time.Millisecond {
			wantRefused(t, attempts, 9, left)
			clock.advance(100 * time.Millisecond)
		}
		succeed(t, attempts, wantFailures(t, attempts, 10))
		wantFailures(t, attempts, 1)
	})
}

// The clocks of two replicas differ: waits do not get shorter, and nobody is
// refused for longer than the longest wait.
//
// Requirement: ID-19
func TestClocksOfReplicasDiffer(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		ahead, behind := &clock{}, &clock{}
		ahead.advance(time.Hour)
		fast, slow := throttle.New(client, ahead.now), throttle.New(client, behind.now)
		failUntil(t, fast, ahead, 5)
		wantFailures(t, slow, 6)
		wantRefused(t, slow, 6, time.Second)
		wantRefused(t, fast, 6, time.Second)
		ahead.advance(time.Second)
		wantFailures(t, fast, 7)
	})
}

// Requirement: ID-19
func TestRedisLearnsNoNamesAndForgets(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		attempts := throttle.New(client, (&clock{}).now)
		succeed(t, attempts, wantFailures(t, attempts, 1))
		giveBack(t, attempts, from(t, attempts, "192.0.2.7"))
		from(t, attempts, "2001:db8:0:1::1")
		once := throttle.Limits{Hard: 1, Forget: time.Hour}
		if _, err := attempts.Reserve(t.Context(), "code", owner, once); err != nil {
			t.Fatal(err)
		}

		keys, err := client.Keys(t.Context(), "*").Result()
		if err != nil || len(keys) != 4 {
			t.Fatalf("the keys are %q, %v, want 4", keys, err)
		}
		var lives []time.Duration
		for _, key := range keys {
			hash, found := strings.CutPrefix(key, "kontor:throttle:")
			if !found || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
				t.Errorf("the key %q is no hash", key)
			}
			var stored []string
			if client.Type(t.Context(), key).Val() == "hash" {
				for field, value := range client.HGetAll(t.Context(), key).Val() {
					stored = append(stored, field, value)
				}
			} else {
				stored = append(stored, client.ZRange(t.Context(), key, 0, -1).Val()...)
			}
			for _, text := range stored {
				for _, plain := range []string{owner, "martha", "192.0.2", "2001:db8"} {
					if strings.Contains(text, plain) {
						t.Errorf("Redis holds %q in %q", plain, text)
					}
				}
			}
			lives = append(lives, client.PTTL(t.Context(), key).Val().Round(time.Minute))
		}
		slices.Sort(lives)
		if want := []time.Duration{time.Minute, time.Minute, 12 * time.Hour, 30 * 24 * time.Hour}; !slices.Equal(lives, want) {
			t.Errorf("the keys live for %s, want %s", lives, want)
		}
	})
}
