package generate

import (
	"go/types"
	"strings"

	"github.com/99designs/gqlgen/codegen/config"
	"github.com/vektah/gqlparser/v2/ast"
)

// value is a type of values with the way to write them.
type value struct {
	*config.TypeReference
	Write string // name of the generated function
	Way   way
	// Names are the object types that it can have, at any depth of lists.
	Names   []string
	Element *value // of a list
	Object  *object
	Cases   []concrete // of an interface or a union
}

// way is how a value is written.
type way string

const (
	list            way = "list"
	objectType      way = "object"
	abstract        way = "abstract"
	text            way = "text"
	whole           way = "whole number"
	boolean         way = "boolean"
	itself          way = "itself" // it has a method MarshalGQL
	byFunction      way = "function"
	contextFunction way = "function with context"
)

// concrete is a Go type that a value of an interface or a union can have.
type concrete struct {
	GO      types.Type
	Nilable bool
	TakeRef bool
	Plan    int // index of its object type in Names
	Object  *object
}

// value tells how values of a type are written; nil when gqlgen has to do it. What is
// not known for sure is gqlgen's.
func (s *surveyor) value(ref *config.TypeReference) *value {
	name := "write" + strings.TrimPrefix(ref.MarshalFunc(), "marshal")
	if known, ok := s.values[name]; ok {
		return known
	}
	v := &value{TypeReference: ref, Write: name}
	if !s.find(v) {
		v = nil
	}
	s.values[name] = v
	return v
}

func (s *surveyor) find(v *value) bool {
	if v.IsPtrToPtr() || v.IsPtrToSlice() || v.IsPtrToIntf() || v.IsOmittable || v.IsRoot {
		return false
	}
	if v.IsSlice() {
		v.Way, v.Element = list, s.value(v.Elem())
		if v.Element == nil {
			return false
		}
		v.Names = v.Element.Names
		return true
	}
	if v.GQL.Elem != nil {
		return false
	}
	switch v.Definition.Kind {
	case ast.Scalar, ast.Enum:
		return v.findLeaf()
	case ast.Object:
		v.Way, v.Names, v.Object = objectType, []string{v.Definition.Name}, s.objects[v.Definition.Name]
		if v.Object == nil || v.IsMarshaler || isInterface(v.GO) {
			return false
		}
		v.Object.Nested = true
		return true
	case ast.Interface, ast.Union:
		return !v.IsMarshaler && isInterface(v.GO) && s.findCases(v)
	default:
		return false
	}
}

// findLeaf follows the ways in which gqlgen marshals scalars and enums.
func (v *value) findLeaf() bool {
	switch {
	case v.HasEnumValues() || isInterface(v.GO):
		return false
	case v.IsMarshaler:
		v.Way = itself
		return !v.IsContext
	case v.Marshaler == nil || v.IsTargetNilable() && !v.IsNilable():
		return false
	case v.IsContext:
		v.Way = contextFunction
		return isLibrary(v.Marshaler) // one's own might ask for the field's context
	}
	v.Way = byFunction
	if isLibrary(v.Marshaler) {
		switch v.Marshaler.Name() {
		case "MarshalString", "MarshalID":
			v.Way = text
		case "MarshalInt", "MarshalInt8", "MarshalInt16", "MarshalInt32", "MarshalInt64":
			v.Way = whole
		case "MarshalBoolean":
			v.Way = boolean
		}
	}
	return true
}

func (s *surveyor) findCases(v *value) bool {
	known := s.data.Interfaces[v.Definition.Name]
	if known == nil {
		return false
	}
	v.Way, v.Names = abstract, s.possible(v.Definition)
	for _, i := range known.Implementors {
		o := s.objects[i.Name]
		if o == nil {
			return false
		}
		v.Cases = append(v.Cases, concrete{
			GO: i.Type, Nilable: i.CanBeNil(), TakeRef: i.TakeRef, Object: o, Plan: index(v.Names, i.Name),
		})
	}
	for _, c := range v.Cases {
		c.Object.Nested = true
	}
	return len(v.Cases) > 0
}

func index(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	panic("an implementor that is no possible type: " + name)
}

// Deref is the value as the marshalling function takes it.
func (v *value) Deref() string {
	if v.IsNilable() && !v.IsTargetNilable() {
		return "*v"
	}
	return "v"
}
