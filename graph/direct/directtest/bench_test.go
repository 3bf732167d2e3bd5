package directtest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph/direct"
	. "kontor/graph/direct/directtest"
)

// BenchmarkList answers a list of 20 objects with 3 children each from memory: 480
// fields. The ordinary path is gqlgen's without the plugin.
func BenchmarkList(b *testing.B) {
	var shelves []*Shelf
	for i := range 20 {
		s := shelf(fmt.Sprint(i))
		s.Edges.NamedBalls["balls"] = []*Ball{{ID: "a", Name: to("first")}, {ID: "b", Name: to("second")}, {ID: "c"}}
		shelves = append(shelves, s)
	}
	plain := "{ shelves { id label height open price size owner { name } balls { id name at { row column } } } }"
	mixed := "{ shelves { id label height open price size slow owner { name } balls { id name at { row column } } } }"
	b.Run("direct", func(b *testing.B) { benchmark(b, context.Background(), shelves, plain) })
	b.Run("ordinary", func(b *testing.B) { benchmark(b, direct.Off(context.Background()), shelves, plain) })
	b.Run("with a resolver/direct", func(b *testing.B) { benchmark(b, context.Background(), shelves, mixed) })
	b.Run("with a resolver/ordinary", func(b *testing.B) { benchmark(b, direct.Off(context.Background()), shelves, mixed) })
}

func benchmark(b *testing.B, ctx context.Context, shelves []*Shelf, query string) {
	exec := newExecutor(shelves...)
	exec.SetQueryCache(lru.New[*ast.QueryDocument](10))
	ctx = graphql.StartOperationTrace(ctx)
	b.ReportAllocs()
	for b.Loop() {
		op, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
		if len(errs) > 0 {
			b.Fatal(errs)
		}
		next, ctx := exec.DispatchOperation(ctx, op)
		response := next(ctx)
		if len(response.Errors) > 0 || !bytes.Contains(response.Data, []byte("second")) {
			b.Fatalf("answered %s %v", response.Data, response.Errors)
		}
	}
}
