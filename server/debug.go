package server

import (
	"context"
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
		mux.Handle("/debug/vars", expvar.Handler()) // with the command line, which may have secrets
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	s.log.InfoContext(ctx, "figures are shown", "address", listener.Addr().String(), "profiles", s.config.Profiles)
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}
