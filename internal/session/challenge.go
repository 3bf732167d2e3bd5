package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/token"
)

// ChallengeLifetime is how long a second factor is waited for.
const ChallengeLifetime = 5 * time.Minute

// Challenge is a login whose password was right and that waits for a second factor
// (ID-18). It is no session: it opens nothing.
type Challenge struct {
	UserID    uuid.UUID
	Transport Transport
	// ValidAfter is from when on sessions of the user counted as the password was
	// checked: what ends its sessions ends the challenge.
	ValidAfter time.Time
	// Device is the known device that the password came from, or uuid.Nil.
	Device    uuid.UUID
	ExpiresAt time.Time
}

func challengeKey(hash string) string { return "kontor:challenge:" + hash }

// StartChallenge keeps a login that waits, and gives the secret that names it. The
// end is the store's to fill in.
func (s *Store) StartChallenge(ctx context.Context, c Challenge) (string, Challenge, error) {
	secret, hash, err := token.NewLink()
	if err != nil {
		return "", Challenge{}, fmt.Errorf("naming a challenge: %w", err)
	}
	c.ExpiresAt = s.now().UTC().Round(0).Add(ChallengeLifetime)
	value, err := json.Marshal(c)
	if err != nil {
		return "", Challenge{}, fmt.Errorf("encoding a challenge: %w", err)
	}
	if err := s.client.Set(ctx, challengeKey(hash), value, ChallengeLifetime).Err(); err != nil {
		return "", Challenge{}, unavailable("starting a challenge", err)
	}
	return secret, c, nil
}

// Challenge is the login that waits under this name, or ErrNotFound.
func (s *Store) Challenge(ctx context.Context, name string) (Challenge, error) {
	var c Challenge
	hash, wellFormed := token.HashLink(name)
	if !wellFormed {
		return c, ErrNotFound
	}
	value, err := s.client.Get(ctx, challengeKey(hash)).Result()
	if errors.Is(err, redis.Nil) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, unavailable("reading a challenge", err)
	}
	if err := json.Unmarshal([]byte(value), &c); err != nil {
		return c, fmt.Errorf("decoding a challenge: %w", err)
	}
	if !s.now().Before(c.ExpiresAt) {
		return c, ErrNotFound
	}
	return c, nil
}

// EndChallenge ends it, and tells whether it was this call that did.
func (s *Store) EndChallenge(ctx context.Context, name string) (bool, error) {
	hash, wellFormed := token.HashLink(name)
	if !wellFormed {
		return false, nil
	}
	n, err := s.client.Del(ctx, challengeKey(hash)).Result()
	if err != nil {
		return false, unavailable("ending a challenge", err)
	}
	return n == 1, nil
}
