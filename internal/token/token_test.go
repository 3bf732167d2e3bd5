package token_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kontor/internal/token"
)

// sum is what the database holds of a secret.
func sum(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(digest[:])
}

// Requirement: ID-03
// Requirement: ID-06
// Case: AUTH-15
func TestOnlyTheHashOfALinkNeedsToBeKept(t *testing.T) {
	t.Parallel()
	shape, seen := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`), map[string]bool{}
	for range 1000 {
		link, hash, err := token.NewLink()
		if err != nil {
			t.Fatal(err)
		}
		if !shape.MatchString(link) || seen[link] {
			t.Fatalf("%q is not 256 bits of base64url, or came before", link)
		}
		seen[link] = true
		if hash != sum(link) {
			t.Fatalf("the hash of %s is %s, want its SHA-256", link, hash)
		}
		if got, ok := token.HashLink(link); !ok || got != hash {
			t.Fatalf("HashLink(%s) = %q, %t, want %s", link, got, ok, hash)
		}
		if got, ok := token.HashLink(hash); ok {
			t.Fatalf("the stored hash is taken for a token: %s", got)
		}
	}
}

func TestWhatCannotBeALinkIsRefused(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("A", 43)
	if _, ok := token.HashLink(good); !ok {
		t.Fatalf("%s is refused", good)
	}
	for name, bad := range map[string]string{
		"empty":            "",
		"short":            good[1:],
		"long":             good + "A",
		"padded":           good + "=",
		"space in front":   " " + good[1:],
		"standard base64":  "+/" + good[2:],
		"unused bits set":  good[1:] + "B",
		"line break":       good[:42] + "\n",
		"only line breaks": strings.Repeat("\n", 43),
		"not ASCII":        good[2:] + "ä",
		"huge":             strings.Repeat(good, 10000),
	} {
		if hash, ok := token.HashLink(bad); ok || hash != "" {
			t.Errorf("%s: %q, %t, want it refused", name, hash, ok)
		}
	}
}

// Requirement: ID-03
// Requirement: ID-06
// Case: AUTH-15
func TestOnlyTheHashOfACodeNeedsToBeKept(t *testing.T) {
	t.Parallel()
	shape, seen := regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$`), map[string]bool{}
	for range 1000 {
		code, hash, err := token.NewCode()
		if err != nil {
			t.Fatal(err)
		}
		if !shape.MatchString(code) || seen[code] {
			t.Fatalf("%q is not six groups of Crockford's alphabet, or came before", code)
		}
		seen[code] = true
		if want := sum(strings.ReplaceAll(code, "-", "")); hash != want {
			t.Fatalf("the hash of %s is %s, want %s", code, hash, want)
		}
		if got, ok := token.HashCode(code); !ok || got != hash {
			t.Fatalf("HashCode(%s) = %q, %t, want %s", code, got, ok, hash)
		}
		if got, ok := token.HashCode(hash); ok {
			t.Fatalf("the stored hash is taken for a code: %s", got)
		}
	}
}

// Requirement: ID-03
func TestCodesAreUnderstoodHoweverTheyAreTyped(t *testing.T) {
	t.Parallel()
	want := sum("0123456789ABCDEFGH10XYZ1")
	for _, typed := range []string{
		"0123-4567-89AB-CDEF-GH10-XYZ1",
		"0123456789ABCDEFGH10XYZ1",
		"0123 4567 89ab cdef gh10 xyz1",
		" o123–4567—89ab‑cdef\u00a0GHiO XYZl\n",
		"OI23-4567-89AB-CDEF-GHLO-XYZI",
	} {
		if got, ok := token.HashCode(typed); !ok || got != want {
			t.Errorf("HashCode(%q) = %q, %t, want %s", typed, got, ok, want)
		}
	}
	for _, typed := range []string{
		"", "----", "0123-4567-89AB-CDEF-GH10-XYZ", "0123-4567-89AB-CDEF-GH10-XYZ11",
		"0123-4567-89AB-CDEF-GH10-XYZU", "0123-4567-89AB-CDEF-GH10-XYZ!", "0123_4567_89AB_CDEF_GH10_XYZ1",
		"0123-4567-89AB-CDEF-GH10-XYZı", "０123-4567-89AB-CDEF-GH10-XYZ1", "0123-4567-89AB-CDEF-GH10-XYZ\xff",
		strings.Repeat("0123", 10000),
	} {
		if got, ok := token.HashCode(typed); ok || got != "" {
			t.Errorf("HashCode(%q) = %q, %t, want it refused", typed, got, ok)
		}
	}
}

func TestNormalizingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		once := token.Normalize(rapid.String().Draw(t, "typed"))
		if twice := token.Normalize(once); twice != once {
			t.Fatalf("%q becomes %q", once, twice)
		}
	})
}

func TestReadableTextsAreGrouped(t *testing.T) {
	t.Parallel()
	for randomBytes, want := range map[int]int{0: 0, 1: 2, 5: 9, 10: 19, 15: 29} {
		text, err := token.Readable(randomBytes)
		if err != nil || len(text) != want {
			t.Errorf("%d bytes give %q, %v, want %d characters", randomBytes, text, err, want)
		}
	}
}
