package persisted

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/internal/kontortest"
	"kontor/internal/session"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

func eachRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	for name, redisURL := range map[string]func(*testing.T) string{
		"in process": func(*testing.T) string { return "" },
		"server":     func(t *testing.T) string { return kontortest.SharedRedis(t).FreshDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			client, closeAll, err := session.Open(redisURL(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = closeAll() })
			test(t, client)
		})
	}
}

// However many operations are registered, the last used ones are kept, and no more. What
// clients use stays; what is too long is not kept at all.
//
// Case: GQL-12
func TestRegisteredOperationsAreBounded(t *testing.T) {
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
		clock := func() time.Time { now = now.Add(time.Millisecond); return now }
		one, two := New(client, clock, Manifest{}, false), New(client, clock, Manifest{}, false)
		text := func(i int) string { return fmt.Sprintf("{ a%d: __typename }", i) }
		const used, many = 7, maxRegistered + 500
		for i := range many {
			if err := one.Keep(t.Context(), hashOf(text(i)), text(i)); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 999 { // a replica that does not have it at hand
				if got, err := New(client, clock, Manifest{}, false).Text(t.Context(), hashOf(text(used))); err != nil || got != text(used) {
					t.Fatalf("what is used: %q, %v", got, err)
				}
			}
		}
		for _, key := range keys {
			if n := client.HLen(t.Context(), key).Val() + client.ZCard(t.Context(), key).Val(); n != maxRegistered {
				t.Errorf("%s has %d entries", key, n)
			}
		}
		for i, found := range map[int]bool{used: true, used + 1: false, many - 1: true} {
			if got, err := two.Text(t.Context(), hashOf(text(i))); found != (err == nil && got == text(i)) || !found && !errors.Is(err, ErrUnknown) {
				t.Errorf("number %d: %q, %v", i, got, err)
			}
		}
		long := "{ __typename } #" + strings.Repeat("x", maxText)
		if err := one.Keep(t.Context(), hashOf(long), long); err != nil {
			t.Error(err)
		}
		if _, err := one.Text(t.Context(), hashOf(long)); !errors.Is(err, ErrUnknown) {
			t.Errorf("a long one: %v", err)
		}
		if left := client.TTL(t.Context(), keys[0]).Val(); left <= 0 || left > kept {
			t.Errorf("it is kept for %s", left)
		}
	})
}

// A manifest is read in the forms that the tools of clients write it in; one that cannot be
// meant is an error that says why.
//
// Case: GQL-11
func TestManifests(t *testing.T) {
	folder := t.TempDir()
	read := func(content string) (Manifest, error) {
		path := filepath.Join(folder, "operations.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return Read(path)
	}
	var written strings.Builder
	if err := NewManifest([]Operation{NewOperation("A", "query", "{ a }")}).Write(&written); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"Kontor's own": written.String(),
		"Apollo's":     `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "` + hashOf("{ a }") + `", "name": "A", "type": "query", "body": "{ a }"}]}`,
		"Relay's":      `{"` + hashOf("{ a }") + `": "{ a }"}`,
	} {
		m, err := read(content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		store := New(nil, time.Now, m, true)
		if text, err := store.Text(t.Context(), hashOf("{ a }")); err != nil || text != "{ a }" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if err := store.Check("{ b }", ""); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: another text: %v", name, err)
		}
	}
	for content, why := range map[string]string{
		"": "neither", "[]": "neither", `{"operations": []}`: "neither", `{"format": "apollo-persisted-query-manifest", "version": 2}`: "neither",
		`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "1"}]}`:                                            "no text",
		`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "1", "body": "{a}"}, {"id": "1", "body": "{b}"}]}`: "two operations",
	} {
		if _, err := read(content); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", content, err)
		}
	}
	if _, err := Read(filepath.Join(folder, "none.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
