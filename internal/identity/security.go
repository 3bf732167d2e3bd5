package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
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

// NoteRefusal notes, behind the answer, that an operation was refused to the viewer: in its company's log
// where its roles do not allow it; where it named something of another company, in the operator's, because
// its own company must not learn that there is such a thing. What is neither, such as a typing error, is
// not noted. The function finds what was named.
func (s *Service) NoteRefusal(ctx context.Context, operation []string, forbidden bool, named func(context.Context) (*Object, error)) {
	s.later(ctx, "noting what was refused", func(ctx context.Context) error {
		c := audit.Change{Action: "access", Kind: "Operation", Label: strings.Join(operation, " "), Security: true, Refused: true}
		foreign, err := named(ctx)
		if err != nil {
			return err
		}
		if foreign != nil {
			c.Kind, c.Subject, c.After = foreign.Kind, foreign.Key, fields{"reason": "FOREIGN", "owner": foreign.Owner}
			return s.Audit.Platform(ctx, c)
		}
		v, err := authz.FromContext(ctx)
		if err != nil || !forbidden {
			return err
		}
		c.Tenant, c.After = v.AtHome().Tenant, fields{"reason": "FORBIDDEN"}
		return s.Audit.Note(ctx, c)
	})
}
