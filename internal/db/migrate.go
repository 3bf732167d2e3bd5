package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"
	gooselock "github.com/pressly/goose/v3/lock"

	"kontor/ent/migrate/migrations"
)

// Migrate brings the schema to the version that this binary knows, and names what
// it applied. Several replicas may call it at once: one does it, the others wait.
func Migrate(ctx context.Context, d *DB) ([]string, error) {
	provider, err := provide(d, d.SQL)
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrating the database: %w", err)
	}
	applied := make([]string, len(results))
	for i, result := range results {
		applied[i] = result.Source.Path
	}
	return applied, nil
}

// Check refuses a schema that this binary does not know, older or newer: nothing
// may run on guesses.
func Check(ctx context.Context, d *DB) error {
	provider, err := provide(d, d.plain)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the version of the database: %w", err)
	case current < target:
		return fmt.Errorf("the database has version %d and this kontor needs %d: run `kontor migrate`", current, target)
	case current > target:
		return fmt.Errorf("the database has version %d and this kontor knows only %d: use a newer kontor", current, target)
	}
	return nil
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
	files, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		return nil, fmt.Errorf("finding the migrations: %w", err)
	}
	provider, err := goose.NewProvider(database, on, files, with...)
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return provider, nil
}
