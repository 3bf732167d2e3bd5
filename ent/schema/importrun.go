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

// ImportRun is one import of a file of the operator's ERP (CO-05), through the API or by the command
// line. It goes on where it was when the one who worked on it is gone.
type ImportRun struct{ ent.Schema }

func (ImportRun) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("data.import", rows.Columns{})} }

func (ImportRun) Fields() []ent.Field {
	skipped := entgql.Skip(entgql.SkipAll)
	return []ent.Field{
		field.Enum("kind").Values("TENANTS", "USERS", "PRODUCTS", "PRICES", "CONTRACTS", "ORDERS", "ALLOY_GROUPS", "BOOKINGS", "DOCUMENTS",
			"PORTFOLIOS", "PORTFOLIO_PRODUCTS", "END_USERS", "SIM_CARDS", "PHONE_NUMBERS", "TELEPHONY_USERS").Immutable(),
		field.Enum("format").Values("CSV", "NDJSON", "BMECAT").Immutable(),
		field.Enum("mode").Values("GOOD_ROWS", "ALL_OR_NONE").Immutable(),
		field.Enum("state").Values("QUEUED", "RUNNING", "COMPLETED", "REJECTED", "FAILED").Default("QUEUED"),
		field.String("filename").Immutable(),
		field.Int64("size").Immutable(), // in bytes
		field.String("sha256").Immutable(),
		// Where the content is until the run has ended; empty where the command line has the file.
		field.String("blob_key").Default("").Annotations(skipped),
		// Who pays the prices of a catalogue that does not say it.
		field.String("buyer").Immutable().Default(""),
		// What has been read of the file, in bytes, all the times that it is read; and how many rows are done with.
		field.Int64("read_bytes").Default(0).Annotations(skipped),
		field.Int("records").Default(0),
		field.Int("created").Default(0),
		field.Int("updated").Default(0),
		field.Int("unchanged").Default(0),
		field.Int("refused").Default(0),
		// Why the run as a whole failed; empty unless it did.
		field.String("failure").Default(""),
		field.UUID("started_by_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		// How often a worker took it: only the last one may go on with it, and until the lease ends
		// nobody else may take it.
		field.Int("takes").Default(0).Annotations(skipped),
		field.Time("leased_until").Optional().Nillable().Annotations(skipped),
		field.Time("queued_at").Immutable().Annotations(entgql.OrderField("QUEUED_AT")),
		field.Time("started_at").Optional().Nillable(),
		field.Time("ended_at").Optional().Nillable(),
	}
}

func (ImportRun) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("reasons", ImportReason.Type).Annotations(entgql.Skip(entgql.SkipAll)),
		edge.To("started_by", User.Type).Field("started_by_id").Unique().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (ImportRun) Hooks() []ent.Hook { return []ent.Hook{systemOnly} }

func (ImportRun) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{Kind: "imp", Siblings: true}}
}

// ImportReason is why a row of a file did not go in.
type ImportReason struct{ ent.Schema }

func (ImportReason) Mixin() []ent.Mixin { return []ent.Mixin{scopedBy("data.import", rows.Columns{})} }

func (ImportReason) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("run_id", uuid.UUID{}).Immutable(),
		field.Int("line").Immutable(),
		// Empty where the row as a whole is wrong.
		field.String("column").Immutable().Default("").StorageKey("column_name"),
		field.String("reason").Immutable(),
	}
}

func (ImportReason) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("run", ImportRun.Type).Ref("reasons").Field("run_id").Unique().Required().Immutable().Annotations(entgql.Skip(entgql.SkipAll)),
	}
}

func (ImportReason) Hooks() []ent.Hook { return []ent.Hook{systemOnly, appendOnly} }

func (ImportReason) Annotations() []entschema.Annotation {
	return []entschema.Annotation{API{InOrder: true}}
}
