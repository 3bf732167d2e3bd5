package db_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/cart"
	"kontor/internal/db"
)

func TestInTxCommitsOrLeavesNothing(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		rename := func(name string, end func()) func(tx *ent.Tx) (*ent.Tenant, error) {
			return func(tx *ent.Tx) (*ent.Tenant, error) {
				changed, err := tx.Tenant.UpdateOneID(w.a.ID).SetName(name).Save(ctx)
				end()
				return changed, err
			}
		}
		name := func() string { return d.Client.Tenant.GetX(ctx, w.a.ID).Name }

		changed, err := db.InTx(ctx, d, rename("committed", func() {}))
		if err != nil || name() != "committed" {
			t.Fatalf("%v, the name is %s", err, name())
		}
		if _, err := changed.QueryParent().All(ctx); err != nil {
			t.Errorf("an edge of the returned entity cannot be loaded: %v", err)
		}
		wanted := errors.New("no")
		_, err = db.InTx(ctx, d, func(tx *ent.Tx) (*ent.Tenant, error) {
			if _, err := rename("failed", func() {})(tx); err != nil {
				return nil, err
			}
			return nil, wanted
		})
		if !errors.Is(err, wanted) || name() != "committed" {
			t.Errorf("%v, the name is %s", err, name())
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = db.InTx(ctx, d, rename("panicked", func() { panic("no") }))
		}()
		if name() != "committed" {
			t.Errorf("after a panic the name is %s", name())
		}
	})
}

// Case: CONC-12
func TestManyWritersFindNothingLocked(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		var wg sync.WaitGroup
		failed := make(chan error, 32*5)
		for range 32 {
			wg.Go(func() {
				for range 5 {
					_, err := db.InTx(ctx, d, func(tx *ent.Tx) (int, error) {
						if _, err := tx.Cart.Query().Where(cart.ID(w.cart.ID)).Only(ctx); err != nil {
							return 0, err
						}
						return tx.Cart.Update().Where(cart.ID(w.cart.ID)).AddVersion(1).Save(ctx)
					})
					if err != nil {
						failed <- err
					}
				}
			})
		}
		wg.Wait()
		close(failed)
		for err := range failed {
			t.Error(err)
		}
		if got := d.Client.Cart.GetX(ctx, w.cart.ID).Version; got != 1+32*5 {
			t.Errorf("the version is %d: changes were lost", got)
		}
	})
}

// Nothing is read or written on nobody's behalf, and a viewer of one company does
// not reach the rows of another, whatever the code forgets to ask for.
//
// Requirement: AC-01
func TestWithoutAViewerNothingHappens(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		nobody := t.Context()
		if _, err := d.Client.Order.Query().All(nobody); !errors.Is(err, authz.ErrNoViewer) {
			t.Errorf("reading: %v", err)
		}
		if err := d.Client.Cart.Update().SetName("x").Exec(nobody); !errors.Is(err, authz.ErrNoViewer) {
			t.Errorf("writing: %v", err)
		}
		stranger := authz.NewContext(t.Context(), &authz.Viewer{User: w.userB.ID, Tenant: w.b.ID, TenantPath: w.b.Path, Operator: w.a.ID, Roles: []authz.Role{authz.MasterAdmin}})
		if n, err := d.Client.Order.Query().Count(stranger); err != nil || n != 0 {
			t.Errorf("sees %d foreign orders, %v", n, err)
		}
		if n, err := d.Client.Cart.Update().SetName("x").Save(stranger); err != nil || n != 0 {
			t.Errorf("changed %d foreign carts, %v", n, err)
		}
		if n, err := d.Client.Address.Delete().Exec(stranger); err != nil || n != 0 {
			t.Errorf("deleted %d foreign addresses, %v", n, err)
		}
		if err := d.Client.Address.Create().SetTenantID(w.a.ID).SetUserID(w.userB.ID).SetLabel("L").SetStreet("S").SetPostalCode("1").SetCity("C").SetCountry("DE").SetCreatedAt(noon).Exec(stranger); err == nil {
			t.Error("wrote an address for another company")
		}
		if err := d.Client.Price.Create().SetTenantID(w.b.ID).SetProductID(w.product.ID).SetCurrency("EUR").Exec(stranger); err == nil {
			t.Error("a viewer made its own price")
		}
	})
}

func TestOneProcessForAnSQLiteFile(t *testing.T) {
	url := "sqlite://" + filepath.Join(t.TempDir(), "kontor.db")
	first, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := db.Open(t.Context(), url); err == nil {
		_ = second.Close()
		t.Fatal("a second one opened the file")
	} else if !strings.Contains(err.Error(), "another kontor") {
		t.Fatalf("the error does not say what to do: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := db.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("after the first one closed it: %v", err)
	}
	_ = again.Close()
}

func TestCheckTellsOlderFromNewer(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		if _, err := d.SQL.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)"); err != nil {
			t.Fatal(err)
		}
		// The next release's migrations let this one run on, unless they say otherwise; SQLite has one server.
		if err := db.Check(ctx, d); d.Dialect == dialect.Postgres && err != nil {
			t.Errorf("a newer database: %v", err)
		}
		if d.Dialect == dialect.Postgres {
			if _, err := d.SQL.ExecContext(ctx, "COMMENT ON TABLE goose_db_version IS 'oldest kontor: 9999'"); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Check(ctx, d); err == nil || !strings.Contains(err.Error(), "newer kontor") {
			t.Errorf("a newer database that is not for this binary: %v", err)
		}
		if _, err := d.SQL.ExecContext(ctx, "DELETE FROM goose_db_version WHERE version_id > 0"); err != nil {
			t.Fatal(err)
		}
		if err := db.Check(ctx, d); err == nil || !strings.Contains(err.Error(), "kontor migrate") {
			t.Errorf("an older database: %v", err)
		}
	})
}

func TestStatementsAreToldToTheHook(t *testing.T) {
	var sent []string
	ctx := authz.System(t.Context())
	d, err := db.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "kontor.db"), db.WithStatementHook(func(s string) { sent = append(sent, s) }))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	sent = nil
	if _, err := db.InTx(ctx, d, func(tx *ent.Tx) (int, error) { return tx.Tenant.Query().Count(ctx) }); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 3 || sent[0] != "BEGIN" || !strings.Contains(sent[1], "tenants") || sent[2] != "COMMIT" {
		t.Fatal(fmt.Sprint(sent))
	}
}
