// Package schema describes the data: one entity a file, and here the walls that
// every tenant-owned table has. No process, no mail, no Redis.
package schema

import (
	"context"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/authz/rows"
)

// identified gives an entity its key: a UUIDv7, which sorts by time and cannot be
// guessed.
type identified struct{ mixin.Schema }

func (identified) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Default(newID),
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// scoped gives an entity a tenant and its walls: reads see the rows that the
// policy's action allows the viewer, writes touch only rows of the tenant that
// the viewer works for, and without a viewer nothing happens at all (AC-01).
type scoped struct {
	mixin.Schema
	// action is the policy's action for reading these rows; empty for tables
	// that no viewer reads.
	action  string
	columns rows.Columns
}

// ownedBy is the usual scope: a tenant column, and whatever else columns names.
func scopedBy(action string, columns rows.Columns) scoped {
	columns.Tenant = "tenant_id"
	return scoped{action: action, columns: columns}
}

func (scoped) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable().Default(newID),
		field.UUID("tenant_id", uuid.UUID{}).Immutable(),
	}
}

func (s scoped) Interceptors() []ent.Interceptor {
	return []ent.Interceptor{ent.TraverseFunc(func(ctx context.Context, q ent.Query) error {
		return restrict(ctx, s.action, s.columns, q)
	})}
}

func (s scoped) Hooks() []ent.Hook {
	return []ent.Hook{func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			if err := s.guard(ctx, m); err != nil {
				return nil, err
			}
			return next.Mutate(ctx, m)
		})
	}}
}

// restrict adds the viewer's predicate to a query.
func restrict(ctx context.Context, action string, columns rows.Columns, q ent.Query) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if v.IsSystem() {
		return nil
	}
	visible, err := rows.Visible(v, action, columns)
	if err != nil {
		return err
	}
	filtered, ok := q.(interface{ WhereP(...func(*sql.Selector)) })
	if !ok {
		return fmt.Errorf("%T cannot be restricted to what the viewer may see", q)
	}
	filtered.WhereP(visible)
	return nil
}

// guard keeps a write within the tenant that the viewer works for. For a new row
// it is not enough that its parents' IDs exist: composite foreign keys in the
// database refuse a parent of another tenant.
func (s scoped) guard(ctx context.Context, m ent.Mutation) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if v.IsSystem() {
		return nil
	}
	if m.Op().Is(ent.OpCreate) {
		tenant, set := m.Field("tenant_id")
		if set && tenant != v.Tenant {
			return fmt.Errorf("a new %s belongs to the tenant that the viewer works for, and to no other", m.Type())
		}
		return m.SetField("tenant_id", v.Tenant)
	}
	mutation, ok := m.(interface{ WhereP(...func(*sql.Selector)) })
	if !ok {
		return fmt.Errorf("%T cannot be restricted to the viewer's tenant", m)
	}
	mutation.WhereP(func(sel *sql.Selector) { sel.Where(sql.EQ(sel.C(s.columns.Tenant), v.Tenant)) })
	if s.columns.Owner != "" && s.ownOnly() {
		mutation.WhereP(func(sel *sql.Selector) { sel.Where(sql.EQ(sel.C(s.columns.Owner), v.User)) })
	}
	return nil
}

// ownOnly tells whether rows of this action are a person's own: what one only
// sees as the owner, or because the owner shares it, one only changes as the owner.
func (s scoped) ownOnly() bool {
	return s.action == "cart.use" || s.action == "saved_cart.use" || s.action == "address.use" || s.action == "centre.link" || s.action == "telephony.order"
}

// API says under which kind an entity appears in global IDs; entities without it
// have no ID in the API.
type API struct {
	Kind string
	// Siblings makes every entity remember what else its query loaded, so that
	// what belongs to all of them is read in one statement.
	Siblings bool
	// InOrder gives the entities of a list in the order of their creation, which
	// is the order of their keys, unless the query says another.
	InOrder bool
}

// Name is the key under which templates find the annotation.
func (API) Name() string { return "API" }

var _ entschema.Annotation = API{}
