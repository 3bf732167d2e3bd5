//go:build ignore

// Generates the code of the test schema, with the direct path.
package main

import (
	"log"

	"github.com/99designs/gqlgen/codegen/config"

	"kontor/graph/direct/generate"
)

func main() {
	cfg, err := config.LoadConfig("gqlgen.yml")
	if err != nil {
		log.Fatalf("reading gqlgen.yml: %v", err)
	}
	if err := generate.Schema(cfg); err != nil {
		log.Fatal(err)
	}
}
