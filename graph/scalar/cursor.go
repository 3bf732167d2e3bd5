package scalar

import (
	"github.com/99designs/gqlgen/graphql"

	"kontor/ent"
	"kontor/internal/fault"
)

// MarshalCursor writes the place of an entity in a list.
func MarshalCursor(c ent.Cursor) graphql.Marshaler { return c }

// UnmarshalCursor reads a cursor that MarshalCursor wrote.
func UnmarshalCursor(value any) (ent.Cursor, error) {
	var c ent.Cursor
	if _, ok := value.(string); !ok || c.UnmarshalGQL(value) != nil {
		return c, fault.Invalid("this is no cursor: take one from pageInfo or from an edge")
	}
	return c, nil
}
