package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/onetimelink"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
)

// UserFilter says which users to list. Everything given must hold.
type UserFilter struct {
	Search   *string
	Status   *user.Status
	Role     *authz.Role
	TenantID *gid.ID
}

// CreateUserInput is a new user (ID-04).
type CreateUserInput struct {
	Title     *string
	FirstName string
	LastName  string
	Email     string
	Roles     []authz.Role
	TenantID  *gid.ID
}

// DeactivateUserInput is a user to switch off, and who takes over its sub admins.
type DeactivateUserInput struct {
	ID            gid.ID
	NewSuperiorID *gid.ID
}

// Users is the query for the users that the viewer administers, under a filter
// (ID-15).
func (s *Service) Users(where *UserFilter) *ent.UserQuery {
	q := s.DB.Client.User.Query()
	if where == nil {
		return q
	}
	if where.Search != nil && strings.TrimSpace(*where.Search) != "" {
		for word := range strings.FieldsSeq(*where.Search) {
			q.Where(user.Or(user.FirstNameContainsFold(word), user.LastNameContainsFold(word),
				user.UsernameContainsFold(word), user.EmailContainsFold(word)))
		}
	}
	if where.Status != nil {
		q.Where(user.StatusEQ(*where.Status))
	}
	if where.Role != nil {
		q.Where(user.HasRolesWith(userrole.RoleEQ(userrole.Role(*where.Role))))
	}
	if where.TenantID != nil {
		q.Where(user.TenantID(where.TenantID.Of(ent.KindTenant)))
	}
	return q
}

// Create makes a user and mails it an invitation (ID-04).
func (s *Service) Create(ctx context.Context, in CreateUserInput) (*ent.User, error) {
	creator, err := s.User(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.homeFor(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	operator := v.Has(authz.ServiceAgent)
	if t.UsersCreatedBy == tenant.UsersCreatedByOPERATOR && !operator {
		return nil, fault.New("USERS_CREATED_BY_OPERATOR").Contact()
	}
	var faults fault.List
	u := &ent.User{
		TenantID: t.ID, Status: user.StatusINVITED, Language: user.Language(t.Language), Title: fault.Line(in.Title, titleLength, []string{"title"}, &faults),
		FirstName: fault.Needed(in.FirstName, nameLength, "firstName", &faults), LastName: fault.Needed(in.LastName, nameLength, "lastName", &faults),
	}
	roles := rolesOf(in.Roles, t, operator, &faults)
	address, ok := email.Parse(in.Email)
	domain := t.EmailDomain
	if creator.TenantID == t.ID {
		domain = email.DomainOf(creator.Email)
	}
	switch {
	case !ok:
		faults.Add(fault.New("EMAIL_INVALID", "email"))
	case !strings.EqualFold(email.DomainOf(address), domain):
		faults.Add(fault.New("EMAIL_DOMAIN_MISMATCH", "email").With("domain", domain))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	u.Email, u.Username = address, address
	if slices.Contains(roles, authz.SubAdmin) && creator.TenantID == t.ID {
		u.SuperiorID = &creator.ID
	}
	system := authz.System(ctx)
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		added, err := s.add(system, tx, u, "", roles...)
		if err != nil {
			return nil, err
		}
		_, err = s.invite(system, tx, mail.UserInvited, added, t, creator.DisplayName())
		return added, err
	})
}

// homeFor is the tenant of a new user: the viewer's own, or one that it administers.
func (s *Service) homeFor(ctx context.Context, id *gid.ID) (*ent.Tenant, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return s.Tenant(ctx)
	}
	t, err := s.DB.Client.Tenant.Query().Where(tenant.ID(id.Of(ent.KindTenant))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New("TENANT_UNKNOWN", "tenantId")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the tenant of a new user: %w", err)
	}
	allowed, err := authz.Can(v, "user.administer", authz.Thing{Tenant: t.ID, TenantPath: t.Path})
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.New("TENANT_UNKNOWN", "tenantId")
	}
	return t, nil
}

// administered is a user that the viewer may administer, with its company and roles;
// for any other ID it is not found.
func (s *Service) administered(ctx context.Context, id gid.ID) (*ent.User, *authz.Viewer, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	u, err := s.DB.Client.User.Query().Where(user.ID(id.Of(ent.KindUser))).WithTenant().WithRoles().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading a user to administer: %w", err)
	}
	allowed, err := authz.Can(v, "user.administer", authz.Thing{Tenant: u.TenantID, TenantPath: u.Edges.Tenant.Path, Owner: u.ID})
	if err != nil {
		return nil, nil, err
	}
	if !allowed {
		return nil, nil, fault.ErrNotFound
	}
	return u, v, nil
}

// Deactivate switches a user off: its sessions end at once, everywhere, and its open
// links die (ID-15, ID-16).
func (s *Service) Deactivate(ctx context.Context, in DeactivateUserInput) (*ent.User, error) {
	u, v, err := s.administered(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if u.Status == user.StatusDEACTIVATED {
		return u, nil
	}
	system := authz.System(ctx)
	changed, err := db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		if err := s.lockTenant(system, tx, u.TenantID); err != nil {
			return nil, err
		}
		if err := s.keepMaster(system, tx, u, v.Has(authz.ServiceAgent)); err != nil {
			return nil, err
		}
		if err := s.handOver(system, tx, u, v, in.NewSuperiorID); err != nil {
			return nil, err
		}
		if err := s.revoke(system, tx, u); err != nil {
			return nil, err
		}
		changed, err := tx.User.UpdateOneID(u.ID).SetStatus(user.StatusDEACTIVATED).SetSessionsValidAfter(s.moment()).SetSurvivingSession("").Save(system)
		if err != nil {
			return nil, fmt.Errorf("switching a user off: %w", err)
		}
		return changed, s.Outbox.Put(system, tx, mail.Deactivated, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment(), By: s.actorName(ctx)})
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.Sessions.EndAll(ctx, u.ID, ""); err != nil {
		return nil, unavailable(err)
	}
	return changed, nil
}

// Reactivate switches a user on again, or releases one that is locked (ID-15). Whoever
// never registered is invited anew.
func (s *Service) Reactivate(ctx context.Context, id gid.ID) (*ent.User, error) {
	u, _, err := s.administered(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.Status == user.StatusACTIVE || u.Status == user.StatusINVITED {
		return u, nil
	}
	system := authz.System(ctx)
	changed, err := db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		update := tx.User.UpdateOneID(u.ID)
		if u.PasswordHash == "" {
			if _, err := s.invite(system, tx, mail.UserInvited, u, u.Edges.Tenant, s.actorName(ctx)); err != nil {
				return nil, err
			}
			return update.SetStatus(user.StatusINVITED).Save(system)
		}
		changed, err := update.SetStatus(user.StatusACTIVE).Save(system)
		if err != nil {
			return nil, fmt.Errorf("switching a user on: %w", err)
		}
		return changed, s.Outbox.Put(system, tx, mail.Reactivated, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment(), By: s.actorName(ctx)})
	})
	if err != nil {
		return nil, err
	}
	if err := s.Throttle.Reset(ctx, "login", u.ID.String()); err != nil {
		return nil, unavailable(err)
	}
	return changed, nil
}

// SendReset mails a user a link for a new password and releases it if it was locked
// (ID-15, ID-19).
func (s *Service) SendReset(ctx context.Context, id gid.ID) (*ent.User, error) {
	u, _, err := s.administered(ctx, id)
	if err != nil {
		return nil, err
	}
	switch u.Status {
	case user.StatusINVITED:
		return nil, fault.New("USER_NOT_REGISTERED", "id")
	case user.StatusDEACTIVATED:
		return nil, fault.New("USER_DEACTIVATED", "id")
	}
	system := authz.System(ctx)
	if _, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		if err := tx.User.Update().Where(user.ID(u.ID), user.StatusEQ(user.StatusLOCKED)).SetStatus(user.StatusACTIVE).Exec(system); err != nil {
			return struct{}{}, fmt.Errorf("releasing a user: %w", err)
		}
		return struct{}{}, s.mailReset(system, tx, u)
	}); err != nil {
		return nil, err
	}
	if err := s.Throttle.Reset(ctx, "login", u.ID.String()); err != nil {
		return nil, unavailable(err)
	}
	return s.DB.Client.User.Get(ctx, u.ID)
}

// Resend invites a user again; earlier links no longer work (ID-15).
func (s *Service) Resend(ctx context.Context, id gid.ID) (*ent.User, error) {
	u, _, err := s.administered(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.Status != user.StatusINVITED {
		return nil, fault.New("USER_REGISTERED", "id")
	}
	system := authz.System(ctx)
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		_, err := s.invite(system, tx, mail.UserInvited, u, u.Edges.Tenant, s.actorName(ctx))
		return struct{}{}, err
	})
	return u, err
}

// Revoke withdraws a user's invitation (ID-15).
func (s *Service) Revoke(ctx context.Context, id gid.ID) (*ent.User, error) {
	u, _, err := s.administered(ctx, id)
	if err != nil {
		return nil, err
	}
	if u.Status != user.StatusINVITED {
		return nil, fault.New("USER_REGISTERED", "id")
	}
	system := authz.System(ctx)
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, s.revoke(system, tx, u, onetimelink.PurposeINVITATION)
	})
	return u, err
}

// actorName is who administers, as mails name it; they can do without.
func (s *Service) actorName(ctx context.Context) string {
	u, err := s.User(ctx)
	if err != nil {
		return ""
	}
	return u.DisplayName()
}
