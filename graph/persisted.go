package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/internal/fault"
	"kontor/internal/persisted"
)

const (
	// CodePersistedQueryNotFound asks the client for the text of an operation that it named.
	CodePersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND"
	// CodeNotAllowed is for operations that no client was built with.
	CodeNotAllowed = "OPERATION_NOT_ALLOWED"
)

// named lets clients name operations by their hash, as extensions.persistedQuery has it.
type named struct{ store *persisted.Store }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = named{}

func (named) ExtensionName() string                   { return "NamedOperations" }
func (named) Validate(graphql.ExecutableSchema) error { return nil }

// register keeps what a client named and sent, once everything else found it to be good.
type register struct{ store *persisted.Store }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = register{}

func (register) ExtensionName() string                   { return "RegisteredOperations" }
func (register) Validate(graphql.ExecutableSchema) error { return nil }

// Named tells whether a request names an operation instead of sending one.
func Named(extensions map[string]any) bool {
	hash, err := hashIn(extensions)
	return err != nil || hash != ""
}

// hashIn gives the hash by which a request names its operation, empty where it does not.
func hashIn(extensions map[string]any) (string, error) {
	given, found := extensions["persistedQuery"]
	if !found {
		return "", nil
	}
	object, _ := given.(map[string]any)
	version, err := graphql.UnmarshalInt(object["version"])
	hash, isText := object["sha256Hash"].(string)
	if err != nil || version != 1 || !isText || hash == "" || len(hash) > 128 {
		return "", errors.New(`extensions.persistedQuery is not of the form {"version": 1, "sha256Hash": "…"}`)
	}
	return hash, nil
}

func (n named) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	hash, err := hashIn(params.Extensions)
	if err != nil {
		return coded(CodeBadUserInput, err)
	}
	if params.Query != "" {
		err = n.store.Check(params.Query, hash)
	} else {
		params.Query, err = n.store.Text(ctx, hash)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, persisted.ErrUnknown):
		return coded(CodePersistedQueryNotFound, err)
	case errors.Is(err, persisted.ErrNotAllowed):
		return coded(CodeNotAllowed, err)
	case errors.Is(err, persisted.ErrHash):
		return coded(CodeBadUserInput, err)
	default:
		return gqlerror.Wrap(err)
	}
}

func (r register) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	hash, err := hashIn(op.Extensions)
	if err != nil || hash == "" {
		return nil
	}
	if err := r.store.Keep(ctx, hash, op.RawQuery); err != nil {
		return gqlerror.Wrap(errors.Join(fault.ErrUnavailable, err))
	}
	return nil
}

func coded(code string, err error) *gqlerror.Error {
	told := gqlerror.Errorf("%s", err.Error())
	errcode.Set(told, code)
	return told
}
