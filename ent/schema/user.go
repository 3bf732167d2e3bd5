package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// User is a person who logs in for a tenant.
type User struct{ ent.Schema }

func (User) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("user.view", rows.Columns{Owner: "id"})}
}

func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("username"),
		// The keys are what login compares: NFKC, lower case, unique on the platform.
		field.String("username_key").Annotations(entgql.Skip(entgql.SkipAll)),
		field.String("email").Annotations(entgql.OrderField("EMAIL")),
		field.String("email_key").Annotations(entgql.Skip(entgql.SkipAll)),
		field.String("title").Default(""),
		field.String("first_name"),
		field.String("last_name").Annotations(entgql.OrderField("LAST_NAME")),
		field.String("phone").Default(""),
		field.String("mobile").Default(""),
		field.String("street").Default(""),
		field.String("postal_code").Default(""),
		field.String("city").Default(""),
		field.String("country").Default(""),
		field.Enum("language").Values("de", "en").Default("de"),
		field.Enum("status").Values("INVITED", "ACTIVE", "LOCKED", "DEACTIVATED").Default("ACTIVE"),
		field.String("password_hash").Sensitive().Default("").Annotations(entgql.Skip(entgql.SkipAll)),
		field.Bool("must_change_password").Default(false),
		field.Bool("otp_enabled").Default(false),
		// Sealed; set and not yet enabled while one-time codes are being set up (ID-18).
		field.String("otp_secret").Sensitive().Default("").Annotations(entgql.Skip(entgql.SkipAll)),
		// The step of the last code that was used: a code works once.
		field.Int64("otp_last_step").Default(0).Annotations(entgql.Skip(entgql.SkipAll)),
		// Sessions that began before this moment are over, whatever Redis says (ID-16).
		field.Time("sessions_valid_after").Annotations(entgql.Skip(entgql.SkipAll)),
		// The one session that a cut-off spares: the one in which the password was changed.
		field.String("surviving_session").Default("").Annotations(entgql.Skip(entgql.SkipAll)),
		field.Time("last_login_at").Optional().Nillable(),
		field.UUID("superior_id", uuid.UUID{}).Optional().Nillable(),
		field.Time("created_at").Immutable().Annotations(entgql.OrderField("CREATED_AT")),
	}
}

func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tenant", Tenant.Type).Field("tenant_id").Unique().Required().Immutable(),
		edge.To("subordinates", User.Type).Annotations(entgql.Skip(entgql.SkipAll)).
			From("superior").Field("superior_id").Unique(),
		edge.To("roles", UserRole.Type).Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (User) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "usr", Siblings: true}}
}

// UserRole is one role of a user (AC-03).
type UserRole struct{ ent.Schema }

func (UserRole) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("user.view", rows.Columns{Owner: "user_id"})}
}

func (UserRole) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Enum("role").Values("MASTER_ADMIN", "SUB_ADMIN", "GENERAL_USER", "APPROVER", "PARTNER_AGENT", "SERVICE_AGENT").Immutable(),
	}
}

func (UserRole) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("roles").Field("user_id").Unique().Required().Immutable(),
	}
}

func (UserRole) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// PasswordHash is a password that a user had, so that it is not chosen again
// (ID-10).
type PasswordHash struct{ ent.Schema }

func (PasswordHash) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("account.change", rows.Columns{Owner: "user_id"})}
}

func (PasswordHash) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.String("hash").Sensitive().Immutable(),
		field.Time("created_at").Immutable(),
	}
}

func (PasswordHash) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}
