package mail_test

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"kontor/ent"
	"kontor/internal/db"
	"kontor/internal/dial"
	"kontor/internal/mail"
)

// secret is a code that no log may tell.
const secret = "4711-0815"

func (o *office) writeSecret(t *testing.T) *ent.Mail {
	t.Helper()
	_, err := db.InTx(o.ctx, o.db, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, o.outbox.Put(o.ctx, tx, mail.ActivationCode, mail.Content{
			Tenant: o.of, At: o.now, To: "new@op.example", Code: secret,
			Link: "https://portal.example.com/activate?address=new@op.example", Until: o.now.Add(time.Hour),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return o.mail()
}

// mail is the only mail in the outbox, as it is now.
func (o *office) mail() *ent.Mail { return o.db.Client.Mail.Query().OnlyX(o.ctx) }

// A mail that the server refuses for good is tried five times, a day apart, and
// then given up, with a log line that tells the mail and not what is in it.
//
// Requirement: ID-20
// Case: FLT-08
func TestRefusedMailsAreGivenUp(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{}
	var logged strings.Builder
	o.log = slog.New(slog.NewTextHandler(&logged, nil))
	url, stop := open(t, box)
	defer stop()
	s, m := o.sender(t, url), o.writeSecret(t)
	// Some servers quote what they do not like.
	box.refuse(&smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "looks like spam: " + secret})
	for attempt := 1; attempt <= 5; attempt++ {
		if logged.Len() > 0 {
			t.Fatalf("given up before attempt %d: %s", attempt, logged.String())
		}
		if err := s.Flush(o.ctx); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("attempt %d: %v", attempt, err)
		}
		now := o.mail()
		if now.Attempts != attempt || !strings.Contains(now.LastError, "554 5.7.1") || strings.Contains(now.LastError, secret) {
			t.Errorf("after attempt %d: %d attempts, %q", attempt, now.Attempts, now.LastError)
		}
		o.now = o.now.Add(23 * time.Hour)
		if err := s.Flush(o.ctx); err != nil {
			t.Errorf("tried again within a day: %v", err)
		}
		o.now = o.now.Add(time.Hour)
	}
	if !strings.Contains(logged.String(), "level=ERROR") || !strings.Contains(logged.String(), m.ID.String()) || strings.Contains(logged.String(), secret) {
		t.Errorf("the log: %s", logged.String())
	}
	box.refuse(nil)
	o.now = o.now.AddDate(1, 0, 0)
	if err := s.Flush(o.ctx); err != nil || box.count() != 0 || o.mail().SentAt != nil {
		t.Errorf("a mail that was given up went out: %v", err)
	}
	// Whoever looks after the server can still have it sent.
	o.mail().Update().SetNextAttemptAt(o.now).SaveX(o.ctx)
	if err := s.Flush(o.ctx); err != nil || box.count() != 1 {
		t.Errorf("%d mails went out: %v", box.count(), err)
	}
}

// What the server refuses for now, or because of who sends it, is never given up.
func TestOtherFailuresAreTriedOn(t *testing.T) {
	for name, c := range map[string]struct {
		data, from error
	}{
		"temporary":          {data: &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later: " + secret}},
		"sender not allowed": {from: &smtp.SMTPError{Code: 550, Message: "who are you?"}},
	} {
		o, box := newOffice(t, "Mia"), &postbox{}
		url, stop := open(t, box)
		s := o.sender(t, url)
		o.writeSecret(t)
		box.refuse(c.data)
		box.refuseSender(c.from)
		for range 200 {
			if err := s.Flush(o.ctx); err == nil || strings.Contains(err.Error(), secret) {
				t.Fatalf("%s: %v", name, err)
			}
			o.now = o.now.Add(time.Hour)
		}
		box.refuse(nil)
		box.refuseSender(nil)
		if err := s.Flush(o.ctx); err != nil || box.count() != 1 {
			t.Errorf("%s: %d mails went out: %v", name, box.count(), err)
		}
		stop()
	}
}

var messageID = regexp.MustCompile(`(?m)^Message-ID: (<\S+>)\r$`)

// A server that hangs up before it confirms gets the mail again, and can tell by
// its ID that it is the same.
//
// Case: FLT-08
func TestWhatWasNotConfirmedGoesAgainWithTheSameID(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{hangUpBefore: true}
	url, stop := open(t, box)
	defer stop()
	s := o.sender(t, url)
	o.write(t, nil)
	if err := s.Flush(o.ctx); err == nil {
		t.Error("nobody is told that the server hung up")
	}
	o.now = o.now.Add(2 * time.Minute)
	if err := s.Flush(o.ctx); err != nil {
		t.Fatal(err)
	}
	if box.count() != 2 {
		t.Fatalf("%d mails arrived", box.count())
	}
	first, second := messageID.FindStringSubmatch(box.got[0]), messageID.FindStringSubmatch(box.got[1])
	if first == nil || second == nil || first[1] != second[1] {
		t.Errorf("the IDs %q and %q", first, second)
	}
}

func TestWhatWasConfirmedDoesNotGoAgain(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{hangUpAfter: true}
	url, stop := open(t, box)
	defer stop()
	s := o.sender(t, url)
	o.write(t, nil)
	for range 3 {
		if err := s.Flush(o.ctx); err != nil {
			t.Error(err)
		}
		o.now = o.now.Add(time.Hour)
	}
	if box.count() != 1 {
		t.Errorf("%d mails arrived", box.count())
	}
}

// A mail leaves when its writer says so, long before the next poll, and all that
// wait go with it.
func TestAMailLeavesWhenTheSenderIsWoken(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{}
	url, stop := open(t, box)
	defer stop()
	s := o.sender(t, url)
	ctx, cancel := context.WithCancel(o.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	began, sent := time.Now(), 0
	for _, mails := range []int{1, 45} {
		for range mails {
			o.write(t, nil)
		}
		sent += mails
		for box.count() < sent && time.Since(began) < 4*time.Second {
			time.Sleep(time.Millisecond)
		}
	}
	if box.count() != sent {
		t.Errorf("%d of %d mails left before the next poll", box.count(), sent)
	}
}

// Only the machine's own mail server is trusted without TLS. The host here is one
// of its addresses, but not one that Kontor knows as such.
func TestNoMailCrossesANetworkInTheClear(t *testing.T) {
	o, box := newOffice(t, "Mia"), &postbox{}
	url, stop := openAt(t, box, "127.0.0.2")
	defer stop()
	s := o.sender(t, url)
	o.write(t, nil)
	if err := s.Flush(o.ctx); err == nil || !strings.Contains(err.Error(), "STARTTLS") || box.count() != 0 {
		t.Errorf("%d mails went out: %v", box.count(), err)
	}
}

// No mail goes to an address at which machines tell their secrets, whoever answers for the name of the mail server.
//
// Case: IO-09
func TestNoMailGoesToMetadata(t *testing.T) {
	o := newOffice(t, "Mia")
	o.write(t, nil)
	for _, url := range []string{"smtp://169.254.169.254:25", "smtps://169.254.169.254:465"} {
		if err := o.sender(t, url).Flush(o.ctx); err == nil || !strings.Contains(err.Error(), dial.ErrForbidden.Error()) {
			t.Errorf("%s: %v", url, err)
		}
		o.now = o.now.Add(48 * time.Hour) // when it is tried again
	}
}
