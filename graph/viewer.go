package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"kontor/authz"
	"kontor/graph/model"
	"kontor/internal/identity"
	"kontor/internal/session"
)

// viewerOf is a viewer as the API shows it.
func viewerOf(v *authz.Viewer) *model.Viewer {
	shown := &model.Viewer{Of: v, Roles: v.Roles, PendingSteps: v.Pending}
	if shown.Roles == nil {
		shown.Roles = []authz.Role{}
	}
	if shown.PendingSteps == nil {
		shown.PendingSteps = []authz.Step{}
	}
	return shown
}

// sessionsOf are sessions as the API shows them, with the viewer's own marked.
func sessionsOf(ctx context.Context, all []session.Session) ([]*model.Session, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]*model.Session, len(all))
	for i, s := range all {
		shown[i] = &model.Session{
			ID: identity.SessionID(s), Current: s.ID == v.Session, Device: s.Device, IPAddress: s.IPAddress,
			CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt,
		}
	}
	return shown, nil
}

// renewing has an app take another token where the operation asks for one: the context is for what changes
// privileges, and the token comes with it.
func renewing(ctx context.Context) (context.Context, *identity.Renewed) {
	renewed := &identity.Renewed{}
	if slices.ContainsFunc(graphql.CollectFieldsCtx(ctx, nil), func(f graphql.CollectedField) bool { return f.Name == "token" }) {
		ctx = identity.Renewing(ctx, renewed)
	}
	return ctx, renewed
}

// atHome is a context in which an agent is itself, whomever it acts for.
func atHome(ctx context.Context) (context.Context, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return authz.NewContext(ctx, v.AtHome()), nil
}

// unlessEmpty is a value that may be null.
func unlessEmpty[T ~string](text T) *T {
	if text == "" {
		return nil
	}
	return &text
}
