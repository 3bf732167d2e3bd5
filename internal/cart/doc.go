// Package cart is the room of the current cart, of saved carts, of saved addresses and of
// saved account assignments (CA-02 to CA-06, CA-09, CA-10). What becomes of a cart is the room
// ordering.
package cart

import (
	"time"

	"kontor/internal/audit"
	"kontor/internal/catalog"
	"kontor/internal/db"
)

// Service answers for carts.
type Service struct {
	db      *db.DB
	catalog *catalog.Service
	audit   *audit.Log
	now     func() time.Time
}

// New is the room over a database, with its clock.
func New(d *db.DB, c *catalog.Service, log *audit.Log, now func() time.Time) *Service {
	return &Service{db: d, catalog: c, audit: log, now: now}
}
