package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/authz"
	"kontor/internal/budget"
	"kontor/internal/fault"
)

// charge takes the points of each operation from the budgets of the viewer and of its company, and tells
// in extensions.cost what it took and what is left. An agent's are its own, whomever it acts for.
type charge struct {
	budget  *budget.Budget
	present graphql.ErrorPresenterFunc
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = charge{}

func (charge) ExtensionName() string                   { return "Cost" }
func (charge) Validate(graphql.ExecutableSchema) error { return nil }

// cost is what extensions.cost shows: the points of the operation and, where there is a bound, how
// many are left in the bucket that has less, how many it holds, and how many come back each second.
type cost struct {
	Points int   `json:"points"`
	Left   *left `json:"left,omitempty"`
}

type left struct {
	Remaining int `json:"remaining"`
	Maximum   int `json:"maximum"`
	PerSecond int `json:"perSecond"`
}

func (c charge) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return next(ctx) // what can be done without a login has bounds of its own
	}
	op := graphql.GetOperationContext(ctx)
	points := pointsOf(op)
	v = v.AtHome()
	have, err := c.budget.Take(ctx, v.User, v.Tenant, points)
	shown := cost{Points: points}
	if have.Maximum > 0 {
		shown.Left = &left{have.Remaining, have.Maximum, have.PerSecond}
	}
	switch {
	case err != nil:
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{c.present(ctx, err)}})
	case have.Refused():
		return graphql.OneShot(&graphql.Response{
			Errors:     gqlerror.List{c.present(ctx, &fault.RateLimited{RetryAfter: have.RetryAfter})},
			Extensions: map[string]any{"cost": shown},
		})
	}
	if op.Operation.Operation != ast.Subscription {
		op.Stats.SetExtension(c.ExtensionName(), shown)
	}
	return next(ctx)
}

func (c charge) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if graphql.HasOperationContext(ctx) {
		if shown := graphql.GetOperationContext(ctx).Stats.GetExtension(c.ExtensionName()); shown != nil {
			graphql.RegisterExtension(ctx, "cost", shown)
		}
	}
	return next(ctx)
}
