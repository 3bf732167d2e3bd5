package identity

import (
	"context"
	"errors"
	"fmt"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/audit"
	"kontor/internal/fault"
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
// whether there is such a user. Nobody's are in the operator's log.
func (s *Service) refusedLogin(ctx context.Context, u *ent.User, reason string) {
	s.later(ctx, "noting a refused login", func(ctx context.Context) error {
		if u == nil {
			return s.Audit.Platform(ctx, audit.Change{Action: "login", After: fields{"reason": reason}, Security: true, Refused: true})
		}
		c := security("login", u, fields{"reason": reason})
		c.By, c.Refused = nil, true // whoever it was, it did not show that it is the user
		return s.Audit.Note(ctx, c)
	})
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
func reasonOf(u *ent.User, allowed bool) string {
	switch {
	case u == nil:
		return "UNKNOWN"
	case !allowed:
		return "THROTTLED"
	default:
		return "PASSWORD"
	}
}
