package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/internal/fault"
)

const (
	// pingEvery keeps proxies from closing a quiet stream, and finds clients that are gone.
	pingEvery = 15 * time.Second
	// eventTimeout is how long a client may take to read an event.
	eventTimeout = 30 * time.Second

	typeEvents  = "text/event-stream"
	subprotocol = "graphql-transport-ws"

	// mutationsByPost: what a change answers may be a new cookie, for which a stream has no place.
	mutationsByPost = "send mutations by POST, without a stream"
)

// streams answers what goes on for longer than a request (OR-10): WebSockets, and server-sent
// events, one operation each (the "distinct connections mode" of graphql-sse).
func (s *Server) streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			if !offers(r, subprotocol) {
				refuseJSON(w, http.StatusBadRequest, graph.CodeBadUserInput, "a WebSocket speaks "+subprotocol+" here: name it in Sec-WebSocket-Protocol")
				return
			}
			r.Header.Set("Sec-WebSocket-Protocol", subprotocol)
			s.serveSocket(w, r)
		case wantsEvents(r.Header.Get("Accept")):
			s.events(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// offers tells whether a client speaks a subprotocol.
func offers(r *http.Request, protocol string) bool {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(header, ","), func(offered string) bool { return strings.TrimSpace(offered) == protocol }) {
			return true
		}
	}
	return false
}

// wantsEvents tells whether a client asks for events. One that takes JSON, too, gets that: urql
// offers all it can read with every operation but subscriptions.
func wantsEvents(accept string) bool {
	return strings.Contains(accept, typeEvents) && !strings.Contains(accept, typeJSON) && !strings.Contains(accept, typeGraphQL)
}

// events answers one operation as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), typeJSON) {
		refuseJSON(w, http.StatusMethodNotAllowed, graph.CodeBadUserInput, "send the operation by POST, as JSON")
		return
	}
	params, err := read(w, r)
	if err != nil {
		w.Header().Set("Content-Type", typeGraphQL+"; charset=utf-8")
		decline(w, err)
		return
	}
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(r.Context()))
	defer cancel()
	op, refused := s.executor.CreateOperationContext(ctx, params)
	if refused != nil {
		response := s.executor.DispatchError(graphql.WithOperationContext(ctx, op), bounded(refused))
		w.Header().Set("Content-Type", typeGraphQL+"; charset=utf-8")
		write(w, statusOfRefusal(w, response.Errors[0], typeGraphQL), response, false)
		return
	}
	if op.Operation.Operation == ast.Mutation {
		refuseJSON(w, http.StatusBadRequest, graph.CodeBadUserInput, mutationsByPost)
		return
	}
	if op.Operation.Operation != ast.Subscription {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, queryTimeout)
		defer end()
	}
	stream := eventStream{w: w, control: http.NewResponseController(w)}
	// The server's time for reading a request is over long before the stream is.
	if err := stream.control.SetReadDeadline(time.Time{}); err != nil {
		s.log.WarnContext(ctx, "a stream may break off", "requestId", requestID(ctx), "error", err)
	}
	w.Header().Set("Content-Type", typeEvents)
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that collects an answer would keep the events
	if err := stream.send(":\n\n"); err != nil {
		return
	}
	responses, ctx := s.executor.DispatchOperation(ctx, op)
	arrived := make(chan []byte)
	go func() {
		defer close(arrived)
		defer func() {
			if panicked := recover(); panicked != nil {
				s.log.ErrorContext(ctx, "a stream panicked", "requestId", requestID(ctx), "panic", fault.Panicked(panicked), "stack", string(debug.Stack()))
			}
		}()
		for {
			response := responses(ctx)
			if response == nil {
				return
			}
			// At once: what it holds is overwritten by the next one.
			text, err := json.Marshal(response)
			if err != nil {
				s.log.ErrorContext(ctx, "writing an event failed", "requestId", requestID(ctx), "error", err)
				return
			}
			select {
			case arrived <- text:
			case <-ctx.Done():
				return
			}
		}
	}()
	if stream.pass(ctx, arrived) == nil {
		_ = stream.send("event: complete\ndata:\n\n")
	}
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// pass sends what arrives until there is no more, and lets a quiet stream be heard.
func (e eventStream) pass(ctx context.Context, arrived <-chan []byte) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ping.C:
			if err := e.send(": ping\n\n"); err != nil {
				return err
			}
		case text, more := <-arrived:
			if !more {
				return nil
			}
			if err := e.send("event: next\ndata: " + string(text) + "\n\n"); err != nil {
				return err
			}
		}
	}
}

// send writes at once; the time for it begins anew with each event.
func (e eventStream) send(text string) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("giving an event its time: %w", err)
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("sending an event: %w", err)
	}
	return e.control.Flush()
}
