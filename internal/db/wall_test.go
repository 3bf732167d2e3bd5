package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
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

// companies are an operator, a partner with two customers, and a customer beside.
type companies struct {
	ids       map[string]uuid.UUID
	paths     map[string]string
	contracts map[string]uuid.UUID
}

var labels = []string{"operator", "partner", "mine", "other", "stranger"}

// fill puts a row of each company into every table, past keys and triggers.
func fill(t *testing.T, beside *sql.DB) companies {
	t.Helper()
	c := companies{map[string]uuid.UUID{}, map[string]string{}, map[string]uuid.UUID{}}
	parents := map[string]string{"partner": "operator", "mine": "partner", "other": "partner", "stranger": "operator"}
	for _, label := range labels {
		c.ids[label], c.contracts[label] = uuid.New(), uuid.New()
		c.paths[label] = c.paths[parents[label]] + c.ids[label].String() + "/"
	}
	connection, err := beside.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	statements := []string{"SET session_replication_role = replica"}
	if _, err := connection.ExecContext(t.Context(), statements[0]); err != nil {
		t.Fatal(err)
	}
	for _, table := range entschema.Tables {
		for _, label := range labels {
			statement, args := c.insert(table, label, nil)
			if _, err := connection.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	return c
}

// insert is a statement for a row of a company, and its arguments.
func (c companies) insert(table *schema.Table, label string, with map[string]any) (string, []any) {
	var names, places []string
	var args []any
	for _, column := range table.Columns {
		value, given := with[column.Name]
		if !given {
			if value = c.value(table, column, label); value == nil {
				continue
			}
		}
		args = append(args, value)
		names, places = append(names, `"`+column.Name+`"`), append(places, fmt.Sprint("$", len(args)))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table.Name, strings.Join(names, ", "), strings.Join(places, ", ")), args
}

// value fits the column; nil leaves it out.
func (c companies) value(table *schema.Table, column *schema.Column, label string) any {
	switch name := column.Name; {
	case name == "id" && table.Name == "tenants", name == "tenant_id":
		return c.ids[label]
	case name == "id" && table.Name == "contracts", name == "contract_id":
		return c.contracts[label]
	case name == "path" && table.Name == "tenants":
		return c.paths[label]
	case name == "parent_id" && table.Name == "tenants" && label != "operator":
		return c.ids["operator"]
	case name == "kind" && table.Name == "tenants" && label != "operator":
		return "CUSTOMER"
	case column.Nullable:
		return nil
	case len(column.Enums) > 0:
		return column.Enums[0]
	case name == "currency":
		return "EUR"
	case name == "language" || name == "country":
		return "de"
	case strings.HasPrefix(name, "valid_"):
		return "2026-01-01"
	case name == "expires_at":
		return noon.Add(time.Hour)
	case name == "gross_amount":
		return 2
	}
	switch column.Type {
	case field.TypeUUID:
		return uuid.New()
	case field.TypeTime:
		return noon
	case field.TypeBool:
		return false
	case field.TypeJSON:
		return "{}"
	case field.TypeString:
		return uuid.NewString()
	default:
		return 1
	}
}

func (c companies) viewer(label string, roles ...authz.Role) *authz.Viewer {
	return &authz.Viewer{User: uuid.New(), Tenant: c.ids[label], TenantPath: c.paths[label], Operator: c.ids["operator"], Roles: roles}
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
	secret = []string{"mails", "one_time_links", "one_time_passwords", "recovery_codes", "registrations"}
	// imported are those that viewers do not write.
	imported = []string{"categories", "contract_positions", "contracts", "customer_numbers", "prices", "products", "tenants"}
	// ofContracts are those whose rows come with the right to see a contract.
	ofContracts = []string{"contract_positions", "contracts", "order_events", "order_items", "orders"}
)

// A statement that forgot its filter gives what the viewer's company has, and what the
// policy lets the viewer see of others; without a viewer, nothing.
//
// Requirement: AC-01
func TestAForgottenFilterGivesNoForeignRows(t *testing.T) {
	d, beside := walled(t, "")
	c := fill(t, beside)
	below := slices.Concat(ofContracts, []string{"customer_numbers", "tenants", "user_roles", "users"})
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
				case table.Name == "products" || table.Name == "categories":
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

// inline writes arguments into a statement, to send it with others in one.
func inline(statement string, args []any) string {
	for i := len(args); i > 0; i-- {
		text := fmt.Sprint(args[i-1])
		if at, ok := args[i-1].(time.Time); ok {
			text = at.Format(time.RFC3339)
		}
		statement = strings.ReplaceAll(statement, fmt.Sprint("$", i), "'"+text+"'")
	}
	return statement
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
		"ALTER TABLE carts NO FORCE ROW LEVEL SECURITY":     "carts",
		"ALTER TABLE tenants DISABLE ROW LEVEL SECURITY":    "tenants",
		"CREATE TABLE notes (id uuid, tenant_id uuid)":      "notes",
		"ALTER ROLE kontor BYPASSRLS":                       "bypasses",
		"ALTER TABLE orders ENABLE ROW LEVEL SECURITY":      "",
		"CREATE TABLE numbers (id uuid, tenant_number int)": "",
	} {
		undo := map[string]string{"carts": "ALTER TABLE carts FORCE ROW LEVEL SECURITY", "tenants": "ALTER TABLE tenants ENABLE ROW LEVEL SECURITY",
			"notes": "DROP TABLE notes", "bypasses": "ALTER ROLE kontor NOBYPASSRLS", "": "SELECT 1"}[want]
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
