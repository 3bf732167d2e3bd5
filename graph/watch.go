package graph

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/internal/telemetry"
)

// watch measures operations. It stands before all other extensions, so that what they refuse counts.
type watch struct{ telemetry *telemetry.Telemetry }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = watch{}

func (watch) ExtensionName() string                   { return "Watch" }
func (watch) Validate(graphql.ExecutableSchema) error { return nil }

type watchedKey struct{}

// InterceptOperation measures an operation until its answer is there, and a subscription until it ends.
func (w watch) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	ctx = context.WithValue(ctx, watchedKey{}, true)
	ctx, end := w.telemetry.Operation(ctx, telemetry.Operation{
		Kind: string(op.Operation.Operation), Field: rootField(op.Operation), Name: op.Operation.Name, Document: op.RawQuery,
	})
	responses := next(ctx)
	if op.Operation.Operation == ast.Subscription {
		// A client that goes away does not come back for the end.
		context.AfterFunc(ctx, func() { end(telemetry.OK) })
		return func(ctx context.Context) *graphql.Response {
			response := responses(ctx)
			if response == nil {
				end(telemetry.OK)
			} else {
				w.telemetry.Event()
			}
			return response
		}
	}
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		end(outcomeOf(response))
		return response
	}
}

// InterceptResponse counts what is refused before it is carried out.
func (w watch) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if ctx.Value(watchedKey{}) == nil && response != nil && len(response.Errors) > 0 {
		w.telemetry.Refused("none", "none", codeOf(response.Errors[0]))
	}
	return response
}

// outcomeOf is the code of the first error of an answer; nobody waits for one that is missing.
func outcomeOf(response *graphql.Response) string {
	switch {
	case response == nil:
		return "CANCELED"
	case len(response.Errors) == 0:
		return telemetry.OK
	}
	return codeOf(response.Errors[0])
}

// codeOf is the code that the presenter gave an error: one of our own, never what a client sent.
func codeOf(err *gqlerror.Error) string {
	code, ok := err.Extensions["code"].(string)
	if !ok {
		return CodeInternal
	}
	return code
}

// rootField is the one field that an operation asks for.
func rootField(o *ast.OperationDefinition) string {
	if len(o.SelectionSet) == 1 {
		if field, ok := o.SelectionSet[0].(*ast.Field); ok {
			return field.Name
		}
	}
	return "several"
}

// trails follow resolvers in traces. Only where traces are made at all, because every field passes.
type trails struct{ telemetry *telemetry.Telemetry }

var _ interface {
	graphql.HandlerExtension
	graphql.FieldInterceptor
} = trails{}

func (trails) ExtensionName() string                   { return "Trails" }
func (trails) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField follows what has a resolver of its own; other fields only read what is there.
func (w trails) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if !field.IsResolver || strings.HasPrefix(field.Field.Name, "__") || !w.telemetry.Traced(ctx) {
		return next(ctx)
	}
	root := field.Object == "Query" || field.Object == "Mutation" || field.Object == "Subscription"
	ctx, end := w.telemetry.Field(ctx, field.Object+"."+field.Field.Name, root)
	value, err := next(ctx)
	if err != nil {
		end(telemetry.Code("failed"))
	} else {
		end(nil)
	}
	return value, err
}
