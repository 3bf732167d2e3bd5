package cart

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// read are the good lines as "line sku quantity", and the faults as "CODE field".
func readCSV(text string) (string, string) {
	lines, faults := parseCSV(text)
	var good, bad []string
	for _, l := range lines {
		good = append(good, fmt.Sprint(l.number, " ", l.sku, " ", l.quantity))
	}
	for _, f := range faults {
		bad = append(bad, f.Code+" "+strings.Join(f.Field, "."))
	}
	return strings.Join(good, ", "), strings.Join(bad, ", ")
}

// Requirement: CA-10
func TestParseCSV(t *testing.T) {
	for name, each := range map[string]struct{ text, good, bad string }{
		"semicolons":              {"A-1;5\nB-2;1,5", "1 A-1 5, 2 B-2 1.5", ""},
		"commas":                  {"A-1,5\nB-2,1.5\nC-3,\"2,5\"", "1 A-1 5, 2 B-2 1.5, 3 C-3 2.5", ""},
		"tabs":                    {"A-1\t5\nB-2\t1,5", "1 A-1 5, 2 B-2 1.5", ""},
		"a decimal comma first":   {"A-1;1,5\nB-2;2", "1 A-1 1.5, 2 B-2 2", ""},
		"a German header":         {"Artikelnummer;Menge\nA-1;5", "2 A-1 5", ""},
		"an English header":       {"Quantity,Item no.\n5,A-1", "2 A-1 5", ""},
		"more columns":            {"Pos.;Menge;Bezeichnung;Artikel-Nr.\n1;5;Telefon;A-1\n2;6;\"Kabel; rot\";B-2;x", "2 A-1 5, 3 B-2 6", ""},
		"a named separator":       {"sep=;\nArtikel;Stück\nA-1;5", "3 A-1 5", ""},
		"marks, CRLF and empties": {"\ufeffsku;quantity\r\n\r\n A-1 ; 5 \r\n;\r\n\"B-2\";\"6\"\r\n\r\n", "3 A-1 5, 5 B-2 6", ""},
		"old line ends":           {"A-1;5\rB-2;6", "1 A-1 5, 2 B-2 6", ""},
		"thousands":               {"A-1;1.234,50\nB-2;1.234\nC-3;0,125", "1 A-1 1234.50, 3 C-3 0.125", "QUANTITY_AMBIGUOUS csv.2.quantity"},
		"bad lines":               {"A-1;x\nA-1;\n;5\nA-1\nA-1;5;6\n\"A-1;5\nA-1;5 Stück\nA-1;-5\nA-1;6", "8 A-1 -5, 9 A-1 6", "QUANTITY_INVALID csv.1.quantity, VALUE_REQUIRED csv.2.quantity, VALUE_REQUIRED csv.3.sku, VALUE_REQUIRED csv.4.quantity, CSV_LINE_INVALID csv.5, CSV_LINE_INVALID csv.6, QUANTITY_INVALID csv.7.quantity"},
		"half a decimal":          {"A-1,2,5\nB-2,3", "2 B-2 3", "CSV_LINE_INVALID csv.1"},
		"under a header, too":     {"sku,menge\nA-1,2,5\nB-2,3", "3 B-2 3", "CSV_LINE_INVALID csv.2"},
		"lost characters":         {"Gr\xf6\xdfe;5", "", "CSV_ENCODING csv.1.sku"},
		"a null byte":             {"A\x00B;5", "", "VALUE_INVALID csv.1.sku"},
		"a long number":           {strings.Repeat("ä", 65) + ";5", "", "VALUE_TOO_LONG csv.1.sku"},
		"half a header":           {"Artikelnummer;Preis\nA-1;5", "", "CSV_HEADER_INVALID csv.1"},
		"a header with two":       {"sku;Menge;Anzahl\nA-1;5;6", "", "CSV_HEADER_INVALID csv.1"},
		"a product called so":     {"Artikel;5", "1 Artikel 5", ""},
		"nothing":                 {"", "", "VALUE_REQUIRED csv"},
		"a header alone":          {"sku;quantity\n", "", "VALUE_REQUIRED csv"},
		"many lines":              {strings.Repeat("A;1\n", 501), "", "TOO_MANY_ITEMS csv"},
		"a long text":             {strings.Repeat("ä", 65537), "", "VALUE_TOO_LONG csv"},
	} {
		if good, bad := readCSV(each.text); good != each.good || bad != each.bad {
			t.Errorf("%s:\n%s | %s, want\n%s | %s", name, good, bad, each.good, each.bad)
		}
	}
}

// Whatever the text, a line is good or told once, with a place and a message.
//
// Requirement: CA-10
func FuzzParseCSV(f *testing.F) {
	for _, text := range []string{"\ufeffArtikelnummer;Menge\r\nA-1;1,5\r\n\"B;2\n;;\nC", "sku,qty\nA,\"1,5\"", "sep=\t\nA\t1.234", "A\xff;1\rB;2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, faults := parseCSV(text)
		if len(lines)+len(faults) == 0 || len(lines)+len(faults) > maxCSVLines {
			t.Fatalf("%d lines and %d faults", len(lines), len(faults))
		}
		told := map[string]bool{}
		for _, fault := range faults {
			if fault.Field[0] != "csv" || len(fault.Field) > 3 || told[fault.Error()] {
				t.Fatalf("a fault at %v", fault.Field)
			}
			told[fault.Error()] = true
			for _, language := range []string{"de", "en"} {
				if fault.Text != nil && (!utf8.ValidString(fault.Text(language)) || strings.Contains(fault.Text(language), "<no value>")) {
					t.Fatalf("%s says %q", fault.Code, fault.Text(language))
				}
			}
		}
		last := 0
		for _, l := range lines {
			if l.number <= last || l.sku == "" || !utf8.ValidString(l.sku) || strings.ContainsRune(l.sku, utf8.RuneError) {
				t.Fatalf("line %d after %d has %q", l.number, last, l.sku)
			}
			last = l.number
		}
	})
}
