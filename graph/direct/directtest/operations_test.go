package directtest_test

import (
	"strings"
	"testing"
)

// operations that both paths must answer alike, each with the number of fields that
// still take the ordinary path; the root field is always one of them.
var operations = []struct {
	name, query string
	variables   map[string]any
	damage      uint
	ordinary    int64
}{
	{name: "plain fields", query: "{ shelves { id label height weight open made price } }", ordinary: 1},
	{name: "everything plain", query: "{ shelves {" + everything + "} }" + fragments, ordinary: 1},
	{name: "aliases", query: "{ a: shelves { x: id y: id boxes { z: id } other: boxes { name } } }", ordinary: 1},
	{name: "one object", query: "{ shelf { id at { row } } }", ordinary: 1},
	{name: "interface list at the root", query: "{ things { id ...on Ball { radius at { row } } } }", ordinary: 1},
	{name: "merged selections", query: "{ shelves { box { id } ...F } } fragment F on Shelf { box { name } id }", ordinary: 1},
	{name: "fragments within fragments", query: "{ shelves { ...F } } fragment F on Shelf { ...G ...{ label } } fragment G on Shelf { id }", ordinary: 1},
	{name: "typename only", query: "{ shelves { __typename t: __typename } }", ordinary: 1},
	{
		name: "skip and include", query: "query($y: Boolean!, $n: Boolean!) { shelves { id @skip(if: $y) label @include(if: $y) slow @include(if: $n) ...on Shelf @skip(if: $y) { area } } }",
		variables: map[string]any{"y": true, "n": false}, ordinary: 1,
	},
	{
		name: "nothing left", query: "query($y: Boolean!) { shelves { id @skip(if: $y) box { id @skip(if: $y) } } }",
		variables: map[string]any{"y": true}, ordinary: 1,
	},
	{name: "a resolver beside plain fields", query: "{ shelves { id boxes { id } slow label } }", ordinary: 3},
	{name: "a resolver below a plain field", query: "{ shelves { id box { id slow } at { row } } }", ordinary: 5},
	{name: "a resolver that fails", query: "{ shelves { id failing at { row } failingRequired } }", ordinary: 5},
	{name: "a required resolver that fails", query: "{ gappy { id failingRequired } }", damage: bit(12), ordinary: 3},
	{name: "plain fields below a resolver", query: "{ shelves { slowBoxes { id name inner { id } } } }", ordinary: 3},
	{name: "an argument", query: "{ shelves { id scaled a: scaled(by: 3) } }", ordinary: 5},
	{name: "a directive", query: "{ shelves { guarded label } }", ordinary: 3},
	{name: "a method with an error", query: "{ shelves { id checked } }", damage: bit(12), ordinary: 3},
	{name: "loaded edges", query: "{ shelves { balls { id } owner { name } keeper { name } other: balls { id } } }", ordinary: 1},
	{name: "edges not loaded", query: "{ shelves { id balls { id } owner { name } keeper { name } } }", damage: bit(13), ordinary: 4},
	{name: "an alias that was not loaded", query: "{ shelves { id elsewhere: balls { id } } }", ordinary: 3},
	{name: "a required edge that is missing", query: "{ gappy { id owner { name } } }", damage: bit(14), ordinary: 2},
	{name: "null in a required place", query: "{ gappy { id required } }", damage: bit(0), ordinary: 2},
	{name: "null in a required list element", query: "{ gappy { id boxes { id } } }", damage: bit(6), ordinary: 2},
	{name: "a panic", query: "{ shelves { id fragile } }", damage: bit(12), ordinary: 2},
	{name: "introspection", query: `{ __type(name: "Place") { name fields { name } } shelves { id } }`, ordinary: 6},
	{name: "defer a resolver", query: `{ shelf { id ...@defer(label: "l") { slow label failing } } }`, ordinary: 4},
	{name: "defer an edge", query: `{ shelf { id ...@defer(label: "l") { balls { id } owner { name } } } }`, ordinary: 3},
	{name: "subscription", query: "subscription { shelf { id boxes { id } slow } }", ordinary: 3},
}

func TestOperations(t *testing.T) {
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			directly, ordinarily := compare(t, two(o.damage), o.query, o.variables)
			if directly.ordinary != o.ordinary {
				t.Errorf("%d fields take the ordinary path, want %d", directly.ordinary, o.ordinary)
			}
			if ordinarily.ordinary < directly.ordinary {
				t.Errorf("Off lets %d fields take the ordinary path, On %d", ordinarily.ordinary, directly.ordinary)
			}
		})
	}
}

// TestErrors shows that the errors that are compared do exist.
func TestErrors(t *testing.T) {
	for query, wanted := range map[string][]string{
		"{ gappy { required } }":       {`{"gappy":[null,{"required":"there"},null]}`, `"path":["gappy",2,"required"]`, "Shelf.required String! model_field"},
		"{ gappy { boxes { id } } }":   {`"path":["gappy",2,"boxes",2]`, "Box! model_field true"},
		"{ gappy { fragile } }":        {`panic: the shelf fell down`, `"path":["gappy",2,"fragile"]`},
		"{ gappy { weight } }":         {`infinite`},
		"{ gappy { checked failing} }": {`the shelf is broken`, `failing on 1`, `failing on 2`},
	} {
		got, _ := compare(t, two(bit(0)|bit(4)|bit(6)|bit(12)), query, nil)
		for _, part := range wanted {
			if !strings.Contains(got.responses[0], part) {
				t.Errorf("%s: %s is missing in\n%s", query, part, got.responses[0])
			}
		}
	}
}
