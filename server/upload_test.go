package server_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/server"
	"kontor/server/servertest"
)

// filesIn are the files in a folder and in those in it.
func filesIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, each fs.DirEntry, err error) error {
		if err == nil && !each.IsDir() {
			found[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A request that says that it is too large is refused before it comes.
//
// Requirement: CO-05
// Case: IO-11
func TestUploadsThatSayTheyAreTooLarge(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(k.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(connection, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n--x\r\n",
			k.As(t, "sabine.kurz").Token, int64(10<<30))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if said, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(said), `"BODY_TOO_LARGE"`) {
			t.Errorf("%d %s", response.StatusCode, said)
		}
	})
}

// An archive that holds too much is refused as a whole. Contents of documents that did not go in, and files
// that came but were never imported, do not stay.
//
// Requirement: CO-05
// Case: IO-11
func TestUploadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, d := k.As(t, "sabine.kurz"), k.SQL(t)
		before := filesIn(t, k.Blobs)
		many := map[string]string{"documents.csv": "organization_id\n"}
		for i := range 50_001 {
			many[fmt.Sprint(i)] = ""
		}
		answer := importing(t, sabine, "DOCUMENTS", "CSV", "GOOD_ROWS", zipped(t, many)).OK(t)
		why := columnOf(t, d, `SELECT failure FROM import_runs WHERE id = $1`, keyOf(t, answer.String(t, "importData.run.id")))[0]
		if got := cameTo(answer); got != "FAILED 0 0 0" || !strings.Contains(why, "more than 50000 files") {
			t.Errorf("50,001 files: %s: %s", got, why)
		}
		const header = "organization_id;kind;number;issued_on;contract_number;file\n"
		archive := func(second string) string {
			return zipped(t, map[string]string{"documents.csv": header + "HANSA;OTHER;V-1;2026-01-01;SV-100001;a.pdf\nHANSA;OTHER;V-2;2026-01-01;" + second + ";b.pdf\n", "a.pdf": "%PDF-1.4 a", "b.pdf": "%PDF-1.4 b"})
		}
		if got := cameTo(importing(t, sabine, "DOCUMENTS", "CSV", "ALL_OR_NONE", archive("SV-NONE")).OK(t)); !strings.HasPrefix(got, "REJECTED 0 0 0; 3: contract_number: ") {
			t.Errorf("with a bad row: %s", got)
		}
		if after := filesIn(t, k.Blobs); len(after) != len(before) {
			t.Errorf("of files that were refused, %d files were left in the store, which had %d", len(after), len(before))
		}
		if got := cameTo(importing(t, sabine, "DOCUMENTS", "CSV", "GOOD_ROWS", archive("SV-NONE")).OK(t)); !strings.HasPrefix(got, "COMPLETED 1 0 0; 3: ") {
			t.Errorf("the good row: %s", got)
		}
		// What is there for another document stays where this one is refused.
		if got := cameTo(importing(t, sabine, "DOCUMENTS", "CSV", "ALL_OR_NONE", archive("SV-NONE")).OK(t)); !strings.HasPrefix(got, "REJECTED") {
			t.Errorf("once more: %s", got)
		}
		if after := filesIn(t, k.Blobs); len(after) != len(before)+1 {
			t.Errorf("with one document more, %d files became %d", len(before), len(after))
		}

		// Files of imports that nobody knows, an old and a new one, and an old one that waits.
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, leased_until = '2026-11-23 10:00:00+00:00', blob_key = 'imports/x' WHERE kind = 'DOCUMENTS' AND state = 'FAILED'`)
		waits := importing(t, sabine, "DOCUMENTS", "CSV", "GOOD_ROWS", archive("SV-100001")).OK(t)
		if got := cameTo(waits); got != "QUEUED 0 0 0" {
			t.Fatalf("beside another one: %s", got)
		}
		folder := filepath.Join(k.Blobs, "imports")
		left := map[string]time.Duration{"old": -25 * time.Hour, "new": -time.Hour, keyOf(t, waits.String(t, "importData.run.id")): -72 * time.Hour}
		for name, age := range map[string]time.Duration{"old": left["old"], "new": left["new"]} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(age.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, age := range left {
			at := k.Clock.Now().Add(age)
			if err := os.Chtimes(filepath.Join(folder, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		// One more of 4 GiB that wait is refused, and not kept.
		alter(t, d, `UPDATE import_runs SET size = 4294967296 WHERE id = $1`, keyOf(t, waits.String(t, "importData.run.id")))
		if got := strings.Join(importing(t, sabine, "PRODUCTS", "CSV", "GOOD_ROWS", "sku\n").Codes("importData"), " "); got != "TOO_MANY_IMPORTS" {
			t.Errorf("beside 4 GiB that wait: %q", got)
		}
		k.Import(t)
		for name := range left {
			if _, err := os.Stat(filepath.Join(folder, name)); (err == nil) != (name != "old") {
				t.Errorf("the %s one: %v", name, err)
			}
		}
	})
}

// Contents that a killed server has kept for an import of all rows or none are gone once another one has
// gone on with it and the file is refused.
//
// Requirement: CO-05
// Case: IO-11
func TestKilledImportsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		sabine, d := k.As(t, "sabine.kurz"), k.SQL(t)
		before := filesIn(t, k.Blobs)
		const killed = "%PDF-1.4 killed"
		begun := keyOf(t, importing(t, sabine, "DOCUMENTS", "CSV", "GOOD_ROWS", "no archive").OK(t).String(t, "importData.run.id"))
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', ended_at = NULL, leased_until = '2026-11-23 10:00:00+00:00' WHERE id = $1`, begun)
		run := keyOf(t, importing(t, sabine, "DOCUMENTS", "CSV", "ALL_OR_NONE", zipped(t, map[string]string{
			"documents.csv": "organization_id;kind;number;issued_on;contract_number;file\nHANSA;OTHER;V-1;2026-01-01;SV-100001;a.pdf\nHANSA;OTHER;V-2;2026-01-01;SV-NONE;a.pdf\n",
			"a.pdf":         killed,
		})).OK(t).String(t, "importData.run.id"))
		alter(t, d, `UPDATE import_runs SET state = 'FAILED', ended_at = queued_at, leased_until = NULL WHERE id = $1`, begun)
		// The server that began with it is gone, and its transaction; what it kept is there.
		alter(t, d, `UPDATE import_runs SET state = 'RUNNING', takes = 1, started_at = queued_at, leased_until = queued_at WHERE id = $1`, run)
		tenant := columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0]
		sum := sha256.Sum256([]byte(killed))
		path := filepath.Join(k.Blobs, tenant, hex.EncodeToString(sum[:]))
		if err := os.WriteFile(path, []byte(killed), 0o600); err != nil {
			t.Fatal(err)
		}
		k.Clock.Advance(time.Minute)
		k.Import(t)
		if state := columnOf(t, d, `SELECT state FROM import_runs WHERE id = $1`, run)[0]; state != "REJECTED" {
			t.Fatalf("the import that was gone on with is %s", state)
		}
		if after := filesIn(t, k.Blobs); len(after) != len(before) {
			t.Errorf("%d files became %d", len(before), len(after))
		}
	})
}

// A store that takes longer than a request may does not keep a file out.
//
// Requirement: CO-05
// Case: IO-11
func TestUploadsIntoASlowStore(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	kept := map[string][]byte{}
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			content, _ := io.ReadAll(r.Body)
			time.Sleep(17 * time.Second) // longer than the time for a request
			mu.Lock()
			defer mu.Unlock()
			kept[r.URL.Path] = content
			return
		}
		mu.Lock()
		content, there := kept[r.URL.Path]
		mu.Unlock()
		if !there {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			return
		}
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 09:00:00 GMT")
		_, _ = w.Write(content)
	}))
	defer slow.Close()
	k := servertest.Start(t, servertest.Backends[0], func(c *server.Config) {
		c.BlobURL = "s3://documents?region=eu-central-1&use_path_style=true&anonymous=true&endpoint=" + slow.URL
	})
	answer := importing(t, k.As(t, "sabine.kurz"), "PRODUCTS", "CSV", "GOOD_ROWS", "sku;name;category;unit\nNEU-1;Neu;Neues;piece\n")
	if got := cameTo(answer.OK(t)); got != "COMPLETED 1 0 0" {
		t.Errorf("it came to %s: %s", got, answer.Body)
	}
}
