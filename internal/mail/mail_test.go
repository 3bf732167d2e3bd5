package mail_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/db"
	"kontor/internal/mail"
	"kontor/internal/seal"
)

// postbox is a real SMTP server that keeps what it is given.
type postbox struct {
	mu           sync.Mutex
	refusing     error // what it answers to a mail
	refusingFrom error // what it answers to the sender's address
	got          []string
	to           []string
	// hangUpBefore and hangUpAfter end the connection around the reply to the next
	// mail, which it has kept.
	hangUpBefore, hangUpAfter bool
}

func (p *postbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &delivery{box: p, conn: c.Conn()}, nil
}

type delivery struct {
	box  *postbox
	conn net.Conn
	to   []string
}

func (d *delivery) Mail(string, *smtp.MailOptions) error {
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	return d.box.refusingFrom
}
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}
func (d *delivery) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	if d.box.refusing != nil {
		return d.box.refusing
	}
	d.box.got, d.box.to = append(d.box.got, string(content)), append(d.box.to, d.to...)
	if d.box.hangUpBefore {
		d.box.hangUpBefore = false
		return d.conn.Close()
	}
	return nil
}
func (d *delivery) Reset() {
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	if d.box.hangUpAfter && len(d.box.got) > 0 {
		_ = d.conn.Close()
	}
}
func (d *delivery) Logout() error { return nil }

func (p *postbox) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = err
}

func (p *postbox) refuseSender(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusingFrom = err
}

// count is how many mails arrived.
func (p *postbox) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

func open(t *testing.T, p *postbox) (string, func()) {
	t.Helper()
	return openAt(t, p, "127.0.0.1")
}

func openAt(t *testing.T, p *postbox, host string) (string, func()) {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(p)
	server.Domain, server.AllowInsecureAuth = "localhost", true
	go func() { _ = server.Serve(listener) }()
	return "smtp://" + listener.Addr().String(), func() { _ = server.Close() }
}

type office struct {
	ctx  context.Context
	db   *db.DB
	user *ent.User
	of   *ent.Tenant
	now  time.Time
	log  *slog.Logger

	outbox *mail.Outbox
}

func newOffice(t *testing.T, firstName string) *office {
	t.Helper()
	o := &office{
		ctx: authz.System(t.Context()), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		log: slog.New(slog.DiscardHandler),
	}
	sealer, err := seal.New([]string{"a secret of the tests, long enough"})
	if err != nil {
		t.Fatal(err)
	}
	o.outbox = mail.NewOutbox(sealer)
	if o.db, err = db.Open(o.ctx, "sqlite://"+filepath.Join(t.TempDir(), "kontor.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.db.Close() })
	if _, err := db.Migrate(o.ctx, o.db); err != nil {
		t.Fatal(err)
	}
	id := uuid.Must(uuid.NewV7())
	o.of = o.db.Client.Tenant.Create().SetID(id).SetPath(id.String() + "/").SetKind("OPERATOR").SetOrganizationID("OP").SetName("Gießerei Brandt").
		SetEmailDomain("op.example").SetContactName("Sabine Kurz").SetCreatedAt(o.now).SaveX(o.ctx)
	o.user = o.db.Client.User.Create().SetTenantID(id).SetUsername("mia.gross").SetUsernameKey("mia.gross").SetEmail("mia@op.example").SetEmailKey("mia@op.example").
		SetFirstName(firstName).SetLastName("Groß").SetSessionsValidAfter(o.now).SetCreatedAt(o.now).SaveX(o.ctx)
	return o
}

func (o *office) write(t *testing.T, fail error) {
	t.Helper()
	_, err := db.InTx(o.ctx, o.db, func(tx *ent.Tx) (struct{}, error) {
		if err := o.outbox.Put(o.ctx, tx, mail.PasswordChanged, mail.Content{User: o.user, Tenant: o.of, At: o.now}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, fail
	})
	if !errors.Is(err, fail) {
		t.Fatal(err)
	}
}

func (o *office) sender(t *testing.T, url string) *mail.Sender {
	t.Helper()
	s, err := mail.NewSender(o.db, o.outbox, o.log, func() time.Time { return o.now }, url, "kontor@portal.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A rollback sends nothing, a server that refuses delays and never loses, and a
// mail that went out does not go again.
//
// Requirement: ID-20
// Case: FLT-08
func TestMailsGoOutOnceAndAreNeverLost(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{}
	url, stop := open(t, box)
	defer stop()
	s := o.sender(t, url)
	o.write(t, errors.New("rolled back"))
	o.write(t, nil)
	box.refuse(&smtp.SMTPError{Code: 451, Message: "later"})
	if err := s.Flush(o.ctx); err == nil {
		t.Error("nobody is told that the server refuses")
	}
	if err := s.Flush(o.ctx); err != nil {
		t.Errorf("tried again at once: %v", err)
	}
	box.refuse(nil)
	o.now = o.now.Add(2 * time.Minute)
	for range 3 {
		if err := s.Flush(o.ctx); err != nil {
			t.Fatal(err)
		}
		o.now = o.now.Add(time.Hour)
	}
	if len(box.got) != 1 || box.to[0] != "mia@op.example" {
		t.Fatalf("%d mails to %v", len(box.got), box.to)
	}
	for _, want := range []string{"multipart/alternative", "text/html", "Message-ID: <", "Auto-Submitted: auto-generated"} {
		if !strings.Contains(box.got[0], want) {
			t.Errorf("the mail has no %q:\n%s", want, box.got[0])
		}
	}
}

// Case: IO-04
// Case: IO-05
func TestNamesCannotWriteHeadersOrMarkup(t *testing.T) {
	o, box := newOffice(t, "Mia\r\nBcc: evil@example.com\r\n<script>alert(1)</script>"), &postbox{}
	o.of = o.of.Update().SetName("Brandt\r\nBcc: evil@example.com").SaveX(o.ctx)
	url, stop := open(t, box)
	defer stop()
	o.write(t, nil)
	if err := o.sender(t, url).Flush(o.ctx); err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(box.got[0], "\r\n\r\n")
	if len(box.to) != 1 || strings.Contains(header, "\r\nBcc:") {
		t.Errorf("a name wrote a header or a recipient: %v\n%s", box.to, header)
	}
	if html := o.db.Client.Mail.Query().OnlyX(o.ctx).HTML; strings.Contains(html, "<script>") {
		t.Errorf("a name wrote markup: %s", html)
	}
}
