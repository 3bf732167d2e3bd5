// Package servertest starts replicas with the demo data for tests, on every
// backend, and talks to them as a frontend does.
package servertest

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"kontor/authz"
	"kontor/graph/direct"
	"kontor/internal/audit"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/kontortest"
	"kontor/internal/password"
	"kontor/internal/seal"
	"kontor/server"
)

// Kontor is a replica with the demo data, for one test.
type Kontor struct {
	URL        string
	Clock      *Clock
	Statements *Statements
	Log        *Log   // of all replicas of the test
	Blobs      string // the folder with the contents of documents
	config     server.Config
	hasher     *password.Hasher
	with       []server.Option
	server     *server.Server
	stop       func()
}

// Clock is the one clock of the replicas of a test.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time on.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// Statements collects the SQL statements that a replica sends.
type Statements struct {
	mu    sync.Mutex
	sent  []string
	panic string
	first *before
}

// before is what happens before a statement.
type before struct {
	text   string
	others int
	do     func()
}

func (s *Statements) note(statement string) {
	s.due(statement)()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, statement)
	if s.panic != "" && strings.Contains(statement, s.panic) {
		panic("secret of the inside: " + statement)
	}
}

// Before does something once, before a statement with this text that comes after so many others with it.
func (s *Statements) Before(text string, others int, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = &before{text, others, do}
}

// due is what is to be done before a statement.
func (s *Statements) due(statement string) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil || !strings.Contains(statement, s.first.text) {
		return func() {}
	}
	if s.first.others > 0 {
		s.first.others--
		return func() {}
	}
	do := s.first.do
	s.first = nil
	return do
}

// PanicAt makes whoever sends a statement with this text panic; nobody does, if it is empty.
func (s *Statements) PanicAt(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.panic = text
}

// Take gives the statements since the last call.
func (s *Statements) Take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.sent
	s.sent = nil
	return taken
}

// Log collects what replicas log, down to the last detail.
type Log struct {
	mu      sync.Mutex
	written bytes.Buffer
}

func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.Write(line)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.String()
}

// Cheap checks passwords without the cost that protects them: tests log in often.
func Cheap() *password.Hasher {
	return password.NewHasherWith(password.Params{MemoryKiB: 64, Time: 1, Threads: 1}, 4, 1000)
}

// began is the time at which the demo data is loaded and tests begin.
var began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// Backends are the pairs of database and Redis that Kontor runs on.
var Backends = []string{"SQLite and Redis in process", "PostgreSQL and Redis"}

// Each runs a test on every backend, with a fresh replica and the demo data.
func Each(t *testing.T, test func(t *testing.T, k *Kontor)) {
	for _, backend := range Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			test(t, Start(t, backend))
		})
	}
}

// Start starts a replica on a backend, with a database of its own that holds the
// demo data. change has the last word on its settings.
func Start(t testing.TB, backend string, change ...func(*server.Config)) *Kontor {
	t.Helper()
	return StartWith(t, backend, Cheap(), change...)
}

// StartWith is Start with another hasher of passwords than the cheap one.
func StartWith(t testing.TB, backend string, hasher *password.Hasher, change ...func(*server.Config)) *Kontor {
	t.Helper()
	return start(t, backend, &Kontor{hasher: hasher}, change...)
}

// Traced is Start, with all spans of all replicas, whoever is asked.
func Traced(t testing.TB, backend string, change ...func(*server.Config)) (*Kontor, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	return start(t, backend, &Kontor{hasher: Cheap(), with: []server.Option{server.WithSpans(spans)}}, change...), spans
}

func start(t testing.TB, backend string, k *Kontor, change ...func(*server.Config)) *Kontor {
	t.Helper()
	k.Clock, k.Log, k.Blobs = &Clock{now: began}, &Log{}, t.TempDir()
	k.config = server.Config{
		Addr: "127.0.0.1:0", BaseURL: "http://localhost:8080", BlobURL: "file://" + k.Blobs, Demo: true,
		Secrets: []string{"0123456789abcdef0123456789abcdef"}, Introspection: true, IDE: true,
	}
	if backend == Backends[0] {
		k.config.DatabaseURL = "sqlite://" + sqliteCopy(t)
	} else {
		postgres := kontortest.SharedPostgres(t)
		k.config.DatabaseURL = postgres.FreshDatabase(t, postgres.Template(t, "demo", fill))
		k.config.RedisURL = kontortest.SharedRedis(t).FreshDatabase(t)
	}
	if err := os.CopyFS(k.Blobs, os.DirFS(filledBlobs())); err != nil {
		t.Fatalf("copying the contents of documents: %v", err)
	}
	for _, apply := range change {
		apply(&k.config)
	}
	first := k.Replica(t)
	k.URL, k.Statements, k.server, k.stop = first.URL, first.Statements, first.server, first.stop
	return k
}

// Replica starts one more replica on the same database and Redis.
func (k *Kontor) Replica(t testing.TB) *Kontor {
	t.Helper()
	replica := &Kontor{Clock: k.Clock, Statements: &Statements{}, Log: k.Log, config: k.config, hasher: k.hasher, with: k.with}
	log := slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}),
		slog.NewTextHandler(k.Log, &slog.HandlerOptions{Level: slog.LevelDebug}),
	))
	s, err := server.New(t.Context(), k.config, log, append(slices.Clone(k.with), server.WithClock(k.Clock.Now), server.WithHasher(k.hasher),
		server.WithDatabase(db.WithStatementHook(replica.Statements.note)))...)
	if err != nil {
		t.Fatalf("starting a replica: %v", err)
	}
	listening := httptest.NewServer(onPath(s.Handler()))
	replica.stop = sync.OnceFunc(func() {
		listening.Close()
		if err := s.Close(); err != nil {
			t.Errorf("closing a replica: %v", err)
		}
	})
	t.Cleanup(replica.stop)
	replica.URL, replica.server = listening.URL, s
	return replica
}

// Process processes the orders that are due now. By itself a replica of a test does nothing
// behind the back of the test.
func (k *Kontor) Process(t testing.TB) {
	t.Helper()
	if err := k.server.Process(t.Context()); err != nil {
		t.Errorf("processing orders: %v", err)
	}
}

// Figures are what Prometheus is told, as text.
func (k *Kontor) Figures(t testing.TB) string {
	t.Helper()
	shown := httptest.NewRecorder()
	k.server.Figures().ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if shown.Code != http.StatusOK {
		t.Fatalf("figures: %d %s", shown.Code, shown.Body)
	}
	return shown.Body.String()
}

// Import works on the imports that are due now.
func (k *Kontor) Import(t testing.TB) {
	t.Helper()
	if err := k.server.Import(t.Context()); err != nil {
		t.Errorf("importing: %v", err)
	}
}

// Both are this replica and another one, where the database takes two: SQLite is for
// one.
func (k *Kontor) Both(t *testing.T) []*Kontor {
	t.Helper()
	if strings.HasPrefix(k.config.DatabaseURL, "sqlite://") {
		return []*Kontor{k}
	}
	return []*Kontor{k, k.Replica(t)}
}

// OrdinaryPath is the header with which a test asks for gqlgen's ordinary path, to
// compare it with the direct one.
const OrdinaryPath = "X-Ordinary-Path"

func onPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(OrdinaryPath) != "" {
			r = r.WithContext(direct.Off(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// fill migrates a database and loads the demo data.
func fill(url string) error {
	ctx := authz.System(context.Background())
	d, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := db.Migrate(ctx, d); err != nil {
		return err
	}
	store, err := blobs.Open(ctx, "file://"+filledBlobs())
	if err != nil {
		return err
	}
	defer store.Close()
	return demo.Load(ctx, d, store, Cheap(), began)
}

// filledBlobs is the folder with the contents of the documents of all filled databases of a
// test binary; each test gets a copy.
var filledBlobs = sync.OnceValue(func() string {
	folder, err := os.MkdirTemp("", "kontortest-blobs-")
	if err != nil {
		panic(err)
	}
	return folder
})

// Main runs the tests of a package and gives back what they shared.
func Main(m *testing.M) int {
	if settings := os.Getenv(workerSettings); settings != "" {
		return work(settings)
	}
	code := kontortest.Main(m)
	if filled.path != "" {
		_ = os.RemoveAll(filepath.Dir(filled.path))
	}
	_ = os.RemoveAll(filledBlobs())
	return code
}

var filled struct {
	once sync.Once
	path string
	err  error
}

// sqliteCopy is a copy of a database file that is filled once for each test binary.
func sqliteCopy(t testing.TB) string {
	t.Helper()
	filled.once.Do(func() {
		folder, err := os.MkdirTemp("", "kontortest-")
		if err != nil {
			filled.err = err
			return
		}
		filled.path = filepath.Join(folder, "demo.db")
		filled.err = fill("sqlite://" + filled.path)
	})
	if filled.err != nil {
		t.Fatalf("filling the SQLite database: %v", filled.err)
	}
	content, err := os.ReadFile(filled.path)
	if err != nil {
		t.Fatalf("reading the filled SQLite database: %v", err)
	}
	path := filepath.Join(t.TempDir(), "kontor.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("copying the filled SQLite database: %v", err)
	}
	return path
}

// SQL opens the database beside the replica, as superuser, for tests that look behind
// the API and behind row security.
func (k *Kontor) SQL(t testing.TB) *sql.DB {
	t.Helper()
	driver, source := "pgx", k.config.DatabaseURL
	if path, ok := strings.CutPrefix(source, "sqlite://"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)"
	} else {
		source = kontortest.SharedPostgres(t).AdminURL(kontortest.Database(source))
	}
	beside, err := sql.Open(driver, source)
	if err != nil {
		t.Fatalf("opening the database beside the replica: %v", err)
	}
	t.Cleanup(func() { _ = beside.Close() })
	return beside
}

// Redis is a client of the Redis of the replicas; nil where that is in process.
func (k *Kontor) Redis(t testing.TB) *redis.Client {
	t.Helper()
	if k.config.RedisURL == "" {
		return nil
	}
	options, err := redis.ParseURL(k.config.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	beside := redis.NewClient(options)
	t.Cleanup(func() { _ = beside.Close() })
	return beside
}

// WithDatabase opens the database as Kontor does, once the first replica has given it
// back: for what is asked by command.
func (k *Kontor) WithDatabase(t *testing.T, do func(d *db.DB), with ...db.Option) {
	t.Helper()
	k.stop()
	d, err := db.Open(authz.System(context.Background()), k.config.DatabaseURL, with...)
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	defer d.Close()
	do(d)
}

// Beside opens the database as Kontor does, beside the replicas, which SQLite does not let anybody do.
func (k *Kontor) Beside(t testing.TB) *db.DB {
	t.Helper()
	d, err := db.Open(authz.System(context.Background()), k.config.DatabaseURL)
	if err != nil {
		t.Fatalf("opening the database beside the replica: %v", err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// AuditLog is the audit log of the replica in its database, with its secrets and its clock.
func (k *Kontor) AuditLog(t testing.TB, d *db.DB) *audit.Log {
	t.Helper()
	sealer, err := seal.New(k.config.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	return audit.New(d, sealer, k.Clock.Now, nil)
}
