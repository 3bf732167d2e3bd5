package server

import (
	"context"
	"fmt"
	"net/url"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent/mail"
	"kontor/server/page"
)

// shownMails is how many mails the page shows.
const shownMails = 200

// mails are the mails so far, the newest first, for the page of the demonstration.
func (s *Server) mails(ctx context.Context, to string) ([]page.Mail, error) {
	q := s.db.Client.Mail.Query().Order(mail.ByID(sql.OrderDesc())).Limit(shownMails)
	if to != "" {
		q.Where(mail.RecipientEqualFold(to))
	}
	all, err := q.All(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading mails: %w", err)
	}
	shown := make([]page.Mail, len(all))
	for i, m := range all {
		text, html, err := s.outbox.Read(m)
		if err != nil {
			return nil, err
		}
		shown[i] = page.Mail{To: m.Recipient, Subject: m.Subject, Text: text, HTML: html, At: m.CreatedAt.UTC()}
	}
	return shown, nil
}

// from is the address that mails come from: at the portal's own host.
func (s *Server) from() string {
	base, err := url.Parse(s.config.BaseURL)
	if err != nil {
		return "kontor@localhost"
	}
	return "kontor@" + base.Hostname()
}
