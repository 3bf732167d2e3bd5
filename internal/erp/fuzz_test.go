package erp

import (
	"os"
	"testing"
	"unicode/utf8"
)

// bounds holds what is true of any file: lines grow, a row is either good or has a
// reason that can be shown.
func bounds(t *testing.T, text string, format Format) {
	for _, kind := range Kinds() {
		all, _ := readAll(text, kind, format) // a file that cannot be read on is fine
		last := 0
		for _, s := range all {
			if s.line < last || s.line == last && format != BMECAT {
				t.Fatalf("%s: line %d comes after line %d", kind, s.line, last)
			}
			last = s.line
			if (s.row == nil) == (len(s.bad) == 0) {
				t.Fatalf("%s: line %d is neither good nor bad, or both", kind, s.line)
			}
			for _, b := range s.bad {
				if b.Line != s.line || b.Code == "" || !utf8.ValidString(b.Reason("de")) || b.Reason("en") == "" {
					t.Fatalf("%s: line %d has an error without a proper line or reason: %#v", kind, s.line, b)
				}
			}
			if s.row != nil {
				for _, c := range Columns(s.row.Kind) {
					s.row.Given(c.Name)
				}
			}
		}
	}
}

// Requirement: CO-05
func FuzzCSV(f *testing.F) {
	f.Add("organization_id;sku;amount\nHANSA;A-1;1,50\nHANSA;\"A\n2\";x\n")
	f.Add("\ufefforganization_id,sku,amount,from_quantity\r\nHANSA,A-1,\"1.234,50\",10\r\n")
	f.Add("sku;name;category;unit;attributes\nA-1;Gr\xf6\xdfe;B\xfcro > Papier;kg;Gewicht=1 kg|Farbe=rot\n\"")
	f.Add("organization_id;number;type;valid_from;position\nB;1;FRAME_AGREEMENT;2026-01-01;1\n")
	f.Fuzz(func(t *testing.T, text string) { bounds(t, text, CSV) })
}

// Requirement: CO-05
func FuzzNDJSON(f *testing.F) {
	f.Add(`{"organization_id":"HANSA","sku":"A-1","amount":1.5}` + "\n" + `{"sku":"A-1","sku":null}`)
	f.Add("\ufeff{\"sku\":\"\\ud800\",\"x\":[{}]}\r\n\n[]\n{")
	f.Fuzz(func(t *testing.T, text string) { bounds(t, text, NDJSON) })
}

// Requirement: CO-06
func FuzzBMEcat(f *testing.F) {
	for _, name := range []string{"metall-2005.xml", "metall-aenderung-2005.xml", "telefonie-1.2.xml", "telefonie-preise-1.2.xml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(catalogue(newCatalogue, "", tree+one("<PRICE_QUANTITY>3</PRICE_QUANTITY>", priced(priceOf("net_list", "<PRICE_AMOUNT>1</PRICE_AMOUNT><TAX>0.19</TAX>")))))
	f.Add(catalogue(updateProducts, buyer, `<PRODUCT mode="delete"><SUPPLIER_PID>A</SUPPLIER_PID></PRODUCT><!-- x --><PRODUCT mode="x"/>`))
	f.Add("\ufeff<?xml version='1.0' encoding='latin1'?><!DOCTYPE BMECAT SYSTEM 'x'><BMECAT><T_UPDATE_PRICES/>")
	f.Fuzz(func(t *testing.T, text string) { bounds(t, text, BMECAT) })
}
