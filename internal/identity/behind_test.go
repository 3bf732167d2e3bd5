package identity

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// However much is to be noted, little of it is done at a time and little waits; the rest is dropped,
// which the log says, and a replica ends soon although something hangs.
//
// Case: PRIV-03
func TestWhatIsDoneBehindAnswersIsBounded(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	b := newBehind(slog.New(slog.NewTextHandler(&said, nil)), time.Now)
	var begun, most, now atomic.Int64
	until := func(over chan struct{}) func(context.Context) error {
		return func(ctx context.Context) error {
			begun.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			select {
			case <-over:
			case <-ctx.Done():
			}
			return ctx.Err()
		}
	}
	over := make(chan struct{})
	request, end := context.WithCancel(t.Context())
	end() // the request is over when it is done
	const many = 1000
	for range many {
		b.put(request, "a test", until(over))
	}
	close(over)
	for deadline := time.Now().Add(5 * time.Second); begun.Load() < maxBehind && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := begun.Load(); n < maxBehind || n > maxBehind+maxHands || most.Load() > maxHands {
		t.Errorf("%d of %d were done and up to %d at a time, want about %d and %d", n, many, most.Load(), maxBehind, maxHands)
	}
	for range 10 {
		b.put(request, "a test", until(nil))
	}
	began := time.Now()
	if b.close(); time.Since(began) > 2*closeWait {
		t.Errorf("closing took %s", time.Since(began))
	}
	b.put(request, "a test", until(nil))
	if n := strings.Count(said.String(), "dropped="); n < 2 || n > 4 {
		t.Errorf("the log says %q", said.String())
	}
}
