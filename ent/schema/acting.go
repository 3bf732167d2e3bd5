package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// ActingSession is a session in which an agent acts for a customer (AC-02). It is the
// agent's, and so of the agent's company.
type ActingSession struct{ ent.Schema }

func (ActingSession) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("viewer.view", rows.Columns{Owner: "user_id"})}
}

func (ActingSession) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("session_id", uuid.UUID{}).Immutable(),
		field.UUID("customer_id", uuid.UUID{}),
		field.Time("created_at").Immutable(),
	}
}

func (ActingSession) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
