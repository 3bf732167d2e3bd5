package schema

import (
	"context"

	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// Tenant is one company on the platform: the isolation boundary (AC-01). Tenants
// form a tree of operator, partners and customers.
type Tenant struct{ ent.Schema }

func (Tenant) Mixin() []ent.Mixin { return []ent.Mixin{identified{}} }

func (Tenant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("parent_id", uuid.UUID{}).Optional().Nillable(),
		// The keys from the root down, each followed by a slash: a subtree is a prefix.
		field.String("path"),
		field.Enum("kind").Values("OPERATOR", "PARTNER", "CUSTOMER"),
		field.String("organization_id"),
		field.String("name").Annotations(entgql.OrderField("NAME")),
		field.String("email_domain"),
		field.Enum("password_policy").Values("STRICT", "BASIC", "MODERN", "PIN_OTP").Default("MODERN"),
		field.Bool("login_needs_organization").Default(false),
		field.String("language").Default("de"),
		field.String("currency").Default("EUR"),
		// What differs between portals (ID-21). Minutes of 0 stand for the server's defaults.
		field.Enum("users_created_by").Values("MASTER_ADMINS", "OPERATOR").Default("MASTER_ADMINS"),
		field.Bool("names_changeable").Default(false),
		// Names of contact data, as in the API, separated by spaces (ID-08).
		field.String("mandatory_contact_fields").Default("phone"),
		field.Int("session_idle_minutes").Default(0),
		field.Int("session_absolute_minutes").Default(0),
		// Whether invoices are open only to users who are linked to the customer centre (AC-12).
		field.Bool("online_billing_needs_link").Default(true),
		// Whether agents give a reason before they act for the company (PRIV-08).
		field.Bool("acting_needs_reason").Default(false),
		// Of the master data: receipts of orders go there (OR-08).
		field.String("email").Default("").Annotations(entgql.Skip(entgql.SkipAll)),
		field.String("contact_name").Default(""),
		field.String("contact_phone").Default(""),
		field.String("contact_email").Default(""),
		field.Time("created_at").Immutable(),
	}
}

func (Tenant) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("children", Tenant.Type).Annotations(entgql.Skip(entgql.SkipAll)).
			From("parent").Field("parent_id").Unique().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (Tenant) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "ten", Siblings: true}}
}

func (Tenant) Interceptors() []ent.Interceptor {
	return []ent.Interceptor{ent.TraverseFunc(func(ctx context.Context, q ent.Query) error {
		return restrict(ctx, "tenant.view", rows.Columns{Tenant: "id"}, q)
	})}
}

func (Tenant) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }
