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

// assigned adds the account assignment (CA-05) as it stands on the row.
type assigned struct{ mixin.Schema }

func (assigned) Fields() []ent.Field {
	return []ent.Field{
		field.JSON("account_assignment", &account.Assignment{}).Optional(),
	}
}

// Cart is the current cart of a user for the tenant that it works for (CA-02).
type Cart struct{ ent.Schema }

func (Cart) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("cart.use", rows.Columns{Owner: "user_id"}), assigned{}}
}

func (Cart) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("name").Default(""),
		field.String("customer_order_number").Default(""),
		field.String("reference_number").Default(""),
		field.UUID("delivery_address_id", uuid.UUID{}).Optional().Nillable(),
		// The agreement that it calls off from (OR-12), which may be of another company.
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable(),
		// Grows with every change, so that an order is of one state of the cart.
		field.Int("version").Default(1),
		field.Time("updated_at"),
	}
}

func (Cart) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("items", CartItem.Type),
		edge.To("delivery_address", Address.Type).Field("delivery_address_id").Unique(),
	}
}

func (Cart) Annotations() []entschema.Annotation { return []entschema.Annotation{API{Kind: "crt"}} }

// CartItem is a position of a cart.
type CartItem struct{ ent.Schema }

func (CartItem) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("cart.use", rows.Columns{Owner: "user_id"}), assigned{}}
}

func (CartItem) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("cart_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.Int64("quantity").GoType(money.Decimal{}),
		field.String("wished_date").GoType(day.Day("")).SchemaType(date).Optional().Nillable(),
		field.UUID("delivery_address_id", uuid.UUID{}).Optional().Nillable(),
		// The unit price that the user saw last: a later change is told before the
		// order (CA-09).
		field.Int64("seen_price").GoType(money.Decimal{}).Optional().Nillable(),
		field.String("product_unit").Default(""),
		field.Time("created_at").Immutable(),
	}
}

func (CartItem) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("cart", Cart.Type).Ref("items").Field("cart_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("product", Product.Type).Field("product_id").Unique().Required().Immutable(),
		edge.To("delivery_address", Address.Type).Field("delivery_address_id").Unique(),
	}
}

func (CartItem) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "cit", InOrder: true}}
}

// SavedCart is a cart under a name (CA-06): of a user for the tenant that it worked for, and of all
// users of that tenant where it is shared. It is written and read as a whole.
type SavedCart struct{ ent.Schema }

func (SavedCart) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("saved_cart.use", rows.Columns{Owner: "user_id", Shared: "shared"}), assigned{}}
}

func (SavedCart) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("name"),
		field.Bool("shared").Default(false),
		field.String("customer_order_number").Default(""),
		field.String("reference_number").Default(""),
		field.JSON("delivery_address", &account.SavedAddress{}).Optional(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable(),
		field.JSON("positions", []account.SavedPosition{}),
		field.Time("created_at").Immutable(),
		field.Time("updated_at").Annotations(entgql.OrderField("UPDATED_AT")),
	}
}

func (SavedCart) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "svc", Siblings: true}}
}

// Address is a saved delivery address of a user (CA-04).
type Address struct{ ent.Schema }

func (Address) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("address.use", rows.Columns{Owner: "user_id"})}
}

func (Address) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("label"),
		field.String("company").Default(""),
		field.String("contact").Default(""),
		field.String("street"),
		field.String("postal_code"),
		field.String("city"),
		field.String("country"),
		field.Bool("is_default").Default(false),
		// A deleted address stays for the carts that name it, and is shown nowhere else.
		field.Time("deleted_at").Optional().Nillable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Time("created_at").Immutable(),
	}
}

func (Address) Annotations() []entschema.Annotation { return []entschema.Annotation{API{Kind: "adr"}} }

// SavedAssignment is a saved account assignment of a user (CA-04).
type SavedAssignment struct{ ent.Schema }

func (SavedAssignment) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("address.use", rows.Columns{Owner: "user_id"})}
}

func (SavedAssignment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("label"),
		field.String("cost_centre").Default(""),
		field.String("gl_account").Default(""),
		field.String("project").Default(""),
		field.String("plant").Default(""),
		field.Bool("is_default").Default(false),
		field.Time("created_at").Immutable(),
	}
}

func (SavedAssignment) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "aas"}}
}
