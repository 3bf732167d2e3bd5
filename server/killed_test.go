package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Workers that are killed in the middle leave nothing behind: another one takes their
// orders over, and in the end each is completed once, with one contract, the one that the
// outside made for it.
//
// Requirement: OR-07
func TestKilledWorkersLoseNothing(t *testing.T) {
	t.Parallel()
	const orders, kills = 1000, 4
	out := newOutsider(t)
	// The outside gives each order one contract, whatever it is asked again, and sometimes fails.
	var mu sync.Mutex
	made, calls := map[string]string{}, 0
	out.done = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		id := r.Header.Get("webhook-id")
		if made[id] == "" {
			made[id] = fmt.Sprintf("KV-%06d", len(made)+1)
		}
		number := made[id]
		calls++
		fails := calls%23 == 0
		mu.Unlock()
		if fails {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"contractNumber": number})
	}
	k := servertest.Start(t, servertest.Backends[1], out.configure)
	placeMany(t, k, orders)

	beside := k.SQL(t)
	completed := func() int {
		var n int
		if err := beside.QueryRowContext(t.Context(), `SELECT count(*) FROM order_jobs WHERE ended_at IS NOT NULL`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for kill := range kills + 1 {
		worker := startWorker(t, k, time.Duration(kill)*time.Hour) // by when every lease has run out
		until := orders * (kill + 1) / (kills + 2)
		if kill == kills {
			until = orders
		}
		for deadline := time.Now().Add(2 * time.Minute); completed() < until; {
			if time.Now().After(deadline) {
				t.Fatalf("worker %d: %d of %d orders are done", kill, completed(), until)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err := worker.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = worker.Wait() // it was killed: that is the one way it can end
	}

	rows, err := beside.QueryContext(t.Context(), `SELECT o.id, o.state, coalesce(c.number, ''), (SELECT count(*) FROM order_events e WHERE e.order_id = o.id)
		FROM orders o LEFT JOIN contracts c ON c.id = o.contract_id WHERE o.automatic`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen, contracts := 0, map[string]bool{}
	for rows.Next() {
		var id, state, contract string
		var steps int
		if err := rows.Scan(&id, &state, &contract, &steps); err != nil {
			t.Fatal(err)
		}
		seen++
		contracts[contract] = true
		if state != "COMPLETED" || steps != 2 || contract != made[id] {
			t.Errorf("order %s is %s with %d steps and the contract %q; outside it is %q", id, state, steps, contract, made[id])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var all int
	if err := beside.QueryRowContext(t.Context(), `SELECT count(*) FROM contracts WHERE number LIKE 'KV-%'`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	if seen != orders || len(contracts) != orders || all != orders {
		t.Errorf("%d orders are of %d contracts, and there are %d", seen, len(contracts), all)
	}
	// Everybody was told of each order once.
	if receipts := columnOf(t, beside, `SELECT count(*) || ' ' || count(DISTINCT subject) FROM mails WHERE subject LIKE '%ist eingegangen' AND recipient IN ('einkauf@hansa.example', 'buero@alster.example')`)[0]; receipts != fmt.Sprint(orders, " ", orders) {
		t.Errorf("%s receipts and orders of receipts", receipts)
	}
	t.Logf("%d orders, %d calls", orders, calls)
}

// placeMany places so many orders, a few people side by side.
func placeMany(t *testing.T, k *servertest.Kontor, orders int) {
	t.Helper()
	people := []string{"martha.hansen", "moritz.hansen", "gerd.grau", "maik.alster", "greta.groth"}
	const batch = 10
	var all sync.WaitGroup
	for _, username := range people {
		all.Go(func() {
			who := shopperAs(t, k, username)
			who.add(item("TEL-VP-1103", "1")).OK(t)
			saved := who.do("SaveCart", map[string]any{"name": "Viele", "shared": false}).OK(t).String(t, "saveCart.savedCart.id")
			for begin := 0; begin < orders/len(people); begin += batch {
				document := "mutation($id: ID!) {"
				for i := range batch {
					document += fmt.Sprintf(` m%d: orderSavedCart(input: {id: $id, idempotencyKey: "%d"}) { errors { code } }`, i, begin+i)
				}
				who.Do(t, document+"}", servertest.Vars{"id": saved}).OK(t)
			}
		})
	}
	all.Wait()
}

// startWorker starts a process that does nothing but process the orders of k, by a clock
// that is so far ahead, and waits until it is at work.
func startWorker(t *testing.T, k *servertest.Kontor, ahead time.Duration) *exec.Cmd {
	t.Helper()
	worker := exec.CommandContext(t.Context(), os.Args[0])
	worker.Env = append(os.Environ(), k.AsWorker(t, ahead))
	worker.Stderr = os.Stderr
	// It ends when nobody holds the other end any more, as when this process is killed.
	if _, err := worker.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || !strings.Contains(line, "working") {
		t.Fatalf("the worker does not work: %q, %v", line, err)
	}
	return worker
}
