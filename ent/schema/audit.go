package schema

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// AuditEntry is one change, as it was made (AC-13), or one thing that happened around ways in
// and data (PRIV-03). Nobody changes it: each entry of a tenant carries the hash of the one
// before. What it says of people can be taken out, when its time is over or somebody is
// erased: the hash is over seals of these parts and not over the parts (docs/adr/0020).
type AuditEntry struct{ ent.Schema }

func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("audit.view", rows.Columns{})} }

func (AuditEntry) Fields() []ent.Field {
	skipped := entgql.Skip(entgql.SkipAll)
	return []ent.Field{
		field.Int64("sequence").Immutable(),
		field.Time("at").Immutable().Annotations(entgql.OrderField("AT")),
		field.String("action").Immutable(),
		field.Enum("class").Values("CHANGE", "SECURITY").Default("CHANGE").Immutable().Annotations(entgql.MapsTo("kind")),
		field.Enum("result").Values("DONE", "REFUSED").Default("DONE").Immutable(),
		// Who did it, as it was called then; nobody where the server did.
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("actor_username"),
		field.String("actor_tenant"),
		field.String("subject_kind").Immutable(),
		field.UUID("subject_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("subject_label"),
		// JSON objects; empty where there is nothing.
		field.String("before"),
		field.String("after"),
		field.String("ip_address"),
		field.String("request_id").Immutable(),
		field.String("previous_hash").Immutable().Annotations(skipped),
		field.String("hash").Immutable().Annotations(skipped),
		// Of the secret that the hash was made with; empty where it was made with none.
		field.String("key_id").Default("").Immutable().Annotations(skipped),
		// Digests of what it says of the actor, the origin and the subject, each made with a salt;
		// without the salt a digest tells nothing. A dash is in the place of a salt that is gone.
		field.String("seals").Default("").Annotations(skipped),
		field.String("salts").Default("").Annotations(skipped),
	}
}

func (AuditEntry) Hooks() []ent.Hook { return []ent.Hook{onlyEmptied} }

// onlyEmptied lets nothing of an entry be changed but what it says of people. Triggers let
// that be taken out only, and entries be deleted only where the end of the chain says that
// it was cut.
func onlyEmptied(next ent.Mutator) ent.Mutator {
	personal := []string{"actor_username", "actor_tenant", "subject_label", "before", "after", "ip_address", "seals", "salts"}
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		for _, changed := range m.Fields() {
			if m.Op().Is(ent.OpUpdate|ent.OpUpdateOne) && !slices.Contains(personal, changed) {
				return nil, fmt.Errorf("the %s of a %s is written once and never changed", changed, m.Type())
			}
		}
		return next.Mutate(ctx, m)
	})
}

func (AuditEntry) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "aud"}}
}

// AuditHead is where a tenant's chain ends, and where it begins since old entries were cut.
type AuditHead struct{ ent.Schema }

func (AuditHead) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("audit.view", rows.Columns{})} }

func (AuditHead) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("sequence"),
		field.String("hash"),
		// From this entry on all are made with a secret; 0: none is yet.
		field.Int64("keyed_from").Default(0),
		// The last entry that was cut, and its hash.
		field.Int64("cut_sequence").Default(0),
		field.String("cut_hash").Default(""),
		field.Time("moved_at").Optional().Nillable(),
		// What only the secret makes of all that; empty where it was made with none.
		field.String("key_id").Default(""),
		field.String("mac").Default(""),
	}
}

func (AuditHead) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
