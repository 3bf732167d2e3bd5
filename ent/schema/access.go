package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"kontor/authz/rows"
)

// OneTimePassword is what the operator's letter has: it connects a customer number,
// once (AC-05).
type OneTimePassword struct{ ent.Schema }

func (OneTimePassword) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("link.view", rows.Columns{})} }

func (OneTimePassword) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("customer_number_id", uuid.UUID{}).Immutable(),
		field.String("secret_hash").Sensitive().Immutable(),
		field.UUID("issued_by_id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Immutable(),
		field.Time("expires_at").Immutable(),
		field.Time("used_at").Optional().Nillable(),
		field.UUID("used_by_id", uuid.UUID{}).Optional().Nillable(),
		// Wrong passwords typed while this one was open; at five it is burnt.
		field.Int("tries").Default(0),
	}
}

func (OneTimePassword) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// Transfer is a contract that a master admin shared with one of another company
// (AC-08), live until revoked_at. Its rights are grants that name it; both sides see
// it, past ones too (AC-11). It is of the tenant of the contract.
type Transfer struct{ ent.Schema }

func (Transfer) Mixin() []ent.Mixin {
	return []ent.Mixin{scopedBy("transfer.view", rows.Columns{Owner: "receiver_id"})}
}

func (Transfer) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("contract_id", uuid.UUID{}).Immutable(),
		// As it was, for a receiver who may not see the contract any more.
		field.String("contract_number").Immutable(),
		field.UUID("giver_id", uuid.UUID{}).Immutable(),
		field.UUID("receiver_id", uuid.UUID{}).Immutable(),
		// What was given, and what was revoked, in one request.
		field.UUID("request_id", uuid.UUID{}).Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.UUID("revoke_request_id", uuid.UUID{}).Optional().Nillable().Annotations(entgql.Skip(entgql.SkipAll)),
		field.Time("given_at").Immutable().Annotations(entgql.OrderField("GIVEN_AT")),
		field.Time("revoked_at").Optional().Nillable(),
		field.UUID("revoked_by_id", uuid.UUID{}).Optional().Nillable(),
	}
}

func (Transfer) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "trf", Siblings: true}}
}
