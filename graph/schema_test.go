package graph_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/lang"
)

// Every operation says what it needs: one that forgot to is closed to nobody, so
// it must not exist.
//
// Requirement: AC-03
// Case: AUTHZ-01
func TestEveryRootFieldDeclaresWhatItNeeds(t *testing.T) {
	policy, err := os.ReadFile("../authz/policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	schema := graph.Schema(&graph.Resolver{}).Schema()
	checked := 0
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		if root == nil {
			continue
		}
		for _, field := range root.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			checked++
			can, public := field.Directives.ForName("can"), field.Directives.ForName("public")
			if (can == nil) == (public == nil) {
				t.Errorf("%s.%s needs either @can(do: …) or @public", root.Name, field.Name)
				continue
			}
			if can != nil {
				action := can.Arguments.ForName("do").Value.Raw
				if !regexp.MustCompile(`(?m)^p, \w+, +` + regexp.QuoteMeta(action) + `, `).Match(policy) {
					t.Errorf("%s.%s needs %q, which no line of the policy allows to anybody", root.Name, field.Name, action)
				}
			}
		}
	}
	if checked < 15 {
		t.Fatalf("only %d root fields were looked at", checked)
	}
}

// The schema is the documentation for frontend developers.
func TestEveryTypeAndFieldIsDescribed(t *testing.T) {
	schema := graph.Schema(&graph.Resolver{}).Schema()
	for name, definition := range schema.Types {
		if definition.BuiltIn || name == "Query" || name == "Mutation" || name == "Subscription" {
			continue
		}
		if definition.Description == "" {
			t.Errorf("type %s has no description", name)
		}
		for _, value := range definition.EnumValues {
			if value.Description == "" {
				t.Errorf("%s.%s has no description", name, value.Name)
			}
		}
	}
	for _, definition := range schema.Types {
		if definition.BuiltIn {
			continue
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			if field.Description == "" {
				t.Errorf("%s.%s has no description", definition.Name, field.Name)
			}
			for _, argument := range field.Arguments {
				if argument.Description == "" && argument.Name != "input" {
					t.Errorf("%s.%s(%s:) has no description", definition.Name, field.Name, argument.Name)
				}
			}
			if deprecated := field.Directives.ForName("deprecated"); deprecated != nil && deprecated.Arguments.ForName("reason") == nil {
				t.Errorf("%s.%s is deprecated without a reason", definition.Name, field.Name)
			}
		}
	}
}

// Every mutation takes one input at most and tells what went wrong in its payload.
func TestMutationsHaveOneInputAndErrors(t *testing.T) {
	schema := graph.Schema(&graph.Resolver{}).Schema()
	for _, field := range schema.Mutation.Fields {
		if len(field.Arguments) > 1 || len(field.Arguments) == 1 && field.Arguments[0].Name != "input" {
			t.Errorf("%s takes something else than one input", field.Name)
		}
		payload := schema.Types[field.Type.Name()]
		if errors := payload.Fields.ForName("errors"); errors == nil || errors.Type.String() != "[UserError!]!" {
			t.Errorf("%s has no errors: [UserError!]!", payload.Name)
		}
	}
}

// Codes that the code gives, the texts that people read and the documentation of
// the schema belong together.
//
// Requirement: ID-20
func TestEveryCodeIsDocumentedAndHasTexts(t *testing.T) {
	documented := graph.Schema(&graph.Resolver{}).Schema().Types["UserError"].Description
	given := regexp.MustCompile(`fault\.New\("([A-Z_]+)"|Code: "([A-Z_]+)"`)
	files := 0
	for _, room := range []string{"cart", "catalog", "company", "identity", "ordering", "access"} {
		entries, err := os.ReadDir("../internal/" + room)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
				continue
			}
			files++
			source, err := os.ReadFile("../internal/" + room + "/" + entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range given.FindAllStringSubmatch(string(source), -1) {
				code := match[1] + match[2]
				if !strings.Contains(documented, "`"+code+"`") {
					t.Errorf("%s of %s is not in the description of UserError", code, entry.Name())
				}
				for _, language := range lang.Languages {
					if lang.Text(language, code, map[string]any{}) == code {
						t.Errorf("%s has no text in %q", code, language)
					}
				}
			}
		}
	}
	if files < 10 {
		t.Fatalf("only %d files were looked at", files)
	}
}

// The policy names roles and rights as the schema does.
//
// Requirement: AC-04
func TestSchemaAndPolicyNameTheSameRolesAndRights(t *testing.T) {
	schema := graph.Schema(&graph.Resolver{}).Schema()
	for _, role := range authz.Roles {
		if schema.Types["Role"].EnumValues.ForName(string(role)) == nil {
			t.Errorf("the schema does not know the role %s", role)
		}
	}
	if n := len(schema.Types["Role"].EnumValues); n != len(authz.Roles) {
		t.Errorf("the schema has %d roles, the policy %d", n, len(authz.Roles))
	}
	for _, right := range authz.Rights {
		if schema.Types["ContractRight"].EnumValues.ForName(string(right)) == nil {
			t.Errorf("the schema does not know the right %s", right)
		}
	}
}

// gqlgen writes a resolver that panics for whatever a field is not bound to: each is written by somebody.
func TestNoResolverIsMissing(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.resolvers.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no resolvers: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), `panic(fmt.Errorf("not implemented`) {
			t.Errorf("%s has a resolver that is not there: write it, or bind its field in gqlgen.yml", file)
		}
	}
}
