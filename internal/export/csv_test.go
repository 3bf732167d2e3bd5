package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/internal/day"
	"kontor/internal/money"
)

// list is a table of rows that are all there.
func list(language string, columns []string, rows ...[]any) Table {
	return Table{Title: "Liste", Columns: columns, Language: language, Rows: func(yield func([]any, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}}
}

func fileOf(t *testing.T, f Format, table Table) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, f, table); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var (
	placed  = time.Date(2026, 11, 23, 10, 4, 5, 0, time.FixedZone("", 3600))
	columns = []string{"Nummer", "Größe", "Am", "Um", "Netto", "Rest"}
	cells   = []any{"A-1; \"Äpfel\", gut", money.MustParse("-2.5"), day.Day("2026-11-23"), placed, money.Of(money.MustParse("1234.5"), "EUR"), nil}
)

// formulas are texts that some spreadsheet takes for a formula, or that let one
// begin in the next cell.
var formulas = []string{
	"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\x00=1", "＝1", "＋1", "－1", "＠1",
	" =1", "\u00a0=1", "\u3000＝1", "\u200b=1", "\ufeff=1", "\x01=1", "\v=1", "\t", "\n", "\x00",
}

// hostile are texts that mean something to CSV, XML, a PDF or a reader, but are no
// formulas.
var hostile = []string{
	"", " ", "a=1", "1-2", "a\"b", "a;b", "a,b", "a\nb", "a\r\nb;c", "'=1", "(text) \\) Tj", "<script>alert(1)</script>", "]]>&amp;<f>1</f>",
	"<img src=http://169.254.169.254>", "/JS (app.alert(1))", "\u202egnp.exe", "file:///etc/passwd", "\xff\xfe", "\ufffe", "日本", "\U00010000", "😀",
	"{nb}", "{pages}", pages, strings.Repeat("x", 100_000), strings.Repeat("ä", 500_000),
}

// Requirement: CO-02
func TestCSVInBothLanguages(t *testing.T) {
	for language, want := range map[string]string{
		"de": "\uFEFFNummer;Größe;Am;Um;Netto;Rest\r\n" +
			"\"A-1; \"\"Äpfel\"\", gut\";-2,5;23.11.2026;23.11.2026 09:04;1234,50;\r\n",
		"en": "Nummer,Größe,Am,Um,Netto,Rest\r\n" +
			"\"A-1; \"\"Äpfel\"\", gut\",-2.5,2026-11-23,2026-11-23 09:04,1234.50,\r\n",
	} {
		if got := string(fileOf(t, CSV, list(language, columns, cells))); got != want {
			t.Errorf("%s: got\n%q, want\n%q", language, got, want)
		}
	}
}

// Case: IO-01
func TestCSVHasNoFormula(t *testing.T) {
	texts := slices.Concat(formulas, hostile)
	rows := make([][]any, len(texts))
	for i, text := range texts {
		rows[i] = []any{"row", text}
	}
	for language, comma := range map[string]rune{"de": ';', "en": ','} {
		content := bytes.TrimPrefix(fileOf(t, CSV, list(language, []string{"a", "=b"}, rows...)), []byte("\uFEFF"))
		reader := csv.NewReader(bytes.NewReader(content))
		reader.Comma = comma
		records, err := reader.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(content, []byte("\r\n")); len(records) != len(rows)+1 || lines != len(rows)+1 {
			t.Fatalf("%d rows became %d records on %d lines", len(rows), len(records), lines)
		}
		if records[0][1] != "'=b" {
			t.Errorf("a title is %q", records[0][1])
		}
		for i, text := range texts {
			got, prefixed := strings.CutPrefix(records[i+1][1], "'")
			if want := i < len(formulas) || strings.HasPrefix(text, "'"); prefixed != want {
				t.Errorf("%.20q became %.20q", text, records[i+1][1])
			}
			if strings.ContainsAny(got, "\x00\x01\t\v\r\n\u202e") {
				t.Errorf("%.20q kept a control character: %.20q", text, got)
			}
		}
	}
}

// A table that cannot be read to its end is no file.
func TestAFailedRowFailsTheFile(t *testing.T) {
	broken := errors.New("broken")
	for _, f := range []Format{CSV, XLSX, PDF} {
		table := list("de", columns)
		table.Rows = func(yield func([]any, error) bool) {
			if yield(cells, nil) {
				yield(nil, broken)
			}
		}
		if err := Write(&bytes.Buffer{}, f, table); !errors.Is(err, broken) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if err := Write(&bytes.Buffer{}, "XLS", list("de", columns)); err == nil {
		t.Error("XLS was written")
	}
}
