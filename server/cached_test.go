package server_test

import (
	"net/http"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// Nothing that is about somebody may be kept by a browser or a proxy; whoever comes back after the logout, by the
// back button or with an address from the history, gets nothing, and addresses name nobody.
//
// Case: PRIV-07
func TestNothingIsLeftInABrowser(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserOf(t, k)
		loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		fetch := func(address string) *http.Response {
			t.Helper()
			response, err := browser.HTTP.Get(k.URL + address)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			return response
		}
		document := browser.Do(t, `query($id: ID!) { node(id: $id) { ... on Document { download { url } } } }`,
			servertest.Vars{"id": documentID(t, k.SQL(t), columnOf(t, k.SQL(t), `SELECT o.number FROM documents d JOIN orders o ON o.id = d.order_id JOIN tenants t ON t.id = d.tenant_id
				WHERE t.organization_id = 'HANSA' AND d.kind = 'ORDER_CONFIRMATION' ORDER BY d.id LIMIT 1`)[0], "ORDER_CONFIRMATION")}).OK(t).String(t, "node.download.url")
		people := browser.Operation(t, "spa/users", "AuditLog", servertest.Vars{"first": 1, "where": map[string]any{"action": "user.create"}}).OK(t).String(t, "auditLog.download.url")
		history := []string{document, people}
		for _, address := range history {
			response := fetch(address)
			if response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%.40s: %d %v", address, response.StatusCode, response.Header)
			}
			for _, name := range []string{"martha", "hansen", "@", "user.create"} {
				if strings.Contains(strings.ToLower(address), name) {
					t.Errorf("an address names somebody: %s", address)
				}
			}
		}
		me := browser.Operation(t, "spa/session", "Me", nil).OK(t)
		if got := me.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("an answer may be kept: %q", got)
		}
		browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		for _, address := range history {
			if response := fetch(address); response.StatusCode != http.StatusUnauthorized || response.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("after the logout %.40s: %d %v", address, response.StatusCode, response.Header)
			}
		}
		if after := browser.Operation(t, "spa/session", "Me", nil); after.Status != http.StatusUnauthorized || after.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("after the logout: %d %v", after.Status, after.Header)
		}
		// Neither does a new login bring back what an old one was given.
		loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		for _, address := range history {
			if response := fetch(address); response.StatusCode != http.StatusNotFound {
				t.Errorf("with another session %.40s: %d", address, response.StatusCode)
			}
		}
	})
}
