package kontortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const (
	// superuser administers the server; row security does not hold for it.
	superuser = "postgres"
	// owner has no special rights and owns the databases tests get, so that row
	// security holds for it as it does in production.
	owner = "kontor"
	// systemUser is the account of Debian's packages; PostgreSQL refuses to run as root.
	systemUser = "postgres"
	// debianPostgres is where Debian keeps a directory for each installed version.
	debianPostgres = "/usr/lib/postgresql"
)

// PostgresOptions say how a PostgreSQL server is started.
type PostgresOptions struct {
	// Durable keeps the promise that what is committed survives a crash, as in
	// production. Without it the server is faster, and good for tests only.
	Durable bool
	// Settings are added to postgresql.conf, for example
	// "shared_preload_libraries": "pg_stat_statements".
	Settings map[string]string
}

// Postgres is a PostgreSQL server of its own on a free port of the loopback
// interface, with its data in a temporary directory. Every role may log in
// without a password. Stop, Start and Close are not safe for concurrent use.
type Postgres struct {
	process   process
	port      string
	directory string

	mutex     sync.Mutex
	databases int              // how many fresh databases were made
	templates map[string]error // what making each template led to
}

// StartPostgres makes a database cluster and starts its server; ctx bounds how
// long that may take. Whoever starts it must Close it.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	binaries, err := postgresBinaries(debianPostgres)
	if err != nil {
		return nil, err
	}
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "kontor-postgres-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for PostgreSQL: %w", err)
	}
	p := &Postgres{directory: directory, templates: map[string]error{}}
	if err := p.create(ctx, binaries, account, options); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// create makes the cluster, starts it and adds the owner of databases.
func (p *Postgres) create(ctx context.Context, binaries string, account *syscall.Credential, options PostgresOptions) error {
	var err error
	if p.port, err = freePort(); err != nil {
		return err
	}
	if account != nil {
		if err := os.Chown(p.directory, int(account.Uid), int(account.Gid)); err != nil {
			return fmt.Errorf("giving the directory of PostgreSQL to %s: %w", systemUser, err)
		}
	}
	data := filepath.Join(p.directory, "data")
	// C.UTF-8 sorts the same on every machine and still knows the case of umlauts.
	initdb := childCommand(ctx, account, p.directory, filepath.Join(binaries, "initdb"), "--pgdata="+data, "--username="+superuser,
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if output, err := initdb.CombinedOutput(); errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("initdb, run as %s, cannot get into %s: set TMPDIR to a directory that is open to all: %w", systemUser, p.directory, err)
	} else if err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", p.directory, err, output)
	}
	p.process = process{
		name:      "PostgreSQL",
		arguments: append([]string{filepath.Join(binaries, "postgres"), "-D", data}, p.settings(options)...),
		directory: p.directory,
		user:      account,
		// SIGINT: disconnect everyone and shut down; SIGQUIT: at once.
		stopSignal: syscall.SIGINT, deathSignal: syscall.SIGQUIT,
	}
	if err := p.Start(ctx); err != nil {
		return err
	}
	return p.execute(ctx, "CREATE ROLE "+owner+" LOGIN")
}

// settings are the server's, as arguments; those of the options win.
func (p *Postgres) settings(options PostgresOptions) []string {
	all := map[string]string{
		"listen_addresses":        loopback,
		"port":                    p.port,
		"unix_socket_directories": "", // none
		"max_connections":         "200",
		"timezone":                "UTC",
	}
	if !options.Durable {
		maps.Copy(all, map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})
	}
	maps.Copy(all, options.Settings)
	var arguments []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		arguments = append(arguments, "-c", name+"="+all[name])
	}
	return arguments
}

// URL is where a database is reached as its owner, a role without special rights.
func (p *Postgres) URL(database string) string { return p.urlAs(owner, database) }

// AdminURL is where a database is reached as superuser, which row security does
// not hold for: to add extensions and roles, and to look past the rules.
func (p *Postgres) AdminURL(database string) string { return p.urlAs(superuser, database) }

// Database is the name of the database that a URL reaches.
func Database(databaseURL string) string {
	address, err := url.Parse(databaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(address.Path, "/")
}

func (p *Postgres) urlAs(role, database string) string {
	address := url.URL{Scheme: "postgres", User: url.User(role), Host: net.JoinHostPort(loopback, p.port), Path: "/" + database, RawQuery: "sslmode=disable"}
	return address.String()
}

// CreateDatabase makes an empty database, or a copy of the template if one is
// named. Nobody may be connected to the template.
func (p *Postgres) CreateDatabase(ctx context.Context, name, template string) error {
	statement := "CREATE DATABASE " + quote(name) + " OWNER " + owner
	if template != "" {
		statement += " TEMPLATE " + quote(template)
	}
	return p.execute(ctx, statement)
}

// Stop disconnects everyone and stops the server; its data stays for Start.
func (p *Postgres) Stop() error { return p.process.stop() }

// Start starts the server again, on the same port and with the same data.
func (p *Postgres) Start(ctx context.Context) error {
	return p.process.start(ctx, func(ctx context.Context) error { return p.execute(ctx, "SELECT 1") })
}

// Close stops the server and removes its data.
func (p *Postgres) Close() error {
	return errors.Join(p.Stop(), os.RemoveAll(p.directory))
}

// execute runs one statement as superuser, on a connection of its own.
func (p *Postgres) execute(ctx context.Context, statement string) error {
	connection, err := pgx.Connect(ctx, p.AdminURL("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the PostgreSQL of the tests: %w", err)
	}
	_, err = connection.Exec(ctx, statement)
	if err := errors.Join(err, connection.Close(ctx)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// postgresBinaries is the directory of initdb and postgres: of those in PATH, or
// of the newest version in installed, which has a directory for each.
func postgresBinaries(installed string) (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// What is in PATH may be a link to a place that has only this one.
		if directory := filepath.Dir(initdb); isProgram(filepath.Join(directory, "postgres")) {
			return directory, nil
		}
	}
	versions, err := os.ReadDir(installed)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("looking for PostgreSQL: %w", err)
	}
	newest, binaries := 0, ""
	for _, version := range versions {
		directory := filepath.Join(installed, version.Name(), "bin")
		// Versions before 10, such as 9.6, are no whole numbers, and too old.
		if number, err := strconv.Atoi(version.Name()); err == nil && number > newest && isProgram(filepath.Join(directory, "initdb")) {
			newest, binaries = number, directory
		}
	}
	if binaries == "" {
		return "", fmt.Errorf("PostgreSQL is not installed (no initdb in PATH or %s): run `make setup`, or install the Debian package postgresql", installed)
	}
	return binaries, nil
}

func isProgram(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

// unprivileged is the account PostgreSQL runs as: nil, which is the one of this
// process, unless that is root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup(systemUser)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user %s to run it as "+
			"(the Debian package postgresql makes one; run `make setup`): %w", systemUser, err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the user ID of %s: %w", systemUser, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the group ID of %s: %w", systemUser, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
