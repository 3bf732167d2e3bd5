package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// raw sends a request as it is and gives the answer with its body.
func raw(t *testing.T, k *servertest.Kontor, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, k.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response, string(content)
}

// health reads a JSON object of texts.
func health(t *testing.T, k *servertest.Kontor, path string) (int, map[string]string) {
	t.Helper()
	response, body := raw(t, k, http.MethodGet, path, "", nil)
	object := map[string]string{}
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%s: %s", path, body)
	}
	return response.StatusCode, object
}

// A body that cannot be read is refused without a word of it in the answer: it may
// hold a password.
//
// Case: GQL-08
func TestHTTPBadBodiesAreNotEchoed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const secret = "Sehr-Geheim-4711"
		for name, body := range map[string]string{
			"cut off":                  `{"query": "mutation", "variables": {"password": "` + secret,
			"a stray character":        `{"query": "{ __typename }", "variables": {"password": "` + secret + `"},,}`,
			"no JSON":                  secret,
			"a text":                   `"` + secret + `"`,
			"an array":                 `[{"query": "{ __typename }", "variables": {"password": "` + secret + `"}}]`,
			"variables as an array":    `{"query": "{ __typename }", "variables": ["` + secret + `"]}`,
			"variables as a text":      `{"query": "{ __typename }", "variables": "` + secret + `"}`,
			"query as a number":        `{"query": 1, "variables": {"password": "` + secret + `"}}`,
			"no query":                 `{"variables": {"password": "` + secret + `"}}`,
			"something behind it":      `{"query": "{ __typename }"} ` + secret,
			"not UTF-8":                `{"query": "{ __typename }", "variables": {"password": "` + secret + "\xff" + `"}}`,
			"empty":                    ``,
			"a name twice":             `{"query": "{ __typename }", "variables": {"password": "x", "password": "` + secret + `"}}`,
			"the query twice":          `{"query": "{ __typename }", "query": "{ categories { id } }", "variables": {"password": "` + secret + `"}}`,
			"a huge number":            `{"query": "query($first: Int!) { orders(first: $first) { totalCount } }", "variables": {"first": 1e400, "password": "` + secret + `"}}`,
			"null":                     `null`,
			"a syntax error":           `{"query": "mutation { login(input: {password: \"` + secret + `\" \"` + secret + `\"}) { token } }"}`,
			"an unclosed text":         `{"query": "mutation { login(input: {password: \"` + secret + `}) { token } }"}`,
			"a variable that is wrong": `{"query": "query($first: Int!) { orders(first: $first) { totalCount } }", "variables": {"first": "` + secret + `"}}`,
			"an input that is wrong":   `{"query": "mutation($i: LoginInput!) { login(input: $i) { token } }", "variables": {"i": "` + secret + `"}}`,
			"a password in a list":     `{"query": "mutation($i: LoginInput!) { login(input: $i) { token } }", "variables": {"i": {"username": "a", "password": ["` + secret + `"]}}}`,
			"a password in an object":  `{"query": "mutation($i: LoginInput!) { login(input: $i) { token } }", "variables": {"i": {"username": "a", "password": {"is": "` + secret + `"}}}}`,
			"beside a wrong user name": `{"query": "mutation { login(input: {username: 1, password: \"` + secret + `\"}) { token } }"}`,
		} {
			k.Statements.Take()
			answer := k.Anonymous().Post(t, []byte(body))
			if answer.Status != http.StatusBadRequest || answer.Code() == "" || answer.Data != nil {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
			if strings.Contains(strings.ToLower(string(answer.Body)), "geheim") {
				t.Errorf("%s: the answer repeats the request: %s", name, answer.Body)
			}
			if id := answer.Header.Get("X-Request-Id"); id == "" || len(answer.Errors) == 0 || answer.Errors[0].Extensions["requestId"] != id {
				t.Errorf("%s: the answer names another request than %q: %s", name, id, answer.Body)
			}
			if sent := k.Statements.Take(); len(sent) > 0 {
				t.Errorf("%s: reached the database: %q", name, sent)
			}
		}
		if strings.Contains(strings.ToLower(k.Log.String()), "geheim") {
			t.Error("the log has what was sent")
		}
	})
}

// The endpoint takes JSON by POST, up to 256 KiB.
//
// Case: GQL-03
// Case: GQL-08
// Case: GQL-13
func TestHTTPWhatTheEndpointTakes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const query = `{"query": "{ __typename }"}`
		body := func(size int) string { return query + strings.Repeat(" ", size-len(query)) }
		for _, each := range []struct {
			name, method, kind, accept, body string
			status                           int
			code                             string
		}{
			{"JSON", "POST", "application/json", "", query, 200, ""},
			{"JSON with a charset", "POST", "application/json; charset=utf-8", "", query, 200, ""},
			{"256 KiB", "POST", "application/json", "", body(256 << 10), 200, ""},
			{"a byte more", "POST", "application/json", "", body(256<<10 + 1), 413, "BODY_TOO_LARGE"},
			{"10 MiB", "POST", "application/json", "", body(10 << 20), 413, "BODY_TOO_LARGE"},
			{"GET", "GET", "", "", "", 405, "BAD_USER_INPUT"},
			{"GET with a query", "GET?query={__typename}", "", "", "", 405, "BAD_USER_INPUT"},
			{"GET with a mutation", "GET?query=mutation{logout{errors{code}}}", "application/json", "", query, 405, "BAD_USER_INPUT"},
			{"PUT", "PUT", "application/json", "", query, 405, "BAD_USER_INPUT"},
			{"DELETE", "DELETE", "", "", "", 405, "BAD_USER_INPUT"},
			{"OPTIONS", "OPTIONS", "", "", "", 405, "BAD_USER_INPUT"},
			{"no content type", "POST", "", "", query, 415, "BAD_USER_INPUT"},
			{"text", "POST", "text/plain", "", query, 415, "BAD_USER_INPUT"},
			{"GraphQL", "POST", "application/graphql", "", "{ __typename }", 415, "BAD_USER_INPUT"},
			{"a form", "POST", "application/x-www-form-urlencoded", "", "query={__typename}", 415, "BAD_USER_INPUT"},
			{"a multipart form, of nobody", "POST", "multipart/form-data; boundary=x", "", "--x--", 401, "UNAUTHENTICATED"},
			{"accepts the type of the specification", "POST", "application/json", "application/graphql-response+json", query, 200, ""},
			{"accepts anything", "POST", "application/json", "text/html, */*;q=0.1", query, 200, ""},
			{"accepts what urql can read", "POST", "application/json", "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed", query, 200, ""},
			{"accepts nothing that there is", "POST", "application/json", "text/html", query, 406, ""},
		} {
			method, parameters, _ := strings.Cut(each.method, "?")
			header := map[string]string{}
			if each.kind != "" {
				header["Content-Type"] = each.kind
			}
			if each.accept != "" {
				header["Accept"] = each.accept
			}
			response, content := raw(t, k, method, "/graphql?"+parameters, each.body, header)
			if response.StatusCode != each.status {
				t.Errorf("%s: %d %s", each.name, response.StatusCode, content)
			}
			if each.code != "" && !strings.Contains(content, `"code":"`+each.code+`"`) || each.code != "" && strings.Contains(content, `"data"`) {
				t.Errorf("%s: %s", each.name, content)
			}
			if each.status == http.StatusMethodNotAllowed && response.Header.Get("Allow") != "GET, POST" {
				t.Errorf("%s: Allow is %q", each.name, response.Header.Get("Allow"))
			}
			if each.status == http.StatusOK && content != `{"data":{"__typename":"Query"}}` {
				t.Errorf("%s: %s", each.name, content)
			}
		}
	})
}

// What is deferred would be null in an answer that is one piece.
func TestHTTPNothingIsDeferred(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	for _, accept := range []string{"application/json", "application/graphql-response+json", "text/event-stream"} {
		header := map[string]string{"Content-Type": "application/json", "Accept": accept}
		_, answer := raw(t, k, "POST", "/graphql", `{"query": "{ viewer { roles ... @defer { pendingSteps } } }"}`, header)
		if !strings.Contains(answer, `"code":"GRAPHQL_VALIDATION_FAILED"`) {
			t.Errorf("%s: %s", accept, answer)
		}
		_, answer = raw(t, k, "POST", "/graphql", `{"query": "{ __schema { directives { name } } }"}`, header)
		if !strings.Contains(answer, `"name":"include"`) || strings.Contains(answer, `"name":"defer"`) {
			t.Errorf("%s: the directives are %s", accept, answer)
		}
	}
}

// Errors about a document do not help to guess the schema.
//
// Case: GQL-10
func TestHTTPNoSuggestions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for name, document := range map[string]string{
			"field":            `{ categorie { id } }`,
			"nested field":     `{ categories { nam } }`,
			"argument":         `{ product(skuu: "1") { id } }`,
			"type":             `{ node(id: "1") { ... on Produkt { id } } }`,
			"type of variable": `query($i: LoginInputt!) { login(input: $i) { token } }`,
			"enum value":       `{ contracts(first: 1, where: {right: VIEWW}) { totalCount } }`,
			"input field":      `{ contracts(first: 1, where: {openOnl: true}) { totalCount } }`,
			"directive":        `{ categories @skp(if: true) { id } }`,
		} {
			answer := k.Anonymous().Do(t, document, nil)
			if answer.Status != http.StatusBadRequest || answer.Code() != "GRAPHQL_VALIDATION_FAILED" {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
			if strings.Contains(string(answer.Body), "Did you mean") {
				t.Errorf("%s: %s", name, answer.Body)
			}
		}
	})
}

// Of an error that is the server's own, a client sees a code and the number under
// which the log has the rest.
//
// Case: GQL-09
func TestHTTPInternalErrors(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for _, statement := range []string{`ALTER TABLE categories RENAME TO gone_categories`, `ALTER TABLE addresses RENAME TO gone_addresses`} {
			if _, err := k.SQL(t).ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for name, document := range map[string]string{
			"query":        `{ categories { id } }`,
			"nested field": `{ viewer { addresses { id } user { username } } }`,
			"mutation":     `mutation { saveAddress(input: {street: "Kai 1", postalCode: "20457", city: "Hamburg"}) { errors { code } } }`,
			"in part":      `{ contracts(first: 1) { totalCount } categories { id } }`,
		} {
			for language, text := range map[string]string{"de": "Es ist ein Fehler aufgetreten. Nennen Sie dem Support die Anfragenummer %s.", "en": "Something went wrong. Tell support the request number %s."} {
				martha.Header["Accept-Language"] = language
				answer := martha.Do(t, document, nil)
				id := answer.Header.Get("X-Request-Id")
				if answer.Status != http.StatusOK || len(answer.Errors) != 1 || answer.Code() != "INTERNAL" || id == "" {
					t.Fatalf("%s: %d %s", name, answer.Status, answer.Body)
				}
				told := answer.Errors[0]
				if told.Message != fmt.Sprintf(text, id) || told.Extensions["requestId"] != id || len(told.Extensions) != 2 || len(told.Path) == 0 {
					t.Errorf("%s: %s", name, answer.Body)
				}
				for _, inside := range []string{"SELECT", "no such table", "does not exist", "relation", "gone_", "sqlite", "SQLSTATE", ".go"} {
					if strings.Contains(string(answer.Body), inside) {
						t.Errorf("%s: the answer shows %q: %s", name, inside, answer.Body)
					}
				}
			}
		}
		// The process lives on.
		martha.Do(t, `{ viewer { user { username } } }`, nil).OK(t)
	})
}

// A resolver that panics fails its field, and nothing else: neither the process nor the connection
// to the database.
//
// Case: GQL-09
func TestHTTPPanics(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for table, document := range map[string]string{
			"categories": `{ categories { id } }`,
			"contracts":  `{ contracts(first: 1) { nodes { id } } }`,
			"addresses":  `mutation { saveAddress(input: {street: "Kai 1", postalCode: "20457", city: "Hamburg"}) { errors { code } } }`,
		} {
			k.Statements.PanicAt(table)
			for range 30 { // more often than there are connections
				answer := martha.Do(t, document, nil)
				if answer.Status != http.StatusOK || answer.Code() != "INTERNAL" || answer.Errors[0].Extensions["requestId"] != answer.Header.Get("X-Request-Id") {
					t.Fatalf("%s: %d %s", table, answer.Status, answer.Body)
				}
				if body := string(answer.Body); strings.Contains(body, "secret") || strings.Contains(body, "goroutine") || strings.Contains(body, "panic") {
					t.Fatalf("%s: the answer shows the inside: %s", table, body)
				}
			}
			k.Statements.PanicAt("")
			martha.Do(t, document, nil).OK(t)
		}
		if log := k.Log.String(); strings.Contains(log, "secret of the inside") || !strings.Contains(log, "stack=") { // what happened, without its words (PRIV-01)
			t.Error("the log does not have what happened, or has its words")
		}
	})
}

// Every answer carries what keeps browsers from guessing, telling and storing.
//
// Case: AUTH-17
func TestHTTPHeaders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		ids := map[string]bool{}
		for _, path := range []string{"/graphql", "/healthz", "/readyz", "/", "/mails", "/nowhere", "/assets/nothing.js"} {
			response, _ := raw(t, k, http.MethodGet, path, "", map[string]string{"X-Request-Id": "chosen", "Origin": "https://evil.example"})
			h := response.Header
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") == "" {
				t.Errorf("%s: %v", path, h)
			}
			if h.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s on plain http: %v", path, h)
			}
			if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
				t.Errorf("%s: %v", path, h)
			}
			id := h.Get("X-Request-Id")
			if id == "" || id == "chosen" || ids[id] {
				t.Errorf("%s: the request's ID is %q", path, id)
			}
			ids[id] = true
		}
		answer := k.As(t, "martha.hansen").Operation(t, "spa/session", "Me", nil).OK(t)
		if got := answer.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("an answer of the API may be stored: %q", got)
		}
		if got := answer.Header.Get("Content-Type"); got != "application/graphql-response+json; charset=utf-8" {
			t.Errorf("the answer is %q", got)
		}
	})
}

// The server is alive as long as it runs, and ready while it reaches what it needs.
func TestHTTPHealth(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		if response, body := raw(t, k, http.MethodGet, "/healthz", "", nil); response.StatusCode != http.StatusOK || body != "ok\n" {
			t.Errorf("healthz: %d %s", response.StatusCode, body)
		}
		if status, body := health(t, k, "/readyz"); status != http.StatusOK || body["database"] != "ok" || body["redis"] != "ok" {
			t.Errorf("readyz: %d %v", status, body)
		}
	})
}

// Without its database the server lives and is not ready; requests are told that
// it is unavailable, and nobody takes that for not being logged in. When the
// database is back, so is the server.
//
// Case: FLT-04
func TestHTTPWithoutDatabase(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	martha, d := k.As(t, "martha.hansen"), k.SQL(t)
	d.SetMaxOpenConns(1)
	name := columnOf(t, d, `SELECT current_database()`)[0]
	limit := func(connections int) {
		t.Helper()
		if _, err := d.ExecContext(t.Context(), fmt.Sprintf(`ALTER DATABASE %s CONNECTION LIMIT %d`, name, connections)); err != nil {
			t.Fatal(err)
		}
	}
	limit(0)
	if ended := columnOf(t, d, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); len(ended) == 0 {
		t.Fatal("the server has no connection to its database")
	}
	if status, body := health(t, k, "/readyz"); status != http.StatusServiceUnavailable || body["database"] != "unreachable" || body["redis"] != "ok" {
		t.Errorf("readyz: %d %v", status, body)
	}
	if response, _ := raw(t, k, http.MethodGet, "/healthz", "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d", response.StatusCode)
	}
	for _, document := range []string{`{ __typename }`, `{ viewer { user { id } } }`, `mutation { clearCart { cart { id } } }`} {
		answer := martha.Do(t, document, nil)
		if answer.Status != http.StatusServiceUnavailable || answer.Code() != "UNAVAILABLE" || answer.Data != nil {
			t.Errorf("%s: %d %s", document, answer.Status, answer.Body)
		}
	}
	limit(-1)
	if status, body := health(t, k, "/readyz"); status != http.StatusOK {
		t.Errorf("readyz, after the database came back: %d %v", status, body)
	}
	martha.Operation(t, "spa/session", "Me", nil).OK(t)
}

// Lists within lists are paged as lists are, before anything is read.
//
// Case: GQL-07
func TestHTTPNestedPagesAreBounded(t *testing.T) {
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for arguments, want := range map[string]string{
			"": "BAD_USER_INPUT", "(first: 0)": "BAD_USER_INPUT", "(first: -1)": "BAD_USER_INPUT", "(first: 101)": "BAD_USER_INPUT",
			"(first: $n)": "BAD_USER_INPUT", "(first: 5, last: 5)": "BAD_USER_INPUT", "(first: 100)": "", "(last: 1)": "",
		} {
			head := "query"
			if strings.Contains(arguments, "$n") {
				head = "query($n: Int = 1000)"
			}
			for _, query := range []string{
				head + " { contracts(first: 1) { nodes { orders" + arguments + " { totalCount } } } }",
				head + " { contracts(first: 1) { nodes { ...F } } } fragment F on Contract { orders" + arguments + " { nodes { id } } }",
			} {
				k.Statements.Take()
				answer := martha.Do(t, query, nil)
				if answer.Code() != want {
					t.Errorf("orders%s: %s", arguments, answer.Body)
				}
				if sent := k.Statements.Take(); want != "" && len(sent) > 1 {
					t.Errorf("orders%s was refused after %d statements", arguments, len(sent))
				}
			}
		}
	})
}
