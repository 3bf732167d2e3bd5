package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"kontor/server"
	"kontor/server/servertest"
)

const webhookSecret = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// atRest is how long a server may take to end that nobody asks anything (LOAD-06).
const atRest = 500 * time.Millisecond

// hold keeps everybody off the addresses until it is released.
func hold(t *testing.T, beside *sql.DB) (release func()) {
	t.Helper()
	tx, err := beside.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = tx.Rollback() })
	t.Cleanup(release)
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE addresses IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return release
}

func count(t *testing.T, beside *sql.DB, query string) (n int) {
	t.Helper()
	if err := beside.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A process that is told to end while it is busy says at once that it is not ready, answers what it
// was asked, closes streams with a reason, gives jobs back that it did not begin, and ends well.
//
// Case: LOAD-05
func TestEndingWhileBusy(t *testing.T) {
	t.Parallel()
	const requests, streams, orders, workers = 200, 20, 6, 4
	// Who carries out orders takes its time.
	var asked atomic.Int64
	carriedOut := make(chan struct{})
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-carriedOut
		w.WriteHeader(http.StatusNoContent)
	}))
	carryOut := sync.OnceFunc(func() { close(carriedOut) })
	t.Cleanup(outside.Close)
	t.Cleanup(carryOut)
	k := servertest.Start(t, servertest.Backends[1], func(c *server.Config) {
		c.Provisioning = server.ProvisioningConfig{URL: outside.URL, Secret: webhookSecret}
	})
	environment := k.Environment(t)
	beside := k.SQL(t)
	clients := []*servertest.Client{k.As(t, "martha.hansen"), k.As(t, "martha.hansen")} // a session has ten streams
	for i := range orders {
		clients[0].Do(t, `mutation { addCartItems(input: {items: [{sku: "TEL-VP-1103", quantity: "1"}]}) { errors { code } } }`, nil).OK(t)
		clients[0].Do(t, fmt.Sprintf(`mutation { placeOrder(input: {idempotencyKey: "%d"}) { errors { code } } }`, i), nil).OK(t)
	}

	process := serve(t, environment...)
	for i := range clients {
		clients[i] = clients[i].At(process.URL)
		clients[i].HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requests}}
	}
	eventually(t, "the jobs are begun", func() bool { return asked.Load() == workers })
	const subscription = `subscription { orderChanged { number } }`
	var sockets []*websocket.Conn
	var events []*servertest.Stream
	for i := range streams {
		if i%2 == 0 {
			events = append(events, clients[i/2%2].Events(t, subscription, nil))
			continue
		}
		socket, _, err := clients[i/2%2].Dial(t)
		if err != nil {
			t.Fatal(err)
		}
		servertest.Send(t, socket, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": "Bearer " + clients[i/2%2].Token}})
		servertest.Send(t, socket, map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": subscription}})
		sockets = append(sockets, socket)
	}
	eventually(t, "all streams listen", func() bool { return process.figure(t, "kontor_listeners") == streams })

	// 200 requests hang in the database.
	release := hold(t, beside)
	type answer struct {
		query, text string
		status      int
		err         error
	}
	answers := make(chan answer, requests)
	for i := range requests {
		query := `{ viewer { addresses { id } } }`
		if i%2 == 0 {
			query = saving(fmt.Sprint("late ", i))
		}
		go func() {
			status, text, err := post(clients[i%2], query)
			answers <- answer{query, text, status, err}
		}()
	}
	eventually(t, "all requests are there", func() bool {
		return process.figure(t, "kontor_http_requests_running")+process.figure(t, "kontor_http_requests_total") >= requests+streams
	})

	process.signal(t, terminate)
	told := time.Now()
	eventually(t, "the process knows", func() bool { return strings.Contains(process.log.String(), "shutting down") })
	if response, err := (&http.Client{Transport: &http.Transport{}}).Get(process.URL + "/readyz"); err == nil {
		response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a process that ends says %s when it is asked whether it is ready", response.Status)
		}
	}
	release()

	written := 0
	for range requests {
		got := <-answers
		switch {
		case got.err != nil:
			t.Errorf("a request has no answer: %v", got.err)
		case got.status == http.StatusServiceUnavailable: // more than a replica works on at a time, told at once
		case got.status != http.StatusOK || strings.Contains(got.text, `"errors":[{`):
			t.Errorf("a request is answered with %d: %s", got.status, got.text)
		case strings.HasPrefix(got.query, "mutation"):
			written++
		}
	}
	for _, stream := range events {
		stream.End(t)
		if stream.Problem != "" {
			t.Errorf("server-sent events end with %s", stream.Problem)
		}
	}
	for _, socket := range sockets {
		completed, err := lastWords(socket)
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway || closed.Reason == "" || !completed {
			t.Errorf("a WebSocket ends with %v; its subscription was completed: %t", err, completed)
		}
	}
	select {
	case <-process.exited:
		t.Error("it did not wait for the jobs that it began")
	case <-time.After(300 * time.Millisecond):
	}
	carryOut()
	_, code := process.end(t, 30*time.Second)
	if took := time.Since(told); code != 0 || took > 25*time.Second {
		t.Errorf("it ended with %d after %s", code, took)
	} else {
		t.Logf("it ended after %s", took)
	}
	if got := count(t, beside, addresses); got != written || got < requests/10 {
		t.Errorf("%d addresses are written, and clients were told of %d", got, written)
	}
	if done := count(t, beside, `SELECT count(*) FROM order_jobs WHERE ended_at IS NOT NULL`); done != workers {
		t.Errorf("%d jobs are done; %d were begun", done, workers)
	}
	if free := count(t, beside, `SELECT count(*) FROM order_jobs WHERE ended_at IS NULL AND takes = 0 AND next_attempt_at <= now()`); free != orders-workers {
		t.Errorf("%d jobs wait for another replica, want %d", free, orders-workers)
	}
}

// lastWords reads a WebSocket to its end, and tells whether its subscription was completed before.
func lastWords(socket *websocket.Conn) (completed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		_, text, err := socket.Read(ctx)
		if err != nil {
			return completed, err
		}
		completed = completed || strings.Contains(string(text), `"complete"`)
	}
}

// A process that has nothing to do ends at once, although clients keep connections open.
//
// Case: LOAD-06
func TestEndingIdle(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	fastest := time.Hour
	// It takes 20 ms. Other tests have the machine, too, so one of a few has to end in time. The race detector would
	// wait for a second at the end of a process.
	for try := 0; try < 5 && fastest >= atRest; try++ {
		process := serve(t, append(k.Environment(t), "GORACE=atexit_sleep_ms=0")...)
		if response, err := http.Get(process.URL + "/healthz"); err != nil || response.StatusCode != http.StatusOK { // and keeps the connection
			t.Fatal(response, err)
		}
		process.signal(t, terminate)
		took, code := process.end(t, 20*time.Second)
		if code != 0 {
			t.Fatalf("it ended with %d", code)
		}
		fastest = min(fastest, took)
	}
	if fastest >= atRest {
		t.Errorf("it took %s to end", fastest)
	}
}

// Whoever tells a process twice to end does not wait for anybody.
//
// Case: LOAD-06
func TestEndingTwice(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	environment, martha := k.Environment(t), k.As(t, "martha.hansen")
	process := serve(t, environment...)
	release := hold(t, k.SQL(t))
	gone := stuck(t, process, martha)
	process.signal(t, terminate)
	eventually(t, "the process knows", func() bool { return strings.Contains(process.log.String(), "shutting down") })
	process.signal(t, terminate)
	if took, code := process.end(t, 20*time.Second); code == 0 || took > 5*time.Second {
		t.Errorf("it ended with %d after %s", code, took)
	}
	if _, _, err := gone(); err == nil {
		t.Error("a request was answered that could not be")
	}
	release()
	eventually(t, "nothing was written", func() bool { return count(t, k.SQL(t), addresses) == 0 })
}

// A request that does not come to its end is cancelled when the time is over: what it began is undone, and
// the process says by its code that not all went well.
//
// Case: LOAD-06
func TestEndingWhileStuck(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	environment, martha, beside := k.Environment(t), k.As(t, "martha.hansen"), k.SQL(t)
	process := serve(t, append(environment, "KONTOR_SHUTDOWN_TIMEOUT=1s")...)
	release := hold(t, beside)
	gone := stuck(t, process, martha)
	process.signal(t, terminate)
	took, code := process.end(t, 20*time.Second)
	if code != 1 || took < time.Second || took > 6*time.Second {
		t.Errorf("it ended with %d after %s", code, took)
	}
	if !strings.Contains(process.log.String(), "requests did not finish in 1s and were cancelled") {
		t.Error("nothing says that requests were cancelled")
	}
	if status, text, err := gone(); err == nil && status == http.StatusOK && !strings.Contains(text, `"errors":[{`) {
		t.Errorf("a request that was cancelled is answered with %d: %s", status, text)
	}
	release()
	if got := count(t, beside, addresses); got != 0 {
		t.Errorf("%d addresses are written by a request that was cancelled", got)
	}
	if left := count(t, beside, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kontor' AND datname = current_database() AND state = 'idle in transaction'`); left != 0 {
		t.Errorf("%d transactions are left open", left)
	}
}

// stuck sends a mutation that cannot end, waits until it is under way, and gives what came of it.
func stuck(t *testing.T, process *kontor, who *servertest.Client) func() (int, string, error) {
	t.Helper()
	type answer struct {
		status int
		text   string
		err    error
	}
	came := make(chan answer, 1)
	at := who.At(process.URL)
	at.HTTP = &http.Client{Transport: &http.Transport{}}
	go func() {
		status, text, err := post(at, saving("late"))
		came <- answer{status, text, err}
	}()
	eventually(t, "a mutation is under way", func() bool { return process.figure(t, "kontor_operations_running") == 1 })
	return func() (int, string, error) {
		got := <-came
		return got.status, got.text, got.err
	}
}
