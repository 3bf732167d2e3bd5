package blobs

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The content decides, and has to be what the name says.
//
// Requirement: CO-04
// Case: IO-08
// Case: IO-11
func TestMediaType(t *testing.T) {
	t.Parallel()
	workbook := zipped(t, "[Content_Types].xml", "xl/workbook.xml")
	for _, each := range []struct{ name, content, want string }{
		{"a.PDF", "%PDF-1.7\n", "application/pdf"},
		{"a.png", "\x89PNG\r\n\x1a\n", "image/png"},
		{"a.jpeg", "\xff\xd8\xff\xe0", "image/jpeg"},
		{"a.jpg", "\xff\xd8\xff\xe0", "image/jpeg"},
		{"a.csv", "Größe;1\n", "text/csv; charset=utf-8"},
		{"a.csv", "Gr\xf6\xdfe;1\n", "text/csv; charset=windows-1252"},
		{"a.txt", "\ufeffhallo", "text/plain; charset=utf-8"},
		{"a.xml", `<?xml version="1.0" encoding="ISO-8859-1"?><Invoice/>`, "application/xml"},
		{"a.xml", `<Invoice xmlns="x">1</Invoice>`, "application/xml"},
		{"a.zip", workbook, "application/zip"},
		{"a.xlsx", workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"a.pdf", "", ""},
		{"a", "hallo", ""},
		{"a.html", "<html>", ""},
		{"a.txt", "<html>", ""},
		{"a.txt", "hallo\x00", ""},
		{"a.txt", strings.Repeat("x", 600) + "\x00", ""},
		{"a.csv", "%PDF-1.7", ""},
		{"a.pdf", "\x89PNG\r\n\x1a\n", ""},
		{"a.xml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`, ""},
		{"a.xml", `<svg xmlns="http://www.w3.org/2000/svg"/>`, ""},
		{"a.xml", `hallo`, ""},
		{"a.xlsx", zipped(t, "a.txt"), ""},
		{"a.zip", "PK\x03\x04 and no more", ""},
	} {
		got, err := MediaType(each.name, []byte(each.content))
		if got != each.want || (err == nil) != (each.want != "") {
			t.Errorf("%s %.20q is %q, %v", each.name, each.content, got, err)
		}
	}
}

// A content is there as it was kept, for its tenant alone, or it is not given.
//
// Requirement: CO-04
func TestStore(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "not", "yet")
	s, err := Open(t.Context(), "file://"+folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first, other := uuid.New(), uuid.New()
	var kept []Kept
	for _, tenant := range []uuid.UUID{first, first, other} {
		k, err := s.Put(t.Context(), tenant, []byte("hallo"))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, k)
	}
	if kept[0] != kept[1] || kept[0].Key == kept[2].Key {
		t.Errorf("kept are %v", kept)
	}
	for _, content := range [][]byte{nil, make([]byte, MaxSize+1)} {
		if _, err := s.Put(t.Context(), first, content); err == nil {
			t.Errorf("%d bytes are kept", len(content))
		}
	}
	path := filepath.Join(folder, kept[0].Key)
	if err := os.WriteFile(path, []byte("HALLO"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), kept[0]); !errors.Is(err, ErrChanged) {
		t.Errorf("changed: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), kept[0]); !errors.Is(err, ErrGone) {
		t.Errorf("gone: %v", err)
	}
	if content, err := s.Open(t.Context(), kept[2]); err != nil {
		t.Errorf("the other tenant's: %v", err)
	} else if err := content.Close(); err != nil {
		t.Error(err)
	}
}

// Nothing leads out of the folder: a link to a file elsewhere is none of its contents, not even with the same bytes.
//
// Case: IO-06
func TestLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	folder, elsewhere := t.TempDir(), t.TempDir()
	s, err := Open(t.Context(), "file://"+folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k, err := s.Put(t.Context(), uuid.New(), []byte("hallo"))
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(elsewhere, filepath.Base(k.Key))
	if err := os.Rename(filepath.Join(folder, k.Key), outside); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Dir(filepath.Join(folder, k.Key))
	for what, link := range map[string]func() error{
		"a link to a file":   func() error { return os.Symlink(outside, filepath.Join(folder, k.Key)) },
		"a link to a folder": func() error { return errors.Join(os.RemoveAll(inside), os.Symlink(elsewhere, inside)) },
		"a folder":           func() error { return os.MkdirAll(filepath.Join(folder, k.Key), 0o700) },
	} {
		if err := os.RemoveAll(inside); err != nil {
			t.Fatal(err)
		}
		if what != "a link to a folder" {
			if err := os.MkdirAll(inside, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := link(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), k); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, key := range []string{"../" + filepath.Base(elsewhere) + "/" + filepath.Base(k.Key), outside, ""} {
		if _, err := s.Open(t.Context(), Kept{Key: key, SHA256: k.SHA256, Size: k.Size}); !errors.Is(err, ErrGone) {
			t.Errorf("%q: %v", key, err)
		}
	}
}
