package directtest

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
)

// This file has the name and the shape of what ent generates for GraphQL: edges that
// are loaded with the entity, or on demand.

var (
	errNotLoaded = errors.New("edge was not loaded")
	errNotFound  = errors.New("entity not found")
)

// IsNotLoaded tells the error of an edge that was not loaded.
func IsNotLoaded(err error) bool { return errors.Is(err, errNotLoaded) }

// ShelfEdges are what was loaded.
type ShelfEdges struct {
	Balls                                  []*Ball
	Owner, Keeper                          *Owner
	BallsLoaded, OwnerLoaded, KeeperLoaded bool
	NamedBalls                             map[string][]*Ball
}

// BallsOrErr are the loaded balls.
func (e ShelfEdges) BallsOrErr() ([]*Ball, error) {
	if e.BallsLoaded {
		return e.Balls, nil
	}
	return nil, errNotLoaded
}

// OwnerOrErr is the loaded owner.
func (e ShelfEdges) OwnerOrErr() (*Owner, error) { return loaded(e.Owner, e.OwnerLoaded) }

// KeeperOrErr is the loaded keeper.
func (e ShelfEdges) KeeperOrErr() (*Owner, error) { return loaded(e.Keeper, e.KeeperLoaded) }

func loaded(o *Owner, loaded bool) (*Owner, error) {
	switch {
	case o != nil:
		return o, nil
	case loaded:
		return nil, errNotFound
	default:
		return nil, errNotLoaded
	}
}

// NamedBalls are the balls loaded under an alias.
func (s *Shelf) NamedBalls(name string) ([]*Ball, error) {
	if balls, ok := s.Edges.NamedBalls[name]; ok {
		return balls, nil
	}
	return nil, errNotLoaded
}

// Balls are found under their alias, or looked up.
func (s *Shelf) Balls(ctx context.Context) ([]*Ball, error) {
	balls, err := s.NamedBalls(graphql.GetFieldContext(ctx).Field.Alias)
	if IsNotLoaded(err) {
		return []*Ball{{ID: "looked-up"}}, nil
	}
	return balls, err
}

// Owner is required: when it is missing, that is an error.
func (s *Shelf) Owner(context.Context) (*Owner, error) {
	owner, err := s.Edges.OwnerOrErr()
	if IsNotLoaded(err) {
		return &Owner{Name: "looked up"}, nil
	}
	return owner, err
}

// Keeper is optional: when it is missing, it is null.
func (s *Shelf) Keeper(context.Context) (*Owner, error) {
	keeper, err := s.Edges.KeeperOrErr()
	switch {
	case IsNotLoaded(err):
		return &Owner{Name: "looked up"}, nil
	case errors.Is(err, errNotFound):
		return nil, nil
	default:
		return keeper, err
	}
}
