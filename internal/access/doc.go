// Package access is the room of rights on single contracts: who holds which and by
// what way, how they travel between people and companies, and why (AC-04 to AC-11,
// AC-14); and of the link to the customer centre that online billing asks for (AC-12).
// What a role may do is the policy's (package authz), not this room's.
package access

import (
	"log/slog"
	"time"

	"kontor/internal/audit"
	"kontor/internal/centre"
	"kontor/internal/db"
	"kontor/internal/mail"
	"kontor/internal/seal"
	"kontor/internal/throttle"
)

// Service answers for rights.
type Service struct {
	db       *db.DB
	throttle *throttle.Throttle
	sealer   *seal.Sealer
	outbox   *mail.Outbox
	audit    *audit.Log
	centre   *centre.Client
	log      *slog.Logger
	now      func() time.Time
}

// Needs are what the room works with.
type Needs struct {
	DB       *db.DB
	Throttle *throttle.Throttle // counts guesses
	Sealer   *seal.Sealer       // seals names of transfer targets
	Outbox   *mail.Outbox
	Audit    *audit.Log
	Centre   *centre.Client
	Log      *slog.Logger
	Now      func() time.Time
}

// New is the room over its needs.
func New(n Needs) *Service {
	return &Service{
		db: n.DB, throttle: n.Throttle, sealer: n.Sealer, outbox: n.Outbox, audit: n.Audit, centre: n.Centre, log: n.Log, now: n.Now,
	}
}

// moment is the present as databases keep it.
func (s *Service) moment() time.Time { return db.Moment(s.now()) }
