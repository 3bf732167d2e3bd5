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

// serveDebug shows figures and profiles of the process on an address of their
// own, which must not be public. Without an address it does nothing.
func (s *Server) serveDebug(ctx context.Context) (stop func(), err error) {
	if s.config.DebugAddr == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.DebugAddr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for figures and profiles: %w", s.config.DebugAddr, err)
	}
	server := &http.Server{Handler: debugRoutes(), ReadHeaderTimeout: readHeaderTimeout}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// debugRoutes are the addresses of figures and profiles.
func debugRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/vars", http.HandlerFunc(figures))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// figures are those of the process, without the command that it was started with: settings
// may be flags, and so may secrets (PRIV-01).
func figures(w http.ResponseWriter, _ *http.Request) {
	all := map[string]json.RawMessage{}
	expvar.Do(func(v expvar.KeyValue) {
		if v.Key != "cmdline" {
			all[v.Key] = json.RawMessage(v.Value.String())
		}
	})
	w.Header().Set("Content-Type", typeJSON)
	_ = json.NewEncoder(w).Encode(all)
}
