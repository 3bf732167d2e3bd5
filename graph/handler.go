package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph/generated"
)

// maxTokens bounds a document: the largest operation of the clients has about 700.
const maxTokens = 2000

// Options are what the server decides about the API.
type Options struct {
	// RequestID gives the ID of the request of a context.
	RequestID func(context.Context) string
	Log       *slog.Logger
	// Introspection tells whether clients may read the schema from the API.
	Introspection bool
}

// Schema is the executable schema over a resolver, with its one door.
func Schema(r *Resolver) graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{
		Resolvers:  r,
		Directives: generated.DirectiveRoot{Can: can},
	})
}

// NewExecutor is the API, ready for a transport: with bounds on documents, without
// suggestions of what a client may not know, and with errors that show nothing of
// the inside.
func NewExecutor(r *Resolver, o Options) *executor.Executor {
	exec := executor.New(Schema(r))
	exec.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	exec.SetParserTokenLimit(maxTokens)
	exec.SetDisableSuggestion(true)
	exec.SetErrorPresenter(presenter(o.RequestID, o.Log))
	exec.SetRecoverFunc(recoverer(o.Log))
	exec.Use(limits{})
	exec.Use(attempts{r})
	if o.Introspection {
		exec.Use(extension.Introspection{})
	}
	return exec
}
