package db_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"kontor/authz"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

// each runs a test on an empty, migrated database of either kind.
func each(t *testing.T, test func(ctx context.Context, t *testing.T, d *db.DB)) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "kontor.db") },
		"PostgreSQL": func(t *testing.T) string { return kontortest.SharedPostgres(t).FreshDatabase(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := authz.System(t.Context())
			d, err := db.Open(ctx, url(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			if _, err := db.Migrate(ctx, d); err != nil {
				t.Fatal(err)
			}
			test(ctx, t, d)
		})
	}
}

func TestMigratingTwiceDoesNothingTheSecondTime(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		applied, err := db.Migrate(ctx, d)
		if err != nil || len(applied) != 0 {
			t.Fatalf("applied %v, %v", applied, err)
		}
		if err := db.Check(ctx, d); err != nil {
			t.Fatal(err)
		}
	})
}
