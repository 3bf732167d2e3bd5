package seal

import (
	"bytes"
	"errors"
	"testing"
)

// What was signed passes as it was, about the same and for the same purpose, with any secret that is
// listed, and in no other way.
//
// Case: AUTHZ-04
// Case: FLT-15
func TestWhatIsSignedComesBackAsItWas(t *testing.T) {
	t.Parallel()
	signer := func(purpose string, secrets ...string) *Signer {
		sealer, err := New(secrets)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := sealer.Signer(purpose)
		if err != nil {
			t.Fatal(err)
		}
		return signer
	}
	one, text := signer("places", "the first secret"), []byte("a place")
	signed := one.Sign("a list", text)
	for name, by := range map[string]*Signer{"itself": one, "a replica": signer("places", "the first secret"), "after a rotation": signer("places", "a newer secret", "the first secret")} {
		if got, err := by.Open("a list", signed); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if _, err := one.Open("a list", changed); !errors.Is(err, ErrTampered) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for name, err := range map[string]error{
		"about another": second(one.Open("another list", signed)), "about less": second(one.Open("a lis", append(signed[:16:16], "ta place"...))), "for another purpose": second(signer("names", "the first secret").Open("a list", signed)),
		"with another secret": second(signer("places", "a newer secret").Open("a list", signed)), "longer": second(one.Open("a list", append(bytes.Clone(signed), 0))),
		"shorter": second(one.Open("a list", signed[:len(signed)-1])), "without text": second(one.Open("a list", signed[:signBytes])), "half a signature": second(one.Open("a list", signed[:8])), "nothing": second(one.Open("a list", nil)),
	} {
		if !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }
