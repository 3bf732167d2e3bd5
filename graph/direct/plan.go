package direct

import (
	"context"
	"sync"
	"unsafe"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Schema tells by the name of each object type what can be written directly of it.
type Schema map[string]Type

// Type is an object type.
type Type struct {
	// Satisfies are the names that a fragment on it can have: its own and those of
	// its interfaces and unions.
	Satisfies []string
	// Fields are the plain fields, each with the object types that its value can
	// have: none for a scalar or an enum.
	Fields map[string][]string
}

// Plan is a selection on an object type, made ready for writing.
type Plan struct {
	Fields []Field
	// whole: all fields are direct, and all below them; some: at least one is.
	whole, some bool
}

// Field is a selected field.
type Field struct {
	Name, Alias string
	// Plans are the selections below it, one for each object type that its value can
	// have, in the order of the Schema.
	Plans  []*Plan
	key    string // as JSON, with the comma before and the colon behind
	direct bool
}

// Plans are the plans of one operation. A selection is planned once, however many
// objects it is applied to. The nil Plans know none: nothing is written directly.
type Plans struct {
	operation *graphql.OperationContext
	schema    Schema

	mu    sync.RWMutex
	known map[planKey]*Plan
}

// planKey is a selection on a type. The parsed document and gqlgen's cache of
// collected fields keep selections in place as long as the operation runs.
type planKey struct {
	name   string
	first  *ast.Selection
	length int
}

// NewPlans are the plans of an operation; nil where Off is in force.
func NewPlans(ctx context.Context, operation *graphql.OperationContext, schema Schema) *Plans {
	if ctx.Value(offKey{}) != nil {
		return nil
	}
	return &Plans{operation: operation, schema: schema, known: map[planKey]*Plan{}}
}

// of plans a selection on an object type.
func (p *Plans) of(name string, sel ast.SelectionSet) *Plan {
	if p == nil {
		return nil
	}
	key := planKey{name, unsafe.SliceData(sel), len(sel)}
	p.mu.RLock()
	plan, known := p.known[key]
	p.mu.RUnlock()
	if known {
		return plan
	}
	plan = p.build(name, sel)
	p.mu.Lock()
	defer p.mu.Unlock()
	if first, known := p.known[key]; known {
		return first
	}
	p.known[key] = plan
	return plan
}

func (p *Plans) build(name string, sel ast.SelectionSet) *Plan {
	typ := p.schema[name]
	collected := graphql.CollectFields(p.operation, sel, typ.Satisfies)
	plan := &Plan{Fields: make([]Field, len(collected)), whole: true}
	for i := range collected {
		f := &plan.Fields[i]
		*f = Field{Name: collected[i].Name, Alias: collected[i].Alias, key: key(collected[i].Alias)}
		f.direct = p.plain(typ, f, &collected[i])
		plan.whole = plan.whole && f.direct
		plan.some = plan.some || f.direct
		for j := range i {
			if collected[j].Alias == f.Alias {
				// Two selections under one name, from unrelated fragments. gqlgen has
				// a rule for that; leave it to gqlgen.
				return &Plan{}
			}
		}
	}
	return plan
}

// plain tells whether a field is direct, and plans what is below it.
func (p *Plans) plain(typ Type, f *Field, collected *graphql.CollectedField) bool {
	if f.Name == "__typename" {
		return true
	}
	below, plain := typ.Fields[f.Name]
	return plain && !collected.IsDeferred() && p.below(f, collected.Selections, below)
}

// below plans the selections below a field, and tells whether all of them are plain.
func (p *Plans) below(f *Field, sel ast.SelectionSet, names []string) bool {
	if len(names) == 0 {
		return true
	}
	f.Plans = make([]*Plan, len(names))
	for i, name := range names {
		f.Plans[i] = p.of(name, sel)
		if !f.Plans[i].whole {
			return false
		}
	}
	return true
}

func key(alias string) string {
	w := Writer{}
	w.String(alias)
	return "," + string(w.buffer) + ":"
}
