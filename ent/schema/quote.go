package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Quote is an offer to a tenant (OR-04). It took a cart along as it stood; what changes is
// what the customer decides, once, and triggers in the database hold that for whoever asks.
type Quote struct{ ent.Schema }

func (Quote) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("quote.view", rows.Columns{}), assigned{}}
}

func (Quote) Fields() []ent.Field {
	return []ent.Field{
		field.String("number").Immutable().Annotations(entgql.OrderField("NUMBER")),
		field.String("name").Immutable().Default(""),
		field.String("customer_order_number").Immutable().Default(""),
		field.String("reference_number").Immutable().Default(""),
		// One that is open for longer than it is valid has expired: package ordering tells.
		field.Enum("state").Values("OPEN", "ACCEPTED", "DECLINED").Default("OPEN"),
		field.UUID("made_by_id", uuid.UUID{}).Immutable(),
		// The company of who made it.
		field.UUID("seller_id", uuid.UUID{}).Immutable(),
		field.String("valid_until").GoType(day.Day("")).SchemaType(date).Immutable(),
		field.String("note").Immutable().Default(""),
		field.String("recipient_email").Immutable(),
		field.String("token_hash").Sensitive().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Int64("net_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("tax_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("gross_amount").GoType(money.Decimal{}).Immutable(),
		field.String("currency").Immutable(),
		field.Time("created_at").Immutable().Annotations(entgql.OrderField("CREATED_AT")),
		field.Time("decided_at").Optional().Nillable(),
		// Nobody, where it was decided by the link.
		field.UUID("decided_by_id", uuid.UUID{}).Optional().Nillable(),
		field.String("agreed_name").Optional().Nillable(),
		field.String("agreed_email").Optional().Nillable(),
		// By which the same request is known when it comes again.
		field.String("accept_hash").Sensitive().Optional().Nillable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.String("reason").Default(""),
	}
}

func (Quote) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("items", QuoteItem.Type),
		edge.To("order", Order.Type).Unique(),
		edge.To("tenant", Tenant.Type).Field("tenant_id").Unique().Required().Immutable(),
	}
}

func (Quote) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "quo", Siblings: true}}
}

// QuoteItem is a position of a quote, as it was offered.
type QuoteItem struct{ ent.Schema }

func (QuoteItem) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("quote.view", rows.Columns{}), assigned{}}
}

func (QuoteItem) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("quote_id", uuid.UUID{}).Immutable(),
		field.Int("position").Immutable(),
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.String("sku").Immutable(),
		field.String("product_name").Immutable(),
		field.String("unit").Immutable(),
		// Whether the product was processed without a person (OR-07).
		field.Bool("automatic").Immutable().Default(false),
		field.Int64("quantity").GoType(money.Decimal{}).Immutable(),
		field.Int64("unit_price_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("line_total_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("tax_rate").GoType(money.Decimal{}).Immutable(),
		field.String("currency").Immutable(),
		field.String("wished_date").GoType(day.Day("")).SchemaType(date).Optional().Nillable().Immutable(),
		field.JSON("delivery_address", &account.Address{}).Optional().Immutable(),
	}
}

func (QuoteItem) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("quote", Quote.Type).Ref("items").Field("quote_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (QuoteItem) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (QuoteItem) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "qit", InOrder: true}}
}
