// Package gid writes and reads the global IDs of the API: a short kind, an
// underscore and the object's UUIDv7 in 26 characters, such as
// "ord_06a8g5v3t1c0p2m8d4q6n9x7rw". They sort by time of creation, cannot be
// guessed, and say to a support person what they name.
package gid

import (
	"encoding/base32"
	"io"
	"strconv"

	"github.com/google/uuid"

	"kontor/internal/fault"
)

// ID is a global ID as clients see it. One that is malformed, of another kind,
// foreign or unknown is treated alike: it names nothing (AC-01).
type ID string

// The alphabet is that of base32hex in lower case: the text sorts as the bytes do.
var encoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// New is the global ID of the object of this kind with this key.
func New(kind string, key uuid.UUID) ID {
	text := make([]byte, len(kind)+1+26)
	n := copy(text, kind)
	text[n] = '_'
	encoding.Encode(text[n+1:], key[:])
	return ID(text)
}

// Split takes the ID apart. ok is false for a text that is not a global ID.
func (id ID) Split() (kind string, key uuid.UUID, ok bool) {
	n := len(id) - 27
	if n < 1 || id[n] != '_' {
		return "", uuid.Nil, false
	}
	if _, err := encoding.Decode(key[:], []byte(id[n+1:])); err != nil {
		return "", uuid.Nil, false
	}
	// Two spellings of one key would be two identities to caches and to audit.
	if New(string(id[:n]), key) != id {
		return "", uuid.Nil, false
	}
	return string(id[:n]), key, true
}

// Of is the key that the ID names if it is of this kind; otherwise uuid.Nil,
// which no object has.
func (id ID) Of(kind string) uuid.UUID {
	if k, key, ok := id.Split(); ok && k == kind {
		return key
	}
	return uuid.Nil
}

// MarshalGQL writes the ID as a JSON string; its characters need no escaping.
func (id ID) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(id))) }

// UnmarshalGQL takes any string; whether it names something is decided by the
// one who looks it up.
func (id *ID) UnmarshalGQL(value any) error {
	text, ok := value.(string)
	if !ok {
		return fault.Invalid("an ID is a string, as the API gave it")
	}
	*id = ID(text)
	return nil
}
