package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asKontor) != "" {
		main()
		return
	}
	folder, err := os.MkdirTemp("", "kontor-binary-")
	if err != nil {
		panic(err)
	}
	binary = sync.OnceValues(func() (string, error) {
		path := filepath.Join(folder, "kontor")
		build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Containerfile has it
		if output, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, output)
		}
		return path, os.Chmod(folder, 0o755) // whoever runs it in a test is somebody else
	})
	code := servertest.Main(m)
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// binary is the one that is deployed, built when the first test asks for it.
var binary func() (string, error)

// production is what a deployment has: a database with the role that owns it and the one that serves, as
// docs/deployment.md has them, a Redis, and a store. The rest is as a chart sets it.
type production struct {
	owner       string // URL of the database for the role that owns it
	store       string // folder of documents
	environment []string
}

const serverRole = "kontor_server"

// newProduction makes an empty one.
func newProduction(t *testing.T) production {
	t.Helper()
	postgres := kontortest.SharedPostgres(t)
	owner := postgres.FreshDatabase(t, "")
	return onDatabase(t, owner, kontortest.SharedRedis(t).FreshDatabase(t), t.TempDir())
}

// onDatabase is a deployment on a database that is there.
func onDatabase(t *testing.T, owner, redis, store string) production {
	t.Helper()
	name := kontortest.Database(owner)
	// A role is of the whole server: the first test makes it.
	execute(t, kontortest.SharedPostgres(t).AdminURL(name), `DO $$ BEGIN CREATE ROLE kontor_server LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
	execute(t, owner, `GRANT USAGE ON SCHEMA public TO kontor_server`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO kontor_server`)
	server, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	server.User = url.User(serverRole)
	return production{owner: owner, store: store, environment: []string{
		"KONTOR_ENV=production", "KONTOR_ADDR=127.0.0.1:0", "KONTOR_BASE_URL=https://portal.example.com", "KONTOR_DATABASE_URL=" + server.String(),
		"KONTOR_REDIS_URL=" + redis, "KONTOR_SMTP_URL=smtp://127.0.0.1:1", "KONTOR_BLOB_URL=file://" + store, "KONTOR_SECRET=0123456789abcdef0123456789abcdef",
	}}
}

func execute(t testing.TB, databaseURL string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // after a test, too
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// kontor runs a command of the binary as the owner of the database, with nothing else of this process's environment.
func (p production) kontor(t *testing.T, arguments ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	return run(t, append(p.environment, "KONTOR_DATABASE_URL="+p.owner), path, arguments...)
}

// run runs a command to its end and gives what it says.
func run(t *testing.T, environment []string, name string, arguments ...string) string {
	t.Helper()
	said, err := attempt(t, environment, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, said)
	}
	return said
}

// attempt runs a command to its end, which may be a bad one, in a folder of its own and with nothing else of this
// process's environment, and gives what it says.
func attempt(t *testing.T, environment []string, name string, arguments ...string) (said string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Env, command.Dir = append([]string{"PATH=" + os.Getenv("PATH")}, environment...), t.TempDir()
	output, err := command.CombinedOutput()
	return string(output), err
}

// replica is a running server.
type replica struct {
	*servertest.Client
	process *exec.Cmd
	log     *log
	ended   chan error
}

// serve starts a replica, by itself or by a command that runs it.
func (p production) serve(t *testing.T, by ...string) *replica {
	t.Helper()
	if by == nil {
		path, err := binary()
		if err != nil {
			t.Fatalf("building the binary: %v", err)
		}
		by = []string{path, "serve"}
	}
	r := &replica{process: exec.Command(by[0], by[1:]...), log: &log{}, ended: make(chan error, 1)}
	r.process.Env, r.process.Dir, r.process.Stderr = append([]string{"PATH=" + os.Getenv("PATH")}, p.environment...), t.TempDir(), r.log
	said, err := r.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		out := bufio.NewReader(said)
		line, _ := out.ReadString('\n')
		if found := listens.FindStringSubmatch(line); found != nil {
			address <- found[1]
		} else {
			close(address)
		}
		_, _ = io.Copy(io.Discard, out)
		r.ended <- r.process.Wait()
	}()
	t.Cleanup(func() { _ = r.process.Process.Kill() })
	select {
	case at := <-address:
		if at == "" {
			t.Fatalf("the server did not start: %v\n%s", <-r.ended, r.log)
		}
		r.Client = &servertest.Client{URL: "http://" + at, Header: map[string]string{}, HTTP: &http.Client{Timeout: 30 * time.Second}}
	case <-time.After(time.Minute):
		t.Fatalf("the server does not listen\n%s", r.log)
	}
	return r
}

var listens = regexp.MustCompile(`^Kontor listens on (\S+):`)

// stop ends the replica as an orchestrator does, and waits for it.
func (r *replica) stop(t *testing.T) {
	t.Helper()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("the server ended with %v\n%s", err, r.log)
		}
	case <-time.After(40 * time.Second):
		t.Errorf("the server does not end\n%s", r.log)
	}
}

// as is a demo user's client of the replica.
func (r *replica) as(t testing.TB, username string) *servertest.Client {
	t.Helper()
	k := &servertest.Kontor{URL: r.URL}
	return k.As(t, username)
}

// get is the answer to a plain request.
func (r *replica) get(t testing.TB, path string) (int, string) {
	t.Helper()
	response, err := r.HTTP.Get(r.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

type log struct {
	mu      sync.Mutex
	written bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.String()
}

// refused starts a server that must not start, and gives what it says.
func (p production) refused(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("building the binary: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, "serve")
	command.Env, command.Dir = append([]string{"PATH=" + os.Getenv("PATH")}, p.environment...), t.TempDir()
	output, err := command.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Errorf("the server started: %s", output)
	}
	return string(output)
}
