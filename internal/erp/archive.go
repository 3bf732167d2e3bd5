package erp

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	// maxIndex bounds the rows of an archive with documents, in bytes.
	maxIndex = 256 << 20
	// maxEntries bounds the files in an archive, and maxDirectory what lists them, in bytes: that is
	// in memory, whatever is in them.
	maxEntries   = 50_000
	maxDirectory = 32 << 20
	// maxUnpacked bounds what is unpacked of an archive, in bytes, however often its files are named.
	maxUnpacked = 8 << 30
)

// errUnpacked says that more was unpacked of an archive than its bound.
var errUnpacked = errors.New("the archive holds too much")

// folder is an archive of which no more is unpacked than a bound.
type folder struct {
	*zip.Reader
	left int64
}

// archive opens a ZIP archive with documents: their rows, and the folder that these name files in. How
// much is in it is looked at before anything is unpacked.
func archive(file *os.File, size int64, format Format) (rows *os.File, within *folder, err error) {
	index := "documents." + strings.ToLower(string(format))
	listing := &sparing{from: file, left: maxDirectory}
	files, err := zip.NewReader(listing, size)
	if errors.Is(err, errUnpacked) || err == nil && len(files.File) > maxEntries {
		return nil, nil, unreadable(fmt.Sprintf("the ZIP archive has more than %d files: send several archives", maxEntries))
	}
	if err != nil {
		return nil, nil, unreadable("documents come as a ZIP archive with " + index + " and the files that it names")
	}
	listing.left = -1
	var all uint64
	for _, each := range files.File {
		if all += min(each.UncompressedSize64, maxUnpacked+1); all > maxUnpacked {
			return nil, nil, errTooMuch
		}
	}
	within = &folder{files, maxUnpacked}
	entry, err := within.Open(index)
	if err != nil {
		return nil, nil, unreadable("the ZIP archive has no " + index + " beside the files that it names")
	}
	defer entry.Close()
	read := &reading{from: entry}
	rows, err = Spool(io.LimitReader(read, maxIndex+1))
	switch {
	case read.failed != nil: // it is a folder, or damaged
		return nil, nil, unreadable(index + " in the ZIP archive cannot be read")
	case err != nil:
		return nil, nil, err
	}
	if info, err := rows.Stat(); err != nil || info.Size() > maxIndex {
		return nil, nil, errors.Join(err, rows.Close(), unreadable(fmt.Sprintf("%s is larger than %d MiB: send several archives", index, maxIndex>>20)))
	}
	return rows, within, nil
}

// errTooMuch ends an import from an archive that unpacks to more than its bound.
var errTooMuch = unreadable(fmt.Sprintf("the ZIP archive holds more than %d GiB when it is unpacked: send several archives", maxUnpacked>>30))

// Open opens a file of the archive.
func (f *folder) Open(name string) (fs.File, error) {
	file, err := f.Reader.Open(name)
	if err != nil {
		return nil, err
	}
	return unpacked{file, f}, nil
}

// unpacked is a file of a folder.
type unpacked struct {
	fs.File
	of *folder
}

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.File.Read(p)
	if u.of.left -= int64(n); u.of.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}

// sparing reads no more than what is left; below zero: all.
type sparing struct {
	from io.ReaderAt
	left int64
}

func (s *sparing) ReadAt(p []byte, at int64) (int, error) {
	if s.left >= 0 {
		if s.left -= int64(len(p)); s.left < 0 {
			return 0, errUnpacked
		}
	}
	return s.from.ReadAt(p, at)
}

// reading remembers that reading failed, and not writing what was read.
type reading struct {
	from   io.Reader
	failed error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}
