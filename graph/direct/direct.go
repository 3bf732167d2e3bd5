// Package direct writes the plain part of an answer straight as JSON.
//
// gqlgen resolves every field through closures with a context of its own, and every
// list element in a goroutine of its own. For a field that only reads a Go struct
// field that is all cost and no gain: 17 allocations for each field. The code that
// package generate adds to gqlgen's asks this package first. A selection that
// consists of plain fields only, however deep, is written into one buffer; of any
// other object the plain fields are, and the rest goes gqlgen's ordinary way.
//
// The direct path never reports an error. Whenever something is not as plain as it
// seemed, such as null where the schema forbids it, an edge that was not loaded
// or a panic, it gives up, and the ordinary path does the same again and reports with
// the path and the words that it always has. Answers are the same, byte for byte.
//
// Field middleware (AroundFields, FieldInterceptor) does not see directly written
// fields; a server that needs it for fields below the root calls Off.
package direct

import (
	"context"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

type offKey struct{}

// Off makes the operation of a context take the ordinary path only: for field
// middleware, and to compare the two. It has to happen before the operation runs, in
// an operation middleware for example.
func Off(ctx context.Context) context.Context { return context.WithValue(ctx, offKey{}, true) }

// FieldFunc is generated for each object type: it writes the value of a selected
// field. It answers false when the ordinary path must do it, whatever it has
// written until then.
type FieldFunc[T any] func(ctx context.Context, w *Writer, f *Field, obj T) bool

// JSON is a finished part of an answer.
type JSON struct{ text []byte }

// MarshalGQL writes it.
func (j *JSON) MarshalGQL(w io.Writer) { _, _ = w.Write(j.text) }

// Parts are the fields of an object that were written directly, in the order of its
// selected fields.
type Parts []JSON

// Put puts field i into the answer, unless it has to go the ordinary way.
func (p Parts) Put(out *graphql.FieldSet, i int) bool {
	if p == nil || p[i].text == nil {
		return false
	}
	out.Values[i] = &p[i]
	return true
}

// Object writes what is selected of an object of the named type: all of it, which
// is the first result then, or as many of its fields as can be.
func Object[T any](ctx context.Context, plans *Plans, name string, sel ast.SelectionSet, obj T, write FieldFunc[T]) (graphql.Marshaler, Parts) {
	plan := plans.of(name, sel)
	if plan == nil || !plan.some {
		return nil, nil
	}
	w := newWriter()
	defer w.release()
	if plan.whole && attempt(func() bool { return writeObject(ctx, w, plan, obj, write) }) {
		return w.json(), nil
	}
	return nil, writeParts(ctx, w, plan, obj, write)
}

func writeObject[T any](ctx context.Context, w *Writer, plan *Plan, obj T, write FieldFunc[T]) bool {
	w.Open('{')
	for i := range plan.Fields {
		f := &plan.Fields[i]
		w.Key(f)
		if !write(ctx, w, f, obj) {
			return false
		}
	}
	return w.Close('}')
}

func writeParts[T any](ctx context.Context, w *Writer, plan *Plan, obj T, write FieldFunc[T]) Parts {
	w.buffer = w.buffer[:0]
	type span struct{ from, to int }
	spans := make([]span, len(plan.Fields))
	for i := range plan.Fields {
		f := &plan.Fields[i]
		if !f.direct {
			continue
		}
		from := len(w.buffer)
		if attempt(func() bool { return write(ctx, w, f, obj) }) {
			spans[i] = span{from, len(w.buffer)}
		} else {
			w.buffer = w.buffer[:from]
		}
	}
	text := w.json().text
	parts := make(Parts, len(plan.Fields))
	for i, s := range spans {
		if s.to > s.from {
			parts[i].text = text[s.from:s.to:s.to]
		}
	}
	return parts
}

// Value writes a list with all that is selected of its elements, which are of the
// named object types or have no fields. It is nil when the ordinary path must do it.
func Value[T any](ctx context.Context, plans *Plans, sel ast.SelectionSet, list []T, write FieldFunc[[]T], names ...string) graphql.Marshaler {
	if plans == nil || len(list) == 0 {
		return nil
	}
	f := Field{}
	if !plans.below(&f, sel, names) {
		return nil
	}
	w := newWriter()
	defer w.release()
	if !attempt(func() bool { return write(ctx, w, &f, list) }) {
		return nil
	}
	return w.json()
}

// attempt gives up on a panic; the ordinary path panics again, and reports it.
func attempt(write func() bool) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return write()
}
