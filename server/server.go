package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/blobs"
	"kontor/internal/budget"
	"kontor/internal/cart"
	"kontor/internal/catalog"
	"kontor/internal/centre"
	"kontor/internal/company"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/erp"
	"kontor/internal/identity"
	"kontor/internal/live"
	"kontor/internal/mail"
	"kontor/internal/ordering"
	"kontor/internal/password"
	"kontor/internal/persisted"
	"kontor/internal/privacy"
	"kontor/internal/provision"
	"kontor/internal/seal"
	"kontor/internal/session"
	"kontor/internal/telemetry"
	"kontor/internal/telephony"
	"kontor/internal/throttle"
	"kontor/server/page"
)

// Server is one replica.
type Server struct {
	config   Config
	log      *slog.Logger
	now      func() time.Time
	db       *db.DB
	blobs    *blobs.Store
	redis    redis.UniversalClient
	rooms    graph.Rooms
	privacy  *privacy.Room
	executor *executor.Executor
	live     *live.Hub
	sockets  sockets
	page     *page.Page
	outbox   *mail.Outbox
	sender   *mail.Sender // nil in a demonstration, where mails are shown on a page
	sealer   *seal.Sealer
	draining atomic.Bool
	closers  []func() error
	gate     gate
	// exporting are the lists that companies take out.
	exporting *budget.Places
	// telemetry measures all of it.
	telemetry *telemetry.Telemetry
	// downloading counts the files that are being sent.
	downloading atomic.Int64
	// uploading has a token for each file that is being taken in.
	uploading chan struct{}
}

// Option changes what New takes for granted; tests set the clock and cheap hashes.
type Option func(*options)

type options struct {
	now      func() time.Time
	hasher   *password.Hasher
	database []db.Option
	spans    []sdktrace.SpanProcessor
}

// WithClock makes this the server's one clock.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithHasher checks passwords by this hasher.
func WithHasher(h *password.Hasher) Option { return func(o *options) { o.hasher = h } }

// WithDatabase opens the database with these options.
func WithDatabase(with ...db.Option) Option {
	return func(o *options) { o.database = append(o.database, with...) }
}

// loginQueue is how many logins wait for a free place while others are checked: fewer than the gate has
// places, so that a flood of logins keeps nobody out who is logged in.
const loginQueue = 32

// New wires a replica: database, Redis, rooms, API. It refuses settings that are
// wrong and a database schema that it does not know.
func New(ctx context.Context, c Config, log *slog.Logger, with ...Option) (_ *Server, err error) {
	o := options{now: time.Now}
	for _, apply := range with {
		apply(&o)
	}
	known, unread := persisted.Read(c.Operations)
	if err := errors.Join(c.Validate(), unread, telemetry.Check(), authz.Check()); err != nil {
		return nil, err
	}
	s := &Server{config: c, log: log, now: o.now, gate: newGate(maxWorking, maxArriving, maxInLine), uploading: make(chan struct{}, maxUploads)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.telemetry, err = telemetry.New(ctx, log, isPostgres(c.DatabaseURL), o.spans...); err != nil {
		return nil, err
	}
	s.log, s.closers = s.telemetry.Log(log), append(s.closers, s.telemetry.Close)
	secrets, err := c.secrets()
	if err != nil {
		return nil, err
	}
	if s.sealer, err = seal.New(secrets); err != nil {
		return nil, err
	}
	if s.db, err = db.Open(ctx, c.DatabaseURL, append(o.database, db.WithWatcher(s.telemetry.Statement))...); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	s.closers = append(s.closers, s.db.Close)
	if s.blobs, err = blobs.Open(ctx, c.BlobURL); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.blobs.Close)
	if err := s.prepare(ctx, o.hasher); err != nil {
		return nil, err
	}
	client, closeRedis, err := session.Open(c.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("opening Redis: %w", err)
	}
	s.redis, s.closers = client, append(s.closers, closeRedis)
	client.AddHook(s.telemetry.Redis())
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("reaching Redis: %w", err)
	}
	if o.hasher == nil {
		o.hasher = password.NewHasher(0, loginQueue)
	}
	s.outbox = mail.NewOutbox(s.sealer)
	if err := s.furnish(o, s.sealer, known); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.rooms.Identity.Close)
	s.telemetry.Register(s.readFigures()...)
	if c.SMTPURL != "" {
		if s.sender, err = mail.NewSender(s.db, s.outbox, s.log, o.now, c.SMTPURL, s.from()); err != nil {
			return nil, err
		}
	}
	shown, err := s.pageOptions()
	if err != nil {
		return nil, err
	}
	if s.page, err = page.New(shown); err != nil {
		return nil, fmt.Errorf("making the start page: %w", err)
	}
	return s, nil
}

// furnish makes the rooms and the API over them.
func (s *Server) furnish(o options, sealer *seal.Sealer, known persisted.Manifest) error {
	news := live.New(s.redis, s.log)
	s.live, s.closers = news, append(s.closers, news.Close)
	log, attempts := audit.New(s.db, sealer, o.now, news), throttle.New(s.redis, o.now)
	s.privacy = privacy.New(s.db, log, o.now)
	s.exporting = budget.NewPlaces(s.redis, "export", maxExports)
	sessions := session.NewStore(s.redis, o.now)
	sessions.WhenBegun(s.telemetry.SessionBegun)
	sessions.WhenEnded(func(ctx context.Context, user uuid.UUID, id string) {
		s.telemetry.SessionEnded()
		news.Tell(ctx, live.News{Kind: live.Session, User: user, Session: id})
	})
	base := strings.TrimSuffix(s.config.BaseURL, "/")
	customers, err := centre.New(centre.Settings{
		Issuer: s.config.Centre.Issuer, ClientID: s.config.Centre.ClientID, ClientSecret: s.config.Centre.ClientSecret, RedirectURL: base + centreCallback,
	}, s.redis, sealer, o.now)
	if err != nil {
		return err
	}
	rights := access.New(access.Needs{
		DB: s.db, Throttle: attempts, Sealer: sealer, Outbox: s.outbox, Audit: log, Centre: customers, Log: s.log, Now: o.now,
	})
	products := catalog.New(s.db)
	carts := cart.New(s.db, products, rights, log, o.now)
	outside, err := s.provisioning(o.now)
	if err != nil {
		return err
	}
	devices, err := sealer.Signer("known devices")
	if err != nil {
		return err
	}
	ways := identity.New(identity.Needs{
		DB: s.db, Sessions: sessions, Hasher: o.hasher, Throttle: attempts,
		Sealer: sealer, Devices: devices, Outbox: s.outbox, Audit: log, Live: news, BaseURL: base, Now: o.now, Log: s.log,
	})
	orders := ordering.New(ordering.Needs{
		DB: s.db, Cart: carts, Access: rights, Audit: log, Live: news, Outbox: s.outbox, Log: s.log, Again: ways.Again, Guess: ways.Guess, BaseURL: base,
		Outside: outside, Now: o.now,
	})
	imports := erp.NewRuns(erp.Needs{DB: s.db, Store: s.blobs, Hasher: o.hasher, Audit: log, Log: s.log, Now: o.now, Changed: orders.Changed})
	s.closers = append(s.closers, imports.Close)
	s.rooms = graph.Rooms{
		Client:   s.db.Client,
		Identity: ways,
		Access:   rights,
		Audit:    log,
		Catalog:  products,
		Cart:     carts,
		Ordering: orders,
		Telephony: telephony.New(telephony.Needs{
			DB: s.db, Redis: s.redis, Catalog: products, Cart: carts, Ordering: orders, Audit: log, Hasher: o.hasher, Log: s.log, Now: o.now,
		}),
		Company: company.New(s.db, rights, s.blobs, o.now),
		Imports: imports,
		Files:   files{s},
	}
	signer, err := sealer.Signer("cursors")
	if err != nil {
		return err
	}
	s.executor = graph.NewExecutor(graph.NewResolver(s.rooms), graph.Options{
		RequestID: requestID, Log: s.log, Introspection: s.config.Introspection, Telemetry: s.telemetry, Enter: s.gate.enter,
		Operations: persisted.New(s.redis, o.now, known, s.config.OperationsOnly),
		Budget:     budget.New(s.redis, s.config.Budget),
		Signer:     signer,
	})
	return nil
}

// provisioning is the way to whoever carries out what is ordered; without an address
// nothing has to be done outside.
func (s *Server) provisioning(now func() time.Time) (provision.Connector, error) {
	if s.config.Provisioning == (ProvisioningConfig{}) {
		return provision.Here{}, nil
	}
	return provision.NewWebhook(s.config.Provisioning.URL, s.config.Provisioning.Secret, now)
}

// prepare checks the schema of the database. The embedded database is the
// server's own, so it migrates it itself, and fills an empty one with demo data.
func (s *Server) prepare(ctx context.Context, hasher *password.Hasher) error {
	if s.config.Demo || (!isPostgres(s.config.DatabaseURL) && !s.config.Production) {
		if _, err := db.Migrate(ctx, s.db); err != nil {
			return fmt.Errorf("migrating the database: %w", err)
		}
	}
	if err := db.Check(ctx, s.db); err != nil {
		return err
	}
	if s.config.Production {
		if err := db.CheckWall(ctx, s.db); err != nil {
			return err
		}
	}
	if s.config.Demo {
		if hasher == nil {
			hasher = password.NewHasher(0, loginQueue)
		}
		if err := demo.Load(authz.System(ctx), s.db, s.blobs, hasher, s.now()); err != nil {
			return fmt.Errorf("loading the demo data: %w", err)
		}
	}
	return nil
}

// pageOptions are what the start page shows.
func (s *Server) pageOptions() (page.Options, error) {
	o := page.Options{BaseURL: s.config.BaseURL, Demo: s.config.Demo, GraphiQL: s.config.IDE}
	var err error
	if o.Examples, err = page.Examples(); err != nil || !s.config.Demo {
		return o, err
	}
	logins, err := demo.Logins()
	for _, l := range logins {
		o.Logins = append(o.Logins, page.Login{Tenant: l.Tenant, Organization: l.Organization, Username: l.Username, Roles: l.Roles, Password: demo.Password})
	}
	return o, err
}

// Handler is all that the server answers.
func (s *Server) Handler() http.Handler { return s.routes() }

// Process processes the orders that are due now, frees the reservations that ran out, and
// returns then.
func (s *Server) Process(ctx context.Context) error {
	return errors.Join(s.rooms.Ordering.Process(ctx), s.rooms.Telephony.Sweep(ctx))
}

// Import works on the imports that are due now, drops files that nobody imports, and returns then.
func (s *Server) Import(ctx context.Context) error {
	return errors.Join(s.rooms.Imports.Process(ctx), s.rooms.Imports.Sweep(ctx))
}

// Close gives back what New opened, the last first.
func (s *Server) Close() error {
	var failed []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		failed = append(failed, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(failed...)
}
