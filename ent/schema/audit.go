package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// AuditEntry is one change, as it was made (AC-13). Nobody changes it: each entry of a
// tenant carries the hash of the one before.
type AuditEntry struct{ ent.Schema }

func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("audit.view", rows.Columns{})} }

func (AuditEntry) Fields() []ent.Field {
	skipped := entgql.Skip(entgql.SkipAll)
	return []ent.Field{
		field.Int64("sequence").Immutable(),
		field.Time("at").Immutable().Annotations(entgql.OrderField("AT")),
		field.String("action").Immutable(),
		// Who did it, as it was called then; nobody where the server did.
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("actor_username").Immutable(),
		field.String("actor_tenant").Immutable(),
		field.String("subject_kind").Immutable(),
		field.UUID("subject_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("subject_label").Immutable(),
		// JSON objects; empty where there is nothing.
		field.String("before").Immutable(),
		field.String("after").Immutable(),
		field.String("ip_address").Immutable(),
		field.String("request_id").Immutable(),
		field.String("previous_hash").Immutable().Annotations(skipped),
		field.String("hash").Immutable().Annotations(skipped),
	}
}

func (AuditEntry) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (AuditEntry) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "aud"}}
}

// AuditHead is where a tenant's chain ends.
type AuditHead struct{ ent.Schema }

func (AuditHead) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("audit.view", rows.Columns{})} }

func (AuditHead) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("sequence"),
		field.String("hash"),
	}
}

func (AuditHead) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
