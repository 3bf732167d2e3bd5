package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/server/servertest"
)

const day = 24 * time.Hour

// Of 100,000 mails that are over, and of audit entries, exactly those go away, in batches; a round that is killed goes on
// where it was, nothing goes by a clock that jumped, and the chains verify all the time.
//
// Case: PRIV-09
func TestWhatIsOverGoesAway(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const many, entries = 100_000, 2_500
		d, system := k.SQL(t), authz.System(t.Context())
		count := func(what string) int {
			t.Helper()
			var n int
			if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM "+what).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		oldMails(t, d, many)
		const pending, sent = "mails WHERE subject = 'pending'", "mails WHERE subject = 'sent'"
		others := otherTables(t, d)

		deletes, stop := 0, func() {}
		k.WithDatabase(t, func(store *db.DB) {
			log := k.AuditLog(t, store)
			hansa := store.Client.Tenant.Query().AllX(system)[0]
			from := audit.NewContext(system, audit.Origin{IPAddress: "192.0.2.17", RequestID: "r"})
			_, err := db.InTx(system, store, func(tx *ent.Tx) (struct{}, error) {
				var all []audit.Change
				for i := range entries {
					all = append(all, audit.Change{Tenant: hansa.ID, Action: "login", Kind: "User", Label: "somebody", After: map[string]any{"i": i}, Security: i%2 == 0})
				}
				return struct{}{}, log.Record(from, tx, all...)
			})
			if err != nil {
				t.Fatal(err)
			}
			whole := func(cut bool) {
				t.Helper()
				chains, err := log.Verify(system)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range chains {
					if c.Broken != "" || c.Organization == hansa.OrganizationID && cut != (c.Cut >= entries) {
						t.Errorf("%+v", c)
					}
				}
			}
			room := privacy.New(store, log, k.Clock.Now)
			retain := func(clockIsRight bool) privacy.Retained {
				t.Helper()
				done, err := room.Retain(system, clockIsRight)
				if err != nil {
					t.Fatal(err)
				}
				return done
			}
			refused := func(room *privacy.Room, what string) {
				t.Helper()
				if done, err := room.Retain(system, false); !errors.Is(err, privacy.ErrClock) || done != (privacy.Retained{}) || count(sent) != many {
					t.Errorf("%s: %+v, %v", what, done, err)
				}
			}
			// The first round only notes the time; then the clock jumps.
			if done := retain(false); done != (privacy.Retained{}) || count(sent) != many {
				t.Errorf("the first round: %+v", done)
			}
			k.Clock.Advance(366 * day)
			refused(room, "a year on")
			refused(privacy.New(store, log, func() time.Time { return k.Clock.Now().Add(-368 * day) }), "two days back")

			// Somebody vouches for it, and it is killed half way.
			ctx, cancel := context.WithCancel(system)
			deletes, stop = 0, cancel
			if _, err := room.Retain(ctx, true); err == nil {
				t.Error("it was not killed")
			}
			stop = func() {}
			if left := count(sent); left == 0 || left > many-20_000 {
				t.Errorf("%d mails are left of a round that was killed", left)
			}
			whole(false)
			done := retain(true)
			if done.Mails == 0 || done.Origins == 0 || done.Security < entries/2 || done.Entries != 0 || count(sent) != 0 || count(pending) != 3 {
				t.Errorf("after a year: %+v, %d and %d mails", done, count(sent), count(pending))
			}
			if deletes < many/1000 {
				t.Errorf("%d mails went with %d statements", many, deletes)
			}
			if n := count(`audit_entries WHERE ip_address <> ''`); n != 0 {
				t.Errorf("%d entries have an address", n)
			}
			if n := count(`audit_entries WHERE subject_label = 'somebody'`); n != entries/2 {
				t.Errorf("%d entries name somebody", n)
			}
			whole(false)
			// An hour later there is nothing to do, and two years later the entries go.
			k.Clock.Advance(time.Hour)
			if done := retain(false); done != (privacy.Retained{}) {
				t.Errorf("an hour later: %+v", done)
			}
			heads, err := log.Heads(system, nil)
			if err != nil {
				t.Fatal(err)
			}
			k.Clock.Advance(366 * day)
			if done := retain(true); done.Entries < entries || count(`audit_entries WHERE request_id = 'r'`) != 0 {
				t.Errorf("two years later: %+v", done)
			}
			whole(true)
			// What was cut can be told from what was cut off: the heads of before still fit.
			if chains, err := log.Verify(system, heads...); err != nil || strings.Contains(fmt.Sprint(chains), "kept elsewhere") {
				t.Errorf("with heads of before: %v %v", chains, err)
			}
		}, db.WithStatementHook(func(statement string) {
			if strings.Contains(statement, "DELETE FROM") && strings.Contains(statement, "mails") {
				if deletes++; deletes == 40 {
					stop()
				}
			}
		}))
		for table, n := range otherTables(t, d) {
			if others[table] != n {
				t.Errorf("%s had %d rows and has %d", table, others[table], n)
			}
		}
	})
}

// oldMails are so many mails that were sent long ago, and three that are still to go.
func oldMails(t *testing.T, d *sql.DB, n int) {
	t.Helper()
	insert := `INSERT INTO mails (id, tenant_id, recipient, subject, text, html, created_at, sent_at, next_attempt_at, attempts, last_error) SELECT `
	rest := `(SELECT id FROM tenants WHERE organization_id = 'HANSA'), 'somebody@hansa.example', %s, '', '', '2026-11-01T00:00:00Z', %s, '2026-11-01T00:00:00Z', 1, ''`
	id, numbers := `('00000000-0000-7000-8000-' || lpad(CAST(i AS text), 12, '0'))::uuid, `, fmt.Sprintf(" FROM generate_series(1, %d) AS i", n+3)
	if onSQLite(d) {
		id = `printf('00000000-0000-7000-8000-%012d', i), `
		numbers = fmt.Sprintf(" FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n)", n+3)
	}
	at := `CAST('2026-11-01T00:00:00Z' AS timestamptz)`
	if onSQLite(d) {
		at = `'2026-11-01 00:00:00+00:00'`
	}
	rest = strings.ReplaceAll(rest, `'2026-11-01T00:00:00Z'`, at)
	subject, when := fmt.Sprintf(`CASE WHEN i <= %d THEN 'sent' ELSE 'pending' END`, n), fmt.Sprintf(`CASE WHEN i <= %d THEN %s END`, n, at)
	alter(t, d, insert+id+fmt.Sprintf(rest, subject, when)+numbers)
}

// otherTables are how many rows the tables have of which nothing is over.
func otherTables(t *testing.T, d *sql.DB) map[string]int {
	t.Helper()
	inventory, err := privacy.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for table := range inventory {
		switch table {
		case "mails", "audit_entries", "audit_heads", "one_time_links", "registrations":
		default:
			var n int
			if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			rows[table] = n
		}
	}
	return rows
}
