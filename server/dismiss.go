package server

import (
	"context"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
)

const (
	// closeGoingAway is the code of the protocol for a server that stops; clients connect again.
	closeGoingAway = 1001
	// restful is how long a WebSocket has nothing to do before it is closed, so that the last answer
	// is sent before.
	restful = 60 * time.Millisecond
)

// opened are the WebSockets that are open: the HTTP server does not know them any more, and
// would leave them to the end of the process.
type opened struct {
	mu    sync.Mutex
	conns map[*socket]transport.WebsocketConn
	gone  sync.WaitGroup
}

func (o *opened) add(x *socket, c transport.WebsocketConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns == nil {
		o.conns = map[*socket]transport.WebsocketConn{}
	}
	o.conns[x] = c
	o.gone.Add(1)
}

func (o *opened) remove(x *socket) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns[x] != nil {
		delete(o.conns, x)
		o.gone.Done()
	}
}

func (o *opened) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.conns)
}

// dismiss closes each WebSocket once it has answered what it was asked, and says why. It returns when
// all are gone, or when the context ends, with which the rest is closed as it is.
func (o *opened) dismiss(ctx context.Context) {
	o.mu.Lock()
	for x, c := range o.conns {
		go func() {
			x.rest(ctx)
			_ = c.WriteClose(closeGoingAway, "the server stops: connect again")
			_ = c.Close()
		}()
	}
	o.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		o.gone.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

// rest waits until nothing has run for a moment.
func (x *socket) rest(ctx context.Context) {
	look := time.NewTicker(restful / 3)
	defer look.Stop()
	for quiet := 0; quiet < 3; {
		if quiet++; x.running.Load() > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
