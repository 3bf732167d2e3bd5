package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/session"
)

const (
	// initTimeout is how long a WebSocket may take to say who it is.
	initTimeout = 5 * time.Second
	// pingEvery keeps proxies from closing a quiet stream, and finds clients that are gone.
	pingEvery = 15 * time.Second
	// eventTimeout is how long a client may take to read an event.
	eventTimeout = 30 * time.Second

	typeEvents  = "text/event-stream"
	subprotocol = "graphql-transport-ws"
	// closeForbidden is the code of the subprotocol for a connection that may not be.
	closeForbidden = 4403
)

// streams answers what goes on for longer than a request (OR-10): WebSockets, and server-sent
// events, one operation each (the "distinct connections mode" of graphql-sse).
func (s *Server) streams(next http.Handler) http.Handler {
	frame := int64(maxBodyBytes)
	sockets := transport.Websocket{
		// Where the request comes from is checked before, for every way in.
		Implementation:   transport.CoderWebsocketImplementation{AcceptOptions: websocket.AcceptOptions{InsecureSkipVerify: true}},
		InitFunc:         s.connect,
		InitTimeout:      initTimeout,
		PingPongInterval: pingEvery,
		PayloadReadLimit: &frame,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			if !offers(r, subprotocol) {
				refuseJSON(w, http.StatusBadRequest, graph.CodeBadUserInput, "a WebSocket speaks "+subprotocol+" here: name it in Sec-WebSocket-Protocol")
				return
			}
			r.Header.Set("Sec-WebSocket-Protocol", subprotocol)
			sockets.Do(w, r, renewing{s.executor, s})
		case strings.Contains(r.Header.Get("Accept"), typeEvents):
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

// connect says who a WebSocket is of: the cookie of its request tells, or the token that
// an app sends first, as Authorization: Bearer TOKEN.
func (s *Server) connect(ctx context.Context, init transport.InitPayload) (context.Context, *transport.InitPayload, error) {
	header := init.Authorization()
	if header == "" {
		return ctx, nil, nil
	}
	refused := func(code string) (context.Context, *transport.InitPayload, error) {
		ctx := transport.AppendCloseReason(transport.WithWebsocketCloseCode(ctx, closeForbidden), code)
		return ctx, nil, errors.New(lang.Text(lang.FromContext(ctx), code, nil))
	}
	token, found := strings.CutPrefix(header, "Bearer ")
	if _, err := authz.FromContext(ctx); err == nil || !found {
		return refused(graph.CodeBadUserInput)
	}
	v, preferred, err := s.rooms.Identity.Authenticate(ctx, strings.TrimSpace(token), session.Bearer)
	if errors.Is(err, fault.ErrUnauthenticated) {
		return refused(graph.CodeUnauthenticated)
	}
	if err != nil {
		s.log.ErrorContext(ctx, "looking up a session failed", "error", err)
		return refused(graph.CodeUnavailable)
	}
	return lang.NewContext(authz.NewContext(ctx, v), preferred), nil, nil
}

// renewing runs each operation of a WebSocket by what its viewer may now: the connection
// may be hours old. What is no subscription has to be done in the time of a request.
type renewing struct {
	*executor.Executor
	server *Server
}

func (x renewing) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	if v, err := authz.FromContext(ctx); err == nil {
		again, err := x.server.rooms.Identity.Again(ctx, v)
		if err != nil {
			return graphql.OneShot(x.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)})), ctx
		}
		ctx = authz.NewContext(ctx, again)
	}
	if op.Operation.Operation == ast.Subscription {
		return x.Executor.DispatchOperation(ctx, op)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	responses, ctx := x.Executor.DispatchOperation(ctx, op)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil {
			cancel()
		}
		return response
	}, ctx
}

// events answers one operation as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), typeJSON) {
		refuseJSON(w, http.StatusMethodNotAllowed, graph.CodeBadUserInput, "send the operation by POST, as JSON")
		return
	}
	params, status, message := read(w, r)
	if params == nil {
		refuseJSON(w, status, codeOf(status), message)
		return
	}
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(r.Context()))
	defer cancel()
	op, refused := s.executor.CreateOperationContext(ctx, params)
	if refused != nil {
		response := s.executor.DispatchError(graphql.WithOperationContext(ctx, op), bounded(refused))
		w.Header().Set("Content-Type", typeGraphQL+"; charset=utf-8")
		write(w, http.StatusBadRequest, response, false)
		return
	}
	if op.Operation.Operation != ast.Subscription {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, requestTimeout)
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
	arrived := make(chan *graphql.Response)
	go func() {
		defer close(arrived)
		for {
			response := responses(ctx)
			if response == nil {
				return
			}
			select {
			case arrived <- response:
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
func (e eventStream) pass(ctx context.Context, arrived <-chan *graphql.Response) error {
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
		case response, more := <-arrived:
			if !more {
				return nil
			}
			text, err := json.Marshal(response)
			if err != nil {
				return fmt.Errorf("writing an event: %w", err)
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
