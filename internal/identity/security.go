package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/internal/audit"
	"kontor/internal/fault"
	"kontor/internal/throttle"
)

// What happens around ways in is in the audit log, too, each time exactly once (PRIV-03). What
// somebody typed is not: a user name in the wrong field is often a password.

// security is an entry about a user's way in.
func security(action string, u *ent.User, after fields) audit.Change {
	c := audit.Change{Tenant: u.TenantID, Action: action, Kind: "User", Subject: u.ID, Label: u.Username, By: u, Security: true}
	if after != nil {
		c.After = after
	}
	return c
}

// refusedLogin notes a login that was refused, behind the answer: the time of an answer must not tell
// whether there is such a user. Nobody's are in the operator's log. Whoever has to wait is noted once a
// minute: it may come as often as it likes.
func (s *Service) refusedLogin(ctx context.Context, u *ent.User, reason string) {
	s.notes.put(ctx, "noting a refused login", func(ctx context.Context) error {
		if u == nil {
			return s.Audit.Platform(ctx, audit.Change{Action: "login", After: fields{"reason": reason}, Security: true, Refused: true})
		}
		c := security("login", u, fields{"reason": reason})
		c.By, c.Refused = nil, true // whoever it was, it did not show that it is the user
		if reason != "THROTTLED" {
			return s.Audit.Note(ctx, c)
		}
		return s.onceAMinute(ctx, []string{"login", u.ID.String(), reason}, func() error { return s.Audit.Note(ctx, c) })
	})
}

// onceAMinute notes what may be repeated without end: the first time in a minute, on whichever replica.
func (s *Service) onceAMinute(ctx context.Context, key []string, note func() error) error {
	return s.onceIn(ctx, time.Minute, key, false, note)
}

// onceIn notes something once in a time, or always.
func (s *Service) onceIn(ctx context.Context, every time.Duration, key []string, always bool, note func() error) error {
	slot, err := s.Throttle.Take(ctx, "noted", strings.Join(key, " "), throttle.Allowance{Burst: 1, Refill: every})
	if err != nil {
		return unavailable(err)
	}
	if !slot.Allowed && !always {
		return nil
	}
	if err := note(); err != nil {
		return errors.Join(err, s.Throttle.Return(ctx, slot))
	}
	return nil
}

// NoteOnceAMinute notes, behind the answer, what may be repeated without end; the key says what counts as the same.
func (s *Service) NoteOnceAMinute(ctx context.Context, doing string, key []string, c audit.Change) {
	s.notes.put(ctx, doing, func(ctx context.Context) error {
		return s.onceAMinute(ctx, key, func() error { return s.Audit.Note(ctx, c) })
	})
}

// NoteReading notes in the log of each of these companies that an agent takes a list with something of it out without acting for
// it: once an hour, for each list (PRIV-08). What an agent reads while it acts is below the entry that says so.
func (s *Service) NoteReading(ctx context.Context, list string, of func(context.Context) (map[uuid.UUID]bool, error)) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if v.ActsFor() || !v.Has(authz.ServiceAgent) && !v.Has(authz.PartnerAgent) {
		return nil
	}
	companies, err := of(ctx)
	if err != nil {
		return err
	}
	for of := range companies {
		if of == v.Tenant {
			continue
		}
		c := audit.Change{Tenant: of, Action: "data.read", Kind: "File", Label: list, Security: true}
		err := s.onceIn(ctx, time.Hour, []string{c.Action, v.User.String(), of.String(), list}, false, func() error { return s.Audit.Note(ctx, c) })
		if err != nil {
			return fmt.Errorf("noting that a company's data is read: %w", err)
		}
	}
	return nil
}

// NoteOnceAnHour notes, before it is done, what belongs to what was noted within the hour; always: it is a
// beginning, after which that holds for what belongs to it.
func (s *Service) NoteOnceAnHour(ctx context.Context, key []string, always bool, c audit.Change) error {
	return s.onceIn(ctx, time.Hour, key, always, func() error { return s.Audit.Note(ctx, c) })
}

// noteEnd notes that somebody ended its sessions. A session of an agent is of its own company.
func (s *Service) noteEnd(ctx context.Context, v *authz.Viewer, ended int) error {
	if ended == 0 {
		return nil
	}
	home := v.AtHome()
	err := s.Audit.Note(ctx, audit.Change{
		Tenant: home.Tenant, Action: "session.end", Kind: "User", Subject: v.User, Label: v.Username, After: fields{"sessions": ended}, Security: true,
	})
	if err != nil {
		return fmt.Errorf("noting the end of sessions: %w", err)
	}
	return nil
}

// refusal tells whether somebody was refused, and not that something did not work.
func refusal(err error) bool {
	var refused *fault.Fault
	return errors.As(err, &refused)
}

// reasonOf is why a password did not let somebody in.
func (s *Service) reasonOf(u *ent.User, allowed bool) string {
	switch {
	case u == nil:
		return "UNKNOWN"
	case !allowed:
		return "THROTTLED"
	case s.initialIsOver(u):
		return "EXPIRED"
	default:
		return "PASSWORD"
	}
}

// Object is something of a company.
type Object struct {
	Kind       string // as the API calls its type
	Key, Owner uuid.UUID
}

// OwnerOf is the company that something of a table belongs to; none where it is not there.
func (s *Service) OwnerOf(ctx context.Context, table string, key uuid.UUID) (uuid.UUID, error) {
	column := "tenant_id"
	if table == tenant.Table {
		column = "id"
	}
	rows, err := s.DB.Query(authz.System(ctx), "SELECT "+column+" FROM "+table+" WHERE id = $1", key)
	if err != nil {
		return uuid.Nil, fmt.Errorf("looking whose something is: %w", err)
	}
	defer rows.Close()
	var owner uuid.UUID
	if rows.Next() {
		if err := rows.Scan(&owner); err != nil {
			return uuid.Nil, fmt.Errorf("looking whose something is: %w", err)
		}
	}
	return owner, rows.Err()
}

// ofRefusals is how many refusals of one user are looked at; of those beyond them, the log has one entry
// a minute.
var ofRefusals = throttle.Allowance{Burst: 60, Refill: 5 * time.Second}

// NoteRefusal notes, behind the answer, that an operation was refused to the viewer: in its company's log
// where its roles do not allow it; where it named something of another company, in the operator's too, because
// its own company must not learn that there is such a thing. What is neither, such as a typing error, is
// not noted, and what is repeated is once a minute. The function finds what was named.
func (s *Service) NoteRefusal(ctx context.Context, operation []string, forbidden bool, named func(context.Context) (*Object, error)) {
	s.notes.put(ctx, "noting what was refused", func(ctx context.Context) error {
		v, err := authz.FromContext(ctx)
		if err != nil {
			return err
		}
		slot, err := s.Throttle.Take(ctx, "refusals", v.User.String(), ofRefusals)
		if err != nil {
			return unavailable(err)
		}
		label, home := strings.Join(operation, " "), v.AtHome().Tenant
		note := func(reason, label string, c audit.Change, where func(context.Context, audit.Change) error) error {
			c.Action, c.Label, c.Security, c.Refused = "access", label, true, true
			return s.onceAMinute(ctx, []string{c.Action, v.User.String(), reason, label}, func() error { return where(ctx, c) })
		}
		if !slot.Allowed {
			return note("MANY", "", audit.Change{Tenant: home, Kind: "Operation", After: fields{"reason": "MANY"}}, s.Audit.Note)
		}
		// That it is forbidden is noted whatever was named: a missing entry would tell the company.
		if forbidden {
			err = note("FORBIDDEN", label, audit.Change{Tenant: home, Kind: "Operation", After: fields{"reason": "FORBIDDEN"}}, s.Audit.Note)
		}
		foreign, failed := named(ctx)
		if failed != nil || foreign == nil {
			return errors.Join(err, failed)
		}
		return errors.Join(err, note("FOREIGN", label, audit.Change{
			Kind: foreign.Kind, Subject: foreign.Key, After: fields{"reason": "FOREIGN", "owner": foreign.Owner},
		}, s.Audit.Platform))
	})
}
