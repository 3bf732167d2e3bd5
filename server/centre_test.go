package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/internal/kontortest"
	"kontor/server"
	"kontor/server/servertest"
)

// Access numbers that the customer centre of tests knows; its program has all of them.
const (
	numberOfMartha = "5500001001"
	numberOfMoritz = "5500001002"
)

// atCentre sets a replica up to know a customer centre.
func atCentre(c *kontortest.Centre) func(*server.Config) {
	return func(config *server.Config) {
		config.Centre = server.CentreConfig{Issuer: c.URL(), ClientID: kontortest.CentreClientID, ClientSecret: c.Secret}
	}
}

// eachCentre runs a test on every backend with the customer centre that all tests share.
func eachCentre(t *testing.T, test func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre)) {
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			c := kontortest.SharedCentre(t)
			test(t, servertest.Start(t, backend, atCentre(c)), c)
		})
	}
}

// linkBy links by access number and password.
func linkBy(t *testing.T, c *servertest.Client, number, password string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/account", "LinkCustomerCentre", servertest.Vars{"input": map[string]any{"accessNumber": number, "password": password}})
}

// startLogin is the address at the customer centre to go to.
func startLogin(t *testing.T, c *servertest.Client) string {
	t.Helper()
	return c.Operation(t, "spa/account", "StartCustomerCentreLogin", nil).OK(t).String(t, "startCustomerCentreLogin.authorizationUrl")
}

// finishLogin sends what the browser brought back, as an app does.
func finishLogin(t *testing.T, c *servertest.Client, back *url.URL) *servertest.Answer {
	t.Helper()
	input := map[string]any{}
	for name, values := range back.Query() {
		input[name] = values[0]
	}
	return c.Do(t, `mutation($input: FinishCustomerCentreLoginInput!) { finishCustomerCentreLogin(input: $input) {
		link { linked linkedAt subject } errors { code field message contact { email } } } }`, servertest.Vars{"input": input})
}

// linkOf is the link of an account, as it is shown.
func linkOf(t *testing.T, c *servertest.Client) string {
	t.Helper()
	return said(c.Operation(t, "spa/account", "MyAccount", nil).OK(t), "viewer.customerCentre.linked", "viewer.customerCentre.linkedAt", "viewer.customerCentre.subject")
}

const unlinked = "false <nil> <nil>"

var loginID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// logInThere goes to the customer centre with a browser, fills its form in, and gives the
// address that the browser is sent back to.
func logInThere(t *testing.T, address string, form url.Values) *url.URL {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "localhost:8080" { // Kontor's, for browsers; in tests it listens elsewhere
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(page.Body)
	page.Body.Close()
	id := loginID.FindSubmatch(shown)
	if err != nil || id == nil {
		t.Fatalf("the customer centre shows no form: %d %s %v", page.StatusCode, shown, err)
	}
	form.Set("id", string(id[1]))
	sent, err := browser.PostForm(page.Request.URL.Scheme+"://"+page.Request.URL.Host+"/login", form)
	if err != nil {
		t.Fatal(err)
	}
	sent.Body.Close()
	back, err := sent.Location()
	if err != nil || back.Path != "/customer-centre/callback" {
		t.Fatalf("the customer centre sends the browser to %v: %v", back, err)
	}
	return back
}

// as is the form of somebody at the customer centre.
func as(number string) url.Values {
	return url.Values{"number": {number}, "password": {kontortest.CentrePassword}}
}

// page is an answer that a person reads.
type page struct {
	status   int
	location string
	text     string
	header   http.Header
}

// comeBack brings a browser back to Kontor.
func comeBack(t *testing.T, k *servertest.Kontor, c *servertest.Client, method string, back *url.URL) page {
	t.Helper()
	request, err := http.NewRequest(method, k.URL+back.RequestURI(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// What a browser sends that another site redirects.
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	request.Header.Set("Accept-Language", "en")
	browser := *c.HTTP
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("the answer to a browser that comes back has %s: %q", name, got)
		}
	}
	return page{response.StatusCode, response.Header.Get("Location"), string(text), response.Header}
}

// browserAs is a browser in which somebody is logged in.
func browserAs(t *testing.T, k *servertest.Kontor, username string) *servertest.Client {
	t.Helper()
	browser := browserOf(t, k)
	loginAs(t, browser, username, servertest.DemoPassword, "transport", "COOKIE").OK(t)
	return browser
}

// wantNotLinked expects a page that says so, and that it is so.
func wantNotLinked(t *testing.T, what string, c *servertest.Client, got page, status int, text string) {
	t.Helper()
	if got.status != status || !strings.Contains(got.text, "<h1>Not linked</h1>") || !strings.Contains(got.text, text) {
		t.Errorf("%s: %d %s", what, got.status, got.text)
	}
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
		t.Errorf("%s: the page may run scripts: %s", what, policy)
	}
	if link := linkOf(t, c); link != unlinked {
		t.Errorf("%s: the account is linked: %s", what, link)
	}
}

// A browser goes to the customer centre and comes back linked; unlinked, it can begin
// again. Both are in the audit log, and no secret is kept or logged.
//
// Requirement: AC-12
// Requirement: AC-13
func TestCentreLoginInTheBrowser(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		browser := browserAs(t, k, "martha.hansen")
		if link := linkOf(t, browser); link != unlinked {
			t.Fatalf("at first the account is linked: %s", link)
		}
		address := startLogin(t, browser)
		asked, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := asked.Query()
		if !strings.HasPrefix(address, c.URL()+"/authorize?") || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 ||
			len(q.Get("state")) != 43 || len(q.Get("nonce")) != 43 || q.Get("scope") != "openid" || q.Get("redirect_uri") != kontortest.CentreRedirect {
			t.Errorf("the browser is sent to %s", address)
		}
		if found := (vault{"the secret": c.Secret, "the nonce": q.Get("nonce"), "the state": q.Get("state")}).found(stored(t, k)); !slices.Equal(found, nil) {
			t.Errorf("Redis holds in plain: %v", found)
		}
		k.Clock.Advance(3 * time.Minute)
		back := logInThere(t, address, as(numberOfMartha))
		// Whoever looks what a link is, does not use it up.
		if got := comeBack(t, k, browser, http.MethodHead, back); got.status != http.StatusMethodNotAllowed || linkOf(t, browser) != unlinked {
			t.Errorf("a look: %d", got.status)
		}
		if got := comeBack(t, k, browser, http.MethodGet, back); got.status != http.StatusSeeOther || got.location != "/customer-centre/linked" {
			t.Fatalf("coming back: %d %s %s", got.status, got.location, got.text)
		}
		if got := comeBack(t, k, browser, http.MethodGet, &url.URL{Path: "/customer-centre/linked"}); got.status != http.StatusOK || !strings.Contains(got.text, "<h1>Linked</h1>") {
			t.Errorf("the page after that: %d %s", got.status, got.text)
		}
		if link := linkOf(t, browser); link != "true 2026-11-23T09:03:00Z kc-1001" {
			t.Errorf("the link is %s", link)
		}
		again := comeBack(t, k, browser, http.MethodGet, back)
		if again.status != http.StatusBadRequest || !strings.Contains(again.text, "Begin again.") {
			t.Errorf("coming back again: %d %s", again.status, again.text)
		}
		browser.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		if link := linkOf(t, browser); link != unlinked {
			t.Errorf("after unlinking: %s", link)
		}
		browser.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t) // without a link nothing happens
		comeBack(t, k, browser, http.MethodGet, logInThere(t, startLogin(t, browser), as(numberOfMoritz)))
		if link := linkOf(t, browser); link != "true 2026-11-23T09:03:00Z kc-1002" {
			t.Errorf("linked again: %s", link)
		}

		var log []string
		for _, e := range slices.Backward(auditOf(t, browser, nil)) {
			log = append(log, fmt.Sprint(e["action"], " ", e["actor"].(map[string]any)["username"], " ", e["subject"].(map[string]any)["label"], " ", asJSON(t, e["before"]), " ", asJSON(t, e["after"])))
		}
		one, other := `{"issuer":"`+c.URL()+`","subject":"kc-1001"}`, `{"issuer":"`+c.URL()+`","subject":"kc-1002"}`
		want := []string{
			"centre.link martha.hansen martha.hansen <nil> " + one, "centre.unlink martha.hansen martha.hansen " + one + " <nil>",
			"centre.link martha.hansen martha.hansen <nil> " + other,
		}
		if !slices.Equal(log, want) {
			t.Errorf("the audit log has\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
		}
		secrets := vault{"the password": kontortest.CentrePassword, "the secret": c.Secret, "the code": back.Query().Get("code"), "the state": q.Get("state"), "the nonce": q.Get("nonce")}
		if found := secrets.found(k.Log.String() + everything(t, k.SQL(t))); len(found) > 0 {
			t.Errorf("kept or logged in plain: %v", found)
		}
	})
}

// stored is the content of Redis, where that can be read.
func stored(t *testing.T, k *servertest.Kontor) string {
	t.Helper()
	r := k.Redis(t)
	if r == nil {
		return ""
	}
	var all strings.Builder
	for _, key := range r.Keys(t.Context(), "kontor:centre:*").Val() {
		fmt.Fprintln(&all, key, r.Get(t.Context(), key).Val())
	}
	if all.Len() == 0 {
		t.Error("Redis keeps no login")
	}
	return all.String()
}

// An app sends what the browser brought back by itself, on any replica; a browser in
// which nobody is logged in links nothing.
//
// Requirement: AC-12
func TestCentreLoginOfApps(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		app := k.As(t, "martha.hansen")
		back := logInThere(t, startLogin(t, app), as(numberOfMartha))
		wantNotLinked(t, "a browser of nobody", app, comeBack(t, k, k.Anonymous(), http.MethodGet, back), http.StatusUnauthorized, "log in")
		replicas := k.Both(t)
		answer := finishLogin(t, app.On(replicas[len(replicas)-1]), back).OK(t)
		if got := said(answer, "finishCustomerCentreLogin.link.linked", "finishCustomerCentreLogin.link.linkedAt", "finishCustomerCentreLogin.link.subject"); got != linkOf(t, app) || !strings.HasSuffix(got, " kc-1001") {
			t.Errorf("finishing: %s", answer.Body)
		}
	})
}

// Only the session that began a login finishes it, once, within ten minutes, with the
// answer that belongs to it. Nobody can have somebody else link an identity that is not
// its own.
//
// Requirement: AC-12
func TestCentreLoginIsOfOneSession(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		victim, attacker := browserAs(t, k, "martha.hansen"), browserAs(t, k, "maik.alster")
		const invalid = "Begin again."
		mine := logInThere(t, startLogin(t, victim), as(numberOfMartha))
		changed := func(name, value string) *url.URL {
			q, to := mine.Query(), *mine
			q.Set(name, value)
			to.RawQuery = q.Encode()
			return &to
		}
		come := func(c *servertest.Client, back *url.URL) page { return comeBack(t, k, c, http.MethodGet, back) }
		theirs := logInThere(t, startLogin(t, attacker), as("5500001003"))
		wantNotLinked(t, "the login of somebody else", victim, come(victim, theirs), http.StatusBadRequest, invalid)
		wantNotLinked(t, "the same user in another session", victim, come(browserAs(t, k, "martha.hansen"), mine), http.StatusBadRequest, invalid)
		wantNotLinked(t, "somebody else's code", victim, come(victim, changed("state", strings.Repeat("A", 43))), http.StatusBadRequest, invalid)
		for _, name := range []string{"state", "code"} {
			wantNotLinked(t, "without "+name, victim, come(victim, changed(name, "")), http.StatusBadRequest, invalid)
		}
		// None of these took anything away from whoever began.
		if got := come(victim, mine); got.status != http.StatusSeeOther {
			t.Errorf("the own login: %d %s", got.status, got.text)
		}
		if got := come(attacker, theirs); got.status != http.StatusSeeOther {
			t.Errorf("the own login of the other: %d %s", got.status, got.text)
		}
		victim.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		wantNotLinked(t, "the same login again", victim, come(victim, mine), http.StatusBadRequest, invalid)

		// A code that was got for another login is worth nothing with the state of this one,
		// and a wrong one ends it.
		mine, other := logInThere(t, startLogin(t, victim), as(numberOfMartha)), logInThere(t, startLogin(t, victim), as(numberOfMoritz))
		wantNotLinked(t, "the code of another login", victim, come(victim, changed("code", other.Query().Get("code"))), http.StatusBadRequest, invalid)
		wantNotLinked(t, "the right code after a wrong one", victim, come(victim, mine), http.StatusBadRequest, invalid)

		// One that was got with another challenge is worth nothing: PKCE.
		address, err := url.Parse(startLogin(t, victim))
		if err != nil {
			t.Fatal(err)
		}
		q := address.Query()
		q.Set("code_challenge", strings.Repeat("A", 43))
		address.RawQuery = q.Encode()
		wantNotLinked(t, "the code of another challenge", victim, come(victim, logInThere(t, address.String(), as(numberOfMartha))), http.StatusBadRequest, invalid)

		mine = logInThere(t, startLogin(t, victim), as(numberOfMartha))
		k.Clock.Advance(10 * time.Minute)
		wantNotLinked(t, "after ten minutes", victim, come(victim, mine), http.StatusBadRequest, invalid)
		mine = logInThere(t, startLogin(t, victim), url.Values{"cancel": {"yes"}})
		wantNotLinked(t, "cancelled", victim, come(victim, mine), http.StatusOK, "not completed")
		if got := come(victim, mine); strings.Contains(got.text, "cancelled</b>") {
			t.Errorf("the page repeats what the address says: %s", got.text)
		}
		mine = logInThere(t, startLogin(t, victim), as(numberOfMartha))
		victim.Operation(t, "spa/session", "Logout", nil).OK(t)
		if got := come(victim, mine); got.status != http.StatusUnauthorized {
			t.Errorf("after a logout: %d %s", got.status, got.text)
		}
	})
}

// Whoever has something to do first links nothing before it is done, on no way.
//
// Requirement: AC-12
// Requirement: ID-07
func TestCentreComesAfterPendingSteps(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, c *kontortest.Centre) {
		browser := browserAs(t, k, "gerd.grau")
		back := logInThere(t, startLogin(t, browser), as(numberOfMartha))
		alter(t, k.SQL(t), `UPDATE users SET must_change_password = true WHERE username = 'gerd.grau'`)
		if answer := linkBy(t, browser, numberOfMartha, kontortest.CentrePassword); answer.Code() != "PASSWORD_CHANGE_REQUIRED" {
			t.Errorf("by access number: %s", answer.Body)
		}
		wantNotLinked(t, "coming back", browser, comeBack(t, k, browser, http.MethodGet, back), http.StatusForbidden, "password")
		alter(t, k.SQL(t), `UPDATE users SET must_change_password = false WHERE username = 'gerd.grau'`)
		if got := comeBack(t, k, browser, http.MethodGet, back); got.status != http.StatusSeeOther {
			t.Errorf("after that: %d %s", got.status, got.text)
		}
	})
}
