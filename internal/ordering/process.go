package ordering

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/ent/orderjob"
	"kontor/ent/tenant"
	"kontor/internal/account"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/provision"
)

// step does the next step of an order, and the one after it if all goes well.
func (s *Service) step(ctx context.Context, job *ent.OrderJob) (err error) {
	defer func() {
		// An order that the code does not cope with must not take the others with it.
		if broken := recover(); broken != nil {
			err = errors.Join(s.failed(ctx, job, fmt.Errorf("%w: %s", errInside, fault.Panicked(broken))), fmt.Errorf("processing order %s: %s\n%s", job.OrderID, fault.Panicked(broken), debug.Stack()))
		}
	}()
	if job.Failures > patience {
		return s.failed(ctx, job, fmt.Errorf("%w: no worker came back", errInside))
	}
	if job.Step == orderjob.StepPROVISION {
		if err := s.provision(ctx, job); err != nil {
			return s.failed(ctx, job, err)
		}
	}
	err = s.complete(ctx, job)
	if err == nil || errors.Is(err, errTaken) {
		return err
	}
	return s.failed(ctx, job, err)
}

// errInside is a failure of Kontor's own.
var errInside = errors.New("a failure inside of Kontor")

// provision has done outside what the order asks for, and keeps the answer: from then on
// the outside is not asked again.
func (s *Service) provision(ctx context.Context, job *ent.OrderJob) error {
	o, err := s.db.Client.Order.Query().Where(order.ID(job.OrderID)).
		WithItems(inOrder).WithContract().WithTenant().Only(ctx)
	if err != nil {
		return fmt.Errorf("reading an order to process: %w", err)
	}
	if o.State != order.StateIN_PROGRESS {
		return nil // a service agent moved it on; the job ends in the next step
	}
	// What stands in the way already is told before anything is done outside.
	if c := o.Edges.Contract; c != nil && c.State == contract.StateTERMINATED {
		return fault.New("CONTRACT_NOT_ACTIVE").With("number", c.Number)
	}
	if err := s.stillMay(ctx, s.db.Client, o); err != nil {
		return err
	}
	answer, err := s.outside.Provision(ctx, outside(o))
	if err != nil {
		return err
	}
	_, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, note(ctx, tx, job, func(u *ent.OrderJobUpdate) {
			u.SetStep(orderjob.StepCONCLUDE).SetAnswer(&answer).SetFailures(1).SetLastError("")
		})
	})
	if err == nil {
		job.Step, job.Answer, job.Failures = orderjob.StepCONCLUDE, &answer, 1
	}
	return err
}

// outside is an order as the outside is told of it.
func outside(o *ent.Order) provision.Order {
	told := provision.Order{
		ID: o.ID.String(), Number: o.Number, Organization: o.Edges.Tenant.OrganizationID, BusinessCase: string(o.BusinessCase), PlacedAt: o.PlacedAt.UTC(),
		CustomerOrderNumber: o.CustomerOrderNumber, ReferenceNumber: o.ReferenceNumber, Details: o.Details, Items: make([]provision.Item, len(o.Edges.Items)),
	}
	if o.Edges.Contract != nil {
		told.ContractNumber = o.Edges.Contract.Number
	}
	for i, item := range o.Edges.Items {
		told.Items[i] = provision.Item{Position: item.Position, SKU: item.Sku, Name: item.ProductName, Quantity: item.Quantity, Unit: item.Unit,
			WishedDate: item.WishedDate, DeliveryAddress: item.DeliveryAddress}
	}
	return told
}

// complete makes the contract, or changes the one that the order is about, and ends the
// order with it.
func (s *Service) complete(ctx context.Context, job *ent.OrderJob) error {
	_, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		o, err := s.held(ctx, tx, job)
		if err != nil {
			return struct{}{}, err
		}
		if err := note(ctx, tx, job, func(u *ent.OrderJobUpdate) { u.SetEndedAt(s.moment()).SetFailures(0).SetLastError("") }); err != nil {
			return struct{}{}, err
		}
		if o.State != order.StateIN_PROGRESS {
			return struct{}{}, nil
		}
		answer := account.Provisioned{}
		if job.Answer != nil {
			answer = *job.Answer
		}
		if err := s.conclude(ctx, tx, o, answer); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.move(ctx, tx, o, order.StateCOMPLETED, "order.complete", answer.Note)
	})
	return err
}

// failed notes a failure: the step is tried again later, or the order ends in ERROR where
// that would not help or did not.
func (s *Service) failed(ctx context.Context, job *ent.OrderJob, failure error) error {
	if errors.Is(failure, errTaken) {
		return failure
	}
	s.log.WarnContext(ctx, "a step of an order failed", "order", job.OrderID, "step", job.Step, "failures", job.Failures, "error", failure)
	_, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		o, err := s.held(ctx, tx, job)
		if err != nil {
			return struct{}{}, err
		}
		if job.Failures < patience && !final(failure) && o.State == order.StateIN_PROGRESS {
			return struct{}{}, note(ctx, tx, job, func(u *ent.OrderJobUpdate) {
				u.SetNextAttemptAt(s.moment().Add(again(job, failure))).SetLastError(failure.Error())
			})
		}
		err = note(ctx, tx, job, func(u *ent.OrderJobUpdate) { u.SetEndedAt(s.moment()).SetLastError(failure.Error()) })
		if err != nil || o.State != order.StateIN_PROGRESS {
			return struct{}{}, err
		}
		company, err := tx.Tenant.Query().Where(tenant.ID(o.TenantID)).Select(tenant.FieldLanguage).Only(ctx)
		if err != nil {
			return struct{}{}, fmt.Errorf("reading whose order failed: %w", err)
		}
		note := said(company.Language, failure)
		if final(failure) {
			return struct{}{}, s.move(ctx, tx, o, order.StateERROR, "order.fail", note)
		}
		// It may have been delivered for all we know: what it called off is not open before a person says so.
		if err := s.enter(ctx, tx, o, order.StateERROR); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.happened(ctx, tx, o, order.StateERROR, "order.fail", note)
	})
	return err
}

// final tells whether another attempt would fail as well.
func final(failure error) bool {
	var refused *provision.Refused
	return errors.As(failure, &refused) || len(faultsIn(failure)) > 0
}

func faultsIn(err error) fault.List {
	faults, _ := fault.Split(err)
	return faults
}

// again is how long to wait after a failure: what the outside asked for, or else longer
// each time.
func again(job *ent.OrderJob, failure error) (after time.Duration) {
	var later *provision.Later
	if errors.As(failure, &later) {
		return later.After
	}
	return pause(job.Failures)
}

// said is what people are told of a failure that ends an order: enough to do something
// about it, and nothing of the inside, which the job keeps for service agents.
func said(language string, failure error) string {
	var refused *provision.Refused
	switch faults := faultsIn(failure); {
	case errors.As(failure, &refused):
		return lang.Text(language, "PROCESSING_REFUSED", map[string]any{"reason": refused.Reason})
	case len(faults) > 0:
		return lang.Text(language, faults[0].Code, faults[0].Args)
	case errors.Is(failure, provision.ErrUnreachable):
		return lang.Text(language, "PROCESSING_UNREACHABLE", map[string]any{"attempts": patience})
	case errors.Is(failure, provision.ErrFailing), errors.Is(failure, provision.ErrNonsense):
		return lang.Text(language, "PROCESSING_FAILING", map[string]any{"attempts": patience})
	default:
		return lang.Text(language, "PROCESSING_BROKEN", map[string]any{"attempts": patience})
	}
}
