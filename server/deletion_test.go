package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent/tenant"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/privacy"
	"kontor/internal/session"
	"kontor/server/servertest"
)

// A customer that is deleted leaves no row, no file, no session and no name; the other companies' logs verify, also by
// heads that were kept. A backup that is restored loses it again, and who gets its organization ID later has nothing of it.
//
// Case: PRIV-06
func TestADeletedCompanyLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend)
			busy(t, k)
			ids := columnOf(t, k.SQL(t), `SELECT id FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`)
			done := deleted(t, k, ids, func(ctx context.Context, room *privacy.Room) (privacy.Erasure, error) {
				return room.DeleteTenant(ctx, "HANSA")
			})

			// The demo data is the backup: the same companies, before.
			restored := servertest.Start(t, backend)
			deleted(t, restored, ids, func(ctx context.Context, room *privacy.Room) (privacy.Erasure, error) {
				again, err := room.Again(ctx, done)
				if twice, failed := room.Again(ctx, done); !again || twice || failed != nil {
					t.Errorf("again %v, twice %v, %v", again, twice, failed)
				}
				return done, err
			})
			reused(t, restored, done)
		})
	}
}

// busy has HANSA in everything that others have, too: rights, mails, quotes, agents that act.
func busy(t *testing.T, k *servertest.Kontor) {
	t.Helper()
	martha, maik := shopperAs(t, k, "martha.hansen"), k.As(t, "maik.alster")
	for from, to := range map[*servertest.Client][3]string{
		martha.Client: {"maik.alster@alster.example", "4066969300", "SV-100001"}, maik: {"martha.hansen@hansa.example", "4066969100", "SV-200001"},
	} {
		target := from.Operation(t, "spa/transfers", "FindTransferTarget", servertest.Vars{"first": 1, "input": map[string]any{"email": to[0], "customerNumber": to[1], "line": "FIXED_LINE"}}).OK(t)
		from.Operation(t, "spa/transfers", "SaveTransfers", servertest.Vars{"input": map[string]any{
			"targetId": target.String(t, "transferTarget.id"), "grant": []any{contractID(t, k, to[2])}, "idempotencyKey": "a"}}).OK(t)
	}
	martha.add(item("TEL-DT-0101", "200")).OK(t)
	martha.place(map[string]any{"idempotencyKey": "one"}).OK(t)
	shopperAs(t, k, "paul.lang").offer(k, nil)
	actFor(t, k.As(t, "sabine.kurz"), tenantID(t, k.SQL(t), "HANSA")).OK(t)
	filled(t, martha.Client, "799")
	martha.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
		"firstName": "Nele", "lastName": "Neu", "email": "nele.neu@hansa.example", "roles": []string{"GENERAL_USER"}}}).OK(t)
}

// deleted deletes HANSA and looks for what is left of it.
func deleted(t *testing.T, k *servertest.Kontor, users []string, do func(context.Context, *privacy.Room) (privacy.Erasure, error)) (done privacy.Erasure) {
	t.Helper()
	d, system := k.SQL(t), authz.System(t.Context())
	id := columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0]
	k.WithDatabase(t, func(store *db.DB) {
		log := k.AuditLog(t, store)
		heads, err := log.Heads(system, nil)
		if err != nil {
			t.Fatal(err)
		}
		room := privacy.New(store, log, k.Clock.Now)
		if _, err := room.DeleteTenant(system, "SERVICE"); err == nil {
			t.Error("the operator is deleted")
		}
		if done, err = do(system, room); err != nil {
			t.Fatal(err)
		}
		forgotten(t, k, room, done)
		chains, err := log.Verify(system, heads...)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chains {
			if c.Broken != "" {
				t.Errorf("%s: %s", c.Organization, c.Broken)
			}
		}
		if n := store.Client.Tenant.Query().Where(tenant.OrganizationID("HANSA")).CountX(system); n != 0 {
			t.Error("it is still there")
		}
	})
	inventory, err := privacy.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	for table, columns := range inventory {
		if _, has := columns["tenant_id"]; has {
			if n := columnOf(t, d, `SELECT count(*) FROM `+table+` WHERE tenant_id = '`+id+`'`)[0]; n != "0" {
				t.Errorf("%s has %s rows of it", table, n)
			}
		}
	}
	tables := everything(t, d)
	for _, gone := range []string{"martha.hansen", "gerd.grau", "nele.neu", "hansa.example", "Hansa Logistik"} {
		if at := strings.Index(strings.ToLower(tables), strings.ToLower(gone)); at >= 0 {
			t.Errorf("%s is still there: %s", gone, around(tables, tables[at:at+len(gone)]))
		}
	}
	if _, err := os.Stat(k.Blobs + "/" + id); !errors.Is(err, fs.ErrNotExist) {
		if left, _ := os.ReadDir(k.Blobs + "/" + id); len(left) > 0 {
			t.Errorf("%d of its documents are there", len(left))
		}
	}
	if r := k.Redis(t); r != nil {
		for _, key := range r.Keys(t.Context(), "*").Val() {
			content := key
			if r.Type(t.Context(), key).Val() == "string" {
				content += r.Get(t.Context(), key).Val()
			}
			if strings.Contains(content, id) || slices.ContainsFunc(users, func(of string) bool { return strings.Contains(content, of) }) {
				t.Errorf("Redis has %s", content)
			}
		}
	}
	return done
}

func forgotten(t *testing.T, k *servertest.Kontor, room *privacy.Room, e privacy.Erasure) {
	t.Helper()
	store, err := blobs.Open(t.Context(), "file://"+k.Blobs)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	url := ""
	if r := k.Redis(t); r != nil {
		url = fmt.Sprintf("redis://%s/%d", r.Options().Addr, r.Options().DB)
	}
	client, closeRedis, err := session.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeRedis() }()
	if err := room.Forget(t.Context(), e, store, session.NewStore(client, k.Clock.Now)); err != nil {
		t.Fatal(err)
	}
}

// reused gives its organization ID to another company, which has a key of its own.
func reused(t *testing.T, k *servertest.Kontor, done privacy.Erasure) {
	t.Helper()
	d := k.SQL(t)
	insert := func(id uuid.UUID) error {
		columns := slices.DeleteFunc(columnsOf(t, d, "tenants"), func(name string) bool { return name == "id" || name == "organization_id" || name == "path" })
		names := strings.Join(columns, ", ")
		_, err := d.ExecContext(t.Context(), `INSERT INTO tenants (id, organization_id, path, `+names+`) SELECT '`+id.String()+`', 'HANSA', '`+id.String()+`/', `+names+` FROM tenants WHERE organization_id = 'ALSTER'`)
		return err
	}
	if err := insert(done.ID); err == nil {
		t.Error("the key of a deleted company is used again")
	}
	if err := insert(uuid.Must(uuid.NewV7())); err != nil {
		t.Fatal(err)
	}
	k.WithDatabase(t, func(store *db.DB) {
		room := privacy.New(store, k.AuditLog(t, store), k.Clock.Now)
		if again, err := room.Again(authz.System(t.Context()), done); again || err != nil {
			t.Errorf("another company is deleted by its organization ID: %v", err)
		}
	})
	if n := columnOf(t, d, `SELECT count(*) FROM tenants WHERE organization_id = 'HANSA'`)[0]; n != "1" {
		t.Errorf("%s companies have the organization ID", n)
	}
}

func columnsOf(t *testing.T, d *sql.DB, table string) []string {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || rows.Err() != nil {
		t.Fatal(err, rows.Err())
	}
	return names
}

// Where an order of another company is for one of its contracts, nothing of a company goes.
//
// Case: PRIV-06
func TestACompanyThatOthersNeedStays(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE orders SET contract_id = (SELECT id FROM contracts WHERE number = 'SV-100001') WHERE id = (SELECT min(CAST(o.id AS text)) FROM orders o JOIN tenants t ON t.id = o.tenant_id
			WHERE t.organization_id = 'ALSTER' AND o.contract_id IS NULL)`+map[bool]string{false: `::uuid`}[onSQLite(d)])
		before := dump(t, d, "HANSA")
		k.WithDatabase(t, func(store *db.DB) {
			_, err := privacy.New(store, k.AuditLog(t, store), k.Clock.Now).DeleteTenant(authz.System(t.Context()), "HANSA")
			if err == nil || !strings.Contains(err.Error(), "still refers to HANSA") {
				t.Errorf("deleted: %v", err)
			}
		})
		if after := dump(t, d, "HANSA"); after != before {
			t.Errorf("something is gone:\n%s\nbefore:\n%s", after, before)
		}
	})
}
