package ordering

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/internal/fault"
)

// OrderAction is what a viewer can do with a placed order.
type OrderAction string

// The actions.
const (
	Approve        OrderAction = "APPROVE"
	Reject         OrderAction = "REJECT"
	Withdraw       OrderAction = "WITHDRAW"
	NotifyApprover OrderAction = "NOTIFY_APPROVER"
	LinkSIM        OrderAction = "LINK_SIM"
	Reorder        OrderAction = "REORDER"
	Advance        OrderAction = "ADVANCE"
	Retry          OrderAction = "RETRY"
)

// offers are the actions with the question that their mutations ask, too: nil is yes.
var offers = []struct {
	action OrderAction
	may    func(*waiting, *authz.Viewer) error
}{
	{Approve, (*waiting).mayDecide},
	{Reject, (*waiting).mayDecide},
	{Withdraw, (*waiting).mayWithdraw},
	{NotifyApprover, (*waiting).mayNotify},
	{Advance, (*waiting).mayAdvance},
	{Retry, (*waiting).mayRetry},
	{LinkSIM, (*waiting).mayLinkSIM},
	{Reorder, func(*waiting, *authz.Viewer) error { return nil }}, // whoever sees an order may have it again (OR-11)
}

// Actions are what the viewer can do with an order now (AC-14): the same few statements
// for all orders that were loaded together.
func (s *Service) Actions(ctx context.Context, o *ent.Order) ([]OrderAction, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.allWaiting(ctx, o)
	if err != nil {
		return nil, err
	}
	users, err := s.telephonyUsers(ctx, o)
	if err != nil {
		return nil, err
	}
	w := all[o.ID]
	w.telephony = users[o.ID]
	actions := []OrderAction{}
	for _, offer := range offers {
		switch err := offer.may(w, v); {
		case err == nil:
			actions = append(actions, offer.action)
		case !refused(err):
			return nil, err
		}
	}
	return actions, nil
}

// refused tells a no from a failure.
func refused(err error) bool {
	var f *fault.Fault
	return errors.As(err, &f) || errors.Is(err, fault.ErrForbidden)
}

// allWaiting are an order and all that were loaded with it, with what they wait for.
func (s *Service) allWaiting(ctx context.Context, o *ent.Order) (map[uuid.UUID]*waiting, error) {
	return ent.Load(ctx, o.Siblings(), "waiting", func(ctx context.Context, orders []*ent.Order) (map[uuid.UUID]*waiting, error) {
		return s.waitingFor(ctx, s.db.Client, orders)
	})
}

// thing is the order for a decision by the policy.
func (w *waiting) thing() authz.Thing {
	return authz.Thing{Tenant: w.order.TenantID, Owner: w.order.PlacedByID}
}

// permitted is ErrForbidden where the policy does not allow an action on the order.
func (w *waiting) permitted(v *authz.Viewer, action string) error {
	allowed, err := authz.Can(v, action, w.thing())
	if err == nil && !allowed {
		return fault.ErrForbidden
	}
	return err
}

// mayDecide tells whether the viewer can approve or reject: it has the role, the order
// waits, and for a rule that asks this viewer.
func (w *waiting) mayDecide(v *authz.Viewer) error {
	if err := w.permitted(v, "order.decide"); err != nil {
		return err
	}
	if w.order.State != order.StatePENDING_APPROVAL {
		return fault.New("ORDER_ALREADY_DECIDED")
	}
	if len(w.decidedBy(v.User)) > 0 {
		return nil
	}
	for _, n := range w.needs {
		if n.DecidedByID != nil && *n.DecidedByID == v.User {
			return fault.New("ORDER_ALREADY_DECIDED")
		}
	}
	if w.orderedBy(v.User) {
		return fault.New("SELF_APPROVAL_NOT_ALLOWED")
	}
	return fault.New("OTHER_APPROVERS_DECIDE")
}

// decidedBy are the open needs that somebody can decide.
func (w *waiting) decidedBy(user uuid.UUID) []*ent.ApprovalNeed {
	var theirs []*ent.ApprovalNeed
	for _, n := range w.open() {
		for _, id := range w.deciders[n.ID] {
			if id == user {
				theirs = append(theirs, n)
			}
		}
	}
	return theirs
}

// mayWithdraw tells whether the viewer can take the order back: its own, while it waits (OR-03).
func (w *waiting) mayWithdraw(v *authz.Viewer) error { return w.beforeDecision(v, "order.withdraw") }

// mayNotify tells whether the viewer can write to the approvers: of its own order, while it waits (OR-03).
func (w *waiting) mayNotify(v *authz.Viewer) error { return w.beforeDecision(v, "order.notify") }

func (w *waiting) beforeDecision(v *authz.Viewer, action string) error {
	if err := w.permitted(v, action); err != nil {
		return err
	}
	switch w.order.State {
	case order.StatePENDING_APPROVAL:
		return nil
	case order.StateREJECTED, order.StateWITHDRAWN:
		return fault.New("ORDER_ALREADY_DECIDED")
	default:
		return fault.New("ORDER_ALREADY_APPROVED").Contact()
	}
}
