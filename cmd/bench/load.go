package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// target is a server that is measured.
type target struct {
	name    string
	url     string // of /graphql
	vars    string // of /debug/vars
	process int
	http    *http.Client
}

// result is one measurement of one operation.
type result struct {
	perSecond, p50, p99, cpu, statements, allocations float64
}

// request makes the i-th request of an operation, for one of the connections: its
// body and headers. A connection is always the same user.
type request func(connection, i int) ([]byte, map[string]string)

// errand is what a connection does again and again, the i-th of all: it says how
// long the request took whose latency is measured.
type errand func(ctx context.Context, connection, i int) (time.Duration, error)

// sending is the errand of one request.
func (t target) sending(make request) errand {
	return func(ctx context.Context, connection, i int) (time.Duration, error) {
		began := time.Now()
		body, headers := make(connection, i)
		_, err := t.ask(ctx, body, headers)
		return time.Since(began), err
	}
}

// measure has several connections run an errand, each the next as soon as it is
// done, and reads what it cost from the outside.
func measure(ctx context.Context, t target, do errand, connections int, duration time.Duration, statements func() (int64, error)) (result, error) {
	// Connections, statements and caches are there before the measuring begins.
	if _, _, err := t.load(ctx, do, connections, duration/5); err != nil {
		return result{}, err
	}
	cpu, allocations, err := t.cost()
	if err != nil {
		return result{}, err
	}
	sent, err := statements()
	if err != nil {
		return result{}, err
	}
	latencies, elapsed, err := t.load(ctx, do, connections, duration)
	if err != nil {
		return result{}, err
	}
	cpuAfter, allocationsAfter, err := t.cost()
	if err != nil {
		return result{}, err
	}
	sentAfter, err := statements()
	if err != nil {
		return result{}, err
	}
	n := float64(len(latencies))
	slices.Sort(latencies)
	at := func(share float64) float64 {
		return float64(latencies[int(share*float64(len(latencies)-1))]) / float64(time.Millisecond)
	}
	return result{
		perSecond: n / elapsed.Seconds(), p50: at(0.5), p99: at(0.99), cpu: (cpuAfter - cpu) / n * 1000,
		statements: float64(sentAfter-sent) / n, allocations: (allocationsAfter - allocations) / n,
	}, nil
}

var sequence atomic.Int64

// load gives how long each errand took, and how long all of it did: those that
// are under way when the time is over are waited for and count.
func (t target) load(ctx context.Context, do errand, connections int, duration time.Duration) ([]time.Duration, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	start := time.Now()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		all    []time.Duration
		failed error
	)
	for connection := range connections {
		wg.Go(func() {
			var own []time.Duration
			var err error
			for ctx.Err() == nil && err == nil {
				var took time.Duration
				if took, err = do(context.WithoutCancel(ctx), connection, int(sequence.Add(1))); err == nil {
					own = append(own, took)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if failed == nil && len(all) == 0 {
		failed = fmt.Errorf("%s answered nothing in %s", t.name, duration)
	}
	return all, elapsed, failed
}

// ask sends one request and makes sure that it was answered.
func (t target) ask(ctx context.Context, body []byte, headers map[string]string) ([]byte, error) {
	content, err := t.post(ctx, body, headers)
	if err != nil {
		return nil, err
	}
	// What a person can put right would come in the payload: nothing may.
	if bytes.Contains(content, []byte(`"errors":[{`)) {
		return nil, fmt.Errorf("%s refused: %.300s", t.name, content)
	}
	return content, nil
}

func (t target) post(ctx context.Context, body []byte, headers map[string]string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := t.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("sending to %s: %w", t.name, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", t.name, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d: %.300s", t.name, response.StatusCode, content)
	}
	return content, nil
}

// cost is the CPU time of the process so far in seconds, and the number of its
// allocations.
func (t target) cost() (cpu, allocations float64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.process))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the CPU time of %s: %w", t.name, err)
	}
	// The name of the program, in brackets, may have spaces in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, 0, fmt.Errorf("reading the CPU time of %s: %w", t.name, err)
	}
	response, err := t.http.Get(t.vars)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the allocations of %s: %w", t.name, err)
	}
	defer response.Body.Close()
	var vars struct {
		Memstats struct{ Mallocs float64 } `json:"memstats"`
	}
	if err := json.NewDecoder(response.Body).Decode(&vars); err != nil {
		return 0, 0, fmt.Errorf("reading the allocations of %s: %w", t.name, err)
	}
	const ticksPerSecond = 100
	return (user + system) / ticksPerSecond, vars.Memstats.Mallocs, nil
}
