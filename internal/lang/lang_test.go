package lang

import (
	"testing"

	"github.com/BurntSushi/toml"
)

// Requirement: ID-20
func TestBothLanguagesSayTheSame(t *testing.T) {
	codes := map[string]map[string]string{}
	for _, l := range Languages {
		content, err := catalogues.ReadFile(l + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		if err := toml.Unmarshal(content, &texts); err != nil {
			t.Fatal(err)
		}
		codes[l] = texts
	}
	for code, text := range codes["de"] {
		if codes["en"][code] == "" {
			t.Errorf("%s has no English text", code)
		}
		if text == "" {
			t.Errorf("%s has no German text", code)
		}
	}
	for code := range codes["en"] {
		if codes["de"][code] == "" {
			t.Errorf("%s has no German text", code)
		}
	}
}

// Requirement: ID-20
func TestNegotiate(t *testing.T) {
	for header, want := range map[string]string{
		"": "fallback", "de": "de", "en-GB,en;q=0.9": "en", "de-AT": "de", "fr": "fallback", "fr, en;q=0.5, de;q=0.4": "en", "*": "fallback", ";;;": "fallback",
	} {
		if got := Negotiate(header, "fallback"); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
}

func TestTextFillsInAndFallsBack(t *testing.T) {
	if got := Text("en", "VALUE_TOO_LONG", map[string]any{"max": 40}); got != "At most 40 characters are possible." {
		t.Error(got)
	}
	if got := Text("fr", "CART_EMPTY", nil); got != "Der Warenkorb ist leer." {
		t.Error(got)
	}
	if got := Text("en", "NO_SUCH_CODE", nil); got != "NO_SUCH_CODE" {
		t.Error(got)
	}
}
