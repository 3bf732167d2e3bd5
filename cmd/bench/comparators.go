package main

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
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
	"kontor/internal/session"
)

// runComparator serves one of the others on an address. "gqlgen" is gqlgen as it
// comes with statements by hand: it finds the session in Redis and the user in the
// database, as anything behind a login must, and answers for the user's tenant.
// "floor" is a plain handler that takes the tenant from a header and asks nobody.
func runComparator(ctx context.Context, which, databaseURL, redisURL, addr string) error {
	// As kontor serve does: it is worth half as much again, which is not Kontor's merit.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
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
		tenant, err := identify(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		answer.ServeHTTP(w, r.WithContext(comparator.WithTenant(r.Context(), tenant)))
	})
	server := &http.Server{Addr: addr, Handler: mux}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func fromHeader(r *http.Request) (uuid.UUID, error) { return uuid.Parse(r.Header.Get("X-Tenant")) }

func fromSession(pool *pgxpool.Pool, store *session.Store) func(*http.Request) (uuid.UUID, error) {
	const user = `SELECT u.tenant_id, u.status, coalesce(array_agg(r.role) FILTER (WHERE r.role IS NOT NULL), '{}')
		FROM users u LEFT JOIN user_roles r ON r.user_id = u.id WHERE u.id = $1 GROUP BY u.id`
	return func(r *http.Request) (uuid.UUID, error) {
		found, err := store.Get(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			return uuid.Nil, err
		}
		var (
			tenant uuid.UUID
			status string
			roles  []string
		)
		if err := pool.QueryRow(r.Context(), user, found.UserID).Scan(&tenant, &status, &roles); err != nil {
			return uuid.Nil, err
		}
		if status != "ACTIVE" || len(roles) == 0 {
			return uuid.Nil, errors.New("not allowed")
		}
		return tenant, nil
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
