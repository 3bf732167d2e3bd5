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
	"kontor/internal/money"
)

// ApprovalRule says which orders of a tenant need an approval, and by whom (OR-02).
// Everybody of the tenant may know it: whoever orders is bound by it.
type ApprovalRule struct{ ent.Schema }

func (ApprovalRule) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("rule.view", rows.Columns{})} }

func (ApprovalRule) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		// Without an amount and a cost centre the rule is about every order.
		field.Int64("above_amount").GoType(money.Decimal{}).Optional().Nillable(),
		field.String("currency"),
		field.String("cost_centre").Optional().Nillable(),
		field.Bool("self_approval").Default(false),
		field.Time("created_at").Immutable(),
	}
}

func (ApprovalRule) Edges() []ent.Edge {
	// Who approves is told by package ordering.
	return []ent.Edge{edge.To("named", RuleApprover.Type).Annotations(entgql.Skip(entgql.SkipAll))}
}

func (ApprovalRule) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "rul", Siblings: true, InOrder: true}}
}

// RuleApprover is one of those who approve by a rule.
type RuleApprover struct{ ent.Schema }

func (RuleApprover) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("rule.view", rows.Columns{})} }

func (RuleApprover) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("rule_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
	}
}

func (RuleApprover) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("rule", ApprovalRule.Type).Ref("named").Field("rule_id").Unique().Required().Immutable(),
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable(),
	}
}

func (RuleApprover) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// ofOrder is what hangs on an order and is seen by whoever sees the order: who placed it
// and on which contract is what the wall of the row asks.
type ofOrder struct{ mixin.Schema }

func (ofOrder) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("order_id", uuid.UUID{}).Immutable(),
		field.UUID("placed_by_id", uuid.UUID{}).Immutable(),
		field.UUID("contract_id", uuid.UUID{}).Optional().Nillable().Immutable(),
	}
}

func scopedAsOrder() []ent.Mixin {
	return []ent.Mixin{scopedBy("order.view", rows.Columns{Owner: "placed_by_id", Contract: "contract_id"}), ofOrder{}}
}

// ApprovalNeed is an approval that an order needs, by a rule as it was when the order was
// placed: later changes of the rule change nothing about it. It is settled once, and
// triggers in the database hold that for whoever asks.
type ApprovalNeed struct{ ent.Schema }

func (ApprovalNeed) Mixin() []ent.Mixin { return scopedAsOrder() }

func (ApprovalNeed) Fields() []ent.Field {
	return []ent.Field{
		// The rule may be gone meanwhile.
		field.UUID("rule_id", uuid.UUID{}).Immutable(),
		field.String("rule").Immutable(),
		field.Int64("above_amount").GoType(money.Decimal{}).Optional().Nillable().Immutable(),
		field.String("currency").Immutable(),
		field.String("cost_centre").Optional().Nillable().Immutable(),
		field.Bool("self_approval").Immutable(),
		field.Time("asked_at").Immutable(),
		field.Time("reminded_at").Optional().Nillable(),
		// When it was decided, or the order ended without: then nobody has decided it.
		field.Time("settled_at").Optional().Nillable(),
		field.UUID("decided_by_id", uuid.UUID{}).Optional().Nillable(),
		field.String("reason").Default(""),
	}
}

func (ApprovalNeed) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("needs").Field("order_id").Unique().Required().Immutable(),
		edge.To("named", NeedApprover.Type),
	}
}

func (ApprovalNeed) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll), API{InOrder: true}}
}

// NeedApprover is one of those whom the rule named when the order was placed.
type NeedApprover struct{ ent.Schema }

func (NeedApprover) Mixin() []ent.Mixin { return scopedAsOrder() }

func (NeedApprover) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("need_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
	}
}

func (NeedApprover) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("need", ApprovalNeed.Type).Ref("named").Field("need_id").Unique().Required().Immutable(),
	}
}

func (NeedApprover) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (NeedApprover) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// OrderMessage is what an orderer told the approvers of an order (OR-03).
type OrderMessage struct{ ent.Schema }

func (OrderMessage) Mixin() []ent.Mixin { return scopedAsOrder() }

func (OrderMessage) Fields() []ent.Field {
	return []ent.Field{
		field.Time("at").Immutable(),
		field.UUID("author_id", uuid.UUID{}).Immutable(),
		field.String("text").Immutable(),
	}
}

func (OrderMessage) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("order", Order.Type).Ref("messages").Field("order_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (OrderMessage) Hooks() []ent.Hook { return []ent.Hook{appendOnly} }

func (OrderMessage) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Siblings: true, InOrder: true}}
}
