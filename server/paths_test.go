package server_test

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"kontor/server/servertest"
)

// changing is what is another one in every answer: where a download lies, and what is
// sealed.
var changing = regexp.MustCompile(`"url":"[^"]*"|"id":"v1\.[^"]*"`)

// Every query of the clients is answered alike on the direct path and on gqlgen's
// ordinary one, byte for byte.
func TestBothPathsAnswerAlike(t *testing.T) {
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		c := k.As(t, "martha.hansen")
		ordinarily := *c
		ordinarily.Header = map[string]string{servertest.OrdinaryPath: "yes"}
		first := func(query, path string) any {
			found, _ := c.Do(t, query, nil).OK(t).Get(path).([]any)
			if len(found) == 0 {
				t.Fatalf("the demo data has nothing for %s", query)
			}
			return found[0]
		}
		sku := first("{ products(first: 1) { nodes { sku } } }", "products.nodes").(map[string]any)["sku"]
		contract := first("{ contracts(first: 1) { nodes { number } } }", "contracts.nodes").(map[string]any)["number"]
		order := first("{ orders(first: 1) { nodes { number } } }", "orders.nodes").(map[string]any)["number"]
		c.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
			"firstName": "Nele", "lastName": "Neu", "email": "nele.neu@hansa.example", "roles": []string{"GENERAL_USER"}}}).OK(t)
		_, _, quoted := shopperAs(t, k, "paul.lang").offer(k, nil)
		wizard := filled(t, c, "799").id
		compared := 0
		for file, queries := range queriesOfClients(t) {
			for _, name := range queries {
				variables := servertest.Vars{"first": 100, "format": "XLSX"}
				c, ordinarily := c, ordinarily
				switch name {
				case "Customers":
					c = k.As(t, "paul.lang")
					ordinarily.Token = c.Token
				case "ConversionAccount":
					c = k.As(t, "malte.brandt")
					ordinarily.Token = c.Token
					variables = servertest.Vars{"from": "2026-01-01", "to": "2026-06-30"}
				case "ResumeTelephonyUserOrder", "WizardChoices":
					variables = servertest.Vars{"id": wizard}
				case "Product":
					variables = servertest.Vars{"sku": sku}
				case "Contract":
					variables = servertest.Vars{"number": contract}
				case "Invitation":
					variables = servertest.Vars{"token": k.Mails(t, "nele.neu@hansa.example")[0].Token(t)}
				case "QuoteByToken":
					variables = servertest.Vars{"token": quoted}
				case "WhyAllowed":
					holder := c.Do(t, `{ users(first: 1, where: {search: "silke"}) { nodes { id } } }`, nil).OK(t).Get("users.nodes.0.id")
					held := c.Do(t, `query($n: String!) { contract(number: $n) { id } }`, servertest.Vars{"n": contract}).OK(t).Get("contract.id")
					variables = servertest.Vars{"userId": holder, "contractId": held, "right": "VIEW"}
				case "FindTransferTarget":
					variables = servertest.Vars{"first": 20, "input": map[string]any{"email": "maik.alster@alster.example", "customerNumber": "4066969300", "line": "FIXED_LINE"}}
				case "Order", "OrderReceipt":
					variables = servertest.Vars{"number": order}
				}
				direct := changing.ReplaceAll(c.Operation(t, file, name, variables).OK(t).Body, nil)
				ordinary := changing.ReplaceAll(ordinarily.Operation(t, file, name, variables).Body, nil)
				if !bytes.Equal(direct, ordinary) {
					t.Errorf("%s is answered\n%s\nand on the ordinary path\n%s", name, direct, ordinary)
				}
				compared++
			}
		}
		if compared < 10 {
			t.Fatalf("only %d queries were compared", compared)
		}
	})
}

// queriesOfClients are the names of the clients' queries by document.
func queriesOfClients(t *testing.T) map[string][]string {
	t.Helper()
	const root = "../clients/operations/"
	files, err := filepath.Glob(root + "*/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), root), ".graphql")
		document, err := parser.ParseQuery(&ast.Source{Input: servertest.Document(t, name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range document.Operations {
			if o.Operation == ast.Query {
				queries[name] = append(queries[name], o.Name)
			}
		}
	}
	return queries
}
