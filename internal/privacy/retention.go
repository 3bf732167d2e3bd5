package privacy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/mail"
	"kontor/ent/onetimelink"
	"kontor/ent/registration"
	"kontor/ent/tenant"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/rounds"
)

const (
	// MailKept is how long it is kept who was sent which mail.
	MailKept = 90 * 24 * time.Hour
	// LinkKept is how long links and codes are kept after they ran out: until then their holder is told so.
	LinkKept = 90 * 24 * time.Hour

	// lookEvery is the distance of rounds, and noteEvery that of the notes of rounds with nothing to do.
	lookEvery = time.Hour
	noteEvery = 6 * time.Hour
	// jump is how far the clock may have moved since the last round.
	jump = 24 * time.Hour
	// batch is how many rows one transaction deletes.
	batch = 1000
)

// retention is the action of the entries that say when a round was, in the log of the operator.
const retention = "data.retention"

// ErrClock says that the clock moved by more than a day since the last round: nothing is deleted by a
// clock that may be wrong.
var ErrClock = errors.New("the clock moved by more than a day since what is over was deleted the last time: see that it is right, and run kontor retention --clock-is-right")

// Retained is what a round of the retention took away.
type Retained struct {
	audit.Retained
	Mails         int `json:"mails,omitempty"`
	Links         int `json:"links,omitempty"`
	Registrations int `json:"registrations,omitempty"`
	// Confirmed says that somebody vouched for the clock.
	Confirmed bool `json:"confirmed,omitempty"`
}

// KeepRetaining deletes what is over, every hour, until the context ends (PRIV-09).
func (r *Room) KeepRetaining(ctx context.Context, log *slog.Logger) {
	rounds.Keep(ctx, lookEvery, nil, log, "what is over was not deleted", func(ctx context.Context) error {
		_, err := r.Retain(authz.System(ctx), false)
		return err
	})
}

// Retain deletes what is over: in batches, so that it may end anywhere and goes on there the next time. The
// first round ever only notes the time. One whose clock is more than a day away from that of the last round is refused
// with ErrClock, unless somebody vouches for the clock. The context must be authz.System.
func (r *Room) Retain(ctx context.Context, clockIsRight bool) (done Retained, err error) {
	now := r.now().UTC()
	last, err := r.lastRound(ctx)
	switch {
	case err != nil:
		return done, err
	case last.IsZero() && !clockIsRight:
		return done, r.noteRound(ctx, done)
	case !clockIsRight && now.Sub(last).Abs() > jump:
		return done, ErrClock
	}
	done.Confirmed = clockIsRight
	for _, each := range []struct {
		what string
		n    *int
		some func(tx *ent.Tx) (int, error)
	}{
		{"mails", &done.Mails, func(tx *ent.Tx) (int, error) {
			over := mail.And(mail.CreatedAtLT(now.Add(-MailKept)), mail.Or(mail.SentAtNotNil(), mail.NextAttemptAtGT(now.AddDate(100, 0, 0)))) // sent, or given up
			ids, err := tx.Mail.Query().Where(over).Limit(batch).IDs(ctx)
			return deleted(ids, err, func() (int, error) { return tx.Mail.Delete().Where(mail.IDIn(ids...)).Exec(ctx) })
		}},
		{"links", &done.Links, func(tx *ent.Tx) (int, error) {
			ids, err := tx.OneTimeLink.Query().Where(onetimelink.ExpiresAtLT(now.Add(-LinkKept))).Limit(batch).IDs(ctx)
			return deleted(ids, err, func() (int, error) { return tx.OneTimeLink.Delete().Where(onetimelink.IDIn(ids...)).Exec(ctx) })
		}},
		{"registrations", &done.Registrations, func(tx *ent.Tx) (int, error) {
			ids, err := tx.Registration.Query().Where(registration.ExpiresAtLT(now.Add(-LinkKept))).Limit(batch).IDs(ctx)
			return deleted(ids, err, func() (int, error) { return tx.Registration.Delete().Where(registration.IDIn(ids...)).Exec(ctx) })
		}},
	} {
		for n := batch; n == batch; *each.n += n {
			if n, err = db.InTx(ctx, r.db, each.some); err != nil {
				return done, fmt.Errorf("deleting %s that are over: %w", each.what, err)
			}
		}
	}
	done.Retained, err = r.audit.Retain(ctx)
	if err != nil && ctx.Err() != nil {
		return done, err
	}
	// One company's log where it failed keeps no round from having been.
	if done != (Retained{}) || now.Sub(last) >= noteEvery {
		return done, errors.Join(err, r.noteRound(ctx, done))
	}
	return done, err
}

func deleted(ids []uuid.UUID, err error, do func() (int, error)) (int, error) {
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return do()
}

// lastRound is when the last round was; never is the zero time.
func (r *Room) lastRound(ctx context.Context) (time.Time, error) {
	operators, err := r.db.Client.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).IDs(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the operator: %w", err)
	}
	last, err := r.db.Client.AuditEntry.Query().Where(auditentry.TenantIDIn(operators...), auditentry.Action(retention)).
		Order(auditentry.ByID(sql.OrderDesc())).First(ctx)
	if ent.IsNotFound(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when what is over was deleted the last time: %w", err)
	}
	return last.At, nil
}

func (r *Room) noteRound(ctx context.Context, done Retained) error {
	err := r.audit.Platform(ctx, audit.Change{Action: retention, Kind: "Retention", After: done})
	if err != nil {
		return fmt.Errorf("noting that what is over was deleted: %w", err)
	}
	return nil
}
