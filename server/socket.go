package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
	// maxRunning bounds the operations that run on one WebSocket at a time, and maxSockets the
	// WebSockets of one session, on a replica.
	maxRunning = 20
	maxSockets = 10
	// closeForbidden is the code of the subprotocol for a connection that may not be.
	closeForbidden = 4403
)

// socket is one WebSocket: an executor that runs each operation by what its viewer may now,
// because the connection may be hours old.
type socket struct {
	*executor.Executor
	server    *Server
	token     string
	transport session.Transport
	session   string
	running   atomic.Int32
}

// sockets counts the WebSockets of each session, and knows all that are open.
type sockets struct {
	mu   sync.Mutex
	open map[string]int
	opened
}

// take notes one more WebSocket of a session, unless it has too many.
func (s *sockets) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] >= maxSockets {
		return false
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	s.open[id]++
	return true
}

func (s *sockets) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id]--; s.open[id] <= 0 {
		delete(s.open, id)
	}
}

// serveSocket serves one WebSocket until it ends.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	x := &socket{Executor: s.executor, server: s}
	if _, err := authz.FromContext(r.Context()); err == nil {
		x.token, x.transport, _ = s.token(r)
	}
	frame := int64(maxBodyBytes)
	transport.Websocket{
		Implementation: punctual{opened: func(c transport.WebsocketConn) { s.sockets.add(x, c) }}, InitFunc: x.connect, InitTimeout: initTimeout, PingPongInterval: pingEvery, PayloadReadLimit: &frame,
	}.Do(w, r, x)
	s.sockets.remove(x)
	if x.session != "" {
		s.sockets.release(x.session)
	}
}

// connect says who a WebSocket is of: the cookie of its request tells, or the token that
// an app sends first, as Authorization: Bearer TOKEN. It is of nobody otherwise, and closed.
func (x *socket) connect(ctx context.Context, init transport.InitPayload) (context.Context, *transport.InitPayload, error) {
	refused := func(code string) (context.Context, *transport.InitPayload, error) {
		ctx := transport.AppendCloseReason(transport.WithWebsocketCloseCode(ctx, closeForbidden), code)
		return ctx, nil, errors.New(lang.Text(lang.FromContext(ctx), code, nil))
	}
	if header := init.Authorization(); header != "" {
		token, found := strings.CutPrefix(header, "Bearer ")
		if x.token != "" || !found {
			return refused(graph.CodeBadUserInput)
		}
		x.token, x.transport = strings.TrimSpace(token), session.Bearer
	}
	v, preferred, err := x.viewer(ctx)
	if errors.Is(err, fault.ErrUnauthenticated) {
		return refused(graph.CodeUnauthenticated)
	}
	if err != nil {
		x.server.log.ErrorContext(ctx, "looking up a session failed", "requestId", requestID(ctx), "error", err)
		return refused(graph.CodeUnavailable)
	}
	if !x.server.sockets.take(v.Session) {
		return refused(graph.CodeRateLimited)
	}
	x.session = v.Session
	return lang.NewContext(authz.NewContext(ctx, v), preferred), nil, nil
}

// viewer is whose WebSocket it is, by the token that it began with: a token that was
// replaced is worth nothing here either.
func (x *socket) viewer(ctx context.Context) (*authz.Viewer, string, error) {
	if x.token == "" {
		return nil, "", fault.ErrUnauthenticated
	}
	return x.server.who(ctx, x.token, x.transport, false)
}

// CreateOperationContext is the executor's, with no more errors than a client can use.
func (x *socket) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	op, refused := x.Executor.CreateOperationContext(ctx, params)
	return op, bounded(refused)
}

// DispatchOperation runs an operation for the viewer as it is now. What is no subscription
// has to be done in the time of a request.
func (x *socket) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	refuse := func(err error) (graphql.ResponseHandler, context.Context) {
		return graphql.OneShot(x.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)})), ctx
	}
	if op.Operation.Operation == ast.Mutation {
		return refuse(fault.Invalid(mutationsByPost))
	}
	v, _, err := x.viewer(ctx)
	if err != nil {
		return refuse(err)
	}
	ctx = authz.NewContext(ctx, v)
	if x.running.Add(1) > maxRunning {
		x.running.Add(-1)
		return refuse(&fault.RateLimited{RetryAfter: time.Second})
	}
	cancel := context.CancelFunc(func() {})
	if op.Operation.Operation != ast.Subscription {
		ctx, cancel = context.WithTimeout(ctx, queryTimeout)
	}
	over := sync.OnceFunc(func() { cancel(); x.running.Add(-1) })
	responses, ctx := x.Executor.DispatchOperation(ctx, op)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil {
			over()
		}
		return response
	}, ctx
}

// punctual takes WebSockets whose clients read: one that does not take a message in time
// is closed. Where the request comes from is checked before, for every way in.
type punctual struct{ opened func(transport.WebsocketConn) }

func (p punctual) Accept(w http.ResponseWriter, r *http.Request, options transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	taken, err := transport.CoderWebsocketImplementation{AcceptOptions: websocket.AcceptOptions{InsecureSkipVerify: true}}.Accept(w, r, options)
	if err != nil {
		return nil, err
	}
	p.opened(punctualConn{taken})
	return punctualConn{taken}, nil
}

type punctualConn struct{ transport.WebsocketConn }

func (c punctualConn) WriteJSON(message any) error {
	late := time.AfterFunc(eventTimeout, func() { _ = c.Close() })
	defer late.Stop()
	return c.WebsocketConn.WriteJSON(message)
}

// SetReadLimit bounds what one message may be.
func (c punctualConn) SetReadLimit(limit int64) {
	if limited, ok := c.WebsocketConn.(transport.WebsocketReadLimiter); ok {
		limited.SetReadLimit(limit)
	}
}

// SetReadDeadline is until when a message has to come.
func (c punctualConn) SetReadDeadline(t time.Time) error {
	if timed, ok := c.WebsocketConn.(transport.WebsocketReadDeadliner); ok {
		return timed.SetReadDeadline(t)
	}
	return nil
}
