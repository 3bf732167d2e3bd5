package demo

import (
	"fmt"
	"time"

	"kontor/ent"
	"kontor/ent/approvalrule"
	"kontor/internal/money"
)

// rules has anna.abel approve what costs HANSA more than 5,000 EUR (OR-02).
func (l loader) rules() error {
	approver, err := l.user("anna.abel")
	if err != nil {
		return err
	}
	rule, err := l.tx.ApprovalRule.Create().SetTenantID(approver.TenantID).SetName("Bestellungen über 5.000 EUR").
		SetAboveAmount(money.FromInt(5000)).SetCurrency("EUR").SetCreatedAt(l.now).Save(l.ctx)
	if err != nil {
		return fmt.Errorf("making an approval rule: %w", err)
	}
	return l.tx.RuleApprover.Create().SetTenantID(rule.TenantID).SetRuleID(rule.ID).SetUserID(approver.ID).Exec(l.ctx)
}

// wait has an order wait by the rule of its company, of which the approver was reminded
// in the past.
func (l loader) wait(o *ent.Order) error {
	rule, err := l.tx.ApprovalRule.Query().Where(approvalrule.TenantID(o.TenantID)).WithNamed().Only(l.ctx)
	if err != nil {
		return fmt.Errorf("finding an approval rule: %w", err)
	}
	need, err := l.tx.ApprovalNeed.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).SetNillableContractID(o.ContractID).
		SetRuleID(rule.ID).SetRule(rule.Name).SetNillableAboveAmount(rule.AboveAmount).SetCurrency(rule.Currency).SetSelfApproval(rule.SelfApproval).
		SetAskedAt(o.PlacedAt).SetRemindedAt(o.PlacedAt.Add(48 * time.Hour)).Save(l.ctx)
	if err != nil {
		return fmt.Errorf("having an order wait: %w", err)
	}
	for _, n := range rule.Edges.Named {
		err := l.tx.NeedApprover.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).SetNillableContractID(o.ContractID).
			SetNeedID(need.ID).SetUserID(n.UserID).Exec(l.ctx)
		if err != nil {
			return fmt.Errorf("naming who decides: %w", err)
		}
	}
	return nil
}
