package graph

import (
	"context"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// What a document may be at most, fragments written out (GQL-02 to GQL-05). The operations of
// the clients are far below: six levels, four aliases, 90 fields; a whole file of them has 630 tokens.
const (
	maxTokens     = 1000
	maxDepth      = 10
	maxAliases    = 15
	maxDirectives = 20
	maxRoots      = 10
	maxFields     = 1000
	maxSpreads    = 200
	// maxSelections bounds one pair of braces: the rule that compares fields of the same name
	// compares each with each.
	maxSelections = 250
)

const codeComplexity = "COMPLEXITY_LIMIT_EXCEEDED"

func init() {
	errcode.RegisterErrorType(codeComplexity, errcode.KindProtocol)
	errcode.RegisterErrorType(CodeBadUserInput, errcode.KindProtocol)
}

// limits refuses documents that are too large before they are validated, and operations that
// ask for too much before anything of them runs.
type limits struct {
	documents     documents
	schema        *ast.Schema
	introspection bool
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
} = (*limits)(nil)

func (*limits) ExtensionName() string { return "Limits" }

func (l *limits) Validate(s graphql.ExecutableSchema) error {
	l.schema = s.Schema()
	return nil
}

// MutateOperationParameters looks at a document that is not known yet. One that cannot be read is
// left to the executor, which says why.
func (l *limits) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if _, known := l.documents.Get(ctx, params.Query); known {
		return nil
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, maxTokens)
	switch {
	case err != nil && strings.Contains(err.Error(), "exceeded token limit"):
		return refuse(fmt.Sprintf("a document has at most %d tokens: send what one operation needs", maxTokens))
	case err != nil:
		return nil
	}
	return checkShape(document)
}

// checkShape refuses a document for what it is, whatever it means.
func checkShape(document *ast.QueryDocument) *gqlerror.Error {
	m := &shapes{document: document, fragments: map[string]shape{}}
	for _, operation := range document.Operations {
		s := m.measure(operation.SelectionSet)
		s.directives += len(operation.Directives)
		for _, each := range []struct {
			what       string
			have, most int
		}{
			{"levels", s.depth, maxDepth}, {"aliases", s.aliases, maxAliases}, {"directives", s.directives, maxDirectives},
			{"fields at the outermost level", s.roots, maxRoots}, {"fields", s.fields, maxFields}, {"fragments", s.spreads, maxSpreads},
			{"fields in one pair of braces", s.widest, maxSelections},
		} {
			if each.have > each.most {
				return refuse(fmt.Sprintf("an operation has at most %d %s, fragments written out", each.most, each.what))
			}
		}
	}
	return nil
}

func refuse(message string) *gqlerror.Error {
	err := gqlerror.Errorf("%s", message)
	errcode.Set(err, codeComplexity)
	return err
}

// shape is how large a selection is, fragments written out.
type shape struct{ depth, aliases, directives, roots, fields, spreads, widest int }

// add puts another selection of the same level beside it. Counts are bounded, so that doubling
// fragments cannot overflow them.
func (s *shape) add(o shape) {
	const most = 1 << 20
	s.depth, s.widest = max(s.depth, o.depth), max(s.widest, o.widest)
	s.aliases = min(s.aliases+o.aliases, most)
	s.directives = min(s.directives+o.directives, most)
	s.roots = min(s.roots+o.roots, most)
	s.fields = min(s.fields+o.fields, most)
	s.spreads = min(s.spreads+o.spreads, most)
}

// shapes measures a document before it is known to be valid. Each fragment is measured once, so
// that fragments that spread one another twice do not cost what they would expand to.
type shapes struct {
	document  *ast.QueryDocument
	fragments map[string]shape
}

func (m *shapes) measure(selections ast.SelectionSet) shape {
	total := shape{widest: len(selections)}
	for _, selection := range selections {
		var s shape
		switch selection := selection.(type) {
		case *ast.Field:
			// How deep introspection goes has a rule of its own.
			if selection.Name != "__schema" && selection.Name != "__type" {
				s = m.measure(selection.SelectionSet)
			}
			s.depth, s.roots = s.depth+1, 1
			s.fields++
			s.directives += len(selection.Directives)
			if selection.Alias != selection.Name {
				s.aliases++
			}
		case *ast.InlineFragment:
			s = m.measure(selection.SelectionSet)
			s.directives += len(selection.Directives)
		case *ast.FragmentSpread:
			s = m.fragment(selection.Name)
			s.spreads++
			s.directives += len(selection.Directives)
		}
		total.add(s)
	}
	return total
}

// fragment measures a fragment; one that is not there, or that holds itself, is a matter of validation.
func (m *shapes) fragment(name string) shape {
	if known, measured := m.fragments[name]; measured {
		return known
	}
	m.fragments[name] = shape{}
	definition := m.document.Fragments.ForName(name)
	if definition == nil {
		return shape{}
	}
	s := m.measure(definition.SelectionSet)
	m.fragments[name] = s
	return s
}

// documents keeps those that were found valid, the last used ones (GQL-12).
type documents struct {
	graphql.Cache[*ast.QueryDocument]
}

const (
	maxDocuments = 1000
	// maxKept is the length of a document, in bytes, up to which it is kept: three times that of
	// the largest file of the clients. What is longer is read anew each time.
	maxKept = 16 << 10
)

func newDocuments() documents { return documents{lru.New[*ast.QueryDocument](maxDocuments)} }

// Add keeps a document, unless it is so long that a thousand of them would fill the memory.
func (d documents) Add(ctx context.Context, text string, document *ast.QueryDocument) {
	if len(text) <= maxKept {
		d.Cache.Add(ctx, text, document)
	}
}
