package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params are the cost of one argon2id hash.
type Params struct {
	// MemoryKiB is the memory one hash fills, in KiB.
	MemoryKiB uint32
	// Time is the number of passes over that memory.
	Time uint32
	// Threads is argon2's degree of parallelism.
	Threads uint8
}

// DefaultParams are what OWASP and the ASVS name as a minimum for argon2id:
// 46 MiB, one pass, one thread.
var DefaultParams = Params{MemoryKiB: 46 * 1024, Time: 1, Threads: 1}

// What a stored hash may ask for at most. Whoever can write a hash into the
// database must not be able to make the server allocate 4 GiB (AUTH-19).
const (
	maxMemoryKiB = 256 * 1024
	maxTime      = 10
	maxThreads   = 16
	maxSaltBytes = 64
	maxKeyBytes  = 64
)

// Sizes of what this package writes, and the least it reads.
const (
	saltBytes    = 16
	keyBytes     = 32
	minSaltBytes = 8
	minKeyBytes  = 16
)

// ErrMalformedHash is returned for a stored hash that is not an argon2id hash in
// PHC format, or that asks for more than the ceiling allows.
var ErrMalformedHash = errors.New("stored password hash cannot be used")

// storedHash is a hash as the database keeps it.
type storedHash struct {
	params Params
	salt   []byte
	key    []byte
}

// String is the PHC string format: $argon2id$v=19$m=47104,t=1,p=1$salt$key.
func (s storedHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, s.params.MemoryKiB, s.params.Time, s.params.Threads,
		base64.RawStdEncoding.EncodeToString(s.salt), base64.RawStdEncoding.EncodeToString(s.key))
}

// parseHash reads a PHC string without computing anything. Only the one spelling
// that String writes is accepted, so two different strings are never the same hash.
func parseHash(text string) (storedHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return storedHash{}, fmt.Errorf("%w: not an argon2id hash in PHC format", ErrMalformedHash)
	}
	var hash storedHash
	p := &hash.params
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.MemoryKiB, &p.Time, &p.Threads); err != nil {
		return storedHash{}, fmt.Errorf("%w: parameters: %w", ErrMalformedHash, err)
	}
	if err := p.validate(); err != nil {
		return storedHash{}, err
	}
	var err error
	if hash.salt, err = decodeBytes("salt", parts[4], minSaltBytes, maxSaltBytes); err != nil {
		return storedHash{}, err
	}
	if hash.key, err = decodeBytes("key", parts[5], minKeyBytes, maxKeyBytes); err != nil {
		return storedHash{}, err
	}
	// Catches what the steps above let through: the version, signs, leading
	// zeros, line breaks inside base64.
	if hash.String() != text {
		return storedHash{}, fmt.Errorf("%w: not in canonical form for version %d", ErrMalformedHash, argon2.Version)
	}
	return hash, nil
}

// validate holds the parameters against the ceiling, and against argon2's own
// lower limits, below which it would panic or silently use other values.
func (p Params) validate() error {
	switch {
	case p.MemoryKiB > maxMemoryKiB, p.Time > maxTime, p.Threads > maxThreads:
		return fmt.Errorf("%w: m=%d,t=%d,p=%d is above the ceiling m=%d,t=%d,p=%d", ErrMalformedHash,
			p.MemoryKiB, p.Time, p.Threads, maxMemoryKiB, maxTime, maxThreads)
	case p.Time < 1, p.Threads < 1, p.MemoryKiB < 8*uint32(p.Threads):
		return fmt.Errorf("%w: m=%d,t=%d,p=%d is below what argon2 needs", ErrMalformedHash,
			p.MemoryKiB, p.Time, p.Threads)
	}
	return nil
}

// decodeBytes decodes base64 whose length is checked before anything is allocated.
func decodeBytes(what, encoded string, least, most int) ([]byte, error) {
	if n := base64.RawStdEncoding.DecodedLen(len(encoded)); n < least || n > most {
		return nil, fmt.Errorf("%w: %s of %d bytes, want %d to %d", ErrMalformedHash, what, n, least, most)
	}
	decoded, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformedHash, what, err)
	}
	// Line breaks count for DecodedLen but not for the result.
	if len(decoded) < least {
		return nil, fmt.Errorf("%w: %s of %d bytes, want %d to %d", ErrMalformedHash, what, len(decoded), least, most)
	}
	return decoded, nil
}
