package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/audithead"
	"kontor/ent/tenant"
	"kontor/internal/db"
	"kontor/internal/seal"
)

const (
	headPurpose = "audit head"
	kept        = "audit head kept elsewhere"
)

// end is the end of a tenant's chain, held until the transaction ends.
type end struct {
	*ent.AuditHead
	// whole tells whether the note of the end is what the server wrote last. One that is not
	// is never signed again: the chain goes on, and `kontor audit verify` tells of it.
	whole bool
}

// keyed tells whether the next entry is made with a secret.
func (e end) keyed() bool { return e.KeyedFrom > 0 }

// head is the end of a tenant's chain. A chain that begins is one with a key.
func (l *Log) head(ctx context.Context, tx *ent.Tx, of uuid.UUID) (end, error) {
	find := func() (*ent.AuditHead, error) {
		return db.ForUpdate(l.db, tx.AuditHead.Query().Where(audithead.TenantID(of))).Only(ctx)
	}
	head, err := find()
	if ent.IsNotFound(err) {
		err = tx.AuditHead.Create().SetTenantID(of).SetSequence(0).SetHash("").SetKeyedFrom(1).
			OnConflictColumns(audithead.FieldTenantID).Ignore().Exec(ctx)
		if err != nil {
			return end{}, fmt.Errorf("beginning an audit log: %w", err)
		}
		head, err = find()
	}
	if err != nil {
		return end{}, fmt.Errorf("reading the end of the audit log: %w", err)
	}
	unproven := l.checkHead(head)
	if errors.Is(unproven, seal.ErrNoKey) && head.MAC != "" {
		// Whoever rotates secrets lists the new one everywhere before it signs anywhere. Going on
		// would leave an end that nobody believes any more.
		return end{}, fmt.Errorf("the end of the audit log was signed with the secret %s: %w", head.KeyID, unproven)
	}
	return end{head, unproven == nil}, nil
}

// move notes where a chain ends now.
func (l *Log) move(ctx context.Context, tx *ent.Tx, e end, now time.Time) error {
	e.KeyID, e.MAC = "", ""
	if e.keyed() && e.whole {
		var err error
		if e.KeyID, e.MAC, err = l.keys.Sign(headPurpose, []byte(headText(e.AuditHead))); err != nil {
			return fmt.Errorf("signing the end of the audit log: %w", err)
		}
	}
	err := tx.AuditHead.UpdateOneID(e.ID).SetSequence(e.Sequence).SetHash(e.Hash).SetKeyedFrom(e.KeyedFrom).SetCutSequence(e.CutSequence).
		SetCutHash(e.CutHash).SetMovedAt(now).SetKeyID(e.KeyID).SetMAC(e.MAC).Exec(ctx)
	if err != nil {
		return fmt.Errorf("moving the end of the audit log: %w", err)
	}
	return nil
}

func headText(h *ent.AuditHead) string {
	return joined(h.TenantID.String(), fmt.Sprint(h.Sequence), h.Hash, fmt.Sprint(h.KeyedFrom), fmt.Sprint(h.CutSequence), h.CutHash)
}

// checkHead tells whether the note of an end is what the server wrote. One of before there
// were keys cannot be checked.
func (l *Log) checkHead(h *ent.AuditHead) error {
	if h.KeyedFrom == 0 || h.Sequence == 0 && h.MAC == "" {
		return nil
	}
	return l.keys.Check(headPurpose, h.KeyID, h.MAC, []byte(headText(h)))
}

// Head is where a chain ended at a moment, signed, to be kept where nobody who can write into
// the database can change it: it proves later that the chain was neither cut nor rewritten
// (PRIV-02).
type Head struct {
	Organization string    `json:"organization"`
	Tenant       uuid.UUID `json:"tenant"`
	Sequence     int64     `json:"sequence"`
	Hash         string    `json:"hash"`
	At           time.Time `json:"at"`
	KeyID        string    `json:"keyId"`
	MAC          string    `json:"mac"`
}

func (h Head) text() string {
	return joined(h.Organization, h.Tenant.String(), fmt.Sprint(h.Sequence), h.Hash, moment(h.At))
}

// Heads are the signed ends of all chains that moved since a moment; nil: of all. Those whose
// note was changed by another hand are told in the error beside the others. The context must
// be authz.System.
func (l *Log) Heads(ctx context.Context, since *time.Time) ([]Head, error) {
	q := l.db.Client.AuditHead.Query().Where(audithead.SequenceGT(0)).Order(audithead.ByTenantID())
	if since != nil {
		q.Where(audithead.MovedAtGTE(since.UTC()))
	}
	found, err := q.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the ends of the audit logs: %w", err)
	}
	names := map[uuid.UUID]string{}
	var changed []error
	heads := make([]Head, 0, len(found))
	if len(found) > 0 {
		tenants, err := l.db.Client.Tenant.Query().Select(tenant.FieldID, tenant.FieldOrganizationID).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading whose audit logs there are: %w", err)
		}
		for _, t := range tenants {
			names[t.ID] = t.OrganizationID
		}
	}
	now := db.Moment(l.now())
	for _, h := range found {
		if err := l.checkHead(h); errors.Is(err, seal.ErrNoKey) && h.MAC != "" {
			changed = append(changed, fmt.Errorf("the end of the audit log of %s was signed with the secret %s: %w", names[h.TenantID], h.KeyID, err))
			continue
		} else if err != nil {
			changed = append(changed, fmt.Errorf("the note of the end of the audit log of %s was changed by another hand: %w", names[h.TenantID], err))
			continue
		}
		head := Head{Organization: names[h.TenantID], Tenant: h.TenantID, Sequence: h.Sequence, Hash: h.Hash, At: now}
		if head.KeyID, head.MAC, err = l.keys.Sign(kept, []byte(head.text())); err != nil {
			return nil, fmt.Errorf("signing the end of an audit log: %w", err)
		}
		heads = append(heads, head)
	}
	return heads, errors.Join(changed...)
}

// ReadHeads reads heads that were kept elsewhere: one JSON object a line, as `kontor audit
// head` prints them or as the server logs them. Other lines of a log are passed over; one that
// is no head that this deployment signed is an error.
func (l *Log) ReadHeads(from io.Reader) ([]Head, error) {
	var heads []Head
	for decoder := json.NewDecoder(from); ; {
		var line struct {
			Head
			Message string `json:"msg"`
		}
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return heads, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the heads that were kept, after %d: %w", len(heads), err)
		}
		if line.Message != "" && line.Message != HeadMessage {
			continue
		}
		if err := l.keys.Check(kept, line.KeyID, line.MAC, []byte(line.text())); err != nil {
			return nil, fmt.Errorf("the head number %d, of %s, was not signed by this deployment: %w", len(heads)+1, strings.TrimSpace(line.Organization), err)
		}
		heads = append(heads, line.Head)
	}
}
