package server

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"kontor/internal/fault"
	"kontor/server/page"
)

// requestIDHeader tells a client the ID under which the log has its request.
const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// routes are all addresses of the server and what stands before them.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", s.otherOrigins(s.sameOrigin(s.uploads(s.authenticate(s.streams(s.bounded(api{s.executor, mutationTimeout})))))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /{$}", s.page.Home())
	mux.Handle("GET /assets/", s.page.Assets())
	if s.config.Demo {
		mux.Handle("GET /mails", s.page.Mails(s.mails))
		mux.Handle("GET "+page.QuotePath, s.page.Quote())
		for _, path := range page.FormPaths() {
			mux.Handle("GET "+path, s.page.Form(path))
		}
	}
	mux.Handle("GET "+centreCallback, s.authenticate(s.bounded(http.HandlerFunc(s.finishCentreLogin))))
	mux.HandleFunc("GET "+centreLinked, s.centreDone)
	mux.Handle("GET /download/{token}", s.authenticate(http.HandlerFunc(s.download)))
	return s.identify(s.headers(s.recoverPanics(mux)))
}

// identify gives every request an ID of our own and logs how it ended; nothing of
// what it carried is logged.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.Must(uuid.NewV7()).String()
		w.Header().Set(requestIDHeader, id)
		began := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		ctx, end := s.telemetry.Request(r, id, isStream(r))
		inner := r.WithContext(context.WithValue(ctx, requestIDKey{}, id))
		defer func() { // also where the connection is broken off
			end(inner.Pattern, recorder.status)
			s.log.InfoContext(ctx, "request", "requestId", id, "method", r.Method, "route", inner.Pattern,
				"status", recorder.status, "duration", time.Since(began).Round(time.Microsecond).String())
		}()
		next.ServeHTTP(recorder, inner)
	})
}

// headers are what every answer carries.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if s.config.secure() {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics keeps the process alive; resolvers have their own.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if panicked := recover(); panicked != nil {
				if panicked == http.ErrAbortHandler {
					panic(panicked)
				}
				s.log.ErrorContext(r.Context(), "a handler panicked", "requestId", requestID(r.Context()),
					"panic", fault.Panicked(panicked), "stack", string(debug.Stack()))
				http.Error(w, "internal error, request "+requestID(r.Context()), http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// bounded ends a request that takes too long: the database stops working for it.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ready says whether the server can answer, and which dependency is missing.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	state := map[string]string{"database": "ok", "redis": "ok"}
	status := http.StatusOK
	report := func(name string, err error) {
		if err != nil {
			state[name], status = "unreachable", http.StatusServiceUnavailable
			s.log.WarnContext(ctx, "not ready", "dependency", name, "error", err)
		}
	}
	report("database", s.db.Ping(ctx))
	report("redis", s.redis.Ping(ctx).Err())
	if s.draining.Load() {
		state["server"], status = "shutting down", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(state)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
