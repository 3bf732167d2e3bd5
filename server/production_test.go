package server_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"kontor/internal/db"
	"kontor/internal/kontortest"
	"kontor/server"
)

// A production server does not start with a role of the database that row security does not hold for,
// nor with a table that has none; with an ordinary role it does.
//
// Case: AUTHZ-08
func TestProductionStartsBehindTheWallOnly(t *testing.T) {
	t.Parallel()
	postgres := kontortest.SharedPostgres(t)
	address := postgres.FreshDatabase(t, "")
	d, err := db.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	start := func(database string) error {
		s, err := server.New(t.Context(), server.Config{
			Addr: "127.0.0.1:0", BaseURL: "https://portal.example.com", DatabaseURL: database, RedisURL: kontortest.SharedRedis(t).FreshDatabase(t),
			SMTPURL: "smtps://127.0.0.1:1", BlobURL: "file://" + t.TempDir(), Production: true, Secrets: []string{"0123456789abcdef0123456789abcdef"},
		}, slog.New(slog.DiscardHandler))
		if err == nil {
			err = s.Close()
		}
		return err
	}
	if err := start(address); err != nil {
		t.Fatalf("an ordinary role: %v", err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := start(postgres.AdminURL(strings.TrimPrefix(parsed.Path, "/"))); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("a superuser: %v", err)
	}
	if _, err := d.SQL.ExecContext(t.Context(), "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY"); err != nil {
		t.Fatal(err)
	}
	if err := start(address); err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("a table without its wall: %v", err)
	}
}
