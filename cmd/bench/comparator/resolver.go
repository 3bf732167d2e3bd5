// Package comparator answers the operations of the benchmark with gqlgen and
// hand-written statements: the least that one would write, without rights.
package comparator

import "github.com/jackc/pgx/v5/pgxpool"

//go:generate go run github.com/99designs/gqlgen generate

// Resolver answers from a database.
type Resolver struct{ Pool *pgxpool.Pool }
