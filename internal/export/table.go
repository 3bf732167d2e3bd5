// Package export writes a table as a file: CSV, XLSX or PDF; and a document as PDF. It
// knows nothing of what they are about.
package export

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"

	"kontor/internal/day"
	"kontor/internal/money"
)

// Table is what to write: rows come one by one, so that a long one takes no more
// memory. A cell is a string, a money.Decimal, a money.Money (whose currency has a
// column of its own), a day.Day, a time.Time (written in UTC) or nil.
type Table struct {
	Title    string
	Columns  []string
	Rows     iter.Seq2[[]any, error]
	Language string // de or en: how numbers and dates are written
}

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV  Format = "CSV"
	XLSX Format = "XLSX"
	PDF  Format = "PDF"
	JSON Format = "JSON" // of what is no table
)

// MediaType is the format's media type.
func (f Format) MediaType() string {
	return map[Format]string{
		CSV: "text/csv; charset=utf-8", PDF: "application/pdf", JSON: "application/json",
		XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}[f]
}

// Write writes the table in a format.
func Write(w io.Writer, f Format, t Table) error {
	switch f {
	case CSV:
		return writeCSV(w, t)
	case XLSX:
		return writeXLSX(w, t)
	case PDF:
		return writePDF(w, t)
	default:
		return fmt.Errorf("there is no format %q", f)
	}
}

// text is a cell as people of the language read it.
func (t Table) text(cell any) string {
	german := t.Language == "de"
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return printable(v)
	case money.Decimal:
		if german {
			return strings.Replace(v.String(), ".", ",", 1)
		}
		return v.String()
	case money.Money:
		return t.text(v.Amount)
	case day.Day:
		at, err := time.Parse(time.DateOnly, string(v))
		if err != nil || !german {
			return string(v)
		}
		return at.Format("02.01.2006")
	case time.Time:
		if german {
			return v.UTC().Format("02.01.2006 15:04")
		}
		return v.UTC().Format("2006-01-02 15:04")
	default:
		return printable(fmt.Sprint(v))
	}
}

// isNumber tells whether a cell is a number, by its type: a text with digits is
// none.
func isNumber(cell any) bool {
	switch cell.(type) {
	case money.Decimal, money.Money:
		return true
	default:
		return false
	}
}

// printable leaves out what no file of these may hold: control characters, which
// break lines and XML, and marks that turn the direction of reading around and so
// make a text look like another one.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "�"))
}
