package erp

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The bounds of a BMEcat file. Real ones are far within them; with them, memory stays flat whatever
// somebody sends. A token (a tag, a text) and a product take at most maxRow bytes each.
const (
	maxDepth      = 32
	maxAttributes = 32
	maxElements   = 10_000 // within one product
)

// markup reads the elements of an XML file one after the other, within the bounds. Nothing beyond the
// file is ever read, and no entity is known but those of XML itself.
type markup struct {
	tokens *xml.Decoder
	ration *ration
	depth  int
	begun  bool
	// line is where the token that was read last begins.
	line int
}

// ration gives the decoder no more bytes than what is left for one token.
type ration struct {
	from *bufio.Reader
	left int
}

func (r *ration) ReadByte() (byte, error) {
	if r.left <= 0 {
		return 0, errTooLong
	}
	r.left--
	return r.from.ReadByte()
}

// Read is there for the decoder's sake, which reads bytes where it can.
func (r *ration) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// declaration finds the encoding that an XML file names in its first line.
var declaration = regexp.MustCompile(`^<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]*)["']`)

// notXML are first bytes of files that people take for BMEcat.
var notXML = []struct{ start, advice string }{
	{"PK\x03\x04", "this is an archive or a spreadsheet, not XML: unpack it, and import the XML file in it"},
	{"\x1f\x8b", "this file is compressed: unpack it first"},
	{"\xff\xfe", "this file is UTF-16: save it as UTF-8"},
	{"\xfe\xff", "this file is UTF-16: save it as UTF-8"},
}

// newMarkup takes the encoding from the XML declaration. ISO-8859-1 is read as Windows-1252, as
// browsers do: that has all of it, and € besides.
func newMarkup(from io.Reader) (m *markup, oneByte bool, err error) {
	raw := bufio.NewReaderSize(from, 16<<10)
	start, err := raw.Peek(1024)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	for _, other := range notXML {
		if bytes.HasPrefix(start, []byte(other.start)) {
			return nil, false, errors.New(other.advice)
		}
	}
	if bytes.HasPrefix(start, []byte(byteOrderMark)) {
		start = start[len(byteOrderMark):]
		_, _ = raw.Discard(len(byteOrderMark)) // it is in the buffer
	}
	switch text := bytes.TrimSpace(start); {
	case len(text) == 0:
		return nil, false, errors.New("the file is empty")
	case text[0] != '<':
		return nil, false, fmt.Errorf("this is not XML: it begins with %s", quote(strings.ToValidUTF8(string(text), "?")))
	}
	named := "UTF-8"
	if found := declaration.FindSubmatch(start); found != nil {
		named = string(found[1])
	}
	switch strings.ToUpper(named) {
	case "UTF-8", "UTF8", "US-ASCII", "ASCII":
	case "ISO-8859-1", "ISO8859-1", "ISO_8859-1", "LATIN1", "LATIN-1", "WINDOWS-1252", "CP1252":
		raw = bufio.NewReaderSize(charmap.Windows1252.NewDecoder().Reader(raw), 16<<10)
		oneByte = true
	default:
		return nil, false, fmt.Errorf("the file is written in %s: save it as UTF-8, ISO-8859-1 or Windows-1252", quote(named))
	}
	m = &markup{ration: &ration{from: raw, left: maxRow}, line: 1}
	m.tokens = xml.NewDecoder(m.ration)
	m.tokens.CharsetReader = func(_ string, text io.Reader) (io.Reader, error) { return text, nil } // it is UTF-8 by now
	return m, oneByte, nil
}

// doctype is what real files of version 1.2 have before their root. It is not followed.
var doctype = regexp.MustCompile(`^DOCTYPE\s+[A-Za-z][\w.-]*(\s+SYSTEM\s+("[^"]*"|'[^']*')|\s+PUBLIC\s+("[^"]*"|'[^']*')\s+("[^"]*"|'[^']*'))?\s*$`)

// next is the next start, end or text of an element; io.EOF at the end of the file.
func (m *markup) next() (xml.Token, error) {
	for {
		m.line, _ = m.tokens.InputPos()
		m.ration.left = maxRow
		token, err := m.tokens.Token()
		if err != nil {
			return nil, m.inWords(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			m.begun = true
			if m.depth++; m.depth > maxDepth {
				return nil, fmt.Errorf("line %d: elements are nested deeper than %d levels: this is no BMEcat file", m.line, maxDepth)
			}
			if len(t.Attr) > maxAttributes {
				return nil, fmt.Errorf("line %d: an element has more than %d attributes: this is no BMEcat file", m.line, maxAttributes)
			}
			return t, nil
		case xml.EndElement:
			m.depth--
			return t, nil
		case xml.CharData:
			return t, nil
		case xml.Directive:
			if m.begun || !doctype.Match(t) {
				return nil, fmt.Errorf("line %d: the file defines entities or a document type of its own, which is not taken: remove everything of <!DOCTYPE …> but the name of its DTD", m.line)
			}
		}
	}
}

// inWords says why reading cannot go on.
func (m *markup) inWords(err error) error {
	var malformed *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, errTooLong):
		return fmt.Errorf("line %d: a text or a tag is longer than %d bytes", m.line, maxRow)
	case !errors.As(err, &malformed):
		return fmt.Errorf("reading after line %d: %w", m.line, err)
	case strings.Contains(malformed.Msg, "unexpected EOF"):
		return fmt.Errorf("the file ends in the middle, at line %d: fetch it once more, as a whole", malformed.Line)
	case strings.Contains(malformed.Msg, "invalid UTF-8"):
		return fmt.Errorf("line %d: the file says that it is UTF-8, and is not: correct the encoding in its first line, or save it as UTF-8", malformed.Line)
	case strings.Contains(malformed.Msg, "entity"):
		return fmt.Errorf("line %d: %s: only &lt; &gt; &amp; &quot; &apos; and numbers such as &#228; are known", malformed.Line, clip(strings.ToValidUTF8(malformed.Msg, "?")))
	default:
		return fmt.Errorf("line %d: the XML is not well formed: %s", malformed.Line, strings.ToValidUTF8(malformed.Msg, "?"))
	}
}

// child is the start of the next element within the one that is open; nil where that ends.
func (m *markup) child() (*xml.StartElement, error) {
	for {
		token, err := m.next()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		}
	}
}

// skip passes over the rest of the element whose start was read last.
func (m *markup) skip() error {
	for until := m.depth - 1; m.depth > until; {
		if _, err := m.next(); err != nil {
			return err
		}
	}
	return nil
}

// rest is what follows the root: nothing.
func (m *markup) rest() error {
	for {
		token, err := m.next()
		switch _, starts := token.(xml.StartElement); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case starts:
			return fmt.Errorf("line %d: something follows the end of the catalogue", m.line)
		}
	}
}

// element is an element with everything in it that Kontor has a use for.
type element struct {
	// name is that of BMEcat 2005, in files of version 1.2 too.
	name     string
	line     int
	text     string
	written  []byte // the text while it is read
	attrs    []xml.Attr
	children []*element
}

// passed are elements that Kontor has no room for, and that can be large.
var passed = map[string]bool{"MIME_INFO": true, "USER_DEFINED_EXTENSIONS": true, "PRODUCT_REFERENCE": true, "PRODUCT_LOGISTIC_DETAILS": true, "PRODUCT_IPP_DETAILS": true, "PRODUCT_CONFIG_DETAILS": true}

// read reads the element whose start was read last. Where it is beyond the bounds it is passed over,
// and the error is a RowErrors.
func (m *markup) read(start xml.StartElement) (*element, error) {
	root := &element{name: nameOf(start), line: m.line, attrs: start.Attr}
	open, count, began, tooLong := []*element{root}, 1, m.tokens.InputOffset(), false
	for outer := m.depth - 1; m.depth > outer; {
		token, err := m.next()
		if err != nil {
			return nil, err
		}
		if count++; count > maxElements || m.tokens.InputOffset()-began > maxRow {
			tooLong = true
		}
		if tooLong {
			continue
		}
		switch inner := open[len(open)-1]; t := token.(type) {
		case xml.StartElement:
			e := &element{name: nameOf(t), line: m.line, attrs: t.Attr}
			if passed[e.name] {
				if err := m.skip(); err != nil {
					return nil, err
				}
				continue
			}
			inner.children = append(inner.children, e)
			open = append(open, e)
		case xml.EndElement:
			inner.text, inner.written = trim(string(inner.written)), nil
			open = open[:len(open)-1]
		case xml.CharData:
			inner.written = append(inner.written, t...)
		}
	}
	if tooLong {
		return nil, RowErrors{flaw(CodeProductTooLarge, root.name, maxRow, maxElements)}.at(root.line)
	}
	return root, nil
}

// nameOf is the name of an element in the words of BMEcat 2005.
func nameOf(start xml.StartElement) string {
	name := start.Name.Local
	switch name {
	case "SUPPLIER_AID":
		return "SUPPLIER_PID"
	case "ART_ID":
		return "PROD_ID"
	}
	if rest, article := strings.CutPrefix(name, "ARTICLE"); article {
		return "PRODUCT" + rest
	}
	return name
}

func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return trim(a.Value)
		}
	}
	return ""
}

// all are the elements at a path below this one.
func (e *element) all(path ...string) []*element {
	if e == nil || len(path) == 0 {
		return nil
	}
	var found []*element
	for _, c := range e.children {
		switch {
		case c.name != path[0]:
		case len(path) == 1:
			found = append(found, c)
		default:
			found = append(found, c.all(path[1:]...)...)
		}
	}
	return found
}

// first is the first element at a path below this one, or nil.
func (e *element) first(path ...string) *element {
	if found := e.all(path...); len(found) > 0 {
		return found[0]
	}
	return nil
}

// say is the text of the first element at a path below this one.
func (e *element) say(path ...string) string {
	if found := e.first(path...); found != nil {
		return found.text
	}
	return ""
}

// in is the text of the first element at a path that is in a language or names none; else the first.
func (e *element) in(language string, path ...string) string {
	all := e.all(path...)
	for _, one := range all {
		if of := one.attr("lang"); language == "" || of == "" || strings.EqualFold(of, language) {
			return one.text
		}
	}
	if len(all) > 0 {
		return all[0].text
	}
	return ""
}

// spelling watches whether the bytes that go through it are UTF-8 beyond ASCII: a file in ISO-8859-1
// never is by chance, so one that says so and is read that way would come in with Ã¼ for ü.
type spelling struct {
	from           io.Reader
	rest           []byte
	beyond, broken bool
}

func (s *spelling) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if s.broken {
		return n, err
	}
	for text := append(s.rest, p[:n]...); ; {
		r, size := utf8.DecodeRune(text)
		if size == 0 || s.broken || r == utf8.RuneError && size == 1 && !utf8.FullRune(text) {
			s.rest = bytes.Clone(text)
			break
		}
		s.beyond = s.beyond || size > 1
		s.broken = r == utf8.RuneError && size == 1
		text = text[size:]
	}
	return n, err
}

func (s *spelling) isUTF8() bool { return s.beyond && !s.broken && len(s.rest) == 0 }
