package ordering

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/approvalrule"
	"kontor/ent/ruleapprover"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// SaveApprovalRuleInput is a rule to make, or to change when it has an ID.
type SaveApprovalRuleInput struct {
	ID           *gid.ID
	Name         string
	Above        *money.Decimal
	CostCentre   *string
	SelfApproval bool
	ApproverIDs  []gid.ID
}

const (
	maxRules     = 100
	maxApprovers = 50
)

// Rules are the approval rules of the company that the viewer works for, the oldest first
// (OR-02).
func (s *Service) Rules(ctx context.Context) ([]*ent.ApprovalRule, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.db.Client.ApprovalRule.Query().Where(approvalrule.TenantID(v.Tenant)).Order(approvalrule.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing approval rules: %w", err)
	}
	return all, nil
}

// RuleApprovers are those whom a rule names: one statement for all rules that were loaded
// together, and one for the people.
func (s *Service) RuleApprovers(ctx context.Context, r *ent.ApprovalRule) ([]*ent.User, error) {
	all, err := ent.Load(ctx, r.Siblings(), "approvers", func(ctx context.Context, rules []*ent.ApprovalRule) (map[uuid.UUID][]*ent.User, error) {
		ids := make([]uuid.UUID, len(rules))
		for i, each := range rules {
			ids[i] = each.ID
		}
		named, err := s.db.Client.RuleApprover.Query().Where(ruleapprover.RuleIDIn(ids...)).Order(ruleapprover.ByID()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the approvers of rules: %w", err)
		}
		keys := make([]uuid.UUID, len(named))
		for i, n := range named {
			keys[i] = n.UserID
		}
		people, err := s.people(ctx, keys)
		if err != nil {
			return nil, err
		}
		approvers := make(map[uuid.UUID][]*ent.User, len(rules))
		for _, n := range named {
			approvers[n.RuleID] = append(approvers[n.RuleID], people[n.UserID])
		}
		return approvers, nil
	})
	return all[r.ID], err
}

// SaveRule makes or changes a rule of the viewer's company. Orders that wait already do so
// by the rule as it was (OR-02).
func (s *Service) SaveRule(ctx context.Context, in SaveApprovalRuleInput) (*ent.ApprovalRule, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	name, costCentre, err := in.check()
	if err != nil {
		return nil, err
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.ApprovalRule, error) {
		former, err := s.rule(ctx, tx, in.ID)
		if err != nil {
			return nil, err
		}
		approvers, err := s.approvers(ctx, tx, v, in.ApproverIDs)
		if err != nil {
			return nil, err
		}
		var saved *ent.ApprovalRule
		if former == nil {
			saved, err = s.newRule(ctx, tx, v, in, name, costCentre)
		} else {
			update := former.Update().SetName(name).SetSelfApproval(in.SelfApproval)
			if in.Above != nil {
				update.SetAboveAmount(*in.Above)
			} else {
				update.ClearAboveAmount()
			}
			if costCentre != "" {
				update.SetCostCentre(costCentre)
			} else {
				update.ClearCostCentre()
			}
			saved, err = update.Save(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("saving an approval rule: %w", err)
		}
		if _, err := tx.RuleApprover.Delete().Where(ruleapprover.RuleID(saved.ID)).Exec(ctx); err != nil {
			return nil, fmt.Errorf("replacing the approvers of a rule: %w", err)
		}
		rows := make([]*ent.RuleApproverCreate, len(approvers))
		for i, u := range approvers {
			rows[i] = tx.RuleApprover.Create().SetTenantID(v.Tenant).SetRuleID(saved.ID).SetUserID(u.ID)
		}
		if err := tx.RuleApprover.CreateBulk(rows...).Exec(ctx); err != nil {
			return nil, fmt.Errorf("naming the approvers of a rule: %w", err)
		}
		change := audit.Change{Tenant: v.Tenant, Action: "rule.save", Kind: "ApprovalRule", Subject: saved.ID, Label: saved.Name, After: ruleFacts(saved, approvers)}
		if former != nil {
			change.Before = ruleFacts(former, usersOf(former))
		}
		return saved, s.audit.Record(ctx, tx, change)
	})
}

// newRule writes a rule, in the currency of the company.
func (s *Service) newRule(ctx context.Context, tx *ent.Tx, v *authz.Viewer, in SaveApprovalRuleInput, name, costCentre string) (*ent.ApprovalRule, error) {
	n, err := tx.ApprovalRule.Query().Where(approvalrule.TenantID(v.Tenant)).Count(ctx)
	if err != nil {
		return nil, err
	}
	if n >= maxRules {
		return nil, fault.New("TOO_MANY_ITEMS").With("max", maxRules)
	}
	t, err := tx.Tenant.Get(ctx, v.Tenant)
	if err != nil {
		return nil, err
	}
	create := tx.ApprovalRule.Create().SetTenantID(v.Tenant).SetName(name).SetNillableAboveAmount(in.Above).SetCurrency(t.Currency).
		SetSelfApproval(in.SelfApproval).SetCreatedAt(s.moment())
	if costCentre != "" {
		create.SetCostCentre(costCentre)
	}
	return create.Save(ctx)
}

// DeleteRule takes a rule away. Orders that wait by it go on waiting.
func (s *Service) DeleteRule(ctx context.Context, id gid.ID) error {
	_, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		former, err := s.rule(ctx, tx, &id)
		if err != nil {
			return struct{}{}, err
		}
		// Its approvers go with it.
		if err := tx.ApprovalRule.DeleteOne(former).Exec(ctx); err != nil {
			return struct{}{}, fmt.Errorf("deleting an approval rule: %w", err)
		}
		return struct{}{}, s.audit.Record(ctx, tx, audit.Change{
			Tenant: former.TenantID, Action: "rule.delete", Kind: "ApprovalRule", Subject: former.ID, Label: former.Name, Before: ruleFacts(former, usersOf(former)),
		})
	})
	return err
}

// check is the name and the cost centre as they are kept, or all that is wrong.
func (in SaveApprovalRuleInput) check() (name, costCentre string, err error) {
	var faults fault.List
	name, costCentre = fault.Line(&in.Name, 100, []string{"name"}, &faults), fault.Line(in.CostCentre, 60, []string{"costCentre"}, &faults)
	if name == "" && len(faults) == 0 {
		faults.Add(fault.New("VALUE_REQUIRED", "name"))
	}
	if in.Above != nil && in.Above.Sign() < 0 {
		faults.Add(fault.New("AMOUNT_INVALID", "above"))
	}
	switch n := len(in.ApproverIDs); {
	case n == 0:
		faults.Add(fault.New("VALUE_REQUIRED", "approverIds"))
	case n > maxApprovers:
		faults.Add(fault.New("TOO_MANY_ITEMS", "approverIds").With("max", maxApprovers))
	}
	return name, costCentre, faults.Err()
}

// rule is a rule of the viewer's company with its approvers; nil without an ID.
func (s *Service) rule(ctx context.Context, tx *ent.Tx, id *gid.ID) (*ent.ApprovalRule, error) {
	if id == nil {
		return nil, nil
	}
	r, err := tx.ApprovalRule.Query().Where(approvalrule.ID(id.Of(ent.KindApprovalRule))).
		WithNamed(func(q *ent.RuleApproverQuery) { q.WithUser().Order(ruleapprover.ByID()) }).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New("RULE_UNKNOWN", "id")
	}
	if err != nil {
		return nil, fmt.Errorf("reading an approval rule: %w", err)
	}
	return r, nil
}

// approvers are users of the viewer's company who may approve, without doubles.
func (s *Service) approvers(ctx context.Context, tx *ent.Tx, v *authz.Viewer, ids []gid.ID) ([]*ent.User, error) {
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = id.Of(ent.KindUser)
	}
	colleagues, err := tx.User.Query().Where(user.TenantID(v.Tenant), user.IDIn(keys...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the approvers of a rule: %w", err)
	}
	able, err := tx.User.Query().Where(user.TenantID(v.Tenant), user.IDIn(keys...), canApprove()).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading who of the approvers of a rule may approve: %w", err)
	}
	byID, fits := map[uuid.UUID]*ent.User{}, map[uuid.UUID]bool{}
	for _, u := range colleagues {
		byID[u.ID] = u
	}
	for _, id := range able {
		fits[id] = true
	}
	var faults fault.List
	var found []*ent.User
	for i, key := range keys {
		switch u := byID[key]; {
		case u == nil:
			faults.Add(fault.New("APPROVER_UNKNOWN", "approverIds", strconv.Itoa(i)))
		case !fits[key]:
			faults.Add(fault.New("APPROVER_UNFIT", "approverIds", strconv.Itoa(i)).With("name", u.DisplayName()))
		default:
			found = append(found, u)
		}
	}
	return distinct(found), faults.Err()
}

func distinct(users []*ent.User) []*ent.User {
	seen := map[uuid.UUID]bool{}
	var each []*ent.User
	for _, u := range users {
		if !seen[u.ID] {
			seen[u.ID] = true
			each = append(each, u)
		}
	}
	return each
}

// usersOf are the approvers of a rule that was read with them.
func usersOf(r *ent.ApprovalRule) []*ent.User {
	users := make([]*ent.User, len(r.Edges.Named))
	for i, n := range r.Edges.Named {
		users[i] = n.Edges.User
	}
	return users
}

// ruleFacts are what the audit log keeps of a rule.
func ruleFacts(r *ent.ApprovalRule, approvers []*ent.User) map[string]any {
	names := make([]string, len(approvers))
	for i, u := range approvers {
		names[i] = u.Username
	}
	return map[string]any{"name": r.Name, "above": r.Above(), "costCentre": r.CostCentre, "selfApproval": r.SelfApproval, "approvers": names}
}
