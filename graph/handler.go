package graph

import (
	"context"
	"log/slog"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph/generated"
	"kontor/internal/budget"
	"kontor/internal/persisted"
	"kontor/internal/seal"
	"kontor/internal/telemetry"
)

// Options are what the server decides about the API.
type Options struct {
	// RequestID gives the ID of the request of a context.
	RequestID func(context.Context) string
	Log       *slog.Logger
	// Introspection tells whether clients may read the schema from the API.
	Introspection bool
	// Operations are those that clients name instead of sending them.
	Operations *persisted.Store
	// Budget is what users and companies may ask for.
	Budget *budget.Budget
	// Enter waits until it is the turn of an operation.
	Enter func(context.Context) (leave func(), err error)
	// Telemetry measures operations; nil: nobody does.
	Telemetry *telemetry.Telemetry
	// Signer signs cursors.
	Signer *seal.Signer
}

// Schema is the executable schema over a resolver, with its one door.
func Schema(r *Resolver) graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{
		Schema:     published,
		Resolvers:  r,
		Directives: generated.DirectiveRoot{Can: can},
	})
}

// published is the schema without @defer: gqlgen adds it to every schema, and answers null for what
// is deferred where the rest has no way to come (docs/adr/0018-defer.md).
var published = func() *ast.Schema {
	schema := *generated.NewExecutableSchema(generated.Config{}).Schema()
	schema.Directives = maps.Clone(schema.Directives)
	delete(schema.Directives, "defer")
	return &schema
}()

// NewExecutor is the API, ready for a transport: with bounds on documents, without
// suggestions of what a client may not know, and with errors that show nothing of
// the inside.
func NewExecutor(r *Resolver, o Options) *executor.Executor {
	exec := executor.New(Schema(r))
	known := newDocuments()
	exec.SetQueryCache(known)
	exec.SetParserTokenLimit(maxTokens)
	exec.SetDisableSuggestion(true)
	present := presenter(o.RequestID, o.Log)
	exec.SetErrorPresenter(present)
	exec.SetRecoverFunc(recoverer(o.Log))
	if o.Telemetry != nil {
		exec.Use(watch{o.Telemetry})
		if o.Telemetry.Tracing() {
			exec.Use(trails{o.Telemetry})
		}
	}
	exec.Use(named{o.Operations})
	exec.Use(&limits{documents: known, introspection: o.Introspection})
	exec.Use(register{o.Operations})
	exec.Use(turn{o.Enter, present})
	exec.Use(charge{o.Budget, present})
	exec.Use(places{o.Signer})
	exec.Use(attempts{r})
	if o.Introspection {
		exec.Use(extension.Introspection{})
	}
	return exec
}
