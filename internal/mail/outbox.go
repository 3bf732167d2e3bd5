package mail

import (
	"context"
	"fmt"

	"kontor/ent"
	"kontor/internal/db"
	"kontor/internal/seal"
)

// Outbox takes mails in the transaction of what they are about: a rollback sends none
// and a crash loses none. What a mail says may hold a link or a code, so it is sealed
// until it is sent, and forgotten then (AUTH-15).
type Outbox struct {
	sealer *seal.Sealer
	// waiting has a token when a mail was committed that nobody has looked at.
	waiting chan struct{}
}

// NewOutbox seals mails with this sealer.
func NewOutbox(sealer *seal.Sealer) *Outbox {
	return &Outbox{sealer: sealer, waiting: make(chan struct{}, 1)}
}

// Put writes a mail and puts it into the outbox of the transaction. It leaves as soon
// as that is committed.
func (o *Outbox) Put(ctx context.Context, tx *ent.Tx, which Template, c Content) error {
	return o.PutAll(ctx, tx, which, []Content{c})
}

// PutAll is Put for the same mail to several people, in one statement.
func (o *Outbox) PutAll(ctx context.Context, tx *ent.Tx, which Template, all []Content) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([]*ent.MailCreate, len(all))
	for i, c := range all {
		m, err := render(which, c)
		if err != nil {
			return fmt.Errorf("writing the mail %s: %w", which, err)
		}
		if rows[i], err = o.row(tx, m, c); err != nil {
			return fmt.Errorf("putting the mail %s into the outbox: %w", which, err)
		}
	}
	if err := tx.Mail.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("putting the mail %s into the outbox: %w", which, err)
	}
	db.AfterCommit(tx, func(context.Context) { o.wake() })
	return nil
}

func (o *Outbox) row(tx *ent.Tx, m rendered, c Content) (*ent.MailCreate, error) {
	// The recipient and the subject are no secrets: what is sealed are link and code.
	text, err := o.sealer.Seal(sealPurpose, []byte(m.text))
	if err != nil {
		return nil, fmt.Errorf("sealing the text: %w", err)
	}
	html, err := o.sealer.Seal(sealPurpose, []byte(m.html))
	if err != nil {
		return nil, fmt.Errorf("sealing the HTML: %w", err)
	}
	return tx.Mail.Create().SetTenantID(c.Tenant.ID).SetRecipient(m.to).SetSubject(m.subject).SetText(text).
		SetHTML(html).SetCreatedAt(c.At.UTC()).SetNextAttemptAt(c.At.UTC()), nil
}

const sealPurpose = "mail"

// Read is what a mail in the outbox says.
func (o *Outbox) Read(m *ent.Mail) (text, html string, err error) {
	plain, err := o.sealer.Open(sealPurpose, m.Text)
	if err != nil {
		return "", "", fmt.Errorf("opening the text of mail %s: %w", m.ID, err)
	}
	marked, err := o.sealer.Open(sealPurpose, m.HTML)
	if err != nil {
		return "", "", fmt.Errorf("opening the HTML of mail %s: %w", m.ID, err)
	}
	return string(plain), string(marked), nil
}

// wake tells a sender that a mail waits. It does not wait for that.
func (o *Outbox) wake() {
	select {
	case o.waiting <- struct{}{}:
	default: // it is told already
	}
}
