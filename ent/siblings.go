package ent

import (
	"context"
	"sync"
)

// Siblings are the entities that one query loaded. What all of them need and ent
// cannot load as an edge (prices of the viewer's tenant, rights of the viewer)
// is read for all of them when the first one is asked, so that a longer list
// costs no more statements.
type Siblings[T any] struct {
	All []*T

	mu     sync.Mutex
	loaded map[string]any
}

// Load gives what load read for all siblings under this name; it runs once,
// unless it fails.
func Load[T, V any](ctx context.Context, s *Siblings[T], name string, load func(context.Context, []*T) (V, error)) (V, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.loaded[name]; ok {
		return v.(V), nil
	}
	v, err := load(ctx, s.All)
	if err != nil {
		return v, err
	}
	if s.loaded == nil {
		s.loaded = map[string]any{}
	}
	s.loaded[name] = v
	return v, nil
}
