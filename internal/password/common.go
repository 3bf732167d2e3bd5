package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// commonList is one password a line, folded; common.LICENSE.txt names its source.
//
//go:embed common.txt.gz
var commonList []byte

// germanWords are bases of passwords that German speakers choose often and that
// the list, made from international leaks, knows only in part.
const germanWords = `passwort kennwort geheim hallo hallohallo schatz schatzi liebling ichliebedich
	willkommen anmelden zugang sicherheit fussball deutschland berlin hamburg muenchen münchen koeln köln
	frankfurt stuttgart schalke dortmund bayern sonne sommer herbst winter fruehling frühling montag
	freitag januar februar märz maerz april juni juli august september oktober november dezember
	test testtest admin administrator firma telefon handy computer qwertz qwertzuiop asdfghjkl`

// commonEndings are what people append to a word to satisfy a rule.
func commonEndings() []string {
	endings := []string{"", "!", "1", "1!", "12", "123", "123!", "1234", "12345", "123456", "2go", "007"}
	for year := 1980; year < 2040; year++ {
		endings = append(endings, fmt.Sprint(year), fmt.Sprint(year, "!"))
	}
	return endings
}

// commonPasswords is the set of them, folded; unpacked at the first use.
var commonPasswords = sync.OnceValue(func() map[string]struct{} {
	unpacked, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic(fmt.Sprintf("password: embedded list of common passwords: %v", err))
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		panic(fmt.Sprintf("password: embedded list of common passwords: %v", err))
	}
	common := make(map[string]struct{})
	for line := range strings.Lines(string(text)) {
		common[strings.TrimSuffix(line, "\n")] = struct{}{}
	}
	endings := commonEndings()
	for _, word := range strings.Fields(germanWords) {
		for _, ending := range endings {
			common[fold(word+ending)] = struct{}{}
		}
	}
	return common
})

// isCommon is true for a password that attackers try first: one of the list, or
// nothing but the user's own names or the organization's, however spaced and cased.
func isCommon(password string, about Subject) bool {
	if _, listed := commonPasswords()[fold(password)]; listed {
		return true
	}
	bare := alphanumerics(password)
	names := []string{about.Username, about.FirstName, about.LastName,
		about.FirstName + about.LastName, about.LastName + about.FirstName, about.Email, about.Organization}
	for _, name := range names {
		if name = alphanumerics(name); name != "" && name == bare {
			return true
		}
	}
	return false
}

// fold makes texts equal that differ only in case or in how characters are composed.
func fold(text string) string {
	return cases.Fold().String(norm.NFKC.String(text))
}

// alphanumerics is the folded text without anything but letters and digits.
func alphanumerics(text string) string {
	return strings.Join(words(text), "")
}

// words are the folded runs of letters and digits in a text.
func words(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
