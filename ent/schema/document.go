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
)

// Document is a file about an order or a contract (CO-04); its content is in the blob store.
// It is seen by whoever sees the order or the contract, for whom the policy says the same;
// that invoices need more is asked by package company.
type Document struct{ ent.Schema }

func (Document) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("order.view", rows.Columns{Owner: "placed_by_id", Contract: "contract_id"})}
}

func (Document) Fields() []ent.Field {
	return []ent.Field{
		// Empty where it is about the contract alone.
		field.UUID("order_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		// Who placed the order and on which contract: what the wall of the row asks.
		field.UUID("placed_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Enum("kind").Values("ORDER_CONFIRMATION", "DELIVERY_NOTE", "INVOICE", "OTHER").Immutable(),
		field.String("number").Immutable(),
		field.String("issued_on").GoType(day.Day("")).SchemaType(date).Immutable(),
		// As it came, so that it is made harmless wherever it is shown.
		field.String("filename").Immutable(),
		field.String("media_type").Immutable(),
		field.Int64("size").Immutable(),
		field.String("sha256").Immutable(),
		field.String("blob_key").Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (Document) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("order", Order.Type).Field("order_id").Unique().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("contract", Contract.Type).Field("contract_id").Unique().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (Document) Hooks() []ent.Hook { return []ent.Hook{systemOnly, appendOnly} }

func (Document) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "doc"}}
}
