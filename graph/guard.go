package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"kontor/authz"
	"kontor/internal/fault"
	"kontor/internal/gid"
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
	authz.StopActing:          {"acting.change", errors.New("STOP_ACTING_REQUIRED")},
}

// alwaysOpen are the actions that no pending step stands before: to see what is
// pending, to leave.
var alwaysOpen = []string{"viewer.view", "session.end"}

// asItself are the actions that an agent does as itself, also while it acts for a
// customer (AC-02): its own roles decide.
var asItself = append([]string{"tenant.act", "tenant.users", "acting.change"}, alwaysOpen...)

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

// can is the directive @can: the one door for all operations. Which rows follow is the
// walls' of package ent/schema.
func can(ctx context.Context, _ any, next graphql.Resolver, do string) (any, error) {
	if err := may(ctx, do); err != nil {
		return nil, err
	}
	return next(ctx)
}

// may is why the viewer is not let in, or nil. Is somebody signed in, is nothing in the way,
// does the policy allow it?
func may(ctx context.Context, do string) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return fault.ErrUnauthenticated
	}
	if slices.Contains(asItself, do) {
		v = v.AtHome()
	}
	if err := pending(v, do); err != nil {
		return err
	}
	allowed, err := authz.Allows(v, do)
	if err != nil {
		return err
	}
	if !allowed {
		return refused(v, do)
	}
	return nil
}

// unlessByLink is the door of what is decided on a quote: to whoever names it by its ID. The
// mailed link is a door of its own.
func unlessByLink(ctx context.Context, quote *gid.ID) error {
	if quote == nil {
		return nil
	}
	return may(ctx, "quote.decide")
}

// MayUpload is why the viewer may not send files, or nil: asked before they are taken in. The one
// operation that takes a file is importData.
func MayUpload(ctx context.Context) error { return may(ctx, "data.import") }

// errActing says that the agent may do this itself, and not for a customer.
var errActing = errors.New("FORBIDDEN_WHILE_ACTING")

// refused is why an action is not allowed.
func refused(v *authz.Viewer, do string) error {
	if !v.ActsFor() {
		return fault.ErrForbidden
	}
	itself, err := authz.Allows(v.AtHome(), do)
	if err != nil || !itself {
		return fault.ErrForbidden
	}
	return errActing
}
