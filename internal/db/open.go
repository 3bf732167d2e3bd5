// Package db opens the database, SQLite or PostgreSQL, runs transactions on it and
// keeps its schema up to date.
package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"modernc.org/sqlite" // the driver "sqlite", too

	"kontor/authz"
	"kontor/ent"
	_ "kontor/ent/runtime" // the walls and defaults of ent/schema
)

// DB is an open database.
type DB struct {
	Client  *ent.Client
	SQL     *sql.DB // for migrations and tests: the server works for itself here and sees every row
	Dialect string  // dialect.SQLite or dialect.Postgres

	// writer lets one transaction at a time write to SQLite, which has one writer:
	// the others wait in line instead of finding the database locked.
	writer  sync.Mutex
	driver  dialect.Driver
	plain   *sql.DB        // for questions about the schema: nobody's
	patient func() *sql.DB // opens connections like SQL's that do not wait for locks for long; nil where nobody else holds any
	ping    func(context.Context) error
	stats   func() sql.DBStats
	closers []func() error

	migrations fs.FS // instead of the binary's own; nil: those
}

// Option changes how Open opens.
type Option func(*options)

type options struct {
	hook       func(string)
	watch      Watcher
	wall       func(context.Context) (string, error)
	migrations fs.FS
}

// WithoutWall tells PostgreSQL nothing of viewers: for a database whose row security was
// taken away, which the benchmark compares with. Any other gives no rows.
func WithoutWall() Option {
	return func(o *options) { o.wall = func(context.Context) (string, error) { return "", nil } }
}

// WithMigrations takes these for the migrations of PostgreSQL: tests put the next release's after those of this one.
func WithMigrations(files fs.FS) Option { return func(o *options) { o.migrations = files } }

// WithStatementHook calls hook with every statement before it is sent: tests count
// them.
func WithStatementHook(hook func(statement string)) Option {
	return func(o *options) { o.hook = hook }
}

// Open opens sqlite://PATH or postgres://…; the schema is for Migrate and Check.
func Open(ctx context.Context, databaseURL string, with ...Option) (*DB, error) {
	o := options{wall: authz.Wall}
	for _, apply := range with {
		apply(&o)
	}
	var (
		d   *DB
		err error
	)
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		d, err = openSQLite(path)
	} else {
		d, err = openPostgres(ctx, databaseURL, o.wall)
	}
	if err != nil {
		return nil, err
	}
	if err := d.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reaching the database: %w", err), d.Close())
	}
	d.migrations = o.migrations
	if o.watch != nil {
		d.driver = watched{d.driver, o.watch}
	}
	if o.hook != nil {
		d.driver = hooked{d.driver, o.hook}
	}
	d.Client = ent.NewClient(ent.Driver(d.driver))
	return d, nil
}

// SQLite's own lower knows A to Z only: a search for "über" would not find "Über",
// as it does in PostgreSQL.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("lower", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if text, ok := args[0].(string); ok {
			return strings.ToLower(text), nil
		}
		return args[0], nil
	})
}

// openSQLite opens a file for this process alone. It is synced at every commit: an
// order that was acknowledged survives a power cut.
func openSQLite(path string) (*DB, error) {
	if path == "" {
		return nil, errors.New("sqlite:// needs a path, such as sqlite://./data/kontor.db")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the database: %w", err)
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	settings := url.Values{"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_pragma": {
		// What is erased is not to be read in the file.
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)",
	}}
	opened, err := sql.Open("sqlite", "file:"+path+"?"+settings.Encode())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), unlock())
	}
	opened.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	return &DB{
		SQL: opened, plain: opened, Dialect: dialect.SQLite, driver: entsql.OpenDB(dialect.SQLite, opened), ping: opened.PingContext,
		stats:   opened.Stats,
		closers: []func() error{unlock, opened.Close},
	}, nil
}

// lock keeps a second process off the file: two writers that do not know of each
// other would wait for each other's locks, and hold different sessions.
func lock(path string) (func() error, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the database: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another kontor has %s open: stop it, or use PostgreSQL for several replicas", strings.TrimSuffix(path, ".lock")), file.Close())
	}
	return file.Close, nil
}

// Query sends a statement that no entity builds, outside of any transaction.
func (d *DB) Query(ctx context.Context, statement string, args ...any) (*entsql.Rows, error) {
	var rows entsql.Rows
	if err := d.driver.Query(ctx, statement, args, &rows); err != nil {
		return nil, err
	}
	return &rows, nil
}

// Ping asks whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.ping(ctx) }

// Close gives the connections back.
func (d *DB) Close() error {
	var failed []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		failed = append(failed, d.closers[i]())
	}
	return errors.Join(failed...)
}
