package identity

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/actingsession"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/live"
	"kontor/internal/session"
)

// ActForInput says which customer to act for, and why; nil to stop.
type ActForInput struct {
	TenantID *gid.ID
	Reason   *string
}

const (
	// reasonLength bounds a reason, in characters.
	reasonLength = 200
	// noReason is in the audit log where none was given.
	noReason = "NOT_GIVEN"
)

// ActFor lets an agent work for a customer from now on, in this session, or for nobody
// but itself (AC-02), and gives the viewer that it is then. Whoever may not act for a
// company is told the same as when there is none.
func (s *Service) ActFor(ctx context.Context, in ActForInput) (*authz.Viewer, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	home := *v.AtHome()
	home.Pending = slices.DeleteFunc(slices.Clone(home.Pending), func(step authz.Step) bool { return step == authz.StopActing })
	var faults fault.List
	reason := fault.Line(in.Reason, reasonLength, []string{"reason"}, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	becomes, customer := &home, uuid.Nil
	if in.TenantID != nil {
		t, err := s.DB.Client.Tenant.Query().Where(tenant.ID(in.TenantID.Of(ent.KindTenant))).Only(authz.NewContext(ctx, &home))
		if ent.IsNotFound(err) {
			return nil, fault.New("TENANT_UNKNOWN", "tenantId")
		}
		if err != nil {
			return nil, fmt.Errorf("finding the customer to act for: %w", err)
		}
		acting, ok, err := home.ActFor(t.ID, t.Path)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.New("TENANT_UNKNOWN", "tenantId")
		}
		if reason == "" && t.ActingNeedsReason {
			return nil, fault.New("VALUE_REQUIRED", "reason")
		}
		becomes, customer = acting, t.ID
	}
	switched, err := db.InTx(ctx, s.DB, func(tx *ent.Tx) (bool, error) { return s.switchTo(ctx, tx, &home, customer, cmp.Or(reason, noReason)) })
	if err != nil || !switched {
		return becomes, err
	}
	// What goes on in this session is about another company now.
	s.Live.Tell(ctx, live.News{Kind: live.Session, User: v.User, Session: v.Session})
	// Another privilege, another token (AUTH-08). The switch has happened: a failure here must
	// not tell that it has not.
	if err := s.renew(ctx, v); err != nil {
		s.Log.ErrorContext(ctx, "giving a session another token failed", "error", err)
	}
	return becomes, nil
}

// switchTo notes which customer the session acts for, and tells the audit logs of those
// that it begins and stops to act for. It clears away what ended sessions left behind.
func (s *Service) switchTo(ctx context.Context, tx *ent.Tx, home *authz.Viewer, customer uuid.UUID, reason string) (bool, error) {
	system := authz.System(ctx)
	// Two switches at once follow one another, so that each that begins also ends.
	if _, err := db.ForUpdate(s.DB, tx.User.Query().Where(user.ID(home.User)), db.KeepingKeys).OnlyID(system); err != nil {
		return false, fmt.Errorf("holding the agent: %w", err)
	}
	rows, err := tx.ActingSession.Query().Where(actingsession.UserID(home.User)).All(system)
	if err != nil {
		return false, fmt.Errorf("reading whom the viewer acts for: %w", err)
	}
	// After the rows: whoever logged in meanwhile has none among them.
	sessions, err := s.OwnSessions(ctx)
	if err != nil {
		return false, err
	}
	former, over := uuid.Nil, []uuid.UUID{}
	for _, row := range rows {
		isLive := slices.ContainsFunc(sessions, func(each session.Session) bool { return each.ID == row.SessionID.String() })
		switch {
		case row.SessionID.String() == home.Session:
			former = row.CustomerID
			if customer == uuid.Nil {
				over = append(over, row.ID)
			}
		case !isLive:
			over = append(over, row.ID)
		}
	}
	if former == customer {
		return false, nil
	}
	if _, err := tx.ActingSession.Delete().Where(actingsession.IDIn(over...)).Exec(system); err != nil {
		return false, fmt.Errorf("ending to act for a customer: %w", err)
	}
	if customer != uuid.Nil {
		key, err := uuid.Parse(home.Session)
		if err != nil {
			return false, fmt.Errorf("reading the key of a session: %w", err)
		}
		err = tx.ActingSession.Create().SetTenantID(home.Tenant).SetUserID(home.User).SetSessionID(key).SetCustomerID(customer).
			SetCreatedAt(s.moment()).OnConflictColumns(actingsession.FieldSessionID).UpdateCustomerID().Exec(system)
		if err != nil {
			return false, fmt.Errorf("beginning to act for a customer: %w", err)
		}
	}
	return true, s.recordActing(ctx, tx, former, customer, reason)
}

// recordActing tells both customers, in the order of their keys so that two switches never
// wait for each other.
func (s *Service) recordActing(ctx context.Context, tx *ent.Tx, former, customer uuid.UUID, reason string) error {
	concerned, err := tx.Tenant.Query().Where(tenant.IDIn(former, customer)).Order(tenant.ByID()).All(authz.System(ctx))
	if err != nil {
		return fmt.Errorf("reading the customers of an agent: %w", err)
	}
	for _, t := range concerned {
		after := fields{"acting": t.ID == customer}
		if t.ID == customer {
			after["reason"] = reason
		}
		err := s.Audit.Record(ctx, tx, audit.Change{
			Tenant: t.ID, Action: "tenant.act", Kind: "Tenant", Subject: t.ID, Label: t.Name,
			Before: fields{"acting": t.ID == former}, After: after,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// acting is a viewer whose session acts for a customer. What must be done before anything
// else is done at home; and whoever may no longer act for the customer has to say what
// next, so that nothing is done for another company by mistake.
func acting(home *authz.Viewer, customer uuid.UUID, path string) (*authz.Viewer, error) {
	if len(home.Pending) > 0 {
		return home, nil
	}
	v, ok, err := home.ActFor(customer, path)
	if err != nil {
		return nil, err
	}
	if !ok {
		home.Pending = []authz.Step{authz.StopActing}
		return home, nil
	}
	return v, nil
}
