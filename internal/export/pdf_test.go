package export

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"kontor/internal/day"
	"kontor/internal/money"
)

// streams matches what is packed in a PDF.
var streams = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)

// unpack parts a PDF into its tree of objects and the drawing of its pages.
func unpack(t *testing.T, content []byte) (tree, drawing []byte) {
	t.Helper()
	tree = streams.ReplaceAll(content, nil)
	for _, packed := range streams.FindAllSubmatch(content, -1) {
		reader, err := zlib.NewReader(bytes.NewReader(packed[1]))
		if err != nil {
			continue // the font's other parts are not packed
		}
		plain, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(plain, []byte(" Tf")) {
			drawing = append(drawing, plain...)
		}
	}
	return tree, drawing
}

// drawn is a text as a page draws it: UTF-16 in parentheses.
func drawn(text string) []byte {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(unit>>8), byte(unit))
	}
	for _, special := range []string{`\`, "(", ")"} {
		wide = bytes.ReplaceAll(wide, []byte(special), []byte(`\`+special))
	}
	return bytes.ReplaceAll(wide, []byte("\r"), []byte(`\r`))
}

// Requirement: CO-02
func TestPDFShowsTheTable(t *testing.T) {
	rows := slices.Repeat([][]any{cells}, 70)
	tree, drawing := unpack(t, fileOf(t, PDF, list("de", columns, rows...)))
	if got := bytes.Count(tree, []byte("/Type /Page\n")); got != 3 {
		t.Errorf("there are %d pages", got)
	}
	for text, times := range map[string]int{
		"Liste": 3, "Größe": 3, "Seite 1 von 3": 1, "Seite 3 von 3": 1, "23.11.2026": 140, "1234,50": 70, "-2,5": 70, "A-1; \"Äpfel\", gut": 70,
	} {
		if got := bytes.Count(drawing, drawn(text)); got != times {
			t.Errorf("%s is there %d times, want %d", text, got, times)
		}
	}
	if _, drawing := unpack(t, fileOf(t, PDF, list("en", columns))); !bytes.Contains(drawing, drawn("Page 1 of 1")) {
		t.Error("an empty list has no page")
	}
}

// Columns of numbers and dates are wide enough; long texts are cut.
func TestPDFCutsLongTexts(t *testing.T) {
	row := []any{strings.Repeat("sehr lang ", 15), strings.Repeat("noch länger ", 100), "23.11.2026 09:04", cells[4]}
	_, drawing := unpack(t, fileOf(t, PDF, list("de", []string{"a", "b", "c", "d"}, row)))
	for _, whole := range []string{"23.11.2026 09:04", "1234,50", "sehr lang sehr lang", "…"} {
		if !bytes.Contains(drawing, drawn(whole)) {
			t.Errorf("%s is missing", whole)
		}
	}
	if bytes.Contains(drawing, drawn(row[1].(string))) {
		t.Error("a text runs over its neighbours")
	}
}

// Case: IO-03
func TestPDFIsTextOnly(t *testing.T) {
	texts := slices.Concat(formulas, hostile)
	rows := make([][]any, len(texts))
	for i, text := range texts {
		rows[i] = []any{text, text}
	}
	tree, drawing := unpack(t, fileOf(t, PDF, list("de", []string{"(", ") /URI"}, rows...)))
	for _, wrong := range []string{"/JS", "/JavaScript", "/URI", "/Action", "/Launch", "/Type /EmbeddedFile", "/Filespec", "/Annot", "/AA", "/OpenAction", "http", "<script"} {
		if bytes.Contains(tree, []byte(wrong)) {
			t.Errorf("the tree holds %s", wrong)
		}
	}
	for _, there := range []string{"(text) \\) Tj", "<script>alert(1)</script>", "{pages}", "gnp.exe", "□□", "/JS (app.alert(1))"} {
		if !bytes.Contains(drawing, drawn(there)) {
			t.Errorf("%s is not drawn", there)
		}
	}
}

// Case: IO-03
func TestPDFHasABound(t *testing.T) {
	var out bytes.Buffer
	table := list("de", []string{"a"})
	read := 0
	table.Rows = func(yield func([]any, error) bool) {
		for yield([]any{fmt.Sprint(read)}, nil) {
			read++
		}
	}
	if err := Write(&out, PDF, table); !errors.Is(err, ErrTooLong) || out.Len() > 0 || read != maxPDFRows {
		t.Errorf("%d bytes after %d rows: %v", out.Len(), read, err)
	}
}

// A document has its letterhead and facts once, the head of its table on each page, and
// amounts as the language writes them.
//
// Requirement: CA-08
func TestDocument(t *testing.T) {
	for language, texts := range map[string]map[string]int{
		"de": {"1.234,50 EUR": 1, "23.11.2026": 1, "1.200 St": 60, "Größe": 3, "Hansa & Söhne": 1, "Warenkorb": 1},
		"en": {"1,234.50 EUR": 1, "2026-11-23": 1, "1,200 St": 60, "Größe": 3},
	} {
		d := Document{Title: "Warenkorb", Language: language, From: []string{"Hansa & Söhne", "Kontakt"},
			Facts:   []Fact{{"Datum", day.Day("2026-11-23")}, {"Leer", ""}, {"Summe", money.Of(money.MustParse("1234.5"), "EUR")}},
			Columns: []DocumentColumn{{Title: "Größe"}, {Title: "Menge", Width: 30, Right: true}}}
		for range 60 {
			d.Positions = append(d.Positions, DocumentPosition{Cells: []any{strings.Repeat("sehr lang ", 20), Measured{money.MustParse("1200"), "St"}}, Notes: []string{"Notiz"}})
		}
		var out bytes.Buffer
		if err := WriteDocument(&out, d); err != nil {
			t.Fatal(err)
		}
		tree, drawing := unpack(t, out.Bytes())
		sheets := bytes.Count(tree, []byte("/Type /Page\n"))
		if sheets < 3 || bytes.Contains(drawing, drawn("Leer")) || !bytes.Contains(drawing, drawn(fmt.Sprintf("%d/%d", sheets, sheets))) {
			t.Errorf("%s: %d pages", language, sheets)
		}
		for text, times := range texts {
			if text == "Größe" {
				times = sheets
			}
			if got := bytes.Count(drawing, drawn(text)); got != times {
				t.Errorf("%s: %s is there %d times, want %d", language, text, got, times)
			}
		}
	}
	for _, text := range slices.Concat(formulas, hostile) {
		var out bytes.Buffer
		d := Document{Title: text, From: []string{text}, Facts: []Fact{{text, text}}, Columns: []DocumentColumn{{Title: text}, {Title: text, Width: 20}},
			Positions: []DocumentPosition{{Cells: []any{text, text}, Notes: []string{text}}}, Totals: []Fact{{text, text}}, Closing: text}
		if err := WriteDocument(&out, d); err != nil {
			t.Fatal(err)
		}
		if tree, _ := unpack(t, out.Bytes()); bytes.Contains(tree, []byte("/Annot")) || bytes.Contains(tree, []byte("/OpenAction")) || bytes.Contains(tree, []byte("/JS")) {
			t.Errorf("%.20q became more than text", text)
		}
	}
}
