// Package graph is the GraphQL API: it translates between the schema and the
// rooms, and knows nothing else.
package graph

//go:generate go run gqlgen.go
//go:generate go run ./rights ../ent/schema ../docs/rights.md
//go:generate go run ../cmd/kontor schema --output ../clients/schema.graphql
