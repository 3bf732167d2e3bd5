// Package page is what people see who open the server in a browser: the start
// page with GraphiQL, and in demo mode the mails sent so far and the pages that their
// links lead to.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"

	"kontor/internal/lang"
)

// Options are what the pages show.
type Options struct {
	BaseURL  string    // public URL, for the commands to copy
	Demo     bool      // show logins and the way to the mails page
	GraphiQL bool      // show GraphiQL
	Logins   []Login   // shown with Demo only
	Examples []Example // operations to pick from; see Examples
}

// Login is a user of the demo data.
type Login struct {
	Tenant       string   // name of the company
	Organization string   // organization ID, such as HANSA
	Username     string   // name to log in with
	Roles        []string // codes such as MASTER_ADMIN
	Password     string   // in the clear: demo users only
}

//go:embed templates/*.html
var templateFiles embed.FS

// Page serves the pages and the files that they load.
type Page struct {
	options Options
	assets  map[string]asset
	texts   map[string]texts
	home    *template.Template
	mails   *template.Template
	form    *template.Template
	quote   *template.Template
	notice  *template.Template
}

// New prepares the pages. It fails when a template or a text that is built into
// the binary cannot be read.
func New(opt Options) (*Page, error) {
	if !opt.Demo {
		opt.Logins, opt.Examples = nil, withoutLogins(opt.Examples)
	}
	p := &Page{options: opt}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.texts, err = loadTexts(); err != nil {
		return nil, err
	}
	if p.home, err = p.template("home.html"); err != nil {
		return nil, err
	}
	if p.mails, err = p.template("mails.html"); err != nil {
		return nil, err
	}
	if p.form, err = p.template("form.html"); err != nil {
		return nil, err
	}
	if p.quote, err = p.template("quote.html"); err != nil {
		return nil, err
	}
	if p.notice, err = p.template("notice.html"); err != nil {
		return nil, err
	}
	return p, nil
}

// template reads one page together with the frame that all share.
func (p *Page) template(name string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"asset": p.assetURL}).
		ParseFS(templateFiles, "templates/frame.html", "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("reading the page %s: %w", name, err)
	}
	return t, nil
}

// loginValues are the variables of an example that only the demo data knows.
var loginValues = regexp.MustCompile(`"(username|password|organization)": "[^"]*"`)

// withoutLogins empties the demo logins in examples, which elsewhere are nobody's.
func withoutLogins(examples []Example) []Example {
	examples = slices.Clone(examples)
	for i := range examples {
		examples[i].Variables = loginValues.ReplaceAllString(examples[i].Variables, `"$1": ""`)
	}
	return examples
}

// homeView is what the template of the start page is filled with.
type homeView struct {
	Language string
	Text     texts
	Options
	Built  bool // GraphiQL's files are in this binary
	Steps  []step
	Picker []Example // the examples, with the clients' names, for the page's script
}

// Home is the start page, in the reader's language (ID-20).
func (p *Page) Home() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := language(r)
		view := homeView{
			Language: l, Text: p.texts[l], Options: p.options, Built: p.built(),
			Steps: steps(p.options), Picker: slices.Clone(p.options.Examples),
		}
		for i := range view.Picker {
			view.Picker[i].Client = view.Text.Name(view.Picker[i].Client)
		}
		// CodeMirror, GraphiQL's editor, sets style attributes. Scripts come from
		// this server's files only, on every page.
		styles := "'self'"
		if view.GraphiQL && view.Built {
			styles += " 'unsafe-inline'"
		}
		render(w, p.home, view, "default-src 'none'; script-src 'self'; style-src "+styles+
			"; img-src 'self' data:; font-src 'self' data:; connect-src 'self'")
	})
}

func language(r *http.Request) string {
	return lang.Negotiate(r.Header.Get("Accept-Language"), lang.Languages[0])
}

// render answers with a page. policy says what it may load; that nobody may put
// it into a frame holds for all.
func render(w http.ResponseWriter, t *template.Template, view any, policy string) {
	renderStatus(w, http.StatusOK, t, view, policy)
}

func renderStatus(w http.ResponseWriter, status int, t *template.Template, view any, policy string) {
	var page bytes.Buffer
	if err := t.Execute(&page, view); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}
