package throttle_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"kontor/internal/kontortest"
	"kontor/internal/session"
	"kontor/internal/throttle"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

const owner = "martha.hansen"

// clock is a time that tests set; attempts read it at the same time.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// eachRedis runs a test against a real Redis, the one in process, and through a
// cluster client.
func eachRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	for name, redisURL := range map[string]func(*testing.T) string{
		"Redis in process": func(*testing.T) string { return "" },
		"Redis":            func(t *testing.T) string { return kontortest.SharedRedis(t).FreshDatabase(t) },
		"cluster client": func(t *testing.T) string {
			address := miniredis.RunT(t).Addr()
			return "redis://" + address + "," + address
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, redisURL(t)))
		})
	}
}

// open connects for the time of a test.
func open(t *testing.T, redisURL string) redis.UniversalClient {
	t.Helper()
	client, closeAll, err := session.Open(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// reserve makes an attempt to log in as the owner.
func reserve(t *testing.T, attempts *throttle.Throttle) throttle.Decision {
	t.Helper()
	decision, err := attempts.Reserve(t.Context(), "login", owner, throttle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return decision
}

// wantFailures fails unless the next attempt is allowed and that failure in a row.
func wantFailures(t *testing.T, attempts *throttle.Throttle, want int) throttle.Decision {
	t.Helper()
	decision := reserve(t, attempts)
	if !decision.Allowed || decision.RetryAfter != 0 || decision.Failures != want {
		t.Fatalf("got %+v, want allowed failure %d", decision, want)
	}
	return decision
}

// wantRefused fails unless the next attempt is refused for that long.
func wantRefused(t *testing.T, attempts *throttle.Throttle, failures int, wait time.Duration) {
	t.Helper()
	decision := reserve(t, attempts)
	if decision.Allowed || decision.Locked || decision.Failures != failures || decision.RetryAfter != wait {
		t.Fatalf("after %d failures: got %+v, want refused for %s", failures, decision, wait)
	}
}

func succeed(t *testing.T, attempts *throttle.Throttle, decision throttle.Decision) {
	t.Helper()
	if err := attempts.Succeed(t.Context(), decision); err != nil {
		t.Fatal(err)
	}
}

func reset(t *testing.T, attempts *throttle.Throttle) {
	t.Helper()
	if err := attempts.Reset(t.Context(), "login", owner); err != nil {
		t.Fatal(err)
	}
}

// failUntil makes wrong attempts up to that failure, each as soon as it is allowed,
// and returns how many of them locked.
func failUntil(t *testing.T, attempts *throttle.Throttle, clock *clock, failures int) (locks int) {
	t.Helper()
	for {
		decision := reserve(t, attempts)
		if decision.Locked {
			locks++
		}
		if decision.Failures >= failures {
			return locks
		}
		clock.advance(decision.RetryAfter)
	}
}

// Requirement: ID-19
// Case: AUTH-03
func TestWaitsDoubleUpToTheLongest(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		seconds := []time.Duration{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
		for i, wait := range seconds {
			failures, wait := i+1, wait*time.Second
			if decision := wantFailures(t, attempts, failures); decision.Locked != (failures == 10) {
				t.Errorf("failure %d: locked is %v", failures, decision.Locked)
			}
			if wait == 0 {
				continue
			}
			wantRefused(t, attempts, failures, wait)
			clock.advance(wait - time.Millisecond)
			wantRefused(t, attempts, failures, time.Millisecond)
			clock.advance(time.Millisecond)
		}
	})
}

// Requirement: ID-19
// Case: AUTH-03
func TestNothingIsEvaluatedAfterTheHardStop(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		const kept = 30 * 24 * time.Hour
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		if locks := failUntil(t, attempts, clock, 100); locks != 1 {
			t.Errorf("the owner was told %d times, want once", locks)
		}
		wantRefused(t, attempts, 100, kept)
		clock.advance(kept - time.Hour)
		wantRefused(t, attempts, 100, time.Hour)

		reset(t, attempts)
		wantFailures(t, attempts, 1)
		if locks := failUntil(t, attempts, clock, 100); locks != 1 {
			t.Errorf("after the release the owner was told %d times, want once", locks)
		}
		clock.advance(kept)
		wantFailures(t, attempts, 1)
	})
}

// Requirement: ID-19
func TestTheHundredthAttemptMayBeRight(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		failUntil(t, attempts, clock, 99)
		clock.advance(15 * time.Minute)
		succeed(t, attempts, wantFailures(t, attempts, 100))
		wantFailures(t, attempts, 1)
	})
}

// Requirement: ID-19
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		attempts := throttle.New(client, clock.now)
		for name, forget := range map[string]func(){
			"by a reset": func() { reset(t, attempts) },
			"in time":    func() { clock.advance(12 * time.Hour) },
		} {
			if locks := failUntil(t, attempts, clock, 12); locks != 1 {
				t.Errorf("%s: the owner was told %d times, want once for each episode", name, locks)
			}
			forget()
			succeed(t, attempts, wantFailures(t, attempts, 1))
		}

		failUntil(t, attempts, clock, 7)
		clock.advance(2 * time.Second)
		succeed(t, attempts, wantFailures(t, attempts, 8))
		wantFailures(t, attempts, 1)
		clock.advance(12*time.Hour - time.Millisecond)
		wantFailures(t, attempts, 2)
	})
}

// Requirement: ID-19
func TestSuccessForgetsWhatWasBeforeIt(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		attempts := throttle.New(client, (&clock{}).now)
		wantFailures(t, attempts, 1)
		right := wantFailures(t, attempts, 2)
		wantFailures(t, attempts, 3)
		succeed(t, attempts, right)
		succeed(t, attempts, wantFailures(t, attempts, 2))
		// Neither saying it again nor one that was refused changes anything.
		wantFailures(t, attempts, 1)
		succeed(t, attempts, right)
		succeed(t, attempts, throttle.Decision{})
		wantFailures(t, attempts, 2)
	})
}

// Requirement: ID-19
func TestEachThingHasFailuresOfItsOwn(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		attempts := throttle.New(client, (&clock{}).now)
		failures := func(kind, key string) int {
			decision, err := attempts.Reserve(t.Context(), kind, key, throttle.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			return decision.Failures
		}
		wantFailures(t, attempts, 1)
		for _, other := range [][2]string{{"code", owner}, {"login", "moritz.hansen"}, {"login" + owner, ""}} {
			if got := failures(other[0], other[1]); got != 1 {
				t.Errorf("%q has failure %d", other, got)
			}
		}
		for i, same := range []string{"MARTHA.hansen", " martha.hansen\t", "martha\uff0ehansen"} {
			if got := failures("login", same); got != i+2 {
				t.Errorf("%q has failure %d, want %d: it is the same user", same, got, i+2)
			}
		}
	})
}

func TestLimitsThatDoNotLimitAreRefused(t *testing.T) {
	t.Parallel()
	attempts := throttle.New(open(t, ""), (&clock{}).now)
	for name, spoil := range map[string]func(*throttle.Limits){
		"none at all":               func(l *throttle.Limits) { *l = throttle.Limits{} },
		"no hard stop":              func(l *throttle.Limits) { l.Hard = 0 },
		"forgotten before the wait": func(l *throttle.Limits) { l.Forget = l.Longest - 1 },
	} {
		limits := throttle.DefaultLimits()
		spoil(&limits)
		if decision, err := attempts.Reserve(t.Context(), "login", owner, limits); err == nil || decision.Allowed {
			t.Errorf("%s: %+v, %v", name, decision, err)
		}
	}
}
