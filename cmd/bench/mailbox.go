package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
)

// mailbox is a mail server that takes everything and keeps nothing: orders have receipts,
// and sending them is part of what an order costs.
type mailbox struct{}

// NewSession begins a mail.
func (mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return mailbox{}, nil }

// Mail takes any sender.
func (mailbox) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes any recipient.
func (mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data reads a mail to its end.
func (mailbox) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Reset begins anew.
func (mailbox) Reset() {}

// Logout ends a session.
func (mailbox) Logout() error { return nil }

// openMailbox gives its URL, and what closes it.
func openMailbox(ctx context.Context) (url string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("opening a mailbox: %w", err)
	}
	server := smtp.NewServer(mailbox{})
	server.Domain, server.AllowInsecureAuth = "localhost", true
	go func() { _ = server.Serve(listener) }()
	return "smtp://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// calm takes away the mails that wait, so that none is sent while single requests are
// counted.
func calm(ctx context.Context, adminURL string) error {
	connection, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("connecting to the outbox: %w", err)
	}
	_, err = connection.Exec(ctx, "DELETE FROM mails WHERE sent_at IS NULL")
	if err := errors.Join(err, connection.Close(ctx)); err != nil {
		return fmt.Errorf("emptying the outbox: %w", err)
	}
	time.Sleep(time.Second) // the one that is being sent
	return nil
}
