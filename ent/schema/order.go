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

// Order is a placed order. It took everything along as it stood and is never
// editable (OR-01): only its state, the contract that comes of it and whether it is called off
// from one change, and triggers in the database hold that for whoever asks.
type Order struct{ ent.Schema }

func (Order) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("order.view", rows.Columns{Owner: "placed_by_id", Contract: "contract_id"}), assigned{}}
}

func (Order) Fields() []ent.Field {
	return []ent.Field{
		field.String("number").Immutable().Annotations(entgql.OrderField("NUMBER")),
		field.String("name").Immutable().Default(""),
		field.String("customer_order_number").Immutable().Default(""),
		field.String("reference_number").Immutable().Default(""),
		field.Enum("state").Values("PENDING_APPROVAL", "REJECTED", "WITHDRAWN", "IN_PROGRESS", "COMPLETED", "ERROR"),
		field.Enum("business_case").Immutable().Values("NEW_ORDER", "ADDITIONAL_ORDER", "CONTRACT_RENEWAL", "TARIFF_CHANGE",
			"CONTRACT_AMENDMENT", "NEW_SITE_WITH_PROVIDER_SWITCH", "NEW_NUMBERS_FOR_SITE", "PROVIDER_SWITCH_FOR_SITE"),
		field.Enum("channel").Immutable().Values("ONLINE", "PHONE", "PAPER"),
		field.Time("placed_at").Immutable().Annotations(entgql.OrderField("PLACED_AT")),
		field.UUID("placed_by_id", uuid.UUID{}).Immutable(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable(),
		// Whether the quantities of its positions are called off from the contract now: never twice,
		// and never given back twice (OR-12).
		field.Bool("called_off").Default(false).Annotations(entgql.Skip(entgql.SkipAll)),
		// The quote that it came from, and who agreed to it (OR-04).
		field.UUID("quote_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("agreed_name").Optional().Nillable().Immutable(),
		field.String("agreed_email").Optional().Nillable().Immutable(),
		// The user of the tenant who did so by the link: it has ordered, whoever placed the order.
		field.UUID("agreed_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Int64("net_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("tax_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("gross_amount").GoType(money.Decimal{}).Immutable(),
		field.String("currency").Immutable(),
		field.JSON("details", &account.OrderDetails{}).Optional().Immutable(),
		// The addresses that the receipt was mailed to (OR-08).
		field.JSON("receipt_to", []string{}).Optional().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		// Whether it is processed without people: all that was ordered can be (OR-07).
		field.Bool("automatic").Immutable().Default(false),
		// Whether it came from the ERP, as orders by phone and on paper do (OR-09).
		field.Bool("imported").Immutable().Default(false).Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (Order) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("items", OrderItem.Type),
		edge.To("events", OrderEvent.Type).Annotations(entgql.MapsTo("history")),
		edge.To("messages", OrderMessage.Type),
		edge.To("job", OrderJob.Type).Unique().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("needs", ApprovalNeed.Type).Annotations(entgql.Skip(entgql.SkipAll)),
		// Who is on an order is told by package ordering, also where it is of another company.
		edge.To("placed_by", User.Type).Field("placed_by_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.From("contract", Contract.Type).Ref("orders").Field("contract_id").Unique(),
		edge.From("quote", Quote.Type).Ref("order").Field("quote_id").Unique().Immutable(),
		edge.To("telephony_user", TelephonyUser.Type).Unique(),
		edge.To("tenant", Tenant.Type).Field("tenant_id").Unique().Required().Immutable(),
	}
}

func (Order) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "ord", Siblings: true}}
}

// OrderItem is a position of an order, as it was ordered.
type OrderItem struct{ ent.Schema }

func (OrderItem) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("order.view", rows.Columns{Owner: "placed_by_id", Contract: "contract_id"}), assigned{}}
}

func (OrderItem) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("order_id", uuid.UUID{}).Immutable(),
		// Who placed the order and on which contract: what the wall of the row asks.
		field.UUID("placed_by_id", uuid.UUID{}).Immutable(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		// What it calls off from; empty where it is at list price (OR-12).
		field.UUID("contract_position_id", uuid.UUID{}).Optional().Nillable().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Int("position").Immutable(),
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.String("sku").Immutable(),
		field.String("product_name").Immutable(),
		field.String("unit").Immutable(),
		field.Int64("quantity").GoType(money.Decimal{}).Immutable(),
		field.Int64("unit_price_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("line_total_amount").GoType(money.Decimal{}).Immutable(),
		field.Int64("tax_rate").GoType(money.Decimal{}).Immutable(),
		field.String("currency").Immutable(),
		field.String("wished_date").GoType(day.Day("")).SchemaType(date).Optional().Nillable().Immutable(),
		field.JSON("delivery_address", &account.Address{}).Optional().Immutable(),
	}
}

func (OrderItem) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("items").Field("order_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (OrderItem) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (OrderItem) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "oit", InOrder: true}}
}

// OrderEvent is a step in the life of an order (OR-05).
type OrderEvent struct{ ent.Schema }

func (OrderEvent) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("order.view", rows.Columns{Owner: "placed_by_id", Contract: "contract_id"})}
}

func (OrderEvent) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("order_id", uuid.UUID{}).Immutable(),
		field.UUID("placed_by_id", uuid.UUID{}).Immutable(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Time("at").Immutable(),
		field.Enum("state").Values("PENDING_APPROVAL", "REJECTED", "WITHDRAWN", "IN_PROGRESS", "COMPLETED", "ERROR").Immutable(),
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("note").Immutable().Default(""),
	}
}

func (OrderEvent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("events").Field("order_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("actor", User.Type).Field("actor_id").Unique().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (OrderEvent) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Siblings: true, InOrder: true}}
}

func (OrderEvent) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

// OrderJob is what is left to do of an order that is processed automatically (OR-07).
type OrderJob struct{ ent.Schema }

func (OrderJob) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("job.view", rows.Columns{})} }

func (OrderJob) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("order_id", uuid.UUID{}).Immutable(),
		field.Enum("step").Values("PROVISION", "CONCLUDE"),
		// What came back from outside; empty until then.
		field.JSON("answer", &account.Provisioned{}).Optional(),
		// How often the step failed since it was begun or tried again by a person.
		field.Int("failures").Default(0),
		// How often a worker took it: only the last one may write what became of it.
		field.Int("takes").Default(0),
		field.Time("next_attempt_at"),
		field.String("last_error").Default(""),
		field.Time("created_at").Immutable(),
		field.Time("ended_at").Optional().Nillable(),
	}
}

func (OrderJob) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("job").Field("order_id").Unique().Required().Immutable(),
	}
}

func (OrderJob) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (OrderJob) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// NumberSeries hands out the numbers of a tenant, of orders, quotes and contracts, without gaps: its row is
// locked until what it numbers is committed.
type NumberSeries struct{ ent.Schema }

func (NumberSeries) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("order.place", rows.Columns{})} }

func (NumberSeries) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("kind").Values("ORDER", "QUOTE", "CONTRACT").Immutable(),
		field.Int64("next").Default(1),
	}
}

func (NumberSeries) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// IdempotencyKey remembers what a request did, so that the same request sent
// twice does it once. It is written in the transaction of the effect.
type IdempotencyKey struct{ ent.Schema }

func (IdempotencyKey) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("request.repeat", rows.Columns{Owner: "user_id"})}
}

func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("operation").Immutable(),
		field.String("key").Immutable(),
		field.String("input_hash").Immutable(),
		field.UUID("result_id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (IdempotencyKey) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (IdempotencyKey) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
