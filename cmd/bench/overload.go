package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// overloaded is what a server does when more is asked of it than it can do (LOAD-01).
type overloaded struct {
	capacity float64 // requests/s with as many clients as it works on
	alone    bool    // whether who asks had a core of its own
	steps    []overload
}

// overload is what became of so many times the capacity.
type overload struct {
	times            float64
	offered, goodput float64 // requests/s
	refused          float64 // requests/s
	p99, refusedP99  time.Duration
	failed           int64 // neither answered nor refused as it should be
	memory           int   // of the server afterwards, in MiB
}

// floodName is the operation that comes in floods.
const floodName = "order list (20, items, products)"

// busy is how many clients measure the capacity: as many as a replica lets in.
const busy = 64

// measureOverload has requests come at fixed rates, whether those before are answered or not.
func measureOverload(ctx context.Context, o options, t target, make request) (*overloaded, error) {
	all := &overloaded{}
	undo, alone := apart()
	defer undo()
	all.alone = alone
	on := func(connection, i int) ([]byte, map[string]string) { return make(connection%o.connections, i) }
	result, err := measure(ctx, t, t.sending(on), busy, o.duration, func() (int64, error) { return 0, nil })
	if err != nil {
		return nil, fmt.Errorf("measuring the capacity: %w", err)
	}
	all.capacity = result.perSecond
	for _, times := range []float64{0.5, 1, 2, 5, 10, 0.5} {
		all.steps = append(all.steps, t.offer(ctx, on, times, all.capacity, o.duration))
	}
	return all, nil
}

// offer sends so many times the capacity for some time.
func (t target) offer(ctx context.Context, make request, times, capacity float64, duration time.Duration) overload {
	var (
		all               sync.WaitGroup
		mu                sync.Mutex
		answered, refused []time.Duration
		failed            atomic.Int64
	)
	every := time.Duration(float64(time.Second) / (times * capacity))
	began := time.Now()
	sent := 0
	for time.Since(began) < duration && ctx.Err() == nil {
		// As many as are due by now: a timer alone is too coarse.
		for due := int(time.Since(began)/every) + 1; sent < due; sent++ {
			i := sent
			all.Go(func() {
				content, headers := make(i, int(sequence.Add(1)))
				start := time.Now()
				status, err := t.status(ctx, content, headers)
				took := time.Since(start)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && status == http.StatusOK:
					answered = append(answered, took)
				case err == nil && status == http.StatusServiceUnavailable:
					refused = append(refused, took)
				default:
					failed.Add(1)
				}
			})
		}
		time.Sleep(time.Millisecond)
	}
	offered := time.Since(began).Seconds()
	all.Wait()
	elapsed := time.Since(began).Seconds()
	memory, _ := memoryOf(t.process, rightNow)
	return overload{
		times: times, offered: float64(sent) / offered, goodput: float64(len(answered)) / elapsed, refused: float64(len(refused)) / elapsed,
		p99: late(answered), refusedP99: late(refused), failed: failed.Load(), memory: memory,
	}
}

// status sends a request and reads its answer to the end.
func (t target) status(ctx context.Context, body []byte, headers map[string]string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := t.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func late(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

func (o *overloaded) report(b *strings.Builder) {
	where := "on the same cores"
	if o.alone {
		where = "with a core of its own, the servers and databases on the others"
	}
	fmt.Fprintf(b, "\nThe order list with %d clients: %.0f requests/s. The same, offered at fixed rates by a client %s, one step right after the other:\n\n", busy, o.capacity, where)
	fmt.Fprintf(b, "| offered | requests/s offered | answered/s | refused/s | p99 answered ms | p99 refused ms | neither | memory MiB |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range o.steps {
		fmt.Fprintf(b, "| %.1f times | %.0f | %.0f | %.0f | %.0f | %.0f | %d | %d |\n", s.times, s.offered, s.goodput, s.refused,
			float64(s.p99)/float64(time.Millisecond), float64(s.refusedP99)/float64(time.Millisecond), s.failed, s.memory)
	}
}
