package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// staticFiles are the page's own style and script.
//
//go:embed static
var staticFiles embed.FS

// assetFiles are what `make web` fetched from npm; without it, nothing.
//
//go:embed all:assets
var assetFiles embed.FS

// asset is a file that pages load. Its hash is part of its address, so that
// browsers keep it for good and still see every change.
type asset struct {
	plain, gzipped []byte // gzipped is nil where there is no compressed copy
	hash           string
}

// graphiqlFiles must all be there for GraphiQL to run.
var graphiqlFiles = []string{"react.production.min.js", "react-dom.production.min.js", "graphiql.min.js", "graphiql.min.css"}

func loadAssets() (map[string]asset, error) {
	all := map[string]asset{}
	for _, tree := range []embed.FS{staticFiles, assetFiles} {
		err := fs.WalkDir(tree, ".", func(file string, entry fs.DirEntry, err error) error {
			name := path.Base(file)
			if err != nil || entry.IsDir() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".gz") {
				return err
			}
			content, err := tree.ReadFile(file)
			if err != nil {
				return fmt.Errorf("reading %s: %w", file, err)
			}
			gzipped, err := tree.ReadFile(file + ".gz")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("reading %s.gz: %w", file, err)
			}
			sum := sha256.Sum256(content)
			all[name] = asset{plain: content, gzipped: gzipped, hash: hex.EncodeToString(sum[:8])}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("loading the page's files: %w", err)
		}
	}
	return all, nil
}

// built tells whether GraphiQL's files are in this binary.
func (p *Page) built() bool {
	for _, name := range graphiqlFiles {
		if _, there := p.assets[name]; !there {
			return false
		}
	}
	return true
}

// assetURL is the address of a file, for templates.
func (p *Page) assetURL(name string) (string, error) {
	a, known := p.assets[name]
	if !known {
		return "", fmt.Errorf("the page has no file %q", name)
	}
	return "/assets/" + name + "?v=" + a.hash, nil
}

// Assets serves the files below /assets/. An address with the file's hash can be
// kept for good; without it the browser asks whether the file is still the same.
func (p *Page) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/assets/")
		a, known := p.assets[name]
		if !known {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == a.hash {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		content, tag := a.plain, a.hash
		if a.gzipped != nil {
			h.Add("Vary", "Accept-Encoding")
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				content, tag = a.gzipped, tag+"-gzip"
			}
		}
		h.Set("ETag", `"`+tag+`"`)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
