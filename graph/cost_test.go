package graph

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// What the clients send, with pages of 50, is far from every limit.
//
// Case: GQL-04
func TestClientOperationsAreFarFromTheLimits(t *testing.T) {
	schema := Schema(&Resolver{}).Schema()
	files, err := filepath.Glob("../clients/operations/*/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d documents, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Name: file, Input: string(content)}, maxTokens)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := checkShape(document); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if wrong := validator.ValidateWithRules(schema, document, rules.NewDefaultRules()); len(wrong) > 0 {
			t.Errorf("%s: %v", file, wrong)
			continue
		}
		for _, operation := range document.Operations {
			op := &graphql.OperationContext{Operation: operation, Variables: map[string]any{}}
			for _, v := range operation.VariableDefinitions {
				if v.Type.NamedType == "Int" {
					op.Variables[v.Variable] = 50
				}
			}
			l := &limits{schema: schema}
			if err := l.MutateOperationContext(t.Context(), op); err != nil {
				t.Errorf("%s in %s: %v", operation.Name, file, err)
			}
			if points := pointsOf(op); points < 1 || points > maxPoints/2 {
				t.Errorf("%s in %s costs %d points", operation.Name, file, points)
			}
			t.Logf("%4d points: %s in %s", pointsOf(op), operation.Name, file)
		}
	}
}
