package catalog

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/category"
	"kontor/ent/product"
)

// PathSeparator stands between the names of a category path.
const PathSeparator = " > "

// Categories are the categories in which the viewer's tenant has products, and
// those above them, ordered by path.
func (s *Service) Categories(ctx context.Context) ([]*ent.Category, error) {
	all, err := s.db.Client.Category.Query().WithParent().Order(category.ByPath()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing categories: %w", err)
	}
	var filled []*ent.Category
	for _, c := range all {
		n, err := s.ProductCount(ctx, c)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			filled = append(filled, c)
		}
	}
	return filled, nil
}

// ProductCount is the number of products of the viewer's assortment in a category
// and below it: one statement for all categories that were loaded together.
func (s *Service) ProductCount(ctx context.Context, c *ent.Category) (int, error) {
	counts, err := ent.Load(ctx, c.Siblings(), "productCount", func(ctx context.Context, _ []*ent.Category) (map[uuid.UUID]int, error) {
		return s.productCounts(ctx)
	})
	if err != nil {
		return 0, err
	}
	return counts[c.ID], nil
}

func (s *Service) productCounts(ctx context.Context) (map[uuid.UUID]int, error) {
	var direct []struct {
		CategoryID uuid.UUID `json:"category_id"`
		Count      int       `json:"count"`
	}
	if err := s.db.Client.Product.Query().GroupBy(product.FieldCategoryID).Aggregate(ent.Count()).Scan(ctx, &direct); err != nil {
		return nil, fmt.Errorf("counting products by category: %w", err)
	}
	tree, err := s.db.Client.Category.Query().Select(category.FieldID, category.FieldParentID).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the category tree: %w", err)
	}
	parents := make(map[uuid.UUID]*uuid.UUID, len(tree))
	for _, c := range tree {
		parents[c.ID] = c.ParentID
	}
	counts := make(map[uuid.UUID]int, len(tree))
	for _, d := range direct {
		for id := &d.CategoryID; id != nil; id = parents[*id] {
			counts[*id] += d.Count
		}
	}
	return counts, nil
}
