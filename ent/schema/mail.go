package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"kontor/authz/rows"
)

// Mail is a mail to send, written in the transaction of what it is about: a
// rollback sends none and a crash loses none.
type Mail struct{ ent.Schema }

func (Mail) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("mail.view", rows.Columns{})} }

func (Mail) Fields() []ent.Field {
	return []ent.Field{
		field.String("recipient").Immutable(),
		field.String("subject").Immutable(),
		// Sealed, because it may hold a link or a code; empty once the mail was sent.
		field.String("text").Sensitive(),
		field.String("html").Sensitive(),
		field.Time("created_at").Immutable(),
		field.Time("sent_at").Optional().Nillable(),
		field.Time("next_attempt_at"),
		field.Int("attempts").Default(0),
		field.String("last_error").Default(""),
	}
}

func (Mail) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
