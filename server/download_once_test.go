package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Each download is in the audit log once: further parts of a file and questions whether it has changed belong
// to it, and are noted once where there was none.
//
// Case: PRIV-03
func TestEachDownloadIsNotedOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		issue(t, k, "HANSA-000020", "1", "a.txt", "text/plain; charset=utf-8", "Übergabe am Tor 3\n")
		issue(t, k, "HANSA-000010", "2", "b.txt", "text/plain; charset=utf-8", "Übergabe am Tor 4\n")
		martha := k.As(t, "martha.hansen")
		first, _ := papersOf(t, martha, "HANSA-000020")
		second, _ := papersOf(t, martha, "HANSA-000010")
		list := orderList.link(t, martha, "CSV", nil)
		noted := func() int { return len(rowsOf(t, d, `SELECT id FROM audit_entries WHERE action = 'data.download'`)) }
		etag := ""
		for _, each := range []struct {
			name, method, url string
			header            map[string]string
			status, entries   int
		}{
			{"a part of what was not fetched", "GET", second["OTHER"], map[string]string{"Range": "bytes=5-6"}, 206, 1},
			{"another part", "GET", second["OTHER"], map[string]string{"Range": "bytes=7-8"}, 206, 0},
			{"its head", "HEAD", second["OTHER"], nil, 200, 0},
			{"the whole", "GET", second["OTHER"], nil, 200, 1},
			{"from its beginning", "GET", first["OTHER"], map[string]string{"Range": "bytes=0-3"}, 206, 1},
			{"the rest", "GET", first["OTHER"], map[string]string{"Range": "bytes=4-"}, 206, 0},
			{"several parts", "GET", first["OTHER"], map[string]string{"Range": "bytes=0-1,4-5"}, 206, 1},
			{"beyond its end", "GET", first["OTHER"], map[string]string{"Range": "bytes=5000-"}, 416, 0},
			{"the whole", "GET", first["OTHER"], nil, 200, 1},
			{"the whole again", "GET", first["OTHER"], nil, 200, 1},
			{"what is known", "GET", first["OTHER"], map[string]string{"If-None-Match": "etag"}, 304, 0},
			{"the head of a list", "HEAD", list, nil, 200, 1},
			{"the head of a list again", "HEAD", list, nil, 200, 0},
			{"a list", "GET", list, nil, 200, 1},
			{"a list again", "GET", list, nil, 200, 1},
		} {
			header := map[string]string{"Authorization": "Bearer " + martha.Token}
			for name, value := range each.header {
				if value == "etag" {
					value = etag
				}
				header[name] = value
			}
			before := noted()
			response, _ := raw(t, k, each.method, each.url, "", header)
			etag = response.Header.Get("ETag")
			if got := noted() - before; response.StatusCode != each.status || got != each.entries {
				t.Errorf("%s: %d with %d entries, want %d with %d", each.name, response.StatusCode, got, each.status, each.entries)
			}
		}
		// What cannot be noted is not sent.
		if onSQLite(d) {
			return
		}
		if _, err := d.ExecContext(t.Context(), `ALTER TABLE audit_heads RENAME TO gone`); err != nil {
			t.Fatal(err)
		}
		for name, url := range map[string]string{"a document": first["OTHER"], "a list": list} {
			response, body := raw(t, k, http.MethodGet, url, "", map[string]string{"Authorization": "Bearer " + martha.Token})
			if response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "Tor 3") || strings.Contains(body, "HANSA-") || response.Header.Get("ETag") != "" || response.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s that cannot be noted: %d %v %.80q", name, response.StatusCode, response.Header, body)
			}
		}
	})
}

// Downloads take their turn among the requests that a replica works on.
//
// Case: LOAD-01
func TestDownloadsTakeTheirTurn(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[1])
	issue(t, k, "HANSA-000020", "1", "a.txt", "text/plain; charset=utf-8", "hallo") // no list, of which a company has two at a time
	martha := k.As(t, "martha.hansen")
	links, _ := papersOf(t, martha, "HANSA-000020")
	tx, err := k.SQL(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE documents IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	const many = 200
	var during *servertest.Answer
	time.AfterFunc(3*time.Second, func() {
		during = martha.Do(t, `{ categories { name } }`, nil)
		_ = tx.Rollback()
	})
	answers := map[int]int{}
	for _, status := range atOnce(many, func(int) int {
		status, _, _ := get(t, martha, links["OTHER"])
		return status
	}) {
		answers[status]++
	}
	if answers[http.StatusOK] != 80 || answers[http.StatusServiceUnavailable] != many-80 {
		t.Errorf("of %d downloads %v were answered, 80 at a time can be", many, answers)
	}
	if during == nil || during.Status != http.StatusServiceUnavailable {
		t.Errorf("while there were downloads in all places, a query: %v", during)
	}
}

// Whoever takes its time to read a file holds no place.
//
// Case: LOAD-01
func TestSlowReadersOfFilesHoldNoPlace(t *testing.T) {
	t.Parallel()
	k := servertest.Start(t, servertest.Backends[0])
	issue(t, k, "HANSA-000020", "1", "a.txt", "text/plain; charset=utf-8", strings.Repeat("x", 15<<20))
	martha := k.As(t, "martha.hansen")
	links, _ := papersOf(t, martha, "HANSA-000020")
	begun := atOnce(90, func(int) error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.URL+links["OTHER"], nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+martha.Token)
		for end := time.Now().Add(30 * time.Second); ; {
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			if response.StatusCode == http.StatusServiceUnavailable && time.Now().Before(end) { // not its turn yet
				response.Body.Close()
				time.Sleep(100 * time.Millisecond)
				continue
			}
			t.Cleanup(func() { response.Body.Close() })
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("status %d", response.StatusCode)
			}
			return nil
		}
	})
	for _, err := range begun {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(k.Figures(t), "downloads_running 90\n") {
		t.Error("the files are sent already: nobody is slow")
	}
	martha.Do(t, `{ categories { name } }`, nil).OK(t)
}
