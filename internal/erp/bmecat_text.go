package erp

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// oneLine is a text without line breaks and control characters, and with one space between words.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

var marked = regexp.MustCompile(`</?[A-Za-z][^<>]*>|&(#[0-9]+|#x[0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);`)

// paragraphs are the tags that begin a line of their own.
var paragraphs = map[atom.Atom]string{
	atom.Br: "\n", atom.P: "\n", atom.Div: "\n", atom.Ul: "\n", atom.Ol: "\n", atom.Tr: "\n", atom.Table: "\n", atom.Li: "\n- ",
	atom.H1: "\n", atom.H2: "\n", atom.H3: "\n", atom.H4: "\n", atom.H5: "\n", atom.H6: "\n", atom.Td: " ", atom.Th: " ",
}

var emptyLines = regexp.MustCompile(`\n{3,}`)

// plain is the text of a description, which in BMEcat often is HTML. What looks like a tag and is
// none (a < b and c > d) stays.
func plain(text string) string {
	if !marked.MatchString(text) {
		return lines(text)
	}
	var out strings.Builder
	hidden := atom.Atom(0)
	for tokens := html.NewTokenizer(strings.NewReader(text)); ; {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return lines(out.String())
		}
		raw := string(tokens.Raw())
		token := tokens.Token()
		switch {
		case kind == html.TextToken && hidden == 0:
			out.WriteString(token.Data)
		case kind == html.EndTagToken && token.DataAtom == hidden:
			hidden = 0
		case kind == html.StartTagToken && (token.DataAtom == atom.Script || token.DataAtom == atom.Style):
			hidden = token.DataAtom
		case hidden != 0 || kind == html.TextToken || kind == html.CommentToken || kind == html.DoctypeToken:
		case token.DataAtom == 0:
			out.WriteString(raw)
		case kind == html.EndTagToken && token.DataAtom == atom.Li:
		default:
			out.WriteString(paragraphs[token.DataAtom])
		}
	}
}

// lines are the lines of a text without white space around them, and no two empty ones in a row.
func lines(text string) string {
	all := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	for i, line := range all {
		all[i] = oneLine(line)
	}
	return trim(emptyLines.ReplaceAllString(strings.Join(all, "\n"), "\n\n"))
}
