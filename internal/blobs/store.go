// Package blobs is where contents of documents are kept: in a folder or in an S3 bucket,
// named by what is in them (CO-04).
package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// MaxSize bounds a content, in bytes (20 MiB).
const MaxSize = 20 << 20

var (
	// ErrGone says that a content that was kept is not there.
	ErrGone = errors.New("the content is gone")
	// ErrChanged says that a content is not what was kept.
	ErrChanged = errors.New("the content has changed")
)

// Store keeps contents.
type Store struct {
	bucket *blob.Bucket
	folder *os.Root // what bucket is in; nil where it is elsewhere
	put    *[]string
	found  bool // are those that were there noted, too
}

// Noting is the store, which notes the keys of contents that Put writes because they were not there; found:
// also of those that were.
func (s *Store) Noting(keys *[]string, found bool) *Store {
	return &Store{s.bucket, s.folder, keys, found}
}

// Kept is what is to be remembered of a content: where it is, and what it was.
type Kept struct {
	Key    string
	SHA256 string // in hexadecimal
	Size   int64  // in bytes
}

// Open opens the store at a file:// or s3:// URL. What follows file:// is the path of a
// folder, also a relative one; a missing folder is made.
func Open(ctx context.Context, url string) (*Store, error) {
	if folder, ok := strings.CutPrefix(url, "file://"); ok {
		bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
		if err != nil {
			return nil, fmt.Errorf("opening the folder of documents %q: %w", folder, err)
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the folder of documents: %w", err), bucket.Close())
		}
		return &Store{bucket: bucket, folder: root}, nil
	}
	bucket, err := openBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket of documents: %w", err)
	}
	return &Store{bucket: bucket}, nil
}

// Close gives back what Open opened.
func (s *Store) Close() error {
	if s.folder != nil {
		return errors.Join(s.bucket.Close(), s.folder.Close())
	}
	return s.bucket.Close()
}

// Name is how a content of a tenant is kept.
func Name(tenant uuid.UUID, content []byte) Kept {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	return Kept{Key: tenant.String() + "/" + hash, SHA256: hash, Size: int64(len(content))}
}

// Put keeps a content for a tenant. The same content twice is kept once, and never shared
// with another tenant.
func (s *Store) Put(ctx context.Context, tenant uuid.UUID, content []byte) (Kept, error) {
	if len(content) == 0 || len(content) > MaxSize {
		return Kept{}, fmt.Errorf("a content has 1 to %d bytes, not %d", MaxSize, len(content))
	}
	k := Name(tenant, content)
	if s.check(ctx, k) == nil {
		if s.put != nil && s.found {
			*s.put = append(*s.put, k.Key)
		}
		return k, nil
	}
	// Written beside and renamed: a content is there as a whole or not at all.
	if err := s.bucket.WriteAll(ctx, k.Key, content, &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
		return Kept{}, fmt.Errorf("keeping a content: %w", err)
	}
	if s.put != nil {
		*s.put = append(*s.put, k.Key)
	}
	return k, nil
}

// stashes is the folder of what was stashed.
const stashes = "imports/"

// Stash keeps what somebody will fetch and Drop, under a name of its own and of any size: it is read
// once and never held in memory.
func (s *Store) Stash(ctx context.Context, name string, from io.Reader) (_ Kept, err error) {
	key := stashes + name
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what is not complete is not written
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return Kept{}, fmt.Errorf("keeping a content: %w", err)
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, sum), from)
	if err != nil {
		cancel()
		_ = w.Close() // says that it was given up
		return Kept{}, fmt.Errorf("keeping a content: %w", err)
	}
	if err := w.Close(); err != nil {
		return Kept{}, fmt.Errorf("keeping a content: %w", err)
	}
	return Kept{Key: key, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}, nil
}

// Drop forgets what was stashed. It is no error where it is gone already.
func (s *Store) Drop(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("dropping a content: %w", err)
	}
	return nil
}

// Stashed are the keys of what was stashed before a moment, and not dropped.
func (s *Store) Stashed(ctx context.Context, before time.Time) ([]string, error) {
	var old []string
	for there := s.bucket.List(&blob.ListOptions{Prefix: stashes}); ; {
		object, err := there.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return old, nil
		case err != nil:
			return nil, fmt.Errorf("listing contents: %w", err)
		case object.ModTime.Before(before):
			old = append(old, object.Key)
		}
	}
}

// Open gives a content that was kept, from its beginning: ErrGone where it is not there,
// ErrChanged where it is another one.
func (s *Store) Open(ctx context.Context, k Kept) (io.ReadSeekCloser, error) {
	if err := s.check(ctx, k); err != nil {
		return nil, err
	}
	return s.reader(ctx, k.Key)
}

// check reads a whole content: only its end tells that it is what was kept.
func (s *Store) check(ctx context.Context, k Kept) (err error) {
	r, err := s.reader(ctx, k.Key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if r.Size() != k.Size {
		return fmt.Errorf("%w: %s has %d bytes instead of %d", ErrChanged, k.Key, r.Size(), k.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fmt.Errorf("reading the content %s: %w", k.Key, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != k.SHA256 {
		return fmt.Errorf("%w: %s has the hash %s", ErrChanged, k.Key, got)
	}
	return nil
}

// content is one that is read, from its beginning.
type content interface {
	io.ReadSeekCloser
	Size() int64
}

// reader opens a content. In a folder nothing leads out of it, whatever somebody has put there: no link and no
// way up (IO-06).
func (s *Store) reader(ctx context.Context, key string) (content, error) {
	if s.folder != nil {
		return s.file(key)
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%w: %s", ErrGone, key)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the content %s: %w", key, err)
	}
	return r, nil
}

// file is a content in the folder.
type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }

func (s *Store) file(key string) (content, error) {
	opened, err := s.folder.Open(key)
	if err != nil {
		// What is no error of the system leads out of the folder.
		if system := syscall.Errno(0); errors.Is(err, fs.ErrNotExist) || !errors.As(err, &system) {
			return nil, fmt.Errorf("%w: %w", ErrGone, err)
		}
		return nil, fmt.Errorf("opening the content %s: %w", key, err)
	}
	about, err := opened.Stat()
	if err == nil && !about.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is no file", ErrGone, key)
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return file{opened, about.Size()}, nil
}

// DropAll forgets all that was kept for a tenant, and tells how many contents that were.
func (s *Store) DropAll(ctx context.Context, tenant uuid.UUID) (n int, err error) {
	for all := s.bucket.List(&blob.ListOptions{Prefix: tenant.String() + "/"}); ; n++ {
		object, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("listing the contents of a tenant: %w", err)
		}
		if err := s.Drop(ctx, object.Key); err != nil {
			return n, err
		}
	}
}
