package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/server/servertest"
)

// rootField is a field of Query or Mutation.
type rootField struct {
	root     string
	name     string
	public   bool
	document string // asks for it, with something in each argument that it needs
}

// rootFields are all operations of the API.
func rootFields(t *testing.T) []rootField {
	t.Helper()
	api := graph.Schema(&graph.Resolver{}).Schema()
	var all []rootField
	for _, root := range []*ast.Definition{api.Query, api.Mutation} { // subscriptions do not come by POST: live_test.go
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				document := strings.ToLower(root.Name) + " { " + selection(t, api, f) + " }"
				all = append(all, rootField{root.Name, f.Name, f.Directives.ForName("public") != nil, document})
			}
		}
	}
	return all
}

// selection asks for a field, with something in each argument that it needs.
func selection(t *testing.T, api *ast.Schema, f *ast.FieldDefinition) string {
	t.Helper()
	var arguments []string
	for _, a := range f.Arguments {
		if a.Type.NonNull || a.Name == "first" { // a list asks for first or last
			arguments = append(arguments, a.Name+": "+something(t, api, a.Type))
		}
	}
	if len(arguments) == 0 {
		return f.Name + " { __typename }"
	}
	return f.Name + "(" + strings.Join(arguments, ", ") + ") { __typename }"
}

// something is a literal that a type takes.
func something(t *testing.T, api *ast.Schema, of *ast.Type) string {
	t.Helper()
	if of.Elem != nil {
		return "[" + something(t, api, of.Elem) + "]"
	}
	definition := api.Types[of.NamedType]
	switch {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		var fields []string
		for _, f := range definition.Fields {
			if f.Type.NonNull {
				fields = append(fields, f.Name+": "+something(t, api, f.Type))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case definition.Name == "Int":
		return "1"
	case definition.Name == "ID" || definition.Name == "String" || definition.Name == "Decimal" || definition.Name == "Upload":
		return `"1"`
	case definition.Name == "Date":
		return `"2026-12-31"`
	case definition.Name == "Boolean":
		return "true"
	}
	t.Fatalf("say here what a %s looks like", definition.Name)
	return ""
}

// Nobody gets anything but what is public, whatever it brings along instead of a
// session.
//
// Requirement: AC-01
// Requirement: AC-03
// Case: AUTHZ-01
func TestIsolationOfNobody(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		closed := 0
		for _, field := range rootFields(t) {
			for name, header := range map[string]map[string]string{
				"nothing": {}, "a made-up token": {"Authorization": "Bearer " + strings.Repeat("A", 43)},
				"headers of proxies": {"X-Tenant-ID": "HANSA", "X-User": "martha.hansen", "X-Forwarded-User": "martha.hansen"},
			} {
				c := k.Anonymous()
				c.Header = header
				answer := c.Do(t, field.document, nil)
				if field.public {
					if len(answer.Errors) > 0 {
						t.Errorf("%s is public: %s", field.name, answer.Body)
					}
					continue
				}
				closed++
				want := http.StatusOK // the field may be null, and is
				if answer.Data == nil {
					want = http.StatusUnauthorized
				}
				if answer.Code() != "UNAUTHENTICATED" || answer.Status != want || answer.Get(field.name) != nil {
					t.Errorf("%s with %s: %d %s", field.name, name, answer.Status, answer.Body)
				}
			}
		}
		if closed < 3*15 {
			t.Errorf("only %d requests were to be refused", closed)
		}
	})
}
