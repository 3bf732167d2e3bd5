// Package identity is the room of ways in: logins and their second factor, sessions,
// passwords, invitations, registrations, the account itself and the administration
// of users (ID-01 to ID-21). What a user may do once logged in is the policy's
// (package authz).
package identity

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kontor/ent"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/live"
	"kontor/internal/mail"
	"kontor/internal/password"
	"kontor/internal/seal"
	"kontor/internal/session"
	"kontor/internal/throttle"
)

// Service answers for identities.
type Service struct {
	Needs
	viewerQuery string
	// notes are entries of the audit log that may be too many; locks keep accounts safe, and do not
	// wait for notes.
	notes, locks *behind
	devices      devices
}

// Needs are what the room works with.
type Needs struct {
	DB       *db.DB
	Sessions *session.Store
	Hasher   *password.Hasher
	Throttle *throttle.Throttle
	Sealer   *seal.Sealer
	// Devices signs what known devices are known by.
	Devices *seal.Signer
	Outbox  *mail.Outbox
	Audit   *audit.Log
	Live    *live.Hub
	// BaseURL is the portal's public address, the only source of links in mails.
	BaseURL string
	// Now is the one clock, by which everything expires.
	Now func() time.Time
	Log *slog.Logger
}

// New is the room over what it needs.
func New(n Needs) *Service {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		Needs: n, viewerQuery: viewerQuery(n.DB.Dialect), notes: newBehind(n.Log, n.Now), locks: newBehind(n.Log, n.Now),
		devices: devices{n.Devices, n.Now},
	}
}

// Close waits a little for what is done behind answers.
func (s *Service) Close() error {
	s.locks.close()
	s.notes.close()
	return nil
}

// fields are what was so before or after a change, for the audit log.
type fields map[string]any

// record writes a change of a user into the audit log (AC-13).
func (s *Service) record(ctx context.Context, tx *ent.Tx, action string, u *ent.User, before, after fields) error {
	c := audit.Change{Tenant: u.TenantID, Action: action, Kind: "User", Subject: u.ID, Label: u.Username, By: u}
	if before != nil {
		c.Before = before
	}
	if after != nil {
		c.After = after
	}
	return s.Audit.Record(ctx, tx, c)
}

// moment is the present as databases keep it.
func (s *Service) moment() time.Time { return db.Moment(s.Now()) }

// Client is the program at the other end of a request.
type Client struct {
	IPAddress string
	Device    string // as it named itself
	// SetCookie gives a browser its session; an empty token takes it away.
	SetCookie func(token string, expires time.Time)
	// KnownBy is what a browser's device is known by, where it was logged in from before. Only logins ask.
	KnownBy func() string
	// SetKnownBy gives a browser what its device is known by from now on.
	SetKnownBy func(token string, expires time.Time)
}

type clientKey struct{}

// NewContext gives the context the client that the answer goes to.
func NewContext(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

func clientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	if c.SetCookie == nil {
		c.SetCookie = func(string, time.Time) {}
	}
	if c.KnownBy == nil {
		c.KnownBy = func() string { return "" }
	}
	if c.SetKnownBy == nil {
		c.SetKnownBy = func(string, time.Time) {}
	}
	return c
}

// Key is the form in which user names and e-mail addresses are compared: one
// spelling for every way to write the same letters, upper case or lower.
func Key(name string) string { return strings.ToLower(norm.NFKC.String(strings.TrimSpace(name))) }
