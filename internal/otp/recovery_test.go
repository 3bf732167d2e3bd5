package otp_test

import (
	"regexp"
	"testing"

	"kontor/internal/otp"
)

// Requirement: ID-18
func TestTenRecoveryCodes(t *testing.T) {
	t.Parallel()
	shape, seen := regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$`), map[string]bool{}
	for range 100 {
		codes, err := otp.NewRecoveryCodes()
		if err != nil || len(codes) != 10 {
			t.Fatalf("%d codes, %v, want ten", len(codes), err)
		}
		for _, code := range codes {
			if !shape.MatchString(code) || seen[code] {
				t.Fatalf("%q is not four groups of Crockford's alphabet, or came before", code)
			}
			seen[code] = true
		}
	}
}

// Requirement: ID-18
// Case: AUTH-15
func TestRecoveryCodesAreUnderstoodHoweverTheyAreTyped(t *testing.T) {
	t.Parallel()
	const normalised = "ABCD0123EFGH1101"
	for _, typed := range []string{
		"ABCD-0123-EFGH-1101", "abcd0123efgh1101", " abcd 0123 efgh 1101 ", "ABCD–O123—EFGH‑ILOl", normalised,
	} {
		if got := otp.NormalizeRecoveryCode(typed); got != normalised {
			t.Errorf("%q becomes %q, want %q", typed, got, normalised)
		}
	}
	// printf ABCD0123EFGH1101 | sha256sum
	const hash = "921c19402801302d38ce64e0da8f36ec9f03af4f6b0920679aac4a58314ed105"
	if got := otp.HashRecoveryCode(normalised); got != hash {
		t.Errorf("the hash is %s, want %s", got, hash)
	}
	for _, wrong := range []string{"", "ABCD-0123-EFGH-1102", "ABCD-0123-EFGH-110", "ABCD-0123-EFGH-110U", hash} {
		if otp.HashRecoveryCode(otp.NormalizeRecoveryCode(wrong)) == hash {
			t.Errorf("%q is taken for the code", wrong)
		}
	}
}
