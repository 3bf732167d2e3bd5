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
	var terms []string
	for _, word := range words(all.String()) {
		terms = append(terms, forms(word)...)
	}
	return strings.Join(terms, " ")
}

// Ways to write a word: with umlauts and sharp s written out, and with umlauts
// that lost their dots.
var (
	writtenOut = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")
	dotless    = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "ae", "a", "oe", "o", "ue", "u")
)

// words are the runs of letters and digits, in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// forms are the stems under which a word is found: the one written out, so that
// "Groesse" finds "Größe", and where it is another one that without dots, so that
// "Stühle" finds "Stuhl".
func forms(word string) []string {
	found := []string{stem(writtenOut.Replace(word))}
	if plain := stem(dotless.Replace(word)); plain != found[0] {
		found = append(found, plain)
	}
	return found
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
				b.WriteString(s.C("id")).WriteString(" IN (SELECT product_id FROM products_search WHERE search @@ to_tsquery('simple', ").
					Arg(tsquery(found)).WriteString("))")
			}))
			return
		}
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.TableName()).WriteString(".rowid IN (SELECT rowid FROM products_search WHERE products_search MATCH ").
				Arg(ftsQuery(found)).WriteString(")")
		}))
	}, true
}

// A word matches by one of its forms, and the last one as the beginning of an
// indexed word, too: the stem of a half-typed word may be nowhere in the index.
func tsquery(words []string) string {
	terms := make([]string, len(words))
	for i, word := range words {
		alternatives := forms(word)
		if i == len(words)-1 {
			alternatives = append(alternatives, writtenOut.Replace(word)+":*")
		}
		terms[i] = "(" + strings.Join(alternatives, " | ") + ")"
	}
	return strings.Join(terms, " & ")
}

func ftsQuery(words []string) string {
	terms := make([]string, len(words))
	for i, word := range words {
		alternatives := forms(word)
		for j, form := range alternatives {
			alternatives[j] = `"` + form + `"`
		}
		if i == len(words)-1 {
			alternatives = append(alternatives, `"`+writtenOut.Replace(word)+`"*`)
		}
		terms[i] = "(" + strings.Join(alternatives, " OR ") + ")"
	}
	return strings.Join(terms, " AND ")
}
