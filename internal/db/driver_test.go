package db_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

// told is whom the database takes a statement with this context to be for.
func told(ctx context.Context, t *testing.T, d *db.DB) string {
	t.Helper()
	rows, err := d.Query(ctx, "SELECT coalesce(current_setting('kontor.viewer', true), '')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var text string
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text
}

// A request of one company ends in the middle, by an error, a panic or because nobody
// waits for it any more, and the next one gets its connection: nothing is left on it of
// whom it was for.
//
// Case: AUTHZ-07
func TestAConnectionRemembersNobody(t *testing.T) {
	d, beside := walled(t, "&pool_max_conns=1")
	c := fill(t, beside)
	mine, other := c.viewer("mine", authz.MasterAdmin), c.viewer("other", authz.GeneralUser)
	a, b := authz.NewContext(t.Context(), mine), authz.NewContext(t.Context(), other)
	seen := func(ctx context.Context, client *ent.Client) (ids []uuid.UUID) {
		for _, u := range client.User.Query().AllX(ctx) {
			ids = append(ids, u.TenantID)
		}
		return ids
	}
	wanted := errors.New("no")
	ends := []func(){
		func() { // an error
			_, err := db.InTx(a, d, func(tx *ent.Tx) (int, error) { return len(seen(a, tx.Client())), wanted })
			if !errors.Is(err, wanted) {
				t.Fatal(err)
			}
		},
		func() { // a panic
			defer func() { _ = recover() }()
			_, _ = db.InTx(a, d, func(tx *ent.Tx) (int, error) { panic(seen(authz.System(a), tx.Client())) })
		},
		func() { // a refused statement, outside of any transaction
			if _, err := affected(a, d, "SELECT 1/0"); err == nil {
				t.Fatal("not refused")
			}
		},
		func() { // a statement that PostgreSQL does not know
			if _, err := affected(a, d, "SELECT nothing"); err == nil {
				t.Fatal("not refused")
			}
		},
		func() { _ = seen(a, d.Client) }, // a good end
	}
	ends = append(ends, ends...)
	ends = append(ends, ends...)
	cut := func(do func(ctx context.Context)) func() { // a client that went away
		return func() {
			ctx, cancel := context.WithTimeout(a, time.Millisecond)
			defer cancel()
			do(ctx)
		}
	}
	ends = append(ends, cut(func(ctx context.Context) {
		_, _ = db.InTx(ctx, d, func(tx *ent.Tx) (int, error) {
			return tx.User.Query().Where(func(s *sql.Selector) { s.Where(sql.ExprP("(SELECT true FROM pg_sleep(1))")) }).Count(ctx)
		})
	}), cut(func(ctx context.Context) { _, _ = affected(ctx, d, "SELECT pg_sleep(1)") }))

	rounds := 10_000
	if testing.Short() {
		rounds = 200
	}
	for i := range rounds {
		ends[i%len(ends)]()
		if got := told(t.Context(), t, d); got != "" {
			t.Fatalf("round %d: nobody is taken for %q", i, got)
		}
		if got := seen(b, d.Client); len(got) != 1 || got[0] != other.Tenant {
			t.Fatalf("round %d: the next company sees users of %v", i, got)
		}
	}
}

// Within a transaction every statement is for the viewer of its own context.
func TestATransactionFollowsItsViewer(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	viewer := authz.NewContext(t.Context(), c.viewer("mine", authz.MasterAdmin))
	for name, begin := range map[string]context.Context{"viewer": viewer, "nobody": t.Context()} {
		tx, err := d.Client.Tx(begin)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			ctx  context.Context
			want int
		}{{viewer, 1}, {viewer, 1}, {authz.System(viewer), len(labels)}, {viewer, 1}} {
			if n, err := tx.User.Query().Count(step.ctx); err != nil || n != step.want {
				t.Errorf("begun by %s: %d users, want %d: %v", name, n, step.want, err)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// Telling for whom a statement is costs no round trip.
func TestTheWallCostsNoRoundTrip(t *testing.T) {
	address := kontortest.SharedPostgres(t).FreshDatabase(t, "")
	direct, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	if _, err := db.Migrate(t.Context(), direct); err != nil {
		t.Fatal(err)
	}
	trips := &atomic.Int64{}
	d, err := db.Open(t.Context(), through(t, address, trips)+"&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	viewer := authz.NewContext(t.Context(), &authz.Viewer{User: uuid.New(), Tenant: uuid.New(), Operator: uuid.New(), TenantPath: "x/", Roles: []authz.Role{authz.MasterAdmin}})
	transaction := func() error {
		_, err := db.InTx(viewer, d, func(tx *ent.Tx) (int, error) {
			_, _ = tx.User.Query().All(viewer)
			_, _ = tx.User.Query().All(authz.System(viewer))
			return tx.Tenant.Query().Count(viewer)
		})
		return err
	}
	statement := func() error { _, err := d.Client.User.Query().All(viewer); return err }
	for range 2 { // statements are prepared
		if err := errors.Join(statement(), transaction()); err != nil {
			t.Fatal(err)
		}
	}
	for name, each := range map[string]struct {
		do   func() error
		want int64
	}{"a statement": {statement, 1}, "a transaction with three": {transaction, 5}} {
		trips.Store(0)
		if err := each.do(); err != nil {
			t.Fatal(err)
		}
		if got := trips.Load(); got != each.want {
			t.Errorf("%s costs %d round trips, want %d", name, got, each.want)
		}
	}
}

// through is the database's URL by way of a proxy that counts what PostgreSQL is asked
// to answer.
func through(t *testing.T, address string, trips *atomic.Int64) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	to := parsed.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() { _ = count(server, client, trips); _ = server.Close() }()
		}
	}()
	parsed.Host = listener.Addr().String()
	return parsed.String()
}

// count passes the messages of a client on: the first has no type, and Sync and Query
// are those that are waited for.
func count(server io.Writer, client io.Reader, trips *atomic.Int64) error {
	for header := make([]byte, 4); ; header = make([]byte, 5) {
		if _, err := io.ReadFull(client, header); err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(header[len(header)-4:])
		if size < 4 {
			return fmt.Errorf("a message of %d bytes", size)
		}
		if len(header) == 5 && (header[0] == 'S' || header[0] == 'Q') {
			trips.Add(1)
		}
		if _, err := server.Write(header); err != nil {
			return err
		}
		if _, err := io.CopyN(server, client, int64(size)-4); err != nil {
			return err
		}
	}
}
