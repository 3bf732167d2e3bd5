package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// The cart is a document to file, in the user's language; in other formats a table.
//
// Requirement: CA-08
func TestCartAsFile(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		file := func(format string) (string, http.Header) {
			answer := martha.Do(t, `query($format: ExportFormat!) { cart { download(format: $format) { url filename } } }`, servertest.Vars{"format": format}).OK(t)
			status, content, header := get(t, martha.Client, answer.String(t, "cart.download.url"))
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", format, status, content)
			}
			return content, header
		}
		keep := func(name, content string) {
			if folder := os.Getenv("KONTOR_TEST_FILES"); folder != "" { // to look at them
				if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		pagesOf := func(content string) int { return bytes.Count([]byte(content), []byte("/Type /Page\n")) }
		if empty, _ := file("PDF"); pagesOf(empty) != 1 {
			t.Error("an empty cart has no page")
		}
		kai := martha.do("SaveAddress", map[string]any{"company": "Hansa Süd GmbH & Co. KG", "contact": "Frau Jürgens", "street": "Große Elbstraße 7", "postalCode": "22767", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		martha.add(item("TEL-DT-0101", "1200", "wishedDate", "2026-12-24", "deliveryAddressId", kai, "accountAssignment", map[string]any{"costCentre": "77", "glAccount": "6800", "project": "Umzug"}),
			item("NET-GF-0606", "110"), item("BUE-KH-3101", "3")).OK(t)
		martha.do("UpdateCart", map[string]any{"name": "Büroausstattung für den Umzug", "customerOrderNumber": "K-2026-0815", "referenceNumber": "R-47/11"}).OK(t)
		alter(t, k.SQL(t), `UPDATE products SET active = false WHERE sku = 'BUE-KH-3101'`)
		answer := martha.Operation(t, "spa/cart", "CartPdf", nil).OK(t)
		if got := answer.String(t, "cart.download.filename"); got != "warenkorb-2026-11-23.pdf" {
			t.Errorf("the file is called %s", got)
		}
		short, header := file("PDF")
		if header.Get("Content-Type") != "application/pdf" || pagesOf(short) != 1 {
			t.Errorf("%v, %d pages", header, pagesOf(short))
		}
		keep("short.pdf", short)
		table := rows(t, martha.Client, martha.Do(t, `{ cart { download(format: CSV) { url } } }`, nil).OK(t).String(t, "cart.download.url"))
		if got := strings.Join(table[1], "|"); len(table) != 4 || !strings.HasPrefix(got, "1|TEL-DT-0101|Tischtelefon Basis 10|1200|Stück|") || !strings.Contains(got, "|EUR|24.12.2026|Hansa Süd GmbH & Co. KG, Frau Jürgens, Große Elbstraße 7, 22767 Hamburg, DE|Kostenstelle 77, Sachkonto 6800, Projekt Umzug") {
			t.Errorf("the table has %q", table)
		}
		if sheet, _ := file("XLSX"); !strings.HasPrefix(sheet, "PK") {
			t.Error("the workbook is none")
		}
		// It is of whoever asks, and of nobody else.
		if status, _, _ := get(t, k.As(t, "gerd.grau"), answer.String(t, "cart.download.url")); status != http.StatusNotFound {
			t.Errorf("somebody else gets %d", status)
		}
		martha.do("ClearCart", nil).OK(t)
		skus := productList.all(t, martha.Client, map[string]any{"orderable": true, "search": "Tel"})
		items := make([]map[string]any, 100)
		for i := range items {
			items[i] = item(skus[i%len(skus)], "1000", "accountAssignment", map[string]any{"costCentre": fmt.Sprint(4100 + i%3*100), "project": fmt.Sprint(i)})
		}
		martha.add(items...).OK(t)
		martha.Header["Accept-Language"] = "en"
		long, _ := file("PDF")
		if n := pagesOf(long); n < 4 || n > 7 {
			t.Errorf("100 positions take %d pages", n)
		}
		keep("long.pdf", long)
	})
}
