package page

import (
	"maps"
	"net/http"
	"slices"
)

// form is the page behind a link in a mail. A portal has its own; the demonstration
// has no portal, so that its links lead here.
type form struct {
	Name   string // in the texts: NAME, NAME_lead, NAME_done
	Query  string
	Fields []field
}

// field is one line of a form; its name is that of the input field.
type field struct{ Name, Type, Autocomplete string }

var newPassword = field{"password", "password", "new-password"}

// forms by their paths, which are those of the links in mails.
var forms = map[string]form{
	"/invitation": {"form_invitation", `mutation ($input: AcceptInvitationInput!) { done: acceptInvitation(input: $input) { username errors { message } } }`,
		[]field{{"phone", "tel", "tel"}, newPassword}},
	"/activate": {"form_activate", `mutation ($input: ActivateAccountInput!) { done: activateAccount(input: $input) { username errors { message } } }`,
		[]field{{"email", "email", "email"}, {"activationCode", "text", "one-time-code"}, {"username", "text", "username"}, newPassword}},
	"/reset-password": {"form_reset", `mutation ($input: ResetPasswordInput!) { done: resetPassword(input: $input) { errors { message } } }`,
		[]field{{"newPassword", "password", "new-password"}}},
	"/confirm-email": {"form_email", `mutation ($input: ConfirmEmailInput!) { done: confirmEmail(input: $input) { errors { message } } }`, nil},
}

// FormPaths are the pages that links in mails lead to.
func FormPaths() []string { return slices.Collect(maps.Keys(forms)) }

type formView struct {
	Language string
	Text     texts
	Form     form
}

// Form is the page behind a link in a mail. The token stays in the browser: its script
// takes it from the address and sends it with the form.
func (p *Page) Form(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := language(r)
		render(w, p.form, formView{Language: l, Text: p.texts[l], Form: forms[path]},
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'")
	})
}
