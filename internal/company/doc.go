// Package company is the room of what a company has at the operator: contracts and
// frame agreements (CO-01), and its metal there (CO-03). Rights on contracts are the room access.
package company

import (
	"time"

	"kontor/internal/db"
)

// Service answers for company data.
type Service struct {
	db  *db.DB
	now func() time.Time
}

// New is the room over a database, with its clock.
func New(d *db.DB, now func() time.Time) *Service { return &Service{db: d, now: now} }
