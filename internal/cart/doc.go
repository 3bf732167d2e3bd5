// Package cart is the room of the current cart, of saved carts, of saved addresses and of
// saved account assignments (CA-02 to CA-06, CA-09, CA-10), and of the agreement that a cart
// calls off from (OR-12). What becomes of a cart is the room ordering.
package cart

import (
	"time"

	"kontor/internal/access"
	"kontor/internal/audit"
	"kontor/internal/catalog"
	"kontor/internal/db"
)

// Service answers for carts.
type Service struct {
	db      *db.DB
	catalog *catalog.Service
	access  *access.Service
	audit   *audit.Log
	now     func() time.Time
}

// New is the room over a database, with its clock.
func New(d *db.DB, c *catalog.Service, rights *access.Service, log *audit.Log, now func() time.Time) *Service {
	return &Service{db: d, catalog: c, access: rights, audit: log, now: now}
}
