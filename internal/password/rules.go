package password

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Codes of the rules, as the API reports them.
const (
	CodeTooShort           = "PASSWORD_TOO_SHORT"
	CodeTooLong            = "PASSWORD_TOO_LONG"
	CodeLetterMissing      = "PASSWORD_LETTER_MISSING"
	CodeDigitMissing       = "PASSWORD_DIGIT_MISSING"
	CodeSpecialMissing     = "PASSWORD_SPECIAL_MISSING"
	CodeForbiddenCharacter = "PASSWORD_FORBIDDEN_CHARACTER"
	CodeContainsUsername   = "PASSWORD_CONTAINS_USERNAME"
	CodeReused             = "PASSWORD_REUSED"
	CodeCommon             = "PASSWORD_COMMON"
	CodeNotDigits          = "PASSWORD_NOT_DIGITS"
)

// The alphabet of STRICT (ID-10): U+2018 is the left single quotation mark and
// U+00B7 the middle dot.
const (
	letters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "0123456789"
	specials = "!$/()=?*+#'-_.:,;\u2018\u00B7"
)

// usernamePart is how long a part of a user name is, in characters, before a
// password must not contain it; shorter ones turn up by chance.
const usernamePart = 3

// Rule is one demand on a password.
type Rule struct {
	// Code is stable; clients translate or highlight by it.
	Code string
	// german and english say what to do, not what was wrong, so that the same
	// text serves before typing and after.
	german, english string
	// broken tells whether the password breaks the rule; nil where the caller
	// decides (PASSWORD_REUSED).
	broken func(password string, about Subject) bool
}

// Description is the rule in words, in German for the language "de" and in
// English for any other.
func (r Rule) Description(language string) string {
	if language == "de" {
		return r.german
	}
	return r.english
}

func tooShort(least int) Rule {
	return Rule{
		Code:    CodeTooShort,
		german:  fmt.Sprintf("Mindestens %d Zeichen.", least),
		english: fmt.Sprintf("At least %d characters.", least),
		broken:  func(password string, _ Subject) bool { return length(password) < least },
	}
}

func tooLong(most int) Rule {
	return Rule{
		Code:    CodeTooLong,
		german:  fmt.Sprintf("Höchstens %d Zeichen.", most),
		english: fmt.Sprintf("At most %d characters.", most),
		// What is too long to be hashed is too long here too, even if it
		// normalises to fewer characters.
		broken: func(password string, _ Subject) bool {
			return len(password) > MaxBytes || length(password) > most
		},
	}
}

var letterMissing = Rule{
	Code:    CodeLetterMissing,
	german:  "Mindestens ein Buchstabe (a-z, A-Z).",
	english: "At least one letter (a-z, A-Z).",
	broken:  func(password string, _ Subject) bool { return !strings.ContainsAny(password, letters) },
}

var digitMissing = Rule{
	Code:    CodeDigitMissing,
	german:  "Mindestens eine Ziffer (0-9).",
	english: "At least one digit (0-9).",
	broken:  func(password string, _ Subject) bool { return !strings.ContainsAny(password, digits) },
}

var specialMissing = Rule{
	Code:    CodeSpecialMissing,
	german:  "Mindestens ein Sonderzeichen: " + spaced(specials),
	english: "At least one special character: " + spaced(specials),
	broken:  func(password string, _ Subject) bool { return !strings.ContainsAny(password, specials) },
}

// forbiddenCharacter looks at the password as typed: normalisation would turn a
// full-width letter, which is not in the alphabet, into one that is.
var forbiddenCharacter = Rule{
	Code:    CodeForbiddenCharacter,
	german:  "Nur a-z, A-Z, 0-9 und " + spaced(specials) + " (keine Umlaute, kein ß, keine Leerzeichen).",
	english: "Only a-z, A-Z, 0-9 and " + spaced(specials) + " (no umlauts, no sharp s, no spaces).",
	broken: func(password string, _ Subject) bool {
		return strings.ContainsFunc(password, func(r rune) bool {
			return !strings.ContainsRune(letters+digits+specials, r)
		})
	},
}

var containsUsername = Rule{
	Code:    CodeContainsUsername,
	german:  fmt.Sprintf("Nicht der Benutzername oder ein Teil davon ab %d Zeichen.", usernamePart),
	english: fmt.Sprintf("Not the user name or a part of it of %d or more characters.", usernamePart),
	broken: func(password string, about Subject) bool {
		folded := fold(password)
		parts := append(words(about.Username), fold(about.Username))
		return slices.ContainsFunc(parts, func(part string) bool {
			return utf8.RuneCountInString(part) >= usernamePart && strings.Contains(folded, part)
		})
	},
}

var common = Rule{
	Code:    CodeCommon,
	german:  "Kein häufig benutztes Passwort und nicht nur Ihr Name, Ihr Benutzername oder der Ihrer Organisation.",
	english: "Not a commonly used password, and not just your name, your user name or your organization's name.",
	broken:  isCommon,
}

var notDigits = Rule{
	Code:    CodeNotDigits,
	german:  "Nur Ziffern (0-9); dazu kommt bei jeder Anmeldung ein Einmalcode.",
	english: "Digits only (0-9); each login asks for a one-time code as well.",
	broken: func(password string, _ Subject) bool {
		return strings.ContainsFunc(password, func(r rune) bool { return !strings.ContainsRune(digits, r) })
	},
}

var reused = Rule{
	Code:    CodeReused,
	german:  fmt.Sprintf("Nicht das aktuelle und keines der letzten %d Passwörter.", HistoryLength),
	english: fmt.Sprintf("Neither the current password nor one of the last %d.", HistoryLength),
}

// length is the number of characters after normalisation, so that an accent
// counts the same however the keyboard composes it.
func length(password string) int {
	return utf8.RuneCountInString(norm.NFKC.String(password))
}

// spaced separates the characters, so that people can tell them apart.
func spaced(characters string) string {
	return strings.Join(strings.Split(characters, ""), " ")
}
