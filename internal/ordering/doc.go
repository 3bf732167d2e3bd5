// Package ordering is the room of what becomes of a cart: a quote, placing an order, its
// approval, its states, its processing, its overview, what happens to it meanwhile, and what it
// calls off from agreements (OR-01 to OR-12). The cart itself is the room cart.
package ordering

import (
	"context"
	"log/slog"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/db"
	"kontor/internal/live"
	"kontor/internal/mail"
	"kontor/internal/provision"
)

// Service answers for orders.
type Service struct {
	db     *db.DB
	cart   *cart.Service
	access *access.Service
	audit  *audit.Log
	live   *live.Hub
	outbox *mail.Outbox
	log    *slog.Logger
	again  Again
	guess  Guess
	base   string
	now    func() time.Time

	outside provision.Connector
	// followers do what hangs on the state of an order in other rooms.
	followers []Follower
	// waiting has a token for a worker when an order was committed that nobody has looked at.
	waiting chan struct{}
}

// Again is a viewer as it is now, or an error where it may not go on.
type Again func(context.Context, *authz.Viewer) (*authz.Viewer, error)

// Follower does what has to be done as an order comes into a state, in the transaction that
// brings it there. It works as whoever does that, or as the server.
type Follower func(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State) error

// WhenMoved has a room follow the states of orders. It is called before the first order moves.
func (s *Service) WhenMoved(f Follower) { s.followers = append(s.followers, f) }

// Needs are what the room works with.
type Needs struct {
	DB     *db.DB
	Cart   *cart.Service
	Access *access.Service
	Audit  *audit.Log
	Live   *live.Hub
	Outbox *mail.Outbox
	Log    *slog.Logger
	Again  Again
	// Outside is the way to whoever carries out what is processed automatically.
	Outside provision.Connector
	Guess   Guess
	// BaseURL is the portal's public address, to which the links of quotes lead.
	BaseURL string
	// Now is the one clock.
	Now func() time.Time
}

// New is the room over what it needs.
func New(n Needs) *Service {
	return &Service{db: n.DB, cart: n.Cart, access: n.Access, audit: n.Audit, live: n.Live, outbox: n.Outbox, log: n.Log, again: n.Again,
		guess: n.Guess, base: n.BaseURL, now: n.Now, outside: n.Outside, waiting: make(chan struct{}, workers)}
}
