package schema

import (
	"context"
	"fmt"

	"entgo.io/ent"

	"kontor/authz"
)

// systemOnly refuses writes by viewers: such rows come from the operator's
// import and from the server itself.
func systemOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, err
		}
		if !v.IsSystem() {
			return nil, fmt.Errorf("a %s is not changed by viewers", m.Type())
		}
		return next.Mutate(ctx, m)
	})
}

// appendOnly refuses to change or delete rows, whoever asks. Triggers in the
// database refuse it as well, for whoever does not come this way.
func appendOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if !m.Op().Is(ent.OpCreate) {
			return nil, fmt.Errorf("a %s is written once and never changed", m.Type())
		}
		return next.Mutate(ctx, m)
	})
}
