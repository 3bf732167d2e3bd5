package identity

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kontor/authz"
	"kontor/authz/rows"
	"kontor/ent"
	"kontor/ent/customercentrelink"
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

// maxSearch bounds a search in characters: nobody types more, and a database refuses
// conditions without end.
const maxSearch = 200

// Users is the query for the users that the viewer administers, under a filter
// (ID-15): those that it may only see, as a partner's agent those of customers, are
// not among them.
func (s *Service) Users(ctx context.Context, where *UserFilter) (*ent.UserQuery, error) {
	return s.users(ctx, "user.administer", where)
}

// Served is the query for the users of companies that the viewer administers or, as an
// agent, looks after (AC-02).
func (s *Service) Served(ctx context.Context, where *UserFilter) (*ent.UserQuery, error) {
	return s.users(ctx, "tenant.users", where)
}

// users are those that the viewer may do an action on.
func (s *Service) users(ctx context.Context, action string, where *UserFilter) (*ent.UserQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	allowed, err := rows.Visible(v, action, rows.Columns{Owner: user.FieldID, Tenant: user.FieldTenantID})
	if err != nil {
		return nil, err
	}
	q := s.DB.Client.User.Query()
	q.WhereP(allowed)
	if where == nil {
		return q, nil
	}
	if where.Search != nil {
		for _, word := range searched(*where.Search) {
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
	return q, nil
}

// searched are the words of a search, with umlauts as one letter, however they were
// typed.
func searched(text string) []string {
	text = norm.NFC.String(text)
	if runes := []rune(text); len(runes) > maxSearch {
		text = string(runes[:maxSearch])
	}
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
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
	roles := rolesOf(in.Roles, nil, t, operator, &faults)
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
	if needsSuperior(roles) && creator.TenantID == t.ID && v.Has(authz.MasterAdmin) {
		u.SuperiorID = &creator.ID
	}
	system := authz.System(ctx)
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		added, err := s.add(system, tx, u, "", roles...)
		if err != nil {
			return nil, err
		}
		if _, err = s.invite(system, tx, mail.UserInvited, added, t, creator); err != nil {
			return nil, err
		}
		return added, s.record(system, tx, "user.create", added, nil, fields{"email": added.Email, "roles": roles})
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

// administered is a user that the viewer may administer, with its company; for any
// other ID it is not found.
func (s *Service) administered(ctx context.Context, id gid.ID) (*ent.User, *authz.Viewer, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	u, err := s.DB.Client.User.Query().Where(user.ID(id.Of(ent.KindUser))).WithTenant().Only(ctx)
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

// change is a change of a user under way: the user with its company and roles, and who
// administers it, as they are in the transaction.
type change struct {
	tx       *ent.Tx
	user     *ent.User
	by       *ent.User
	operator bool // a service agent does it
}

// change does something with a user that the viewer administers, in a transaction of
// its own. The users of a company change one at a time, and both sides are read anew:
// somebody who was switched off or lost the role meanwhile changes nothing any more.
func (s *Service) change(ctx context.Context, id gid.ID, do func(ctx context.Context, c change) (*ent.User, error)) (*ent.User, error) {
	found, v, err := s.administered(ctx, id)
	if err != nil {
		return nil, err
	}
	system := authz.System(ctx)
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		if err := s.lockTenant(system, tx, found.TenantID); err != nil {
			return nil, err
		}
		u, err := tx.User.Query().Where(user.ID(found.ID)).WithTenant().WithRoles().Only(system)
		if err != nil {
			return nil, fmt.Errorf("reading a user to administer: %w", err)
		}
		by, err := tx.User.Query().Where(user.ID(v.User)).WithRoles().Only(system)
		if err != nil {
			return nil, fmt.Errorf("reading who administers: %w", err)
		}
		now := *v
		now.Roles = held(by)
		allowed, err := authz.Can(&now, "user.administer", authz.Thing{Tenant: u.TenantID, TenantPath: u.Edges.Tenant.Path, Owner: u.ID})
		if err != nil {
			return nil, err
		}
		if !allowed || by.Status == user.StatusDEACTIVATED {
			return nil, fault.ErrForbidden
		}
		return do(system, change{tx: tx, user: u, by: by, operator: now.Has(authz.ServiceAgent)})
	})
}

// tell mails the user what happened to it.
func (s *Service) tell(ctx context.Context, c change, what mail.Template, more mail.Content) error {
	more.User, more.Tenant, more.At, more.By = c.user, c.user.Edges.Tenant, s.moment(), c.by.DisplayName()
	return s.Outbox.Put(ctx, c.tx, what, more)
}

// Deactivate switches a user off: its sessions end at once, everywhere, and its open
// links die, with those of whom it invited (ID-15, ID-16). Its link to the customer centre ends, so that whoever comes
// after it can link the same identity (AC-12).
func (s *Service) Deactivate(ctx context.Context, in DeactivateUserInput) (*ent.User, error) {
	changed, err := s.change(ctx, in.ID, func(ctx context.Context, c change) (*ent.User, error) {
		if c.user.Status == user.StatusDEACTIVATED {
			return c.user, nil
		}
		if err := s.keepMaster(ctx, c); err != nil {
			return nil, err
		}
		if err := s.handOver(ctx, c, in.NewSuperiorID); err != nil {
			return nil, err
		}
		if err := s.revoke(ctx, c.tx, c.user); err != nil {
			return nil, err
		}
		if err := s.unlink(ctx, c); err != nil {
			return nil, err
		}
		changed, err := c.tx.User.UpdateOneID(c.user.ID).SetStatus(user.StatusDEACTIVATED).SetSessionsValidAfter(s.moment()).SetSurvivingSession("").Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("switching a user off: %w", err)
		}
		if err := s.revokeSent(ctx, c.tx, c.user); err != nil {
			return nil, err
		}
		if err := s.record(ctx, c.tx, "user.deactivate", c.user, fields{"status": c.user.Status}, fields{"status": changed.Status}); err != nil {
			return nil, err
		}
		return changed, s.tell(ctx, c, mail.Deactivated, mail.Content{})
	})
	if err != nil {
		return nil, err
	}
	// The database has cut them off already; this frees what Redis keeps.
	if _, err := s.Sessions.EndAll(ctx, changed.ID, ""); err != nil {
		return nil, unavailable(err)
	}
	return changed, nil
}

// unlink ends the link of a user to the customer centre, if there is one.
func (s *Service) unlink(ctx context.Context, c change) error {
	link, err := c.tx.CustomerCentreLink.Query().Where(customercentrelink.UserID(c.user.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a link to the customer centre: %w", err)
	}
	if err := c.tx.CustomerCentreLink.DeleteOne(link).Exec(ctx); err != nil {
		return fmt.Errorf("ending a link to the customer centre: %w", err)
	}
	return s.record(ctx, c.tx, "centre.unlink", c.user, fields{"issuer": link.Issuer, "subject": link.Subject}, nil)
}

// Reactivate switches a user on again, or releases one that is locked (ID-15). Whoever
// never registered is invited anew.
func (s *Service) Reactivate(ctx context.Context, id gid.ID) (*ent.User, error) {
	changed, err := s.change(ctx, id, func(ctx context.Context, c change) (*ent.User, error) {
		u, status := c.user, user.StatusACTIVE
		switch {
		case u.Status == user.StatusACTIVE || u.Status == user.StatusINVITED:
			return u, nil
		case u.PasswordHash == "":
			status = user.StatusINVITED
			if _, err := s.invite(ctx, c.tx, mail.UserInvited, u, u.Edges.Tenant, c.by); err != nil {
				return nil, err
			}
		default:
			if err := s.tell(ctx, c, mail.Reactivated, mail.Content{}); err != nil {
				return nil, err
			}
		}
		changed, err := c.tx.User.UpdateOneID(u.ID).SetStatus(status).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("switching a user on: %w", err)
		}
		return changed, s.record(ctx, c.tx, "user.reactivate", u, fields{"status": u.Status}, fields{"status": status})
	})
	if err != nil {
		return nil, err
	}
	return changed, s.unthrottle(ctx, changed)
}

// SendReset mails a user a link for a new password and releases it if it was locked
// (ID-15, ID-19).
func (s *Service) SendReset(ctx context.Context, id gid.ID) (*ent.User, error) {
	changed, err := s.change(ctx, id, func(ctx context.Context, c change) (*ent.User, error) {
		switch c.user.Status {
		case user.StatusINVITED:
			return nil, fault.New("USER_NOT_REGISTERED", "id")
		case user.StatusDEACTIVATED:
			return nil, fault.New("USER_DEACTIVATED", "id")
		}
		if err := s.mailReset(ctx, c.tx, c.user); err != nil {
			return nil, err
		}
		changed, err := c.tx.User.UpdateOneID(c.user.ID).SetStatus(user.StatusACTIVE).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("releasing a user: %w", err)
		}
		return changed, s.record(ctx, c.tx, "user.reset", c.user, nil, fields{"status": changed.Status})
	})
	if err != nil {
		return nil, err
	}
	return changed, s.unthrottle(ctx, changed)
}

// unthrottle lets a user log in at once who had to wait.
func (s *Service) unthrottle(ctx context.Context, u *ent.User) error {
	if err := s.Throttle.Reset(ctx, "login", u.ID.String()); err != nil {
		return unavailable(err)
	}
	return nil
}

// Resend invites a user again; earlier links no longer work (ID-15).
func (s *Service) Resend(ctx context.Context, id gid.ID) (*ent.User, error) {
	return s.change(ctx, id, func(ctx context.Context, c change) (*ent.User, error) {
		if err := invited(c.user); err != nil {
			return nil, err
		}
		if _, err := s.invite(ctx, c.tx, mail.UserInvited, c.user, c.user.Edges.Tenant, c.by); err != nil {
			return nil, err
		}
		return c.user, s.record(ctx, c.tx, "user.invite", c.user, nil, fields{"email": c.user.Email})
	})
}

// Revoke withdraws a user's invitation (ID-15).
func (s *Service) Revoke(ctx context.Context, id gid.ID) (*ent.User, error) {
	return s.change(ctx, id, func(ctx context.Context, c change) (*ent.User, error) {
		if err := invited(c.user); err != nil {
			return nil, err
		}
		if err := s.revoke(ctx, c.tx, c.user, onetimelink.PurposeINVITATION); err != nil {
			return nil, err
		}
		return c.user, s.record(ctx, c.tx, "user.uninvite", c.user, nil, nil)
	})
}

// invited says why somebody has no invitation that could be sent or withdrawn.
func invited(u *ent.User) error {
	switch u.Status {
	case user.StatusINVITED:
		return nil
	case user.StatusDEACTIVATED:
		return fault.New("USER_DEACTIVATED", "id")
	default:
		return fault.New("USER_REGISTERED", "id")
	}
}
