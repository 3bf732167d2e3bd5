package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
	"kontor/internal/day"
	"kontor/internal/money"
)

// AlloyGroup is a part of a company's conversion account: its metal of one kind at the
// supplier (CO-03). What there is of it is the sum of its bookings.
type AlloyGroup struct{ ent.Schema }

func (AlloyGroup) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("conversion.view", rows.Columns{})}
}

func (AlloyGroup) Fields() []ent.Field {
	return []ent.Field{
		field.String("code").Immutable(),
		field.String("name"),
		field.String("unit").Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (AlloyGroup) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (AlloyGroup) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "alg", Siblings: true}}
}

// Booking is metal that came in, went out or was counted anew. It is never changed: one that
// was wrong is reversed by another.
type Booking struct{ ent.Schema }

func (Booking) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("conversion.view", rows.Columns{})}
}

func (Booking) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("alloy_group_id", uuid.UUID{}).Immutable(),
		field.String("reference").Immutable(),
		field.String("booked_on").GoType(day.Day("")).SchemaType(date).Immutable(),
		field.Enum("kind").Values("RECEIPT", "WITHDRAWAL", "ADJUSTMENT", "LOSS", "REVERSAL").Immutable(),
		// What comes in is above zero, what goes out below. No balance is stored beside it: a
		// booking that comes late would make those after it wrong.
		field.Int64("quantity").GoType(money.Decimal{}).Immutable(),
		field.String("note").Immutable().Default(""),
		field.UUID("reverses_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (Booking) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("alloy_group", AlloyGroup.Type).Field("alloy_group_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (Booking) Hooks() []ent.Hook { return []ent.Hook{systemOnly, appendOnly} }

func (Booking) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "bok", Siblings: true}}
}
