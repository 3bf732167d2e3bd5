package token

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The alphabet of Douglas Crockford has no I, L, O and U: whoever reads a 1 as an
// I or a 0 as an O still types the same code.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// groupLength is how many characters people take in at a glance.
const groupLength = 4

// Readable is so many random bytes as a text that people can read and type:
// Crockford's base32 in groups of four, such as ABCD-EFGH.
func Readable(randomBytes int) (string, error) {
	raw := make([]byte, randomBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("making a code: %w", err)
	}
	text := []byte(crockford.EncodeToString(raw))
	var groups []string
	for group := range slices.Chunk(text, groupLength) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-"), nil
}

// Normalize gives all the ways to type a Readable text one form: without spaces
// and dashes, in upper case, with the digits that I, L and O were meant to be.
// What else is not of the alphabet stays, and so matches nothing.
func Normalize(typed string) string {
	return strings.Map(func(r rune) rune {
		// Only ASCII is raised: Unicode would make an I of the dotless ı.
		if 'a' <= r && r <= 'z' {
			r += 'A' - 'a'
		}
		switch {
		case r == 'I', r == 'L':
			return '1'
		case r == 'O':
			return '0'
		// Word processors make longer dashes of short ones.
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r):
			return -1
		}
		return r
	}, typed)
}
