package erp

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
	"kontor/internal/sheet"
)

// Type is which values a column takes.
type Type struct {
	// Description says it in words, for help and documentation.
	Description string
	// verbatim values keep the white space around them.
	verbatim bool
	// parse reads a value that is readable and not empty. Its flaw has neither line nor column.
	parse func(cell) (any, *RowError)
}

func trim(text string) string { return strings.TrimSpace(text) }

// textOf is a text of one line with so many characters.
func textOf(least, most int) Type {
	description := fmt.Sprintf("text, up to %d characters", most)
	if least > 1 {
		description = fmt.Sprintf("text, %d to %d characters", least, most)
	}
	return Type{Description: description, parse: func(c cell) (any, *RowError) {
		return c.text, badText(c.text, least, most, false)
	}}
}

// longText may have several lines.
func longText(most int) Type {
	return Type{Description: fmt.Sprintf("text, up to %d characters, several lines", most), parse: func(c cell) (any, *RowError) {
		return c.text, badText(c.text, 1, most, true)
	}}
}

// secret is a text that is taken as it is and that no message ever shows.
func secret(most int) Type {
	t := textOf(1, most)
	t.Description += ", taken as it is"
	t.verbatim = true
	return t
}

func badText(text string, least, most int, lines bool) *RowError {
	for _, r := range text {
		if unicode.IsControl(r) && !(lines && (r == '\n' || r == '\t')) {
			return flaw(CodeCharacterInvalid, r)
		}
	}
	switch length := utf8.RuneCountInString(text); {
	case length < least:
		return flaw(CodeValueTooShort, least)
	case length > most:
		return flaw(CodeValueTooLong, most)
	}
	return nil
}

// readable is false for bytes that are no UTF-8, and for the replacement character:
// what a decoder puts where it could not read, so a text that has lost something.
func readable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, utf8.RuneError)
}

// parseDecimal reads a decimal as people write it: sheet.Decimal, with a reason for whoever
// has to put it right.
func parseDecimal(text string) (money.Decimal, *RowError) {
	d, err := sheet.Decimal(text)
	var twofold *sheet.Ambiguous
	switch {
	case errors.As(err, &twofold):
		return d, flaw(CodeDecimalAmbiguous, twofold.Text, twofold.Whole, twofold.Places)
	case err != nil:
		return d, flaw(CodeDecimalInvalid, quote(text))
	}
	return d, nil
}

// exactDecimal reads a decimal whose dot can only be a decimal point.
func exactDecimal(text string) (money.Decimal, *RowError) {
	d, err := money.Parse(text)
	if err != nil {
		return money.Decimal{}, flaw(CodeDecimalInvalid, quote(text))
	}
	return d, nil
}

func decimalType(rule string, fits func(money.Decimal) bool) Type {
	return Type{Description: "decimal, " + rule, parse: func(c cell) (any, *RowError) {
		parse := parseDecimal
		if c.exact {
			parse = exactDecimal
		}
		d, bad := parse(c.text)
		if bad == nil && !fits(d) {
			bad = flaw(CodeNumberOutOfRange, rule)
		}
		return d, bad
	}}
}

var (
	above0 = decimalType("> 0", func(d money.Decimal) bool { return d.Sign() > 0 })
	from0  = decimalType(">= 0", func(d money.Decimal) bool { return d.Sign() >= 0 })
	// booked keeps balances within what the database counts.
	booked = decimalType("not 0, at most 1000000000 up or down", func(d money.Decimal) bool {
		return d.Sign() != 0 && d.Cmp(money.FromInt(1e9)) <= 0 && d.Cmp(money.FromInt(-1e9)) >= 0
	})
	percent  = decimalType("0-100", func(d money.Decimal) bool { return d.Sign() >= 0 && d.Cmp(money.FromInt(100)) <= 0 })
	position = Type{Description: "whole number, 1-9999", parse: func(c cell) (any, *RowError) {
		n, err := strconv.Atoi(c.text)
		if err != nil || n < 1 || n > 9999 {
			return 0, flaw(CodeNumberOutOfRange, "1-9999")
		}
		return n, nil
	}}
)

var date = Type{Description: "date, YYYY-MM-DD", parse: func(c cell) (any, *RowError) {
	d, err := day.Parse(c.text)
	if err != nil {
		return d, flaw(CodeDateInvalid, quote(c.text))
	}
	return d, nil
}}

// booleans are the words for yes and no. Spreadsheets write TRUE as WAHR in German.
var booleans = map[string]bool{
	"true": true, "false": false, "wahr": true, "falsch": false,
	"yes": true, "no": false, "ja": true, "nein": false, "1": true, "0": false,
}

var boolean = Type{Description: "true or false (also yes/no, ja/nein, wahr/falsch, 1/0)", parse: func(c cell) (any, *RowError) {
	b, known := booleans[strings.ToLower(c.text)]
	if !known {
		return false, flaw(CodeBooleanInvalid, quote(c.text))
	}
	return b, nil
}}

// oneOf is one of these words, written exactly so.
func oneOf(choices ...string) Type {
	return Type{Description: "one of " + strings.Join(choices, ", "), parse: func(c cell) (any, *RowError) {
		return c.text, badChoice(c.text, choices)
	}}
}

// someOf is one or more of these words, separated by |.
func someOf(choices ...string) Type {
	return Type{Description: "one or more, separated by |, of " + strings.Join(choices, ", "), parse: func(c cell) (any, *RowError) {
		var chosen []string
		for word := range strings.SplitSeq(c.text, "|") {
			word = trim(word)
			if bad := badChoice(word, choices); bad != nil {
				return chosen, bad
			}
			if !slices.Contains(chosen, word) {
				chosen = append(chosen, word)
			}
		}
		return chosen, nil
	}}
}

func badChoice(word string, choices []string) *RowError {
	if slices.Contains(choices, word) {
		return nil
	}
	return flaw(CodeChoiceInvalid, quote(word), strings.Join(choices, ", "))
}

var domains = regexp.MustCompile(`^[\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?(\.[\p{L}\p{N}]([\p{L}\p{N}-]*[\p{L}\p{N}])?)+$`)

var domain = Type{Description: "domain such as company.example", parse: func(c cell) (any, *RowError) {
	if len(c.text) > 253 || !domains.MatchString(c.text) {
		return "", flaw(CodeDomainInvalid, quote(c.text))
	}
	return strings.ToLower(c.text), nil
}}

var email = Type{Description: "e-mail address", parse: func(c cell) (any, *RowError) {
	address, err := mail.ParseAddress(c.text)
	if err != nil || len(c.text) > 254 || address.Address != c.text {
		return "", flaw(CodeEmailInvalid, quote(c.text))
	}
	if _, at, _ := strings.Cut(c.text, "@"); !domains.MatchString(at) {
		return "", flaw(CodeEmailInvalid, quote(c.text))
	}
	return c.text, nil
}}

var currencies = regexp.MustCompile(`^[A-Z]{3}$`)

var currency = Type{Description: "currency of ISO 4217, three capital letters", parse: func(c cell) (any, *RowError) {
	if !currencies.MatchString(c.text) {
		return "", flaw(CodeCurrencyInvalid, quote(c.text))
	}
	return c.text, nil
}}

// categoryPath are names from the root down, separated by >.
var categoryPath = Type{Description: "names from the root down, separated by >, at most 6", parse: func(c cell) (any, *RowError) {
	if bad := badText(c.text, 1, 500, false); bad != nil {
		return nil, bad
	}
	names := strings.Split(c.text, ">")
	for i, name := range names {
		names[i] = trim(name)
	}
	if len(names) > 6 || slices.Contains(names, "") {
		return nil, flaw(CodePathInvalid, quote(c.text))
	}
	return names, nil
}}

// attributes are properties such as "Gewicht=1,2 kg|Farbe=schwarz matt". The last
// word of a value that begins with a digit is its unit, unless it has a digit too
// ("4 x 6,5" has no unit).
var attributes = Type{Description: "name=value unit, separated by |", parse: func(c cell) (any, *RowError) {
	if bad := badText(c.text, 1, 2000, false); bad != nil {
		return nil, bad
	}
	var all []account.Attribute
	for part := range strings.SplitSeq(c.text, "|") {
		name, rest, found := strings.Cut(part, "=")
		a := account.Attribute{Name: trim(name), Value: trim(rest)}
		repeated := slices.ContainsFunc(all, func(other account.Attribute) bool { return other.Name == a.Name })
		if !found || a.Name == "" || a.Value == "" || repeated {
			return nil, flaw(CodeAttributesInvalid, quote(trim(part)))
		}
		if i := strings.LastIndexByte(a.Value, ' '); i > 0 && isDigit(rune(a.Value[0])) && !strings.ContainsFunc(a.Value[i:], isDigit) {
			a.Value, a.Unit = trim(a.Value[:i]), a.Value[i+1:]
		}
		all = append(all, a)
	}
	return all, nil
}}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
