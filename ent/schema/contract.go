package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
)

// date is the column type of a calendar date.
var date = map[string]string{dialect.Postgres: "date", dialect.SQLite: "text"}

// CustomerNumber is the key under which contracts hang, for fixed line or mobile.
type CustomerNumber struct{ ent.Schema }

func (CustomerNumber) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("customer_number.view", rows.Columns{})}
}

func (CustomerNumber) Fields() []ent.Field {
	return []ent.Field{
		field.String("number"),
		field.Enum("line").Values("FIXED_LINE", "MOBILE", "GENERAL"),
		field.Time("created_at").Immutable(),
	}
}

func (CustomerNumber) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("contracts", Contract.Type).Ref("customer_number").Annotations(entgql.RelayConnection()),
	}
}

func (CustomerNumber) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (CustomerNumber) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "cno", Siblings: true}}
}

// Connection ties a master admin to a customer number: it holds all rights on all
// contracts under it, later ones too (AC-05).
type Connection struct{ ent.Schema }

func (Connection) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("connection.view", rows.Columns{Owner: "user_id"})}
}

func (Connection) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("customer_number_id", uuid.UUID{}).Immutable(),
		field.Time("connected_at").Immutable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

func (Connection) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable(),
		edge.To("customer_number", CustomerNumber.Type).Field("customer_number_id").Unique().Required().Immutable(),
	}
}

func (Connection) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// Contract is a service contract, a supply contract or a frame agreement (CO-01).
type Contract struct{ ent.Schema }

func (Contract) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("contract.VIEW", rows.Columns{Contract: "id", CustomerNumber: "customer_number_id"})}
}

func (Contract) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("customer_number_id", uuid.UUID{}).Optional().Nillable(),
		field.String("number").Annotations(entgql.OrderField("NUMBER")),
		field.String("access_number").Default(""),
		field.Enum("type").Values("SERVICE_CONTRACT", "SUPPLY_CONTRACT", "FRAME_AGREEMENT"),
		field.Enum("state").Values("ACTIVE", "EXPIRED", "TERMINATED").Default("ACTIVE"),
		field.UUID("product_id", uuid.UUID{}).Optional().Nillable(),
		field.String("valid_from").GoType(day.Day("")).SchemaType(date).Annotations(entgql.OrderField("VALID_FROM")),
		field.String("valid_to").GoType(day.Day("")).SchemaType(date).Optional().Nillable(),
		// Sums over the positions where they have one unit; empty otherwise.
		field.Int64("agreed_quantity").GoType(money.Decimal{}).Optional().Nillable(),
		field.Int64("called_off_quantity").GoType(money.Decimal{}).Optional().Nillable(),
		field.String("unit").Optional().Nillable(),
		// What orders made of it: where it is, its numbers, and the provider that it came from (OR-06).
		field.JSON("site", &account.Address{}).Optional(),
		field.JSON("numbers", []string{}).Default([]string{}),
		field.String("previous_provider").Default(""),
		field.Time("created_at").Immutable(),
	}
}

func (Contract) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tenant", Tenant.Type).Field("tenant_id").Unique().Required().Immutable(),
		edge.To("customer_number", CustomerNumber.Type).Field("customer_number_id").Unique(),
		edge.To("product", Product.Type).Field("product_id").Unique(),
		edge.To("positions", ContractPosition.Type),
		edge.To("orders", Order.Type).Annotations(entgql.RelayConnection()),
	}
}

func (Contract) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (Contract) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "con", Siblings: true}}
}

// ContractPosition is an agreed quantity of a product, called off by orders.
type ContractPosition struct{ ent.Schema }

func (ContractPosition) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("contract.VIEW", rows.Columns{Contract: "contract_id"})}
}

func (ContractPosition) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("contract_id", uuid.UUID{}).Immutable(),
		field.Int("position"),
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.Int64("agreed_quantity").GoType(money.Decimal{}),
		field.Int64("called_off_quantity").GoType(money.Decimal{}),
		field.String("unit"),
		field.Int64("price_amount").GoType(money.Decimal{}),
		field.String("currency"),
	}
}

func (ContractPosition) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("contract", Contract.Type).Ref("positions").Field("contract_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("product", Product.Type).Field("product_id").Unique().Required().Immutable(),
	}
}

func (ContractPosition) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (ContractPosition) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "cpo", InOrder: true}}
}

// Grant is one right of one person on one contract, by delegation from a master
// admin or by transfer from another company (AC-04). It is live until revoked_at.
type Grant struct{ ent.Schema }

func (Grant) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("grant.view", rows.Columns{Owner: "holder_id"})}
}

func (Grant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("contract_id", uuid.UUID{}).Immutable(),
		field.UUID("holder_id", uuid.UUID{}).Immutable(),
		field.Enum("right").Values("VIEW", "ORDER", "CONFIGURE", "BILLING", "ADMINISTER", "COMMERCIAL_CONTACT").Immutable(),
		field.Enum("kind").Values("DELEGATION", "TRANSFER").Immutable(),
		field.UUID("granted_by_id", uuid.UUID{}).Immutable(),
		// The grant that this one passes on: when that goes, this goes.
		field.UUID("parent_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("transfer_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Time("created_at").Immutable(),
		field.Time("revoked_at").Optional().Nillable(),
		field.UUID("revoked_by_id", uuid.UUID{}).Optional().Nillable(),
	}
}

func (Grant) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("contract", Contract.Type).Field("contract_id").Unique().Required().Immutable(),
		edge.To("holder", User.Type).Field("holder_id").Unique().Required().Immutable(),
		edge.To("granted_by", User.Type).Field("granted_by_id").Unique().Required().Immutable(),
	}
}

func (Grant) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
