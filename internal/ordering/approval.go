package ordering

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/approvalneed"
	"kontor/ent/approvalrule"
	"kontor/ent/order"
	"kontor/ent/predicate"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/account"
	"kontor/internal/cart"
	"kontor/internal/mail"
	"kontor/internal/money"
)

// facts are what approval rules ask of an order.
type facts struct {
	gross       money.Money
	costCentres []string // of the order and of its positions
}

func factsOf(c *cart.Cart) facts {
	of := facts{gross: c.Gross}
	add := func(a *account.Assignment) {
		if a != nil && strings.TrimSpace(a.CostCentre) != "" {
			of.costCentres = append(of.costCentres, strings.TrimSpace(a.CostCentre))
		}
	}
	add(c.AccountAssignment)
	for _, item := range c.Items {
		add(item.EffectiveAssignment)
	}
	return of
}

// approvalFor are the rules of the company whose order it is that ask for an approval of
// it: all of them have to be satisfied, and without any the order needs none (OR-02).
// Whoever writes an order asks here, whichever way it comes.
func (s *Service) approvalFor(ctx context.Context, tx *ent.Tx, tenant uuid.UUID, of facts) ([]*ent.ApprovalRule, error) {
	rules, err := tx.ApprovalRule.Query().Where(approvalrule.TenantID(tenant)).WithNamed().Order(approvalrule.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the approval rules for an order: %w", err)
	}
	return slices.DeleteFunc(rules, func(r *ent.ApprovalRule) bool { return !applies(r, of) }), nil
}

// applies tells whether a rule is about an order: by its amount, by a cost centre, by both
// where it names both. An amount in another currency cannot be compared, and is above.
func applies(r *ent.ApprovalRule, of facts) bool {
	if r.AboveAmount != nil && of.gross.Currency == r.Currency && of.gross.Amount.Cmp(*r.AboveAmount) <= 0 {
		return false
	}
	return r.CostCentre == nil || slices.ContainsFunc(of.costCentres, func(c string) bool { return strings.EqualFold(c, *r.CostCentre) })
}

// ask keeps with an order what its rules ask for, and tells those who can decide.
func (s *Service) ask(ctx context.Context, tx *ent.Tx, o *ent.Order, rules []*ent.ApprovalRule) error {
	for _, r := range rules {
		create := tx.ApprovalNeed.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).SetNillableContractID(o.ContractID).
			SetRuleID(r.ID).SetRule(r.Name).SetNillableAboveAmount(r.AboveAmount).SetCurrency(r.Currency).SetNillableCostCentre(r.CostCentre).
			SetSelfApproval(r.SelfApproval).SetAskedAt(o.PlacedAt)
		need, err := create.Save(ctx)
		if err != nil {
			return fmt.Errorf("writing what an order waits for: %w", err)
		}
		named := make([]*ent.NeedApproverCreate, len(r.Edges.Named))
		for i, n := range r.Edges.Named {
			named[i] = tx.NeedApprover.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).
				SetNillableContractID(o.ContractID).SetNeedID(need.ID).SetUserID(n.UserID)
		}
		if err := tx.NeedApprover.CreateBulk(named...).Exec(ctx); err != nil {
			return fmt.Errorf("writing who can approve an order: %w", err)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	w, err := s.waitingFor(ctx, tx.Client(), []*ent.Order{o})
	if err != nil {
		return err
	}
	return s.tellApprovers(ctx, tx, mail.OrderWaiting, w[o.ID], "")
}

// canApprove holds for users who can be approvers now: active ones with the role.
func canApprove() predicate.User {
	return user.And(user.StatusEQ(user.StatusACTIVE), user.HasRolesWith(userrole.RoleIn(userrole.RoleAPPROVER, userrole.RoleMASTER_ADMIN)))
}

// waiting is an order and what it waits or waited for.
type waiting struct {
	order *ent.Order
	needs []*ent.ApprovalNeed
	// deciders are for each open need the users who can decide it now.
	deciders map[uuid.UUID][]uuid.UUID
	// telephony is the telephony user that was ordered, where actions ask for it.
	telephony *ent.TelephonyUser
}

// open are the needs that are not settled.
func (w *waiting) open() []*ent.ApprovalNeed {
	var open []*ent.ApprovalNeed
	for _, n := range w.needs {
		if n.SettledAt == nil {
			open = append(open, n)
		}
	}
	return open
}

// everyDecider are those who can decide any open need, without doubles.
func (w *waiting) everyDecider() []uuid.UUID {
	var all []uuid.UUID
	for _, n := range w.open() {
		for _, id := range w.deciders[n.ID] {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// waitingFor are orders with what they wait for and who can decide it now, by their keys:
// the same few statements however many they are. Approvers are read as the server, as
// whoever sees an order sees who decides on it.
func (s *Service) waitingFor(ctx context.Context, client *ent.Client, orders []*ent.Order) (map[uuid.UUID]*waiting, error) {
	ctx = authz.System(ctx)
	found, ids := make(map[uuid.UUID]*waiting, len(orders)), make([]uuid.UUID, len(orders))
	for i, o := range orders {
		found[o.ID], ids[i] = &waiting{order: o, deciders: map[uuid.UUID][]uuid.UUID{}}, o.ID
	}
	needs, err := client.ApprovalNeed.Query().Where(approvalneed.OrderIDIn(ids...)).WithNamed().Order(approvalneed.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what orders wait for: %w", err)
	}
	var open []*ent.ApprovalNeed
	var tenants []uuid.UUID
	for _, n := range needs {
		w := found[n.OrderID]
		w.needs = append(w.needs, n)
		if n.SettledAt == nil && w.order.State == order.StatePENDING_APPROVAL {
			open = append(open, n)
			if !slices.Contains(tenants, n.TenantID) {
				tenants = append(tenants, n.TenantID)
			}
		}
	}
	if len(open) == 0 {
		return found, nil
	}
	able, err := client.User.Query().Where(user.TenantIDIn(tenants...), canApprove()).WithRoles().Order(user.ByLastName(), user.ByID()).
		Select(user.FieldID, user.FieldTenantID).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading who can approve: %w", err)
	}
	for _, n := range open {
		found[n.OrderID].deciders[n.ID] = found[n.OrderID].decidersOf(n, able)
	}
	return found, nil
}

// orderedBy tells whether a user has ordered: placed the order, or agreed to the quote that it
// came from.
func (w *waiting) orderedBy(user uuid.UUID) bool {
	return w.order.PlacedByID == user || w.order.AgreedByID != nil && *w.order.AgreedByID == user
}

// decidersOf are those who can decide a need now: of the named ones all who still can, or
// else the master admins, so that no order is stuck. Whoever ordered is none of them,
// unless the rule says so (OR-02).
func (w *waiting) decidersOf(n *ent.ApprovalNeed, able []*ent.User) []uuid.UUID {
	pick := func(fits func(*ent.User) bool) []uuid.UUID {
		var picked []uuid.UUID
		for _, u := range able {
			if u.TenantID == n.TenantID && (n.SelfApproval || !w.orderedBy(u.ID)) && fits(u) {
				picked = append(picked, u.ID)
			}
		}
		return picked
	}
	named := pick(func(u *ent.User) bool {
		return slices.ContainsFunc(n.Edges.Named, func(a *ent.NeedApprover) bool { return a.UserID == u.ID })
	})
	if len(named) > 0 {
		return named
	}
	return pick(func(u *ent.User) bool {
		return slices.ContainsFunc(u.Edges.Roles, func(r *ent.UserRole) bool { return r.Role == userrole.RoleMASTER_ADMIN })
	})
}
