// Package money holds exact decimals and amounts of money. Nothing here is a
// floating-point number: an amount that does not fit is an error, never a
// silently rounded one.
package money

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/govalues/decimal"

	"kontor/internal/fault"
)

// Places is the number of decimal places that the database keeps: a Decimal is
// stored as a 64-bit count of ten-thousandths, which sorts, sums and compares
// exactly on SQLite and on PostgreSQL alike.
const Places = 4

// Decimal is an exact decimal number with up to four places: a quantity, a
// price, a rate. The zero value is 0.
type Decimal struct{ d decimal.Decimal }

var (
	zero   = Decimal{}
	syntax = regexp.MustCompile(`^[+-]?[0-9]{1,14}(\.[0-9]{1,4})?$`)
)

// Parse reads a decimal such as "1234.50": at most 14 digits before the point
// and 4 after it, no exponent, no thousands separators.
func Parse(text string) (Decimal, error) {
	if !syntax.MatchString(text) {
		return zero, fmt.Errorf("%q is not a decimal number: write it like \"1234.50\", with at most 14 digits before and 4 after the point", clip(text))
	}
	d, err := decimal.Parse(text)
	if err != nil {
		return zero, fmt.Errorf("reading the decimal %q: %w", text, err)
	}
	return Decimal{d}, nil
}

// MustParse is Parse for constants; it panics on a text that is no decimal.
func MustParse(text string) Decimal {
	d, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

// FromUnits makes a Decimal of a count of ten-thousandths, as the database
// stores it.
func FromUnits(units int64) Decimal {
	return Decimal{decimal.MustNew(units, Places).Trim(0)}
}

// FromInt makes a Decimal of a whole number.
func FromInt(n int64) Decimal { return Decimal{decimal.MustNew(n, 0)} }

// Units is the count of ten-thousandths that the database stores. It fails for
// a number with more places or one too large for 64 bits.
func (d Decimal) Units() (int64, error) {
	padded := d.d.Pad(Places)
	if padded.Scale() != Places {
		return 0, fmt.Errorf("%s has more than %d decimal places or is too large to be stored", d, Places)
	}
	coefficient := padded.Coef()
	if coefficient > 1<<63-1 {
		return 0, fmt.Errorf("%s is too large to be stored", d)
	}
	if padded.IsNeg() {
		return -int64(coefficient), nil
	}
	return int64(coefficient), nil
}

// Plus is the exact sum.
func (d Decimal) Plus(other Decimal) (Decimal, error) {
	sum, err := d.d.Add(other.d)
	return Decimal{sum}, err
}

// Minus is the exact difference.
func (d Decimal) Minus(other Decimal) (Decimal, error) {
	difference, err := d.d.Sub(other.d)
	return Decimal{difference}, err
}

// Times is the exact product; round it with Round before it is stored.
func (d Decimal) Times(other Decimal) (Decimal, error) {
	product, err := d.d.MulExact(other.d, d.d.Scale()+other.d.Scale())
	return Decimal{product}, err
}

// Cmp is -1, 0 or 1 as d is less than, equal to or greater than other.
func (d Decimal) Cmp(other Decimal) int { return d.d.Cmp(other.d) }

// Sign is -1, 0 or 1 as d is below, equal to or above zero.
func (d Decimal) Sign() int { return d.d.Sign() }

// IsMultipleOf tells whether d is a whole number of steps.
func (d Decimal) IsMultipleOf(step Decimal) (bool, error) {
	_, rest, err := d.d.QuoRem(step.d)
	if err != nil {
		return false, fmt.Errorf("dividing %s by %s: %w", d, step, err)
	}
	return rest.IsZero(), nil
}

// String writes the number without an exponent.
func (d Decimal) String() string { return d.d.String() }

// Round rounds commercially (half away from zero, DIN 1333), as invoices in
// German-speaking countries do, and not to even as the library would.
func (d Decimal) Round(places int) (Decimal, error) {
	if d.d.Scale() <= places {
		return d, nil
	}
	half := decimal.MustNew(5, places+1).CopySign(d.d)
	shifted, err := d.d.Add(half)
	if err != nil {
		return zero, fmt.Errorf("rounding %s: %w", d, err)
	}
	return Decimal{shifted.Trunc(places)}, nil
}

// Scan reads the stored count of ten-thousandths.
func (d *Decimal) Scan(value any) error {
	switch v := value.(type) {
	case int64:
		*d = FromUnits(v)
		return nil
	case nil:
		*d = zero
		return nil
	default:
		return fmt.Errorf("a decimal is stored as a whole number of ten-thousandths, not as %T", value)
	}
}

// Value is the stored count of ten-thousandths.
func (d Decimal) Value() (driver.Value, error) { return d.Units() }

// MarshalText writes the decimal as it is shown, for JSON.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Decimal) UnmarshalText(text []byte) error {
	read, err := Parse(string(text))
	if err != nil {
		return err
	}
	*d = read
	return nil
}

// MarshalGQL writes the decimal as a string, the way every client reads it.
func (d Decimal) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(d.String())) }

// UnmarshalGQL accepts a string ("2.5") and, for convenience, a number literal,
// whose digits are taken as they are written.
func (d *Decimal) UnmarshalGQL(value any) error {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case int64:
		text = strconv.FormatInt(v, 10)
	case int:
		text = strconv.Itoa(v)
	default:
		return fault.Invalid("a decimal is written as a string, like \"1234.50\"")
	}
	parsed, err := Parse(text)
	if err != nil {
		return fault.Invalid(err.Error())
	}
	*d = parsed
	return nil
}

func clip(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}
