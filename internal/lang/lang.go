// Package lang says things to people: a text for each code, in German and in
// English (ID-20).
package lang

import (
	"context"
	"embed"
	"fmt"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed de.toml en.toml
var catalogues embed.FS

// Languages are what Kontor speaks, the default first.
var Languages = []string{"de", "en"}

var matcher = language.NewMatcher([]language.Tag{language.German, language.English})

var localizers = sync.OnceValues(func() (map[string]*i18n.Localizer, error) {
	bundle := i18n.NewBundle(language.German)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	all := map[string]*i18n.Localizer{}
	for _, l := range Languages {
		if _, err := bundle.LoadMessageFileFS(catalogues, l+".toml"); err != nil {
			return nil, fmt.Errorf("reading the texts of %s: %w", l, err)
		}
	}
	for _, l := range Languages {
		all[l] = i18n.NewLocalizer(bundle, l)
	}
	return all, nil
})

// Text is the text for a code in a language, with args filled in. A code without
// a text gives the code itself; a test keeps that from happening.
func Text(l, code string, args map[string]any) string {
	all, err := localizers()
	if err != nil {
		return code
	}
	localizer, known := all[l]
	if !known {
		localizer = all[Languages[0]]
	}
	text, err := localizer.Localize(&i18n.LocalizeConfig{MessageID: code, TemplateData: args})
	if err != nil {
		return code
	}
	return text
}

// Negotiate picks a language by an Accept-Language header; fallback where the
// header says nothing that Kontor speaks.
func Negotiate(acceptLanguage, fallback string) string {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return fallback
	}
	_, index, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return fallback
	}
	return Languages[index]
}

type key struct{}

// NewContext gives the context the language of the one who reads the answer.
func NewContext(ctx context.Context, l string) context.Context {
	return context.WithValue(ctx, key{}, l)
}

// FromContext is the language of the context; the default when there is none.
func FromContext(ctx context.Context) string {
	if l, ok := ctx.Value(key{}).(string); ok {
		return l
	}
	return Languages[0]
}
