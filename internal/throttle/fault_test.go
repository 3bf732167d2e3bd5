package throttle_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/internal/kontortest"
	"kontor/internal/throttle"
)

// forgetful is a way to Redis on which replies can be lost: the command is done,
// its client never learns of it and repeats it on a new connection.
type forgetful struct{ lose atomic.Int64 }

func (f *forgetful) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	return forgetfulConnection{connection, f}, err
}

type forgetfulConnection struct {
	net.Conn
	way *forgetful
}

func (c forgetfulConnection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.way.lose.Load() > 0 && c.way.lose.Add(-1) >= 0 {
		return 0, errors.Join(io.EOF, c.Close())
	}
	return n, err
}

// openForgetful connects to a real Redis for the time of a test. The scripts are
// known there already, so each of them takes one command.
func openForgetful(t *testing.T) (*throttle.Throttle, *clock, *forgetful) {
	t.Helper()
	options, err := redis.ParseURL(kontortest.SharedRedis(t).FreshDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	way := &forgetful{}
	options.Dialer, options.MaxRetries, options.MaxRetryBackoff = way.dial, 3, 10*time.Millisecond
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := &clock{}
	attempts := throttle.New(client, clock.now)
	decision, err := attempts.Reserve(t.Context(), "another kind", owner, throttle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	succeed(t, attempts, decision)
	giveBack(t, attempts, from(t, attempts, "192.0.2.1"))
	return attempts, clock, way
}

// Requirement: ID-19
// Case: CONC-11
func TestRepeatedCommandsCountOnce(t *testing.T) {
	t.Parallel()
	attempts, clock, way := openForgetful(t)
	lost := func(do func()) {
		t.Helper()
		way.lose.Store(2)
		do()
		if left := way.lose.Load(); left > 0 {
			t.Fatalf("%d replies that should have been lost were not", left)
		}
		way.lose.Store(0)
	}
	for failures := 1; failures <= 12; failures++ {
		lost(func() {
			if decision := wantFailures(t, attempts, failures); decision.Locked != (failures == 10) {
				t.Errorf("failure %d: locked is %v", failures, decision.Locked)
			}
		})
		if failures > 5 {
			clock.advance(time.Second << (failures - 6))
		}
	}
	right := wantFailures(t, attempts, 13)
	lost(func() { succeed(t, attempts, right) })
	wantFailures(t, attempts, 1)
	// A repetition that comes late, when others have failed since.
	lost(func() { succeed(t, attempts, right) })
	wantFailures(t, attempts, 2)
	lost(func() { reset(t, attempts) })
	wantFailures(t, attempts, 1)

	const address = "192.0.2.7"
	var slot throttle.Slot
	lost(func() { slot = from(t, attempts, address) })
	wantLeft(t, attempts, address, burst-1, refill)
	lost(func() { giveBack(t, attempts, slot) })
	wantLeft(t, attempts, address, 1, refill)
}

// Requirement: ID-19
// Case: CONC-11
func TestLostRepliesNeverRaiseTheLimit(t *testing.T) {
	t.Parallel()
	attempts, _, way := openForgetful(t)
	way.lose.Store(20)
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			decision, err := attempts.Reserve(t.Context(), "login", owner, throttle.DefaultLimits())
			if err != nil && !errors.Is(err, throttle.ErrUnavailable) {
				t.Error(err)
			}
			if decision.Allowed {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if got := allowed.Load(); got > 6 || way.lose.Load() > 0 {
		t.Errorf("%d attempts may be evaluated, want 6 at most; %d replies were still to be lost", got, way.lose.Load())
	}
}

// Requirement: ID-19
func TestNothingIsAllowedWithoutRedis(t *testing.T) {
	t.Parallel()
	server, err := kontortest.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	attempts := throttle.New(open(t, server.URL()), (&clock{}).now)
	old, oldSlot := wantFailures(t, attempts, 1), from(t, attempts, "192.0.2.7")
	for range 4 {
		old = reserve(t, attempts)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	decision, reserveErr := attempts.Reserve(t.Context(), "login", owner, throttle.DefaultLimits())
	slot, sourceErr := attempts.Source(t.Context(), "192.0.2.7")
	if decision.Allowed || slot.Allowed {
		t.Errorf("allowed without Redis: %+v, %+v", decision, slot)
	}
	for name, err := range map[string]error{
		"Reserve": reserveErr, "Source": sourceErr,
		"Succeed": attempts.Succeed(t.Context(), old), "Return": attempts.Return(t.Context(), oldSlot),
		"Reset": attempts.Reset(t.Context(), "login", owner),
	} {
		if !errors.Is(err, throttle.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}

	// It comes back empty: what was counted before does not excuse what comes now.
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFailures(t, attempts, 1)
	succeed(t, attempts, old)
	giveBack(t, attempts, oldSlot)
	wantFailures(t, attempts, 2)
	wantLeft(t, attempts, "192.0.2.7", burst, refill)
}
