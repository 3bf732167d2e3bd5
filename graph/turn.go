package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// turn works on an operation when it is its turn. Subscriptions wait most of their time and need none.
type turn struct {
	enter   func(context.Context) (leave func(), err error)
	present graphql.ErrorPresenterFunc
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
} = turn{}

func (turn) ExtensionName() string                   { return "Turn" }
func (turn) Validate(graphql.ExecutableSchema) error { return nil }

func (t turn) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{t.present(ctx, err)}})
	}
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		if leave == nil {
			return responses(ctx)
		}
		defer func() { leave(); leave = nil }()
		return responses(ctx)
	}
}
