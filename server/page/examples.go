package page

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Example is an operation to pick from in GraphiQL.
type Example struct {
	Client    string `json:"client"`    // who sends it: PORTAL, PHONE_APP or DASHBOARD
	Name      string `json:"name"`      // name of the operation
	Query     string `json:"query"`     // the document, complete with its fragments
	Variables string `json:"variables"` // JSON; empty where it has none
}

// exampleFiles hold one folder for each client, and in it one document for each
// operation, beside it its variables. Numbers in the names give the order.
//
//go:embed examples
var exampleFiles embed.FS

var clients = map[string]string{"1-portal": "PORTAL", "2-phone": "PHONE_APP", "3-dashboard": "DASHBOARD"}

// Examples are operations of each client, with variables for the demo data. It
// fails when a file that is built into the binary cannot be read.
func Examples() ([]Example, error) {
	documents, err := fs.Glob(exampleFiles, "examples/*/*.graphql")
	if err != nil {
		return nil, fmt.Errorf("listing the example operations: %w", err)
	}
	var all []Example
	for _, document := range documents {
		query, err := exampleFiles.ReadFile(document)
		if err != nil {
			return nil, fmt.Errorf("reading an example operation: %w", err)
		}
		stem := strings.TrimSuffix(document, ".graphql")
		// Not every operation has variables.
		variables, _ := exampleFiles.ReadFile(stem + ".json")
		_, name, _ := strings.Cut(path.Base(stem), "-")
		all = append(all, Example{
			Client: clients[path.Base(path.Dir(document))], Name: name,
			Query: string(query), Variables: string(variables),
		})
	}
	return all, nil
}
