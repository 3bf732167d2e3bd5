// Package password hashes passwords (argon2id) and holds the password policies
// a tenant can choose from. It knows neither the database nor the API.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the longest password, in bytes of UTF-8 as typed, that is hashed.
// Longer ones are refused before any work is done (AUTH-07). 128 characters of
// four bytes just fit.
const MaxBytes = 512

// maxParallel caps the default number of hashes at once: 8 x 46 MiB = 368 MiB.
const maxParallel = 8

var (
	// ErrTooLong is returned for a password over MaxBytes.
	ErrTooLong = fmt.Errorf("password is longer than %d bytes", MaxBytes)
	// ErrBusy is returned at once when all workers hash and the queue is full;
	// the caller should answer "try again in a second".
	ErrBusy = errors.New("too many passwords are being checked, try again in a second")
)

// Hasher hashes and verifies passwords, never more than a set number at once,
// because each hash fills tens of MiB. It is safe for concurrent use.
type Hasher struct {
	params Params
	// places holds a token for everyone inside, working or waiting; workers one
	// for everyone who works.
	places  chan struct{}
	workers chan struct{}
	// derive is argon2.IDKey; tests watch it.
	derive Derive
}

// NewHasher hashes with DefaultParams, at most parallel at once; up to queue more
// callers wait. A parallel below 1 stands for the number of CPUs, at most 8, without one: whoever is logged in goes
// on working there, however many log in.
func NewHasher(parallel, queue int) *Hasher {
	return NewHasherWith(DefaultParams, parallel, queue)
}

// NewHasherWith is NewHasher with other parameters, such as cheap ones for tests.
// It panics on parameters that Verify would refuse to read back.
func NewHasherWith(params Params, parallel, queue int) *Hasher {
	if err := params.validate(); err != nil {
		panic(fmt.Sprintf("password: %v", err))
	}
	if parallel < 1 {
		parallel = max(1, min(runtime.GOMAXPROCS(0)-1, maxParallel))
	}
	return &Hasher{
		params:  params,
		places:  make(chan struct{}, parallel+max(queue, 0)),
		workers: make(chan struct{}, parallel),
		derive:  argon2.IDKey,
	}
}

// Derive derives a key as argon2.IDKey does.
type Derive func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte

// DerivingWith is a hasher that derives keys in another way: a test sees and holds what is hashed.
func (h *Hasher) DerivingWith(derive Derive) *Hasher {
	other := *h
	other.derive = derive
	return &other
}

// Hash returns the hash of a new password in PHC format, with a fresh salt.
// It fails with ErrTooLong, ErrBusy or the context's error.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	key, err := h.key(ctx, password, h.params, salt, keyBytes)
	if err != nil {
		return "", err
	}
	return storedHash{params: h.params, salt: salt, key: key}.String(), nil
}

// Verify tells whether the password belongs to the stored hash. A wrong password
// is no error; errors are ErrMalformedHash, ErrTooLong, ErrBusy or the context's.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (bool, error) {
	hash, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	key, err := h.key(ctx, password, hash.params, hash.salt, uint32(len(hash.key)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, hash.key) == 1, nil
}

// VerifyUnknown does the work of Verify for an account that does not exist or has
// no password, so that the answer takes the same time (ID-01). It fails as Verify
// would: ErrTooLong, ErrBusy or the context's error.
func (h *Hasher) VerifyUnknown(ctx context.Context, password string) error {
	_, err := h.key(ctx, password, h.params, make([]byte, saltBytes), keyBytes)
	return err
}

// MatchesAny tells whether the password belongs to one of the stored hashes: the
// current one and the last HistoryLength, for the rule PASSWORD_REUSED (ID-10).
// It costs one hash for each, until one matches.
func (h *Hasher) MatchesAny(ctx context.Context, password string, stored ...string) (bool, error) {
	for _, hash := range stored {
		if same, err := h.Verify(ctx, password, hash); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// NeedsRehash is true for a hash made with other parameters than today's, or one
// that cannot be read; the next successful login should replace it.
func (h *Hasher) NeedsRehash(stored string) bool {
	hash, err := parseHash(stored)
	return err != nil || hash.params != h.params || len(hash.salt) != saltBytes || len(hash.key) != keyBytes
}

// key waits for a worker's turn and derives the key of the normalised password:
// the same text gives the same key however a keyboard composes its accents.
func (h *Hasher) key(ctx context.Context, password string, p Params, salt []byte, length uint32) ([]byte, error) {
	if len(password) > MaxBytes {
		return nil, ErrTooLong
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("waiting to hash a password: %w", err)
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		return nil, ErrBusy
	}
	select {
	case h.workers <- struct{}{}:
		defer func() { <-h.workers }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
	return h.derive(norm.NFKC.Bytes([]byte(password)), salt, p.Time, p.MemoryKiB, p.Threads, length), nil
}
