package server_test

import (
	"net/http"
	"testing"
	"time"

	"kontor/server/servertest"
)

// What an agent reads of a company without acting for it is in that company's log: once an hour for each list, however many rows there
// are and however often. What a company's own people read is not.
//
// Case: PRIV-08
func TestACompanySeesWhatAgentsRead(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, martha := k.As(t, "sabine.kurz"), k.As(t, "martha.hansen")
		fetch := func(c *servertest.Client, list string) {
			t.Helper()
			links := c.Do(t, `{ list: `+list+` { download(format: CSV) { url } } }`, nil).OK(t)
			if status, content, _ := get(t, c, links.String(t, "list.download.url")); status != http.StatusOK {
				t.Fatalf("%s: %d %.200s", list, status, content)
			}
		}
		read := func(when string, want int) {
			t.Helper()
			entries := auditOf(t, martha, map[string]any{"action": "data.read"})
			for _, e := range entries {
				if actor, _ := e["actor"].(map[string]any); actor["username"] != "sabine.kurz" {
					t.Errorf("%s: %v", when, e)
				}
			}
			if len(entries) != want {
				t.Errorf("%s: %d entries, want %d: %v", when, len(entries), want, entries)
			}
		}
		fetch(martha, "orders(first: 1)")
		read("by its own people", 0)
		fetch(sabine, "orders(first: 1)")
		read("the orders of all", 1)
		fetch(sabine, "orders(first: 1)")
		read("once more", 1)
		fetch(sabine, "contracts(first: 1)")
		read("another list", 2)
		fetch(sabine, "auditLog(first: 1, where: {kind: SECURITY})")
		read("the log itself", 3)
		k.Clock.Advance(time.Hour)
		sabine = k.As(t, "sabine.kurz")
		sabine.Do(t, `{ auditLog(first: 100) { totalCount nodes { action } } }`, nil).OK(t)
		sabine.Do(t, `{ auditLog(first: 100, where: {kind: SECURITY}) { nodes { action } } }`, nil).OK(t)
		read("the log on the screen, an hour later", 4)
	})
}
