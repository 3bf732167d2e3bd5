package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/audithead"
	"kontor/ent/predicate"
	"kontor/internal/db"
)

// Retained is what was over and is gone: addresses, what entries about ways in said, entries.
type Retained struct {
	Origins  int `json:"origins,omitempty"`
	Security int `json:"security,omitempty"`
	Entries  int `json:"entries,omitempty"`
}

// Retain takes out of the logs what is over (PRIV-09): addresses, what entries about ways in say of people,
// and in the end whole entries, from the front of a chain. Each batch is a transaction of its own, so it may
// end anywhere and goes on there the next time; the chains verify in between. Entries of before there were
// keys, and chains whose end another hand wrote, stay as they are. The context must be authz.System.
func (l *Log) Retain(ctx context.Context) (done Retained, err error) {
	now := l.now().UTC()
	origins := []predicate.AuditEntry{auditentry.AtLT(now.Add(-OriginKept)), auditentry.IPAddressNEQ(""), auditentry.SealsNEQ("")}
	security := []predicate.AuditEntry{
		auditentry.AtLT(now.Add(-SecurityKept)), auditentry.ClassEQ(auditentry.ClassSECURITY), auditentry.SealsNEQ(""), auditentry.SaltsNEQ(nothing),
	}
	for _, each := range []struct {
		over []predicate.AuditEntry
		set  string
		n    *int
	}{
		{security, "actor_username = '', actor_tenant = '', subject_label = '', before = '', after = '', ip_address = '', salts = '" + nothing + "'", &done.Security},
		{origins, "ip_address = '', salts = " + l.withoutOrigin(), &done.Origins},
	} {
		err = errors.Join(err, l.empty(ctx, each.over, each.set, each.n))
	}
	return done, errors.Join(err, l.cutAll(ctx, now.Add(-Kept), &done.Entries))
}

// nothing are the salts of an entry of which all parts are gone.
const nothing = gone + " " + gone + " " + gone

// withoutOrigin is salts, in SQL, without that of the origin.
func (l *Log) withoutOrigin() string {
	if l.db.Dialect == dialect.Postgres {
		return `split_part(salts, ' ', 1) || ' - ' || split_part(salts, ' ', 3)`
	}
	return `substr(salts, 1, instr(salts, ' ')) || '-' || substr(salts, instr(salts, ' ') + instr(substr(salts, instr(salts, ' ') + 1), ' '))`
}

// empty empties the entries that are over, a batch of one tenant at a time. A tenant where that fails
// keeps no other's.
func (l *Log) empty(ctx context.Context, over []predicate.AuditEntry, set string, n *int) error {
	var failed []error
	var without []uuid.UUID
	for {
		first, err := l.db.Client.AuditEntry.Query().Where(over...).Where(auditentry.TenantIDNotIn(without...)).Order(auditentry.ByAt()).First(ctx)
		if ent.IsNotFound(err) {
			return errors.Join(failed...)
		}
		if err != nil {
			return fmt.Errorf("looking for what is over in audit logs: %w", err)
		}
		batched, err := db.InTx(ctx, l.db, func(tx *ent.Tx) (int, error) {
			// Nobody is erased meanwhile: both write salts.
			if _, err := l.head(ctx, tx, first.TenantID); err != nil {
				return 0, err
			}
			ids, err := tx.AuditEntry.Query().Where(auditentry.TenantID(first.TenantID)).Where(over...).Order(auditentry.ByAt()).Limit(batch).IDs(ctx)
			if err != nil || len(ids) == 0 {
				return 0, err
			}
			return len(ids), tx.Do(ctx, "UPDATE audit_entries SET "+set+" WHERE id IN ("+places(len(ids))+")", values(ids))
		})
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("taking what is over out of audit logs: %w", err)
			}
			failed = append(failed, fmt.Errorf("taking what is over out of the audit log of tenant %s: %w", first.TenantID, err))
			without = append(without, first.TenantID)
		}
		*n += batched
	}
}

// cutAll cuts what is older off the front of all chains.
func (l *Log) cutAll(ctx context.Context, before time.Time, n *int) error {
	var failed []error
	for last := uuid.Nil; ; {
		heads, err := l.db.Client.AuditHead.Query().Where(audithead.TenantIDGT(last), audithead.KeyedFromGT(0)).Order(audithead.ByTenantID()).Limit(batch).All(ctx)
		if err != nil {
			return fmt.Errorf("reading the ends of audit logs: %w", err)
		}
		for _, h := range heads {
			last = h.TenantID
			if err := l.cut(ctx, h.TenantID, before, n); err != nil {
				failed = append(failed, fmt.Errorf("deleting old entries of the audit log of tenant %s: %w", h.TenantID, err))
			}
		}
		if len(heads) < batch || ctx.Err() != nil {
			return errors.Join(failed...)
		}
	}
}

// cut notes first, signed, up to where a chain is cut, and then deletes what is before.
func (l *Log) cut(ctx context.Context, of uuid.UUID, before time.Time, n *int) error {
	upTo, err := db.InTx(ctx, l.db, func(tx *ent.Tx) (int64, error) {
		head, err := l.head(ctx, tx, of)
		if err != nil || !head.whole {
			return 0, err
		}
		end := head.Sequence
		kept, err := tx.AuditEntry.Query().Where(auditentry.TenantID(of), auditentry.SequenceGT(head.CutSequence), auditentry.AtGTE(before)).
			Order(auditentry.BySequence()).First(ctx)
		if err == nil {
			end = kept.Sequence - 1
		} else if !ent.IsNotFound(err) {
			return 0, err
		}
		if end == head.CutSequence {
			return end, nil
		}
		hash, err := tx.AuditEntry.Query().Where(auditentry.TenantID(of), auditentry.Sequence(end)).Select(auditentry.FieldHash).String(ctx)
		if err != nil {
			return 0, err
		}
		head.CutSequence, head.CutHash = end, hash
		return end, l.move(ctx, tx, head, db.Moment(l.now()))
	})
	for err == nil && upTo > 0 {
		var batched int
		batched, err = db.InTx(ctx, l.db, func(tx *ent.Tx) (int, error) {
			ids, err := tx.AuditEntry.Query().Where(auditentry.TenantID(of), auditentry.SequenceLTE(upTo)).Order(auditentry.BySequence()).Limit(batch).IDs(ctx)
			if err != nil || len(ids) == 0 {
				return 0, err
			}
			return tx.AuditEntry.Delete().Where(auditentry.IDIn(ids...)).Exec(ctx)
		})
		*n += batched
		if batched < batch {
			break
		}
	}
	return err
}

// places are those of so many arguments.
func places(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("$", i+1)
	}
	return strings.Join(all, ", ")
}

func values(ids []uuid.UUID) []any {
	all := make([]any, len(ids))
	for i, id := range ids {
		all[i] = id
	}
	return all
}
