package server_test

import (
	"net/http"
	"strings"
	"testing"

	"kontor/server"
	"kontor/server/servertest"
)

// A portal on another host may ask from a browser if its origin is named, exactly; no other
// site may, however alike it looks, and is not told that it may.
//
// Case: GQL-18
// Case: GQL-17
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	const portal = "https://portal.firma.de"
	k := servertest.Start(t, servertest.Backends[0], func(c *server.Config) { c.AllowedOrigins = []string{portal, "http://localhost:3000"} })
	cookie := sessionCookies(loginAs(t, browserOf(t, k), "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t))[0].Value
	for origin, allowed := range map[string]bool{
		portal: true, "http://localhost:3000": true,
		"https://evil.example": false, "null": false, "https://evil-portal.firma.de": false, "https://portal.firma.de.evil.example": false,
		"http://portal.firma.de": false, "https://portal.firma.de:8443": false, "https://firma.de": false, "https://sub.portal.firma.de": false,
		"https://PORTAL.firma.de": false, "http://localhost:3001": false, "*": false,
	} {
		for _, site := range []string{"", "cross-site", "same-site"} {
			header := map[string]string{"Origin": origin, "Cookie": "kontor=" + cookie, "Content-Type": "application/json"}
			if site != "" {
				header["Sec-Fetch-Site"] = site
			}
			response, content := raw(t, k, http.MethodPost, "/graphql", `{"query": "{ viewer { user { username } } }"}`, header)
			told, credentials := response.Header.Get("Access-Control-Allow-Origin"), response.Header.Get("Access-Control-Allow-Credentials")
			answered := response.StatusCode == http.StatusOK && strings.Contains(content, "martha.hansen")
			if allowed != answered || allowed != (told == origin) || allowed != (credentials == "true") || !allowed && told != "" {
				t.Errorf("%s (%s): %d %q %q %s", origin, site, response.StatusCode, told, credentials, content)
			}
			if !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Origin") {
				t.Errorf("%s: Vary is %v", origin, response.Header.Values("Vary"))
			}
		}
		response, _ := raw(t, k, http.MethodOptions, "/graphql", "", map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type", "Sec-Fetch-Site": "cross-site",
		})
		if told := response.Header.Get("Access-Control-Allow-Origin"); allowed != (told == origin) || told == "*" {
			t.Errorf("%s, asked before: %d %q", origin, response.StatusCode, told)
		}
	}
	// A kept answer is one origin's.
	const text = `{ categories { name } }`
	named(t, k.As(t, "martha.hansen"), hashed(text), text).OK(t)
	response, _ := byGet(t, k, http.MethodGet, text, map[string]string{"Origin": portal, "Cookie": "kontor=" + cookie, "Sec-Fetch-Site": "cross-site"})
	if vary := strings.Join(response.Header.Values("Vary"), ","); response.StatusCode != http.StatusOK || !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Cookie") {
		t.Errorf("a query by GET: %d, Vary is %q", response.StatusCode, vary)
	}
	// Without origins that are named there is nothing to tell.
	alone := servertest.Start(t, servertest.Backends[0])
	if response, _ := raw(t, alone, http.MethodPost, "/graphql", `{"query": "{ __typename }"}`, map[string]string{"Origin": portal, "Content-Type": "application/json"}); response.StatusCode != http.StatusForbidden || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("nobody is named: %d %v", response.StatusCode, response.Header)
	}
}
