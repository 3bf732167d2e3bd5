package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// heldUp makes whoever reads categories wait, until the returned function is called.
func heldUp(t *testing.T, k *servertest.Kontor) (letGo func()) {
	t.Helper()
	tx, err := k.SQL(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE categories IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waitingStatements is how many statements the database holds up.
func waitingStatements(t *testing.T, k *servertest.Kontor) string {
	t.Helper()
	return columnOf(t, k.SQL(t), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)[0]
}

// A query that takes longer than it may is ended, in the database, too, and its client is told so.
//
// Case: GQL-09
// Case: GQL-15
func TestTimeOfAQueryIsBounded(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	martha := k.As(t, "martha.hansen")
	letGo := heldUp(t, k)
	defer letGo()
	began := time.Now()
	answer := martha.Do(t, `{ viewer { user { username } } categories { name } }`, nil)
	took := time.Since(began)
	if answer.Status != http.StatusGatewayTimeout || answer.Code() != "TIMEOUT" || answer.Errors[0].Extensions["requestId"] == nil {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if took < 9*time.Second || took > 14*time.Second {
		t.Errorf("it took %s", took)
	}
	for began := time.Now(); waitingStatements(t, k) != "0"; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the database goes on waiting for nobody")
		}
	}
	letGo()
	martha.Do(t, `{ categories { name } }`, nil).OK(t)
}

// Nobody works for clients that are gone: what waits in the database ends, its connection and its place
// are free for others, and no goroutine stays. There are more of them than places.
//
// Case: GQL-15
func TestWorkEndsWithItsClient(t *testing.T) {
	k := servertest.Start(t, servertest.Backends[1])
	martha := k.As(t, "martha.hansen")
	body, err := json.Marshal(map[string]any{"query": `{ categories { name } products(first: 5) { nodes { name } } }`})
	if err != nil {
		t.Fatal(err)
	}
	letGo := heldUp(t, k)
	defer letGo()
	atOnce(100, func(int) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, k.URL+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return false
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+martha.Token)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("answered with %d", response.StatusCode)
			}
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		return true
	})
	// The table is still held up.
	for began := time.Now(); waitingStatements(t, k) != "0" || working() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatalf("%s statements wait for nobody, and %d requests are worked on", waitingStatements(t, k), working())
		}
	}
	martha.Do(t, `{ viewer { user { username } } }`, nil).OK(t)
	letGo()
	martha.Do(t, `{ categories { name } }`, nil).OK(t)
}

// working is how many goroutines work on operations.
func working() int {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "kontor/server.api.execute(")
}
