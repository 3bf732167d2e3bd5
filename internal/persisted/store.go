// Package persisted keeps the texts of operations that clients name instead of sending them: those
// that a client registered by its hash (automatic persisted queries), and those that were
// known when the clients were built (trusted documents, a Manifest).
package persisted

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/redis/go-redis/v9"

	"kontor/internal/fault"
)

var (
	// ErrUnknown says that nobody registered the operation: the client sends its text then.
	ErrUnknown = errors.New("PersistedQueryNotFound")
	// ErrNotAllowed says that only operations of the manifest are answered, and that this is none.
	ErrNotAllowed = errors.New("only operations that were registered when the client was built are answered here")
	// ErrHash says that a text has another hash than the client says.
	ErrHash = errors.New("the hash is not that of the operation: it is SHA-256 in hexadecimal digits")
)

const (
	// maxRegistered bounds the texts that Redis keeps, the last used ones, and maxText each of
	// them, in bytes: 80 MiB at most, whoever registers how many (GQL-12).
	maxRegistered = 5000
	maxText       = 16 << 10
	// maxNear is how many of them a replica has at hand.
	maxNear = 1000
	// kept is how long they stay when nobody registers anything.
	kept = 30 * 24 * time.Hour
)

// The two keys are in one slot of a cluster: the texts, and when each was used.
var keys = []string{"{kontor:operations}:text", "{kontor:operations}:used"}

// Store finds the texts of operations.
type Store struct {
	client  redis.UniversalClient
	now     func() time.Time
	trusted map[string]string
	only    bool
	near    *lru.LRU[string]
}

// New keeps registered operations in Redis; those of the manifest are known besides. With only,
// nothing else is answered (GQL-11).
func New(client redis.UniversalClient, now func() time.Time, manifest Manifest, only bool) *Store {
	return &Store{client: client, now: now, trusted: manifest.texts(), only: only, near: lru.New[string](maxNear)}
}

var find = redis.NewScript(`
local text = redis.call('HGET', KEYS[1], ARGV[1])
if text then
	redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
end
return text
`)

// Text gives the text of the operation that has this hash, or another name in the manifest. It
// fails with ErrUnknown, ErrNotAllowed or fault.ErrUnavailable.
func (s *Store) Text(ctx context.Context, hash string) (string, error) {
	if text, found := s.trusted[hash]; found {
		return text, nil
	}
	if s.only {
		return "", ErrNotAllowed
	}
	if text, found := s.near.Get(ctx, hash); found {
		return text, nil
	}
	text, err := find.Run(ctx, s.client, keys, hash, s.now().UnixMilli()).Text()
	if errors.Is(err, redis.Nil) {
		return "", ErrUnknown
	}
	if err != nil {
		return "", fmt.Errorf("finding an operation: %w", errors.Join(fault.ErrUnavailable, err))
	}
	s.near.Add(ctx, hash, text)
	return text, nil
}

// Check tells whether a text may be sent, and whether it is that of the hash, where the client
// gives one. It fails with ErrNotAllowed or ErrHash.
func (s *Store) Check(text, hash string) error {
	if hash == "" && !s.only {
		return nil
	}
	own := hashOf(text)
	if s.only {
		if s.trusted[own] != text || hash != "" && hash != own {
			return ErrNotAllowed
		}
		return nil
	}
	if hash != own {
		return ErrHash
	}
	return nil
}

var keep = redis.NewScript(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local many = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if many > 0 then
	local oldest = redis.call('ZPOPMIN', KEYS[2], many)
	for i = 1, #oldest, 2 do
		redis.call('HDEL', KEYS[1], oldest[i])
	end
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 0
`)

// Keep registers an operation that was found to be good, under its hash. One that is too long
// to be kept is not; its client goes on sending it.
func (s *Store) Keep(ctx context.Context, hash, text string) error {
	_, trusted := s.trusted[hash]
	_, near := s.near.Get(ctx, hash)
	if s.only || trusted || near || len(text) > maxText {
		return nil
	}
	if err := keep.Run(ctx, s.client, keys, hash, text, s.now().UnixMilli(), maxRegistered, kept.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("registering an operation: %w", errors.Join(fault.ErrUnavailable, err))
	}
	s.near.Add(ctx, hash, text)
	return nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
