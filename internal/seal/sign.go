package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// signBytes is how much of a signature is kept: enough that nobody guesses one.
const signBytes = 16

const signInfo = "kontor seal v1 signing "

// Signer signs what is no secret, but has to come back as it was given out. It signs with the newest
// secret and knows the signatures of all that are listed. It is safe for concurrent use.
type Signer struct{ keys [][]byte }

// Signer signs for one purpose: what was signed for another one does not pass.
func (s *Sealer) Signer(purpose string) (*Signer, error) {
	signer := &Signer{}
	for _, k := range s.keys {
		derived, err := hkdf.Expand(sha256.New, k.root, signInfo+purpose, keyBytes)
		if err != nil {
			return nil, fmt.Errorf("deriving the key that signs %s: %w", purpose, err)
		}
		signer.keys = append(signer.keys, derived)
	}
	return signer, nil
}

// Sign is the text with its signature in front.
func (s *Signer) Sign(about string, text []byte) []byte {
	return append(mac(s.keys[0], about, text), text...)
}

// Open is the text that was signed about the same. It fails with ErrTampered.
func (s *Signer) Open(about string, signed []byte) ([]byte, error) {
	if len(signed) >= signBytes {
		for _, key := range s.keys {
			if text := signed[signBytes:]; hmac.Equal(signed[:signBytes], mac(key, about, text)) {
				return text, nil
			}
		}
	}
	return nil, ErrTampered
}

// mac begins with the length of what it is about, so that nothing moves over to the text.
func mac(key []byte, about string, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(h, "%d %s", len(about), about)
	_, _ = h.Write(text)
	return h.Sum(make([]byte, 0, sha256.Size+len(text)))[:signBytes]
}
