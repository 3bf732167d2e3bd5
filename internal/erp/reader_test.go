package erp

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// seen is what a reader made of one row: its line, and what was wrong with it.
type seen struct {
	line int
	row  *Row
	bad  RowErrors
}

// readAll reads to the end; an error that is not about one row is returned.
func readAll(text string, kind Kind, format Format, chosen ...Option) ([]seen, error) {
	reader, err := NewReader(strings.NewReader(text), kind, format, chosen...)
	if err != nil {
		return nil, err
	}
	var all []seen
	for {
		row, err := reader.Next()
		var bad RowErrors
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case errors.As(err, &bad):
			all = append(all, seen{line: bad[0].Line, bad: bad})
		case err != nil:
			return all, err
		default:
			all = append(all, seen{line: row.Line, row: row})
		}
	}
}

func mustRead(t *testing.T, text string, kind Kind, format Format) []seen {
	t.Helper()
	all, err := readAll(text, kind, format)
	if err != nil {
		t.Fatalf("reading %s: %v", format, err)
	}
	return all
}

// summary is a line for each row: its number, and the columns and codes of what is
// wrong with it.
func summary(all []seen) []string {
	var lines []string
	for _, s := range all {
		text := fmt.Sprint(s.line)
		for _, b := range s.bad {
			text += " " + b.Column + ":" + b.Code
		}
		lines = append(lines, text)
	}
	return lines
}

func expect(t *testing.T, all []seen, want ...string) {
	t.Helper()
	if got := summary(all); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// Requirement: CO-05
func TestCSVKeepsGoingAfterBadRows(t *testing.T) {
	t.Parallel()
	all := mustRead(t, "organization_id;sku;amount;from_quantity\n"+
		"HANSA;A-1;1.234,50;\n"+
		"HANSA;;x;0\n"+
		"HANSA;A-2\n"+
		"HANSA;A\"3;1;1\n"+
		";;;\n"+
		"HANSA;A-4;2;10\n", Prices, CSV)
	expect(t, all, "2", "3 sku:VALUE_REQUIRED from_quantity:NUMBER_OUT_OF_RANGE amount:DECIMAL_INVALID", "4 :COLUMN_COUNT", "5 :ROW_MALFORMED", "7")
	if got := all[0].row.Decimal("amount").String(); got != "1234.50" {
		t.Errorf("amount is %s, want 1234.50", got)
	}
	if all[0].row.Given("from_quantity") || all[0].row.Decimal("from_quantity").String() != "1" || all[0].row.Text("currency") != "EUR" {
		t.Error("an empty or missing column must have its default")
	}
	if !all[4].row.Given("from_quantity") {
		t.Error("a value in the row must be known as given")
	}
}

// Requirement: CO-05
func TestCSVSeparatorsAndLines(t *testing.T) {
	t.Parallel()
	for _, separator := range []string{";", ","} {
		text := strings.ReplaceAll("\ufeffSKU;name; category ;unit;description\r\n"+
			"A-1;\"Eins; zwei\";Büro > Papier;piece;\"erste\r\nzweite\r\n\"\"dritte\"\"\"\r\n"+
			"\r\n"+
			"A-2;\"Drei, vier\";Büro;kg;\r\n", ";", separator)
		text = strings.Replace(text, "Eins"+separator, "Eins;", 1)
		if separator == ";" {
			text = strings.Replace(text, "\"Drei, vier\"", "Drei, vier", 1)
		}
		all := mustRead(t, text, Products, CSV)
		expect(t, all, "2", "6")
		if got := all[0].row.Text("description"); got != "erste\nzweite\n\"dritte\"" {
			t.Errorf("description is %q", got)
		}
		if all[0].row.Text("name") != "Eins; zwei" || all[1].row.Text("name") != "Drei, vier" {
			t.Errorf("names are %q and %q", all[0].row.Text("name"), all[1].row.Text("name"))
		}
		if got := all[0].row.List("category"); !slices.Equal(got, []string{"Büro", "Papier"}) {
			t.Errorf("category is %q", got)
		}
	}
}

// Requirement: CO-05
func TestCSVHeaderTellsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := readAll("sku;preis;SKU;menge;currency\n", Prices, CSV)
	var bad *HeaderError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a HeaderError", err)
	}
	if !slices.Equal(bad.Unknown, []string{"preis", "menge"}) || !slices.Equal(bad.Missing, []string{"organization_id", "amount"}) || !slices.Equal(bad.Repeated, []string{"sku"}) {
		t.Errorf("got %+v", bad)
	}
	for _, name := range []string{"preis", "menge", "organization_id", "amount", "from_quantity"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the message does not name %s: %v", name, err)
		}
	}
}

// Requirement: CO-05
func TestCSVRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":         "",
		"spreadsheet":   "PK\x03\x04abc",
		"UTF-16":        "\xff\xfes\x00k\x00u\x00",
		"long header":   strings.Repeat("x", maxHeader+1),
		"unclosed name": "\"sku;amount\n",
	} {
		if all, err := readAll(text, Prices, CSV); err == nil {
			t.Errorf("%s: got %d rows and no error", name, len(all))
		}
	}
	if _, err := NewReader(strings.NewReader(""), "WEATHER", CSV); err == nil || !strings.Contains(err.Error(), "PRODUCTS") {
		t.Errorf("an unknown kind must be refused with those that exist, got %v", err)
	}
	if _, err := NewReader(strings.NewReader(""), Prices, "XML"); err == nil || !strings.Contains(err.Error(), "NDJSON") {
		t.Errorf("an unknown format must be refused with those that exist, got %v", err)
	}
}

// Requirement: CO-05
func TestCSVEncodings(t *testing.T) {
	t.Parallel()
	// Long enough that the first umlaut lies at a boundary of the decoder's buffer
	// for one of the lengths.
	for padding := 4000; padding < 4200; padding++ {
		text := "sku;name;category;unit;description\nA-1;Größe € ß;Büro > Möbel;piece;" + strings.Repeat("a", 3000) + "\n"
		text = "sku;name;category;unit;description\nA-0;x;y;kg;" + strings.Repeat("b", padding) + "\n" + text[strings.Index(text, "\n")+1:]
		legacy, err := charmap.Windows1252.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, written := range []string{text, "\ufeff" + text, legacy} {
			all := mustRead(t, written, Products, CSV)
			if len(all) != 2 || all[1].row == nil || all[1].row.Text("name") != "Größe € ß" {
				t.Fatalf("padding %d, UTF-8 %t: %v", padding, utf8.ValidString(written), summary(all))
			}
		}
	}
	// Both encodings in one file, and a byte that Windows-1252 does not have.
	expect(t, mustRead(t, "sku;name;category;unit\nA-1;Größe;a;kg\nA-2;Gr\xf6\xdfe;a;kg\nA-3;Maß;a;kg\n", Products, CSV), "2", "3 name:ENCODING_INVALID", "4")
	expect(t, mustRead(t, "sku;name;category;unit\nA-1;Gr\xf6\xdfe;a;kg\nA-2;\x81;a;kg\n", Products, CSV), "2", "3 name:ENCODING_INVALID")
}

// endless is a file of which only the beginning is ever needed.
type endless struct{ head, rest string }

func (e *endless) Read(p []byte) (int, error) {
	if e.head == "" {
		e.head = e.rest
	}
	n := copy(p, e.head)
	e.head = e.head[n:]
	return n, nil
}

// Requirement: CO-05
func TestCSVStopsAtAnUnclosedQuote(t *testing.T) {
	t.Parallel()
	reader, err := NewReader(&endless{head: "sku;organization_id;amount\nA-1;HANSA;1\nA-2;\"HANSA;1\n", rest: "A-3;HANSA;1\n"}, Prices, CSV)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Next(); err != nil {
		t.Fatal(err)
	}
	_, first := reader.Next()
	if first == nil || !strings.Contains(first.Error(), "after line 2") {
		t.Fatalf("got %v, want an error that names the place", first)
	}
	if _, again := reader.Next(); !errors.Is(again, first) {
		t.Errorf("after a final error came %v", again)
	}
}

// Requirement: CO-05
func TestNDJSON(t *testing.T) {
	t.Parallel()
	all := mustRead(t, "\ufeff"+`{"organization_id":"HANSA","sku":"A-1","amount":1.234,"from_quantity":null}`+"\r\n\n"+
		`{"organization_id":"HANSA","sku":"A-2","amount":"1.234"}`+"\n"+
		`{"organization_id":"HANSA","sku":"A-3","amount":1,"amount":2}`+"\n"+
		`{"organization_id":"HANSA","sku":"A-4","amount":1,"Amount":2,"x":[1]}`+"\n"+
		`{"organization_id":"HANSA","sku":["A-5"],"amount":{"net":1}}`+"\n"+
		`[1]`+"\n"+
		`{"sku":`+"\n"+
		`{"sku":"A-6"} {"sku":"A-7"}`+"\n"+
		"{\"sku\":\"\xff\"}\n"+
		`{"organization_id":"\ud800","sku":"A-8","amount":1}`+"\n"+
		`{"organization_id":"HANSA","sku":"`+strings.Repeat("x", maxRow)+`","amount":1}`+"\n"+
		`{"organization_id":"HANSA","sku":"A-9","amount":1e2}`+"\n"+
		`{"organization_id":"HANSA","sku":77,"amount":0.5}`, Prices, NDJSON)
	expect(t, all, "1", "3 amount:DECIMAL_AMBIGUOUS", "4 :FIELD_REPEATED", "5 :FIELD_UNKNOWN", "6 sku:FIELD_NESTED amount:FIELD_NESTED",
		"7 :ROW_MALFORMED", "8 :ROW_MALFORMED", "9 :ROW_MALFORMED", "10 :ENCODING_INVALID", "11 organization_id:ENCODING_INVALID",
		"12 :ROW_TOO_LONG", "13 amount:DECIMAL_INVALID", "14")
	if got := all[0].row.Decimal("amount").String(); got != "1.234" {
		t.Errorf("the number is %s, want 1.234", got)
	}
	if got := all[len(all)-1].row.Text("sku"); got != "77" {
		t.Errorf("sku is %q, want 77", got)
	}
	if reason := all[3].bad[0].Reason("en"); !strings.Contains(reason, `"Amount", "x"`) || !strings.Contains(reason, "from_quantity") {
		t.Errorf("the reason does not name the unknown fields and the possible ones: %s", reason)
	}
}

// Requirement: CO-05
func TestBrokenConnectionIsFinal(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	heads := map[Format]string{
		CSV:    "organization_id;sku;amount\n" + strings.Repeat("HANSA;A-1;1\n", 20_000),
		NDJSON: strings.Repeat(`{"organization_id":"HANSA","sku":"A-1","amount":1}`+"\n", 40_000),
	}
	for format, head := range heads {
		reader, err := NewReader(io.MultiReader(strings.NewReader(head+"HAN"), failing{broken}), Prices, format)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for err == nil {
			if _, err = reader.Next(); err == nil {
				rows++
			}
		}
		if !errors.Is(err, broken) || rows == 0 {
			t.Errorf("%s: after %d rows came %v, want the broken connection", format, rows, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
