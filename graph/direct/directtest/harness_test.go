package directtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/graph/direct"
	. "kontor/graph/direct/directtest"
	"kontor/graph/direct/directtest/generated"
)

func newExecutor(shelves ...*Shelf) *executor.Executor {
	exec := executor.New(generated.NewExecutableSchema(generated.Config{
		Resolvers: root{shelves}, Directives: generated.DirectiveRoot{Loud: loud},
	}))
	exec.Use(extension.Introspection{})
	exec.SetRecoverFunc(func(_ context.Context, panicked any) error { return fmt.Errorf("panic: %v", panicked) })
	return exec
}

// answer is all that a client sees of an operation, and how many fields took the
// ordinary path.
type answer struct {
	responses []string
	ordinary  int64
}

func run(ctx context.Context, t interface{ Fatalf(string, ...any) }, shelves []*Shelf, query string, variables map[string]any) answer {
	var got answer
	exec := newExecutor(shelves...)
	exec.AroundFields(func(ctx context.Context, next graphql.Resolver) (any, error) {
		atomic.AddInt64(&got.ordinary, 1)
		return next(ctx)
	})
	ctx = graphql.StartOperationTrace(ctx)
	op, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: variables})
	if len(errs) > 0 {
		t.Fatalf("%s\nis refused: %v", query, errs)
	}
	next, ctx := exec.DispatchOperation(ctx, op)
	for response := next(ctx); response != nil; response = next(ctx) {
		got.responses = append(got.responses, shown(t, response))
		if response.HasNext != nil && !*response.HasNext || op.Operation.Operation == "query" && response.HasNext == nil {
			break
		}
	}
	return got
}

// shown is a response as text. Resolvers fail in any order, so errors are sorted.
func shown(t interface{ Fatalf(string, ...any) }, response *graphql.Response) string {
	slices.SortFunc(response.Errors, func(a, b *gqlerror.Error) int { return strings.Compare(a.Error(), b.Error()) })
	text, err := json.Marshal(response.Errors)
	if err != nil {
		t.Fatalf("writing errors: %v", err)
	}
	causes := ""
	for _, e := range response.Errors {
		var null *graphql.InvalidNullError
		if errors.As(e, &null) {
			causes += fmt.Sprintf("\n%s %s %s %v", null.SchemaCoordinate(), null.DeclaredType, null.Source, null.ListElement)
		}
	}
	return fmt.Sprintf("%s\n%s%s\n%s %s", response.Data, text, causes, response.Path, response.Label)
}

// compare runs an operation on both paths and gives the direct path's answer.
func compare(t interface {
	Helper()
	Fatalf(string, ...any)
}, shelves func() []*Shelf, query string, variables map[string]any) (directly, ordinarily answer) {
	t.Helper()
	directly = run(context.Background(), t, shelves(), query, variables)
	ordinarily = run(direct.Off(context.Background()), t, shelves(), query, variables)
	if !slices.Equal(directly.responses, ordinarily.responses) {
		t.Fatalf("%s\nis answered directly\n%s\nand ordinarily\n%s", query,
			strings.Join(directly.responses, "\n\n"), strings.Join(ordinarily.responses, "\n\n"))
	}
	return directly, ordinarily
}

func two(bits uint) func() []*Shelf {
	return func() []*Shelf { return []*Shelf{shelf("1"), damaged("2", bits)} }
}

func bit(i int) uint { return 1 << i }

// everything selects every plain field.
const everything = `id label required height weight open made sold price rebate size sizes tags notes grid
	at { row column } box { ...B } spare { ...B } boxes { ...B inner { id } } gaps { ...B }
	front { __typename id ...on Ball { radius } } back { id name } things { ...on Box { size } ...on Ball { at { row } } }
	contents { __typename ...B ...on Ball { id at { column } } }
	area fragile balls { id radius } other: balls { id } owner { name } keeper { name } __typename`

const fragments = ` fragment B on Box { id name size }`

// TestDefects takes away one thing after the other from one of two shelves.
func TestDefects(t *testing.T) {
	for i := range len(defects) + 1 {
		for _, query := range []string{
			"{ shelves {" + everything + "} }", "{ gappy {" + everything + "} }",
			"{ shelves {" + everything + " slow failing checked guarded } }",
			"{ gappy {" + everything + " failingRequired slowBoxes { id slow inner { slow } } } }",
			"{ shelf {" + everything + "} }", "subscription { shelf {" + everything + "} }",
		} {
			compare(t, two(bit(i)), query+fragments, nil)
		}
	}
}
