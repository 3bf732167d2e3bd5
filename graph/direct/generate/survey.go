package generate

import (
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/codegen"
	"github.com/vektah/gqlparser/v2/ast"
)

// path is what the direct path consists of.
type path struct {
	Objects []*object
	// Values are the types of values that can be written, in order of their names.
	Values []*value
	// Lists are those of them that gqlgen asks for.
	Lists []*value
}

// object is an object type.
type object struct {
	Name   string
	GO     types.Type // a pointer, as gqlgen passes it
	Fields []*field
	// Nested: it is the value of a plain field, or an element of a list.
	Nested bool
}

// field is a plain field: nothing but reading it is needed for its value.
type field struct {
	Name  string
	Read  string // the Go expression; a call with a context for an edge
	Value *value
	Edge  *edge // nil for all others
}

type surveyor struct {
	data    *codegen.Data
	objects map[string]*object
	values  map[string]*value
}

func survey(data *codegen.Data) *path {
	s := surveyor{data: data, objects: map[string]*object{}, values: map[string]*value{}}
	for _, o := range data.Objects {
		if !o.Root && !o.IsReserved() && !o.IsMap() {
			s.objects[o.Name] = &object{Name: o.Name, GO: o.Reference()}
		}
	}
	var found path
	for _, o := range data.Objects {
		known := s.objects[o.Name]
		if known == nil {
			continue
		}
		for _, f := range o.Fields {
			if plain := s.field(o, f); plain != nil {
				known.Fields = append(known.Fields, plain)
			}
		}
		found.Objects = append(found.Objects, known)
	}
	for _, name := range slices.Sorted(maps.Keys(data.ReferencedTypes)) {
		ref := data.ReferencedTypes[name]
		if !ref.IsSlice() || ref.MarshalFunc() == "" {
			continue
		}
		if list := s.value(ref); list != nil {
			found.Lists = append(found.Lists, list)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		if v := s.values[name]; v != nil {
			found.Values = append(found.Values, v)
		}
	}
	return &found
}

// field tells how a field is read; nil when gqlgen has to do it.
func (s *surveyor) field(o *codegen.Object, f *codegen.Field) *field {
	if f.IsReserved() || f.IsResolver || f.IsBatch() || f.HasDirectives() || f.HasHaser || f.VOkFunc ||
		len(f.Args) > 0 || f.TypeReference.IsRoot {
		return nil
	}
	plain := &field{Name: f.Name}
	switch {
	case f.IsVariable():
		plain.Read = "obj." + f.GoFieldName
	case f.IsMethod() && f.NoErr && !f.MethodHasContext:
		plain.Read = "obj." + f.GoFieldName + "()"
	case f.IsMethod() && f.MethodHasContext && !f.NoErr:
		if plain.Edge = s.edge(o, f); plain.Edge == nil {
			return nil
		}
		plain.Read = "obj." + f.GoFieldName + "(ctx)"
	default:
		return nil
	}
	if plain.Value = s.value(f.TypeReference); plain.Value == nil {
		return nil
	}
	return plain
}

// edge is a method that ent generated for GraphQL. It waits for the database only if
// the edge was not loaded together with the entity, which ent can be asked.
type edge struct {
	// Loaded is the Go expression that asks: it gives the value and an error.
	Loaded string
	// Unique edges are read through the method, which knows whether a missing entity
	// is an error; NotLoaded tells ent's error for that from others.
	Unique    bool
	NotLoaded *types.Func
}

// edgeFile is where entgql puts these methods.
const edgeFile = "gql_edge.go"

func (s *surveyor) edge(o *codegen.Object, f *codegen.Field) *edge {
	pointer, _ := o.Reference().(*types.Pointer)
	if pointer == nil {
		return nil
	}
	named, _ := pointer.Elem().(*types.Named)
	if named == nil {
		return nil
	}
	method := function(named, f.GoFieldName)
	if method == nil || filepath.Base(s.file(method)) != edgeFile {
		return nil
	}
	notLoaded, _ := method.Pkg().Scope().Lookup("IsNotLoaded").(*types.Func)
	edges, _, _ := types.LookupFieldOrMethod(pointer, true, method.Pkg(), "Edges")
	if notLoaded == nil || edges == nil || function(edges.Type(), f.GoFieldName+"OrErr") == nil {
		return nil
	}
	found := &edge{
		Loaded:    "obj.Edges." + f.GoFieldName + "OrErr()",
		Unique:    !f.TypeReference.IsSlice(),
		NotLoaded: notLoaded,
	}
	// Loaded under the alias, so that the same edge can be selected twice.
	if name := "Named" + f.GoFieldName; !found.Unique && function(named, name) != nil {
		found.Loaded = "obj." + name + "(f.Alias)"
	}
	return found
}

func function(of types.Type, name string) *types.Func {
	if named, ok := of.(*types.Named); ok {
		for method := range named.Methods() {
			if method.Name() == name {
				return method
			}
		}
	}
	return nil
}

// file is the source file of a Go object.
func (s *surveyor) file(o types.Object) string {
	pkg := s.data.Config.Packages.LoadWithTypes(o.Pkg().Path())
	if pkg == nil || pkg.Fset == nil {
		return ""
	}
	return pkg.Fset.Position(o.Pos()).Filename
}

// possible are the object types that a value can have, in a fixed order.
func (s *surveyor) possible(d *ast.Definition) []string {
	var names []string
	for _, p := range s.data.Schema.GetPossibleTypes(d) {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isInterface tells Go interfaces, whose values can be anything.
func isInterface(t types.Type) bool { return types.IsInterface(types.Unalias(t)) }

// isLibrary tells whether a function is gqlgen's own.
func isLibrary(f *types.Func) bool {
	return f != nil && strings.HasSuffix(f.Pkg().Path(), "github.com/99designs/gqlgen/graphql")
}
