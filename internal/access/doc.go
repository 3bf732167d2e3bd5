// Package access is the room of rights on single contracts: who holds which, by
// what way, and who shared it (AC-04, AC-14). What a role may do is the policy's
// (package authz), not this room's.
package access

import "kontor/internal/db"

// Service answers for rights.
type Service struct{ db *db.DB }

// New is the room over a database.
func New(d *db.DB) *Service { return &Service{db: d} }
