package db_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"kontor/authz"
	entschema "kontor/ent/migrate"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

// walled is a migrated PostgreSQL, opened as its ordinary owner and as superuser.
func walled(t *testing.T, parameters string) (d *db.DB, beside *sql.DB) {
	t.Helper()
	postgres := kontortest.SharedPostgres(t)
	url := postgres.FreshDatabase(t, "")
	d, err := db.Open(t.Context(), url+parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if _, err := db.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if beside, err = sql.Open("pgx", postgres.AdminURL(kontortest.Database(url))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = beside.Close() })
	return d, beside
}

// seen are the companies whose rows of a table come through the wall, whatever the
// statement forgets to ask for.
func (c companies) seen(ctx context.Context, t *testing.T, d *db.DB, table string) []string {
	t.Helper()
	rows, err := d.Query(ctx, "SELECT DISTINCT "+tenantColumn(table)+" FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		for label, company := range c.ids {
			if company == id {
				found = append(found, label)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func tenantColumn(table string) string {
	if table == "tenants" {
		return "id"
	}
	return "tenant_id"
}

var (
	// secret are the tables that no viewer reads.
	secret = []string{"mails", "one_time_links", "one_time_passwords", "order_jobs", "recovery_codes", "registrations"}
	// imported are those that viewers do not write.
	imported = []string{"alloy_groups", "audit_entries", "audit_heads", "bookings", "categories", "contract_positions", "contracts", "customer_numbers", "documents", "import_reasons", "import_runs", "mails", "one_time_links", "one_time_passwords",
		"order_jobs", "portfolio_products", "portfolios", "prices", "products", "recovery_codes", "registrations", "tenants"}
	// ofContracts are those whose rows come with the right to see a contract.
	ofContracts = []string{"approval_needs", "contract_positions", "contracts", "documents", "need_approvers", "order_events", "order_items", "order_messages", "orders"}
)

// A statement that forgot its filter gives what the viewer's company has, and what the
// policy lets the viewer see of others; without a viewer, nothing.
//
// Requirement: AC-01
func TestAForgottenFilterGivesNoForeignRows(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	below := slices.Concat(ofContracts, []string{"alloy_groups", "bookings", "customer_numbers", "invoice_items", "quote_items", "quotes", "telephony_users", "tenants", "user_roles", "users"})
	received := slices.Concat(ofContracts, []string{"grants", "transfers"})
	receiver, former := c.viewer("mine", authz.MasterAdmin), c.viewer("mine", authz.MasterAdmin)
	for _, table := range entschema.Tables {
		var with map[string]any
		switch table.Name {
		case "grants":
			with = map[string]any{"right": "VIEW", "holder_id": receiver.User, "contract_id": c.contracts["stranger"]}
		case "transfers":
			with = map[string]any{"receiver_id": receiver.User}
		default:
			continue
		}
		for _, who := range []*authz.Viewer{receiver, former} {
			if with["holder_id"] != nil {
				with["holder_id"] = who.User
			} else {
				with["receiver_id"] = who.User
			}
			if who == former {
				with["revoked_at"] = noon
				if table.Name == "transfers" {
					with["revoked_by_id"] = uuid.New()
				}
			}
			statement, args := c.insert(table, "stranger", with)
			if _, err := beside.ExecContext(t.Context(), "SET session_replication_role = replica; "+inline(statement, args)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, each := range map[string]struct {
		viewer *authz.Viewer
		own    string
		more   map[string][]string // what else comes through, by table
	}{
		"general user":    {c.viewer("mine", authz.GeneralUser), "mine", nil},
		"master admin":    {c.viewer("mine", authz.MasterAdmin), "mine", nil},
		"receiver":        {receiver, "mine", only(received, "stranger")},
		"former receiver": {former, "mine", only([]string{"grants", "transfers"}, "stranger")},
		"partner agent":   {c.viewer("partner", authz.PartnerAgent), "partner", only(below, "mine", "other")},
		"service agent": {c.viewer("operator", authz.ServiceAgent), "operator",
			only(slices.Concat(below, []string{"audit_entries", "audit_heads", "connections", "grants"}), labels...)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := authz.NewContext(t.Context(), each.viewer)
			for _, table := range entschema.Tables {
				want := map[string]bool{each.own: true}
				switch {
				case slices.Contains(secret, table.Name):
					clear(want)
				case table.Name == "products" || table.Name == "categories" || table.Name == "portfolio_products":
					want["operator"] = true
				}
				for _, label := range each.more[table.Name] {
					want[label] = true
				}
				if got := c.seen(ctx, t, d, table.Name); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
					t.Errorf("%s: rows of %v come through, want those of %v", table.Name, got, slices.Sorted(maps.Keys(want)))
				}
			}
		})
	}
	for _, table := range entschema.Tables {
		if got := c.seen(t.Context(), t, d, table.Name); len(got) > 0 {
			t.Errorf("%s: nobody sees rows of %v", table.Name, got)
		}
		if got := c.seen(authz.System(t.Context()), t, d, table.Name); len(got) != len(labels) {
			t.Errorf("%s has rows of %v only: nothing is proven by it", table.Name, got)
		}
	}
}

func only(tables []string, labels ...string) map[string][]string {
	all := map[string][]string{}
	for _, table := range tables {
		all[table] = labels
	}
	return all
}

// Nobody writes rows of another company, not even where it sees them.
//
// Requirement: AC-01
func TestNobodyWritesForeignRows(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	for name, ctx := range map[string]context.Context{
		"general user":  authz.NewContext(t.Context(), c.viewer("mine", authz.GeneralUser)),
		"partner agent": authz.NewContext(t.Context(), c.viewer("mine", authz.PartnerAgent)),
		"service agent": authz.NewContext(t.Context(), c.viewer("mine", authz.ServiceAgent)),
		"nobody":        t.Context(),
	} {
		for _, table := range entschema.Tables {
			for _, statement := range []string{"UPDATE " + table.Name + " SET id = id", "DELETE FROM " + table.Name} {
				statement += " WHERE " + tenantColumn(table.Name) + " <> '" + c.ids["mine"].String() + "' RETURNING id"
				if n, err := affected(ctx, d, statement); n > 0 || err != nil {
					t.Errorf("%s: %s: %d rows, %v", name, statement, n, err)
				}
			}
			for _, label := range labels {
				statement, args := c.insert(table, label, nil)
				_, err := affected(ctx, d, statement, args...)
				may := label == "mine" && name != "nobody" && !slices.Contains(imported, table.Name)
				if refused(err) == may {
					t.Errorf("%s writes into %s for %s: %v, allowed is %v", name, table.Name, label, err, may)
				}
			}
		}
	}
	for _, table := range entschema.Tables {
		foreign := "SELECT id FROM " + table.Name + " WHERE " + tenantColumn(table.Name) + " <> '" + c.ids["mine"].String() + "'"
		if n, err := affected(authz.System(t.Context()), d, foreign); n != len(labels)-1 || err != nil {
			t.Errorf("%s has %d rows of others, want %d: %v", table.Name, n, len(labels)-1, err)
		}
	}
}

func affected(ctx context.Context, d *db.DB, statement string, args ...any) (int, error) {
	rows, err := d.Query(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// refused tells whether row security refused a statement.
func refused(err error) bool {
	var of *pgconn.PgError
	return errors.As(err, &of) && of.Code == "42501"
}

// Only the system says which companies are deleted, and sees it: what is written once and never deleted goes away
// with them. Nobody else lifts that, of its own company neither.
//
// Case: AUTHZ-08
func TestOnlyTheSystemSaysWhoIsDeleted(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	const insert = "INSERT INTO deleted_tenants (id, deleted_at) VALUES ($1, now())"
	for name, ctx := range map[string]context.Context{
		"master admin":  authz.NewContext(t.Context(), c.viewer("mine", authz.MasterAdmin)),
		"service agent": authz.NewContext(t.Context(), c.viewer("operator", authz.ServiceAgent)),
		"nobody":        t.Context(),
	} {
		for _, label := range labels {
			if _, err := affected(ctx, d, insert, c.ids[label]); !refused(err) {
				t.Errorf("%s says that %s is deleted: %v", name, label, err)
			}
		}
	}
	if _, err := affected(authz.System(t.Context()), d, insert, c.ids["other"]); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SELECT id FROM deleted_tenants", "UPDATE deleted_tenants SET id = id RETURNING id", "DELETE FROM deleted_tenants RETURNING id"} {
		if n, err := affected(authz.NewContext(t.Context(), c.viewer("other", authz.MasterAdmin)), d, statement); n > 0 || err != nil {
			t.Errorf("a viewer: %s: %d rows, %v", statement, n, err)
		}
		if n, err := affected(authz.System(t.Context()), d, statement); n != 1 || err != nil {
			t.Errorf("the system: %s: %d rows, %v", statement, n, err)
		}
	}
}

// A table of tenants that comes later gets its wall with it.
func TestEveryTableHasItsWall(t *testing.T) {
	d, _ := walled(t, "")
	rows, err := d.SQL.QueryContext(t.Context(), `SELECT tablename, string_agg(cmd, ' ' ORDER BY cmd) FROM pg_policies WHERE permissive = 'PERMISSIVE' GROUP BY tablename`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	policies := map[string]string{}
	for rows.Next() {
		var table, commands string
		if err := rows.Scan(&table, &commands); err != nil {
			t.Fatal(err)
		}
		policies[table] = commands
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range entschema.Tables {
		if got := policies[table.Name]; got != "DELETE INSERT SELECT UPDATE" {
			t.Errorf("%s has policies for %q: a migration must say SELECT kontor_wall('%s', …)", table.Name, got, table.Name)
		}
	}
	if err := db.CheckWall(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// Production does not start with a role that is past the wall, nor with a table that
// has none.
//
// Case: AUTHZ-08
func TestProductionNeedsTheWall(t *testing.T) {
	d, beside := walled(t, "")
	var name string
	if err := beside.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	superuser, err := db.Open(t.Context(), kontortest.SharedPostgres(t).AdminURL(name))
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close()
	if err := db.CheckWall(t.Context(), superuser); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("a superuser: %v", err)
	}
	for change, want := range map[string]string{
		"ALTER TABLE carts NO FORCE ROW LEVEL SECURITY":          "carts",
		"ALTER TABLE tenants DISABLE ROW LEVEL SECURITY":         "tenants",
		"CREATE TABLE notes (id uuid, tenant_id uuid)":           "notes",
		"ALTER TABLE deleted_tenants DISABLE ROW LEVEL SECURITY": "deleted_tenants",
		"ALTER ROLE kontor BYPASSRLS":                            "bypasses",
		"ALTER TABLE orders ENABLE ROW LEVEL SECURITY":           "",
		"CREATE TABLE numbers (id uuid, tenant_number int)":      "",
	} {
		undo := map[string]string{"carts": "ALTER TABLE carts FORCE ROW LEVEL SECURITY", "tenants": "ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
			"notes": "DROP TABLE notes", "deleted_tenants": "ALTER TABLE deleted_tenants ENABLE ROW LEVEL SECURITY", "bypasses": "ALTER ROLE kontor NOBYPASSRLS", "": "SELECT 1"}[want]
		if _, err := beside.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		err := db.CheckWall(t.Context(), d)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", change, err)
		}
		if _, err := beside.ExecContext(t.Context(), undo); err != nil {
			t.Fatal(err)
		}
	}
}

// The server needs no more than to read and write rows: another role than the one that
// owns the tables serves, as the README says.
func TestTheServerMayBeAnotherRoleThanTheOwner(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	for _, statement := range []string{
		"CREATE ROLE kontor_server LOGIN", "GRANT USAGE ON SCHEMA public TO kontor_server",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kontor_server",
	} {
		if _, err := beside.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, err := beside.ExecContext(context.WithoutCancel(t.Context()), "DROP OWNED BY kontor_server; DROP ROLE kontor_server")
		if err != nil {
			t.Error(err)
		}
	})
	var name string
	if err := d.SQL.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	server, err := db.Open(t.Context(), strings.Replace(kontortest.SharedPostgres(t).URL(name), "//kontor@", "//kontor_server@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := errors.Join(db.Check(t.Context(), server), db.CheckWall(t.Context(), server)); err != nil {
		t.Error(err)
	}
	general := authz.NewContext(t.Context(), c.viewer("mine", authz.GeneralUser))
	if got := c.seen(general, t, server, "orders"); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("it sees orders of %v", got)
	}
	statement, args := c.insert(entschema.AddressesTable, "other", nil)
	if _, err := affected(general, server, statement, args...); !refused(err) {
		t.Errorf("it writes for another company: %v", err)
	}
}
