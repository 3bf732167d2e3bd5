package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/tenant"
	"kontor/internal/db"
)

// Erase is the action of the entry that says what was taken out of others. It names only
// numbers, and is never taken out itself.
const Erase = "user.erase"

// DeleteTenant is the action of the entry, in the log of the operator, that says that a company went away with its log.
const DeleteTenant = "tenant.delete"

// note is what such an entry says: the entries from which each part was taken out, and what
// the key makes of the rest of those that were hashed without it.
type note struct {
	Actor    string            `json:"actor,omitempty"`
	Origin   string            `json:"origin,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Resealed map[string]string `json:"resealed,omitempty"`
}

// Erase takes out of a tenant's entries what they say of a person: its name and address where it
// did something, and what was so before and after where it is what was changed. The entries stay, and the chain verifies: one
// more entry says what was taken out of which (PRIV-05). It returns how many entries it touched.
//
// The person is as it was called until now, and label how it is called from now on. Where the log has nothing of it and is
// not its own company's, nothing is written.
func (l *Log) Erase(ctx context.Context, tx *ent.Tx, of uuid.UUID, person *Person, label string) (int, error) {
	system := authz.System(ctx)
	about := person.candidates()
	if any, err := tx.AuditEntry.Query().Where(auditentry.TenantID(of), auditentry.ActionNEQ(Erase), about).Exist(system); err != nil {
		return 0, fmt.Errorf("looking for a person in an audit log: %w", err)
	} else if !any && of != person.TenantID {
		return 0, nil
	}
	// Nobody appends meanwhile: what is appended later knows the person by its new name only.
	head, err := l.head(system, tx, of)
	if err != nil {
		return 0, err
	}
	said := map[int][]int64{}
	resealed := map[string]string{}
	touched := 0
	for last := int64(0); ; {
		entries, err := tx.AuditEntry.Query().Where(auditentry.TenantID(of), auditentry.SequenceGT(last), auditentry.ActionNEQ(Erase), about).Order(auditentry.BySequence()).Limit(batch).All(system)
		if err != nil {
			return 0, fmt.Errorf("reading the entries about a person: %w", err)
		}
		for _, e := range entries {
			last = e.Sequence
			parts := person.parts(e)
			if len(parts) == 0 {
				continue
			}
			mac, err := l.takeOut(system, tx, e, parts)
			if err != nil {
				return 0, err
			}
			if mac != "" {
				resealed[strconv.FormatInt(e.Sequence, 10)] = mac
			}
			for _, part := range parts {
				said[part] = append(said[part], e.Sequence)
			}
			touched++
		}
		if len(entries) < batch {
			break
		}
	}
	if touched == 0 && of != person.TenantID {
		return 0, nil
	}
	if !head.keyed() {
		if err := l.begin(system, tx, head); err != nil {
			return 0, err
		}
	}
	return touched, l.Record(ctx, tx, Change{
		Tenant: of, Action: Erase, Kind: "User", Subject: person.ID, Label: label,
		After: note{Actor: ranges(said[actorPart]), Origin: ranges(said[originPart]), Subject: ranges(said[subjectPart]), Resealed: resealed},
	})
}

// takeOut takes parts out of an entry. One that was hashed without the key gets seals first,
// and what the key makes of the rest of it.
func (l *Log) takeOut(ctx context.Context, tx *ent.Tx, e *ent.AuditEntry, parts []int) (mac string, err error) {
	if e.Salts == "- - -" {
		return "", nil
	}
	if e.Seals == "" {
		if err := seals(e); err != nil {
			return "", err
		}
	}
	for _, part := range parts {
		take(e, part)
	}
	if e.KeyID == "" {
		var keyID string
		if keyID, mac, err = l.keys.Sign(purpose, []byte(body(e))); err != nil {
			return "", fmt.Errorf("vouching for an entry of the audit log: %w", err)
		}
		mac = keyID + " " + mac
	}
	err = tx.AuditEntry.UpdateOneID(e.ID).SetActorUsername(e.ActorUsername).SetActorTenant(e.ActorTenant).SetIPAddress(e.IPAddress).
		SetSubjectLabel(e.SubjectLabel).SetBefore(e.Before).SetAfter(e.After).SetSeals(e.Seals).SetSalts(e.Salts).Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("taking a person out of the audit log: %w", err)
	}
	return mac, nil
}

// note strikes off what an entry says was taken out of others.
func (w *walk) note(e *ent.AuditEntry) {
	if e.Action != Erase || e.KeyID == "" {
		return
	}
	var said note
	if json.Unmarshal([]byte(e.After), &said) != nil {
		return
	}
	for part, text := range map[int]string{actorPart: said.Actor, originPart: said.Origin, subjectPart: said.Subject} {
		each(text, func(sequence int64) { w.struck(sequence, 1<<part) })
	}
	for text, mac := range said.Resealed {
		sequence, err := strconv.ParseInt(text, 10, 64)
		if err == nil && w.vouched[sequence] != "" {
			keyID, sum, _ := strings.Cut(mac, " ")
			if w.log.keys.Check(purpose, keyID, sum, []byte(w.vouched[sequence])) == nil {
				w.struck(sequence, 1<<partCount)
			}
		}
	}
}

func (w *walk) struck(sequence int64, bit int) {
	if left, ok := w.taken[sequence]; ok {
		if left &^= bit; left == 0 {
			delete(w.taken, sequence)
		} else {
			w.taken[sequence] = left
		}
	}
}

// ranges writes ascending numbers shortly: 3-7 9.
func ranges(of []int64) string {
	var text []string
	for i := 0; i < len(of); {
		j := i
		for j+1 < len(of) && of[j+1] == of[j]+1 {
			j++
		}
		if i == j {
			text = append(text, strconv.FormatInt(of[i], 10))
		} else {
			text = append(text, fmt.Sprintf("%d-%d", of[i], of[j]))
		}
		i = j + 1
	}
	return strings.Join(text, " ")
}

// each calls with every number that ranges wrote.
func each(text string, do func(int64)) {
	for part := range strings.FieldsSeq(text) {
		from, to, span := strings.Cut(part, "-")
		first, err := strconv.ParseInt(from, 10, 64)
		last := first
		if err == nil && span {
			last, err = strconv.ParseInt(to, 10, 64)
		}
		for n := first; err == nil && n <= last; n++ {
			do(n)
		}
	}
}

// Key has the chains of before there were keys go on with one. It walks each before, and
// leaves those that are broken as they are. The context must be authz.System.
func (l *Log) Key(ctx context.Context) (begun int, err error) {
	chains, err := l.Verify(ctx)
	if err != nil {
		return 0, err
	}
	broken := 0
	for _, c := range chains {
		switch {
		case c.Keyed:
			continue
		case c.Broken != "":
			broken++
			continue
		}
		n, err := db.InTx(ctx, l.db, func(tx *ent.Tx) (int, error) {
			t, err := tx.Tenant.Query().Where(tenant.OrganizationID(c.Organization)).Only(ctx)
			if err != nil {
				return 0, fmt.Errorf("reading whose audit log it is: %w", err)
			}
			head, err := l.head(ctx, tx, t.ID)
			if err != nil || head.keyed() {
				return 0, err
			}
			return 1, l.begin(ctx, tx, head)
		})
		if err != nil {
			return begun, err
		}
		begun += n
	}
	if broken > 0 {
		return begun, fmt.Errorf("%d audit logs are broken and stay without a key: run kontor audit verify", broken)
	}
	return begun, nil
}

// begin has a chain go on with the key.
func (l *Log) begin(ctx context.Context, tx *ent.Tx, head end) error {
	head.KeyedFrom = head.Sequence + 1
	return l.move(ctx, tx, head, db.Moment(l.now()))
}
