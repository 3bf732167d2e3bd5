// Package audit is the room of the audit log: entries are written in the transaction of
// the change that they are about, and chained for each tenant, so that none is changed,
// removed or put in without being noticed (AC-13).
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/tenant"
	"kontor/internal/db"
	"kontor/internal/live"
	"kontor/internal/seal"
)

// Log writes and reads the audit log.
type Log struct {
	db   *db.DB
	keys *seal.Sealer
	now  func() time.Time
	live *live.Hub
}

// New is the log in a database, hashed with these keys, by this clock. What is written is told
// to the replicas, because rights may be others then; nil tells nobody.
func New(d *db.DB, keys *seal.Sealer, now func() time.Time, l *live.Hub) *Log {
	return &Log{db: d, keys: keys, now: now, live: l}
}

// Change is what is written: whose company it belongs to, what was done to what, and
// what was so before and after. Before and After are structs or maps that become JSON
// objects; secrets are never in them.
type Change struct {
	Tenant uuid.UUID
	// Action is <subject>.<verb>, such as user.roles.
	Action  string
	Kind    string // of the subject, as the API calls its type
	Subject uuid.UUID
	Label   string // name or number
	Before  any
	After   any
	// By is who did it where nobody is logged in: who registered, or reset its password.
	By *ent.User
	// Security says that it is about ways in or data and no change (PRIV-03): it is kept for
	// a shorter time, and listed apart.
	Security bool
	// Refused says that it was tried and did not happen.
	Refused bool
}

// Origin is where a request comes from.
type Origin struct{ IPAddress, RequestID string }

type originKey struct{}

// NewContext gives the context the origin of its request.
func NewContext(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Record appends changes of one tenant to its chain, in the transaction that makes them:
// by the person of the context, or By where nobody is logged in yet. One transaction at a
// time appends to a chain.
func (l *Log) Record(ctx context.Context, tx *ent.Tx, changes ...Change) error {
	entries, err := entriesOf(changes)
	if err != nil || len(entries) == 0 {
		return err
	}
	system, origin := authz.System(ctx), FromContext(ctx)
	head, err := l.head(system, tx, changes[0].Tenant)
	if err != nil {
		return err
	}
	by, err := l.actor(system, tx, changes[0].By)
	if err != nil {
		return err
	}
	now, rows := db.Moment(l.now()), make([]*ent.AuditEntryCreate, len(entries))
	for i, e := range entries {
		e.Sequence, e.PreviousHash, e.At = head.Sequence+1, head.Hash, now
		e.ActorID, e.ActorUsername, e.ActorTenant = by.id, by.username, by.tenant
		e.IPAddress, e.RequestID = origin.IPAddress, origin.RequestID
		if err := l.close(e, head.keyed()); err != nil {
			return err
		}
		head.Sequence, head.Hash, rows[i] = e.Sequence, e.Hash, row(tx, e)
	}
	for some := range slices.Chunk(rows, chunk) {
		if err := tx.AuditEntry.CreateBulk(some...).Exec(system); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
	}
	if err := l.move(system, tx, head, now); err != nil {
		return err
	}
	l.tell(tx, changes)
	return nil
}

// Platform is Record for what is about no company: it is in the log of the first operator. In an
// empty database it is nowhere.
func (l *Log) Platform(ctx context.Context, c Change) error {
	system := authz.System(ctx)
	_, err := db.InTx(system, l.db, func(tx *ent.Tx) (struct{}, error) {
		operator, err := tx.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).Order(tenant.ByID()).FirstID(system)
		if ent.IsNotFound(err) {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, fmt.Errorf("finding the operator: %w", err)
		}
		c.Tenant = operator
		return struct{}{}, l.Record(ctx, tx, c)
	})
	return err
}

// Note is Record in a transaction of its own, for what changes nothing.
func (l *Log) Note(ctx context.Context, c Change) error {
	_, err := db.InTx(authz.System(ctx), l.db, func(tx *ent.Tx) (struct{}, error) { return struct{}{}, l.Record(ctx, tx, c) })
	return err
}

// noRights are what changes are about that change no rights.
var noRights = []string{"order.", "quote.", "data.", "telephony"}

// tell tells the replicas, once it is committed, that rights in a company may be others.
func (l *Log) tell(tx *ent.Tx, changes []Change) {
	gives := func(c Change) bool {
		return !c.Security && !slices.ContainsFunc(noRights, func(subject string) bool { return strings.HasPrefix(c.Action, subject) })
	}
	if l.live == nil || !slices.ContainsFunc(changes, gives) {
		return
	}
	db.AfterCommit(tx, func(ctx context.Context) { l.live.Tell(ctx, live.News{Kind: live.Rights, Tenant: changes[0].Tenant}) })
}

// entriesOf are what is to be written of changes; one that changed nothing is none.
func entriesOf(changes []Change) ([]*ent.AuditEntry, error) {
	var entries []*ent.AuditEntry
	for _, c := range changes {
		before, err := object(c.Before)
		if err != nil {
			return nil, err
		}
		after, err := object(c.After)
		if err != nil {
			return nil, err
		}
		if before != "" && before == after {
			continue
		}
		e := &ent.AuditEntry{
			TenantID: c.Tenant, Action: c.Action, Class: auditentry.ClassCHANGE, Result: auditentry.ResultDONE,
			SubjectKind: c.Kind, SubjectLabel: c.Label, Before: before, After: after,
		}
		if c.Security {
			e.Class = auditentry.ClassSECURITY
		}
		if c.Refused {
			e.Result = auditentry.ResultREFUSED
		}
		if c.Subject != uuid.Nil {
			e.SubjectID = &c.Subject
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// chunk is how many entries are written in one statement.
const chunk = 1000

// FromContext is the origin of the request of the context.
func FromContext(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}

// actor is who makes changes, as it is called now.
type actor struct {
	id               *uuid.UUID
	username, tenant string
}

func (l *Log) actor(ctx context.Context, tx *ent.Tx, by *ent.User) (actor, error) {
	var key, home uuid.UUID
	name := ""
	switch v := authz.Actor(ctx); {
	case v != nil:
		key, home, name = v.User, v.AtHome().Tenant, v.Username
	case by != nil:
		key, home, name = by.ID, by.TenantID, by.Username
	default:
		return actor{}, nil
	}
	company, err := tx.Tenant.Query().Where(tenant.ID(home)).Select(tenant.FieldName).String(ctx)
	if err != nil {
		return actor{}, fmt.Errorf("reading the company of who makes a change: %w", err)
	}
	return actor{&key, name, company}, nil
}

func row(tx *ent.Tx, e *ent.AuditEntry) *ent.AuditEntryCreate {
	return tx.AuditEntry.Create().SetTenantID(e.TenantID).SetSequence(e.Sequence).SetAt(e.At).SetAction(e.Action).SetNillableActorID(e.ActorID).
		SetActorUsername(e.ActorUsername).SetActorTenant(e.ActorTenant).SetSubjectKind(e.SubjectKind).SetNillableSubjectID(e.SubjectID).
		SetSubjectLabel(e.SubjectLabel).SetBefore(e.Before).SetAfter(e.After).SetIPAddress(e.IPAddress).SetRequestID(e.RequestID).
		SetClass(e.Class).SetResult(e.Result).SetPreviousHash(e.PreviousHash).SetHash(e.Hash).SetKeyID(e.KeyID).SetSeals(e.Seals).SetSalts(e.Salts)
}

// object is a JSON object as it is kept and hashed; empty for nothing.
func object(value any) (string, error) {
	if value == nil {
		return "", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("writing a change as JSON: %w", err)
	}
	return string(text), nil
}
