package identity

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
)

// SetUserRolesInput is the full set of a user's roles.
type SetUserRolesInput struct {
	ID    gid.ID
	Roles []authz.Role
}

// ofCustomers are the roles of people who work for a customer; agents are made by
// service agents only.
var ofCustomers = []authz.Role{authz.MasterAdmin, authz.SubAdmin, authz.GeneralUser, authz.Approver}

// SetRoles gives a user other roles; they count from its next request on (ID-15).
func (s *Service) SetRoles(ctx context.Context, in SetUserRolesInput) (*ent.User, error) {
	u, v, err := s.administered(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	operator := v.Has(authz.ServiceAgent)
	var faults fault.List
	roles := rolesOf(in.Roles, u.Edges.Tenant, operator, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	system := authz.System(ctx)
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		if err := s.lockTenant(system, tx, u.TenantID); err != nil {
			return nil, err
		}
		if !slices.Contains(roles, authz.MasterAdmin) {
			if err := s.keepMaster(system, tx, u, operator); err != nil {
				return nil, err
			}
			if err := s.handOver(system, tx, u, v, nil); err != nil {
				return nil, err
			}
		}
		if _, err := tx.UserRole.Delete().Where(userrole.UserID(u.ID)).Exec(system); err != nil {
			return nil, fmt.Errorf("taking roles away: %w", err)
		}
		for _, role := range roles {
			if err := tx.UserRole.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetRole(userrole.Role(role)).Exec(system); err != nil {
				return nil, fmt.Errorf("giving the role %s: %w", role, err)
			}
		}
		changed, err := s.setSuperior(system, tx, u, v, roles)
		if err != nil {
			return nil, err
		}
		return changed, s.Outbox.Put(system, tx, mail.RolesChanged, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment(), By: s.actorName(ctx), Roles: names(roles)})
	})
}

// setSuperior gives a sub admin a superior, whoever made it one, and takes it from a
// master admin, which has none (ID-14).
func (s *Service) setSuperior(ctx context.Context, tx *ent.Tx, u *ent.User, v *authz.Viewer, roles []authz.Role) (*ent.User, error) {
	update := tx.User.UpdateOneID(u.ID)
	switch {
	case slices.Contains(roles, authz.MasterAdmin) || !slices.Contains(roles, authz.SubAdmin):
		update.ClearSuperiorID()
	case u.SuperiorID == nil && v.Tenant == u.TenantID && v.User != u.ID:
		update.SetSuperiorID(v.User)
	}
	changed, err := update.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting a superior: %w", err)
	}
	return changed, nil
}

// rolesOf are the roles that a user of a tenant may be given, without doubles.
func rolesOf(given []authz.Role, t *ent.Tenant, operator bool, faults *fault.List) []authz.Role {
	allowed := slices.Clone(ofCustomers)
	switch {
	case operator && t.Kind == tenant.KindOPERATOR:
		allowed = append(allowed, authz.ServiceAgent)
	case operator && t.Kind == tenant.KindPARTNER:
		allowed = append(allowed, authz.PartnerAgent)
	}
	var roles []authz.Role
	for _, role := range given {
		if !slices.Contains(allowed, role) {
			faults.Add(fault.New("ROLE_NOT_ALLOWED", "roles"))
			return nil
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		faults.Add(fault.New("VALUE_REQUIRED", "roles"))
	}
	return roles
}

// lockTenant lets one at a time change who its master admins are. SQLite has one
// writer anyway.
func (s *Service) lockTenant(ctx context.Context, tx *ent.Tx, id uuid.UUID) error {
	q := tx.Tenant.Query().Where(tenant.ID(id))
	if s.DB.Dialect == dialect.Postgres {
		q.ForUpdate()
	}
	if _, err := q.OnlyID(ctx); err != nil {
		return fmt.Errorf("locking a tenant: %w", err)
	}
	return nil
}

// keepMaster refuses to take a tenant its last active master admin, unless the operator
// does it (ID-17).
func (s *Service) keepMaster(ctx context.Context, tx *ent.Tx, u *ent.User, operator bool) error {
	if operator {
		return nil
	}
	active := tx.User.Query().Where(user.TenantID(u.TenantID), user.StatusIn(user.StatusACTIVE, user.StatusLOCKED),
		user.HasRolesWith(userrole.RoleEQ(userrole.RoleMASTER_ADMIN)))
	is, err := active.Clone().Where(user.ID(u.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for master admins: %w", err)
	}
	others, err := active.Where(user.IDNEQ(u.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for master admins: %w", err)
	}
	if is && !others {
		return fault.New("LAST_MASTER_ADMIN", "id").Contact()
	}
	return nil
}

// handOver gives the sub admins of a leaving master admin another superior: the one
// that is named, or whoever takes the master admin away.
func (s *Service) handOver(ctx context.Context, tx *ent.Tx, u *ent.User, v *authz.Viewer, named *gid.ID) error {
	some, err := tx.User.Query().Where(user.SuperiorID(u.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for sub admins: %w", err)
	}
	heir := v.User
	if named != nil {
		heir = named.Of(ent.KindUser)
	}
	if !some && named == nil {
		return nil
	}
	fits, err := tx.User.Query().Where(user.ID(heir), user.IDNEQ(u.ID), user.TenantID(u.TenantID), user.StatusEQ(user.StatusACTIVE),
		user.HasRolesWith(userrole.RoleEQ(userrole.RoleMASTER_ADMIN))).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for the new superior: %w", err)
	}
	if !fits {
		return fault.New("NEW_SUPERIOR_REQUIRED", "newSuperiorId")
	}
	if err := tx.User.Update().Where(user.SuperiorID(u.ID)).SetSuperiorID(heir).Exec(ctx); err != nil {
		return fmt.Errorf("handing sub admins over: %w", err)
	}
	return nil
}

func names(roles []authz.Role) []string {
	texts := make([]string, len(roles))
	for i, role := range roles {
		texts[i] = string(role)
	}
	return texts
}

// RolesOf are the roles of a user, in the order of the policy: one statement for all
// users that were loaded together.
func (s *Service) RolesOf(ctx context.Context, u *ent.User) ([]authz.Role, error) {
	all, err := ent.Load(ctx, u.Siblings(), "roles", func(ctx context.Context, users []*ent.User) (map[uuid.UUID][]authz.Role, error) {
		ids := make([]uuid.UUID, len(users))
		for i, each := range users {
			ids[i] = each.ID
		}
		rows, err := s.DB.Client.UserRole.Query().Where(userrole.UserIDIn(ids...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading roles: %w", err)
		}
		held := make(map[uuid.UUID][]authz.Role, len(users))
		for _, role := range authz.Roles {
			for _, row := range rows {
				if authz.Role(row.Role) == role {
					held[row.UserID] = append(held[row.UserID], role)
				}
			}
		}
		return held, nil
	})
	if all[u.ID] == nil {
		return []authz.Role{}, err
	}
	return all[u.ID], err
}
