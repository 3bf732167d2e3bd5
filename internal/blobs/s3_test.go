package blobs

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// A bucket keeps contents like a folder.
//
// Requirement: CO-04
func TestBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	var mu sync.Mutex
	objects := map[string][]byte{}
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		content, there := objects[r.URL.Path]
		switch {
		case r.Method == http.MethodPut:
			objects[r.URL.Path], _ = io.ReadAll(r.Body)
		case !there:
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		default:
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 09:00:00 GMT")
			_, _ = w.Write(content)
		}
	}))
	defer bucket.Close()
	s, err := Open(t.Context(), "s3://documents?region=eu-central-1&use_path_style=true&endpoint="+bucket.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k, err := s.Put(t.Context(), uuid.New(), []byte("hallo"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := s.Open(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(content); err != nil || string(got) != "hallo" {
		t.Errorf("kept is %q, %v", got, err)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
	objects["/documents/"+k.Key] = []byte("HALLO")
	if _, err := s.Open(t.Context(), k); !errors.Is(err, ErrChanged) {
		t.Errorf("changed: %v", err)
	}
	delete(objects, "/documents/"+k.Key)
	if _, err := s.Open(t.Context(), k); !errors.Is(err, ErrGone) {
		t.Errorf("gone: %v", err)
	}
}
