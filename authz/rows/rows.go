// Package rows renders the scope of an action as SQL: the predicate that gives a
// viewer exactly the rows that authz.Can says yes to.
package rows

import (
	"cmp"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"kontor/authz"
)

// Columns tell where a table keeps what the relations need. An empty name means
// that the table has no such column, and then a policy line with that relation
// is a mistake that shows at the first query.
type Columns struct {
	Tenant         string // the tenant that the row belongs to
	Owner          string // the user that it belongs to
	Contract       string // the contract that it is or belongs to
	CustomerNumber string // the customer number that a contract hangs under
	Product        string // the product that it is
	Shared         string // whether its owner shares it with the tenant
}

// Visible is the predicate for the rows that the viewer may do the action on.
// Without any relation it is false: nothing is visible by default.
func Visible(v *authz.Viewer, action string, c Columns) (func(*sql.Selector), error) {
	scope, err := authz.Scope(v, action)
	if err != nil {
		return nil, err
	}
	renderers := make([]func(*sql.Selector) *sql.Predicate, 0, len(scope))
	for _, relation := range scope {
		if relation == authz.All {
			return func(*sql.Selector) {}, nil
		}
		render, err := c.render(v, action, relation, len(scope) > 1)
		if err != nil {
			return nil, fmt.Errorf("scoping %s: %w", action, err)
		}
		renderers = append(renderers, render)
	}
	return func(s *sql.Selector) {
		predicates := make([]*sql.Predicate, len(renderers))
		for i, render := range renderers {
			predicates[i] = render(s)
		}
		switch len(predicates) {
		case 0:
			s.Where(sql.False())
		case 1:
			s.Where(predicates[0])
		default:
			s.Where(sql.Or(predicates...))
		}
	}, nil
}

// render is the SQL of one relation; among alternatives it is written so that each
// of them can follow its own index.
func (c Columns) render(v *authz.Viewer, action string, relation authz.Relation, alternative bool) (func(*sql.Selector) *sql.Predicate, error) {
	need := func(column string) error {
		if column == "" {
			return fmt.Errorf("the table has no column for the relation %q", relation)
		}
		return nil
	}
	switch relation {
	case authz.Own:
		return func(s *sql.Selector) *sql.Predicate {
			return sql.And(sql.EQ(s.C(c.Owner), v.User), sql.EQ(s.C(c.Tenant), v.Tenant))
		}, cmp.Or(need(c.Owner), need(c.Tenant))
	case authz.Held:
		return func(s *sql.Selector) *sql.Predicate { return sql.EQ(s.C(c.Owner), v.User) }, need(c.Owner)
	case authz.Tenant:
		return func(s *sql.Selector) *sql.Predicate { return sql.EQ(s.C(c.Tenant), v.Tenant) }, need(c.Tenant)
	case authz.Shared:
		return func(s *sql.Selector) *sql.Predicate {
			return sql.And(sql.EQ(s.C(c.Tenant), v.Tenant), sql.EQ(s.C(c.Shared), true))
		}, cmp.Or(need(c.Tenant), need(c.Shared))
	case authz.Operator:
		return func(s *sql.Selector) *sql.Predicate { return sql.EQ(s.C(c.Tenant), v.Operator) }, need(c.Tenant)
	case authz.Subtree:
		return func(s *sql.Selector) *sql.Predicate {
			t := sql.Dialect(s.Dialect()).Table("tenants")
			below := sql.Dialect(s.Dialect()).Select(t.C("id")).From(t).Where(under(s.Dialect(), t.C("path"), v.TenantPath))
			return in(s, c.Tenant, below, alternative)
		}, need(c.Tenant)
	case authz.Granted:
		return func(s *sql.Selector) *sql.Predicate {
			return in(s, c.Contract, grantedContracts(s, v, action), alternative)
		}, need(c.Contract)
	case authz.Connected:
		return func(s *sql.Selector) *sql.Predicate {
			t := sql.Dialect(s.Dialect()).Table("connections")
			mine := sql.Dialect(s.Dialect()).Select(t.C("customer_number_id")).From(t).
				Where(sql.And(sql.EQ(t.C("user_id"), v.User), sql.IsNull(t.C("revoked_at"))))
			return in(s, c.CustomerNumber, mine, alternative)
		}, need(c.CustomerNumber)
	case authz.Assortment:
		return func(s *sql.Selector) *sql.Predicate {
			t := sql.Dialect(s.Dialect()).Table("prices")
			priced := sql.Dialect(s.Dialect()).Select(t.C("id")).From(t).
				Where(sql.And(sql.EQ(t.C("tenant_id"), v.Tenant), sql.ColumnsEQ(t.C("product_id"), s.C(c.Product))))
			return sql.Exists(priced)
		}, need(c.Product)
	default:
		return nil, fmt.Errorf("no SQL for the relation %q", relation)
	}
}

// under tells whether a path lies below another, or is that: as a range, byte for byte, because
// row security lets nothing but comparing go through an index. A path ends with a slash, and
// what begins with it comes before the same path with the next character, "0".
func under(of, column, above string) *sql.Predicate {
	if of == dialect.Postgres {
		column += ` COLLATE "C"`
	}
	return sql.P(func(b *sql.Builder) {
		b.WriteString(column).WriteString(" >= ").Arg(above).WriteString(" AND ").WriteString(column).WriteString(" < ").Arg(strings.TrimSuffix(above, "/") + "0")
	})
}

// in tells whether a column is in a selection. PostgreSQL joins with the selection,
// which serves one condition well; between alternatives it would read the whole
// table, unless the selection is an array that an index can be asked for.
func in(s *sql.Selector, column string, selection *sql.Selector, alternative bool) *sql.Predicate {
	if !alternative || s.Dialect() != dialect.Postgres {
		return sql.In(s.C(column), selection)
	}
	return sql.P(func(b *sql.Builder) {
		b.WriteString(s.C(column)).WriteString(" = ANY (ARRAY(").Join(selection).WriteString("))")
	})
}

// grantedContracts selects the contracts on which the viewer holds the right of
// the action: the contract right itself, or VIEW for what hangs on a contract.
func grantedContracts(s *sql.Selector, v *authz.Viewer, action string) *sql.Selector {
	right := authz.View
	for _, r := range authz.Rights {
		if strings.EqualFold(r.Action(), action) {
			right = r
		}
	}
	t := sql.Dialect(s.Dialect()).Table("grants")
	return sql.Dialect(s.Dialect()).Select(t.C("contract_id")).From(t).
		Where(sql.And(
			sql.EQ(t.C("holder_id"), v.User),
			sql.EQ(t.C("right"), string(right)),
			sql.IsNull(t.C("revoked_at")),
		))
}
