package erp

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"kontor/internal/blobs"
)

// entry is a file of an archive; claimed is its size where the archive lies about it.
type entry struct {
	name, content string
	claimed       uint64
	mode          os.FileMode
}

// packed is an archive on disk, with its size.
func packed(t *testing.T, entries ...entry) (*os.File, int64) {
	t.Helper()
	file, err := blobs.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	w := zip.NewWriter(file)
	for _, e := range entries {
		deflated := deflate(t, e.content)
		h := &zip.FileHeader{Name: e.name, CRC32: crc32.ChecksumIEEE([]byte(e.content)), CompressedSize64: uint64(len(deflated)), UncompressedSize64: uint64(len(e.content))}
		if e.content != "" {
			h.Method = zip.Deflate
		}
		if e.claimed > 0 {
			h.UncompressedSize64 = e.claimed
		}
		h.SetMode(0o600 | e.mode)
		raw, made := w.CreateRaw(h)
		if made != nil {
			t.Fatal(made)
		}
		if len(deflated) > 0 {
			if _, err := raw.Write(deflated); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return file, info.Size()
}

func deflate(t *testing.T, content string) []byte {
	t.Helper()
	if content == "" {
		return nil
	}
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestSpeed)
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return deflated.Bytes()
}

// How many files an archive has and how large they are is looked at before anything is unpacked.
//
// Requirement: CO-05
// Case: IO-11
func TestArchivesThatHoldTooMuch(t *testing.T) {
	t.Parallel()
	index := entry{name: "documents.csv", content: "organization_id;kind\n"}
	many, wide := []entry{index}, []entry{index}
	for i := range 100_000 {
		many = append(many, entry{name: fmt.Sprint(i)})
	}
	for i := range 700 { // each name is in the archive's directory
		wide = append(wide, entry{name: fmt.Sprint(i, strings.Repeat("x", 60_000))})
	}
	for name, each := range map[string]struct {
		entries []entry
		want    string
	}{
		"100,000 files":           {many, "more than 50000 files"},
		"a huge directory":        {wide, "more than 50000 files"},
		"a file of many GiB":      {[]entry{index, {name: "a.pdf", content: "x", claimed: 9 << 30}}, "more than 8 GiB"},
		"the largest there is":    {[]entry{index, {name: "a.pdf", claimed: 1<<64 - 1}, {name: "b.pdf", claimed: 1<<64 - 1}}, "more than 8 GiB"},
		"no rows":                 {[]entry{{name: "a.pdf", content: "x"}}, "has no documents.csv"},
		"rows that are a folder":  {[]entry{{name: "documents.csv/", mode: os.ModeDir}}, "documents.csv in the ZIP archive cannot be read"},
		"rows that are damaged":   {[]entry{{name: "documents.csv", content: "abc", claimed: 2}}, "documents.csv in the ZIP archive cannot be read"},
		"nothing wrong with them": {[]entry{index, {name: "a.pdf", content: "x"}}, ""},
	} {
		file, size := packed(t, each.entries...)
		rows, _, err := archive(file, size, CSV)
		var why unreadable
		if err != nil && !errors.As(err, &why) || !strings.Contains(fmt.Sprint(err), each.want) || (err == nil) != (each.want == "") {
			t.Errorf("%s: %v", name, err)
		}
		if rows != nil {
			_ = rows.Close()
		}
	}
}

// What an archive says of itself is not believed, and one small file that is named often is unpacked
// no more often than the whole may be.
//
// Requirement: CO-05
// Case: IO-11
func TestArchivesThatLie(t *testing.T) {
	t.Parallel()
	bomb := strings.Repeat("\x00", 30<<20)
	file, size := packed(t, entry{name: "documents.csv", content: "x"}, entry{name: "lie.pdf", content: bomb, claimed: 10}, entry{name: "bomb.pdf", content: bomb},
		entry{name: "link.pdf", content: "/etc/passwd", mode: os.ModeSymlink}, entry{name: "../out.pdf", content: "%PDF-1.4"}, entry{name: "in/a.pdf", content: "%PDF-1.4"})
	if size > 1<<20 {
		t.Fatalf("the archive has %d bytes", size)
	}
	rows, within, err := archive(file, size, CSV)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	w := &writer{Importer: (&Importer{}).WithFiles(within, nil)}
	for path, want := range map[string]string{
		"lie.pdf": "cannot be read", "bomb.pdf": "larger than 20 MiB", "link.pdf": "symbolic link", "../out.pdf": "does not lie in the folder", "in/../../out.pdf": "does not lie in the folder",
		"/etc/passwd": "does not lie in the folder", "in": "is no file", "none.pdf": "there is no file",
	} {
		var why refused
		if content, err := w.content(path); !errors.As(err, &why) || !strings.Contains(why.reason, want) {
			t.Errorf("%s: %d bytes, %v", path, len(content), err)
		}
	}
	if content, err := w.content("in/a.pdf"); err != nil || len(content) != 8 {
		t.Errorf("a good file: %q, %v", content, err)
	}
	within.left = 8*3 - 1
	for i, want := range []error{nil, nil, errTooMuch, errTooMuch} {
		if _, err := w.content("in/a.pdf"); !errors.Is(err, want) {
			t.Errorf("unpacked the %dth time: %v", i+1, err)
		}
	}
}
