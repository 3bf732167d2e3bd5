package scalar

import (
	"io"

	"github.com/99designs/gqlgen/graphql"
)

// Upload is a file that came with an operation.
type Upload struct{ sent *graphql.Upload }

// UnmarshalGQL takes what the transport put in for a file; anything else is no file.
func (u *Upload) UnmarshalGQL(value any) error {
	if sent, ok := value.(graphql.Upload); ok {
		u.sent = &sent
	}
	return nil
}

// MarshalGQL writes nothing: no field is a file.
func (u Upload) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, "null") }

// Open gives the content, and the name that the file had where it came from; nil where no file came.
func (u Upload) Open() (content io.Reader, name string, size int64) {
	if u.sent == nil {
		return nil, "", 0
	}
	return u.sent.File, u.sent.Filename, u.sent.Size
}
