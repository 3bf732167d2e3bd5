package graph

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Storable tells whether a client may keep the answer to an operation: all that it asks for is
// @storable, which nothing with personal data is (PRIV-07).
func Storable(op *graphql.OperationContext) bool {
	return op.Operation.Operation == ast.Query && storable(op.Operation.SelectionSet)
}

func storable(selections ast.SelectionSet) bool {
	for _, selection := range selections {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Definition.Directives.ForName("storable") == nil && selection.Name != "__typename" {
				return false
			}
		case *ast.InlineFragment:
			if !storable(selection.SelectionSet) {
				return false
			}
		case *ast.FragmentSpread:
			if !storable(selection.Definition.SelectionSet) {
				return false
			}
		}
	}
	return true
}
