package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"kontor/authz"
	"kontor/ent"
	entmail "kontor/ent/mail"
	"kontor/internal/db"
	"kontor/internal/dial"
	"kontor/internal/rounds"
)

// Sender sends what is in the outbox by SMTP. A mail that does not go out is tried
// again, at growing distances; each goes out at least once, unless the mail server
// refuses it for good.
type Sender struct {
	db     *db.DB
	log    *slog.Logger
	now    func() time.Time
	url    *url.URL
	from   string
	outbox *Outbox
}

// NewSender sends by smtp://user:password@host:port or smtps://…; from is the
// sender's address.
func NewSender(d *db.DB, outbox *Outbox, log *slog.Logger, now func() time.Time, smtpURL, from string) (*Sender, error) {
	parsed, err := url.Parse(smtpURL)
	if err != nil || parsed.Hostname() == "" {
		return nil, errors.New("KONTOR_SMTP_URL is no URL of a mail server: write it like smtp://user:password@host:587")
	}
	return &Sender{db: d, log: log, now: now, url: parsed, from: from, outbox: outbox}, nil
}

const (
	pollEvery = 5 * time.Second
	batch     = 20
	// lease keeps other replicas off a mail while one sends it.
	lease = 2 * time.Minute
	// longestPause is the distance of attempts at the end.
	longestPause = time.Hour
	// A mail that the server refuses will hardly be taken soon: attempts are far apart,
	// and the last is the fifth.
	refusedPause = 24 * time.Hour
	patience     = 4 * refusedPause
)

// Never is when a mail is due that was given up. Who moves it to an earlier time
// has it sent again.
var Never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Run sends until the context ends.
func (s *Sender) Run(ctx context.Context) {
	rounds.Keep(ctx, pollEvery, s.outbox.waiting, s.log, "mails are waiting", s.Flush)
}

// Flush tries every mail that is due. Its error tells how many did not go out, and what was
// wrong with the first: where the mail server is away, all have the same.
func (s *Sender) Flush(ctx context.Context) error {
	ctx = authz.System(ctx)
	var first error
	failed := 0
	for {
		due, err := s.db.Client.Mail.Query().Where(entmail.SentAtIsNil(), entmail.NextAttemptAtLTE(s.now().UTC())).
			Order(entmail.ByNextAttemptAt()).Limit(batch).All(ctx)
		if err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		for _, m := range due {
			mine, err := s.take(ctx, m)
			if err != nil {
				return err
			}
			if !mine {
				continue
			}
			if err := s.deliver(ctx, m); err != nil {
				first, failed = cmp.Or(first, err), failed+1
			}
		}
		if len(due) < batch && failed > 0 {
			return fmt.Errorf("%d mails did not go out: %w", failed, first)
		}
		if len(due) < batch {
			return nil
		}
	}
}

// take reserves a mail for this replica.
func (s *Sender) take(ctx context.Context, m *ent.Mail) (bool, error) {
	n, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (int, error) {
		return tx.Mail.Update().Where(entmail.ID(m.ID), entmail.SentAtIsNil(), entmail.Attempts(m.Attempts)).
			AddAttempts(1).SetNextAttemptAt(s.now().UTC().Add(lease)).Save(ctx)
	})
	if err != nil {
		return false, fmt.Errorf("taking a mail from the outbox: %w", err)
	}
	return n == 1, nil
}

func (s *Sender) deliver(ctx context.Context, m *ent.Mail) error {
	failure := s.send(ctx, m)
	now := s.now().UTC()
	again := next(m, failure, now)
	// A mail that went out is noted as such even where the process is about to end.
	_, err := db.InTx(context.WithoutCancel(ctx), s.db, func(tx *ent.Tx) (struct{}, error) {
		update := tx.Mail.UpdateOneID(m.ID)
		if failure == nil {
			update.SetSentAt(now).SetLastError("").SetText("").SetHTML("")
		} else {
			update.SetNextAttemptAt(again).SetLastError(failure.Error())
		}
		return struct{}{}, update.Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("noting how a mail went: %w", err)
	}
	if failure != nil && again.Equal(Never) {
		s.log.ErrorContext(ctx, "gave up a mail that the mail server refuses", "mail", m.ID, "error", failure)
	}
	return failure
}

// next is when a mail that did not go out is tried again. How long it was refused
// follows from its age: the row needs no count of its own.
func next(m *ent.Mail, failure error, now time.Time) time.Time {
	switch {
	case !errors.Is(failure, errRefused):
		return now.Add(min(time.Minute<<min(m.Attempts, 10), longestPause))
	case now.Sub(m.CreatedAt) < patience:
		return now.Add(refusedPause)
	default:
		return Never
	}
}

// errRefused is a failure that another attempt will hardly change.
var errRefused = errors.New("the mail is refused")

func (s *Sender) send(ctx context.Context, m *ent.Mail) error {
	text, html, err := s.outbox.Read(m)
	if err != nil {
		return err
	}
	message := gomail.NewMsg()
	if err := message.From(s.from); err != nil {
		return fmt.Errorf("the sender's address: %w", err)
	}
	if err := message.To(m.Recipient); err != nil {
		return fmt.Errorf("%w: its recipient is no address", errRefused)
	}
	message.Subject(m.Subject)
	message.SetDateWithValue(m.CreatedAt)
	// The same ID at every attempt: a mail that goes out twice is recognised.
	message.SetMessageIDWithValue(m.ID.String() + "@" + s.url.Hostname())
	// No out-of-office reply answers a mail that nobody wrote (RFC 3834).
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(gomail.TypeTextPlain, text)
	message.AddAlternativeString(gomail.TypeTextHTML, html)
	client, err := s.client()
	if err != nil {
		return err
	}
	// Once the server has taken it, a goodbye that fails must not send it again.
	if err := client.DialAndSendWithContext(ctx, message); err != nil && !message.IsDelivered() {
		return described(err)
	}
	return nil
}

// described is what is kept and logged of a failure. A reply of the server is told by
// its codes only: its words may quote the mail, and with it a secret.
func described(err error) error {
	var reply *gomail.SendError
	if !errors.As(err, &reply) || reply.ErrorCode() == 0 {
		return fmt.Errorf("sending a mail: %w", err)
	}
	codes := strings.TrimSpace(fmt.Sprint(reply.ErrorCode(), " ", reply.EnhancedStatusCode()))
	answer := fmt.Errorf("%s: the mail server answered %s", reply.Reason, codes)
	// A sender that is refused is a wrong setting, and no fault of this mail.
	if reply.ErrorCode() >= 500 && reply.Reason != gomail.ErrSMTPMailFrom {
		return fmt.Errorf("%w: %w", errRefused, answer)
	}
	return answer
}

func (s *Sender) client() (*gomail.Client, error) {
	options := []gomail.Option{gomail.WithTimeout(30 * time.Second), gomail.WithDialContextFunc(dial.Outside().DialContext)}
	if s.url.Scheme == "smtps" {
		encrypted := &tls.Dialer{NetDialer: dial.Outside(), Config: &tls.Config{ServerName: s.url.Hostname(), MinVersion: tls.VersionTLS12}}
		options = append(options, gomail.WithSSL(), gomail.WithDialContextFunc(encrypted.DialContext))
	} else if s.loopback() {
		// A mail server on the same machine is not reached through a network.
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	} else {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if port := s.url.Port(); port != "" {
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("the port of the mail server: %w", err)
		}
		options = append(options, gomail.WithPort(number))
	}
	if user := s.url.User; user != nil {
		secret, _ := user.Password()
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user.Username()), gomail.WithPassword(secret))
	}
	client, err := gomail.NewClient(s.url.Hostname(), options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to send mails: %w", err)
	}
	return client, nil
}

func (s *Sender) loopback() bool {
	host := s.url.Hostname()
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}
