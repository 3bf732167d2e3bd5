package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// The reference says of each setting what production asks of it: as many as the sources do, so that no
// message can get another form and fall out of the reference.
func TestReferenceSaysWhatProductionAsks(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, file := range []string{"../../server/config.go", "../../internal/provision/webhook.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`"KONTOR_ENV=production \w+ (?:an? )?(\w+)`).FindAllSubmatch(source, -1) {
			want[string(found[1])] = true
		}
	}
	all, err := reference(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, s := range all {
		if s.production != "" {
			got[s.name] = true
		}
		if s.meaning == "" {
			t.Errorf("%s: nothing says what it is for", s.name)
		}
	}
	if !maps.Equal(got, want) || len(want) < 6 {
		t.Errorf("production asks for %v, the reference says so of %v", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}
}

// What texts tell people to set is there to be set.
func TestTextsNameSettingsThatExist(t *testing.T) {
	t.Parallel()
	all, err := reference(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range all {
		known[s.name] = true
	}
	for _, file := range []string{"../../README.md", "../../ARCHITECTURE.md", "../../docs/deployment.md", "../../docs/provisioning.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`KONTOR_[A-Z_]+`).FindAllString(string(text), -1) {
			if !known[name] {
				t.Errorf("%s speaks of %s, which is no setting", file, name)
			}
		}
	}
}
