package erp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ndjsonSource reads one JSON object a line, in UTF-8. Its fields are the columns;
// a value is a string, a number, true, false or null, and null is like leaving the
// field out. Lists are written as in CSV. Blank lines are skipped.
type ndjsonSource struct {
	lines *bufio.Reader
	table *table
	line  int
}

func newNDJSON(from io.Reader, t *table) *ndjsonSource {
	return &ndjsonSource{lines: bufio.NewReaderSize(from, maxRow+len("\n")), table: t}
}

func (s *ndjsonSource) next() (record, error) {
	for {
		text, err := s.nextLine()
		if err != nil {
			return record{}, err
		}
		if len(text) == 0 {
			continue
		}
		cells, bad := s.object(text)
		if bad != nil {
			return record{}, bad.at(s.line)
		}
		return record{line: s.line, cells: cells}, nil
	}
}

// nextLine is the next line without white space around it, good until the next
// call. A line that is too long is skipped to its end, and told.
func (s *ndjsonSource) nextLine() ([]byte, error) {
	text, err := s.lines.ReadSlice('\n')
	if len(text) == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	s.line++
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.lines.ReadSlice('\n')
		}
		if err == nil || errors.Is(err, io.EOF) {
			return nil, RowErrors{flaw(CodeRowTooLong, maxRow)}.at(s.line)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading line %d: %w", s.line, err)
	}
	if s.line == 1 {
		text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	}
	return bytes.TrimSpace(text), nil
}

// object reads the fields of one line. The standard decoder would let the last of
// several fields with one name win, in silence.
func (s *ndjsonSource) object(text []byte) (map[string]cell, RowErrors) {
	if !utf8.Valid(text) {
		return nil, RowErrors{flaw(CodeEncodingInvalid)}
	}
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return nil, RowErrors{flaw(CodeRowMalformed, err.Error())}
	}
	if text[0] != '{' {
		return nil, RowErrors{flaw(CodeRowMalformed, "{…}")}
	}
	var (
		cells             = map[string]cell{}
		unknown, repeated []string
		bad               RowErrors
		fields            = json.NewDecoder(bytes.NewReader(text))
	)
	_, _ = fields.Token() // the brace seen above
	for fields.More() {
		name, written, flaw := field(fields)
		_, known := s.table.find(name)
		_, again := cells[name]
		switch {
		case !known:
			unknown = append(unknown, name)
		case again:
			repeated = append(repeated, name)
		case flaw != nil:
			bad = append(bad, flaw)
		}
		cells[name] = written
	}
	if len(unknown) > 0 {
		bad = append(bad, flaw(CodeFieldUnknown, list(unknown), strings.Join(s.table.names(), ", ")))
	}
	if len(repeated) > 0 {
		bad = append(bad, flaw(CodeFieldRepeated, list(repeated)))
	}
	return cells, bad
}

// field reads the next name and value of an object that is known to be valid JSON.
func field(from *json.Decoder) (name string, written cell, bad *RowError) {
	token, _ := from.Token()
	name, _ = token.(string)
	var raw json.RawMessage
	_ = from.Decode(&raw)
	if raw[0] == '{' || raw[0] == '[' {
		return name, cell{}, &RowError{Column: name, Code: CodeFieldNested}
	}
	switch raw[0] {
	case '"':
		_ = json.Unmarshal(raw, &written.text)
	case 'n':
	case 't', 'f':
		written.text = string(raw)
	default:
		written = cell{text: string(raw), exact: true}
	}
	return name, written, nil
}
