package generate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/vektah/gqlparser/v2/ast"
)

// Code that this gqlgen did not write is refused, naming what could not be found.
func TestForeignCodeIsRefused(t *testing.T) {
	dir := t.TempDir()
	code := "package generated\n\nimport (\n\t\"context\"\n)\n\ntype executionContext struct{}\n\n" +
		"func (ec *executionContext) _Order(ctx context.Context) {}\n"
	if err := os.WriteFile(filepath.Join(dir, "order.go"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	err := patch(dir, "kontor/graph/direct", &path{Objects: []*object{{Name: "Order"}}})
	if err == nil || !strings.Contains(err.Error(), "Exec, _Order") {
		t.Fatalf("the error is %v, want one that names Exec and _Order", err)
	}
}

// A directive on FIELD has to see every field, which the direct path does not show it.
func TestDirectiveOnFieldsIsRefused(t *testing.T) {
	seen := &codegen.DirectiveList{"traced": {DirectiveDefinition: &ast.DirectiveDefinition{
		Name: "traced", Locations: []ast.DirectiveLocation{ast.LocationField},
	}}}
	err := addPath(&codegen.Data{Config: &config.Config{}, AllDirectives: *seen}, filename)
	if err == nil || !strings.Contains(err.Error(), "FIELD") {
		t.Fatalf("the error is %v, want one about FIELD", err)
	}
}

// The generated code in the repository has the direct path: plain "gqlgen generate"
// would take it away, and all answers would be the same, only slower.
func TestGeneratedCodeHasIt(t *testing.T) {
	for file, part := range map[string]string{
		"root_.generated.go": "direct.NewPlans(", "ordering.generated.go": "direct.Object(", filename: "directSchema",
	} {
		code, err := os.ReadFile(filepath.Join("..", "..", "generated", file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(code), part) {
			t.Errorf("%s has no %s: run go generate ./graph", file, part)
		}
	}
}
