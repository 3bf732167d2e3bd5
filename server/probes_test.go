package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kontor/server"
	"kontor/server/servertest"
)

// asInProduction neither shows the schema nor GraphiQL.
func asInProduction(c *server.Config) { c.Introspection, c.IDE = false, false }

// What the public audit tool graphql-cop looks for, each probe with the sign by which it would
// report a finding.
//
// Case: GQL-01
func TestPublicProbesFindNothing(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0], asInProduction)
	jsonType := map[string]string{"Content-Type": "application/json"}
	query := func(document string) string { return `{"query": "` + document + `", "operationName": "cop"}` }
	var aliases strings.Builder
	for i := range 101 {
		aliases.WriteString("alias" + strings.Repeat("x", i) + ":__typename ")
	}
	const circle = "type { fields { "
	for _, each := range []struct {
		name, method, path, body string
		header                   map[string]string
		finding                  func(status int, answer string) bool
	}{
		{"101 aliases", "POST", "", query("query cop { " + aliases.String() + "}"), jsonType, has(`"aliasx"`)},
		{"a batch of ten", "POST", "", "[" + strings.Repeat(query("query cop { __typename }")+",", 9) + query("query cop { __typename }") + "]", jsonType, has("__typename")},
		{"ten directives", "POST", "", query("query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }"), jsonType, func(_ int, answer string) bool { return strings.Count(answer, `"message"`) >= 10 }},
		{"500 fields", "POST", "", query("query cop { " + strings.Repeat("__typename ", 500) + "}"), jsonType, has(`"data"`)},
		{"a circle in the introspection", "POST", "", query("query cop { __schema { types { fields { " + strings.Repeat(circle, 6) + "name " + strings.Repeat("} } ", 6) + "} } } }"), jsonType, has(`"types"`)},
		{"introspection", "POST", "", query("query cop { __schema { types { name fields { name } } } }"), jsonType, has(`"types"`)},
		{"suggestions of fields", "POST", "", query("query cop { __schema { directive } }"), jsonType, has("Did you mean")},
		{"GraphiQL", "GET", "/", "", map[string]string{"Accept": "text/html"}, has("graphiql", "playground", "apollo")},
		{"a query by GET", "GET", "?query=" + url.QueryEscape("query cop{__typename}"), "", nil, has(`"__typename"`)},
		{"a mutation by GET", "GET", "?query=" + url.QueryEscape("mutation cop{__typename}"), "", nil, has(`"__typename"`)},
		{"a form", "POST", "", "query=" + url.QueryEscape("query cop{__typename}"), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, has(`"__typename"`)},
		{"tracing", "POST", "", query("query cop { __typename }"), map[string]string{"Content-Type": "application/json", "X-Apollo-Tracing": "1"}, has("tracing")},
		{"errors that nobody handled", "POST", "", "qwerty cop { abc }", jsonType, has("exception", "stacktrace", "goroutine", ".go:", "qwerty")},
	} {
		path := "/graphql" + each.path
		if each.path == "/" {
			path = "/"
		}
		response, answer := raw(t, k, each.method, path, each.body, each.header)
		if each.finding(response.StatusCode, answer) {
			t.Errorf("%s: a finding: %d %.500s", each.name, response.StatusCode, answer)
		}
	}
	// The probes get through where there is something to find.
	open := servertest.Start(t, servertest.Backends[0])
	if _, answer := raw(t, open, "POST", "/graphql", query("query cop { __schema { types { name fields { name } } } }"), jsonType); !has(`"types"`)(0, answer) {
		t.Errorf("with introspection, it is not found: %.300s", answer)
	}
	if _, answer := raw(t, open, "GET", "/", "", map[string]string{"Accept": "text/html"}); !has("graphiql")(0, answer) {
		t.Errorf("with GraphiQL, it is not found: %.300s", answer)
	}
}

// has tells whether an answer has one of these texts.
func has(signs ...string) func(int, string) bool {
	return func(_ int, answer string) bool {
		for _, sign := range signs {
			if strings.Contains(strings.ToLower(answer), strings.ToLower(sign)) {
				return true
			}
		}
		return false
	}
}

// Without introspection nothing tells the schema: not by another name, nor from a fragment.
//
// Case: GQL-10
func TestIntrospectionCanBeOff(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend, asInProduction)
			for _, c := range []*servertest.Client{k.Anonymous(), k.As(t, "martha.hansen")} {
				for name, document := range map[string]string{
					"plain":               `{ __schema { types { name } } }`,
					"a type":              `{ __type(name: "Order") { fields { name } } }`,
					"another name":        `{ x: __schema { types { name } } }`,
					"a fragment":          `{ ...f } fragment f on Query { __type(name: "Order") { name } }`,
					"an inline fragment":  `{ ... on Query { ... { __schema { queryType { name } } } } }`,
					"lines and comments":  "query\n{\n#\n__schema\n#\n{ types { name } } }",
					"beside other fields": `{ categories { name } __schema { types { name } } }`,
					"in a mutation":       `mutation { __type(name: "Order") { name } }`,
					"skipped":             `query($no: Boolean = false) { __schema @include(if: $no) { types { name } } }`,
				} {
					answer := c.Do(t, document, nil)
					if answer.Status != http.StatusBadRequest || answer.Data != nil || answer.Code() != invalid {
						t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
					}
				}
				c.Do(t, `{ __typename }`, nil).OK(t)
			}
			if answer := named(t, k.Anonymous(), hashed(`{ __schema { types { name } } }`), `{ __schema { types { name } } }`); answer.Code() != invalid {
				t.Errorf("by its hash: %s", answer.Body)
			}
			if response, answer := byGet(t, k, "GET", `{ __schema { types { name } } }`, nil); response.StatusCode == http.StatusOK && strings.Contains(answer, "data") {
				t.Errorf("by GET: %s", answer)
			}
		})
	}
}
