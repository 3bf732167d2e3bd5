package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// OneTimeLink is a link in a mail that works once: an invitation (ID-03, ID-04), a
// password reset (ID-09), the confirmation of a new e-mail address (ID-13).
type OneTimeLink struct{ ent.Schema }

func (OneTimeLink) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("link.view", rows.Columns{})} }

func (OneTimeLink) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Enum("purpose").Values("INVITATION", "PASSWORD_RESET", "EMAIL_CHANGE").Immutable(),
		field.String("token_hash").Sensitive().Immutable(),
		// Where it was sent; for EMAIL_CHANGE this is the new address.
		field.String("email").Immutable(),
		// Who sent an invitation; nobody where a command made it.
		field.UUID("sent_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Time("created_at").Immutable(),
		field.Time("expires_at").Immutable(),
		field.Time("used_at").Optional().Nillable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

func (OneTimeLink) Edges() []ent.Edge {
	return []ent.Edge{edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable()}
}

func (OneTimeLink) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// Registration is somebody who registered and waits for an activation code (ID-06).
// It belongs to the operator: whose user it becomes shows when the code is used.
type Registration struct{ ent.Schema }

func (Registration) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("link.view", rows.Columns{})} }

func (Registration) Fields() []ent.Field {
	return []ent.Field{
		field.String("company").Immutable(),
		field.String("customer_number").Immutable(),
		field.String("title").Immutable(),
		field.String("first_name").Immutable(),
		field.String("last_name").Immutable(),
		field.String("email").Immutable(),
		field.String("email_key").Immutable(),
		field.String("phone").Immutable(),
		field.Enum("language").Values("de", "en").Immutable(),
		field.String("code_hash").Sensitive(),
		field.Time("created_at").Immutable(),
		field.Time("expires_at"),
		field.Time("used_at").Optional().Nillable(),
	}
}

func (Registration) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// RecoveryCode replaces, once, the device that makes a user's one-time codes (ID-18).
type RecoveryCode struct{ ent.Schema }

func (RecoveryCode) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("link.view", rows.Columns{})} }

func (RecoveryCode) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("code_hash").Sensitive().Immutable(),
		field.Time("used_at").Optional().Nillable(),
	}
}

func (RecoveryCode) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
