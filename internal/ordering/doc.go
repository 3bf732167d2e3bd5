// Package ordering is the room of what becomes of a cart: placing an order, its
// states, its overview (OR-01, OR-05, OR-09). The cart itself is the room cart.
package ordering

import (
	"time"

	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/db"
)

// Service answers for orders.
type Service struct {
	db     *db.DB
	cart   *cart.Service
	access *access.Service
	audit  *audit.Log
	now    func() time.Time
}

// New is the room over a database, with its clock.
func New(d *db.DB, c *cart.Service, a *access.Service, log *audit.Log, now func() time.Time) *Service {
	return &Service{db: d, cart: c, access: a, audit: log, now: now}
}
