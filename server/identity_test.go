package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/internal/password"
	"kontor/server"
	"kontor/server/servertest"
)

// loginAs tries to log in with a bearer token, by the clients' own operation. more
// are further parts of the input, or other ones.
func loginAs(t *testing.T, c *servertest.Client, username, password string, more ...any) *servertest.Answer {
	t.Helper()
	input := map[string]any{"username": username, "password": password, "transport": "BEARER"}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	return c.Operation(t, "spa/session", "Login", servertest.Vars{"input": input})
}

// A login works with each name of the user, with the organization or without it
// unless the tenant asks for it.
//
// Requirement: ID-01
// Requirement: ID-21
func TestIdentityLoginNames(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		names := []string{"martha.hansen", "MARTHA.Hansen", " martha.hansen ", "martha.hansen@hansa.example", "Martha.Hansen@HANSA.example"}
		try := func(name string, organization any, want bool) {
			t.Helper()
			answer := loginAs(t, k.Anonymous(), name, servertest.DemoPassword, "organization", organization)
			token, worked := answer.Get("login.token").(string)
			if worked != want {
				t.Fatalf("login as %q for %v: %s", name, organization, answer.Body)
			}
			if !worked {
				return
			}
			c := k.Anonymous()
			c.Token = token
			if got := c.Operation(t, "spa/session", "Me", nil).OK(t).String(t, "viewer.user.username"); got != "martha.hansen" {
				t.Errorf("%q is logged in as %s", name, got)
			}
		}
		for _, name := range names {
			for _, organization := range []any{nil, "", "HANSA", " hansa "} {
				try(name, organization, true)
			}
		}
		alter(t, k.SQL(t), `UPDATE tenants SET login_needs_organization = true WHERE organization_id = 'HANSA'`)
		for _, name := range names {
			try(name, "HANSA", true)
			try(name, nil, false)
			try(name, "  ", false)
		}
	})
}

// Whatever is wrong, the answer is the same to the byte, and so is the work for it.
//
// Requirement: ID-01
// Case: AUTH-01
// Case: AUTH-07
func TestIdentityLoginRefusalsAreAlike(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`)
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`)
		alter(t, d, `UPDATE users SET status = 'INVITED', password_hash = '' WHERE username = 'silke.sommer'`)
		alter(t, d, `UPDATE tenants SET login_needs_organization = true WHERE organization_id = 'ALSTER'`)
		right, long := servertest.DemoPassword, strings.Repeat("p", 600)
		for name, each := range map[string]struct{ username, password, organization string }{
			"wrong password":                {"martha.hansen", "Falsch-2026!", "HANSA"},
			"empty password":                {"martha.hansen", "", "HANSA"},
			"password of 600 bytes":         {"martha.hansen", long, "HANSA"},
			"unknown user":                  {"niemand", right, "HANSA"},
			"unknown user, long password":   {"niemand", long, "HANSA"},
			"empty user name":               {"", right, "HANSA"},
			"unknown organization":          {"martha.hansen", right, "NIRGENDS"},
			"another organization":          {"martha.hansen", right, "ALSTER"},
			"organization missing":          {"maik.alster", right, ""},
			"deactivated user":              {"gerd.grau", right, "HANSA"},
			"locked user":                   {"anna.abel", right, "HANSA"},
			"user who never registered":     {"silke.sommer", "", "HANSA"},
			"a pattern instead of a name":   {"martha%", right, "HANSA"},
			"a condition instead of a name": {"martha.hansen' OR '1'='1", right, "HANSA"},
		} {
			k.Clock.Advance(13 * time.Hour) // earlier failures are forgotten
			want := loginAs(t, k.Anonymous(), "martha.hansen", "Falsch-1999!", "organization", "HANSA")
			if got := want.Codes("login"); !slices.Equal(got, []string{"INVALID_CREDENTIALS"}) || want.Get("login.viewer") != nil || want.Get("login.token") != nil {
				t.Fatalf("a wrong password: %s", want.Body)
			}
			k.Statements.Take()
			answer := loginAs(t, k.Anonymous(), each.username, each.password, "organization", each.organization)
			if answer.Status != want.Status || string(answer.Body) != string(want.Body) {
				t.Errorf("%s: %d %s, want %d %s", name, answer.Status, answer.Body, want.Status, want.Body)
			}
			if got, want := steady(answer.Header), steady(want.Header); !maps.Equal(got, want) {
				t.Errorf("%s: headers %v, want %v", name, got, want)
			}
			// What is noted of the refusal comes behind the answer.
			noted := func(statement string) bool {
				return !strings.Contains(statement, "FROM `users`") && !strings.Contains(statement, `FROM "users"`) &&
					!strings.Contains(statement, "WHERE `tenants`.`id`") && !strings.Contains(statement, `WHERE "tenants"."id"`)
			}
			if sent := slices.DeleteFunc(k.Statements.Take(), noted); len(sent) != 2 {
				t.Errorf("%s: the look-up of user and tenant took %d statements: %q", name, len(sent), sent)
			}
		}
		k.Clock.Advance(13 * time.Hour)
		sessions := k.As(t, "martha.hansen").Operation(t, "spa/session", "MySessions", nil).OK(t)
		if n := len(sessions.List(t, "viewer.sessions")); n != 1 {
			t.Errorf("failed logins left %d sessions beside the one that asks", n-1)
		}
	})
}

// steady are the headers of an answer that do not change from one to the next.
func steady(h http.Header) map[string]string {
	kept := map[string]string{}
	for name := range h {
		if name != "Date" && name != "X-Request-Id" {
			kept[name] = h.Get(name)
		}
	}
	return kept
}

// Whoever tries passwords needs a request for each; nothing of a document with
// more runs.
//
// Requirement: ID-19
// Case: AUTH-05
// Case: GQL-06
func TestIdentityOneLoginForEachRequest(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		login := func(password string) string {
			return fmt.Sprintf(`login(input: {username: "martha.hansen", password: %q, transport: BEARER}) { token errors { code } }`, password)
		}
		var many strings.Builder
		for i := range 50 {
			fmt.Fprintf(&many, "a%d: %s\n", i, login(fmt.Sprint("Falsch-", i)))
		}
		k.Statements.Take()
		for name, query := range map[string]string{
			"two":                       "mutation { a: " + login("x") + " b: " + login(servertest.DemoPassword) + " }",
			"fifty":                     "mutation { " + many.String() + " }",
			"hidden in a fragment":      "mutation { a: " + login("x") + " ...more } fragment more on Mutation { b: " + login("y") + " }",
			"a fragment twice":          "mutation { ...a ... on Mutation { ...a } } fragment a on Mutation { " + login("y") + " }",
			"hidden in inline fragment": "mutation { a: " + login("x") + " ... on Mutation { ... { b: " + login("y") + " } } }",
		} {
			answer := k.Anonymous().Do(t, query, nil)
			if answer.Status != http.StatusBadRequest || answer.Code() != "COMPLEXITY_LIMIT_EXCEEDED" || answer.Data != nil {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
		one := fmt.Sprintf(`{"query": %q}`, "mutation { "+login(servertest.DemoPassword)+" }")
		if answer := k.Anonymous().Post(t, []byte("["+one+","+one+"]")); answer.Status != http.StatusBadRequest || answer.Data != nil {
			t.Errorf("a batch: %d %s", answer.Status, answer.Body)
		}
		two := "mutation A { " + login("x") + " } mutation B { " + login("y") + " }"
		if answer := k.Anonymous().Do(t, two, nil); answer.Status != http.StatusBadRequest || answer.Data != nil {
			t.Errorf("two operations without a name: %d %s", answer.Status, answer.Body)
		}
		if sent := k.Statements.Take(); len(sent) > 0 {
			t.Errorf("refused documents reached the database: %q", sent)
		}
	})
}

// sessionCookies are the session cookies that an answer sets.
func sessionCookies(answer *servertest.Answer) []*http.Cookie {
	return slices.DeleteFunc((&http.Response{Header: answer.Header}).Cookies(), isDevice)
}

// isDevice tells whether a cookie is that of a known device.
func isDevice(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "-device") }

// A browser gets its session in a cookie that no script reads, and never in the
// answer; a logout takes it away with the same attributes.
//
// Requirement: ID-01
// Requirement: ID-02
// Case: AUTH-17
func TestIdentityCookieTransport(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserOf(t, k)
		login := loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		set := sessionCookies(login)
		if len(set) != 1 {
			t.Fatalf("the login sets %v", set)
		}
		c := set[0]
		if c.Name != "kontor" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure {
			t.Errorf("on plain http the cookie is %s", c)
		}
		if want := k.Clock.Now().Add(12 * time.Hour); !c.Expires.Equal(want) {
			t.Errorf("the cookie ends at %s, want %s", c.Expires, want)
		}
		if login.Get("login.token") != nil || strings.Contains(string(login.Body), c.Value) {
			t.Errorf("the answer has the token: %s", login.Body)
		}
		me := browser.Operation(t, "spa/session", "Me", nil).OK(t)
		if strings.Contains(string(me.Body), c.Value) || len(sessionCookies(me)) != 0 {
			t.Errorf("a later answer has the token: %s %v", me.Body, me.Header)
		}
		out := sessionCookies(browser.Operation(t, "spa/session", "Logout", nil).OK(t))
		if len(out) != 1 || out[0].Name != "kontor" || out[0].Value != "" || out[0].MaxAge >= 0 || out[0].Path != "/" || out[0].Domain != "" || !out[0].HttpOnly {
			t.Errorf("the logout sets %v", out)
		}
		browser.Header["Cookie"] = "kontor=" + c.Value
		if after := browser.Operation(t, "spa/session", "Me", nil); after.Status != http.StatusUnauthorized || after.Code() != "UNAUTHENTICATED" {
			t.Errorf("the cookie of an ended session: %d %s", after.Status, after.Body)
		}
		refused := loginAs(t, browserOf(t, k), "martha.hansen", "Falsch-2026!", "transport", "COOKIE")
		if len(sessionCookies(refused)) != 0 {
			t.Errorf("a failed login sets %v", sessionCookies(refused))
		}
	})
}

// Behind https the cookie is bound to the host and to https, and browsers are told
// to stay with it.
//
// Case: AUTH-17
func TestIdentityCookieOverHTTPS(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0], func(c *server.Config) { c.BaseURL = "https://portal.example" })
	browser := k.Anonymous()
	browser.Header["Origin"] = "https://portal.example"
	login := loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
	set := sessionCookies(login)
	if len(set) != 1 || set[0].Name != "__Host-kontor" || !set[0].Secure || !set[0].HttpOnly || set[0].Path != "/" || set[0].Domain != "" {
		t.Fatalf("the login sets %v", set)
	}
	if c := deviceCookie(login); c == nil || c.Name != "__Host-kontor-device" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("as a known device the login sets %v", c)
	}
	if got := login.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
		t.Errorf("Strict-Transport-Security is %q", got)
	}
	browser.Header["Cookie"] = "__Host-kontor=" + set[0].Value
	expectLive(t, "the cookie", browser, true)
	browser.Header["Cookie"] = "kontor=" + set[0].Value
	expectLive(t, "the same value under the name of plain http", browser, false)
}

// The value of a session comes from the server alone: one that the client brings
// along is not taken over.
//
// Case: AUTH-08
func TestIdentitySessionsAreNotFixed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		chosen := strings.Repeat("A", 43)
		browser := k.Anonymous()
		browser.Header["Origin"], browser.Header["Cookie"] = k.URL, "kontor="+chosen
		set := sessionCookies(loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t))
		if len(set) != 1 || set[0].Value == chosen {
			t.Errorf("the login sets %v", set)
		}
		if after := browser.Operation(t, "spa/session", "Me", nil); after.Status != http.StatusUnauthorized {
			t.Errorf("the chosen value logs in: %s", after.Body)
		}
	})
}

// A token works in the way it was given out and in no other, and never two at once.
//
// Requirement: ID-01
// Case: AUTH-17
// Case: AUTH-18
func TestIdentityOneTransportForEachToken(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		bearer := k.As(t, "martha.hansen").Token
		login := loginAs(t, browserOf(t, k), "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		cookie := sessionCookies(login)[0].Value
		app := loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword).OK(t)
		if len(sessionCookies(app)) != 0 {
			t.Errorf("an app is given a cookie: %v", sessionCookies(app))
		}
		for name, each := range map[string]struct {
			header map[string]string
			status int
			code   string
		}{
			"bearer":                     {map[string]string{"Authorization": "Bearer " + bearer}, 200, ""},
			"cookie":                     {map[string]string{"Cookie": "kontor=" + cookie}, 200, ""},
			"both":                       {map[string]string{"Authorization": "Bearer " + bearer, "Cookie": "kontor=" + cookie}, 400, "BAD_USER_INPUT"},
			"both, one of them nobody's": {map[string]string{"Authorization": "Bearer " + bearer, "Cookie": "kontor=x"}, 400, "BAD_USER_INPUT"},
			"two cookies":                {map[string]string{"Cookie": "kontor=" + cookie + "; kontor=" + cookie}, 400, "BAD_USER_INPUT"},
			"cookie's token as bearer":   {map[string]string{"Authorization": "Bearer " + cookie}, 401, "UNAUTHENTICATED"},
			"bearer's token as cookie":   {map[string]string{"Cookie": "kontor=" + bearer}, 401, "UNAUTHENTICATED"},
			"another scheme":             {map[string]string{"Authorization": "Basic " + bearer}, 400, "BAD_USER_INPUT"},
			"no scheme":                  {map[string]string{"Authorization": bearer}, 400, "BAD_USER_INPUT"},
			"no token":                   {map[string]string{"Authorization": "Bearer "}, 400, "BAD_USER_INPUT"},
			"a changed token":            {map[string]string{"Authorization": "Bearer " + bearer[1:] + bearer[:1]}, 401, "UNAUTHENTICATED"},
			"a long token":               {map[string]string{"Authorization": "Bearer " + strings.Repeat("A", 5000)}, 401, "UNAUTHENTICATED"},
			"the name of https":          {map[string]string{"Cookie": "__Host-kontor=" + cookie}, 401, "UNAUTHENTICATED"},
		} {
			c := k.Anonymous()
			maps.Copy(c.Header, each.header)
			c.Header["Origin"] = k.URL
			answer := c.Operation(t, "spa/session", "Me", nil)
			if answer.Status != each.status || answer.Code() != each.code {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
	})
}

// Cookies that others put beside the session's, as neighbouring hosts can: a second one of its name is
// refused and not chosen from, and a huge one is nobody's session.
//
// Case: AUTH-17
func TestIdentityStrangeCookies(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		cookie := cookieOf(inBrowser(t, k, "martha.hansen"))
		theirs := cookieOf(inBrowser(t, k, "malte.brandt"))
		for name, each := range map[string]struct {
			cookies string
			status  int
		}{
			"the own one": {"kontor=" + cookie, 200}, "with others beside": {"a=b; kontor=" + cookie + "; kontor2=x", 200},
			"another's in front": {"kontor=" + theirs + "; kontor=" + cookie, 400}, "another's behind": {"kontor=" + cookie + "; kontor=" + theirs, 400},
			"an empty one in front": {"kontor=; kontor=" + cookie, 400}, "5 KB": {"kontor=" + strings.Repeat("A", 5<<10), 401}, "5 KB beside": {"other=" + strings.Repeat("A", 5<<10) + "; kontor=" + cookie, 200},
			"upper case": {"KONTOR=" + cookie, 401}, "a space in it": {"kontor=" + cookie[:20] + " " + cookie[20:], 401}, "quoted": {"kontor=\"" + cookie + "\"", 200},
		} {
			c := browserOf(t, k)
			c.HTTP, c.Header["Cookie"] = http.DefaultClient, each.cookies
			answer := c.Operation(t, "spa/session", "Me", nil)
			if answer.Status != each.status || each.status == 200 && answer.Get("viewer.user.username") != "martha.hansen" || each.status != 200 && answer.Data != nil {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
	})
}

// A password that was hashed with other parameters than today's is hashed anew at the login that shows it,
// once; a hash that would cost gigabytes is refused without trying.
//
// Case: AUTH-19
func TestIdentityPasswordsAreHashedAnew(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		stored := func() string {
			return columnOf(t, d, `SELECT password_hash FROM users WHERE username = 'gerd.grau'`)[0]
		}
		today := stored()
		old, err := password.NewHasherWith(password.Params{MemoryKiB: 32, Time: 2, Threads: 1}, 1, 1).Hash(t.Context(), servertest.DemoPassword)
		if err != nil {
			t.Fatal(err)
		}
		alter(t, d, `UPDATE users SET password_hash = $1 WHERE username = 'gerd.grau'`, old)
		fail(t, k, "gerd.grau", 1)
		if stored() != old {
			t.Error("a wrong password changes the hash")
		}
		k.As(t, "gerd.grau")
		anew := stored()
		if anew == old || anew[:strings.LastIndex(anew, "p=")] != today[:strings.LastIndex(today, "p=")] {
			t.Errorf("hashed anew as %s, today's are as %s", anew, today)
		}
		k.As(t, "gerd.grau")
		if stored() != anew {
			t.Error("a second login hashes again")
		}
		for _, greedy := range []string{"m=4194304,t=1,p=1", "m=65536,t=4294967295,p=1", "m=65536,t=1,p=255"} {
			alter(t, d, `UPDATE users SET password_hash = $1 WHERE username = 'gerd.grau'`, "$argon2id$v=19$"+greedy+"$"+strings.Repeat("A", 22)+"$"+strings.Repeat("A", 43))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword)
			runtime.ReadMemStats(&after)
			if answer.Get("login.token") != nil || after.Sys-before.Sys > 1<<30 {
				t.Errorf("%s: %s, and %d MiB more", greedy, answer.Body, (after.Sys-before.Sys)>>20)
			}
		}
	})
}

// What another site makes a browser send is refused, whatever it asks for.
//
// Case: GQL-17
// Case: AUTH-18
func TestIdentityRequestsFromOtherSites(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		bearer := k.As(t, "martha.hansen").Token
		cookie := sessionCookies(loginAs(t, browserOf(t, k), "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t))[0].Value
		origins := map[string]string{
			"own": k.URL, "public": "http://localhost:8080", "sibling": "http://evil.localhost:8080", "foreign": "https://evil.example",
			"looks alike": k.URL + ".evil.example", "null": "null", "absent": "",
		}
		// Everything that is not here is refused: site, origin.
		passes := [][2]string{
			{"same-origin", "own"}, {"same-origin", "public"}, {"same-origin", "absent"},
			{"none", "own"}, {"none", "public"}, {"none", "absent"}, {"absent", "own"}, {"absent", "public"},
		}
		for _, site := range []string{"same-origin", "none", "same-site", "cross-site", "absent"} {
			for from, origin := range origins {
				for transport, header := range map[string][2]string{
					"cookie": {"Cookie", "kontor=" + cookie}, "bearer": {"Authorization", "Bearer " + bearer}, "nobody": {"X-None", ""},
				} {
					c := k.Anonymous()
					c.Header[header[0]] = header[1]
					if site != "absent" {
						c.Header["Sec-Fetch-Site"] = site
					}
					if origin != "" {
						c.Header["Origin"] = origin
					}
					// Who sends neither header is no browser, unless it sends the cookie.
					want := slices.Contains(passes, [2]string{site, from}) || site == "absent" && from == "absent" && transport != "cookie"
					answer := c.Do(t, `{ __typename }`, nil)
					refused := answer.Status == http.StatusForbidden && answer.Code() == "CSRF_REJECTED" && answer.Data == nil
					passed := answer.Status == http.StatusOK && answer.Get("__typename") == "Query"
					if passed != want || refused == want {
						t.Errorf("site %s, origin %s, %s: %d %s", site, from, transport, answer.Status, answer.Body)
					}
				}
			}
		}
		// It is refused before it has an effect.
		evil := k.Anonymous()
		evil.Header["Cookie"], evil.Header["Origin"], evil.Header["Sec-Fetch-Site"] = "kontor="+cookie, "https://evil.example", "cross-site"
		evil.Operation(t, "spa/session", "Logout", nil)
		evil.Header["Origin"], evil.Header["Sec-Fetch-Site"] = k.URL, "same-origin"
		evil.Operation(t, "spa/session", "Me", nil).OK(t)
	})
}

var requestIDs = regexp.MustCompile(`"requestId":"[^"]*"`)

// plain is the body of an answer without the ID of its request.
func plain(answer *servertest.Answer) string {
	return requestIDs.ReplaceAllString(string(answer.Body), `"requestId":""`)
}

// jar keeps the cookies of one server until it takes them away. When they end is
// left to the server, whose clock in tests is not that of the machine.
type jar struct {
	mu      sync.Mutex
	cookies map[string]*http.Cookie
}

func (j *jar) SetCookies(_ *url.URL, set []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cookies == nil {
		j.cookies = map[string]*http.Cookie{}
	}
	for _, c := range set {
		if c.MaxAge < 0 {
			delete(j.cookies, c.Name)
		} else {
			j.cookies[c.Name] = &http.Cookie{Name: c.Name, Value: c.Value}
		}
	}
}

func (j *jar) Cookies(*url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Values(j.cookies))
}
