package otp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"kontor/internal/token"
)

const (
	// recoveryCodes is how many a user gets to print or to write down.
	recoveryCodes = 10
	// recoveryBytes make 16 characters: 80 bits cannot be guessed, not even by
	// someone who has the hashes.
	recoveryBytes = 10
)

// NewRecoveryCodes are ten codes, such as ABCD-EFGH-JKMN-PQRS, each good for one
// login without the app. They are shown once; the server keeps their hashes.
func NewRecoveryCodes() ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		code, err := token.Readable(recoveryBytes)
		if err != nil {
			return nil, fmt.Errorf("making recovery codes: %w", err)
		}
		codes[i] = code
	}
	return codes, nil
}

// NormalizeRecoveryCode gives all the ways to type a code one form: spaces, dashes
// and case do not matter, nor does I or L for 1 and O for 0.
func NormalizeRecoveryCode(typed string) string { return token.Normalize(typed) }

// HashRecoveryCode is what the server keeps of a normalised code.
func HashRecoveryCode(normalised string) string {
	sum := sha256.Sum256([]byte(normalised))
	return hex.EncodeToString(sum[:])
}
