package directtest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	. "kontor/graph/direct/directtest"
	"kontor/graph/direct/directtest/generated"
)

// TestRandom compares both paths for random selections on random data. A failure names
// the operation; the same seeds give the same ones.
func TestRandom(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	var direct, ordinary int64
	for seed := range uint64(2000) {
		s := selector{Rand: rand.New(rand.NewPCG(seed, 0)), schema: schema}
		var bits []uint
		for range 1 + s.IntN(3) {
			b := uint(0)
			for range s.IntN(3) { // most defects would hide the others: take few of them
				b |= bit(s.IntN(len(defects)))
			}
			bits = append(bits, b)
		}
		d, o := compare(t, func() []*Shelf {
			var shelves []*Shelf
			for i, b := range bits {
				shelves = append(shelves, damaged(fmt.Sprint(i), b))
			}
			return shelves
		}, s.operation(), map[string]any{"yes": true, "no": false})
		direct, ordinary = direct+d.ordinary, ordinary+o.ordinary
	}
	if direct*2 > ordinary {
		t.Errorf("the direct path left %d of %d fields to the ordinary one: it is hardly taken", direct, ordinary)
	}
}

// selector draws selections.
type selector struct {
	*rand.Rand
	schema *ast.Schema
}

func (s selector) operation() string {
	return "query($yes: Boolean!, $no: Boolean!) { ...V " + s.selection(s.schema.Query, 4)[1:] +
		" fragment V on Query { ...V2 } fragment V2 on Query { shelves { ...V3 } __typename @include(if: $no) }" +
		" fragment V3 on Shelf { id @include(if: $yes) @skip(if: $no) boxes { id } }"
}

func (s selector) selection(d *ast.Definition, depth int) string {
	parts := []string{"{"}
	for i := range 1 + s.IntN(7) {
		parts = append(parts, s.one(d, depth, i))
	}
	return strings.Join(append(parts, "}"), " ")
}

func (s selector) one(d *ast.Definition, depth, place int) string {
	kind := s.IntN(10)
	switch {
	case kind == 0:
		return "__typename"
	case depth > 0 && (kind == 1 || len(d.Fields) == 0):
		possible := s.schema.GetPossibleTypes(d)
		on := possible[s.IntN(len(possible))]
		return "... on " + on.Name + s.condition() + s.selection(on, depth-1)
	case kind == 2 && d.Name == "Shelf":
		return "...V3" + s.condition()
	}
	var fields ast.FieldList
	for _, f := range d.Fields {
		if !strings.HasPrefix(f.Name, "__") && (depth > 0 || s.schema.Types[f.Type.Name()].IsLeafType()) {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return "__typename"
	}
	f := fields[s.IntN(len(fields))]
	name := f.Name
	if s.IntN(2) == 0 {
		name = fmt.Sprintf("a%d_%s: %s", place, f.Name, f.Name)
	}
	if below := s.schema.Types[f.Type.Name()]; !below.IsLeafType() {
		return name + s.condition() + s.selection(below, depth-1)
	}
	return name + s.condition()
}

func (s selector) condition() string {
	all := []string{" ", " ", " ", " ", " ", " @include(if: $yes) ", " @skip(if: $yes) ", " @include(if: $no) "}
	return all[s.IntN(len(all))]
}
