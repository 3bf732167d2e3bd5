package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/predicate"
)

// personFields are the fields of what was so before and after that say who somebody is: by a user name or
// an address. A new one that rooms record is put down here. Other fields are never compared: a user may be called
// like a state.
var personFields = map[string]bool{
	"username": true, "email": true, // of users, registrations, end users, who agreed to a quote
	"receiver":       true, // of a transfer of rights
	"approvers":      true, // of an approval rule
	"recipientEmail": true, // of a quote
}

// renaming are the actions of the entries that say what a user was called before.
var renaming = []string{"user.username", "user.email"}

// name is what a person is called, or was until a moment: afterwards it may be somebody else's.
type name struct {
	text  string
	until time.Time
}

// Person is whom entries are about, with all its names.
type Person struct {
	*ent.User
	names []name
}

// Person knows also by which names a user was in the logs before, by the log of its own company: ask before
// anything is taken out of that.
func (l *Log) Person(ctx context.Context, tx *ent.Tx, u *ent.User) (*Person, error) {
	p := &Person{User: u, names: []name{{text: u.Username}, {text: u.Email}}}
	renamed, err := tx.AuditEntry.Query().Where(auditentry.TenantID(u.TenantID), auditentry.SubjectID(u.ID), auditentry.ActionIn(renaming...)).All(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading what a user was called before: %w", err)
	}
	for _, e := range renamed {
		persons(e.Before, func(former string) { p.names = append(p.names, name{former, e.At}) })
	}
	return p, nil
}

// candidates finds the entries that a person made, that are about it, and that may name it among what was so
// before or after, as those of rights do. Whether one does is told by concerns.
func (p *Person) candidates() predicate.AuditEntry {
	of := []predicate.AuditEntry{auditentry.ActorID(p.ID), auditentry.SubjectID(p.ID)}
	for _, n := range p.names {
		text, err := json.Marshal(n.text)
		if err == nil { // a string always is JSON
			of = append(of, auditentry.BeforeContains(string(text)), auditentry.AfterContains(string(text)))
		}
	}
	return auditentry.Or(of...)
}

// parts are those parts of an entry that say something of the person.
func (p *Person) parts(e *ent.AuditEntry) []int {
	var parts []int
	if e.ActorID != nil && *e.ActorID == p.ID {
		parts = append(parts, actorPart, originPart)
	}
	named := e.SubjectID != nil && *e.SubjectID == p.ID
	for _, text := range []string{e.Before, e.After} {
		persons(text, func(somebody string) { named = named || p.called(somebody, e.At) })
	}
	if named {
		parts = append(parts, subjectPart)
	}
	return parts
}

func (p *Person) called(somebody string, at time.Time) bool {
	for _, n := range p.names {
		if n.text != "" && strings.EqualFold(n.text, somebody) && (n.until.IsZero() || !at.After(n.until)) {
			return true
		}
	}
	return false
}

// persons calls with whom a JSON object of an entry names in its person fields, however deep.
func persons(object string, do func(string)) {
	var value any
	if object == "" || json.Unmarshal([]byte(object), &value) != nil {
		return
	}
	var walk func(value any, person bool)
	walk = func(value any, person bool) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				walk(inner, personFields[key])
			}
		case []any:
			for _, inner := range v {
				walk(inner, person)
			}
		case string:
			if person {
				do(v)
			}
		}
	}
	walk(value, false)
}
