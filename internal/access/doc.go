// Package access is the room of rights on single contracts: who holds which and by
// what way, how they travel between people and companies, and why (AC-04 to AC-11,
// AC-14). What a role may do is the policy's (package authz), not this room's.
package access

import (
	"time"

	"kontor/internal/audit"
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
	now      func() time.Time
}

// New is the room over a database, with its clock; what guesses are counted by, what
// names of transfer targets are sealed by, where mails go and what is recorded.
func New(d *db.DB, t *throttle.Throttle, s *seal.Sealer, o *mail.Outbox, log *audit.Log, now func() time.Time) *Service {
	return &Service{db: d, throttle: t, sealer: s, outbox: o, audit: log, now: now}
}

// moment is the present as databases keep it.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
