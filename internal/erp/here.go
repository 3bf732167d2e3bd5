package erp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/importreason"
	"kontor/ent/importrun"
	"kontor/ent/tenant"
	"kontor/internal/db"
)

// Told is told how far an import has come: the share of the file that is done, from 0 to 1, and rows.
type Told func(done float64, rows int)

// Here imports a file that lies here, as the command line does: the rows that documents name lie in
// folder. A run that was interrupted goes on where it was, if the file is the same. The run says
// what became of it, reasons why rows were refused.
func (r *Runs) Here(ctx context.Context, n NewRun, content *os.File, folder fs.FS, told Told) (*ent.ImportRun, []*ent.ImportReason, error) {
	ctx = authz.System(ctx)
	importer := NewImporter(r.DB, r.Hasher, r.Now).WithFiles(folder, r.Store)
	operators, err := r.DB.Client.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).Limit(2).All(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("finding the operator: %w", err)
	}
	if len(operators) != 1 { // the first file of all says who that is
		return r.unnoted(ctx, importer.WithBuyer(payer(n)), n, content)
	}
	run, err := r.enterHere(ctx, n, operators[0], content)
	if err != nil {
		return nil, nil, err
	}
	counted := &counting{from: content}
	importer.Progress = func(rows int) {
		shown := *run
		shown.ReadBytes = counted.bytes.Load()
		told(Progress(&shown), rows)
	}
	err = r.ended(ctx, run, r.importing(ctx, run, importer, counted))
	if err != nil {
		return nil, nil, err
	}
	if run, err = r.DB.Client.ImportRun.Get(ctx, run.ID); err != nil {
		return nil, nil, fmt.Errorf("reading how the import ended: %w", err)
	}
	reasons, err := r.DB.Client.ImportReason.Query().Where(importreason.RunID(run.ID)).Order(importreason.ByLine(), importreason.ByID()).All(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading why rows were refused: %w", err)
	}
	return run, reasons, nil
}

// unnoted imports a file where there is no operator yet whose import it could be.
func (r *Runs) unnoted(ctx context.Context, importer *Importer, n NewRun, content *os.File) (*ent.ImportRun, []*ent.ImportReason, error) {
	do := func() (Result, error) { return importer.Run(ctx, Kind(n.Kind), content, Format(n.Format)) }
	if n.Mode == importrun.ModeALL_OR_NONE {
		do = func() (Result, error) { return importer.RunWhole(ctx, Kind(n.Kind), content, Format(n.Format)) }
	}
	result, err := do()
	run := &ent.ImportRun{State: importrun.StateCOMPLETED, Created: result.Created, Updated: result.Updated, Unchanged: result.Unchanged, Refused: result.Refused}
	if n.Mode == importrun.ModeALL_OR_NONE && result.Refused > 0 {
		run.State = importrun.StateREJECTED
	}
	var why unreadable
	if errors.As(err, &why) {
		run.State, run.Failure, err = importrun.StateFAILED, why.Error(), nil
	}
	reasons := make([]*ent.ImportReason, len(result.Rejected))
	for i, rejected := range result.Rejected {
		reasons[i] = &ent.ImportReason{Line: rejected.Line, Column: rejected.Column, Reason: rejected.Reason}
	}
	return run, reasons, err
}

// enterHere makes a run that is being done, or takes up the one that was interrupted. Another one
// of its kind has to end first.
func (r *Runs) enterHere(ctx context.Context, n NewRun, operator *ent.Tenant, content *os.File) (*ent.ImportRun, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, content)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the file to import: %w", err)
	}
	if err := r.free(ctx, n, operator); err != nil {
		return nil, err
	}
	hash := hex.EncodeToString(sum.Sum(nil))
	left, err := r.DB.Client.ImportRun.Query().
		Where(importrun.TenantID(operator.ID), importrun.KindEQ(n.Kind), importrun.FormatEQ(n.Format), importrun.ModeEQ(n.Mode), importrun.BlobKey(""), importrun.Buyer(payer(n))).
		Order(importrun.ByQueuedAt(sql.OrderDesc()), importrun.ByID(sql.OrderDesc())).First(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return nil, fmt.Errorf("looking for an import that was interrupted: %w", err)
	}
	now := db.Moment(r.Now())
	if err == nil && left.Failure == interrupted && left.Sha256 == hash {
		left, err = r.begin(ctx, left)
		return left, taken(n, err)
	}
	run, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (*ent.ImportRun, error) {
		return r.enter(ctx, tx, n, func(create *ent.ImportRunCreate) {
			create.SetTenantID(operator.ID).SetSize(size).SetSha256(hash).SetBuyer(payer(n)).SetState(importrun.StateRUNNING).SetStartedAt(now).SetLeasedUntil(now.Add(lease))
		})
	})
	return run, taken(n, err)
}

// free refuses to begin while another import of the kind is open.
func (r *Runs) free(ctx context.Context, n NewRun, operator *ent.Tenant) error {
	open, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (bool, error) {
		same := func() *ent.ImportRunQuery {
			return tx.ImportRun.Query().Where(importrun.TenantID(operator.ID), importrun.KindEQ(n.Kind), importrun.EndedAtIsNil())
		}
		runs, err := db.ForUpdate(r.DB, same()).All(ctx)
		if err != nil {
			return false, fmt.Errorf("looking for imports: %w", err)
		}
		if _, err := r.choose(ctx, tx, runs); err != nil {
			return false, err
		}
		open, err := same().Exist(ctx) // choose ends what nobody goes on with
		return open, wrap(err, "looking for imports")
	})
	if err != nil {
		return err
	}
	if open {
		return errBusy(n)
	}
	return nil
}

func errBusy(n NewRun) error {
	return fmt.Errorf("another import of %s is going on or waits: begin this one when it has ended; if it was interrupted, in %s", n.Kind, lease)
}

// taken says that somebody else was faster.
func taken(n NewRun, err error) error {
	if ent.IsConstraintError(err) {
		return errBusy(n)
	}
	return wrap(err, "beginning an import")
}

func payer(n NewRun) string {
	if n.Buyer == nil {
		return ""
	}
	return *n.Buyer
}
