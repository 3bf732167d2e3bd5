// Package identity is the room of logins, sessions and passwords (ID-01, ID-02,
// ID-10, ID-11). What a user may do once logged in is the policy's (package
// authz).
package identity

import (
	"context"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kontor/internal/db"
	"kontor/internal/password"
	"kontor/internal/session"
)

// Service answers for identities.
type Service struct {
	db       *db.DB
	sessions *session.Store
	hasher   *password.Hasher
	now      func() time.Time

	viewerQuery string
}

// New is the room over a database and a session store, with its clock.
func New(d *db.DB, sessions *session.Store, hasher *password.Hasher, now func() time.Time) *Service {
	return &Service{db: d, sessions: sessions, hasher: hasher, now: now, viewerQuery: viewerQuery(d.Dialect)}
}

// Client is the program at the other end of a request.
type Client struct {
	IPAddress string
	Device    string // as it named itself
	// SetCookie gives a browser its session; an empty token takes it away.
	SetCookie func(token string, expires time.Time)
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
	return c
}

// Key is the form in which user names and e-mail addresses are compared: one
// spelling for every way to write the same letters, upper case or lower.
func Key(name string) string { return strings.ToLower(norm.NFKC.String(strings.TrimSpace(name))) }
