package identity

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// maxBehind is how many things wait to be done behind answers, and maxHands how many are done at a
	// time: each may hold a connection to the database while it waits for the end of a chain.
	maxBehind, maxHands = 256, 2
	// behindTimeout is how long one of them may take, and closeWait how long they all may when the
	// replica ends.
	behindTimeout, closeWait = time.Minute, 2 * time.Second
)

// behind does things behind answers, which must not take longer for them: few at a time. However many
// there are, those too many are dropped, and the log says once a minute how many.
type behind struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	waiting []func(context.Context)
	hands   int
	dropped int
	told    time.Time
	ended   chan struct{} // closed when what is being done has to end
	closed  bool
	all     sync.WaitGroup
}

func newBehind(log *slog.Logger, now func() time.Time) *behind {
	return &behind{log: log, now: now, ended: make(chan struct{})}
}

// put has something done with what the context says, but not before its end.
func (b *behind) put(ctx context.Context, what string, do func(context.Context) error) {
	ctx = context.WithoutCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.waiting) >= maxBehind {
		b.dropped++
		b.tell()
		return
	}
	b.waiting = append(b.waiting, func(within context.Context) {
		ctx, cancel := context.WithTimeout(ctx, behindTimeout)
		defer cancel()
		defer context.AfterFunc(within, cancel)()
		if err := do(ctx); err != nil {
			b.log.ErrorContext(ctx, what+" failed", "error", err)
		}
	})
	if b.hands < maxHands {
		b.hands++
		b.all.Go(b.work)
	}
}

// work does what waits until nothing does.
func (b *behind) work() {
	within, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-b.ended:
			cancel()
		case <-within.Done():
		}
	}()
	for {
		b.mu.Lock()
		if len(b.waiting) == 0 {
			b.hands--
			b.tell()
			b.mu.Unlock()
			return
		}
		next := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.mu.Unlock()
		next(within)
	}
}

// tell has the log say how many were dropped, at most once a minute.
func (b *behind) tell() {
	if now := b.now(); b.dropped > 0 && (b.closed || now.Sub(b.told) >= time.Minute) {
		b.log.Warn("too much was to be noted: some of it was dropped", "dropped", b.dropped)
		b.dropped, b.told = 0, now
	}
}

// close waits a little for what is being done; what still waits then is dropped.
func (b *behind) close() {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	b.mu.Unlock()
	if closed {
		return
	}
	done := make(chan struct{})
	go func() { b.all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeWait):
		b.mu.Lock()
		b.dropped += len(b.waiting)
		b.waiting = nil
		b.mu.Unlock()
		close(b.ended)
		<-done
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell()
}
