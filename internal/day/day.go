// Package day holds calendar dates without a time of day or a time zone.
package day

import (
	"database/sql/driver"
	"fmt"
	"io"
	"strconv"
	"time"

	"kontor/internal/fault"
)

// Day is a calendar date written as YYYY-MM-DD. As text it sorts as the calendar
// does.
type Day string

// Parse reads a date such as "2026-11-23" and refuses one that no calendar has.
func Parse(text string) (Day, error) {
	// PostgreSQL knows no year 0.
	if at, err := time.Parse(time.DateOnly, text); err != nil || at.Year() < 1 {
		return "", fmt.Errorf("%q is not a date: write it like \"2026-11-23\"", text)
	}
	return Day(text), nil
}

// Of is the date of this moment in UTC.
func Of(t time.Time) Day { return Day(t.UTC().Format(time.DateOnly)) }

// Scan reads a date column: PostgreSQL gives a time, SQLite a text.
func (d *Day) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*d = ""
	case time.Time:
		*d = Of(v)
	case string:
		// SQLite's driver may give midnight along with the date.
		if len(v) < len(time.DateOnly) {
			return fmt.Errorf("%q is not a stored date", v)
		}
		*d = Day(v[:len(time.DateOnly)])
	default:
		return fmt.Errorf("a date is not stored as %T", value)
	}
	return nil
}

// Value is the date as the database takes it.
func (d Day) Value() (driver.Value, error) { return string(d), nil }

// MarshalGQL writes the date as a string.
func (d Day) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(d))) }

// UnmarshalGQL accepts YYYY-MM-DD only.
func (d *Day) UnmarshalGQL(value any) error {
	text, ok := value.(string)
	if !ok {
		return fault.Invalid("a date is written as a string, like \"2026-11-23\"")
	}
	parsed, err := Parse(text)
	if err != nil {
		return fault.Invalid(err.Error())
	}
	*d = parsed
	return nil
}
