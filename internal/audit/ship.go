package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/audithead"
	"kontor/internal/db"
	"kontor/internal/rounds"
)

const (
	// HeadMessage is the message of the log lines that carry heads.
	HeadMessage = "audit head"
	// shipEvery is how old a head in the log is at most.
	shipEvery = 30 * time.Second
	// renewEvery is how long an end may stay signed with a former secret (docs/deployment.md): not
	// shorter, because replicas with another order of secrets undo it while they are replaced.
	renewEvery = 5 * time.Minute
	// overlap is how far back each look goes beyond the last one: a transaction may be committed
	// after a later one, and clocks of replicas differ.
	overlap = 2 * time.Minute
)

// KeepShipping writes the signed heads of the chains that moved into the log of the process,
// which goes elsewhere, until the context ends (PRIV-02); those of all chains at first. It signs ends anew
// that a replica left which still signed with a former secret.
func (l *Log) KeepShipping(ctx context.Context, to *slog.Logger) {
	shipped := map[uuid.UUID]int64{}
	var renewed time.Time
	rounds.Keep(ctx, shipEvery, nil, to, "heads of audit logs were not written, or not signed with the newest secret", func(ctx context.Context) error {
		var unsigned error
		if now := l.now(); now.Sub(renewed) >= renewEvery {
			if unsigned = l.Renew(ctx); unsigned == nil {
				renewed = now
			}
		}
		return errors.Join(unsigned, l.Ship(ctx, to, shipped))
	})
}

// Ship writes the heads that moved lately and are not among those that were shipped; the first time all. They are
// written whatever level the log has: they are no news but evidence.
func (l *Log) Ship(ctx context.Context, to *slog.Logger, shipped map[uuid.UUID]int64) error {
	var since *time.Time
	if len(shipped) > 0 {
		lately := db.Moment(l.now()).Add(-shipEvery - overlap)
		since = &lately
	}
	heads, err := l.Heads(authz.System(ctx), since)
	for _, h := range heads {
		if shipped[h.Tenant] == h.Sequence {
			continue
		}
		line := slog.NewRecord(time.Now(), slog.LevelInfo, HeadMessage, 0)
		line.Add("organization", h.Organization, "tenant", h.Tenant, "sequence", h.Sequence, "hash", h.Hash, "at", moment(h.At), "keyId", h.KeyID, "mac", h.MAC)
		if failed := to.Handler().Handle(ctx, line); failed != nil {
			err = errors.Join(err, fmt.Errorf("writing the head of an audit log: %w", failed))
			continue
		}
		shipped[h.Tenant] = h.Sequence
	}
	return err
}

// Renew signs the ends of chains with the newest secret that were signed with an older one that
// is still listed: then the older one can be given up without an end that nobody can check.
func (l *Log) Renew(ctx context.Context) error {
	ctx = authz.System(ctx)
	var failed []error
	for last := uuid.Nil; ; {
		old, err := l.db.Client.AuditHead.Query().Where(audithead.KeyIDNotIn("", l.keys.KeyID()), audithead.TenantIDGT(last)).
			Order(audithead.ByTenantID()).Limit(batch).All(ctx)
		if err != nil {
			return fmt.Errorf("reading the ends of audit logs: %w", err)
		}
		for _, h := range old {
			last = h.TenantID
			_, err := db.InTx(ctx, l.db, func(tx *ent.Tx) (struct{}, error) {
				now, err := l.head(ctx, tx, h.TenantID)
				if err != nil {
					return struct{}{}, err
				}
				if !now.whole {
					return struct{}{}, errors.New("it was changed by another hand, or its secret is not listed any more")
				}
				return struct{}{}, l.move(ctx, tx, now, db.Moment(l.now()))
			})
			if err != nil {
				failed = append(failed, fmt.Errorf("signing the end of the audit log of tenant %s: %w", h.TenantID, err))
			}
		}
		if len(old) < batch {
			return errors.Join(failed...)
		}
	}
}
