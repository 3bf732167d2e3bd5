package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
)

// What an entry says of people are three parts, each of which can be taken out on its own:
// who did it, where it came from, and what it was about. The hash is over a seal of each part
// and not over the part. A seal is made with a salt; once that is gone, nobody finds out by
// trying what the part was, not even whoever has the key.
const (
	actorPart = iota
	originPart
	subjectPart
	partCount
)

// gone stands where the salt of a part was that was taken out.
const gone = "-"

// purpose is what the secrets of the deployment sign entries for.
const purpose = "audit entry"

// partsOf are the parts of an entry as text. Every value is preceded by its length, so that
// no two parts read alike.
func partsOf(e *ent.AuditEntry) [partCount]string {
	return [partCount]string{
		actorPart:   joined(e.ActorUsername, e.ActorTenant),
		originPart:  joined(e.IPAddress),
		subjectPart: joined(e.SubjectLabel, e.Before, e.After),
	}
}

// empty are the parts of an entry that says nothing.
var empty = partsOf(&ent.AuditEntry{})

// take takes a part out of an entry.
func take(e *ent.AuditEntry, part int) {
	switch part {
	case actorPart:
		e.ActorUsername, e.ActorTenant = "", ""
	case originPart:
		e.IPAddress = ""
	case subjectPart:
		e.SubjectLabel, e.Before, e.After = "", "", ""
	}
	salts := strings.Fields(e.Salts)
	salts[part] = gone
	e.Salts = strings.Join(salts, " ")
}

// Gone tells which parts of an entry were taken out: the actor, the origin, the subject.
func Gone(e *ent.AuditEntry) (actor, origin, subject bool) {
	salts := strings.Fields(e.Salts)
	if len(salts) != partCount {
		return false, false, false
	}
	return salts[actorPart] == gone, salts[originPart] == gone, salts[subjectPart] == gone
}

// seals gives an entry the salts and seals of its parts.
func seals(e *ent.AuditEntry) error {
	salts, made := make([]string, partCount), make([]string, partCount)
	for i, part := range partsOf(e) {
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return fmt.Errorf("making a salt: %w", err)
		}
		salts[i] = base64.RawURLEncoding.EncodeToString(salt)
		made[i] = sealed(salts[i], part)
	}
	e.Salts, e.Seals = strings.Join(salts, " "), strings.Join(made, " ")
	return nil
}

func sealed(salt, part string) string {
	sum := hmac.New(sha256.New, []byte(salt))
	sum.Write([]byte(part))
	return hex.EncodeToString(sum.Sum(nil))
}

// close gives an entry its hash: with the newest secret, or with none in a chain of before
// there were keys.
func (l *Log) close(e *ent.AuditEntry, keyed bool) (err error) {
	if !keyed {
		e.Hash = hash(e)
		return nil
	}
	if err := seals(e); err != nil {
		return err
	}
	if e.KeyID, e.Hash, err = l.keys.Sign(purpose, []byte(body(e))); err != nil {
		return fmt.Errorf("hashing an entry of the audit log: %w", err)
	}
	return nil
}

// body is all of an entry that never changes, with the hash of the one before.
func body(e *ent.AuditEntry) string {
	return joined(
		e.PreviousHash, e.TenantID.String(), fmt.Sprint(e.Sequence), moment(e.At), e.Action, string(e.Class), string(e.Result), keyText(e.ActorID),
		e.SubjectKind, keyText(e.SubjectID), e.RequestID, e.Seals,
	)
}

// hash is that of an entry of before there were keys: over all that it says and the hash of
// the one before.
func hash(e *ent.AuditEntry) string {
	sum := sha256.Sum256([]byte(joined(
		e.PreviousHash, e.TenantID.String(), fmt.Sprint(e.Sequence), moment(e.At), e.Action, keyText(e.ActorID), e.ActorUsername,
		e.ActorTenant, e.SubjectKind, keyText(e.SubjectID), e.SubjectLabel, e.Before, e.After, e.IPAddress, e.RequestID,
	)))
	return hex.EncodeToString(sum[:])
}

// joined are values with the length of each in front, so that no two lists read alike.
func joined(values ...string) string {
	var text strings.Builder
	for _, value := range values {
		fmt.Fprintf(&text, "%d:%s", len(value), value)
	}
	return text.String()
}

func moment(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

func keyText(key *uuid.UUID) string {
	if key == nil {
		return ""
	}
	return key.String()
}
