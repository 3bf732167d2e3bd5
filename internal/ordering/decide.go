package ordering

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/approvalneed"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
)

// ApproveOrderInput is an order to approve, and what there is to say about it.
type ApproveOrderInput struct {
	OrderID gid.ID
	Note    *string
}

// RejectOrderInput is an order to reject, and why.
type RejectOrderInput struct {
	OrderID gid.ID
	Reason  string
}

// maxText bounds what is said about an order, in characters.
const maxText = 1000

// next are the states that an order can come into from each (OR-05).
var next = map[order.State][]order.State{
	order.StatePENDING_APPROVAL: {order.StateIN_PROGRESS, order.StateREJECTED, order.StateWITHDRAWN},
	order.StateIN_PROGRESS:      {order.StateCOMPLETED, order.StateERROR},
	order.StateERROR:            {order.StateIN_PROGRESS, order.StateCOMPLETED},
}

// Approve approves an order by all rules that ask the viewer (OR-02). When no other rule is
// left it is worked on. Of several who decide at once one does, the others are told
// ORDER_ALREADY_DECIDED.
func (s *Service) Approve(ctx context.Context, in ApproveOrderInput) (*ent.Order, error) {
	var faults fault.List
	note := fault.Text(in.Note, maxText, []string{"note"}, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return s.on(ctx, in.OrderID, func(tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayDecide(v); err != nil {
			return err
		}
		theirs := w.decidedBy(v.User)
		if err := s.settle(ctx, tx, theirs, &v.User, ""); err != nil {
			return err
		}
		if len(theirs) < len(w.open()) {
			return s.happened(ctx, tx, w.order, w.order.State, "order.approve", note)
		}
		if err := s.stillMay(ctx, tx.Client(), w.order); err != nil {
			return err
		}
		if err := s.move(ctx, tx, w.order, order.StateIN_PROGRESS, "order.approve", note); err != nil {
			return err
		}
		if err := s.begin(ctx, tx, w.order); err != nil {
			return err
		}
		return s.tellOrderer(ctx, tx, mail.OrderApproved, w.order, v, note)
	})
}

// Reject ends an order with a reason (OR-02): one who may decide is enough, whoever else
// is asked.
func (s *Service) Reject(ctx context.Context, in RejectOrderInput) (*ent.Order, error) {
	var faults fault.List
	reason := fault.NeededText(in.Reason, maxText, "reason", &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return s.on(ctx, in.OrderID, func(tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayDecide(v); err != nil {
			return err
		}
		theirs := w.decidedBy(v.User)
		if err := s.settle(ctx, tx, theirs, &v.User, reason); err != nil {
			return err
		}
		others := slices.DeleteFunc(w.open(), func(n *ent.ApprovalNeed) bool { return slices.Contains(theirs, n) })
		if err := s.settle(ctx, tx, others, nil, ""); err != nil {
			return err
		}
		if err := s.move(ctx, tx, w.order, order.StateREJECTED, "order.reject", reason); err != nil {
			return err
		}
		return s.tellOrderer(ctx, tx, mail.OrderRejected, w.order, v, reason)
	})
}

// on does something with an order that the viewer sees, as it is now: whoever comes
// meanwhile waits until it is done.
func (s *Service) on(ctx context.Context, id gid.ID, do func(tx *ent.Tx, v *authz.Viewer, w *waiting) error) (*ent.Order, error) {
	return s.onAs(ctx, ctx, id, do)
}

// onAs is on for those who do it as somebody else than who they are.
func (s *Service) onAs(ctx, as context.Context, id gid.ID, do func(tx *ent.Tx, v *authz.Viewer, w *waiting) error) (*ent.Order, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	ctx = as
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Order, error) {
		o, err := db.ForUpdate(s.db, tx.Order.Query().Where(order.ID(id.Of(ent.KindOrder))), db.KeepingKeys).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, fault.ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("reading an order to decide on: %w", err)
		}
		found, err := s.waitingFor(ctx, tx.Client(), []*ent.Order{o})
		if err != nil {
			return nil, err
		}
		return o, do(tx, v, found[o.ID])
	})
}

// stillMay is CONTRACT_RIGHT_LOST where whoever ordered may not order on the contract any more: a
// right that was taken back takes with it what waits (AC-10).
func (s *Service) stillMay(ctx context.Context, client *ent.Client, o *ent.Order) error {
	if o.ContractID == nil {
		return nil
	}
	c, err := client.Contract.Get(authz.System(ctx), *o.ContractID)
	if err != nil {
		return fmt.Errorf("reading the contract of an order: %w", err)
	}
	may, err := s.access.May(ctx, client, o.PlacedByID, o.TenantID, authz.OrderOn, c)
	if err == nil && !may {
		return fault.New("CONTRACT_RIGHT_LOST").With("number", c.Number)
	}
	return err
}

// settle ends needs: decided by somebody, or by nobody where the order ended without.
func (s *Service) settle(ctx context.Context, tx *ent.Tx, needs []*ent.ApprovalNeed, by *uuid.UUID, reason string) error {
	if len(needs) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(needs))
	for i, n := range needs {
		ids[i] = n.ID
	}
	n, err := tx.ApprovalNeed.Update().Where(approvalneed.IDIn(ids...), approvalneed.SettledAtIsNil()).
		SetSettledAt(s.moment()).SetNillableDecidedByID(by).SetReason(reason).Save(ctx)
	if err != nil {
		return fmt.Errorf("settling what an order waits for: %w", err)
	}
	if n != len(needs) {
		return fault.New("ORDER_ALREADY_DECIDED")
	}
	return nil
}

// move brings an order into another state, once: whoever comes second finds it there.
func (s *Service) move(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State, action, note string) error {
	if err := s.enter(ctx, tx, o, to); err != nil {
		return err
	}
	if err := s.follow(ctx, tx, o, to); err != nil {
		return err
	}
	return s.happened(ctx, tx, o, to, action, note)
}

// enter writes the state of an order, and nothing of what belongs to it.
func (s *Service) enter(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State) error {
	if !slices.Contains(next[o.State], to) {
		return fmt.Errorf("an order does not go from %s to %s", o.State, to)
	}
	n, err := tx.Order.Update().Where(order.ID(o.ID), order.StateEQ(o.State)).SetState(to).Save(ctx)
	if err != nil {
		return fmt.Errorf("moving an order to %s: %w", to, err)
	}
	if n == 0 {
		return fault.New("ORDER_ALREADY_DECIDED")
	}
	return nil
}

// happened writes a step of an order into its history and into the audit log, and tells
// the replicas. The order is in the new state from then on.
func (s *Service) happened(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State, action, note string) error {
	former := o.State
	o.State = to
	err := tx.OrderEvent.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).SetNillableContractID(o.ContractID).
		SetAt(s.moment()).SetState(orderevent.State(to)).SetNillableActorID(actor(ctx)).SetNote(note).Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing the history of the order: %w", err)
	}
	err = s.audit.Record(ctx, tx, audit.Change{
		Tenant: o.TenantID, Action: action, Kind: "Order", Subject: o.ID, Label: o.Number,
		Before: map[string]any{"state": former}, After: map[string]any{"state": to, "note": note},
	})
	if err != nil {
		return err
	}
	s.Changed(tx, o)
	return nil
}

// moment is now, as precise as the databases keep it.
func (s *Service) moment() time.Time { return db.Moment(s.now()) }
