// Package token makes the secrets that are sent in links, cookies and letters.
// The server keeps only their hashes, so that nobody gets in with a dump of the
// database (AUTH-15). They are too random to be guessed, so a fast hash will do.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

const (
	// linkBytes is the entropy of what programs carry: 256 bits.
	linkBytes = 32
	// codeBytes is the entropy of what people type: 120 bits in 24 characters.
	codeBytes = 15
)

// NewLink is a secret that programs carry, in the link of a mail or in a cookie:
// 43 characters of base64url. Keep the hash and forget the token.
func NewLink() (token, hash string, err error) {
	raw := make([]byte, linkBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", "", fmt.Errorf("making a token: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, digest(token), nil
}

// HashLink is the hash that NewLink gave with this token. ok is false for what
// cannot be one; the database need not be asked about it.
func HashLink(token string) (hash string, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(linkBytes) {
		return "", false
	}
	// The length is asked again because decoding skips line breaks.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != linkBytes {
		return "", false
	}
	return digest(token), true
}

// NewCode is a secret that people type, from a letter for example:
// ABCD-EFGH-JKMN-PQRS-TVWX-YZ01. Keep the hash and forget the code.
func NewCode() (code, hash string, err error) {
	if code, err = Readable(codeBytes); err != nil {
		return "", "", err
	}
	return code, digest(Normalize(code)), nil
}

// HashCode is the hash that NewCode gave with this code, however it was typed. ok
// is false for what cannot be one.
func HashCode(typed string) (hash string, ok bool) {
	code := Normalize(typed)
	raw, err := crockford.DecodeString(code)
	// Decoding ignores the bits of a character too many.
	if err != nil || len(raw) != codeBytes || crockford.EncodeToString(raw) != code {
		return "", false
	}
	return digest(code), true
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
