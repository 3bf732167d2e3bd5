package erp

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"kontor/internal/sheet"
)

// maxHeader bounds the header line in bytes.
const maxHeader = 64 << 10

var errTooLong = errors.New("row too long")

// csvSource reads CSV as RFC 4180 has it, with a semicolon or a comma between the
// values, in UTF-8 or Windows-1252. Rows without any value are skipped: spreadsheets
// leave such rows at the end.
type csvSource struct {
	rows      *csv.Reader
	allowance *allowance
	header    []string
	line      int
}

func newCSV(from io.Reader, kind Kind, t *table) (*csvSource, error) {
	text, err := decoded(from)
	if err != nil {
		return nil, err
	}
	separator, err := separatorOf(text)
	if err != nil {
		return nil, err
	}
	limited := &allowance{from: text, left: maxHeader}
	s := &csvSource{rows: csv.NewReader(limited), allowance: limited}
	s.rows.Comma = separator
	s.rows.FieldsPerRecord = -1 // told with the counts of both, in next
	header, err := s.rows.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty: its first line must name the columns")
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("the first line is longer than %d bytes: it must name the columns", maxHeader)
	case err != nil:
		return nil, err
	}
	for i, name := range header {
		header[i] = strings.ToLower(trim(name))
	}
	s.header = header
	s.line, _ = s.rows.FieldPos(0)
	return s, checkHeader(kind, t, header)
}

// separatorOf is the one of semicolon and comma that occurs more often in the first
// line, outside quotes.
func separatorOf(text *bufio.Reader) (rune, error) {
	start, err := text.Peek(maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	first, _, _ := bytes.Cut(bytes.TrimLeft(start, "\r\n"), []byte("\n"))
	return sheet.Separator(first, ';', ','), nil
}

func checkHeader(kind Kind, t *table, header []string) error {
	bad := &HeaderError{Kind: kind}
	seen := map[string]bool{}
	for _, name := range header {
		_, known := t.find(name)
		switch {
		case !known:
			bad.Unknown = append(bad.Unknown, name)
		case seen[name]:
			bad.Repeated = append(bad.Repeated, name)
		}
		seen[name] = true
	}
	for _, c := range t.columns {
		if c.Required && !seen[c.Name] {
			bad.Missing = append(bad.Missing, c.Name)
		}
	}
	if len(bad.Unknown)+len(bad.Missing)+len(bad.Repeated) > 0 {
		return bad
	}
	return nil
}

func (s *csvSource) next() (record, error) {
	for {
		s.allowance.left = maxRow
		values, err := s.rows.Read()
		var malformed *csv.ParseError
		switch {
		case errors.As(err, &malformed):
			s.line = malformed.StartLine
			return record{}, RowErrors{flaw(CodeRowMalformed, inWords(malformed))}.at(s.line)
		case errors.Is(err, errTooLong):
			return record{}, fmt.Errorf("the row after line %d is longer than %d bytes: a quote that was opened there is probably never closed", s.line, maxRow)
		case errors.Is(err, io.EOF):
			return record{}, io.EOF
		case err != nil:
			return record{}, fmt.Errorf("reading the row after line %d: %w", s.line, err)
		}
		s.line, _ = s.rows.FieldPos(0)
		if !slices.ContainsFunc(values, func(v string) bool { return trim(v) != "" }) {
			continue
		}
		if len(values) != len(s.header) {
			return record{}, RowErrors{flaw(CodeColumnCount, len(values), len(s.header), string(s.rows.Comma))}.at(s.line)
		}
		found := record{line: s.line, cells: make(map[string]cell, len(values))}
		for i, v := range values {
			found.cells[s.header[i]] = cell{text: v}
		}
		return found, nil
	}
}

// inWords says where a row is malformed, which may be lines below its beginning.
func inWords(e *csv.ParseError) string {
	return fmt.Sprintf("%v (%d:%d)", e.Err, e.Line, e.Column)
}

// allowance reads no more than what is left of a row's bound.
type allowance struct {
	from io.Reader
	left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errTooLong
	}
	n, err := a.from.Read(p[:min(len(p), a.left)])
	a.left -= n
	return n, err
}
