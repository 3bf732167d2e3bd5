package servertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// DemoPassword is the password of every demo user.
const DemoPassword = "Kontor-2026!"

// Client sends operations as a frontend does.
type Client struct {
	URL    string
	Token  string            // Authorization: Bearer, when set
	Header map[string]string // sent along
	HTTP   *http.Client
}

// Answer is what came back.
type Answer struct {
	Status     int
	Header     http.Header
	Body       []byte
	Data       map[string]any
	Extensions map[string]any
	Errors     []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

// Anonymous is a client that is not logged in.
func (k *Kontor) Anonymous() *Client {
	return &Client{URL: k.URL, Header: map[string]string{}, HTTP: http.DefaultClient}
}

// As is a client that is logged in as a demo user, with a bearer token.
func (k *Kontor) As(t testing.TB, username string) *Client {
	t.Helper()
	c := k.Anonymous()
	answer := c.Do(t, `mutation($u: String!, $p: String!) {
		login(input: {username: $u, password: $p, transport: BEARER}) { token errors { code } } }`,
		Vars{"u": username, "p": DemoPassword})
	c.Token, _ = answer.Get("login.token").(string)
	if c.Token == "" {
		t.Fatalf("%s could not log in: %s", username, answer.Body)
	}
	return c
}

// On is the same client at another replica.
func (c *Client) On(k *Kontor) *Client {
	other := *c
	other.URL = k.URL
	return &other
}

// Vars are the variables of an operation.
type Vars map[string]any

// Do sends an operation and reads the answer, whatever it is.
func (c *Client) Do(t testing.TB, query string, variables Vars) *Answer {
	t.Helper()
	return c.send(t, map[string]any{"query": query, "variables": variables})
}

// Operation sends one operation of a document of the clients' contract.
func (c *Client) Operation(t testing.TB, file, name string, variables Vars) *Answer {
	t.Helper()
	return c.send(t, map[string]any{"query": Document(t, file), "operationName": name, "variables": variables})
}

func (c *Client) send(t testing.TB, body map[string]any) *Answer {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return c.Post(t, encoded)
}

// Post sends a body as it is.
func (c *Client) Post(t testing.TB, body []byte) *Answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return c.answer(t, request)
}

// answer sends a request and reads what comes back.
func (c *Client) answer(t testing.TB, request *http.Request) *Answer {
	t.Helper()
	request.Header.Set("Accept", "application/graphql-response+json")
	c.sign(request.Header)
	response, err := c.HTTP.Do(request)
	if err != nil {
		t.Fatalf("sending an operation: %v", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	answer := &Answer{Status: response.StatusCode, Header: response.Header, Body: content}
	if err := json.Unmarshal(content, answer); err != nil {
		t.Fatalf("the answer is no JSON: %s", content)
	}
	return answer
}

// sign says whose request it is.
func (c *Client) sign(header http.Header) {
	if c.Token != "" {
		header.Set("Authorization", "Bearer "+c.Token)
	}
	for name, value := range c.Header {
		header.Set(name, value)
	}
}

// OK fails the test when the answer has errors of either kind, and gives it back.
func (a *Answer) OK(t testing.TB) *Answer {
	t.Helper()
	if len(a.Errors) > 0 || a.Status != http.StatusOK {
		t.Fatalf("status %d: %s", a.Status, a.Body)
	}
	for field, value := range a.Data {
		if payload, ok := value.(map[string]any); ok {
			if faults, ok := payload["errors"].([]any); ok && len(faults) > 0 {
				t.Fatalf("%s: %v", field, faults)
			}
		}
	}
	return a
}

// Code is the code of the first GraphQL error, or empty.
func (a *Answer) Code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return fmt.Sprint(a.Errors[0].Extensions["code"])
}

// Codes are the codes of the user errors of a payload.
func (a *Answer) Codes(field string) []string {
	var codes []string
	faults, _ := a.Get(field + ".errors").([]any)
	for _, f := range faults {
		codes = append(codes, fmt.Sprint(f.(map[string]any)["code"]))
	}
	return codes
}

// Get is the value at a path such as "orders.nodes.0.number", or nil.
func (a *Answer) Get(path string) any {
	var value any = a.Data
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscanf(step, "%d", &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// String is the text at a path; the test fails when there is none.
func (a *Answer) String(t testing.TB, path string) string {
	t.Helper()
	text, ok := a.Get(path).(string)
	if !ok {
		t.Fatalf("there is no text at %s: %s", path, a.Body)
	}
	return text
}

// List is the list at a path; the test fails when there is none.
func (a *Answer) List(t testing.TB, path string) []any {
	t.Helper()
	list, ok := a.Get(path).([]any)
	if !ok {
		t.Fatalf("there is no list at %s: %s", path, a.Body)
	}
	return list
}

// Document is a document of the clients' contract, such as "spa/cart".
func Document(t testing.TB, file string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "clients", "operations", file+".graphql")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the clients' contract: %v", err)
	}
	return string(content)
}

// Mail is a mail that was "sent", as the mails page gives it.
type Mail struct{ To, Subject, Text, HTML string }

// Token is the token of the link in the mail.
func (m Mail) Token(t testing.TB) string {
	t.Helper()
	found := linkToken.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no link in the mail: %s", m.Text)
	}
	return found[1]
}

var linkToken = regexp.MustCompile(`[?&]token=([A-Za-z0-9_-]+)`)

// Mails are the mails to an address so far, the newest first.
func (k *Kontor) Mails(t testing.TB, to string) []Mail {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, k.URL+"/mails?to="+url.QueryEscape(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("reading mails: %v", err)
	}
	defer response.Body.Close()
	var mails []Mail
	if err := json.NewDecoder(response.Body).Decode(&mails); err != nil {
		t.Fatalf("reading mails: %v", err)
	}
	return mails
}
