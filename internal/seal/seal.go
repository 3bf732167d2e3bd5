// Package seal encrypts what the database keeps but nobody should read there,
// with the secrets of the deployment (KONTOR_SECRET). Whoever gets a dump of the
// database without the secrets gets nothing (AUTH-15).
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrNoKey is returned for a text that was sealed with a secret that is no
	// longer listed.
	ErrNoKey = errors.New("sealed with a secret that is not listed any more")
	// ErrTampered is returned for a text that was not sealed for this purpose, or
	// was changed since.
	ErrTampered = errors.New("not sealed for this purpose, or changed since")
)

const (
	// version is in front of every text, so that another cipher can follow.
	version = "v1."
	// idBytes make eight characters of base64: all that was sealed with one secret
	// begins alike, and can be counted before the secret is given up.
	idBytes  = 6
	keyBytes = 32 // AES-256

	// What HKDF derives, apart from each other: nobody learns a key from an ID.
	idInfo  = "kontor seal v1 id"
	keyInfo = "kontor seal v1 key for "
	macInfo = "kontor seal v1 mac for "
)

// Sealer seals with the newest secret and opens with any that is listed. It is
// safe for concurrent use.
type Sealer struct{ keys []key }

// key is what one secret gives.
type key struct {
	// id stands in front of what the secret sealed; it does not reveal the secret.
	id []byte
	// root is what the keys of all purposes are derived from.
	root []byte
}

// New seals with these secrets, the newest first. To rotate, put a new one in
// front and take the old one away when nothing is left that it sealed (FLT-15).
func New(secrets []string) (*Sealer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("sealing needs a secret")
	}
	sealer := &Sealer{}
	for i, secret := range secrets {
		if secret == "" {
			return nil, fmt.Errorf("secret number %d is empty", i+1)
		}
		root, err := hkdf.Extract(sha256.New, []byte(secret), nil)
		if err != nil {
			return nil, fmt.Errorf("deriving from secret number %d: %w", i+1, err)
		}
		id, err := hkdf.Expand(sha256.New, root, idInfo, idBytes)
		if err != nil {
			return nil, fmt.Errorf("deriving the ID of secret number %d: %w", i+1, err)
		}
		sealer.keys = append(sealer.keys, key{id: id, root: root})
	}
	return sealer, nil
}

// Seal encrypts a text. The purpose says what it is and whose, such as the name
// of a column with the key of its row: moved elsewhere, it does not open.
func (s *Sealer) Seal(purpose string, plain []byte) (string, error) {
	newest := s.keys[0]
	aead, err := newest.cipher(purpose)
	if err != nil {
		return "", err
	}
	sealed := aead.Seal(slices.Clone(newest.id), nil, plain, []byte(purpose))
	return version + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open gives back what was sealed for this purpose. It fails with ErrNoKey or
// ErrTampered.
func (s *Sealer) Open(purpose, sealed string) ([]byte, error) {
	text, known := strings.CutPrefix(sealed, version)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	// Decoding skips line breaks and unused bits; only what Seal wrote will do.
	if !known || err != nil || len(raw) < idBytes || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil, ErrTampered
	}
	id, body := raw[:idBytes], raw[idBytes:]
	i := slices.IndexFunc(s.keys, func(k key) bool { return bytes.Equal(k.id, id) })
	if i < 0 {
		return nil, ErrNoKey
	}
	aead, err := s.keys[i].cipher(purpose)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, body, []byte(purpose))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Sign gives what only the newest secret makes of a text for this purpose, and the ID of the
// secret. It hides nothing: it proves that whoever wrote the text had the secret.
func (s *Sealer) Sign(purpose string, text []byte) (keyID, mac string, err error) {
	newest := s.keys[0]
	sum, err := newest.mac(purpose, text)
	return newest.name(), sum, err
}

// Check tells whether a text was signed for this purpose with the secret of this ID. It
// fails with ErrNoKey or ErrTampered.
func (s *Sealer) Check(purpose, keyID, mac string, text []byte) error {
	i := slices.IndexFunc(s.keys, func(k key) bool { return k.name() == keyID })
	if i < 0 {
		return ErrNoKey
	}
	sum, err := s.keys[i].mac(purpose, text)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(sum), []byte(mac)) {
		return ErrTampered
	}
	return nil
}

// KeyID is the ID of the newest secret, which does not reveal it.
func (s *Sealer) KeyID() string { return s.keys[0].name() }

func (k key) name() string { return base64.RawURLEncoding.EncodeToString(k.id) }

func (k key) mac(purpose string, text []byte) (string, error) {
	derived, err := hkdf.Expand(sha256.New, k.root, macInfo+purpose, keyBytes)
	if err != nil {
		return "", fmt.Errorf("deriving the key for %s: %w", purpose, err)
	}
	sum := hmac.New(sha256.New, derived)
	sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// cipher has a key for each purpose, and makes a random nonce for each text.
func (k key) cipher(purpose string) (cipher.AEAD, error) {
	derived, err := hkdf.Expand(sha256.New, k.root, keyInfo+purpose, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("deriving the key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("making the cipher for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the cipher for %s: %w", purpose, err)
	}
	return aead, nil
}
