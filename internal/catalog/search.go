package catalog

import (
	"strings"
	"unicode"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/german"
	"golang.org/x/text/unicode/norm"

	"kontor/ent/predicate"
	"kontor/internal/account"
)

// maxSearch bounds a search in characters: nobody types more, and an index is not
// asked for a novel.
const maxSearch = 200

// SearchText is what the full-text index holds for a product: the words of its
// number, name, description and attributes, stemmed as German. It is made here
// and not by the database, so that SQLite and PostgreSQL find the same.
func SearchText(sku, name, description string, attributes []account.Attribute) string {
	var all strings.Builder
	all.WriteString(sku + " " + name + " " + description)
	for _, a := range attributes {
		all.WriteString(" " + a.Name + " " + a.Value)
	}
	words := words(all.String())
	for i, word := range words {
		words[i] = stem(word)
	}
	return strings.Join(words, " ")
}

// words are the runs of letters and digits, in lower case. Umlauts and sharp s
// are written out as the stemmer does, so that "Groesse" finds "Größe".
func words(text string) []string {
	text = strings.ToLower(norm.NFKC.String(text))
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(text)
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func stem(word string) string {
	env := snowballstem.NewEnv(word)
	german.Stem(env)
	return env.Current()
}

// matches finds products that have all words of the search; the last word may be
// the beginning of one. ok is false when the search has no word at all.
func matches(search string) (p predicate.Product, ok bool) {
	if runes := []rune(search); len(runes) > maxSearch {
		search = string(runes[:maxSearch])
	}
	found := words(search)
	if len(found) == 0 {
		return nil, false
	}
	return func(s *sql.Selector) {
		if s.Dialect() == dialect.Postgres {
			s.Where(sql.P(func(b *sql.Builder) {
				b.Ident(s.TableName()).WriteString(".search @@ to_tsquery('simple', ").Arg(tsquery(found)).WriteString(")")
			}))
			return
		}
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.TableName()).WriteString(".rowid IN (SELECT rowid FROM products_search WHERE products_search MATCH ").
				Arg(ftsQuery(found)).WriteString(")")
		}))
	}, true
}

// A word matches as its stem or as the beginning of an indexed word: the stem of
// a half-typed word may be nowhere in the index.
func tsquery(words []string) string {
	terms := make([]string, len(words))
	for i, word := range words {
		terms[i] = stem(word)
		if i == len(words)-1 {
			terms[i] = "(" + terms[i] + " | " + word + ":*)"
		}
	}
	return strings.Join(terms, " & ")
}

func ftsQuery(words []string) string {
	terms := make([]string, len(words))
	for i, word := range words {
		terms[i] = `"` + stem(word) + `"`
		if i == len(words)-1 {
			terms[i] = "(" + terms[i] + ` OR "` + word + `"*)`
		}
	}
	return strings.Join(terms, " AND ")
}
