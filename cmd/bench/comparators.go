package main

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/cmd/bench/comparator"
	"kontor/internal/db"
	"kontor/internal/session"
	"kontor/server"
)

// runComparator serves one of the others on an address. "gqlgen" is gqlgen as it
// comes with statements by hand: it finds the session in Redis and the user in the
// database, as anything behind a login must, and answers what that user may be shown.
// "floor" is a plain handler that takes the tenant from a header and asks nobody.
// "unwalled" is Kontor itself on a database without row security.
func runComparator(ctx context.Context, which, databaseURL, redisURL, addr, mails string) error {
	// As kontor serve does: it is worth half as much again, which is not Kontor's merit.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if which == "unwalled" {
		return runUnwalled(ctx, databaseURL, redisURL, addr, mails)
	}
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return fmt.Errorf("reading the database URL: %w", err)
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("opening the pool: %w", err)
	}
	defer pool.Close()
	var answer http.Handler
	if which == "floor" {
		answer = floor(pool)
	} else {
		s := handler.New(comparator.NewExecutableSchema(comparator.Config{Resolvers: &comparator.Resolver{Pool: pool}}))
		s.AddTransport(transport.POST{})
		s.SetQueryCache(lru.New[*ast.QueryDocument](1000))
		answer = s
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/vars", expvar.Handler())
	sessions, closeRedis, err := session.Open(redisURL)
	if err != nil {
		return err
	}
	defer func() { _ = closeRedis() }()
	identify := fromHeader
	if which == "gqlgen" {
		identify = fromSession(pool, session.NewStore(sessions, time.Now))
	}
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		asker, err := identify(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		answer.ServeHTTP(w, r.WithContext(comparator.WithAsker(r.Context(), asker)))
	})
	return listen(ctx, addr, mux)
}

// runUnwalled serves Kontor on a database without row security.
func runUnwalled(ctx context.Context, databaseURL, redisURL, addr, mails string) (err error) {
	config := server.Config{
		Addr: addr, BaseURL: "http://" + addr, DatabaseURL: databaseURL, RedisURL: redisURL, SMTPURL: mails,
		BlobURL: "file://" + os.TempDir(), Secrets: []string{"0123456789abcdef0123456789abcdef"},
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	replica, err := server.New(ctx, config, log, server.WithDatabase(db.WithoutWall()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, replica.Close()) }()
	mux := http.NewServeMux()
	mux.Handle("/debug/vars", expvar.Handler())
	mux.Handle("/", replica.Handler())
	return listen(ctx, addr, mux)
}

func listen(ctx context.Context, addr string, answer http.Handler) error {
	server := &http.Server{Addr: addr, Handler: answer}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func fromHeader(r *http.Request) (comparator.Asker, error) {
	tenant, err := uuid.Parse(r.Header.Get("X-Tenant"))
	return comparator.Asker{Tenant: tenant}, err
}

func fromSession(pool *pgxpool.Pool, store *session.Store) func(*http.Request) (comparator.Asker, error) {
	const user = `SELECT u.tenant_id, u.status, EXISTS (SELECT 1 FROM grants g WHERE g.holder_id = u.id AND g.revoked_at IS NULL),
		coalesce(array_agg(r.role) FILTER (WHERE r.role IS NOT NULL), '{}')
		FROM users u LEFT JOIN user_roles r ON r.user_id = u.id WHERE u.id = $1 GROUP BY u.id`
	return func(r *http.Request) (comparator.Asker, error) {
		var (
			asker   comparator.Asker
			status  string
			granted bool
			roles   []string
		)
		found, err := store.Get(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			return asker, err
		}
		if err := pool.QueryRow(r.Context(), user, found.UserID).Scan(&asker.Tenant, &status, &granted, &roles); err != nil {
			return asker, err
		}
		if status != "ACTIVE" || len(roles) == 0 {
			return asker, errors.New("not allowed")
		}
		if granted {
			asker.User = found.UserID
		}
		return asker, nil
	}
}

// floor answers with encoding/json what the query asks for, without reading it:
// only the variables tell the list from the single order.
func floor(pool *pgxpool.Pool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Variables struct{ Number string } }
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		var (
			data any
			err  error
		)
		if request.Variables.Number != "" {
			var one *comparator.Order
			one, err = comparator.One(r.Context(), pool, request.Variables.Number)
			data = map[string]any{"order": one}
		} else {
			var list *comparator.OrderConnection
			list, err = comparator.List(r.Context(), pool, listLength)
			data = map[string]any{"orders": list}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	})
}
