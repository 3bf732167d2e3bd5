package graph

import (
	"context"
	"fmt"
	"strings"

	"entgo.io/contrib/entgql"
	"entgo.io/ent/dialect/sql"
	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/internal/fault"
)

// maxInner bounds a list inside of each element of a page: whoever wants more asks for
// the list itself.
const maxInner = 20

// inner is a list inside of each of the tenants of a page.
type inner[Edge any] struct {
	name string
	// load reads up to so many of each tenant.
	load func(ctx context.Context, tenants []uuid.UUID, limit int) ([]Edge, error)
	// count scans how many each tenant has.
	count    func(ctx context.Context, tenants []uuid.UUID, into *[]ofTenant) error
	tenantOf func(Edge) uuid.UUID
	cursorOf func(Edge) ent.Cursor
}

// ofTenant is how many elements of a list a tenant has.
type ofTenant struct {
	TenantID uuid.UUID `json:"tenant_id"`
	Count    int       `json:"count"`
}

// innerPage is the beginning of a list, and how many there are.
type innerPage[Edge any] struct {
	edges []Edge
	info  ent.PageInfo
	total int
}

// of is the list of one tenant: read for all tenants that were loaded together, in one
// statement for the elements and one for their numbers.
func (l inner[Edge]) of(ctx context.Context, t *ent.Tenant, first int) (innerPage[Edge], error) {
	page := innerPage[Edge]{edges: []Edge{}}
	if first < 1 || first > maxInner {
		return page, fault.Invalid(fmt.Sprintf("first is 1 to %d here: ask for the list itself to read on", maxInner))
	}
	name := l.name + " " + place(ctx)
	selected, wantsElements, wantsTotal := selectInner(ctx)
	if wantsTotal {
		totals, err := ent.Load(ctx, t.Siblings(), name+" total", func(ctx context.Context, all []*ent.Tenant) (map[uuid.UUID]int, error) {
			var counted []ofTenant
			if err := l.count(ctx, keysOf(all), &counted); err != nil {
				return nil, fmt.Errorf("counting the %s of companies: %w", l.name, err)
			}
			totals := make(map[uuid.UUID]int, len(counted))
			for _, each := range counted {
				totals[each.TenantID] = each.Count
			}
			return totals, nil
		})
		if err != nil {
			return page, err
		}
		page.total = totals[t.ID]
	}
	if !wantsElements {
		return page, nil
	}
	edges, err := ent.Load(selected, t.Siblings(), name, func(ctx context.Context, all []*ent.Tenant) (map[uuid.UUID][]Edge, error) {
		found, err := l.load(ctx, keysOf(all), first+1)
		if err != nil {
			return nil, fmt.Errorf("reading the %s of companies: %w", l.name, err)
		}
		edges := make(map[uuid.UUID][]Edge, len(all))
		for _, edge := range found {
			edges[l.tenantOf(edge)] = append(edges[l.tenantOf(edge)], edge)
		}
		return edges, nil
	})
	if err != nil {
		return page, err
	}
	page.edges = edges[t.ID]
	if len(page.edges) > first {
		page.edges, page.info.HasNextPage = page.edges[:first], true
	}
	if n := len(page.edges); n > 0 {
		start, end := l.cursorOf(page.edges[0]), l.cursorOf(page.edges[n-1])
		page.info.StartCursor, page.info.EndCursor = &start, &end
	}
	return page, nil
}

// place is where in the answer a field stands, whichever element of a list it is of: the
// same company may be asked for in several places, each time for something else.
func place(ctx context.Context) string {
	var names []string
	for _, element := range graphql.GetFieldContext(ctx).Path() {
		if name, ok := element.(ast.PathName); ok {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ".")
}

// limitPerTenant keeps the first so many rows of each tenant, in an order of columns.
func limitPerTenant(limit int, order func(*sql.Builder)) func(*sql.Selector) {
	return entgql.LimitPerRow("tenant_id", limit, sql.ExprFunc(order))
}

func keysOf(tenants []*ent.Tenant) []uuid.UUID {
	keys := make([]uuid.UUID, len(tenants))
	for i, t := range tenants {
		keys[i] = t.ID
	}
	return keys
}

// selectInner is the context in which entgql collects what to load for the elements of
// an inner list, with the tenant that each is of; and what is asked of the list at all.
func selectInner(ctx context.Context) (selected context.Context, wantsElements, wantsTotal bool) {
	var edges ast.SelectionSet
	for _, f := range graphql.CollectFieldsCtx(ctx, nil) {
		field := *f.Field
		field.SelectionSet = f.Selections
		switch f.Name {
		case "totalCount":
			wantsTotal = true
		case "pageInfo":
			wantsElements = true
		case "nodes", "edges":
			wantsElements = true
			expanded, _ := expandOne(&field)
			edges = append(edges, withTenant(expanded.(*ast.Field)))
		}
	}
	fc := *graphql.GetFieldContext(ctx)
	fc.Field.Selections = edges
	return graphql.WithFieldContext(ctx, &fc), wantsElements, wantsTotal
}

// withTenant also selects the tenant of the elements of `edges { node { … } }`.
func withTenant(edges *ast.Field) *ast.Field {
	whole := *edges
	whole.Name, whole.Alias, whole.SelectionSet = "edges", "edges", nil
	for _, selection := range edges.SelectionSet {
		node, ok := selection.(*ast.Field)
		if !ok || node.Name != "node" {
			whole.SelectionSet = append(whole.SelectionSet, selection)
			continue
		}
		also := *node
		also.SelectionSet = append(append(ast.SelectionSet{}, node.SelectionSet...), &ast.Field{
			Name: "tenantID", Alias: "tenantID", Position: node.Position, ObjectDefinition: node.ObjectDefinition, Definition: node.Definition,
		})
		whole.SelectionSet = append(whole.SelectionSet, &also)
	}
	return &whole
}
