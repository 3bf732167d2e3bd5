package db_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"kontor/ent/migrate/migrations"
	"kontor/internal/db"
)

// SQLite makes the table of addresses anew: those that are there stay, with the carts that
// name them, and a cart still cannot name an address of another tenant.
func TestAddressesSurviveTheActingMigration(t *testing.T) {
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "kontor.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	files, err := fs.Sub(migrations.Files, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, d.SQL, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(ctx, 4); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) error {
		_, err := d.SQL.ExecContext(ctx, statement)
		return err
	}
	for _, statement := range []string{
		`INSERT INTO tenants (id, parent_id, path, kind, organization_id, name, email_domain, password_policy, login_needs_organization, language, currency, contact_name, contact_phone, contact_email, created_at)
			VALUES ('t0', NULL, 't0/', 'OPERATOR', 'O', 'O', 'o.example', 'BASIC', 0, 'de', 'EUR', '', '', '', '2026-01-01 00:00:00+00:00'),
			('t1', 't0', 't0/t1/', 'CUSTOMER', 'A', 'A', 'a.example', 'BASIC', 0, 'de', 'EUR', '', '', '', '2026-01-01 00:00:00+00:00'),
			('t2', 't0', 't0/t2/', 'CUSTOMER', 'B', 'B', 'b.example', 'BASIC', 0, 'de', 'EUR', '', '', '', '2026-01-01 00:00:00+00:00')`,
		`INSERT INTO users (id, tenant_id, username, username_key, email, email_key, title, first_name, last_name, phone, mobile, language, status, password_hash, must_change_password, sessions_valid_after, surviving_session, created_at)
			VALUES ('u1', 't1', 'user.one', 'user.one', 'a@a.example', 'a@a.example', '', 'A', 'A', '', '', 'de', 'ACTIVE', '', 0, '2026-01-01 00:00:00+00:00', '', '2026-01-01 00:00:00+00:00')`,
		`INSERT INTO addresses (id, tenant_id, user_id, label, company, contact, street, postal_code, city, country, is_default, created_at)
			VALUES ('a1', 't1', 'u1', 'Lager', '', '', 'Kai 1', '20457', 'Hamburg', 'DE', 1, '2026-01-01 00:00:00+00:00')`,
		`INSERT INTO saved_assignments (id, tenant_id, user_id, label, cost_centre, gl_account, project, plant, is_default, created_at)
			VALUES ('s1', 't1', 'u1', 'Kosten', '4711', '', '', '', 1, '2026-01-01 00:00:00+00:00')`,
		`INSERT INTO carts (id, tenant_id, user_id, name, customer_order_number, reference_number, delivery_address_id, version, updated_at)
			VALUES ('c1', 't1', 'u1', '', '', '', 'a1', 1, '2026-01-01 00:00:00+00:00')`,
	} {
		if err := exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	var city, centre string
	row := d.SQL.QueryRowContext(ctx, `SELECT a.city, s.cost_centre FROM carts c JOIN addresses a ON a.id = c.delivery_address_id JOIN saved_assignments s ON s.user_id = a.user_id`)
	if err := row.Scan(&city, &centre); err != nil || city != "Hamburg" || centre != "4711" {
		t.Errorf("the cart goes to %q, cost centre %q: %v", city, centre, err)
	}
	var broken string
	if err := d.SQL.QueryRowContext(ctx, `SELECT COALESCE(group_concat("table"), '') FROM pragma_foreign_key_check`).Scan(&broken); err != nil || broken != "" {
		t.Errorf("broken keys in %q: %v", broken, err)
	}
	if err := exec(`UPDATE carts SET tenant_id = 't2'`); err == nil {
		t.Error("a cart names an address of another tenant")
	}
	if err := exec(`DELETE FROM addresses`); err == nil {
		t.Error("an address that a cart names was deleted: foreign keys are off")
	}
}
