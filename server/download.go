package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/graph"
	"kontor/graph/model"
	"kontor/internal/audit"
	"kontor/internal/export"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/lang"
)

const (
	// linkLifetime is how long a link to a file works.
	linkLifetime = 5 * time.Minute
	// downloadTimeout is how long making and sending a file may take: a long one
	// takes longer than an answer of the API may.
	downloadTimeout = 10 * time.Minute
	// maxLink bounds a link, which proxies and servers refuse beyond 8 KiB.
	maxLink = 6 << 10
)

// files makes links to files for the API.
type files struct{ s *Server }

// link is what a link says: which list, how filtered, for whom, until when. It is
// sealed, so that nobody changes it and no history or proxy reads whom it names (PRIV-07), and asks
// for the same login, so that nobody else uses it.
type link struct {
	List   string          `json:"l"`
	Format export.Format   `json:"f,omitempty"`
	Where  json.RawMessage `json:"w,omitempty"`
	// Name is that of a file that has one of its own; it does not travel in the address.
	Name     string    `json:"-"`
	User     string    `json:"u"`
	Tenant   string    `json:"t"`
	Session  string    `json:"s"`
	Language string    `json:"g"`
	Expires  time.Time `json:"e"`
}

// Link is a link to a whole list for the viewer of the context (CO-02).
func (f files) Link(ctx context.Context, list string, format model.ExportFormat, where any) (*model.Download, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := json.Marshal(where)
	if err != nil {
		return nil, fmt.Errorf("writing the filter into the link: %w", err)
	}
	return f.s.sealed(v, link{List: list, Format: export.Format(format), Where: filter, Language: lang.FromContext(ctx)})
}

// sealed gives a link to a viewer.
func (s *Server) sealed(v *authz.Viewer, l link) (*model.Download, error) {
	l.User, l.Tenant, l.Session = v.User.String(), v.Tenant.String(), v.Session
	l.Expires = s.now().UTC().Add(linkLifetime)
	content, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("writing the link: %w", err)
	}
	token, err := s.sealer.Seal(linkPurpose, content)
	if err != nil {
		return nil, fmt.Errorf("sealing the link: %w", err)
	}
	if len(token) > maxLink {
		return nil, fault.Invalid("the filter is too long for a link to a file: search for a shorter text")
	}
	return &model.Download{URL: "/download/" + token, Filename: l.filename(), ExpiresAt: l.Expires}, nil
}

// linkPurpose is what links are sealed for.
const linkPurpose = "download link"

// readLink is the link behind a token, or ok is false: changed, run out or not a
// link at all. While secrets rotate, older ones count too.
func (s *Server) readLink(token string) (l link, ok bool) {
	content, err := s.sealer.Open(linkPurpose, token)
	if err != nil || json.Unmarshal(content, &l) != nil {
		return link{}, false
	}
	return l, s.now().Before(l.Expires)
}

// filename is what the file is called: by its own name, or in the user's language and with
// the day on which the link was made.
func (l link) filename() string {
	if l.Name != "" {
		return l.Name
	}
	made := l.Expires.Add(-linkLifetime)
	return lang.Text(l.Language, "FILE_"+strings.ToUpper(l.List), nil) + "-" + made.Format(time.DateOnly) + "." + strings.ToLower(string(l.Format))
}

// isFor tells whether the link was made for the viewer, in the same session.
func (l link) isFor(v *authz.Viewer) bool {
	return l.User == v.User.String() && l.Tenant == v.Tenant.String() && l.Session == v.Session
}

// download sends the file behind a link. The rights are asked again: the same
// query runs once more for the viewer.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), downloadTimeout)
	defer cancel()
	v, err := authz.FromContext(ctx)
	if err != nil {
		http.Error(w, lang.Text(lang.FromContext(ctx), graph.CodeUnauthenticated, nil), http.StatusUnauthorized)
		return
	}
	l, ok := s.readLink(r.PathValue("token"))
	if !ok || !l.isFor(v) || len(v.Pending) > 0 {
		if ok { // a link that was made for another session
			s.noteRefusedDownload(ctx, v, l)
		}
		http.NotFound(w, r)
		return
	}
	leave, entered := s.enterExport(ctx, w, v, l)
	if !entered {
		return
	}
	defer leave()
	// The server's times are those of a short request; the one for reading would end the context.
	control := http.NewResponseController(w)
	if err := errors.Join(control.SetWriteDeadline(time.Now().Add(downloadTimeout)), control.SetReadDeadline(time.Time{})); err != nil {
		s.log.WarnContext(ctx, "a long download may break off", "requestId", requestID(ctx), "error", err)
	}
	turn, err := s.gate.enter(ctx)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, lang.Text(l.Language, graph.CodeUnavailable, nil), http.StatusServiceUnavailable)
		return
	}
	turn = sync.OnceFunc(turn)
	defer turn()
	s.downloading.Add(1)
	defer s.downloading.Add(-1)
	file := &fileWriter{ResponseWriter: w, leave: turn, note: func(status int) error { return s.noteDownload(ctx, v, l, fromStart(r, status, w.Header())) }}
	if l.List == "document" {
		err = s.sendDocument(ctx, file, r, l)
	} else {
		attach(file, l.Format.MediaType(), l.filename())
		err = s.write(ctx, file, l)
	}
	if err != nil && !file.begun { // what is sent instead is no file
		for _, name := range []string{"Content-Disposition", "Content-Security-Policy", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges"} {
			w.Header().Del(name)
		}
	}
	switch {
	case err == nil:
	case file.begun:
		s.log.ErrorContext(ctx, "a download broke off", "requestId", requestID(ctx), "error", err)
		// The status is sent: breaking the connection is what tells the client.
		panic(http.ErrAbortHandler)
	case errors.Is(err, fault.ErrNotFound): // what it is about is gone, or the right to see it
		http.NotFound(w, r)
	case errors.Is(err, export.ErrTooLong):
		http.Error(w, lang.Text(l.Language, "FILE_TOO_LONG", nil), http.StatusUnprocessableEntity)
	default:
		s.log.ErrorContext(ctx, "a download failed", "requestId", requestID(ctx), "error", err)
		http.Error(w, lang.Text(l.Language, graph.CodeInternal, map[string]any{"requestId": requestID(ctx)}), http.StatusInternalServerError)
	}
}

// write writes the file behind a link: a list, or the cart or a quote as a document. A long list gives its
// place at the gate back after its first rows, also where a file is made as a whole before it is sent.
func (s *Server) write(ctx context.Context, w *fileWriter, l link) error {
	document := map[string]func(context.Context, link) (export.Document, error){"cart": s.cartDocument, "quote": s.quoteDocument, "order": s.orderDocument}[l.List]
	if document != nil && l.Format == export.PDF {
		d, err := document(ctx, l)
		if err != nil {
			return err
		}
		return export.WriteDocument(w, d)
	}
	if l.List == copyOfUser {
		return s.writeCopy(ctx, w)
	}
	table, err := s.table(ctx, l)
	if err != nil {
		return err
	}
	rows, n := table.Rows, 0
	table.Rows = func(yield func([]any, error) bool) {
		for row, err := range rows {
			if n++; n == batchRows {
				w.leave()
			}
			if !yield(row, err) {
				return
			}
		}
	}
	return export.Write(w, l.Format, table)
}

// fileWriter sends a file, from its headers on, once it is noted that it is fetched: until then an error can
// be told. Before the content goes out, which takes as long as the client likes, it leaves the gate.
type fileWriter struct {
	http.ResponseWriter
	note  func(status int) error
	leave func()
	begun bool
	err   error // why it was not noted
}

func (f *fileWriter) WriteHeader(status int) {
	if f.begun || f.err != nil {
		return
	}
	if f.err = f.note(status); f.err != nil {
		return
	}
	f.begun = true
	f.leave()
	f.ResponseWriter.WriteHeader(status)
}

func (f *fileWriter) Write(content []byte) (int, error) {
	f.WriteHeader(http.StatusOK)
	if f.err != nil {
		return 0, f.err
	}
	return f.ResponseWriter.Write(content)
}

// fromStart tells whether an answer has the content of a file from its beginning. Several ranges in one answer
// are taken for that, too.
func fromStart(r *http.Request, status int, answer http.Header) bool {
	if r.Method == http.MethodHead {
		return false
	}
	part := answer.Get("Content-Range")
	return status == http.StatusOK || status == http.StatusPartialContent && (part == "" || strings.HasPrefix(part, "bytes 0-"))
}

// noteDownload notes in the audit log of the company that the viewer works for that a file is
// fetched (PRIV-03): once each time that it is sent from its beginning. Further parts of it, and questions
// whether it has changed, belong to that: alone they are noted once an hour. What cannot be noted is not sent.
// The filter is not in it: it may name people.
func (s *Server) noteDownload(ctx context.Context, v *authz.Viewer, l link, whole bool) error {
	c := downloadOf(v, l)
	key := []string{c.Action, l.Tenant, l.User, l.Session, l.List, string(l.Format), string(l.Where)}
	if err := s.rooms.Identity.NoteOnceAnHour(ctx, key, whole, c); err != nil {
		return fmt.Errorf("noting a download: %w", err)
	}
	return nil
}

// noteRefusedDownload notes that somebody came with the link of another, or of an earlier session. What it
// leads to at another company is not told to this one.
func (s *Server) noteRefusedDownload(ctx context.Context, v *authz.Viewer, l link) {
	if l.Tenant != v.Tenant.String() {
		l.Where = nil
	}
	c := downloadOf(v, l)
	c.Refused = true
	s.rooms.Identity.NoteOnceAMinute(ctx, "noting a refused download", []string{c.Action, v.User.String()}, c)
}

func downloadOf(v *authz.Viewer, l link) audit.Change {
	c := audit.Change{Tenant: v.Tenant, Action: "data.download", Kind: "File", Label: l.List, Security: true}
	var id gid.ID
	if json.Unmarshal(l.Where, &id) == nil { // what it is about, where that is one thing
		if kind, key, ok := id.Split(); ok {
			c.Subject = key
			if kind == ent.KindDocument {
				c.Kind = "Document"
			}
		}
	}
	if l.Format != "" {
		c.After = map[string]any{"format": l.Format}
	}
	return c
}

// attach says that what follows is a file to save, and nothing to show within the portal.
func attach(w http.ResponseWriter, mediaType, filename string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": filename}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
}
