package server

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
)

// serveDebug shows figures and, where they are asked for, profiles of the process on an
// address of their own, which must not be public. Without an address it does nothing.
func (s *Server) serveDebug(ctx context.Context) (stop func(), err error) {
	if s.config.DebugAddr == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.DebugAddr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for figures and profiles: %w", s.config.DebugAddr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Figures())
	if s.config.Profiles {
		mux.Handle("/debug/", debugRoutes())
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	s.log.InfoContext(ctx, "figures are shown", "address", listener.Addr().String(), "profiles", s.config.Profiles)
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// debugRoutes are the addresses of the process's own figures and of profiles.
func debugRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/vars", http.HandlerFunc(variables))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// variables are the figures of the process itself, without the command that it was started with: settings
// may be flags, and so may secrets (PRIV-01).
func variables(w http.ResponseWriter, _ *http.Request) {
	all := map[string]json.RawMessage{}
	expvar.Do(func(v expvar.KeyValue) {
		if v.Key != "cmdline" {
			all[v.Key] = json.RawMessage(v.Value.String())
		}
	})
	w.Header().Set("Content-Type", typeJSON)
	_ = json.NewEncoder(w).Encode(all)
}
