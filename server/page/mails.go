package page

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Mail is a mail that was "sent" in demo mode: kept instead of delivered.
type Mail struct {
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"` // empty where the mail is plain text only
	At      time.Time `json:"at"`
}

// mailsView is what the template of the mails page is filled with.
type mailsView struct {
	Language string
	Text     texts
	To       string
	Mails    []mailView
}

// mailView is a mail as the page shows it.
type mailView struct {
	Mail
	Frame string // its HTML as a page of its own; the template escapes it
	When  string
}

// openLinksInTabs keeps a mail's frame from becoming another page.
const openLinksInTabs = `<base target="_blank">`

// Mails shows the mails that were sent, newest first: as a page, or as JSON with
// `Accept: application/json`. With ?to=ADDRESS it shows those to one address: list
// gets the address, empty for all. What list fails with is list's to log.
func (p *Page) Mails(list func(ctx context.Context, to string) ([]Mail, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := strings.TrimSpace(r.URL.Query().Get("to"))
		mails, err := list(r.Context(), to)
		if err != nil {
			http.Error(w, "the mails could not be read", http.StatusInternalServerError)
			return
		}
		mails = slices.Clone(mails)
		slices.SortStableFunc(mails, func(a, b Mail) int { return b.At.Compare(a.At) })
		w.Header().Add("Vary", "Accept")
		if wantsJSON(r.Header.Get("Accept")) {
			writeJSON(w, mails)
			return
		}
		l := language(r)
		view := mailsView{Language: l, Text: p.texts[l], To: to}
		for _, m := range mails {
			view.Mails = append(view.Mails, mailView{Mail: m, Frame: openLinksInTabs + m.HTML, When: when(m.At, l)})
		}
		// The mails inherit this policy: they may carry styles and pictures of
		// their own, and neither run a script nor load anything from outside.
		render(w, p.mails, view, "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:")
	})
}

// wantsJSON tells whether an Accept header names JSON and not also HTML, as
// browsers do.
func wantsJSON(accept string) bool {
	var asksJSON, asksHTML bool
	for part := range strings.SplitSeq(accept, ",") {
		media, _, err := mime.ParseMediaType(part)
		asksJSON = asksJSON || err == nil && media == "application/json"
		asksHTML = asksHTML || err == nil && media == "text/html"
	}
	return asksJSON && !asksHTML
}

func writeJSON(w http.ResponseWriter, mails []Mail) {
	if mails == nil {
		mails = []Mail{}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(mails)
}

func when(at time.Time, l string) string {
	layout := "2 Jan 2006, 15:04 UTC"
	if l == "de" {
		layout = "02.01.2006, 15:04 UTC"
	}
	return at.UTC().Format(layout)
}
