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
	"kontor/internal/money"
)

// Category is a node of the operator's category tree (CA-01).
type Category struct{ ent.Schema }

func (Category) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("category.view", rows.Columns{})} }

func (Category) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("parent_id", uuid.UUID{}).Optional().Nillable(),
		field.String("name"),
		// The names from the root down, as the import writes them.
		field.String("path"),
	}
}

func (Category) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("children", Category.Type).Annotations(entgql.Skip(entgql.SkipAll)).
			From("parent").Field("parent_id").Unique(),
	}
}

func (Category) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (Category) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "cat", Siblings: true}}
}

// Product is what the operator offers. A tenant sees those that it has a price
// for: its assortment (CA-01).
type Product struct{ ent.Schema }

func (Product) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("product.view", rows.Columns{Product: "id"})}
}

func (Product) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("category_id", uuid.UUID{}),
		field.String("sku").Annotations(entgql.OrderField("SKU")),
		field.String("name").Annotations(entgql.OrderField("NAME")),
		field.String("description").Default(""),
		field.String("unit"),
		field.Bool("active").Default(true).Annotations(entgql.MapsTo("orderable")),
		field.Bool("automatic").Default(false),
		field.Int64("tax_rate").GoType(money.Decimal{}),
		field.Int64("minimum_quantity").GoType(money.Decimal{}),
		// How many units the prices of its catalogue are for: only the import of new prices asks for it.
		field.Int64("price_quantity").GoType(money.Decimal{}).DefaultFunc(one).Annotations(entgql.Skip(entgql.SkipAll)),
		field.Int64("quantity_step").GoType(money.Decimal{}),
		field.JSON("attributes", []account.Attribute{}).Default([]account.Attribute{}),
		// The stemmed words of number, name, description and attributes: what the
		// full-text index of either database holds (catalog.SearchText).
		field.String("search_text").Annotations(entgql.Skip(entgql.SkipAll)),
		field.Time("created_at").Immutable(),
	}
}

func (Product) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("category", Category.Type).Field("category_id").Unique().Required(),
		edge.To("prices", Price.Type).Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (Product) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (Product) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "prd", Siblings: true}}
}

// Price is what one tenant pays for a product from a quantity on: its own price,
// already discounted, net (CA-01).
type Price struct{ ent.Schema }

func (Price) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("price.view", rows.Columns{})}
}

func (Price) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("product_id", uuid.UUID{}).Immutable(),
		field.Int64("from_quantity").GoType(money.Decimal{}),
		field.Int64("amount").GoType(money.Decimal{}),
		field.String("currency"),
	}
}

func (Price) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("product", Product.Type).Ref("prices").Field("product_id").Unique().Required().Immutable(),
	}
}

func (Price) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (Price) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

func one() money.Decimal { return money.FromInt(1) }
