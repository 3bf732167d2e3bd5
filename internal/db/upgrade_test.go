package db_test

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/pressly/goose/v3"

	"kontor/authz"
	"kontor/ent/migrate/migrations"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

// released is the last migration of the last release, whose servers have to run on while and after the
// next one's are applied (docs/adr/0019-upgrade.md). Nothing is released yet: this is where the rule begins.
const released = 21

// judged says in a migration that a person has looked at what it takes away, and why the former release
// does without.
var judged = regexp.MustCompile(`(?m)^-- The former release runs on: \S.+$`)

// Migrations after the last release add, and take nothing away that its servers use: what each does to the schema is read
// from the database itself before and after it, however it was written. One that contracts says which kontor it is for.
func TestMigrationsOnlyExpand(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	d := opened(ctx, t)
	files, err := fs.Sub(migrations.Files, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, d.SQL, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(ctx, released); err != nil {
		t.Fatal(err)
	}
	for {
		before := inspected(ctx, t, d)
		if pending, err := provider.HasPending(ctx); err != nil {
			t.Fatal(err)
		} else if !pending {
			return
		}
		result, err := provider.UpByOne(ctx)
		if err != nil {
			t.Fatal(err)
		}
		source, err := fs.ReadFile(files, result.Source.Path)
		if err != nil {
			t.Fatal(err)
		}
		var oldest int64
		var comment string
		if err := d.SQL.QueryRowContext(ctx, `SELECT coalesce(obj_description('goose_db_version'::regclass, 'pg_class'), '')`).Scan(&comment); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Sscanf(comment, "oldest kontor: %d", &oldest)
		for _, taken := range contractions(t, d, before, inspected(ctx, t, d)) {
			if oldest <= released && !judged.Match(source) {
				t.Errorf("%s: %s, which servers of the former release do not know", result.Source.Path, taken)
			}
		}
	}
}

var (
	comments   = regexp.MustCompile(`(?m)--.*$`)
	newTable   = regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	newIndex   = regexp.MustCompile(`(?i)CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?\w+ ON (?:ONLY )?(\w+)`)
	newOnTable = regexp.MustCompile(`(?i)ALTER TABLE (?:ONLY )?(\w+)\s+ADD [^;]*;`)
	readsRows  = regexp.MustCompile(`(?i)\b(CHECK|FOREIGN KEY)\b`)
)

// waited are the statements of a migration that keep servers waiting for as long as a table is read that was
// there before.
func waited(migration string) (all []string) {
	up, _, _ := strings.Cut(migration, "-- +goose Down")
	up = comments.ReplaceAllString(up, "")
	own := map[string]bool{}
	for _, table := range newTable.FindAllStringSubmatch(up, -1) {
		own[strings.ToLower(table[1])] = true
	}
	for _, index := range newIndex.FindAllStringSubmatch(up, -1) {
		if index[1] == "" && !own[strings.ToLower(index[2])] {
			all = append(all, index[0])
		}
	}
	for _, added := range newOnTable.FindAllStringSubmatch(up, -1) {
		if readsRows.MatchString(added[0]) && !strings.Contains(strings.ToUpper(added[0]), "NOT VALID") && !own[strings.ToLower(added[1])] {
			all = append(all, added[0])
		}
	}
	return all
}

// Indexes are made, and rows of before are checked, beside servers that answer (docs/adr/0019-upgrade.md).
func TestMigrationsKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Files, "postgres/*.sql")
	if err != nil || len(files) < released {
		t.Fatalf("there are %d migrations: %v", len(files), err)
	}
	for _, file := range files {
		var number int
		if _, err := fmt.Sscanf(file, "postgres/%d_", &number); err != nil {
			t.Fatal(err)
		}
		source, err := fs.ReadFile(migrations.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		if number <= released {
			continue
		}
		for _, statement := range waited(string(source)) {
			t.Errorf("%s: %s: make indexes CONCURRENTLY in a migration of their own, add checks NOT VALID and VALIDATE them there", file, statement)
		}
	}
	for statement, want := range map[string]int{
		"CREATE INDEX a ON orders (b);":                                                   1,
		"create unique index if not exists a on orders (b);":                              1,
		"CREATE INDEX CONCURRENTLY a ON orders (b);":                                      0,
		"CREATE TABLE mine (id int CHECK (id > 0)); CREATE INDEX a ON mine (id);":         0,
		"ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT 0 CHECK (a > 0);":           1,
		"ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT 0;":                         0,
		"ALTER TABLE orders\n    ADD CONSTRAINT a FOREIGN KEY (b) REFERENCES c (id);":     1,
		"ALTER TABLE orders ADD CONSTRAINT a CHECK (b > 0) NOT VALID;":                    0,
		"-- CREATE INDEX a ON orders (b);\n-- +goose Down\nCREATE INDEX a ON orders (b);": 0,
	} {
		if got := waited(statement); len(got) != want {
			t.Errorf("%s: %q", statement, got)
		}
	}
}

// What takes away is told from what adds.
func TestContractionsAreSeen(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	d := opened(ctx, t)
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		`CREATE TABLE later (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), note text NOT NULL CHECK (note <> ''), UNIQUE (note))`: "",
		`ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '' CHECK (length(note) < 100)`:                                                          "",
		`ALTER TABLE orders ADD COLUMN note text`:                                  "",
		`ALTER TABLE orders ALTER COLUMN reference_number DROP NOT NULL`:           "",
		`CREATE INDEX orders_later ON orders (reference_number)`:                   "",
		`CREATE UNIQUE INDEX orders_later ON orders (tenant_id, id) `:              "orders_later",
		`ALTER TABLE orders ADD COLUMN note text NOT NULL`:                         "orders.note",
		`ALTER TABLE carts DROP COLUMN reference_number`:                           "carts.reference_number",
		`ALTER TABLE orders RENAME COLUMN reference_number TO ours`:                "orders.reference_number",
		`ALTER TABLE orders RENAME TO ordered`:                                     "orders is gone",
		`DROP TABLE order_jobs CASCADE`:                                            "order_jobs is gone",
		`ALTER TABLE users ALTER COLUMN last_login_at SET NOT NULL`:                "users.last_login_at",
		`ALTER TABLE carts ALTER COLUMN reference_number TYPE varchar(5)`:          "carts.reference_number",
		`ALTER TABLE orders ADD CHECK (reference_number <> 'never')`:               "orders refuses",
		`ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES tenants (id)`:           "users needs",
		`ALTER TABLE tenants ALTER COLUMN names_changeable DROP DEFAULT`:           "tenants.names_changeable",
		`DO $$ BEGIN EXECUTE 'ALTER TABLE orders DROP ' || 'COLUMN state'; END $$`: "orders.state",
	} {
		t.Run(statement, func(t *testing.T) {
			before := inspected(ctx, t, d)
			tx, err := d.SQL.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				t.Fatal(err)
			}
			driver, err := postgres.Open(tx)
			if err != nil {
				t.Fatal(err)
			}
			after, err := driver.InspectSchema(ctx, "public", nil)
			if err != nil {
				t.Fatal(err)
			}
			got := contractions(t, d, before, after)
			if (want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func opened(ctx context.Context, t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(ctx, kontortest.SharedPostgres(t).FreshDatabase(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func inspected(ctx context.Context, t *testing.T, d *db.DB) *schema.Schema {
	t.Helper()
	driver, err := postgres.Open(d.SQL)
	if err != nil {
		t.Fatal(err)
	}
	found, err := driver.InspectSchema(ctx, "public", nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// contractions names what a server that knows the schema of before cannot do any more, or has to do and does not
// know of.
func contractions(t *testing.T, d *db.DB, before, after *schema.Schema) []string {
	t.Helper()
	driver, err := postgres.Open(d.SQL)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := driver.SchemaDiff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var taken []string
	complain := func(format string, args ...any) { taken = append(taken, fmt.Sprintf(format, args...)) }
	for _, change := range changes {
		switch c := change.(type) {
		case *schema.DropTable:
			complain("%s is gone", c.T.Name)
		case *schema.RenameTable:
			complain("%s is gone", c.From.Name)
		case *schema.ModifyTable:
			for _, inside := range c.Changes {
				contracted(c, inside, complain)
			}
		}
	}
	return taken
}

func contracted(in *schema.ModifyTable, change schema.Change, complain func(string, ...any)) {
	table := in.T.Name
	switch c := change.(type) {
	case *schema.DropColumn:
		complain("%s.%s is gone", table, c.C.Name)
	case *schema.RenameColumn:
		complain("%s.%s is gone", table, c.From.Name)
	case *schema.AddColumn:
		if !c.C.Type.Null && c.C.Default == nil {
			complain("%s.%s has to be filled", table, c.C.Name)
		}
	case *schema.ModifyColumn:
		switch {
		case c.Change.Is(schema.ChangeNull) && !c.To.Type.Null:
			complain("%s.%s has to be filled", table, c.To.Name)
		case c.Change.Is(schema.ChangeType):
			complain("%s.%s is of another type", table, c.To.Name)
		case c.Change.Is(schema.ChangeDefault) && c.To.Default == nil && !c.To.Type.Null:
			complain("%s.%s has to be filled", table, c.To.Name)
		}
	case *schema.AddIndex:
		if c.I.Unique {
			complain("%s refuses what is there twice: %s", table, c.I.Name)
		}
	case *schema.ModifyIndex:
		if c.Change.Is(schema.ChangeUnique) && c.To.Unique {
			complain("%s refuses what is there twice: %s", table, c.To.Name)
		}
	case *schema.AddForeignKey:
		if !slices.ContainsFunc(c.F.Columns, func(column *schema.Column) bool { return added(in, column.Name) }) {
			complain("%s needs a row elsewhere: %s", table, c.F.Symbol)
		}
	case *schema.AddCheck:
		// About a new column: the former release leaves its default there.
		if !slices.ContainsFunc(in.T.Columns, func(column *schema.Column) bool {
			return added(in, column.Name) && regexp.MustCompile(`\b`+column.Name+`\b`).MatchString(c.C.Expr)
		}) {
			complain("%s refuses more: %s", table, c.C.Expr)
		}
	case *schema.ModifyCheck:
		complain("%s refuses other things: %s", table, c.To.Expr)
	}
}

func added(in *schema.ModifyTable, column string) bool {
	return slices.ContainsFunc(in.Changes, func(c schema.Change) bool { a, ok := c.(*schema.AddColumn); return ok && a.C.Name == column })
}

// Servers of before the audit log had a key would fail at each entry: they do not start on the schema.
//
// Case: PRIV-02
func TestThereIsNoWayBackBeforeTheKey(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	d := opened(ctx, t)
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	all, err := fs.Sub(migrations.Files, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(all, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var database string
	if err := d.SQL.QueryRowContext(ctx, "SELECT current_database()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	known := fstest.MapFS{}
	for i, name := range names {
		text, err := fs.ReadFile(all, name)
		if err != nil {
			t.Fatal(err)
		}
		known[name] = &fstest.MapFile{Data: text}
		former, err := db.Open(ctx, kontortest.SharedPostgres(t).URL(database), db.WithMigrations(known))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Check(ctx, former); (err == nil) != (i+1 >= 22) {
			t.Errorf("a kontor that knows the migrations up to %s: %v", name, err)
		}
		_ = former.Close()
	}
}

// A migration that waits for somebody's transaction does not make all others wait behind it: it steps back, they
// come through, and it is done once the way is free.
func TestMigrationsStepBack(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	url := kontortest.SharedPostgres(t).FreshDatabase(t, "")
	files := fstest.MapFS{"0001_things.sql": {Data: []byte("-- +goose Up\nCREATE TABLE things (id bigint);\n")}}
	d, err := db.Open(ctx, url, db.WithMigrations(files))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	files["0002_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT '';\n")}
	holder, err := d.SQL.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(ctx, `SELECT * FROM things`); err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		applied []string
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		applied, err := db.Migrate(ctx, d)
		done <- outcome{applied, err}
	}()
	// For as long as it may wait, and not longer: it gives up after two seconds and lets three pass.
	waiting, longest := 0, time.Duration(0)
	for began := time.Now(); time.Since(began) < 7*time.Second; time.Sleep(50 * time.Millisecond) {
		asked := time.Now()
		if _, err := d.SQL.ExecContext(ctx, `INSERT INTO things VALUES (1)`); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(asked); took > 500*time.Millisecond {
			waiting, longest = waiting+1, max(longest, took)
		}
	}
	if waiting == 0 || longest > 4*time.Second {
		t.Errorf("%d of the others waited, %s at most: the migration was to wait for two seconds at a time", waiting, longest)
	}
	select {
	case early := <-done:
		t.Fatalf("it was done while somebody was in the way: %v", early)
	default:
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if o := <-done; o.err != nil || !slices.Equal(o.applied, []string{"0002_more.sql"}) {
		t.Errorf("applied %v, %v", o.applied, o.err)
	}
}
