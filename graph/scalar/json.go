package scalar

import (
	"encoding/json"
	"io"

	"kontor/internal/fault"
)

// JSON is a JSON object as it is kept; it is only ever written.
type JSON string

// MarshalGQL writes it as it is.
func (j JSON) MarshalGQL(w io.Writer) {
	if !json.Valid([]byte(j)) {
		_, _ = io.WriteString(w, "null")
		return
	}
	_, _ = io.WriteString(w, string(j))
}

// UnmarshalGQL refuses it: no operation takes one.
func (j *JSON) UnmarshalGQL(any) error { return fault.Invalid("a JSON object is not taken here") }
