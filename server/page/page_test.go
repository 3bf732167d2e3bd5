package page

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

var martha = Login{
	Tenant: "Gießerei & Söhne", Organization: "HANSA", Username: "martha.hansen",
	Roles: []string{"MASTER_ADMIN", "APPROVER"}, Password: "Kontor-2026!",
}

// newPage is a page of a binary with or without GraphiQL's files.
func newPage(t *testing.T, opt Options, built bool) *Page {
	t.Helper()
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range graphiqlFiles {
		if built {
			p.assets[name] = asset{plain: []byte("long text"), gzipped: []byte("short"), hash: "0123"}
		} else {
			delete(p.assets, name)
		}
	}
	return p
}

func options(t *testing.T, demo bool) Options {
	t.Helper()
	examples, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	return Options{BaseURL: "http://localhost:8080", Demo: demo, GraphiQL: true, Logins: []Login{martha}, Examples: examples}
}

// get asks a handler; header are names and values in turn.
func get(h http.Handler, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}

func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%q must not be in\n%s", part, text)
		}
	}
}

func TestHomeShowsLoginsInDemoOnly(t *testing.T) {
	for _, built := range []bool{true, false} {
		demo := get(newPage(t, options(t, true), built).Home(), "/", "Accept-Language", "en").Body.String()
		contains(t, demo, "Demo logins", "Gießerei &amp; Söhne", "HANSA", "martha.hansen", "Master admin, Approver", "Kontor-2026!", `href="/mails"`)

		without := get(newPage(t, options(t, false), built).Home(), "/", "Accept-Language", "en").Body.String()
		contains(t, without, "Try it with curl", "USERNAME", "PASSWORD", "AppHome")
		lacks(t, without, "Demo logins", "martha.hansen", "paul.lang", "Kontor-2026!", "/mails")
	}
}

// Requirement: ID-20
func TestPagesSpeakTheReadersLanguage(t *testing.T) {
	p := newPage(t, options(t, true), true)
	none := func(context.Context, string) ([]Mail, error) { return nil, nil }
	for _, c := range []struct{ accept, lang, home, mails string }{
		{"de-AT,en;q=0.5", `lang="de"`, "Demo-Zugänge", "Noch keine E-Mails."},
		{"en-GB", `lang="en"`, "Demo logins", "No mails yet."},
		{"", `lang="de"`, "Hauptadministrator", "Adresse des Empfängers"},
	} {
		contains(t, get(p.Home(), "/", "Accept-Language", c.accept).Body.String(), c.lang, c.home)
		contains(t, get(p.Mails(none), "/mails", "Accept-Language", c.accept).Body.String(), c.lang, c.mails)
	}
	german, english := slices.Sorted(maps.Keys(p.texts["de"])), slices.Sorted(maps.Keys(p.texts["en"]))
	if !slices.Equal(german, english) {
		t.Errorf("the texts have different names:\n%v\n%v", german, english)
	}
}

func TestHomeSaysHowToBuildMissingGraphiQL(t *testing.T) {
	missing := get(newPage(t, options(t, true), false).Home(), "/", "Accept-Language", "en").Body.String()
	contains(t, missing, "<code>make web</code>", "Browser portal: PlaceOrder", "Demo logins", "app.js")
	lacks(t, missing, `id="graphiql"`, "graphiql.min.js")

	built := get(newPage(t, options(t, true), true).Home(), "/", "Accept-Language", "en").Body.String()
	contains(t, built, `id="graphiql"`, "/assets/graphiql.min.js?v=0123", "/assets/graphiql.min.css?v=0123", `"name":"PlaceOrder"`)
	lacks(t, built, "make web")

	off := options(t, true)
	off.GraphiQL = false
	without := get(newPage(t, off, true).Home(), "/", "Accept-Language", "en").Body.String()
	lacks(t, without, "make web", `id="graphiql"`, "graphiql.min.js", "PlaceOrder\"")
}

func TestCommandsAreForThisServer(t *testing.T) {
	opt := options(t, true)
	opt.BaseURL = "https://portal.example"
	page := get(newPage(t, opt, true).Home(), "/").Body.String()
	contains(t, page, "Origin: https://portal.example&#39;", "https://portal.example/graphql", "&#34;username&#34;: &#34;martha.hansen&#34;")
	lacks(t, page, "BASE_URL", "USERNAME", "localhost")
}

func TestPagesAllowOwnScriptsOnly(t *testing.T) {
	p := newPage(t, options(t, true), true)
	mails := p.Mails(func(context.Context, string) ([]Mail, error) { return nil, nil })
	for name, w := range map[string]*httptest.ResponseRecorder{"home": get(p.Home(), "/"), "mails": get(mails, "/mails")} {
		directives := map[string]string{}
		for part := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), ";") {
			directive, sources, _ := strings.Cut(strings.TrimSpace(part), " ")
			directives[directive] = sources
		}
		scripts, listed := directives["script-src"]
		if directives["default-src"] != "'none'" || directives["frame-ancestors"] != "'none'" || directives["base-uri"] != "'none'" || (listed && scripts != "'self'") {
			t.Errorf("%s: the policy is too wide: %v", name, directives)
		}
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		for _, open := range []string{"<script>", "onclick=", " style="} {
			lacks(t, w.Body.String(), open)
		}
	}
}

func TestAssetsAreKeptForGoodByTheirHash(t *testing.T) {
	p := newPage(t, options(t, true), true)
	for _, c := range []struct{ url, encoding, cache, body, tag string }{
		{"/assets/graphiql.min.js?v=0123", "gzip, br", "public, max-age=31536000, immutable", "short", `"0123-gzip"`},
		{"/assets/graphiql.min.js?v=0123", "", "public, max-age=31536000, immutable", "long text", `"0123"`},
		{"/assets/graphiql.min.js?v=old", "", "no-cache", "long text", `"0123"`},
	} {
		w := get(p.Assets(), c.url, "Accept-Encoding", c.encoding)
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != c.cache || w.Body.String() != c.body || w.Header().Get("ETag") != c.tag {
			t.Errorf("%s with %q: %d %v %q", c.url, c.encoding, w.Code, w.Header(), w.Body)
		}
		if again := get(p.Assets(), c.url, "Accept-Encoding", c.encoding, "If-None-Match", c.tag); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d, want 304", c.url, again.Code)
		}
	}
	for name, media := range map[string]string{"app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		if got := get(p.Assets(), "/assets/"+name).Header().Get("Content-Type"); got != media {
			t.Errorf("%s is %q, want %q", name, got, media)
		}
	}
	for _, name := range []string{"", ".gitkeep", ".stamp", "../page.go", "static/app.js"} {
		if w := get(p.Assets(), "/assets/"+name); w.Code != http.StatusNotFound {
			t.Errorf("/assets/%s answers %d, want 404", name, w.Code)
		}
	}
}

// outbox lists mails as the server does: all, or those to one address.
func outbox(mails ...Mail) func(context.Context, string) ([]Mail, error) {
	return func(_ context.Context, to string) ([]Mail, error) {
		return slices.DeleteFunc(slices.Clone(mails), func(m Mail) bool { return to != "" && m.To != to }), nil
	}
}

var (
	older = Mail{To: "a@hansa.example", Subject: "Älter", Text: "Grüße", At: time.Date(2026, 11, 23, 16, 4, 5, 0, time.UTC)}
	newer = Mail{To: "b+c@hansa.example", Subject: "Neuer", Text: "Text", HTML: "<p>Hallo</p>", At: older.At.Add(time.Hour)}
)

func TestMailsAsJSON(t *testing.T) {
	p := newPage(t, options(t, true), true)
	for _, c := range []struct {
		url  string
		want []Mail
	}{
		{"/mails", []Mail{newer, older}},
		{"/mails?to=b%2Bc@hansa.example", []Mail{newer}},
		{"/mails?to=nobody@hansa.example", []Mail{}},
	} {
		w := get(p.Mails(outbox(older, newer)), c.url, "Accept", "application/json")
		var got []Mail
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v from %s", c.url, got, err, w.Body)
		}
		if media := w.Header().Get("Content-Type"); media != "application/json; charset=utf-8" {
			t.Errorf("%s is %q", c.url, media)
		}
	}
	body := get(p.Mails(outbox(older)), "/mails", "Accept", "application/json").Body.String()
	contains(t, body, `"to":"a@hansa.example"`, `"subject":"Älter"`, `"text":"Grüße"`, `"html":""`, `"at":"2026-11-23T16:04:05Z"`)
}

func TestMailsAsPage(t *testing.T) {
	p := newPage(t, options(t, true), true)
	browser := "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
	all := get(p.Mails(outbox(older, newer)), "/mails", "Accept", browser, "Accept-Language", "de").Body.String()
	contains(t, all, "Neuer", "Älter", "Grüße", "23.11.2026, 16:04 UTC", "/mails?to=b%2bc%40hansa.example")
	if strings.Index(all, "Neuer") > strings.Index(all, "Älter") {
		t.Error("the newest mail does not come first")
	}
	one := get(p.Mails(outbox(older, newer)), "/mails?to=a@hansa.example", "Accept", browser).Body.String()
	contains(t, one, "Älter", `value="a@hansa.example"`)
	lacks(t, one, "Neuer")
}

// A mail may carry what others wrote: none of it may become part of the page.
func TestMailsOfAnAttackerStayInTheirFrame(t *testing.T) {
	p := newPage(t, options(t, true), true)
	hostile := Mail{
		To: `"><script>to()</script>`, Subject: `</h2><script>subject()</script>`, Text: `</pre><script>text()</script>`,
		HTML: `"></iframe><script>html()</script><img src=x onerror="html()">`, At: older.At,
	}
	plain := Mail{To: "a@hansa.example", Text: "</pre><script>plain()</script>", At: older.At}
	body := get(p.Mails(outbox(hostile, plain)), `/mails?to=`, "Accept", "text/html").Body.String()
	lacks(t, body, "<script", "<img", `onerror="`, "allow-scripts", "allow-same-origin")
	if frames, sandboxed := strings.Count(body, "<iframe"), strings.Count(body, `<iframe sandbox="allow-popups `); frames != 1 || sandboxed != 1 {
		t.Errorf("%d frames, %d of them sandboxed; want 1", frames, sandboxed)
	}
	contains(t, body, "&lt;/pre&gt;&lt;script&gt;plain()", "&lt;script&gt;html()", "&lt;script&gt;subject()")

	searched := get(p.Mails(outbox()), `/mails?to=%22%3E%3Cscript%3Ex()%3C/script%3E`, "Accept", "text/html").Body.String()
	lacks(t, searched, "<script")
}

func TestMailsThatCannotBeReadAreAnError(t *testing.T) {
	p := newPage(t, options(t, true), true)
	failing := func(context.Context, string) ([]Mail, error) { return nil, errors.New("disk of host db7 is full") }
	w := get(p.Mails(failing), "/mails", "Accept", "application/json")
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", w.Code)
	}
	lacks(t, w.Body.String(), "db7")
}

// schema is the API's.
func schema(t *testing.T) *ast.Schema {
	t.Helper()
	files, err := filepath.Glob("../../graph/schema/*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schema found: %v", err)
	}
	var sources []*ast.Source
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: file, Input: string(text)})
	}
	loaded, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestCommandsFitTheSchema(t *testing.T) {
	api, sent := schema(t), 0
	for _, s := range steps(options(t, true)) {
		body, found := strings.CutPrefix(s.Command, "kontor '")
		if !found {
			continue
		}
		sent++
		var request struct {
			Query     string
			Variables map[string]any
		}
		if err := json.Unmarshal([]byte(strings.TrimSuffix(body, "'")), &request); err != nil {
			t.Errorf("%s sends no JSON: %v", s.Text, err)
			continue
		}
		document, errs := gqlparser.LoadQueryWithRules(api, request.Query, rules.NewDefaultRules())
		if len(errs) > 0 {
			t.Errorf("%s: %v", s.Text, errs)
			continue
		}
		if _, err := validator.VariableValues(api, document.Operations[0], request.Variables); err != nil {
			t.Errorf("%s: %v", s.Text, err)
		}
	}
	if sent != len(allSteps)-1 {
		t.Errorf("%d commands send an operation, want all but the first", sent)
	}
}

func TestExamplesFitTheSchema(t *testing.T) {
	api := schema(t)
	clients := map[string]int{}
	for _, e := range options(t, true).Examples {
		clients[e.Client]++
		document, errs := gqlparser.LoadQueryWithRules(api, e.Query, rules.NewDefaultRules())
		if len(errs) > 0 {
			t.Errorf("%s %s: %v", e.Client, e.Name, errs)
			continue
		}
		if len(document.Operations) != 1 || document.Operations[0].Name != e.Name {
			t.Errorf("%s %s has other operations than its name says", e.Client, e.Name)
		}
		variables := map[string]any{}
		if e.Variables != "" {
			if err := json.Unmarshal([]byte(e.Variables), &variables); err != nil {
				t.Errorf("%s %s: its variables are no JSON: %v", e.Client, e.Name, err)
			}
		}
		if _, err := validator.VariableValues(api, document.Operations[0], variables); err != nil {
			t.Errorf("%s %s: %v", e.Client, e.Name, err)
		}
	}
	if clients["PORTAL"] != 15 || clients["PHONE_APP"] != 2 || clients["DASHBOARD"] != 5 || len(clients) != 3 {
		t.Errorf("examples by client: %v", clients)
	}
}

// What links in mails lead to says what to do, in both languages, and keeps the token
// of the address to the browser.
//
// Requirement: ID-05
func TestFormsBehindLinks(t *testing.T) {
	p := newPage(t, options(t, true), true)
	for _, path := range FormPaths() {
		for _, language := range []string{"de", "en"} {
			body := get(p.Form(path), path+"?token=SECRET", "Accept-Language", language).Body.String()
			contains(t, body, `<form class="fields"`, "mutation ($input: ", p.texts[language][forms[path].Name], p.texts[language][forms[path].Name+"_done"])
			lacks(t, body, "SECRET", "<no value>")
		}
	}
}

// The page behind the link of a quote speaks both languages, keeps the token to the browser,
// and sends what the schema knows.
//
// Requirement: OR-04
func TestQuoteBehindItsLink(t *testing.T) {
	p, api := newPage(t, options(t, true), true), schema(t)
	for _, language := range []string{"de", "en"} {
		body := get(p.Quote(), QuotePath+"?token=SECRET", "Accept-Language", language).Body.String()
		contains(t, body, `lang="`+language+`"`, "quote.js", "AcceptQuoteInput", "DeclineQuoteInput", p.texts[language]["quote_accept_done"], p.texts[language]["quote_EXPIRED"])
		lacks(t, body, "SECRET", "<no value>", "<script>", " style=")
	}
	for name, operation := range quoteOperations {
		if _, errs := gqlparser.LoadQueryWithRules(api, operation, rules.NewDefaultRules()); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}
