package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// CustomerCentreLink ties a user to who it is at the operator's customer centre (AC-12).
// A user has one, and an identity there is one user's. Unlinking deletes the row: the
// audit log knows what was.
type CustomerCentreLink struct{ ent.Schema }

func (CustomerCentreLink) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("centre.link", rows.Columns{Owner: "user_id"})}
}

func (CustomerCentreLink) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("issuer").Immutable(),
		field.String("subject").Immutable(),
		field.Time("linked_at").Immutable(),
	}
}

func (CustomerCentreLink) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
