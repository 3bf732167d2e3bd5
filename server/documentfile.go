package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"kontor/authz"
	"kontor/ent"
	"kontor/graph/model"
	"kontor/internal/gid"
	"kontor/internal/lang"
)

// Document is a link to a document for the viewer of the context (CO-04).
func (f files) Document(ctx context.Context, d *ent.Document) (*model.Download, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	which, err := json.Marshal(gid.New(ent.KindDocument, d.ID))
	if err != nil {
		return nil, fmt.Errorf("writing the document into the link: %w", err)
	}
	return f.s.sealed(v, link{List: "document", Where: which, Name: harmless(d.Filename), Language: lang.FromContext(ctx)})
}

// sendDocument sends a document as it was kept, or parts of it. Whether it is open to the viewer
// is asked again; what the store does not have as it was put there is not sent at all.
func (s *Server) sendDocument(ctx context.Context, w *fileWriter, r *http.Request, l link) (err error) {
	var id gid.ID
	if err := json.Unmarshal(l.Where, &id); err != nil {
		return fmt.Errorf("reading the document of a link: %w", err)
	}
	d, err := s.rooms.Company.Document(ctx, id)
	if err != nil {
		return err
	}
	content, err := s.rooms.Company.Content(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	attach(w, d.MediaType, harmless(d.Filename))
	w.Header().Set("ETag", `"`+d.Sha256+`"`)
	http.ServeContent(w, r, "", d.CreatedAt.Truncate(time.Second), content)
	return w.err
}

// harmless is the name of a file without what browsers and file systems read as something else.
func harmless(name string) string {
	const longest = 120
	runes := []rune(strings.ToValidUTF8(name, "_"))
	for i, r := range runes {
		// Other characters are control characters, and those that turn the reading direction.
		if strings.ContainsRune(`/\:*?"<>|%;`, r) || !unicode.IsPrint(r) {
			runes[i] = '_'
		}
	}
	if len(runes) > longest { // the ending says what it is
		runes = append(runes[:longest/2:longest/2], runes[len(runes)-longest/2:]...)
	}
	if name = strings.Trim(string(runes), ". "); name == "" {
		return "_"
	}
	return name
}
