package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	gooselock "github.com/pressly/goose/v3/lock"

	"kontor/ent/migrate/migrations"
)

// Migrations run beside servers that answer requests. Whoever waits for a lock makes all wait that come after
// him: a migration gives up after lockTimeout, lets the others through for lockPause, and tries again.
const (
	lockTimeout  = 2 * time.Second
	lockPause    = 3 * time.Second
	lockAttempts = 60
)

// Migrate brings the schema to the version that this binary knows, and names what
// it applied. Several replicas may call it at once: one does it, the others wait.
func Migrate(ctx context.Context, d *DB) ([]string, error) {
	on := d.SQL
	if d.patient != nil {
		on = d.patient()
		defer func() { _ = on.Close() }() // everything on it has ended
	}
	provider, err := provide(d, on)
	if err != nil {
		return nil, err
	}
	var applied []string
	for attempt := 1; ; attempt++ {
		results, err := provider.Up(ctx)
		if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
			results = partial.Applied
		}
		for _, result := range results {
			applied = append(applied, result.Source.Path)
		}
		if err == nil {
			return applied, nil
		}
		if attempt == lockAttempts || !inTheWay(err) {
			return applied, fmt.Errorf("migrating the database: %w", err)
		}
		select {
		case <-ctx.Done():
			return applied, fmt.Errorf("migrating the database: %w", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

// inTheWay tells whether a migration was given up, as a whole, for others that hold what it needs.
func inTheWay(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01")
}

// Check refuses a schema that this binary does not know: nothing may run on guesses. One that is newer
// is refused only if it says so: migrations let the former release run on, and a replica of it can be started
// again while an upgrade is under way (docs/adr/0019-upgrade.md). SQLite has one server, so there it is refused.
func Check(ctx context.Context, d *DB) error {
	provider, err := provide(d, d.plain)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the database: %w", err)
	}
	if current < target {
		return fmt.Errorf("the database has version %d and this kontor needs %d: run `kontor migrate`", current, target)
	}
	if current == target {
		return nil
	}
	oldest := current
	if d.Dialect == dialect.Postgres {
		if oldest, err = oldestKontor(ctx, d); err != nil {
			return err
		}
	}
	if target < oldest {
		return fmt.Errorf("the database has version %d and this kontor knows only %d: use a newer kontor", current, target)
	}
	return nil
}

// oldestKontor is the version that a binary has to know to run on the schema. A migration that takes away what
// the former release uses says so, within its transaction:
//
//	COMMENT ON TABLE goose_db_version IS 'oldest kontor: 31';
func oldestKontor(ctx context.Context, d *DB) (int64, error) {
	var comment string
	if err := d.plain.QueryRowContext(ctx, `SELECT coalesce(obj_description(to_regclass('goose_db_version'), 'pg_class'), '')`).Scan(&comment); err != nil {
		return 0, fmt.Errorf("reading which kontor may run on the database: %w", err)
	}
	said, found := strings.CutPrefix(comment, "oldest kontor: ")
	if !found {
		return 0, nil
	}
	oldest, err := strconv.ParseInt(said, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading which kontor may run on the database: %w", err)
	}
	return oldest, nil
}

func provide(d *DB, on *sql.DB) (*goose.Provider, error) {
	folder, database := "sqlite", goose.DialectSQLite3
	var with []goose.ProviderOption
	if d.Dialect == dialect.Postgres {
		folder, database = "postgres", goose.DialectPostgres
		locker, err := gooselock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("making the lock of migrations: %w", err)
		}
		with = append(with, goose.WithSessionLocker(locker))
	}
	files := d.migrations
	if files == nil {
		var err error
		if files, err = fs.Sub(migrations.Files, folder); err != nil {
			return nil, fmt.Errorf("finding the migrations: %w", err)
		}
	}
	provider, err := goose.NewProvider(database, on, files, with...)
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return provider, nil
}
