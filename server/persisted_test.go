package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kontor/graph"
	"kontor/internal/persisted"
	"kontor/server"
	"kontor/server/servertest"
)

// hashed is the name of an operation.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// named sends the name of an operation, and its text, unless that is empty.
func named(t *testing.T, c *servertest.Client, hash, text string) *servertest.Answer {
	t.Helper()
	body := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
	if text != "" {
		body["query"] = text
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return c.Post(t, encoded)
}

// A client names an operation by its hash; the first one to do so sends the text, too. Then
// every replica knows it, for everybody, and answers each with what is its own.
//
// Case: AUTHZ-14
// Case: GQL-12
func TestPersistedOperationsOfClients(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const text = `{ contracts(first: 1) { totalCount } viewer { user { username } } }`
		hash := hashed(text)
		martha, maik := k.As(t, "martha.hansen"), k.As(t, "maik.alster")
		if answer := named(t, martha, hash, ""); answer.Code() != "PERSISTED_QUERY_NOT_FOUND" || answer.Errors[0].Message != "PersistedQueryNotFound" || answer.Status != http.StatusBadRequest {
			t.Fatalf("nobody registered it: %d %s", answer.Status, answer.Body)
		}
		// What is not good is not registered: by a wrong hash, refused, or not of this schema.
		for name, each := range map[string]struct{ hash, text, code string }{
			"somebody else's hash": {hash, text + " ", "BAD_USER_INPUT"},
			"no such field":        {hashed("{ nothing }"), "{ nothing }", invalid},
			"too large":            {hashed(fanOut(40, "...f%d ...f%d")), fanOut(40, "...f%d ...f%d"), tooComplex},
			"no page":              {hashed("{ contracts { totalCount } }"), "{ contracts { totalCount } }", "BAD_USER_INPUT"},
		} {
			if answer := named(t, martha, each.hash, each.text); answer.Code() != each.code {
				t.Errorf("%s: %s", name, answer.Body)
			}
			if answer := named(t, martha, each.hash, ""); answer.Code() != "PERSISTED_QUERY_NOT_FOUND" {
				t.Errorf("%s was registered: %s", name, answer.Body)
			}
		}
		own := named(t, martha, hash, text).OK(t)
		for _, replica := range k.Both(t) {
			if got := named(t, martha.On(replica), hash, "").OK(t); plain(got) != plain(own) {
				t.Errorf("by its name it gives %s, by its text %s", got.Body, own.Body)
			}
			other := named(t, maik.On(replica), hash, "").OK(t)
			if got := other.String(t, "viewer.user.username"); got != "maik.alster" || other.Get("contracts.totalCount") == own.Get("contracts.totalCount") {
				t.Errorf("the other company's user gets %s", other.Body)
			}
			if got := named(t, k.Anonymous().On(replica), hash, ""); got.Code() != "UNAUTHENTICATED" {
				t.Errorf("nobody gets %s", got.Body)
			}
		}
		for name, extensions := range map[string]string{
			"no hash": `{"version": 1}`, "version 2": `{"version": 2, "sha256Hash": "` + hash + `"}`, "a list": `[]`, "a text": `"` + hash + `"`,
		} {
			if answer := martha.Post(t, []byte(`{"extensions": {"persistedQuery": `+extensions+`}}`)); answer.Code() != "BAD_USER_INPUT" || answer.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
	})
}

// Where only the operations of a manifest are answered, nothing else is, nor does anything
// become one of them.
//
// Case: GQL-11
func TestPersistedOperationsOnly(t *testing.T) {
	t.Parallel()
	operations, err := graph.Operations([]string{"../clients/operations/spa", "../clients/operations/mobile"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var me, login persisted.Operation
	for _, operation := range operations {
		switch operation.Name {
		case "Me":
			me = operation
		case "Login":
			login = operation
		}
	}
	file := filepath.Join(t.TempDir(), "operations.json")
	manifest, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := persisted.NewManifest(operations).Write(manifest); err != nil {
		t.Fatal(err)
	}
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend, func(c *server.Config) { c.Operations, c.OperationsOnly = file, true })
			body, err := json.Marshal(map[string]any{
				"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": login.ID}},
				"variables":  map[string]any{"input": map[string]any{"username": "martha.hansen", "password": servertest.DemoPassword, "transport": "BEARER"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			martha := k.Anonymous()
			martha.Token = martha.Post(t, body).OK(t).String(t, "login.token")
			if got := named(t, martha, me.ID, "").OK(t).String(t, "viewer.user.username"); got != "martha.hansen" {
				t.Errorf("by its ID: %s", got)
			}
			named(t, martha, me.ID, me.Body).OK(t)
			martha.Do(t, me.Body, nil).OK(t)
			const other = `{ viewer { user { email } } }`
			for name, each := range map[string]struct{ hash, text string }{
				"an unknown hash":            {hashed(other), ""},
				"a known hash, another text": {me.ID, other},
				"its own hash":               {hashed(other), other},
				"another layout":             {hashed(me.Body + " "), me.Body + " "},
			} {
				if answer := named(t, martha, each.hash, each.text); answer.Code() != "OPERATION_NOT_ALLOWED" || answer.Status != http.StatusBadRequest || answer.Data != nil {
					t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
				}
			}
			if answer := martha.Do(t, other, nil); answer.Code() != "OPERATION_NOT_ALLOWED" {
				t.Errorf("an unknown text: %s", answer.Body)
			}
			if answer := named(t, martha, hashed(other), ""); answer.Code() != "OPERATION_NOT_ALLOWED" {
				t.Errorf("it was registered after all: %s", answer.Body)
			}
		})
	}
}

// byGet asks for a named operation by GET.
func byGet(t *testing.T, k *servertest.Kontor, method, text string, header map[string]string) (*http.Response, string) {
	t.Helper()
	named := url.Values{"extensions": {`{"persistedQuery":{"version":1,"sha256Hash":"` + hashed(text) + `"}}`}}
	return raw(t, k, method, "/graphql?"+named.Encode(), "", header)
}

// By GET, named queries are answered and nothing else; what has no personal data in it may be kept by the
// client, which asks whether it changed. The session does not live longer by it.
//
// Case: GQL-13
// Case: AUTH-16
func TestPersistedQueriesByGet(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		const catalogue, personal, change = `{ categories { name } }`, `{ viewer { user { username } } }`, `mutation { clearCart { cart { id } } }`
		const sessions = `{ viewer { sessions { current lastSeenAt } } }`
		martha := k.As(t, "martha.hansen")
		for _, text := range []string{catalogue, personal, change, sessions} {
			named(t, martha, hashed(text), text).OK(t)
		}
		as := func(more ...string) map[string]string {
			header := map[string]string{"Authorization": "Bearer " + martha.Token}
			for i := 0; i < len(more); i += 2 {
				header[more[i]] = more[i+1]
			}
			return header
		}

		response, first := byGet(t, k, "GET", catalogue, as())
		tag := response.Header.Get("ETag")
		if response.StatusCode != http.StatusOK || !strings.HasPrefix(first, `{"data":{"categories":[`) || tag == "" || response.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("the categories: %d %v %s", response.StatusCode, response.Header, first)
		}
		if response, content := byGet(t, k, "GET", catalogue, as("If-None-Match", `"other", `+tag)); response.StatusCode != http.StatusNotModified || content != "" {
			t.Errorf("unchanged: %d %s", response.StatusCode, content)
		}
		alter(t, k.SQL(t), `UPDATE categories SET name = name || ' neu'`)
		if response, content := byGet(t, k, "GET", catalogue, as("If-None-Match", tag)); response.StatusCode != http.StatusOK || content == first {
			t.Errorf("changed: %d %s", response.StatusCode, content)
		}
		response, content := byGet(t, k, "GET", personal, as())
		if response.StatusCode != http.StatusOK || response.Header.Get("ETag") != "" || response.Header.Get("Cache-Control") != "no-store" || !strings.Contains(content, "martha.hansen") {
			t.Errorf("who I am: %d %v %s", response.StatusCode, response.Header, content)
		}

		// Nothing changes by GET.
		k.Statements.Take()
		for name, each := range map[string]struct {
			method, text string
			header       map[string]string
			status       int
			code         string
		}{
			"a mutation":                  {"GET", change, as(), 405, "BAD_USER_INPUT"},
			"a mutation, overridden":      {"GET", change, as("X-HTTP-Method-Override", "POST"), 405, "BAD_USER_INPUT"},
			"from another site":           {"GET", catalogue, map[string]string{"Cookie": "kontor_session=" + martha.Token, "Sec-Fetch-Site": "cross-site"}, 403, "CSRF_REJECTED"},
			"from a sibling":              {"GET", catalogue, map[string]string{"Cookie": "kontor_session=" + martha.Token, "Sec-Fetch-Site": "same-site"}, 403, "CSRF_REJECTED"},
			"from another origin":         {"GET", catalogue, map[string]string{"Cookie": "kontor_session=" + martha.Token, "Origin": "https://evil.example"}, 403, "CSRF_REJECTED"},
			"HEAD":                        {"HEAD", catalogue, as(), 405, ""},
			"PUT":                         {"PUT", catalogue, as(), 405, "BAD_USER_INPUT"},
			"DELETE":                      {"DELETE", catalogue, as(), 405, "BAD_USER_INPUT"},
			"TRACE":                       {"TRACE", catalogue, as(), 405, "BAD_USER_INPUT"},
			"what nobody registered":      {"GET", "{ __typename }", as(), 400, "PERSISTED_QUERY_NOT_FOUND"},
			"a mutation of somebody else": {"GET", change, nil, 405, "BAD_USER_INPUT"},
		} {
			if each.header != nil && each.header["Accept"] == "" {
				each.header["Accept"] = "application/graphql-response+json"
			}
			response, content := byGet(t, k, each.method, each.text, each.header)
			if response.StatusCode != each.status || !strings.Contains(content, each.code) || strings.Contains(content, `"data"`) {
				t.Errorf("%s: %d %s", name, response.StatusCode, content)
			}
		}
		for _, sent := range k.Statements.Take() {
			if !strings.HasPrefix(sent, "SELECT") && !strings.Contains(sent, "surviving_session") {
				t.Errorf("something changed: %s", sent)
			}
		}
		if response, content := raw(t, k, "GET", "/graphql?query="+url.QueryEscape(catalogue), "", as()); response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("a query written out: %d %s", response.StatusCode, content)
		}

		// The session was last seen when it was used, not when something was asked by GET.
		seen := func() any {
			for _, each := range named(t, k.As(t, "martha.hansen"), hashed(sessions), "").OK(t).List(t, "viewer.sessions") {
				if each := each.(map[string]any); each["current"] == false {
					return each["lastSeenAt"]
				}
			}
			return nil
		}
		before := seen()
		k.Clock.Advance(20 * time.Minute)
		byGet(t, k, "GET", catalogue, as())
		if after := seen(); before == nil || after != before {
			t.Errorf("by GET the session was seen at %v, before at %v", after, before)
		}
		martha.Do(t, catalogue, nil).OK(t)
		if after := seen(); after == before {
			t.Errorf("by POST it was not seen: %v", after)
		}
	})
}
