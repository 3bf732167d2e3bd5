// Package company is the room of what a company has at the operator: contracts and
// frame agreements (CO-01), its metal there (CO-03), and documents (CO-04). Rights on contracts are
// the room access.
package company

import (
	"time"

	"kontor/internal/access"
	"kontor/internal/blobs"
	"kontor/internal/db"
)

// Service answers for company data.
type Service struct {
	db     *db.DB
	access *access.Service
	blobs  *blobs.Store
	now    func() time.Time
}

// New is the room over a database and the store of documents, with its clock.
func New(d *db.DB, rights *access.Service, store *blobs.Store, now func() time.Time) *Service {
	return &Service{db: d, access: rights, blobs: store, now: now}
}
