// Package ordering is the room of what becomes of a cart: a quote, placing an order, its
// approval, its states, its overview and what happens to it meanwhile (OR-01 to OR-05, OR-09, OR-10). The cart itself is the room cart.
package ordering

import (
	"context"
	"log/slog"
	"time"

	"kontor/authz"
	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/db"
	"kontor/internal/live"
	"kontor/internal/mail"
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
}

// Again is a viewer as it is now, or an error where it may not go on.
type Again func(context.Context, *authz.Viewer) (*authz.Viewer, error)

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
	Guess  Guess
	// BaseURL is the portal's public address, to which the links of quotes lead.
	BaseURL string
	// Now is the one clock.
	Now func() time.Time
}

// New is the room over what it needs.
func New(n Needs) *Service {
	return &Service{db: n.DB, cart: n.Cart, access: n.Access, audit: n.Audit, live: n.Live, outbox: n.Outbox, log: n.Log, again: n.Again,
		guess: n.Guess, base: n.BaseURL, now: n.Now}
}
