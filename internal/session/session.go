// Package session keeps logins: opaque random tokens whose sessions live in
// Redis, so that ending one counts on every replica with the next request.
package session

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"kontor/internal/token"
)

// Transport is how a client sends its token. A token is good for one of them only.
type Transport string

const (
	// Cookie is for browsers: the token is in a __Host- cookie.
	Cookie Transport = "COOKIE"
	// Bearer is for apps and dashboards: the token is in the Authorization header.
	Bearer Transport = "BEARER"
)

const (
	// MaxPerUser is how many sessions a user has at most; one more ends the oldest.
	MaxPerUser = 10
	// deviceLength is how much of a user agent is kept, in characters.
	deviceLength = 200
	// touchEvery is how exactly the last use is known, or more exactly where a
	// session idles for a short time only. A session may end that much before its
	// idle timeout, never after.
	touchEvery = time.Minute
)

// Session is one login of one user.
type Session struct {
	// ID is public, unlike the token: it names the session in the user's own list.
	ID        string    `json:"id"`
	UserID    uuid.UUID `json:"user"`
	TenantID  uuid.UUID `json:"tenant"`
	Transport Transport `json:"transport"`
	// Device is the user agent, at most 200 characters.
	Device    string `json:"device"`
	IPAddress string `json:"ip"`

	CreatedAt time.Time `json:"created"`
	// LastSeenAt is exact to a minute.
	LastSeenAt time.Time `json:"seen"`
	// ExpiresAt is the end, however busy the session is.
	ExpiresAt time.Time `json:"expires"`
	// IdleTimeout ends the session when it is not used for that long.
	IdleTimeout time.Duration `json:"idle"`
}

// Lifetimes are how long a session lasts; a tenant may set its own (ID-21).
type Lifetimes struct {
	// Idle is the time without use, Absolute the time since login.
	Idle, Absolute time.Duration
}

// DefaultLifetimes are 30 minutes and 12 hours for browsers, 14 and 30 days for
// apps and dashboards.
func DefaultLifetimes(transport Transport) Lifetimes {
	const day = 24 * time.Hour
	if transport == Cookie {
		return Lifetimes{Idle: 30 * time.Minute, Absolute: 12 * time.Hour}
	}
	return Lifetimes{Idle: 14 * day, Absolute: 30 * day}
}

// endsAt is when the session ends if it is not used again.
func (s Session) endsAt() time.Time {
	if idle := s.LastSeenAt.Add(s.IdleTimeout); idle.Before(s.ExpiresAt) {
		return idle
	}
	return s.ExpiresAt
}

// touchEvery is how long after its last use another one is noted.
func (s Session) touchEvery() time.Duration { return min(touchEvery, s.IdleTimeout/10) }

// begin fills in what the store decides: the ID, the times, the capped device.
func (s Session) begin(now time.Time) (Session, error) {
	if s.UserID == uuid.Nil || s.TenantID == uuid.Nil {
		return Session{}, fmt.Errorf("a session needs a user and a tenant, got %s and %s", s.UserID, s.TenantID)
	}
	if s.Transport != Cookie && s.Transport != Bearer {
		return Session{}, fmt.Errorf("unknown transport %q: choose %s or %s", s.Transport, Cookie, Bearer)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Session{}, fmt.Errorf("making a session ID: %w", err)
	}
	s.ID = id.String()
	// What Redis gives back is in UTC and without a monotonic clock; so is this.
	s.CreatedAt = now.UTC().Round(0)
	s.LastSeenAt = s.CreatedAt
	defaults := DefaultLifetimes(s.Transport)
	if s.IdleTimeout <= 0 {
		s.IdleTimeout = defaults.Idle
	}
	if s.ExpiresAt.IsZero() {
		s.ExpiresAt = s.CreatedAt.Add(defaults.Absolute)
	}
	if !s.ExpiresAt.After(now) {
		return Session{}, fmt.Errorf("a session that ends at %s is over at %s", s.ExpiresAt, now)
	}
	s.ExpiresAt = s.ExpiresAt.UTC().Round(0)
	s.Device = capped(s.Device, deviceLength)
	return s, nil
}

// capped cuts a text after so many characters.
func capped(text string, characters int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) <= characters {
		return text
	}
	return string([]rune(text)[:characters])
}

// encode is the form in Redis.
func (s Session) encode() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encoding a session: %w", err)
	}
	return string(text), nil
}

// decode reads what encode wrote.
func decode(text string) (Session, error) {
	var s Session
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Session{}, fmt.Errorf("decoding a session: %w", err)
	}
	return s, nil
}

// hashToken is all that the server keeps of a token; false for what cannot be one.
func hashToken(text string) (string, bool) { return token.HashLink(text) }
