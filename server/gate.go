package server

import (
	"context"
	"fmt"
	"time"

	"kontor/internal/fault"
)

const (
	// maxWorking is how many requests a replica works on at a time: four for each connection to the
	// database. maxArriving is how many wait to be asked who they are, maxInLine how many wait for their
	// turn, and maxWait for how long.
	maxWorking  = 80
	maxArriving = 80
	maxInLine   = 320
	maxWait     = time.Second
)

// gate lets in as many requests as a replica can work on, and a few more wait. Whoever is too
// many is told at once: what is begun is finished in good time, however many more there are
// (LOAD-01). Slow clients hold no place: reading a request and writing an answer are outside.
//
// Refusals are not logged, each of them would make things worse: they are requests with the status 503.
//
// Whoever is asked who it is waits in a line of its own, the shorter one: a request that was let in there
// finds a place in the other, and what was done for it is not thrown away.
type gate struct{ working, arriving, inLine chan struct{} }

// errTooMany is what enter fails with when there is no place.
var errTooMany = fmt.Errorf("%w: too many requests", fault.ErrUnavailable)

func newGate(working, arriving, inLine int) gate {
	return gate{make(chan struct{}, working), make(chan struct{}, arriving), make(chan struct{}, inLine)}
}

// arrive waits for a place for a request that nothing was done for yet. It fails with errTooMany when there
// is none.
func (g gate) arrive(ctx context.Context) (leave func(), err error) { return g.wait(ctx, g.arriving) }

// enter waits for a place for an operation. It fails with errTooMany when there is none.
func (g gate) enter(ctx context.Context) (leave func(), err error) { return g.wait(ctx, g.inLine) }

func (g gate) wait(ctx context.Context, line chan struct{}) (leave func(), err error) {
	leave = func() { <-g.working }
	select {
	case g.working <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case line <- struct{}{}:
		defer func() { <-line }()
	default:
		return nil, errTooMany
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case g.working <- struct{}{}:
		return leave, nil
	case <-wait.C:
		return nil, errTooMany
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
