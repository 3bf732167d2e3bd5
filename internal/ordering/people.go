package ordering

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
)

// PlacedBy is who placed an order. Whoever sees the order sees that name: of a person
// that the viewer may not see otherwise, such as an agent or somebody of the company that
// shares a contract, there is no more than name and company.
func (s *Service) PlacedBy(ctx context.Context, o *ent.Order) (*ent.User, error) {
	people, err := ent.Load(ctx, o.Siblings(), "people", func(ctx context.Context, all []*ent.Order) (map[uuid.UUID]*ent.User, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.PlacedByID
		}
		return s.people(ctx, ids)
	})
	return people[o.PlacedByID], err
}

// Actor is who took a step in the life of an order, told as PlacedBy tells it; nil where
// nobody did.
func (s *Service) Actor(ctx context.Context, e *ent.OrderEvent) (*ent.User, error) {
	if e.ActorID == nil {
		return nil, nil
	}
	people, err := ent.Load(ctx, e.Siblings(), "people", func(ctx context.Context, all []*ent.OrderEvent) (map[uuid.UUID]*ent.User, error) {
		var ids []uuid.UUID
		for _, each := range all {
			if each.ActorID != nil {
				ids = append(ids, *each.ActorID)
			}
		}
		return s.people(ctx, ids)
	})
	return people[*e.ActorID], err
}

// Author is who wrote a message on an order, told as PlacedBy tells it.
func (s *Service) Author(ctx context.Context, m *ent.OrderMessage) (*ent.User, error) {
	people, err := ent.Load(ctx, m.Siblings(), "people", func(ctx context.Context, all []*ent.OrderMessage) (map[uuid.UUID]*ent.User, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.AuthorID
		}
		return s.people(ctx, ids)
	})
	return people[m.AuthorID], err
}

// OwnerOf is whose saved cart it is, told as PlacedBy tells it.
func (s *Service) OwnerOf(ctx context.Context, saved *ent.SavedCart) (*ent.User, error) {
	people, err := ent.Load(ctx, saved.Siblings(), "people", func(ctx context.Context, all []*ent.SavedCart) (map[uuid.UUID]*ent.User, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.UserID
		}
		return s.people(ctx, ids)
	})
	return people[saved.UserID], err
}

// people are users by their keys: as the viewer may see them, and the others by name.
func (s *Service) people(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*ent.User, error) {
	people := make(map[uuid.UUID]*ent.User, len(ids))
	known, err := s.db.Client.User.Query().Where(user.IDIn(ids...)).
		Select(user.FieldID, user.FieldTenantID, user.FieldFirstName, user.FieldLastName, user.FieldEmail).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the people on orders: %w", err)
	}
	for _, u := range known {
		people[u.ID] = u
	}
	var strangers []uuid.UUID
	for _, id := range ids {
		if people[id] == nil {
			strangers = append(strangers, id)
		}
	}
	if len(strangers) == 0 {
		return people, nil
	}
	named, err := s.db.Client.User.Query().Where(user.IDIn(strangers...)).
		WithTenant(func(q *ent.TenantQuery) { q.Select(tenant.FieldID, tenant.FieldName) }).
		Select(user.FieldID, user.FieldTenantID, user.FieldFirstName, user.FieldLastName).
		All(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading the names on orders: %w", err)
	}
	for _, u := range named {
		people[u.ID] = u
	}
	return people, nil
}
