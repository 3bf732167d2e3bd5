// Package scalar writes and reads the scalars that are not types of their own.
package scalar

import (
	"fmt"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"kontor/internal/fault"
)

// MarshalDateTime writes a moment as RFC 3339 in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		buffer := make([]byte, 0, len(time.RFC3339Nano)+2)
		buffer = append(buffer, '"')
		buffer = t.UTC().AppendFormat(buffer, time.RFC3339Nano)
		_, _ = w.Write(append(buffer, '"'))
	})
}

// UnmarshalDateTime reads RFC 3339 with any offset.
func UnmarshalDateTime(value any) (time.Time, error) {
	text, ok := value.(string)
	if !ok {
		return time.Time{}, fault.Invalid("a moment is written as a string, like \"2026-11-23T16:04:05Z\"")
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fault.Invalid(fmt.Sprintf("%q is not a moment: write it like \"2026-11-23T16:04:05Z\"", text))
	}
	return t.UTC(), nil
}
