package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"kontor/authz"
	"kontor/internal/fault"
)

// errPasswordChangeRequired says that the initial password must be changed before
// anything else (ID-07).
var errPasswordChangeRequired = errors.New("password change required")

// whilePending are the actions that stay open while a step is pending: to see what
// is pending, to do it, to leave.
var whilePending = []string{"viewer.view", "account.change", "session.end"}

// can is the directive @can: the one door for all operations. Is somebody signed
// in, is nothing in the way, does the policy allow it? Which rows follow is the
// walls' of package ent/schema.
func can(ctx context.Context, _ any, next graphql.Resolver, do string) (any, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, fault.ErrUnauthenticated
	}
	if v.MustChangePassword && !slices.Contains(whilePending, do) {
		return nil, errPasswordChangeRequired
	}
	allowed, err := authz.Allows(v, do)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.ErrForbidden
	}
	return next(ctx)
}
