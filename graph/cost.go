package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What an operation may cost at most, with its variables.
const (
	// maxPoints bounds the objects that are loaded: a point for each one with an ID, for each
	// field of the outermost level and for each total, and perChange for each mutation. Lists within lists
	// multiply (GQL-07).
	maxPoints = 20_000
	perChange = 10
	// maxEvent bounds what a subscription loads, each time that it tells something.
	maxEvent = 200
	// maxWeight bounds the fields of the answer.
	maxWeight = 100_000
	// assumed is how many elements a list has of which the operation does not say how many.
	assumed = 10
	// maxTries: whoever tries passwords, codes or links in bulk needs a request for each.
	maxTries = 1
	// MaxValues bounds the variables: values in lists and objects, however nested.
	MaxValues = 10_000
)

// confirmed are the actions that take a password or a code of whoever is logged in.
var confirmed = []string{"password.change", "account.change", "account.copy", "otp.change", "right.connect", "centre.link"}

// isTry tells whether a field is one at which secrets could be guessed: a mutation
// that nobody needs to be logged in for, or that has the viewer confirm who it is.
func isTry(f *ast.Field) bool {
	can := f.Definition.Directives.ForName("can")
	return f.Definition.Directives.ForName("public") != nil || can != nil && slices.Contains(confirmed, can.Arguments.ForName("do").Value.Raw)
}

// pointsOf gives the points of an operation that was let through.
func pointsOf(op *graphql.OperationContext) int {
	points, _ := op.Stats.GetExtension("Limits").(int)
	return points
}

// MutateOperationContext refuses an operation for what it asks for.
func (l *limits) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if values(op.Variables) > MaxValues {
		return refuse(fmt.Sprintf("the variables have more than %d values", MaxValues))
	}
	m := measurer{schema: l.schema, variables: op.Variables, fragments: map[spread]size{}}
	s := m.measure(op.Operation.SelectionSet, 0)
	switch {
	case s.introspects && !l.introspection:
		err := gqlerror.Errorf("the schema cannot be asked for here: kontor schema prints it")
		errcode.Set(err, errcode.ValidationFailed)
		return err
	case s.badPage:
		err := gqlerror.Errorf("say how many elements a list shall have: first or last, 1 to %d", maxPage)
		errcode.Set(err, CodeBadUserInput)
		return err
	case op.Operation.Operation == ast.Subscription && s.points > maxEvent:
		return refuse("the subscription would load too much each time: ask for less, and for the rest when it tells of something")
	case s.points > maxPoints:
		return refuse("the operation would load too much: ask for fewer elements in lists within lists")
	case s.weight > maxWeight:
		return refuse("the answer could be too large: ask for fewer elements in lists within lists")
	case s.switches > 0 && s.roots > 1:
		err := gqlerror.Errorf("actFor stands alone: what else the operation does would still be for whom the session acted before")
		errcode.Set(err, CodeBadUserInput)
		return err
	case s.tries > maxTries:
		return refuse("one operation that takes a password, a code or a link for each request")
	}
	op.Stats.SetExtension("Limits", s.points)
	return nil
}

// values counts what is in variables.
func values(of any) int {
	switch of := of.(type) {
	case map[string]any:
		n := 0
		for _, value := range of {
			n += values(value)
		}
		return n
	case []any:
		n := 0
		for _, value := range of {
			n += values(value)
		}
		return n
	default:
		return 1
	}
}

// size is what an operation asks for.
type size struct {
	points, weight, tries int
	// roots are the fields of the outermost level, and switches those that say for whom.
	roots, switches      int
	badPage, introspects bool
}

// spread is a fragment within a page of so many elements.
type spread struct {
	name string
	page int
}

type measurer struct {
	schema    *ast.Schema
	variables map[string]any
	fragments map[spread]size
}

// measure measures what is selected of an object; page is how many elements its lists have
// where it is a connection.
func (m measurer) measure(selections ast.SelectionSet, page int) size {
	var total size
	for _, selection := range selections {
		var s size
		switch selection := selection.(type) {
		case *ast.Field:
			s = m.field(selection, page)
		case *ast.InlineFragment:
			s = m.measure(selection.SelectionSet, page)
		case *ast.FragmentSpread:
			s = m.fragment(selection, page)
		}
		total.badPage = total.badPage || s.badPage
		total.introspects = total.introspects || s.introspects
		// Bounded, so that doubling fragments cannot overflow the count.
		total.points = min(total.points+s.points, 2*maxPoints)
		total.weight = min(total.weight+s.weight, 2*maxWeight)
		total.tries = min(total.tries+s.tries, maxFields)
		total.roots = min(total.roots+s.roots, maxFields)
		total.switches = min(total.switches+s.switches, maxFields)
	}
	return total
}

func (m measurer) fragment(f *ast.FragmentSpread, page int) size {
	at := spread{f.Name, page}
	if known, measured := m.fragments[at]; measured {
		return known
	}
	s := m.measure(f.Definition.SelectionSet, page)
	m.fragments[at] = s
	return s
}

func (m measurer) field(f *ast.Field, page int) size {
	if f.Name == "__schema" || f.Name == "__type" {
		return size{points: 1, weight: 1, roots: 1, introspects: true}
	}
	asked, bad := m.page(f)
	s := m.measure(f.SelectionSet, asked)
	s.badPage = s.badPage || bad
	s.roots, s.switches = 1, 0
	own := 0
	switch f.ObjectDefinition {
	case m.schema.Mutation:
		own = perChange
		if f.Name == "actFor" {
			s.switches = 1
		}
		if isTry(f) {
			s.tries++
		}
	case m.schema.Query, m.schema.Subscription:
		own = 1
	default:
		if f.Name == "totalCount" || m.isNode(f.Definition) {
			own = 1
		}
	}
	elements := 1
	if f.Definition != nil && f.Definition.Type.Elem != nil && len(f.SelectionSet) > 0 {
		elements = m.elements(f, asked, page)
	}
	// A page is loaded, whatever is asked of it, and a field of the outermost level, however many it gives.
	s.points = min(max(own, elements*(own+s.points), asked), 2*maxPoints)
	s.weight = min(1+max(elements*s.weight, asked), 2*maxWeight)
	return s
}

// isNode tells whether a field gives objects with an ID, each of which is loaded.
func (m measurer) isNode(f *ast.FieldDefinition) bool {
	if f == nil {
		return false
	}
	kind := m.schema.Types[f.Type.Name()]
	return kind != nil && (kind.Name == "Node" || slices.Contains(kind.Interfaces, "Node"))
}

// elements is how many elements a list has at most: as many as it is asked for, as the page has
// that it is of, or as many as there are IDs.
func (m measurer) elements(f *ast.Field, asked, page int) int {
	if ids, given := f.ArgumentMap(m.variables)["ids"].([]any); given {
		return len(ids)
	}
	if asked > 0 {
		return asked
	}
	if page > 0 {
		return page
	}
	return assumed
}

// page is the size of the page that a field is asked for, 0 where it has none; bad tells that a
// connection has none that is allowed.
func (m measurer) page(f *ast.Field) (asked int, bad bool) {
	if f.Definition == nil || f.Definition.Arguments.ForName("first") == nil {
		return 0, false
	}
	connection := f.Definition.Arguments.ForName("last") != nil
	arguments, given := f.ArgumentMap(m.variables), 0
	for _, name := range []string{"first", "last"} {
		value := arguments[name]
		if value == nil {
			continue
		}
		size, err := graphql.UnmarshalInt(value)
		if err != nil || size < 1 || size > maxPage {
			return maxPage, true
		}
		asked, given = size, given+1
	}
	return asked, connection && given != 1
}
