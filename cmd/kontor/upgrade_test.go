package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"kontor/authz"
	"kontor/ent/migrate/migrations"
	"kontor/internal/db"
	"kontor/server/servertest"
)

// next is what the next release's migration could be: columns, an index and a table for the busiest tables there are.
const next = `-- +goose Up
ALTER TABLE orders ADD COLUMN gift_note text NOT NULL DEFAULT '' CHECK (length(gift_note) < 200);
ALTER TABLE carts ADD COLUMN gift_note text;
ALTER TABLE users ADD COLUMN nickname text NOT NULL DEFAULT '';
CREATE TABLE gifts (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), note text NOT NULL);
SELECT kontor_wall('gifts', NULL, true);
CREATE INDEX order_items_gift ON order_items (quantity);
`

// later returns what this release has and one migration more.
func later(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	own, err := fs.Sub(migrations.Files, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(own, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(own, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: content}
	}
	files["9000_gifts.sql"] = &fstest.MapFile{Data: []byte(next)}
	return files
}

// Two replicas of a release answer without a pause while the next one's migration is applied, with somebody in its way; on the
// newer schema they go on, one after the other is replaced, and a former one can still be started. Nobody's request fails.
func TestUpgradeWithoutDowntime(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	p := newProduction(t)
	p.kontor(t, "migrate")
	p.kontor(t, "demo", "--public-passwords")
	var replicas struct {
		sync.RWMutex
		all []*replica
	}
	replicas.all = []*replica{p.serve(t), p.serve(t)}

	// People read and order, by whoever is there, as a load balancer sends them.
	var stopped atomic.Bool
	var people sync.WaitGroup
	var mu sync.Mutex
	placed, reads, slowest := map[string]bool{}, 0, time.Duration(0)
	for i, username := range []string{"martha.hansen", "moritz.hansen", "maik.alster"} {
		c := replicas.all[0].as(t, username)
		c.HTTP = &http.Client{Timeout: 15 * time.Second}
		people.Go(func() {
			for n := 0; !stopped.Load(); n++ {
				number, took := func() (string, time.Duration) {
					replicas.RLock()
					defer replicas.RUnlock()
					c.URL = replicas.all[(i+n)%len(replicas.all)].URL
					asked := time.Now()
					c.Do(t, `{ orders(first: 5) { totalCount nodes { number items { quantity } } } cart { items { quantity } } }`, nil).OK(t)
					c.Do(t, `mutation { addCartItems(input: {items: [{sku: "TEL-DT-0101", quantity: "1"}]}) { errors { code } } }`, nil).OK(t)
					number := c.Do(t, `mutation($key: String!) { placeOrder(input: {idempotencyKey: $key}) { order { number } errors { code message } } }`,
						servertest.Vars{"key": fmt.Sprint(username, n)}).OK(t).String(t, "placeOrder.order.number")
					return number, time.Since(asked)
				}()
				mu.Lock()
				if placed[number] {
					t.Errorf("%s was placed twice", number)
				}
				placed[number], reads, slowest = true, reads+1, max(slowest, took)
				mu.Unlock()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	finish := sync.OnceFunc(func() { stopped.Store(true); people.Wait() })
	defer finish()
	orders := func() int { mu.Lock(); defer mu.Unlock(); return len(placed) }
	more := func(what string) {
		t.Helper()
		for began, deadline := orders(), time.Now().Add(time.Minute); orders() < began+6; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nobody can order", what)
			}
		}
	}
	more("before")

	d, err := db.Open(ctx, p.owner, db.WithMigrations(later(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	// Somebody reads for as long as it takes to make the migration step back.
	report, err := d.SQL.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.ExecContext(ctx, `SELECT count(*) FROM orders`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() {
		applied, err := db.Migrate(ctx, d)
		if err == nil && !slices.Equal(applied, []string{"9000_gifts.sql"}) {
			err = fmt.Errorf("applied %v", applied)
		}
		migrated <- err
	}()
	more("while the migration waits")
	if err := report.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	more("after the migration")

	// One is replaced after the other. Whoever comes is of this binary, which knows the schema no better than those
	// that leave: it stands for a former replica that is started again, and for the next release's.
	for i := range 2 {
		coming := p.serve(t)
		replicas.Lock()
		leaving := replicas.all[i]
		replicas.all[i] = coming
		replicas.Unlock()
		leaving.stop(t)
		more(fmt.Sprintf("with %d replicas replaced", i+1))
	}
	finish()
	t.Logf("%d orders, at most %s for a read, a change and an order", reads, slowest)
	if slowest > 12*time.Second {
		t.Errorf("somebody waited for %s", slowest)
	}

	// What was promised is there.
	mu.Lock()
	defer mu.Unlock()
	rows, err := d.SQL.QueryContext(ctx, `SELECT number FROM orders`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number string
		if err := rows.Scan(&number); err != nil {
			t.Fatal(err)
		}
		delete(placed, number)
	}
	if err := rows.Err(); err != nil || len(placed) > 0 {
		t.Errorf("orders that were promised and are not there: %v, %v", slices.Sorted(maps.Keys(placed)), err)
	}

	// A migration that takes away says from which kontor on the database is for: no former one starts on it.
	execute(t, p.owner, fmt.Sprintf(`COMMENT ON TABLE goose_db_version IS 'oldest kontor: %d'`, 9000))
	if said := p.refused(t); !strings.Contains(said, "use a newer kontor") {
		t.Errorf("a server of the former release says: %s", said)
	}
}
