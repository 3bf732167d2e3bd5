package access

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/customernumber"
	"kontor/ent/predicate"
	"kontor/ent/tenant"
	"kontor/internal/fault"
)

// TenantFilter says which companies to list. Everything given must hold.
type TenantFilter struct {
	Search *string
	Kind   *tenant.Kind
}

// Tenants is the query for the companies that an agent looks after, under a filter (AC-02):
// those that it may see, but its own.
func (s *Service) Tenants(ctx context.Context, where *TenantFilter) (*ent.TenantQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.Tenant.Query().Where(tenant.IDNEQ(v.Tenant))
	if where == nil {
		return q, nil
	}
	if text := fault.Sought(where.Search); text != "" {
		q.Where(tenant.Or(tenant.NameContainsFold(text), tenant.OrganizationIDContainsFold(text), withNumber(text)))
	}
	if where.Kind != nil {
		q.Where(tenant.KindEQ(*where.Kind))
	}
	return q, nil
}

// withNumber are companies that have this customer number, of any line.
func withNumber(number string) predicate.Tenant {
	return func(sel *sql.Selector) {
		n := sql.Dialect(sel.Dialect()).Table(customernumber.Table)
		having := sql.Dialect(sel.Dialect()).Select(n.C(customernumber.FieldTenantID)).From(n).Where(sql.EQ(n.C(customernumber.FieldNumber), number))
		sel.Where(sql.In(sel.C(tenant.FieldID), having))
	}
}
