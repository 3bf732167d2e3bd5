package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/grant"
	"kontor/ent/user"
)

// Kind is the way by which somebody holds rights.
type Kind string

// The ways; ByRole is told by explanations and not listed as a holder.
const (
	ByRole       Kind = "ROLE"
	ByConnection Kind = "CONNECTION"
	ByDelegation Kind = "DELEGATION"
	ByTransfer   Kind = "TRANSFER"
)

// PersonName is a person by name and company: all that is said of people of
// other companies.
type PersonName struct{ DisplayName, TenantName string }

// Holder is somebody who holds rights on a contract, by one way.
type Holder struct {
	Key    string // stable place in the list
	User   PersonName
	Rights []authz.Right
	Kind   Kind
}

// Holders are those who hold rights on a contract by connection, delegation or
// transfer, ordered by name. Whoever may see all of them does; others see
// themselves.
func (s *Service) Holders(ctx context.Context, c *ent.Contract) ([]Holder, error) {
	v, thing, err := s.thing(ctx, s.db.Client, c)
	if err != nil {
		return nil, err
	}
	all, err := authz.Can(v, "contract.holders", thing)
	if err != nil {
		return nil, err
	}
	// What is shown is decided; names of other companies' people come with it.
	system := authz.System(ctx)
	grants := s.db.Client.Grant.Query().Where(grant.ContractID(c.ID), grant.RevokedAtIsNil())
	connections := s.db.Client.Connection.Query().Where(connection.RevokedAtIsNil())
	if !all {
		grants.Where(grant.HolderID(v.User))
		connections.Where(connection.UserID(v.User))
	}
	byWay := map[string]*Holder{}
	held, err := grants.WithHolder(func(q *ent.UserQuery) { q.WithTenant() }).Order(grant.ByRight()).All(system)
	if err != nil {
		return nil, fmt.Errorf("reading who holds rights on the contract: %w", err)
	}
	for _, g := range held {
		holder := find(byWay, g.Edges.Holder, Kind(g.Kind))
		if right := authz.Right(g.Right); !slices.Contains(holder.Rights, right) {
			holder.Rights = append(holder.Rights, right)
		}
	}
	if c.CustomerNumberID != nil {
		connected, err := connections.Where(connection.CustomerNumberID(*c.CustomerNumberID)).
			WithUser(func(q *ent.UserQuery) { q.WithTenant() }).All(system)
		if err != nil {
			return nil, fmt.Errorf("reading who connected the customer number: %w", err)
		}
		for _, each := range connected {
			find(byWay, each.Edges.User, ByConnection).Rights = authz.Rights
		}
	}
	return ordered(byWay), nil
}

func find(byWay map[string]*Holder, u *ent.User, kind Kind) *Holder {
	key := u.ID.String() + "/" + string(kind)
	if byWay[key] == nil {
		byWay[key] = &Holder{Key: key, Kind: kind, User: PersonName{DisplayName: u.DisplayName(), TenantName: u.TenantName()}}
	}
	return byWay[key]
}

func ordered(byWay map[string]*Holder) []Holder {
	holders := make([]Holder, 0, len(byWay))
	for _, h := range byWay {
		holders = append(holders, *h)
	}
	slices.SortFunc(holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.User.DisplayName, b.User.DisplayName), cmp.Compare(a.Key, b.Key))
	})
	return holders
}

// SharedBy is who gave the viewer a contract of another company by transfer; nil
// when nobody had to.
func (s *Service) SharedBy(ctx context.Context, c *ent.Contract) (*PersonName, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if !v.HoldsGrants || c.TenantID == v.Tenant {
		return nil, nil
	}
	givers, err := ent.Load(ctx, c.Siblings(), "sharedBy", func(ctx context.Context, all []*ent.Contract) (map[uuid.UUID]*PersonName, error) {
		return s.givers(ctx, v, all)
	})
	if err != nil {
		return nil, err
	}
	return givers[c.ID], nil
}

func (s *Service) givers(ctx context.Context, v *authz.Viewer, contracts []*ent.Contract) (map[uuid.UUID]*PersonName, error) {
	ids := make([]uuid.UUID, len(contracts))
	for i, c := range contracts {
		ids[i] = c.ID
	}
	// The giver belongs to another company: its name is part of the transfer.
	live, err := s.db.Client.Grant.Query().
		Where(grant.HolderID(v.User), grant.ContractIDIn(ids...), grant.RevokedAtIsNil()).
		WithGrantedBy(func(q *ent.UserQuery) {
			q.WithTenant().Select(user.FieldFirstName, user.FieldLastName, user.FieldTenantID)
		}).
		Order(grant.ByID()).All(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading who shared contracts with the viewer: %w", err)
	}
	givers := make(map[uuid.UUID]*PersonName, len(live))
	for _, g := range live {
		if givers[g.ContractID] != nil {
			continue // whoever was the first to share it
		}
		giver := g.Edges.GrantedBy
		givers[g.ContractID] = &PersonName{DisplayName: giver.DisplayName(), TenantName: giver.TenantName()}
	}
	return givers, nil
}
