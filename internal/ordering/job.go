package ordering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/orderjob"
	"kontor/internal/db"
	"kontor/internal/provision"
	"kontor/internal/rounds"
)

const (
	// workers are how many orders a replica processes at a time: they mostly wait for the outside.
	workers = 4
	// lookEvery is how often a replica looks for jobs that others left or that are due again.
	lookEvery = 2 * time.Second
	// lease keeps other workers off a job; who has not come back by then is taken to be dead.
	lease = 3 * provision.Timeout
	// patience is how often a step is tried before the order ends in ERROR: with the pauses
	// between, that is about a quarter of an hour.
	patience = 10
	// longestPause is the distance of attempts at the end.
	longestPause = 5 * time.Minute
)

// pause is how long to wait after so many failures: 1, 2, 4, … seconds.
func pause(failures int) time.Duration {
	return min(time.Second<<min(max(failures-1, 0), 20), longestPause)
}

// begin puts an order that is processed automatically into the queue, in the transaction
// that lets it go on (OR-07).
func (s *Service) begin(ctx context.Context, tx *ent.Tx, o *ent.Order) error {
	if !o.Automatic {
		return nil
	}
	now := s.moment()
	err := tx.OrderJob.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetStep(orderjob.StepPROVISION).
		SetNextAttemptAt(now).SetCreatedAt(now).Exec(authz.System(ctx))
	if err != nil {
		return fmt.Errorf("putting an order into the queue: %w", err)
	}
	s.wakeAfter(tx)
	return nil
}

// wakeAfter has a worker look for jobs once the transaction is committed.
func (s *Service) wakeAfter(tx *ent.Tx) {
	db.AfterCommit(tx, func(context.Context) {
		select {
		case s.waiting <- struct{}{}:
		default: // all are told already
		}
	})
}

// KeepProcessing processes orders until the context ends, and then returns once the steps
// that were begun are done.
func (s *Service) KeepProcessing(ctx context.Context) {
	ended := make(chan struct{}, workers)
	for range workers {
		go func() {
			rounds.Keep(ctx, lookEvery, s.waiting, s.log, "orders wait to be processed", s.Process)
			ended <- struct{}{}
		}()
	}
	for range workers {
		<-ended
	}
}

// Process does what is due now. Any number of workers and replicas may do so at the same
// time: each step has its effect once (OR-07).
func (s *Service) Process(ctx context.Context) error {
	ctx = authz.System(ctx)
	for ctx.Err() == nil {
		job, err := s.take(ctx)
		if job == nil || err != nil {
			return err
		}
		// A step that was begun is finished, also where the process is about to end.
		if err := s.step(context.WithoutCancel(ctx), job); err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
	return ctx.Err()
}

// take reserves the job that has been due for longest; nil where none is. It counts as
// failed from here on: a worker that never comes back has failed, too.
func (s *Service) take(ctx context.Context) (*ent.OrderJob, error) {
	due := func(q *ent.OrderJobQuery) *ent.OrderJobQuery {
		return q.Where(orderjob.EndedAtIsNil(), orderjob.NextAttemptAtLTE(s.moment())).Order(orderjob.ByNextAttemptAt())
	}
	// Most of the time there is none, and then nobody is kept from writing.
	if any, err := due(s.db.Client.OrderJob.Query()).Exist(ctx); err != nil || !any {
		return nil, wrap(err, "looking for orders to process")
	}
	job, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.OrderJob, error) {
		job, err := db.ForUpdate(s.db, due(tx.OrderJob.Query()), sql.WithLockAction(sql.SkipLocked)).First(ctx)
		if err != nil {
			return nil, err
		}
		return job.Update().AddTakes(1).AddFailures(1).SetNextAttemptAt(s.moment().Add(lease)).Save(ctx)
	})
	if ent.IsNotFound(err) {
		return nil, nil // another worker was faster
	}
	return job, wrap(err, "taking an order to process")
}

// errTaken ends the work on a job that somebody else has taken, or ended.
var errTaken = errors.New("the job is somebody else's now")

// note writes what became of a job, unless somebody else has taken or ended it meanwhile.
func note(ctx context.Context, tx *ent.Tx, job *ent.OrderJob, change func(*ent.OrderJobUpdate)) error {
	update := tx.OrderJob.Update().Where(orderjob.ID(job.ID), orderjob.Takes(job.Takes), orderjob.EndedAtIsNil())
	change(update)
	n, err := update.Save(ctx)
	if err != nil {
		return fmt.Errorf("noting what became of a step: %w", err)
	}
	if n == 0 {
		return errTaken
	}
	return nil
}

// held is the order of a job, for as long as the transaction: it comes before the job, for
// all who hold both.
func (s *Service) held(ctx context.Context, tx *ent.Tx, job *ent.OrderJob) (*ent.Order, error) {
	o, err := db.ForUpdate(s.db, tx.Order.Query().Where(order.ID(job.OrderID)), db.KeepingKeys).Only(ctx)
	return o, wrap(err, "holding an order in process")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
