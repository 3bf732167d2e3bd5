package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// abortTimeout is how long requests have that are told to give up: a transaction is rolled back in it.
const abortTimeout = 2 * time.Second

// Run listens until the context ends, and then lets requests finish. ready is
// called with the address once connections are accepted. It fails when requests
// do not finish in time; they are cancelled then.
func (s *Server) Run(ctx context.Context, ready func(net.Addr)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.config.Addr, err)
	}
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRequests()
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	stopDebug, err := s.serveDebug(ctx)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	defer stopDebug()
	working := make(chan struct{})
	go func() {
		s.Work(ctx)
		close(working)
	}()
	ready(listener.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return s.drain(ctx, server, working, cancelRequests)
}

// drain lets requests, streams and jobs come to their end (LOAD-05).
func (s *Server) drain(ctx context.Context, server *http.Server, working <-chan struct{}, cancelRequests func()) error {
	s.draining.Store(true)
	s.live.Dismiss() // streams complete, so that clients go elsewhere
	s.log.Info("shutting down: finishing requests")
	patience := cmp.Or(s.config.ShutdownTimeout, drainTimeout)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { s.sockets.dismiss(limit) })
	beside.Go(func() { // imports stop at the next row, and another replica goes on with them
		if err := s.rooms.Imports.Close(); err != nil {
			s.log.Warn("shutting down: imports", "error", err)
		}
	})
	ended := make(chan struct{})
	go func() {
		beside.Wait()
		<-working
		close(ended)
	}()
	if err := server.Shutdown(limit); err != nil {
		cancelRequests()
		abort, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		_ = server.Shutdown(abort) // whoever gives up says so
		return errors.Join(fmt.Errorf("requests did not finish in %s and were cancelled: %w", patience, err), server.Close())
	}
	select {
	case <-ended:
	case <-limit.Done(): // what is left undone is taken over by another replica
		s.log.Warn("shutting down: a step of an order or of an import takes longer than the time that is left")
	}
	return nil
}

// Work does what nobody waits for, until the context ends: sends mails, reminds approvers,
// frees reservations, tells where audit logs end, deletes what is over, processes orders. It returns once what was begun has come a step further.
func (s *Server) Work(ctx context.Context) {
	var all sync.WaitGroup
	if s.sender != nil {
		all.Go(func() { s.sender.Run(ctx) })
	}
	all.Go(func() { s.rooms.Ordering.KeepReminding(ctx) })
	all.Go(func() { s.rooms.Telephony.KeepSweeping(ctx) })
	all.Go(func() { s.rooms.Imports.KeepImporting(ctx) })
	all.Go(func() { s.rooms.Audit.KeepShipping(ctx, s.log) })
	all.Go(func() { s.privacy.KeepRetaining(ctx, s.log) })
	all.Go(func() { s.rooms.Ordering.KeepProcessing(ctx) })
	all.Wait()
}
