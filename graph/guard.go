package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"kontor/authz"
	"kontor/internal/fault"
)

// steps are what can stand before everything else: the action that does it, and
// the error that everything else gives.
var steps = map[authz.Step]struct {
	action string
	err    error
}{
	authz.ChangePassword:      {"password.change", errors.New("PASSWORD_CHANGE_REQUIRED")},
	authz.CompleteContactData: {"contact.change", errors.New("CONTACT_DATA_REQUIRED")},
	authz.EnrolOTP:            {"otp.change", errors.New("OTP_ENROLMENT_REQUIRED")},
}

// alwaysOpen are the actions that no pending step stands before: to see what is
// pending, to leave.
var alwaysOpen = []string{"viewer.view", "session.end"}

// pending is the first step that stands before an action, as an error; nil where
// the way is free.
func pending(v *authz.Viewer, action string) error {
	if len(v.Pending) == 0 || slices.Contains(alwaysOpen, action) {
		return nil
	}
	for _, step := range v.Pending {
		if steps[step].action == action {
			return nil
		}
	}
	return steps[v.Pending[0]].err
}

// can is the directive @can: the one door for all operations. Is somebody signed
// in, is nothing in the way, does the policy allow it? Which rows follow is the
// walls' of package ent/schema.
func can(ctx context.Context, _ any, next graphql.Resolver, do string) (any, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, fault.ErrUnauthenticated
	}
	if err := pending(v, do); err != nil {
		return nil, err
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
