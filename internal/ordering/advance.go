package ordering

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/orderjob"
	"kontor/internal/account"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// Outcome is how an order ends that a service agent moves on.
type Outcome string

// The outcomes: carried out, or not.
const (
	Completed Outcome = "COMPLETED"
	Failed    Outcome = "ERROR"
)

// AdvanceOrderInput is how an order ended.
type AdvanceOrderInput struct {
	OrderID        gid.ID
	To             Outcome
	Note           *string
	ContractNumber *string
}

// Advance moves an order on that people carry out (OR-07): to COMPLETED, with the contract
// that came of it or that it changed, or to ERROR, with what went wrong. An order in ERROR
// can still be completed, and where a machine does not know how it ended, a person says that
// it failed: only then what it called off is open again. What a machine was about to do with it, it no longer does.
func (s *Service) Advance(ctx context.Context, in AdvanceOrderInput) (*ent.Order, error) {
	var faults fault.List
	note := fault.Text(in.Note, maxText, []string{"note"}, &faults)
	number := fault.Line(in.ContractNumber, 60, []string{"contractNumber"}, &faults)
	switch {
	case in.To == Failed && note == "" && len(faults) == 0:
		faults.Add(fault.New("VALUE_REQUIRED", "note"))
	case in.To == Failed && number != "":
		faults.Add(fault.New("VALUE_INVALID", "contractNumber"))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return s.serving(ctx, in.OrderID, func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayAdvance(v); err != nil {
			return err
		}
		o := w.order
		err := tx.OrderJob.Update().Where(orderjob.OrderID(o.ID), orderjob.EndedAtIsNil()).SetEndedAt(s.moment()).Exec(ctx)
		if err != nil {
			return fmt.Errorf("ending the job of an order: %w", err)
		}
		if in.To == Failed {
			if o.State == order.StateERROR {
				kept, err := s.keeps(ctx, tx, o)
				if err != nil {
					return err
				}
				if !kept {
					return fault.New("ORDER_NOT_IN_PROGRESS")
				}
				// Nobody knew whether it was delivered: it was not.
				if err := s.follow(ctx, tx, o, order.StateERROR); err != nil {
					return err
				}
				return s.happened(ctx, tx, o, order.StateERROR, "order.fail", note)
			}
			return s.move(ctx, tx, o, order.StateERROR, "order.fail", note)
		}
		// First, because its contract comes before the audit log for all who hold both.
		if err := s.follow(ctx, tx, o, order.StateCOMPLETED); err != nil {
			return err
		}
		if err := s.conclude(ctx, tx, o, account.Provisioned{ContractNumber: number}); err != nil {
			return err
		}
		return s.move(ctx, tx, o, order.StateCOMPLETED, "order.complete", note)
	})
}

// Retry has an order in ERROR processed once more, after what was in its way was put right
// (OR-07).
func (s *Service) Retry(ctx context.Context, id gid.ID) (*ent.Order, error) {
	return s.serving(ctx, id, func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, w *waiting) error {
		if err := w.mayRetry(v); err != nil {
			return err
		}
		// The outside is asked again: what it said before may be what went wrong. It knows by the
		// order's ID what it has done already.
		n, err := tx.OrderJob.Update().Where(orderjob.OrderID(w.order.ID), orderjob.EndedAtNotNil()).
			SetStep(orderjob.StepPROVISION).ClearAnswer().SetFailures(0).SetNextAttemptAt(s.moment()).ClearEndedAt().Save(ctx)
		if err != nil {
			return fmt.Errorf("putting an order into the queue again: %w", err)
		}
		if n == 0 {
			if err := s.begin(ctx, tx, w.order); err != nil {
				return err
			}
		}
		s.wakeAfter(tx)
		return s.move(ctx, tx, w.order, order.StateIN_PROGRESS, "order.retry", "")
	})
}

// serving does something with an order of any company that the viewer sees: as the server,
// because only that writes into other companies.
func (s *Service) serving(ctx context.Context, id gid.ID, do func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, w *waiting) error) (*ent.Order, error) {
	seen, err := s.db.Client.Order.Query().Where(order.ID(id.Of(ent.KindOrder))).Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding an order to serve: %w", err)
	}
	if !seen {
		return nil, fault.ErrNotFound
	}
	system := authz.System(ctx)
	return s.onAs(ctx, system, id, func(tx *ent.Tx, v *authz.Viewer, w *waiting) error { return do(system, tx, v, w) })
}

// mayAdvance tells whether the viewer can say how the order ended: it is being worked on,
// or failed.
func (w *waiting) mayAdvance(v *authz.Viewer) error {
	if err := w.permitted(v, "order.advance"); err != nil {
		return err
	}
	if w.order.State != order.StateIN_PROGRESS && w.order.State != order.StateERROR {
		return fault.New("ORDER_NOT_IN_PROGRESS")
	}
	return nil
}

// mayRetry tells whether the viewer can have the order processed once more.
func (w *waiting) mayRetry(v *authz.Viewer) error {
	if err := w.permitted(v, "order.advance"); err != nil {
		return err
	}
	if w.order.State != order.StateERROR {
		return fault.New("ORDER_NOT_IN_ERROR")
	}
	if !w.order.Automatic {
		return fault.New("ORDER_NOT_AUTOMATIC")
	}
	return nil
}

// OrderProcessing is how far an order is that is processed automatically.
type OrderProcessing struct {
	Step          orderjob.Step
	Failures      int
	NextAttemptAt *time.Time
	LastError     string
}

// Processing is how far the processing of an order is, for service agents; nil for others,
// and where people carry it out.
func (s *Service) Processing(ctx context.Context, o *ent.Order) (*OrderProcessing, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	allowed, err := authz.Can(v, "order.advance", authz.Thing{Tenant: o.TenantID})
	if err != nil || !allowed {
		return nil, err
	}
	jobs, err := ent.Load(ctx, o.Siblings(), "jobs", func(ctx context.Context, orders []*ent.Order) (map[uuid.UUID]*ent.OrderJob, error) {
		ids := make([]uuid.UUID, len(orders))
		for i, o := range orders {
			ids[i] = o.ID
		}
		found, err := s.db.Client.OrderJob.Query().Where(orderjob.OrderIDIn(ids...)).All(authz.System(ctx))
		if err != nil {
			return nil, fmt.Errorf("reading how far orders are: %w", err)
		}
		byOrder := make(map[uuid.UUID]*ent.OrderJob, len(found))
		for _, j := range found {
			byOrder[j.OrderID] = j
		}
		return byOrder, nil
	})
	job := jobs[o.ID]
	if err != nil || job == nil {
		return nil, err
	}
	p := &OrderProcessing{Step: job.Step, Failures: job.Failures, LastError: job.LastError}
	if job.EndedAt == nil {
		p.NextAttemptAt = &job.NextAttemptAt
	}
	return p, nil
}
