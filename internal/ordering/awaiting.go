package ordering

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent/approvalneed"
	"kontor/ent/needapprover"
	"kontor/ent/order"
	"kontor/ent/predicate"
	"kontor/ent/user"
	"kontor/ent/userrole"
)

// awaits is the predicate for the orders that the viewer can decide now: what mayDecide
// says of one, for lists. Pending orders of one company are few, so it begins with them; a
// test holds the two together.
func awaits(ctx context.Context) (predicate.Order, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	scope, err := authz.Scope(v, "order.decide")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(scope, authz.Tenant) {
		return func(o *sql.Selector) { o.Where(sql.False()) }, nil
	}
	return func(o *sql.Selector) {
		b := sql.Dialect(o.Dialect())
		n := b.Table(approvalneed.Table).As("needs")
		// active selects those of the named who can still decide.
		active := func(and ...*sql.Predicate) *sql.Predicate {
			a, u, r := b.Table(needapprover.Table).As("named"), b.Table(user.Table).As("people"), b.Table(userrole.Table).As("roles")
			roles := b.Select(r.C(userrole.FieldID)).From(r).Where(sql.And(sql.ColumnsEQ(r.C(userrole.FieldUserID), u.C(user.FieldID)),
				sql.In(r.C(userrole.FieldRole), string(userrole.RoleAPPROVER), string(userrole.RoleMASTER_ADMIN))))
			return sql.Exists(b.Select(a.C(needapprover.FieldID)).From(a).Join(u).On(u.C(user.FieldID), a.C(needapprover.FieldUserID)).
				Where(sql.And(append(and, sql.ColumnsEQ(a.C(needapprover.FieldNeedID), n.C(approvalneed.FieldID)),
					sql.Or(sql.EQ(n.C(approvalneed.FieldSelfApproval), true), sql.And(sql.ColumnsNEQ(a.C(needapprover.FieldUserID), o.C(order.FieldPlacedByID)),
						sql.Or(sql.IsNull(o.C(order.FieldAgreedByID)), sql.ColumnsNEQ(a.C(needapprover.FieldUserID), o.C(order.FieldAgreedByID))))),
					sql.EQ(u.C(user.FieldStatus), string(user.StatusACTIVE)), sql.Exists(roles))...)))
		}
		mine := active(sql.EQ(b.Table(needapprover.Table).As("named").C(needapprover.FieldUserID), v.User))
		if v.Has(authz.MasterAdmin) {
			mine = sql.Or(mine, sql.And(sql.Not(active()), sql.Or(sql.EQ(n.C(approvalneed.FieldSelfApproval), true), sql.And(sql.NEQ(o.C(order.FieldPlacedByID), v.User),
				sql.Or(sql.IsNull(o.C(order.FieldAgreedByID)), sql.NEQ(o.C(order.FieldAgreedByID), v.User))))))
		}
		o.Where(sql.And(sql.EQ(o.C(order.FieldTenantID), v.Tenant), sql.EQ(o.C(order.FieldState), string(order.StatePENDING_APPROVAL)),
			sql.Exists(b.Select(n.C(approvalneed.FieldID)).From(n).Where(sql.And(
				sql.ColumnsEQ(n.C(approvalneed.FieldOrderID), o.C(order.FieldID)), sql.IsNull(n.C(approvalneed.FieldSettledAt)), mine)))))
	}, nil
}
