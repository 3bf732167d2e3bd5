package kontortest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// victim is set in the test process that TestServersDieWithTheirProcess starts.
const victim = "KONTORTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		os.Exit(startAndWait())
	}
	os.Exit(Main(m))
}

// greetingsFilled counts over repeated runs (-count): they share the server, and
// so the template.
var greetingsFilled int

func TestFreshDatabaseIsACopyOfItsOwn(t *testing.T) {
	t.Parallel()
	server := SharedPostgres(t)
	fill := func(url string) error {
		greetingsFilled++
		return execute(t.Context(), url, "CREATE TABLE greeting (word text); INSERT INTO greeting VALUES ('moin')")
	}
	template := server.Template(t, "greetings", fill)
	first, second := server.FreshDatabase(t, template), server.FreshDatabase(t, server.Template(t, "greetings", fill))
	if greetingsFilled != 1 {
		t.Errorf("the template was filled %d times, want once", greetingsFilled)
	}

	if err := execute(t.Context(), first, "UPDATE greeting SET word = 'servus'"); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{first: "servus", second: "moin"} {
		if got := queryText(t, url, "SELECT word FROM greeting"); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
	if got := queryText(t, server.FreshDatabase(t, ""), "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("a database without a template has %s tables", got)
	}
}

func TestFreshDatabaseIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	server := SharedPostgres(t)
	var url string
	t.Run("one that stays connected", func(t *testing.T) {
		url = server.FreshDatabase(t, "")
		connectPostgres(t.Context(), t, url)
	})
	if err := execute(t.Context(), url, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connecting after the test: got %v, want an error that says it does not exist", err)
	}
}

// The role that tests log in with is one that row security holds for.
//
// Case: AUTHZ-08
func TestOwnerHasNoSpecialRights(t *testing.T) {
	t.Parallel()
	server := SharedPostgres(t)
	const special = "SELECT (rolsuper OR rolbypassrls)::text FROM pg_roles WHERE rolname = current_user"
	if got := queryText(t, server.FreshDatabase(t, ""), special); got != "false" {
		t.Error("row security does not hold for the role of URL")
	}
	if got := queryText(t, server.AdminURL("postgres"), special); got != "true" {
		t.Error("the role of AdminURL is no superuser")
	}
}

func TestPostgresOptions(t *testing.T) {
	t.Parallel()
	server, err := StartPostgres(t.Context(), PostgresOptions{
		Durable:  true,
		Settings: map[string]string{"shared_preload_libraries": "pg_stat_statements"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := execute(t.Context(), server.AdminURL("postgres"), "CREATE EXTENSION pg_stat_statements"); err != nil {
		t.Error(err)
	}
	for url, want := range map[string]string{server.URL("postgres"): "on", SharedPostgres(t).URL("postgres"): "off"} {
		for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			if got := queryText(t, url, "SHOW "+setting); got != want {
				t.Errorf("%s: %s is %s, want %s", url, setting, got, want)
			}
		}
	}
	if got := queryText(t, server.URL("postgres"), "SELECT lower('ÄÖÜ') COLLATE \"default\""); got != "äöü" {
		t.Errorf("lower case of umlauts: got %q", got)
	}

	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(server.directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory after Close: got %v, want that it does not exist", err)
	}
}

func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	server, err := StartPostgres(t.Context(), PostgresOptions{Settings: map[string]string{"max_connections": "many"}})
	if err == nil {
		t.Fatal("it started with max_connections=many", server.Close())
	}
	if !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("the error does not name the wrong setting: %v", err)
	}
}

func TestPostgresComesBackWithItsData(t *testing.T) {
	t.Parallel()
	server, err := StartPostgres(t.Context(), PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, server) })
	if err := server.CreateDatabase(t.Context(), "kept", ""); err != nil {
		t.Fatal(err)
	}
	connection := connectPostgres(t.Context(), t, server.URL("kept"))
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := connection.Ping(t.Context()); err == nil {
		t.Error("the connection outlived the server")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	queryText(t, server.URL("kept"), "SELECT 'here'")
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server, err := StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, server) })
	client := connectRedis(t, server.URL())
	if err := client.Set(t.Context(), "session", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("it answers after Stop")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(t.Context(), "session").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("the value after it came back: got %v, want %v", err, redis.Nil)
	}
	if err := server.Start(t.Context()); err == nil {
		t.Error("it was started twice")
	}
}

func TestFreshRedisDatabaseIsItsOwn(t *testing.T) {
	t.Parallel()
	server := SharedRedis(t)
	var used string
	t.Run("one that writes", func(t *testing.T) {
		used = server.FreshDatabase(t)
		if err := connectRedis(t, used).Set(t.Context(), "key", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if size := connectRedis(t, server.FreshDatabase(t)).DBSize(t.Context()).Val(); size != 0 {
			t.Errorf("another database has %d keys", size)
		}
	})
	if size := connectRedis(t, used).DBSize(t.Context()).Val(); size != 0 {
		t.Errorf("%d keys are left after the test", size)
	}
}

func TestMissingProgramsNameTheirPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := StartRedis(t.Context()); err == nil || !strings.Contains(err.Error(), "package redis-server") {
		t.Errorf("without redis-server: got %v", err)
	}
	if _, err := postgresBinaries("/nowhere"); err == nil || !strings.Contains(err.Error(), "package postgresql") {
		t.Errorf("without PostgreSQL: got %v", err)
	}
}

func TestNewestPostgresIsFound(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	installed := t.TempDir()
	for _, version := range []string{"9.6", "15", "9", "17", "old"} {
		directory := filepath.Join(installed, version, "bin")
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := postgresBinaries(installed); got != filepath.Join(installed, "17", "bin") || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

// A test process that is killed, as after a timeout, must not leave servers behind.
func TestServersDieWithTheirProcess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	temporary := t.TempDir()
	// PostgreSQL may run as another user, which has to get at its directory.
	if err := os.Chmod(filepath.Dir(temporary), 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), victim+"=yes", "TMPDIR="+temporary)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var database Postgres
	var store Redis
	_, scanError := fmt.Fscanln(output, &database.port, &store.port)
	if err := errors.Join(scanError, child.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	err = poll(ctx, func(ctx context.Context) error {
		for _, err := range []error{database.execute(ctx, "SELECT 1"), store.ping(ctx)} {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				return fmt.Errorf("a server is still there: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// It was killed: that is the one way it can end.
	_ = child.Wait()
}

// startAndWait starts both servers, tells where they are, and waits to be killed.
func startAndWait() int {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	database, err := StartPostgres(ctx, PostgresOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	store, err := StartRedis(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(database.port, store.port)
	<-ctx.Done()
	return 1
}

func execute(ctx context.Context, url, statements string) error {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = connection.Exec(ctx, statements)
	return errors.Join(err, connection.Close(ctx))
}

func queryText(t *testing.T, url, query string) string {
	t.Helper()
	var text string
	if err := connectPostgres(t.Context(), t, url).QueryRow(t.Context(), query).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// connectPostgres connects for the time of the test.
func connectPostgres(ctx context.Context, t *testing.T, url string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := connection.Close(context.Background()); err != nil && !connection.IsClosed() {
			t.Error(err)
		}
	})
	return connection
}

// connectRedis connects for the time of the test.
func connectRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries, options.DialerRetries = -1, 1
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func closeServer(t *testing.T, server interface{ Close() error }) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}
