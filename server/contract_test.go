package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"kontor/graph"
	"kontor/server/servertest"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

// The schema accepts every operation of the clients, as written.
func TestClientOperationsFitTheSchema(t *testing.T) {
	schema := graph.Schema(&graph.Resolver{}).Schema()
	files, err := filepath.Glob("../clients/operations/*/*.graphql")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d documents, %v", len(files), err)
	}
	operations := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		document, parseErr := parser.ParseQuery(&ast.Source{Name: file, Input: string(content)})
		if parseErr != nil {
			t.Errorf("%s: %v", file, parseErr)
			continue
		}
		operations += len(document.Operations)
		for _, problem := range validator.ValidateWithRules(schema, document, rules.NewDefaultRules()) {
			t.Errorf("%s: %v", file, problem)
		}
	}
	if operations < 25 {
		t.Fatalf("only %d operations were looked at", operations)
	}
}
