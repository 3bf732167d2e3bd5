// Package sheet reads what spreadsheets and the people at them write: which character
// stands between the values, and decimals with a comma or a point.
package sheet

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"kontor/internal/money"
)

// Separator is the one of the choices that occurs most often in a line, outside quotes;
// of equals the first.
func Separator(line []byte, choices ...byte) rune {
	counts, quoted := make(map[byte]int, len(choices)), false
	for _, b := range line {
		if b == '"' {
			quoted = !quoted
		} else if !quoted {
			counts[b]++
		}
	}
	found := choices[0]
	for _, choice := range choices[1:] {
		if counts[choice] > counts[found] {
			found = choice
		}
	}
	return rune(found)
}

// ErrNoDecimal says that a text is no decimal, or one that does not fit.
var ErrNoDecimal = errors.New("not a decimal number")

// Ambiguous says that a text could mean two decimals, and how either is written so that
// it cannot.
type Ambiguous struct{ Text, Whole, Places string }

func (a *Ambiguous) Error() string {
	return fmt.Sprintf("%s means %s or %s", a.Text, a.Whole, a.Places)
}

var (
	plain     = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?$`)
	grouped   = regexp.MustCompile(`^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$`)
	ambiguous = regexp.MustCompile(`^([+-]?[1-9][0-9]{0,2})([.,])([0-9]{3})$`)
)

// Decimal reads a decimal as people and programs in German-speaking countries write it.
// A comma is a decimal comma, and a single dot a decimal point: 1234,50 and 1234.50.
// Dots may separate thousands only together with a decimal comma: 1.234,50. One to three
// digits, a dot or comma, and exactly three digits (1.234) could be meant either way, and
// a factor of a thousand is nothing to guess: that is Ambiguous, except after a leading
// zero (0.125). Anything else is ErrNoDecimal.
func Decimal(text string) (money.Decimal, error) {
	if parts := ambiguous.FindStringSubmatch(text); parts != nil {
		whole, separator, rest := parts[1], parts[2], parts[3]
		return money.Decimal{}, &Ambiguous{Text: text, Whole: whole + rest, Places: whole + separator + rest + "0"}
	}
	number := text
	switch {
	case grouped.MatchString(text):
		number = strings.ReplaceAll(text, ".", "")
	case !plain.MatchString(text):
		return money.Decimal{}, ErrNoDecimal
	}
	d, err := money.Parse(strings.Replace(number, ",", ".", 1))
	if err != nil {
		return money.Decimal{}, ErrNoDecimal
	}
	return d, nil
}
