package server

import (
	"context"
	"fmt"
	"time"

	"kontor/internal/fault"
)

const (
	// maxWorking is how many requests a replica works on at a time: four for each connection to the
	// database. maxInLine is how many wait for their turn, and maxWait for how long.
	maxWorking = 80
	maxInLine  = 160
	maxWait    = time.Second
)

// gate lets in as many requests as a replica can work on, and a few more wait. Whoever is too
// many is told at once: what is begun is finished in good time, however many more there are
// (LOAD-01). Slow clients hold no place: reading a request and writing an answer are outside.
type gate struct{ working, inLine chan struct{} }

func newGate(working, inLine int) gate {
	return gate{make(chan struct{}, working), make(chan struct{}, inLine)}
}

// enter waits for a place. It fails with fault.ErrUnavailable when there is none.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.working }
	select {
	case g.working <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case g.inLine <- struct{}{}:
		defer func() { <-g.inLine }()
	default:
		return nil, fmt.Errorf("%w: too many requests wait", fault.ErrUnavailable)
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	select {
	case g.working <- struct{}{}:
		return leave, nil
	case <-wait.C:
		return nil, fmt.Errorf("%w: too many requests are worked on", fault.ErrUnavailable)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
