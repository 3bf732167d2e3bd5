package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// newHandler is the provider: what the library answers, a login page, the password grant,
// and wrong tokens for people who are there for that.
func newHandler(issuer string, s *storage) (http.Handler, error) {
	config := &op.Config{CodeMethodS256: true, SupportedScopes: []string{oidc.ScopeOpenID}}
	provider, err := op.NewProvider(config, s, op.StaticIssuer(issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("making the provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+oidc.DiscoveryEndpoint, func(w http.ResponseWriter, r *http.Request) {
		found := op.CreateDiscoveryConfig(op.ContextWithIssuer(r.Context(), issuer), provider, s)
		found.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode, "password"}
		answer(w, http.StatusOK, struct {
			*oidc.DiscoveryConfiguration
			NamesIssuer bool `json:"authorization_response_iss_parameter_supported"`
		}{found, true})
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { showLogin(w, r.FormValue("id"), "") })
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { logIn(w, r, s) })
	mux.HandleFunc("GET /authorize/callback", func(w http.ResponseWriter, r *http.Request) {
		provider.ServeHTTP(&issuerNamer{ResponseWriter: w, issuer: issuer, about: s.subjectOf(r.FormValue("id"))}, r)
	})
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		held := &heldAnswer{ResponseWriter: w, status: http.StatusOK}
		if r.FormValue("grant_type") == "password" {
			grantPassword(held, r, issuer, provider, s)
		} else {
			provider.ServeHTTP(held, r)
		}
		spoil(held, s)
	})
	// For tests: how often a password was tried.
	mux.HandleFunc("GET /tries/{number}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, s.tried(r.PathValue("number")))
	})
	mux.Handle("/", provider)
	return mux, nil
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Customer centre</title>
<h1>Customer centre</h1><p>{{.Problem}}</p>
<form method="post" action="/login"><input type="hidden" name="id" value="{{.ID}}">
<label>Access number <input name="number" inputmode="numeric"></label>
<label>Personal password <input name="password" type="password"></label>
<button>Log in</button> <button name="cancel" value="yes">Cancel</button></form></html>
`))

func showLogin(w http.ResponseWriter, id, problem string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = loginPage.Execute(w, struct{ ID, Problem string }{id, problem})
}

// logIn reads the login page.
func logIn(w http.ResponseWriter, r *http.Request, s *storage) {
	id := r.FormValue("id")
	asked, err := s.AuthRequestByID(r.Context(), id)
	if err != nil {
		http.Error(w, "this login is over", http.StatusBadRequest)
		return
	}
	if r.FormValue("cancel") != "" {
		_ = s.DeleteAuthRequest(r.Context(), id)
		back := url.Values{"error": {"access_denied"}, "error_description": {"<b>cancelled</b>"}, "state": {asked.GetState()}}
		http.Redirect(w, r, asked.GetRedirectURI()+"?"+back.Encode(), http.StatusSeeOther)
		return
	}
	p, right := s.check(r.FormValue("number"), r.FormValue("password"))
	if !right || !s.logIn(id, p) {
		showLogin(w, id, "The access number or the password is wrong.")
		return
	}
	http.Redirect(w, r, "/authorize/callback?id="+url.QueryEscape(id), http.StatusSeeOther)
}

// subjectOf is who a login under way is.
func (s *storage) subjectOf(id string) person {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked, known := s.asked[id]; known {
		return bySubject(asked.subject)
	}
	return person{}
}

// grantPassword gives a token for an access number and its password.
func grantPassword(w http.ResponseWriter, r *http.Request, issuer string, provider *op.Provider, s *storage) {
	id, secret, _ := r.BasicAuth()
	if s.AuthorizeClientIDSecret(r.Context(), id, secret) != nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	p, right := s.check(r.PostFormValue("username"), r.PostFormValue("password"))
	if !right || !strings.Contains(r.PostFormValue("scope"), oidc.ScopeOpenID) {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	ctx := op.ContextWithIssuer(r.Context(), issuer)
	tokens, err := op.CreateTokenResponse(ctx, byPassword{id, p.subject}, s.client, provider, true, "", "")
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	answer(w, http.StatusOK, tokens)
}

// issuerNamer adds the parameter iss to the redirect of a login (RFC 9207).
type issuerNamer struct {
	http.ResponseWriter
	issuer string
	about  person
}

func (n *issuerNamer) WriteHeader(status int) {
	if to, err := url.Parse(n.Header().Get("Location")); err == nil && to.Query().Has("code") {
		q := to.Query()
		switch n.about.wrong {
		case "noiss":
		case "iss":
			q.Set("iss", "https://elsewhere.example")
		default:
			q.Set("iss", n.issuer)
		}
		to.RawQuery = q.Encode()
		n.Header().Set("Location", to.String())
	}
	n.ResponseWriter.WriteHeader(status)
}

// heldAnswer keeps an answer back until it was looked at.
type heldAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int)            { h.status = status }
func (h *heldAnswer) Write(content []byte) (int, error) { return h.body.Write(content) }
