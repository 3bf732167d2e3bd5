// Package telephony is the room of the wizard for telephony users and of what comes of it
// (WZ-01 to WZ-11): which products fit which, what was entered step by step, what is reserved
// meanwhile, and the telephony users themselves. What a wizard orders is an order as any other
// one, of the room ordering.
package telephony

import (
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/catalog"
	"kontor/internal/db"
	"kontor/internal/ordering"
	"kontor/internal/password"
)

// Service answers for wizards and telephony users.
type Service struct {
	db       *db.DB
	redis    redis.UniversalClient
	catalog  *catalog.Service
	cart     *cart.Service
	ordering *ordering.Service
	audit    *audit.Log
	hasher   *password.Hasher
	log      *slog.Logger
	now      func() time.Time
}

// Needs are what the room works with.
type Needs struct {
	DB *db.DB
	// Redis remembers which state of a wizard a session was shown.
	Redis    redis.UniversalClient
	Catalog  *catalog.Service
	Cart     *cart.Service
	Ordering *ordering.Service
	Audit    *audit.Log
	// Hasher hashes PINs, as it does passwords.
	Hasher *password.Hasher
	Log    *slog.Logger
	// Now is the one clock.
	Now func() time.Time
}

// New is the room over what it needs. It follows what becomes of the orders of telephony users.
func New(n Needs) *Service {
	s := &Service{db: n.DB, redis: n.Redis, catalog: n.Catalog, cart: n.Cart, ordering: n.Ordering, audit: n.Audit, hasher: n.Hasher, log: n.Log, now: n.Now}
	n.Ordering.WhenMoved(s.followOrder)
	return s
}

// moment is now, as precise as the databases keep it.
func (s *Service) moment() time.Time { return db.Moment(s.now()) }
