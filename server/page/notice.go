package page

import "net/http"

type noticeView struct {
	Language string
	Text     texts
	Name     string // in the texts: NAME, NAME_lead
	Message  string
}

// Notice answers with a page that says one thing in a language, and maybe why.
func (p *Page) Notice(w http.ResponseWriter, language, name, message string, status int) {
	renderStatus(w, status, p.notice, noticeView{Language: language, Text: p.texts[language], Name: name, Message: message},
		"default-src 'none'; style-src 'self'; img-src 'self' data:")
}
