package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"kontor/authz"
	"kontor/graph/model"
	"kontor/internal/export"
	"kontor/internal/lang"
)

// linkLifetime is how long a link to a file works.
const linkLifetime = 5 * time.Minute

// files makes links to files for the API.
type files struct{ s *Server }

// link is what a link says: which list, how filtered, for whom, until when. It is
// signed, so that nobody changes it, and asks for the same login, so that nobody
// else uses it.
type link struct {
	List     string          `json:"l"`
	Format   export.Format   `json:"f"`
	Where    json.RawMessage `json:"w,omitempty"`
	User     string          `json:"u"`
	Session  string          `json:"s"`
	Language string          `json:"g"`
	Expires  time.Time       `json:"e"`
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
	now := f.s.now().UTC()
	l := link{
		List: list, Format: export.Format(format), Where: filter, User: v.User.String(), Session: v.Session,
		Language: lang.FromContext(ctx), Expires: now.Add(linkLifetime),
	}
	content, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("writing the link: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(content)
	return &model.Download{
		URL: "/download/" + token + "." + sign(f.s.secrets[0], token), Filename: l.filename(now), ExpiresAt: l.Expires,
	}, nil
}

func sign(secret, token string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("download:" + token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// readLink is the link behind a token, or ok is false: changed, run out or not a
// link at all. While secrets rotate, older ones count too.
func (s *Server) readLink(text string) (l link, ok bool) {
	token, signature, found := strings.Cut(text, ".")
	if !found {
		return l, false
	}
	signed := false
	for _, secret := range s.secrets {
		signed = hmac.Equal([]byte(signature), []byte(sign(secret, token))) || signed
	}
	content, err := base64.RawURLEncoding.DecodeString(token)
	if !signed || err != nil || json.Unmarshal(content, &l) != nil {
		return l, false
	}
	return l, s.now().Before(l.Expires)
}

// filename is what the file is called, in the user's language.
func (l link) filename(now time.Time) string {
	return lang.Text(l.Language, "FILE_"+strings.ToUpper(l.List), nil) + "-" + now.Format(time.DateOnly) + "." + strings.ToLower(string(l.Format))
}

// download sends the file behind a link. The rights are asked again: the same
// query runs once more for the viewer.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	v, err := authz.FromContext(r.Context())
	if err != nil {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	l, ok := s.readLink(r.PathValue("token"))
	if !ok || l.User != v.User.String() || l.Session != v.Session || v.MustChangePassword {
		http.NotFound(w, r)
		return
	}
	table, err := s.table(r.Context(), l)
	if err != nil {
		s.log.ErrorContext(r.Context(), "a download failed", "requestId", requestID(r.Context()), "error", err)
		http.Error(w, "internal error, request "+requestID(r.Context()), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", l.Format.MediaType())
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": l.filename(s.now().UTC())}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	// A long file takes longer than an answer of the API may.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
	if err := export.Write(w, l.Format, table); err != nil {
		s.log.ErrorContext(r.Context(), "a download broke off", "requestId", requestID(r.Context()), "error", err)
		// The status is sent: breaking the connection is what tells the client.
		panic(http.ErrAbortHandler)
	}
}
