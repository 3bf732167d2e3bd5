package erp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"kontor/internal/money"
)

// Format is how the rows of a file are written.
type Format string

// The formats that a Reader understands.
const (
	CSV    Format = "CSV"
	NDJSON Format = "NDJSON"
	BMECAT Format = "BMECAT"
)

// maxRow bounds one row in bytes (1 MiB): with it, memory stays flat however large
// the file is, and a quote that is never closed does not swallow the rest of it.
const maxRow = 1 << 20

// Reader gives the rows of a file one by one.
type Reader struct {
	kind   Kind
	table  *table
	source source
	// last is the row that was read last, as far as it could be.
	last   record
	failed error
}

// source reads one format. next gives the next record; a RowErrors where this one
// cannot be read but the following ones can; io.EOF at the end; any other error
// where reading cannot go on.
type source interface{ next() (record, error) }

// record is a row as it was written, before its values are looked at.
type record struct {
	line  int
	cells map[string]cell

	// kind is set where it is not that of the file.
	kind Kind
	// partial rows keep what is stored in the columns that they have no cell for.
	partial bool
	// perCatalogue: the amount is for as many units as the catalogue of the product said.
	perCatalogue bool
	// only are all quantities that the buyer of this row has a price of the product from.
	only []money.Decimal
	// bad is what was found wrong already.
	bad RowErrors
}

// cell is one value as it was written. A number of JSON is exact: its dot is a
// decimal point, whereas the dot of a text may separate thousands.
type cell struct {
	text  string
	exact bool
}

// NewReader reads rows of a kind. For CSV it reads the header line at once and
// fails with a *HeaderError that names everything wrong with it. BMEcat is of the kinds Products and
// Prices, needs an io.ReadSeeker, and is read once to its end at once; products come with their
// prices, so rows of two kinds (CO-06).
func NewReader(from io.Reader, kind Kind, format Format, chosen ...Option) (*Reader, error) {
	t, known := tables[kind]
	if !known {
		return nil, fmt.Errorf("unknown kind of rows %q: choose one of %s", clip(string(kind)), strings.Join(kindNames(), ", "))
	}
	switch format {
	case CSV:
		s, err := newCSV(from, kind, t)
		if err != nil {
			return nil, fmt.Errorf("reading the header of the CSV file: %w", err)
		}
		return &Reader{kind: kind, table: t, source: s}, nil
	case NDJSON:
		return &Reader{kind: kind, table: t, source: newNDJSON(from, t)}, nil
	case BMECAT:
		s, err := newBMEcat(from, kind, chosen...)
		if err != nil {
			return nil, fmt.Errorf("reading the BMEcat file: %w", err)
		}
		return &Reader{kind: kind, table: t, source: s}, nil
	default:
		return nil, fmt.Errorf("unknown format %q: choose one of %s, %s, %s", clip(string(format)), CSV, NDJSON, BMECAT)
	}
}

// Next is the next row with all its values checked. A row that is wrong comes back
// as a RowErrors, with everything wrong in it, and the following rows can be read
// as if nothing had happened. At the end it is io.EOF. Any other error is final.
func (r *Reader) Next() (*Row, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	next, err := r.source.next()
	r.last = next
	var bad RowErrors
	switch {
	case errors.As(err, &bad):
		return nil, bad
	case err != nil:
		r.failed = err
		return nil, err
	}
	kind := cmp.Or(next.kind, r.kind)
	row, err := tables[kind].check(next)
	if err != nil {
		return nil, err
	}
	row.Kind = kind
	row.unit, _ = r.unit()
	return row, nil
}

// unit names what the row that was read last is a part of: rows that go in as a whole or not at
// all, such as the positions of an order. Where that cannot be told it is not known.
func (r *Reader) unit() (name string, known bool) {
	var parts []string
	for _, column := range r.table.unit {
		part := trim(r.last.cells[column].text)
		if part == "" {
			return "", false
		}
		parts = append(parts, strings.ToLower(part))
	}
	return strings.Join(parts, "\n"), true
}
