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
	return personOf(ctx, s, o, o.Siblings(), func(o *ent.Order) uuid.UUID { return o.PlacedByID })
}

// Actor is who took a step in the life of an order, told as PlacedBy tells it; nil where
// nobody did.
func (s *Service) Actor(ctx context.Context, e *ent.OrderEvent) (*ent.User, error) {
	return personOf(ctx, s, e, e.Siblings(), func(e *ent.OrderEvent) uuid.UUID {
		if e.ActorID == nil {
			return uuid.Nil
		}
		return *e.ActorID
	})
}

// Author is who wrote a message on an order, told as PlacedBy tells it.
func (s *Service) Author(ctx context.Context, m *ent.OrderMessage) (*ent.User, error) {
	return personOf(ctx, s, m, m.Siblings(), func(m *ent.OrderMessage) uuid.UUID { return m.AuthorID })
}

// OwnerOf is whose saved cart it is, told as PlacedBy tells it.
func (s *Service) OwnerOf(ctx context.Context, saved *ent.SavedCart) (*ent.User, error) {
	return personOf(ctx, s, saved, saved.Siblings(), func(c *ent.SavedCart) uuid.UUID { return c.UserID })
}

// MadeBy is who made a quote, told as PlacedBy tells it.
func (s *Service) MadeBy(ctx context.Context, q *ent.Quote) (*ent.User, error) {
	return personOf(ctx, s, q, q.Siblings(), func(q *ent.Quote) uuid.UUID { return q.MadeByID })
}

// personOf is the person behind an entity, read for all entities that were loaded together;
// nil where who gives no key.
func personOf[T any](ctx context.Context, s *Service, of *T, siblings *ent.Siblings[T], who func(*T) uuid.UUID) (*ent.User, error) {
	if who(of) == uuid.Nil {
		return nil, nil
	}
	people, err := ent.Load(ctx, siblings, "people", func(ctx context.Context, all []*T) (map[uuid.UUID]*ent.User, error) {
		ids := make([]uuid.UUID, 0, len(all))
		for _, each := range all {
			if id := who(each); id != uuid.Nil {
				ids = append(ids, id)
			}
		}
		return s.people(ctx, ids)
	})
	return people[who(of)], err
}

// actor is who does something; nil where the server does so by itself, and for whoever accepts a
// quote by its link, who is nobody that is known.
func actor(ctx context.Context) *uuid.UUID {
	if by := authz.Actor(ctx); by != nil {
		return &by.User
	}
	return nil
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
