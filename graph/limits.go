package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What an operation may ask for at most, fragments written out.
const (
	maxDepth  = 15
	maxFields = 3000
	// maxWeight bounds the fields of the answer, if every list is as long as it may be: lists
	// within lists multiply.
	maxWeight = 100_000
	// maxTries: whoever tries passwords, codes or links in bulk needs a request for each.
	maxTries = 1
)

// confirmed are the actions that take a password or a code of whoever is logged in.
var confirmed = []string{"password.change", "account.change", "otp.change", "right.connect", "centre.link"}

// isTry tells whether a field is one at which secrets could be guessed: a mutation
// that nobody needs to be logged in for, or that has the viewer confirm who it is.
func isTry(f *ast.Field) bool {
	if f.Definition == nil || f.ObjectDefinition == nil || f.ObjectDefinition.Name != "Mutation" {
		return false
	}
	can := f.Definition.Directives.ForName("can")
	return f.Definition.Directives.ForName("public") != nil || can != nil && slices.Contains(confirmed, can.Arguments.ForName("do").Value.Raw)
}

const codeComplexity = "COMPLEXITY_LIMIT_EXCEEDED"

func init() {
	errcode.RegisterErrorType(codeComplexity, errcode.KindProtocol)
	errcode.RegisterErrorType(CodeBadUserInput, errcode.KindProtocol)
}

// limits refuses operations that ask for too much before anything of them runs.
// Each fragment is measured once, so that fragments that spread one another twice
// do not cost what they would expand to (GQL-02).
type limits struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = limits{}

func (limits) ExtensionName() string                   { return "Limits" }
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

func (limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := measurer{fragments: map[string]size{}, variables: op.Variables}
	s := m.measure(op.Operation.SelectionSet)
	switch {
	case s.badPage:
		err := gqlerror.Errorf("lists within lists are paged, too: first or last, 1 to %d", maxPage)
		errcode.Set(err, CodeBadUserInput)
		return err
	case s.depth > maxDepth:
		return refuse("the operation is nested too deeply: at most 15 levels")
	case s.fields > maxFields:
		return refuse("the operation selects too many fields: at most 3000, fragments written out")
	case s.weight > maxWeight:
		return refuse("the answer could be too large: ask for fewer elements in lists within lists")
	case s.switches > 0 && s.roots > 1:
		err := gqlerror.Errorf("actFor stands alone: what else the operation does would still be for whom the session acted before")
		errcode.Set(err, CodeBadUserInput)
		return err
	case s.tries > maxTries:
		return refuse("one operation that takes a password, a code or a link for each request")
	}
	return nil
}

func refuse(message string) *gqlerror.Error {
	err := gqlerror.Errorf("%s", message)
	errcode.Set(err, codeComplexity)
	return err
}

type size struct {
	depth, fields, tries, weight int
	// roots are the fields of the outermost level, and switches those that say for whom.
	roots, switches int
	badPage         bool
}

type measurer struct {
	fragments map[string]size
	variables map[string]any
}

func (m measurer) measure(selections ast.SelectionSet) size {
	var total size
	for _, selection := range selections {
		var s size
		switch selection := selection.(type) {
		case *ast.Field:
			s = m.measure(selection.SelectionSet)
			s.depth++
			s.fields++
			s.weight = 1 + m.elements(selection)*s.weight
			s.roots, s.switches = 1, 0
			if selection.Name == "actFor" {
				s.switches = 1
			}
			if isTry(selection) {
				s.tries++
			}
			s.badPage = s.badPage || m.badPage(selection)
		case *ast.InlineFragment:
			s = m.measure(selection.SelectionSet)
		case *ast.FragmentSpread:
			s = m.fragment(selection)
		}
		total.badPage = total.badPage || s.badPage
		total.depth = max(total.depth, s.depth)
		// Bounded, so that doubling fragments cannot overflow the count.
		total.fields = min(total.fields+s.fields, 2*maxFields)
		total.tries = min(total.tries+s.tries, 2*maxFields)
		total.weight = min(total.weight+s.weight, 2*maxWeight)
		total.roots = min(total.roots+s.roots, 2*maxFields)
		total.switches = min(total.switches+s.switches, 2*maxFields)
	}
	return total
}

func (m measurer) fragment(spread *ast.FragmentSpread) size {
	if known, measured := m.fragments[spread.Name]; measured {
		return known
	}
	s := m.measure(spread.Definition.SelectionSet)
	m.fragments[spread.Name] = s
	return s
}

// elements is how many elements a list has at most, as it is asked for; 1 for all else.
func (m measurer) elements(f *ast.Field) int {
	if f.Definition == nil {
		return 1
	}
	most := 1
	arguments := f.ArgumentMap(m.variables)
	for _, name := range []string{"first", "last"} {
		if size, err := graphql.UnmarshalInt(arguments[name]); err == nil {
			most = max(most, min(size, maxPage))
		}
	}
	return most
}

// badPage tells whether a connection below the root is asked for without a size or
// with one that is not allowed: entgql loads it before any resolver could refuse.
func (m measurer) badPage(f *ast.Field) bool {
	if f.Definition == nil || f.ObjectDefinition == nil || f.ObjectDefinition.Name == "Query" ||
		f.Definition.Arguments.ForName("first") == nil || f.Definition.Arguments.ForName("last") == nil {
		return false
	}
	arguments := f.ArgumentMap(m.variables)
	var sizes []int
	for _, name := range []string{"first", "last"} {
		value, given := arguments[name]
		if !given || value == nil {
			continue
		}
		size, err := graphql.UnmarshalInt(value)
		if err != nil {
			return true
		}
		sizes = append(sizes, size)
	}
	return len(sizes) != 1 || sizes[0] < 1 || sizes[0] > maxPage
}
