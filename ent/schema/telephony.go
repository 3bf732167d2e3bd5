package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"kontor/authz/rows"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/money"
)

// Portfolio is a range of telephony products that a company is offered, and for how long
// (WZ-01). What belongs to it are the operator's rules, by its name.
type Portfolio struct{ ent.Schema }

func (Portfolio) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.stock", rows.Columns{})}
}

func (Portfolio) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Immutable(),
		// The contract terms that can be chosen, in months.
		field.JSON("terms", []int{}),
		field.Bool("active").Default(true),
	}
}

func (Portfolio) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (Portfolio) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// PortfolioProduct is a rule: a product of a portfolio, what it is there, and what it fits
// (WZ-02).
type PortfolioProduct struct{ ent.Schema }

func (PortfolioProduct) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("portfolio.view", rows.Columns{})}
}

func (PortfolioProduct) Fields() []ent.Field {
	return []ent.Field{
		field.String("portfolio").Immutable(),
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.Enum("kind").Values("VOICE", "DATA", "SMS", "ADD_ON", "SIM"),
		// The voice products and the terms that it goes with; empty: all.
		field.JSON("voices", []uuid.UUID{}),
		field.JSON("terms", []int{}),
		field.Bool("active").Default(true),
	}
}

func (PortfolioProduct) Edges() []ent.Edge {
	return []ent.Edge{edge.To("product", Product.Type).Field("product_id").Unique().Required().Immutable()}
}

func (PortfolioProduct) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (PortfolioProduct) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// reserved is what a thing of the stock has: a wizard that reserves it for a while, or the
// telephony user that has it. Nobody has what is free, and a reservation that ran out counts
// as none (WZ-11).
type reserved struct{ mixin.Schema }

func (reserved) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("wizard_id", uuid.UUID{}).Optional().Nillable(),
		field.Time("reserved_until").Optional().Nillable(),
		field.UUID("telephony_user_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// SimCard is a SIM card that a company has in stock or in use (WZ-05).
type SimCard struct{ ent.Schema }

func (SimCard) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.stock", rows.Columns{}), reserved{}}
}

func (SimCard) Fields() []ent.Field {
	return []ent.Field{
		field.String("iccid").Immutable(),
		field.String("last_four").Immutable(),
		field.UUID("product_id", uuid.UUID{}),
		field.Time("created_at").Immutable(),
	}
}

func (SimCard) Annotations() []entschema.Annotation { return []entschema.Annotation{API{Kind: "sim"}} }

// PhoneNumber is a number that a company has in stock, or ports in (WZ-06). One to port in is
// there for as long as somebody has it.
type PhoneNumber struct{ ent.Schema }

func (PhoneNumber) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.stock", rows.Columns{}), reserved{}}
}

func (PhoneNumber) Fields() []ent.Field {
	return []ent.Field{
		field.String("number").Immutable(),
		field.Enum("origin").Values("STOCK", "PORT_IN").Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (PhoneNumber) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "num"}}
}

// Extension is an extension that somebody has (WZ-07): there are none in stock.
type Extension struct{ ent.Schema }

func (Extension) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.stock", rows.Columns{}), reserved{}}
}

func (Extension) Fields() []ent.Field { return []ent.Field{field.String("extension").Immutable()} }

func (Extension) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// EndUser is a person who telephones (WZ-04); it does not log in to the portal.
type EndUser struct{ ent.Schema }

func (EndUser) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.stock", rows.Columns{})}
}

func (EndUser) Fields() []ent.Field {
	return []ent.Field{
		field.String("username").Immutable(),
		field.String("username_key").Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.String("first_name"),
		field.String("prefix").Default(""),
		field.String("last_name"),
		field.String("email"),
		field.Enum("language").Values("de", "en").Default("de"),
		field.Time("created_at").Immutable(),
	}
}

func (EndUser) Annotations() []entschema.Annotation { return []entschema.Annotation{API{Kind: "eus"}} }

// Wizard is a wizard on its way to an order (WZ-09): what was entered, step by
// step, of the one who began it, for the company that it worked for.
type Wizard struct{ ent.Schema }

func (Wizard) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.order", rows.Columns{Owner: "user_id"})}
}

func (Wizard) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),

		field.String("portfolio").Default(""),
		field.String("reference").Default(""),
		field.String("start_date").GoType(day.Day("")).SchemaType(date).Optional().Nillable(),
		field.Int("term_months").Optional().Nillable(),

		field.UUID("voice_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("data_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("sms_id", uuid.UUID{}).Optional().Nillable(),
		// Null until the step was answered: none is an answer, too.
		field.JSON("add_on_ids", []uuid.UUID{}).Optional(),

		// One of them.
		field.UUID("end_user_id", uuid.UUID{}).Optional().Nillable(),
		field.JSON("new_user", &account.NewEndUser{}).Optional(),

		// What is reserved is a row of the stock; here is what was chosen.
		field.UUID("sim_product_id", uuid.UUID{}).Optional().Nillable(),
		field.Enum("sim_mode").Values("ACTIVATE_NOW", "LINK_LATER").Optional().Nillable(),
		field.UUID("sim_card_id", uuid.UUID{}).Optional().Nillable(),
		field.String("sim_last_four").Default(""),

		field.Enum("number_kind").Values("NEW", "PORT_IN").Optional().Nillable(),
		field.String("phone_number").Default(""),
		field.String("provider").Default(""),

		field.String("extension").Default(""),
		field.String("display_name").Default(""),
		field.String("area_code").Default(""),
		field.String("pin_hash").Default("").Sensitive().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Bool("pin_must_change").Default(false),

		field.Bool("create_invoice_items").Default(true),

		// What was taken out because it fits no more, and at which version each step was changed last.
		field.JSON("dropped", []account.Dropped{}).Optional(),
		field.JSON("changed", map[string]int{}).Optional(),
		field.Int("version").Default(1),
		// Until when the reservations last.
		field.Time("expires_at"),
		field.Time("created_at").Immutable(),
		field.Time("updated_at"),
		field.UUID("order_id", uuid.UUID{}).Optional().Nillable(),
	}
}

func (Wizard) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tenant", Tenant.Type).Field("tenant_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("order", Order.Type).Field("order_id").Unique(),
	}
}

func (Wizard) Annotations() []entschema.Annotation {
	// In the API it is called what comes of it.
	return []entschema.Annotation{API{Kind: "wiz", Siblings: true}, entgql.Implements("TelephonyUserOrder")}
}

// TelephonyUser is a telephony user with its mobile contract (WZ-10). It comes with its order, or
// from the operator's systems, and what it is called stays, also when the order came to nothing.
type TelephonyUser struct{ ent.Schema }

func (TelephonyUser) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.view", rows.Columns{Owner: "ordered_by_id"})}
}

func (TelephonyUser) Fields() []ent.Field {
	return []ent.Field{
		// The order that it came with; none where the operator's systems brought it.
		field.UUID("order_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("ordered_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("end_user_id", uuid.UUID{}).Immutable(),
		field.Enum("state").Values("ORDERED", "AWAITING_SIM", "ACTIVE", "CANCELLED"),
		field.String("display_name"),
		field.String("extension").Immutable(),
		field.String("phone_number").Immutable().Annotations(entgql.MapsTo("number")),
		field.Bool("ported").Immutable(),
		field.UUID("sim_card_id", uuid.UUID{}).Optional().Nillable(),
		field.String("sim_last_four").Default(""),
		field.String("area_code").Default(""),
		field.String("pin_hash").Default("").Sensitive().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Bool("pin_must_change").Default(false),
		field.Time("created_at").Immutable().Annotations(entgql.OrderField("CREATED_AT")),
	}
}

func (TelephonyUser) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("telephony_user").Field("order_id").Unique().Immutable(),
		edge.To("end_user", EndUser.Type).Field("end_user_id").Unique().Required().Immutable(),
		edge.To("invoice_items", InvoiceItem.Type),
	}
}

func (TelephonyUser) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "tel", Siblings: true}}
}

// InvoiceItem is what the customer is invoiced for a telephony user (WZ-08): made with the
// order, or by hand later.
type InvoiceItem struct{ ent.Schema }

func (InvoiceItem) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("telephony.view", rows.Columns{Owner: "ordered_by_id"})}
}

func (InvoiceItem) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("telephony_user_id", uuid.UUID{}).Immutable(),
		field.UUID("ordered_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.String("label").Immutable(),
		field.Int64("quantity").GoType(money.Decimal{}).Immutable(),
		field.Int64("amount").GoType(money.Decimal{}).Immutable(),
		field.String("currency").Immutable(),
		field.Bool("monthly").Immutable(),
		// Whether somebody added it by hand.
		field.Bool("by_hand").Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (InvoiceItem) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("telephony_user", TelephonyUser.Type).Ref("invoice_items").Field("telephony_user_id").Unique().Required().Immutable().
			Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (InvoiceItem) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (InvoiceItem) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{InOrder: true}}
}
