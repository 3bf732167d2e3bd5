package direct

import (
	"bytes"
	"context"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// Writer collects JSON. Its methods answer true, so that generated code can end with
// them, or false where the value is one that the ordinary path must report.
type Writer struct{ buffer []byte }

// maxKept bounds, in bytes, the buffers that wait for their next use: one huge
// answer must not stay in memory for good.
const maxKept = 256 << 10

var writers = sync.Pool{New: func() any { return &Writer{buffer: make([]byte, 0, 4096)} }}

func newWriter() *Writer { return writers.Get().(*Writer) }

func (w *Writer) release() {
	if cap(w.buffer) > maxKept {
		return
	}
	w.buffer = w.buffer[:0]
	writers.Put(w)
}

// json is a copy of what was written, since the buffer is used again.
func (w *Writer) json() *JSON { return &JSON{bytes.Clone(w.buffer)} }

// Write is io.Writer, for the scalars that write themselves.
func (w *Writer) Write(text []byte) (int, error) {
	w.buffer = append(w.buffer, text...)
	return len(text), nil
}

// WriteString is io.StringWriter.
func (w *Writer) WriteString(text string) (int, error) {
	w.buffer = append(w.buffer, text...)
	return len(text), nil
}

// Open begins an object or a list.
func (w *Writer) Open(bracket byte) { w.buffer = append(w.buffer, bracket) }

// Close ends it.
func (w *Writer) Close(bracket byte) bool {
	w.buffer = append(w.buffer, bracket)
	return true
}

// Key begins a field of an object.
func (w *Writer) Key(f *Field) {
	key := f.key
	if w.buffer[len(w.buffer)-1] == '{' {
		key = key[1:]
	}
	w.buffer = append(w.buffer, key...)
}

// Element begins element i of a list.
func (w *Writer) Element(i int) {
	if i > 0 {
		w.buffer = append(w.buffer, ',')
	}
}

// Null writes null, where it is allowed.
func (w *Writer) Null() bool {
	w.buffer = append(w.buffer, "null"...)
	return true
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) bool {
	w.buffer = strconv.AppendBool(w.buffer, v)
	return true
}

// Int writes a whole number.
func (w *Writer) Int(v int64) bool {
	w.buffer = strconv.AppendInt(w.buffer, v, 10)
	return true
}

const hexDigits = "0123456789ABCDEF"

// String writes a string with the escapes that gqlgen writes: only what JSON demands.
func (w *Writer) String(s string) bool {
	b := append(w.buffer, '"')
	plain := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	w.buffer = append(append(b, s[plain:]...), '"')
	return true
}

// Marshaler writes what a marshalling function made of a value. A null in a non-null
// place is for the ordinary path to report.
func (w *Writer) Marshaler(m graphql.Marshaler, nonNull bool) bool {
	if nonNull && m == graphql.Marshaler(graphql.Null) {
		return false
	}
	m.MarshalGQL(w)
	return true
}

// ContextMarshaler is Marshaler for functions whose result can fail.
func (w *Writer) ContextMarshaler(ctx context.Context, m graphql.ContextMarshaler) bool {
	return m.MarshalGQLContext(ctx, w) == nil
}
