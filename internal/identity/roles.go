package identity

import (
	"context"
	"fmt"
	"slices"

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

// SetUserRolesInput is the full set of a user's roles, and who takes over when it is no
// longer a master admin.
type SetUserRolesInput struct {
	ID            gid.ID
	Roles         []authz.Role
	NewSuperiorID *gid.ID
}

// ofCustomers are the roles of people who work for a customer; agents are made by
// service agents only.
var ofCustomers = []authz.Role{authz.MasterAdmin, authz.SubAdmin, authz.GeneralUser, authz.Approver}

// SetRoles gives a user other roles; they count from its next request on (ID-15).
func (s *Service) SetRoles(ctx context.Context, in SetUserRolesInput) (*ent.User, error) {
	return s.change(ctx, in.ID, func(ctx context.Context, c change) (*ent.User, error) {
		var faults fault.List
		before := held(c.user)
		roles := rolesOf(in.Roles, before, c.user.Edges.Tenant, c.operator, &faults)
		if len(faults) > 0 {
			return nil, faults
		}
		if !slices.Contains(roles, authz.MasterAdmin) {
			if err := s.keepMaster(ctx, c); err != nil {
				return nil, err
			}
			if err := s.handOver(ctx, c, in.NewSuperiorID); err != nil {
				return nil, err
			}
		}
		if err := s.setSuperior(ctx, c, roles, in.NewSuperiorID); err != nil {
			return nil, err
		}
		if same(before, roles) {
			return c.tx.User.Get(ctx, c.user.ID)
		}
		if err := s.record(ctx, c.tx, "user.roles", c.user, fields{"roles": before}, fields{"roles": roles}); err != nil {
			return nil, err
		}
		if _, err := c.tx.UserRole.Delete().Where(userrole.UserID(c.user.ID)).Exec(ctx); err != nil {
			return nil, fmt.Errorf("taking roles away: %w", err)
		}
		for _, role := range roles {
			if err := c.tx.UserRole.Create().SetTenantID(c.user.TenantID).SetUserID(c.user.ID).SetRole(userrole.Role(role)).Exec(ctx); err != nil {
				return nil, fmt.Errorf("giving the role %s: %w", role, err)
			}
		}
		if err := s.tell(ctx, c, mail.RolesChanged, mail.Content{Roles: names(roles)}); err != nil {
			return nil, err
		}
		return c.tx.User.Get(ctx, c.user.ID)
	})
}

// needsSuperior tells whether somebody with these roles has a superior: sub admins do,
// master admins do not (ID-14).
func needsSuperior(roles []authz.Role) bool {
	return slices.Contains(roles, authz.SubAdmin) && !slices.Contains(roles, authz.MasterAdmin)
}

// setSuperior gives a new sub admin a superior, the one that is named or the master
// admin who made it a sub admin, and takes it from whoever needs none.
func (s *Service) setSuperior(ctx context.Context, c change, roles []authz.Role, named *gid.ID) error {
	update := c.tx.User.UpdateOneID(c.user.ID)
	switch {
	case !needsSuperior(roles):
		update.ClearSuperiorID()
	case c.user.SuperiorID != nil:
		return nil
	case named != nil:
		update.SetSuperiorID(named.Of(ent.KindUser)) // handOver has looked at it
	case c.by.TenantID == c.user.TenantID && c.by.ID != c.user.ID && hasRole(c.by, authz.MasterAdmin):
		update.SetSuperiorID(c.by.ID)
	default:
		return nil
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("setting a superior: %w", err)
	}
	return nil
}

// rolesOf are the roles that a user of a tenant may be given, without doubles. Those
// that it holds already it may keep, whoever gave them.
func rolesOf(given, held []authz.Role, t *ent.Tenant, operator bool, faults *fault.List) []authz.Role {
	allowed := slices.Concat(ofCustomers, held)
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

// held are the roles of a user that was read with them.
func held(u *ent.User) []authz.Role {
	roles := make([]authz.Role, len(u.Edges.Roles))
	for i, r := range u.Edges.Roles {
		roles[i] = authz.Role(r.Role)
	}
	return roles
}

// same tells whether two sets of roles are one; neither has doubles.
func same(a, b []authz.Role) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(role authz.Role) bool { return !slices.Contains(b, role) })
}

// lockTenant lets one at a time change who its master admins are.
func (s *Service) lockTenant(ctx context.Context, tx *ent.Tx, id uuid.UUID) error {
	// Orders and all else of the tenant go on.
	if _, err := db.ForUpdate(s.DB, tx.Tenant.Query().Where(tenant.ID(id)), db.KeepingKeys).OnlyID(ctx); err != nil {
		return fmt.Errorf("locking a tenant: %w", err)
	}
	return nil
}

// keepMaster refuses to take a tenant its last active master admin, unless the operator
// does it (ID-17). One that is locked cannot stand in for one that is not.
func (s *Service) keepMaster(ctx context.Context, c change) error {
	if c.operator || !hasRole(c.user, authz.MasterAdmin) {
		return nil
	}
	alike := []user.Status{user.StatusACTIVE}
	switch c.user.Status {
	case user.StatusINVITED, user.StatusDEACTIVATED:
		return nil
	case user.StatusLOCKED:
		alike = append(alike, user.StatusLOCKED)
	}
	others, err := masters(c).Where(user.StatusIn(alike...)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for master admins: %w", err)
	}
	if !others {
		return fault.New("LAST_MASTER_ADMIN", "id").Contact()
	}
	return nil
}

// masters are the other master admins of the user's company.
func masters(c change) *ent.UserQuery {
	return c.tx.User.Query().Where(user.TenantID(c.user.TenantID), user.IDNEQ(c.user.ID), user.HasRolesWith(userrole.RoleEQ(userrole.RoleMASTER_ADMIN)))
}

// handOver gives the sub admins of a leaving master admin another superior: the one
// that is named, or whoever takes the master admin away. Where the operator leaves no
// master admin they have none.
func (s *Service) handOver(ctx context.Context, c change, named *gid.ID) error {
	some, err := c.tx.User.Query().Where(user.SuperiorID(c.user.ID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for sub admins: %w", err)
	}
	if !some && named == nil {
		return nil
	}
	heir := c.by.ID
	if named != nil {
		heir = named.Of(ent.KindUser)
	}
	active, err := masters(c).Where(user.StatusEQ(user.StatusACTIVE)).IDs(ctx)
	if err != nil {
		return fmt.Errorf("looking for the new superior: %w", err)
	}
	update := c.tx.User.Update().Where(user.SuperiorID(c.user.ID))
	switch {
	case slices.Contains(active, heir):
		update.SetSuperiorID(heir)
	case len(active) == 0 && named == nil && c.operator:
		update.ClearSuperiorID()
	default:
		return fault.New("NEW_SUPERIOR_REQUIRED", "newSuperiorId")
	}
	if err := update.Exec(ctx); err != nil {
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
