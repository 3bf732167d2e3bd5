package kontortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTimeout bounds the start of a shared server, on a machine busy with other tests.
const startTimeout = time.Minute

var (
	sharedPostgres = shared[*Postgres]{start: func(ctx context.Context) (*Postgres, error) {
		return StartPostgres(ctx, PostgresOptions{})
	}}
	sharedRedis  = shared[*Redis]{start: StartRedis}
	sharedCentre = shared[*Centre]{start: func(ctx context.Context) (*Centre, error) { return StartCentre(ctx, CentreRedirect) }}
)

// Main runs the tests of a package, stops the servers they shared and returns the
// exit code.
func Main(m *testing.M) int {
	sharedPostgres.open()
	sharedRedis.open()
	sharedCentre.open()
	code := m.Run()
	if err := errors.Join(sharedPostgres.close(), sharedRedis.close(), sharedCentre.close()); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the servers of the tests:", err)
		return max(code, 1)
	}
	return code
}

// SharedPostgres is the PostgreSQL of all tests in this binary, started when the
// first asks for it. A test takes a FreshDatabase, and never stops the server.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	return sharedPostgres.get(t)
}

// SharedRedis is the Redis of all tests in this binary, started when the first
// asks for it. A test takes a FreshDatabase, and never stops the server: one that
// has to takes StartRedis.
func SharedRedis(t testing.TB) *Redis {
	t.Helper()
	return sharedRedis.get(t)
}

// SharedCentre is the customer centre of all tests in this binary, built and started when
// the first asks for it. A test never stops it: one that has to takes StartCentre.
func SharedCentre(t testing.TB) *Centre {
	t.Helper()
	return sharedCentre.get(t)
}

// Template makes a database that others are copied from, and has fill put tables
// and rows into it, the first time the name is used; fill must leave no connection
// open. It returns the name.
func (p *Postgres) Template(t testing.TB, name string, fill func(databaseURL string) error) string {
	t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	err, made := p.templates[name]
	if !made {
		if err = p.CreateDatabase(t.Context(), name, ""); err == nil {
			err = fill(p.URL(name))
		}
		p.templates[name] = err
	}
	if err != nil {
		t.Fatalf("making the template database %s: %v", name, err)
	}
	return name
}

// FreshDatabase gives a test a database of its own, a copy of the template, or an
// empty one if none is named. It is gone after the test, whoever is still connected.
func (p *Postgres) FreshDatabase(t testing.TB, template string) (databaseURL string) {
	t.Helper()
	p.mutex.Lock()
	p.databases++
	name := fmt.Sprintf("fresh_%d", p.databases)
	p.mutex.Unlock()
	if err := p.CreateDatabase(t.Context(), name, template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := p.execute(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return p.URL(name)
}

// FreshDatabase gives a test an empty database of its own, emptied again after it.
// Channels of publish and subscribe know no databases: all tests share them.
func (r *Redis) FreshDatabase(t testing.TB) (redisURL string) {
	t.Helper()
	number := r.databases.Add(1)
	if number >= redisDatabases {
		t.Fatalf("all %d databases of the shared Redis are taken: raise redisDatabases", redisDatabases)
	}
	redisURL = r.url(number)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		options, err := redis.ParseURL(redisURL)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(options)
		if err := errors.Join(client.FlushDB(ctx).Err(), client.Close()); err != nil {
			t.Errorf("emptying %s: %v", redisURL, err)
		}
	})
	return redisURL
}

// shared is a server that is started when first asked for, and once.
type shared[S io.Closer] struct {
	start func(context.Context) (S, error)

	mutex   sync.Mutex
	opened  bool
	started bool
	server  S
	err     error
}

func (s *shared[S]) open() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.opened = true
}

func (s *shared[S]) get(t testing.TB) S {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.opened {
		t.Fatal("nobody would stop the shared servers: add func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }")
	}
	if !s.started {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		s.server, s.err = s.start(ctx)
		s.started = true
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

func (s *shared[S]) close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.started || s.err != nil {
		return nil
	}
	return s.server.Close()
}
