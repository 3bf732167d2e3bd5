package access

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/contract"
	"kontor/ent/grant"
	"kontor/ent/user"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// Explanation says why a user has a right on a contract, or that it has not (AC-14).
type Explanation struct {
	Allowed bool
	Paths   []*Path
}

// Path is one way by which a right is held.
type Path struct {
	Kind      Kind
	Role      *authz.Role
	Via       *Via
	GrantedAt *time.Time
}

// Via is a person by user name and company.
type Via struct{ Username, TenantName string }

// Explain tells every way by which a user has a right on a contract, from the same
// facts and the same lines of the policy as the decision. Administrators ask for their
// users, and for whoever holds something on a contract of theirs.
func (s *Service) Explain(ctx context.Context, userID, contractID gid.ID, right authz.Right) (*Explanation, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.db.Client.Contract.Query().Where(contract.ID(contractID.Of(ent.KindContract))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a contract to explain: %w", err)
	}
	system := authz.System(ctx)
	u, err := s.db.Client.User.Query().Where(user.ID(userID.Of(ent.KindUser))).WithTenant().WithRoles().Only(system)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a user to explain: %w", err)
	}
	if err := s.mayExplain(system, v, u, c); err != nil {
		return nil, err
	}
	return s.explain(system, u, c, right)
}

// mayExplain tells whether the viewer may ask about this user: as not found when not.
func (s *Service) mayExplain(ctx context.Context, v *authz.Viewer, u *ent.User, c *ent.Contract) error {
	own, err := authz.Can(v, "right.explain", authz.Thing{Tenant: u.TenantID, TenantPath: u.Edges.Tenant.Path})
	if err != nil || own {
		return err
	}
	if c.TenantID == v.Tenant {
		holds, err := s.db.Client.Grant.Query().Where(grant.HolderID(u.ID), grant.ContractID(c.ID), grant.RevokedAtIsNil()).Exist(ctx)
		if err != nil {
			return fmt.Errorf("looking for rights on a contract: %w", err)
		}
		if holds {
			return nil
		}
	}
	return fault.ErrNotFound
}

func (s *Service) explain(ctx context.Context, u *ent.User, c *ent.Contract, right authz.Right) (*Explanation, error) {
	explained := &Explanation{Paths: []*Path{}}
	if u.Status != user.StatusACTIVE && u.Status != user.StatusLOCKED {
		return explained, nil // whoever cannot log in has no rights
	}
	subject, err := s.subject(ctx, u)
	if err != nil {
		return nil, err
	}
	f, err := readFacts(ctx, s.db.Client, subject, []*ent.Contract{c})
	if err != nil {
		return nil, err
	}
	thing := f.about(c)
	if explained.Allowed, err = authz.Can(subject, right.Action(), thing); err != nil {
		return nil, err
	}
	ways, err := authz.Ways(subject, right.Action(), thing)
	if err != nil {
		return nil, err
	}
	for _, way := range ways {
		paths, err := s.pathsOf(ctx, u, c, right, way)
		if err != nil {
			return nil, err
		}
		explained.Paths = append(explained.Paths, paths...)
	}
	return explained, nil
}

// May tells whether somebody who does not ask has a right on a contract now: what is done later
// for whoever ordered asks again. An agent that acted for a company has what the company has.
func (s *Service) May(ctx context.Context, client *ent.Client, who, of uuid.UUID, right authz.Right, c *ent.Contract) (bool, error) {
	ctx = authz.System(ctx)
	u, err := client.User.Query().Where(user.ID(who)).WithTenant().WithRoles().Only(ctx)
	if err != nil {
		return false, fmt.Errorf("reading whose right it is: %w", err)
	}
	if u.TenantID != of {
		return c.TenantID == of, nil
	}
	subject, err := s.subject(ctx, u)
	if err != nil {
		return false, err
	}
	f, err := readFacts(ctx, client, subject, []*ent.Contract{c})
	if err != nil {
		return false, err
	}
	return authz.Can(subject, right.Action(), f.about(c))
}

// subject is a user as the viewer that it would be.
func (s *Service) subject(ctx context.Context, u *ent.User) (*authz.Viewer, error) {
	operator, err := ent.OperatorOf(u.Edges.Tenant.Path)
	if err != nil {
		return nil, err
	}
	v := &authz.Viewer{User: u.ID, Tenant: u.TenantID, TenantPath: u.Edges.Tenant.Path, Operator: operator, HoldsGrants: true, HoldsConnections: true}
	for _, r := range u.Edges.Roles {
		v.Roles = append(v.Roles, authz.Role(r.Role))
	}
	return v, nil
}

// pathsOf are the rows behind a way; a role is a path of its own.
func (s *Service) pathsOf(ctx context.Context, u *ent.User, c *ent.Contract, right authz.Right, way authz.Way) ([]*Path, error) {
	switch way.Relation {
	case authz.Granted:
		live, err := s.db.Client.Grant.Query().
			Where(grant.HolderID(u.ID), grant.ContractID(c.ID), grant.RightEQ(grant.Right(right)), grant.RevokedAtIsNil()).
			WithGrantedBy(func(q *ent.UserQuery) { q.WithTenant() }).Order(grant.ByID()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading grants to explain: %w", err)
		}
		paths := make([]*Path, len(live))
		for i, g := range live {
			paths[i] = &Path{Kind: Kind(g.Kind), Via: viaOf(g.Edges.GrantedBy), GrantedAt: &g.CreatedAt}
		}
		return paths, nil
	case authz.Connected:
		live, err := s.db.Client.Connection.Query().
			Where(connection.UserID(u.ID), connection.CustomerNumberID(*c.CustomerNumberID), connection.RevokedAtIsNil()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading connections to explain: %w", err)
		}
		paths := make([]*Path, len(live))
		for i, each := range live {
			paths[i] = &Path{Kind: ByConnection, Via: viaOf(u), GrantedAt: &each.ConnectedAt}
		}
		return paths, nil
	default:
		return []*Path{{Kind: ByRole, Role: &way.Role}}, nil
	}
}

func viaOf(u *ent.User) *Via { return &Via{Username: u.Username, TenantName: u.TenantName()} }
