package catalog

import (
	"context"
	"fmt"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/category"
	"kontor/ent/predicate"
	"kontor/ent/product"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// ProductFilter says which products to list. Everything given must hold.
type ProductFilter struct {
	Search     *string
	CategoryID *gid.ID
	Orderable  *bool
	PriceFrom  *money.Decimal
	PriceTo    *money.Decimal
}

// Products is the query for the viewer's assortment under a filter (CA-01).
func (s *Service) Products(ctx context.Context, where *ProductFilter) (*ent.ProductQuery, error) {
	q := s.db.Client.Product.Query()
	if where == nil {
		return q, nil
	}
	if where.Search != nil && strings.TrimSpace(*where.Search) != "" {
		if match, ok := matches(*where.Search); ok {
			q.Where(match)
		} else {
			q.Where(func(sel *sql.Selector) { sel.Where(sql.False()) })
		}
	}
	if where.CategoryID != nil {
		below, err := s.inCategory(ctx, where.CategoryID.Of(ent.KindCategory))
		if err != nil {
			return nil, err
		}
		q.Where(below)
	}
	if where.Orderable != nil {
		q.Where(product.Active(*where.Orderable))
	}
	if where.PriceFrom != nil || where.PriceTo != nil {
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, err
		}
		q.Where(priced(v.Tenant, where.PriceFrom, where.PriceTo))
	}
	return q, nil
}

// inCategory is the predicate for products in a category or below it; a category
// that does not exist has none.
func (s *Service) inCategory(ctx context.Context, id uuid.UUID) (predicate.Product, error) {
	top, err := s.db.Client.Category.Query().Where(category.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return func(sel *sql.Selector) { sel.Where(sql.False()) }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the category to list: %w", err)
	}
	return product.HasCategoryWith(category.Or(
		category.Path(top.Path), category.PathHasPrefix(top.Path+PathSeparator))), nil
}

// priced is the predicate for products whose unit price for the tenant lies in a
// range: the price that Price shows, which is the one of the smallest quantity.
func priced(tenant uuid.UUID, from, to *money.Decimal) predicate.Product {
	return func(s *sql.Selector) {
		compare := func(operator string, bound money.Decimal) {
			s.Where(sql.P(func(b *sql.Builder) {
				t := sql.Dialect(s.Dialect()).Table("prices")
				first := sql.Dialect(s.Dialect()).Select(t.C("amount")).From(t).
					Where(sql.And(sql.EQ(t.C("tenant_id"), tenant), sql.ColumnsEQ(t.C("product_id"), s.C("id")))).
					OrderBy(t.C("from_quantity")).Limit(1)
				b.Wrap(func(b *sql.Builder) { b.Join(first) }).WriteString(operator).Arg(bound)
			}))
		}
		if from != nil {
			compare(" >= ", *from)
		}
		if to != nil {
			compare(" <= ", *to)
		}
	}
}

// Product is the product with this number in the viewer's assortment, or nil.
func (s *Service) Product(ctx context.Context, sku string) (*ent.Product, error) {
	p, err := s.db.Client.Product.Query().Where(product.Sku(sku)).First(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the product: %w", err)
	}
	return p, nil
}
