package erp

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kontor/internal/account"
	"kontor/internal/catalog"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/money"
)

// Exporter writes what is stored as files that an Importer reads: the operator's copy of its data, and its
// way from one installation to another (CO-02, CO-05). Rows are read a page at a time, so a file may be
// larger than memory, and they come in an order of their own names: the same data is the same file.
type Exporter struct{ db *db.DB }

// NewExporter makes an Exporter.
func NewExporter(d *db.DB) *Exporter { return &Exporter{db: d} }

// Exported says what was written.
type Exported struct {
	Rows int
	// Doubts are why rows that are in the file would not be read as what is stored, with the number of the
	// row as Line; the first MaxReasons of them. Doubtful counts the rows.
	Doubts   []Rejection
	Doubtful int
}

// exports are the kinds that can be written, each by what hands over its rows in the order in which an
// import takes them.
var exports = map[Kind]func(*pages, func(values) error) error{
	Tenants: (*pages).tenantRows, Users: (*pages).userRows, Products: (*pages).productRows, Prices: (*pages).priceRows,
	Contracts: (*pages).contractRows, AlloyGroups: (*pages).alloyGroupRows, Bookings: (*pages).bookingRows,
}

// ExportKinds are the kinds that can be exported, in the order in which an empty database takes them.
// Documents are not: their contents are in the blob store.
func ExportKinds() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return exports[k] == nil })
}

// values are those of one row by their columns, of the types that Row gives them with: a path is a list
// of texts. Empty ones are left out of the file.
type values map[string]any

// path is a place in the category tree.
type path []string

// Write writes all rows of a kind as CSV or NDJSON, with the columns of the import. A row that is changed
// meanwhile is written as it was or as it is.
func (e *Exporter) Write(ctx context.Context, to io.Writer, kind Kind, format Format) (Exported, error) {
	rows, known := exports[kind]
	if !known {
		return Exported{}, fmt.Errorf("rows of %s cannot be exported", clip(string(kind)))
	}
	out := bufio.NewWriterSize(to, 1<<16)
	put, err := sheetOf(out, kind, format)
	if err != nil {
		return Exported{}, err
	}
	var done Exported
	err = rows(&pages{ctx: ctx, db: e.db}, func(v values) error {
		done.Rows++
		if err := put(v); err != nil {
			return err
		}
		bad := doubts(tables[kind], done.Rows, v)
		if len(bad) > 0 {
			done.Doubtful++
		}
		done.Doubts = append(done.Doubts, bad[:min(len(bad), MaxReasons-len(done.Doubts))]...)
		return nil
	})
	if err != nil {
		return done, fmt.Errorf("exporting %s: %w", strings.ToLower(string(kind)), err)
	}
	if err := out.Flush(); err != nil {
		return done, fmt.Errorf("writing the file: %w", err)
	}
	return done, nil
}

// sheetOf is what writes a row in a format. The first line of CSV is written at once.
func sheetOf(out *bufio.Writer, kind Kind, format Format) (func(values) error, error) {
	names := tables[kind].names()
	switch format {
	case CSV:
		sheet := csv.NewWriter(out)
		sheet.Comma = ';'
		record := make([]string, len(names))
		put := func(v values) error {
			for i, name := range names {
				record[i] = saying(v[name])
			}
			if err := sheet.Write(record); err != nil {
				return fmt.Errorf("writing a row: %w", err)
			}
			sheet.Flush() // into the buffer below
			return sheet.Error()
		}
		if err := sheet.Write(names); err != nil {
			return nil, fmt.Errorf("writing the first line: %w", err)
		}
		sheet.Flush()
		return put, sheet.Error()
	case NDJSON:
		return func(v values) error { return writeObject(out, names, v) }, nil
	default:
		return nil, fmt.Errorf("there is no export as %q: choose %s or %s", clip(string(format)), CSV, NDJSON)
	}
}

// writeObject writes a row as an object, its fields in the order of the columns.
func writeObject(out *bufio.Writer, names []string, v values) error {
	separator := byte('{')
	for _, name := range names {
		text := saying(v[name])
		if text == "" {
			continue
		}
		switch value := v[name].(type) {
		case money.Decimal:
			text = value.String()
		case int, bool:
		default:
			quoted, err := json.Marshal(text)
			if err != nil {
				return fmt.Errorf("writing %s: %w", name, err)
			}
			text = string(quoted)
		}
		_ = out.WriteByte(separator) // an error stays with the buffer until it is flushed
		_, _ = out.WriteString(strconv.Quote(name) + ":" + text)
		separator = ','
	}
	if _, err := out.WriteString("}\n"); err != nil {
		return fmt.Errorf("writing a row: %w", err)
	}
	return nil
}

// saying is a value as the import reads it from text; empty where there is none.
func saying(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case day.Day:
		return string(v)
	case money.Decimal:
		return DecimalText(v)
	case path:
		return strings.Join(v, catalog.PathSeparator)
	case []string:
		return strings.Join(v, "|")
	case []account.Attribute:
		parts := make([]string, len(v))
		for i, a := range v {
			parts[i] = a.Name + "=" + strings.TrimSpace(a.Value+" "+a.Unit)
		}
		return strings.Join(parts, "|")
	default:
		return fmt.Sprint(v)
	}
}

// DecimalText writes a decimal so that nobody takes its point for thousands: 1.234 may be read as 1234, and
// 1.2340 may not.
func DecimalText(d money.Decimal) string {
	text := d.String()
	if _, places, _ := strings.Cut(text, "."); len(places) == 3 {
		return text + "0"
	}
	return text
}

// doubts are why an import would refuse a row or read it as something else.
func doubts(t *table, row int, v values) []Rejection {
	cells := make(map[string]cell, len(v))
	for name, value := range v {
		cells[name] = cell{text: saying(value)}
	}
	var found []Rejection
	read, err := t.check(record{cells: cells})
	var bad RowErrors
	if errors.As(err, &bad) {
		for _, one := range bad {
			found = append(found, rejection(row, refused{one.Column, one.Reason("en")}))
		}
		return found
	}
	for _, c := range t.columns {
		if value, there := v[c.Name]; there && !says(read, c, value) {
			found = append(found, rejection(row, refused{c.Name, "an import reads something else than is stored"}))
		}
	}
	return found
}

// says tells whether a row that was read has a value in a column.
func says(r *Row, c Column, value any) bool {
	got, given := r.values[c.Name]
	if !given {
		return saying(value) == "" && c.Default == ""
	}
	if d, ok := value.(money.Decimal); ok {
		read, ok := got.(money.Decimal)
		return ok && read.Cmp(d) == 0
	}
	return fmt.Sprintf("%q", got) == fmt.Sprintf("%q", value)
}
