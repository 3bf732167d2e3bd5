package graph

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The operations of clients get into the manifest complete, each with the fragments that it
// spreads and no others; what the API would refuse is told when it is built.
//
// Case: GQL-11
func TestOperationsAreBuilt(t *testing.T) {
	t.Parallel()
	folder := func(files map[string]string) string {
		path := t.TempDir()
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(path, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	good := folder(map[string]string{
		"a.graphql": `query A { viewer { user { ...U } } } query B { categories { name } } fragment U on User { ...N } fragment Other on User { id }`,
		"n.graphql": `fragment N on User { username }`,
	})
	all, err := Operations([]string{good}, true)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d operations, %v", len(all), err)
	}
	for i, want := range []string{
		"query A { viewer { user { ... U __typename } __typename } } fragment U on User { ... N __typename } fragment N on User { username __typename }",
		"query B { categories { name __typename } }",
	} {
		if got := strings.Join(strings.Fields(all[i].Body), " "); got != want || len(all[i].ID) != 64 || all[i].Type != "query" {
			t.Errorf("%s: %s", all[i].Name, got)
		}
	}
	for name, each := range map[string]struct{ content, why string }{
		"no name":          {`{ categories { id } }`, "a name"},
		"the same name":    {`query A { categories { id } } query A { categories { name } }`, "a name"},
		"no fragment":      {`query A { categories { ...X } }`, "no fragment X"},
		"no such field":    {`query A { categories { price } }`, "price"},
		"no GraphQL":       {`query A {`, "a.graphql"},
		"too deep":         {`query A { categories { ` + strings.Repeat("parent { ", 9) + "id" + strings.Repeat("} ", 11), "at most 10 levels"},
		"too much":         {`query A { contracts(first: 100) { nodes { orders(first: 100) { nodes { contract { orders(first: 100) { totalCount } } } } } } }`, "too much"},
		"no length":        {`query A { contracts { totalCount } }`, "first or last"},
		"passwords":        {`mutation A($i: LoginInput!) { a: login(input: $i) { token } b: login(input: $i) { token } }`, "each request"},
		"nothing in there": {"", "no .graphql"},
	} {
		files := map[string]string{"a.graphql": each.content}
		if each.content == "" {
			files = nil
		}
		if _, err := Operations([]string{folder(files)}, false); err == nil || !strings.Contains(err.Error(), each.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
