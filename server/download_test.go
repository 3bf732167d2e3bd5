package server_test

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// get fetches a file with the session of a client.
func get(t *testing.T, c *servertest.Client, path string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, c.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content), response.Header
}

// What is filtered is what is in the file, all of it and not only the page.
//
// Requirement: CO-02
func TestAFileHoldsWhatTheFilterHolds(t *testing.T) {
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for name, c := range map[string]struct {
			query string
			list  string
		}{
			"orders":    {`{ list: orders(first: 1, where: {states: [COMPLETED], channel: ONLINE}) { totalCount download(format: CSV) { url filename expiresAt } } }`, "bestellungen"},
			"contracts": {`{ list: contracts(first: 1, where: {types: [SERVICE_CONTRACT], search: "10000"}) { totalCount download(format: CSV) { url filename expiresAt } } }`, "vertraege"},
		} {
			answer := martha.Do(t, c.query, nil).OK(t)
			total := int(answer.Get("list.totalCount").(float64))
			status, content, header := get(t, martha, answer.String(t, "list.download.url"))
			if status != http.StatusOK {
				t.Fatalf("%s: status %d: %s", name, status, content)
			}
			reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(content, "\uFEFF")))
			reader.Comma = ';'
			records, err := reader.ReadAll()
			if err != nil || len(records) != total+1 || total < 2 {
				t.Errorf("%s: %d rows in the file, %d in the list, %v", name, len(records)-1, total, err)
			}
			if got := header.Get("Content-Disposition"); !strings.Contains(got, c.list+"-2026-11-23.csv") || !strings.HasPrefix(got, "attachment") {
				t.Errorf("%s: %s", name, got)
			}
		}
		for _, format := range []string{"XLSX", "PDF"} {
			answer := martha.Do(t, `query($f: ExportFormat!) { orders(first: 1) { download(format: $f) { url } } }`, servertest.Vars{"f": format}).OK(t)
			status, content, header := get(t, martha, answer.String(t, "orders.download.url"))
			magic := map[string]string{"XLSX": "PK", "PDF": "%PDF-"}[format]
			if status != http.StatusOK || !strings.HasPrefix(content, magic) || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %d %.20q", format, status, content)
			}
		}
	})
}

// A link is for the one who asked, with the login that asked, for five minutes.
//
// Requirement: CO-02
// Case: IO-07
// Case: AUTHZ-15
func TestALinkIsForItsViewerAndForAShortTime(t *testing.T) {
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, moritz := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen")
		url := martha.Do(t, `{ orders(first: 1) { download(format: CSV) { url } } }`, nil).OK(t).String(t, "orders.download.url")
		expect := func(what string, c *servertest.Client, path string, want int) {
			t.Helper()
			if status, content, _ := get(t, c, path); status != want {
				t.Errorf("%s: status %d, want %d: %.80q", what, status, want, content)
			}
		}
		expect("its viewer", martha, url, http.StatusOK)
		expect("nobody", k.Anonymous(), url, http.StatusUnauthorized)
		expect("a colleague", moritz, url, http.StatusNotFound)
		expect("another login of the same person", k.As(t, "martha.hansen"), url, http.StatusNotFound)
		expect("without its signature", martha, url[:strings.LastIndex(url, ".")], http.StatusNotFound)
		expect("with half of it", martha, url[:len(url)-10], http.StatusNotFound)
		expect("changed", martha, "/download/A"+url[len("/download/")+1:], http.StatusNotFound)
		k.Clock.Advance(6 * time.Minute)
		expect("later", martha, url, http.StatusNotFound)
	})
}
