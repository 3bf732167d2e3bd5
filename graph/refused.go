package graph

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/gid"
	"kontor/internal/identity"
)

// attempts has the log say what was refused to somebody who is logged in: an operation that its roles
// do not allow, and an object of another company that it named (PRIV-03). It does so behind the answer,
// which is the same and takes as long whether there is such an object or not.
type attempts struct{ r *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = attempts{}

func (attempts) ExtensionName() string                   { return "Attempts" }
func (attempts) Validate(graphql.ExecutableSchema) error { return nil }

// refusedKey is where an operation notes that something was refused.
type refusedKey struct{}

type refusedNote struct {
	mu              sync.Mutex
	some, forbidden bool
}

// noteRefused notes that something of the operation was not there for the viewer, or was not allowed.
func noteRefused(ctx context.Context, forbidden bool) {
	if n, ok := ctx.Value(refusedKey{}).(*refusedNote); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.some, n.forbidden = true, n.forbidden || forbidden
	}
}

// take gives what was noted, once: a subscription answers several times.
func (n *refusedNote) take() (some, forbidden bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	some, forbidden = n.some, n.forbidden
	n.some, n.forbidden = false, false
	return some, forbidden
}

func (attempts) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	return next(context.WithValue(ctx, refusedKey{}, &refusedNote{}))
}

func (x attempts) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	n, _ := ctx.Value(refusedKey{}).(*refusedNote)
	if n == nil {
		return response
	}
	if _, err := authz.FromContext(ctx); err != nil {
		return response // who is not logged in, is in no log
	}
	if some, forbidden := n.take(); some {
		op := graphql.GetOperationContext(ctx)
		x.r.identity.NoteRefusal(ctx, fieldsOf(op), forbidden, func(ctx context.Context) (*identity.Object, error) {
			return x.r.foreign(ctx, idsOf(op))
		})
	}
	return response
}

// foreign is the first of the objects with these IDs that belongs to another company and is not open to
// the viewer; nil where there is none.
func (r *Resolver) foreign(ctx context.Context, ids []gid.ID) (*identity.Object, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		kind, key, ok := id.Split()
		if !ok || tables[kind] == "" {
			continue
		}
		owner, err := r.identity.OwnerOf(ctx, tables[kind], key)
		if err != nil {
			return nil, err
		}
		if owner == uuid.Nil || owner == v.Tenant || owner == v.AtHome().Tenant {
			continue
		}
		if _, err := r.client.Noder(ctx, key, ent.WithFixedNodeType(tables[kind])); isNotFound(err) {
			return &identity.Object{Kind: typeOf(kind), Key: key, Owner: owner}, nil
		} else if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// typeOf is what the API calls a kind, where the log names it; otherwise the kind itself.
func typeOf(kind string) string {
	for name, k := range kinds {
		if k == kind {
			return name
		}
	}
	return kind
}

// maxNamed bounds the IDs of an operation that are looked at, each of them by a query or two.
const maxNamed = 10

// fieldsOf are the names of the fields that an operation begins with, as the schema has them: what a
// client calls its operation may be anything.
func fieldsOf(op *graphql.OperationContext) []string {
	var names []string
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		if !slices.Contains(names, f.Name) && len(names) < 5 {
			names = append(names, f.Name)
		}
	}
	return names
}

var errEnough = errors.New("enough")

// idsOf are the global IDs in an operation, in its variables and in the document.
func idsOf(op *graphql.OperationContext) []gid.ID {
	var ids []gid.ID
	add := func(text string) error {
		if _, _, ok := gid.ID(text).Split(); ok && !slices.Contains(ids, gid.ID(text)) {
			ids = append(ids, gid.ID(text))
		}
		if len(ids) >= maxNamed {
			return errEnough
		}
		return nil
	}
	var within func(value any) error
	within = func(value any) error {
		switch v := value.(type) {
		case string:
			return add(v)
		case []any:
			for _, each := range v {
				if err := within(each); err != nil {
					return err
				}
			}
		case map[string]any:
			for _, each := range v {
				if err := within(each); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if within(op.Variables) != nil {
		return ids
	}
	var written func(v *ast.Value) error
	written = func(v *ast.Value) error {
		if v == nil {
			return nil
		}
		if v.Kind == ast.StringValue {
			return add(v.Raw)
		}
		for _, child := range v.Children {
			if err := written(child.Value); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		for _, a := range f.Arguments {
			if written(a.Value) != nil {
				return ids
			}
		}
	}
	return ids
}
