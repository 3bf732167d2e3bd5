package erp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/importreason"
	"kontor/ent/importrun"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/audit"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/rounds"
)

const (
	// lease keeps other workers off a run; who has not renewed it by then is taken to be dead.
	lease = 30 * time.Second
	// renewEvery is how often it is renewed, and told how far the run has come.
	renewEvery = 2 * time.Second
	// maxTakes is how often a run is begun or gone on with before it is given up.
	maxTakes = 20
	// pollEvery is how often a replica looks for runs that others left.
	pollEvery = 5 * time.Second
)

// errTaken ends the work on a run that somebody else has taken.
var errTaken = errors.New("the import is somebody else's now")

// KeepImporting works on runs that are left over until the context ends, and drops files that nobody
// imports: runs of requests are begun at once.
func (r *Runs) KeepImporting(ctx context.Context) {
	r.working.Go(func() { rounds.Keep(ctx, sweepEvery, nil, r.Log, "files that nobody imports are left over", r.Sweep) })
	r.working.Add(1)
	defer r.working.Done()
	rounds.Keep(ctx, pollEvery, nil, r.Log, "imports wait to go on", r.Process)
}

// Process works on the runs that are due, one after the other: one at a time of a replica.
func (r *Runs) Process(ctx context.Context) error {
	r.busy.Lock()
	defer r.busy.Unlock()
	ctx = authz.System(ctx)
	for {
		run, err := r.take(ctx)
		if err != nil || run == nil {
			return err
		}
		if err := r.work(ctx, run); err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
}

// take reserves the run that is due and has waited for longest; nil where none is. One at a time
// of each tenant and kind is worked on.
func (r *Runs) take(ctx context.Context) (*ent.ImportRun, error) {
	open := importrun.EndedAtIsNil()
	// Most of the time there is none, and then nobody is kept from writing.
	if any, err := r.DB.Client.ImportRun.Query().Where(open).Exist(ctx); err != nil || !any {
		return nil, wrap(err, "looking for imports")
	}
	type taken struct{ run *ent.ImportRun }
	next, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (taken, error) {
		runs, err := db.ForUpdate(r.DB, tx.ImportRun.Query().Where(open).Order(importrun.ByQueuedAt(), importrun.ByID())).All(ctx)
		if err != nil {
			return taken{}, fmt.Errorf("looking for imports: %w", err)
		}
		next, err := r.choose(ctx, tx, runs)
		if err != nil || next == nil {
			return taken{}, err
		}
		begun, err := r.begin(ctx, next)
		return taken{begun}, err
	})
	if ent.IsConstraintError(err) {
		return nil, nil // another replica was faster
	}
	return next.run, err
}

// line is where imports wait for each other.
type line struct {
	tenant uuid.UUID
	kind   importrun.Kind
}

// choose picks the next run of those that are open. What the command line began and did not end is
// over: nobody else has its file.
func (r *Runs) choose(ctx context.Context, tx *ent.Tx, runs []*ent.ImportRun) (*ent.ImportRun, error) {
	now := db.Moment(r.Now())
	busy := map[line]bool{}
	var left *ent.ImportRun
	for _, run := range runs {
		if run.State != importrun.StateRUNNING {
			continue
		}
		here := run.BlobKey == "" // begun by the command line
		switch {
		// SQLite is for one process, and this one has just begun.
		case run.LeasedUntil.After(now) && (!here || r.DB.Dialect == dialect.Postgres):
			busy[line{run.TenantID, run.Kind}] = true
		case here:
			if err := r.end(ctx, tx, run, importrun.StateFAILED, interrupted); err != nil {
				return nil, err
			}
		case left == nil:
			left = run
		}
	}
	if left != nil {
		return left, nil
	}
	i := slices.IndexFunc(runs, func(run *ent.ImportRun) bool {
		return run.State == importrun.StateQUEUED && !busy[line{run.TenantID, run.Kind}]
	})
	if i < 0 {
		return nil, nil
	}
	return runs[i], nil
}

// interrupted says what to do after a run of the command line that did not come to its end.
const interrupted = "the command ended before the import did: run it again with the same file, and it goes on where it was"

// begin takes a run.
func (r *Runs) begin(ctx context.Context, run *ent.ImportRun) (*ent.ImportRun, error) {
	now := db.Moment(r.Now())
	update := run.Update().SetState(importrun.StateRUNNING).AddTakes(1).SetLeasedUntil(now.Add(lease)).SetReadBytes(0).
		SetFailure("").ClearEndedAt() // of one that was interrupted
	if run.StartedAt == nil {
		update.SetStartedAt(now)
	}
	return update.Save(ctx)
}

// work carries a run out and says how it ended. Where that fails for reasons that lie here, the run
// is left to be gone on with.
func (r *Runs) work(ctx context.Context, run *ent.ImportRun) error {
	if run.Takes > maxTakes {
		return r.conclude(ctx, run, importrun.StateFAILED, Result{}, "the import was begun several times and never came to its end; the operator's log says why")
	}
	if may, err := r.stillMay(ctx, run); err != nil {
		return err
	} else if !may {
		return r.conclude(ctx, run, importrun.StateFAILED, Result{}, "whoever started the import may no longer import data")
	}
	err := func() (err error) {
		defer func() { // one bad file must not end the process, here and on each replica that goes on with it
			if panicked := recover(); panicked != nil {
				r.Log.ErrorContext(ctx, "an import panicked", "run", run.ID, "panic", fault.Panicked(panicked), "stack", string(debug.Stack()))
				err = unreadable("the import failed for a reason that the operator's log says")
			}
		}()
		content, err := r.fetch(ctx, run)
		if err != nil {
			return err
		}
		defer content.Close()
		return r.carryOut(ctx, run, content)
	}()
	return r.ended(ctx, run, err)
}

// stillMay asks again, at the time of the work, for the right of who started a run.
func (r *Runs) stillMay(ctx context.Context, run *ent.ImportRun) (bool, error) {
	if run.StartedByID == nil {
		return true, nil
	}
	may, err := r.DB.Client.User.Query().Where(user.ID(*run.StartedByID), user.TenantID(run.TenantID), user.StatusEQ(user.StatusACTIVE),
		user.HasRolesWith(userrole.RoleEQ(userrole.RoleSERVICE_AGENT))).Exist(ctx)
	return may, wrap(err, "asking who started an import")
}

// carryOut imports the content of a run, and keeps the run while it does.
func (r *Runs) carryOut(ctx context.Context, run *ent.ImportRun, content *os.File) error {
	operator, err := r.DB.Client.Tenant.Get(ctx, run.TenantID)
	if err != nil {
		return fmt.Errorf("finding the operator of an import: %w", err)
	}
	importer := NewImporter(r.DB, r.Hasher, r.Now)
	importer.within, importer.changed, importer.goesOn = operator, r.Changed, run.Takes > 1
	if Kind(run.Kind) == Documents {
		rows, within, err := archive(content, run.Size, Format(run.Format))
		if err != nil {
			return err
		}
		defer rows.Close()
		importer.WithFiles(within, r.Store)
		content = rows
	}
	return r.importing(ctx, run, importer, content)
}

// importing has an importer do a run, batch by batch, each of which the run notes.
func (r *Runs) importing(ctx context.Context, run *ent.ImportRun, importer *Importer, content io.ReadSeeker) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	importer.WithBuyer(run.Buyer)
	counted := &counting{from: content}
	go r.renew(ctx, cancel, run, counted)
	noted := func(ctx context.Context, tx *ent.Tx, batch Result) error { return r.settle(ctx, tx, run, batch) }
	what := file{kind: Kind(run.Kind), format: Format(run.Format), from: counted, skip: run.Records, on: day.Of(run.QueuedAt)}
	if run.Mode == importrun.ModeALL_OR_NONE {
		return cause(ctx, importer.allOrNone(ctx, what, counted, noted))
	}
	return cause(ctx, importer.goodRows(ctx, what, noted))
}

// cause is why the context ended, where that is why something failed.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errTaken) {
		return errTaken
	}
	return err
}

// settle notes what became of a batch, in its transaction and only while the run is ours: what is
// done twice counts once.
func (r *Runs) settle(ctx context.Context, tx *ent.Tx, run *ent.ImportRun, batch Result) error {
	n, err := r.mine(tx.ImportRun.Update(), run).AddRecords(batch.Records).AddCreated(batch.Created).AddUpdated(batch.Updated).
		AddUnchanged(batch.Unchanged).AddRefused(batch.Refused).SetLeasedUntil(db.Moment(r.Now()).Add(lease)).Save(ctx)
	if err != nil {
		return fmt.Errorf("noting how far an import has come: %w", err)
	}
	if n == 0 {
		return errTaken
	}
	if len(batch.Rejected) == 0 {
		return nil
	}
	stored, err := tx.ImportReason.Query().Where(importreason.RunID(run.ID)).Count(ctx)
	if err != nil {
		return fmt.Errorf("counting why rows were refused: %w", err)
	}
	for some := range slices.Chunk(batch.Rejected[:min(len(batch.Rejected), max(MaxReasons-stored, 0))], batchRows) {
		rows := make([]*ent.ImportReasonCreate, len(some))
		for i, why := range some {
			rows[i] = tx.ImportReason.Create().SetTenantID(run.TenantID).SetRunID(run.ID).SetLine(why.Line).SetColumn(why.Column).SetReason(why.Reason)
		}
		if err := tx.ImportReason.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("writing why rows were refused: %w", err)
		}
	}
	return nil
}

// mine narrows an update to the run as we took it.
func (r *Runs) mine(update *ent.ImportRunUpdate, run *ent.ImportRun) *ent.ImportRunUpdate {
	return update.Where(importrun.ID(run.ID), importrun.Takes(run.Takes), importrun.StateEQ(importrun.StateRUNNING))
}

// renew keeps a run ours and tells how far it has come, until the context ends.
func (r *Runs) renew(ctx context.Context, lost context.CancelCauseFunc, run *ent.ImportRun, read *counting) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (int, error) {
			return r.mine(tx.ImportRun.Update(), run).SetReadBytes(read.bytes.Load()).SetLeasedUntil(db.Moment(r.Now()).Add(lease)).Save(ctx)
		})
		if err == nil && n == 0 {
			lost(errTaken)
			return
		}
	}
}

// ended says how a run ended, or leaves it to be gone on with.
func (r *Runs) ended(ctx context.Context, run *ent.ImportRun, err error) error {
	var why unreadable
	var bad *badRows
	switch {
	case err == nil:
		return r.conclude(ctx, run, importrun.StateCOMPLETED, Result{}, "")
	case errors.As(err, &bad):
		return r.conclude(ctx, run, importrun.StateREJECTED, bad.found, "")
	case errors.As(err, &why):
		return r.conclude(ctx, run, importrun.StateFAILED, Result{}, why.Error())
	case errors.Is(err, errTaken):
		return err
	}
	// Somebody may take it at once.
	leave := context.WithoutCancel(ctx)
	_, failed := db.InTx(leave, r.DB, func(tx *ent.Tx) (int, error) {
		return r.mine(tx.ImportRun.Update(), run).SetLeasedUntil(db.Moment(r.Now())).Save(leave)
	})
	return errors.Join(fmt.Errorf("importing %s: %w", run.Filename, err), failed)
}

// conclude ends a run that is ours, with what was found beside what has been noted of it.
func (r *Runs) conclude(ctx context.Context, run *ent.ImportRun, state importrun.State, found Result, failure string) error {
	ctx = context.WithoutCancel(ctx)
	_, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (struct{}, error) {
		if err := r.settle(ctx, tx, run, found); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, r.end(ctx, tx, run, state, failure)
	})
	if err != nil || run.BlobKey == "" {
		return err
	}
	if err := r.Store.Drop(ctx, run.BlobKey); err != nil {
		r.Log.WarnContext(ctx, "the file of an import is left over", "key", run.BlobKey, "error", err)
	}
	return nil
}

// end writes how a run ended, also into the audit log.
func (r *Runs) end(ctx context.Context, tx *ent.Tx, run *ent.ImportRun, state importrun.State, failure string) error {
	n, err := r.mine(tx.ImportRun.Update(), run).SetState(state).SetFailure(failure).SetEndedAt(db.Moment(r.Now())).Save(ctx)
	if err != nil {
		return fmt.Errorf("ending an import: %w", err)
	}
	if n == 0 {
		return errTaken
	}
	done, err := tx.ImportRun.Query().Where(importrun.ID(run.ID)).WithStartedBy(func(q *ent.UserQuery) { q.WithTenant() }).Only(ctx)
	if err != nil {
		return fmt.Errorf("reading how an import ended: %w", err)
	}
	return r.Audit.Record(ctx, tx, audit.Change{Tenant: done.TenantID, Action: "data.imported", Kind: "ImportRun", Subject: done.ID, Label: done.Filename, By: done.Edges.StartedBy,
		After: map[string]any{"state": state, "created": done.Created, "updated": done.Updated, "unchanged": done.Unchanged, "refused": done.Refused}})
}

// counting counts what is read of a file.
type counting struct {
	from  io.ReadSeeker
	bytes atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *counting) Seek(offset int64, whence int) (int64, error) { return c.from.Seek(offset, whence) }
