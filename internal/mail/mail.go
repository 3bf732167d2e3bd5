// Package mail is the room of mails: written in German and English, put into the
// outbox in the transaction of what they are about, and sent from there.
package mail

import (
	"context"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"

	"kontor/ent"
)

//go:embed templates
var files embed.FS

// Template is a mail that Kontor sends; its files are templates/NAME.LANGUAGE.txt,
// whose first line is the subject, and templates/NAME.LANGUAGE.html.
type Template string

// PasswordChanged tells a user that its password was changed, in case it was not
// the user who did it.
const PasswordChanged Template = "password_changed"

// Content is what the templates say.
type Content struct {
	User   *ent.User
	Tenant *ent.Tenant
	At     time.Time
}

// Put writes a mail to a user, in the user's language, into the outbox of the
// transaction.
func Put(ctx context.Context, tx *ent.Tx, which Template, c Content) error {
	name := string(which) + "." + string(c.User.Language)
	subject, text, err := plain(name, c)
	if err != nil {
		return fmt.Errorf("writing the mail %s: %w", name, err)
	}
	html, err := htmltemplate.ParseFS(files, "templates/"+name+".html")
	if err != nil {
		return fmt.Errorf("reading the mail %s: %w", name, err)
	}
	var body strings.Builder
	if err := html.Execute(&body, c); err != nil {
		return fmt.Errorf("writing the mail %s: %w", name, err)
	}
	err = tx.Mail.Create().SetTenantID(c.Tenant.ID).SetRecipient(c.User.Email).SetSubject(subject).SetText(text).
		SetHTML(body.String()).SetCreatedAt(c.At.UTC()).SetNextAttemptAt(c.At.UTC()).Exec(ctx)
	if err != nil {
		return fmt.Errorf("putting the mail %s into the outbox: %w", name, err)
	}
	return nil
}

func plain(name string, c Content) (subject, text string, err error) {
	template, err := texttemplate.ParseFS(files, "templates/"+name+".txt")
	if err != nil {
		return "", "", err
	}
	var all strings.Builder
	if err := template.Execute(&all, c); err != nil {
		return "", "", err
	}
	subject, text, _ = strings.Cut(all.String(), "\n")
	// A name with a line break in it must not become a header of its own.
	return strings.Join(strings.Fields(subject), " "), strings.TrimSpace(text) + "\n", nil
}
