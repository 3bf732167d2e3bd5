package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/mail"
	"kontor/internal/session"
	"kontor/internal/throttle"
)

// loginLimits are those of passwords (ID-19): from the fifth failure on each wait is
// twice as long, and after a hundred in a row only a reset of the password helps.
var loginLimits = throttle.DefaultLimits()

// confirmLimits are those of the current password within a session, where one page may
// send several requests at once.
var confirmLimits = throttle.Limits{Free: 60, First: time.Minute, Longest: time.Hour, Tell: 61, Hard: 200, Forget: 12 * time.Hour}

// challengeLimits let a challenge be answered five times.
var challengeLimits = throttle.Limits{Free: 5, Tell: 5, Hard: 5, Forget: time.Hour}

// fromSource counts an attempt from the client's address until it turns out right.
func (s *Service) fromSource(ctx context.Context) (throttle.Slot, error) {
	slot, err := s.Throttle.Source(ctx, clientOf(ctx).IPAddress)
	if err != nil {
		return slot, unavailable(err)
	}
	if !slot.Allowed {
		return slot, &fault.RateLimited{RetryAfter: slot.RetryAfter}
	}
	return slot, nil
}

// Guess counts a guess at a secret of another room from the client's address, before it is
// looked at, until right says that it was none.
func (s *Service) Guess(ctx context.Context) (right func(context.Context) error, err error) {
	slot, err := s.fromSource(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return unavailable(s.Throttle.Return(ctx, slot)) }, nil
}

// attempt is one to log in, counted with others of the same user, or with those from the same
// known device.
type attempt struct {
	throttle.Decision
	limits throttle.Limits
	device uuid.UUID // the known device, or uuid.Nil
}

// attempt counts an attempt to log in before anything is checked, so that many at once
// cannot slip past. Somebody unknown is counted like a user. A device that guessed too often is
// known no longer.
func (s *Service) attempt(ctx context.Context, u *ent.User, name string, device uuid.UUID) (attempt, error) {
	if device != uuid.Nil {
		d, err := s.Throttle.Reserve(ctx, "device", u.ID.String()+" "+device.String(), deviceLimits)
		if err != nil {
			return attempt{}, unavailable(err)
		}
		if d.Allowed || d.Failures < deviceLimits.Hard {
			return attempt{d, deviceLimits, device}, nil
		}
	}
	key := "nobody " + Key(name)
	if u != nil {
		key = u.ID.String()
	}
	d, err := s.Throttle.Reserve(ctx, "login", key, loginLimits)
	if err != nil {
		return attempt{}, unavailable(err)
	}
	return attempt{d, loginLimits, uuid.Nil}, nil
}

// passed forgets the failures of whoever turned out right.
func (s *Service) passed(ctx context.Context, slot throttle.Slot, attempt throttle.Decision) error {
	if err := s.Throttle.Return(ctx, slot); err != nil {
		return unavailable(err)
	}
	return s.succeed(ctx, attempt)
}

// noteFailure tells the owner of an account once that somebody guesses, and locks the
// account for good when there were too many guesses: behind the answer, whose time
// would tell that there is an owner. Whoever cannot log in anyway is not told.
func (s *Service) noteFailure(ctx context.Context, u *ent.User, d throttle.Decision, l throttle.Limits) {
	lock := d.Failures >= l.Hard
	if u == nil || u.Status != user.StatusACTIVE || !d.Locked && !lock {
		return
	}
	client := clientOf(ctx)
	s.locks.put(ctx, "noting a failed login", func(ctx context.Context) error {
		_, err := db.InTx(ctx, s.DB, func(tx *ent.Tx) (struct{}, error) {
			if lock {
				return struct{}{}, s.lock(ctx, tx, u)
			}
			locked := security("login.lock", u, fields{"failures": d.Failures})
			locked.By = nil
			if err := s.Audit.Record(ctx, tx, locked); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, s.Outbox.Put(ctx, tx, mail.LoginLocked, mail.Content{
				User: u, Tenant: u.Edges.Tenant, At: s.moment(), IPAddress: client.IPAddress,
			})
		})
		return err
	})
}

func (s *Service) lock(ctx context.Context, tx *ent.Tx, u *ent.User) error {
	n, err := tx.User.Update().Where(user.ID(u.ID), user.StatusEQ(user.StatusACTIVE)).SetStatus(user.StatusLOCKED).Save(ctx)
	if err != nil {
		return fmt.Errorf("locking an account: %w", err)
	}
	if n == 0 {
		return nil
	}
	return s.Audit.Record(ctx, tx, audit.Change{
		Tenant: u.TenantID, Action: "user.lock", Kind: "User", Subject: u.ID, Label: u.Username,
		Before: fields{"status": user.StatusACTIVE}, After: fields{"status": user.StatusLOCKED},
	})
}

// reserve counts an attempt at something that is not a login; whoever must wait is
// told for how long.
func (s *Service) reserve(ctx context.Context, kind, key string, l throttle.Limits) (throttle.Decision, error) {
	d, err := s.Throttle.Reserve(ctx, kind, key, l)
	if err != nil {
		return d, unavailable(err)
	}
	if !d.Allowed {
		return d, &fault.RateLimited{RetryAfter: d.RetryAfter}
	}
	return d, nil
}

// succeed forgets the failures up to an attempt that turned out right.
func (s *Service) succeed(ctx context.Context, attempt throttle.Decision) error {
	if err := s.Throttle.Succeed(ctx, attempt); err != nil {
		return unavailable(err)
	}
	return nil
}

// unavailable says that Redis cannot be asked, which is never the same as not being
// logged in and never lets an attempt through.
func unavailable(err error) error {
	if errors.Is(err, session.ErrUnavailable) || errors.Is(err, throttle.ErrUnavailable) {
		return fmt.Errorf("%w: %w", fault.ErrUnavailable, err)
	}
	return err
}
