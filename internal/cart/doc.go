// Package cart is the room of the current cart, of saved addresses and of saved
// account assignments (CA-02 to CA-05, CA-09). What becomes of a cart is the room
// ordering.
package cart

import (
	"time"

	"kontor/internal/catalog"
	"kontor/internal/db"
)

// Service answers for carts.
type Service struct {
	db      *db.DB
	catalog *catalog.Service
	now     func() time.Time
}

// New is the room over a database, with its clock.
func New(d *db.DB, c *catalog.Service, now func() time.Time) *Service {
	return &Service{db: d, catalog: c, now: now}
}
