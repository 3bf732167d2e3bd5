package erp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"kontor/ent"
	"kontor/internal/blobs"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/password"
)

// Mode says what becomes of the good rows of a file that has bad ones, too (CO-05).
type Mode string

// The modes: good rows go in, or all or none.
const (
	GoodRows  Mode = "GOOD_ROWS"
	AllOrNone Mode = "ALL_OR_NONE"
)

// Result is what an import did.
type Result struct {
	// Records are how many rows were read.
	Records int
	// Created, Updated, Unchanged and Refused are what became of them; together they are Records,
	// where the mode let good rows in.
	Created, Updated, Unchanged, Refused int
	// Rejected says why rows were refused: one or several reasons for each of them, the first
	// MaxReasons of all.
	Rejected []Rejection
}

// MaxReasons bounds the reasons that are kept of an import: a file of another kind is wrong in every
// row, and says so soon.
const MaxReasons = 10000

// Rejection is why a row did not go in.
type Rejection struct {
	Line int
	// Column is empty where the row as a whole is wrong.
	Column string
	// Reason names the column, too: some are shown nothing else.
	Reason string
}

// maxReason bounds what is kept of a reason, in characters: values of a file may be in it.
const maxReason = 1000

func rejection(line int, why refused) Rejection {
	reason := why.Error()
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return Rejection{Line: line, Column: why.column, Reason: reason}
}

func (r Rejection) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Reason) }

// outcome is what became of one row.
type outcome int

const (
	created outcome = iota
	updated
	unchanged
)

// refused is why a row that is well formed does not go in.
type refused struct{ column, reason string }

// refusal refuses a row because of a column; empty: because of the row as a whole.
func refusal(column, reason string, args ...any) error {
	return refused{column, fmt.Sprintf(reason, args...)}
}

func (r refused) Error() string {
	if r.column == "" {
		return r.reason
	}
	return r.column + ": " + r.reason
}

// Importer writes rows: streaming, repeatable without doubles, and a bad row keeps
// no good one out (CO-05).
type Importer struct {
	db     *db.DB
	hasher *password.Hasher
	now    func() time.Time
	// Progress, if set, is told after each batch how many rows have been read.
	Progress func(rows int)
	// keepPasswords lets users keep the initial password that they are given:
	// demo users only.
	keepPasswords bool
	// within is the operator whose companies the rows may be about; nil: all.
	within *ent.Tenant
	// changed, if set, is told of each order that came in or moved on, in its transaction.
	changed func(tx *ent.Tx, o *ent.Order)
	// folder has the files that rows name, and store is where they are kept.
	folder fs.FS
	store  *blobs.Store
	// goesOn is set where somebody else has begun with the import.
	goesOn bool
	// buyer is who pays the prices of BMEcat files; empty: whom they name.
	buyer string
}

// NewImporter writes to a database. The context of Run must be authz.System.
func NewImporter(d *db.DB, hasher *password.Hasher, now func() time.Time) *Importer {
	return &Importer{db: d, hasher: hasher, now: now}
}

// WithLastingPasswords spares the users of a demonstration the change of their
// initial password.
func (i *Importer) WithLastingPasswords() *Importer {
	i.keepPasswords = true
	return i
}

// WithFiles lets rows of documents name files within a folder, which are kept in a store. A folder
// that knows symbolic links is an fs.ReadLinkFS, so that they are refused.
func (i *Importer) WithFiles(folder fs.FS, store *blobs.Store) *Importer {
	i.folder, i.store = folder, store
	return i
}

// Run reads rows to the end and writes the good ones. The error is about the import as a
// whole; what is wrong with single rows is in the result.
func (i *Importer) Run(ctx context.Context, kind Kind, from io.Reader, format Format) (Result, error) {
	var all Result
	err := i.goodRows(ctx, file{kind: kind, format: format, from: from}, func(_ context.Context, _ *ent.Tx, batch Result) error {
		all.add(batch)
		return nil
	})
	return all, err
}

// RunWhole is Run where all rows go in or none: where one is bad, the result says what is wrong and
// nothing was written.
func (i *Importer) RunWhole(ctx context.Context, kind Kind, from io.ReadSeeker, format Format) (Result, error) {
	var all Result
	err := i.allOrNone(ctx, file{kind: kind, format: format}, from, func(_ context.Context, _ *ent.Tx, done Result) error {
		all = done
		return nil
	})
	var found *badRows
	if errors.As(err, &found) {
		return found.found, nil
	}
	return all, err
}

// file is what to import. What has been dealt with before is skipped.
type file struct {
	kind   Kind
	format Format
	from   io.Reader
	skip   int
	// on is the day on which prices of a catalogue have to be valid; none: today.
	on day.Day
}

// settle notes what became of a batch, in its transaction.
type settle func(ctx context.Context, tx *ent.Tx, batch Result) error

// goodRows writes the good rows of a file, batch by batch, each in a transaction of its own.
func (i *Importer) goodRows(ctx context.Context, f file, done settle) error {
	read, err := i.open(f)
	if err != nil {
		return err
	}
	var grown growth
	for end := false; !end; {
		var next batch
		if next, end, err = read.next(); err != nil {
			return err
		}
		err := i.inTx(ctx, func(i *Importer, tx *ent.Tx) error {
			result, err := i.write(ctx, tx, next)
			if err != nil {
				return fmt.Errorf("importing %s: %w", f.kind, err)
			}
			return errors.Join(done(ctx, tx, result), grown.look(ctx, tx, f.kind, read.records))
		})
		if err != nil {
			return err
		}
		i.tell(read.records)
	}
	return nil
}

// badRows undoes an import that lets in all or none: with what is wrong.
type badRows struct{ found Result }

func (b *badRows) Error() string { return fmt.Sprintf("%d rows are bad", b.found.Refused) }

// bad is what an import found that did not let anything in.
func bad(found Result) error {
	return &badRows{Result{Records: found.Records, Refused: found.Refused, Rejected: found.Rejected}}
}

// allOrNone writes all rows of a file in one transaction, or none where one is bad: then it
// returns badRows. What can be seen in the file alone is looked for before the database is asked.
func (i *Importer) allOrNone(ctx context.Context, f file, from io.ReadSeeker, done settle) error {
	var checked Result
	f.from = from
	err := i.each(ctx, f, func(b batch) error {
		checked.add(b.result())
		return nil
	})
	if err != nil {
		return err
	}
	if checked.Refused > 0 {
		return bad(checked)
	}
	return i.inTx(ctx, func(i *Importer, tx *ent.Tx) error {
		var all Result
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("going back to the beginning of the file: %w", err)
		}
		var grown growth
		err := i.each(ctx, f, func(b batch) error {
			result, err := i.write(ctx, tx, b)
			all.add(result)
			return errors.Join(err, grown.look(ctx, tx, f.kind, all.Records))
		})
		switch {
		case err != nil:
			return fmt.Errorf("importing %s: %w", f.kind, err)
		case all.Refused > 0:
			return bad(all)
		}
		return done(ctx, tx, all)
	})
}

// each reads a file to its end.
func (i *Importer) each(ctx context.Context, f file, do func(batch) error) error {
	read, err := i.open(f)
	if err != nil {
		return err
	}
	for end := false; !end; {
		var next batch
		if next, end, err = read.next(); err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), do(next)); err != nil {
			return err
		}
		i.tell(read.records)
	}
	return nil
}

// growth has the database look at the tables of a kind each time that a file has filled them twice
// as far.
type growth struct{ next int }

func (g *growth) look(ctx context.Context, tx *ent.Tx, kind Kind, records int) error {
	if records < g.next {
		return nil
	}
	g.next = max(2*records, 2*batchRows)
	return tx.Analyze(ctx, tables[kind].filled...)
}

func (i *Importer) tell(rows int) {
	if i.Progress != nil {
		i.Progress(rows)
	}
}

// write writes a batch. If the database refuses a row, which undoes the whole of it, each row is
// tried on its own.
func (i *Importer) write(ctx context.Context, tx *ent.Tx, b batch) (Result, error) {
	result := b.result()
	if len(b.rows) == 0 {
		return result, nil
	}
	err := i.try(ctx, tx, b.rows, &result)
	if err == nil || !ent.IsConstraintError(err) {
		return result, err
	}
	for _, together := range b.units() {
		err := i.try(ctx, tx, together, &result)
		switch {
		case ent.IsConstraintError(err):
			slog.InfoContext(ctx, "the database refuses rows of an import", "line", together[0].Line, "error", err)
			result.refuse(together, refused{reason: "the row contradicts what is stored: another one has its key, or it names something that is not there"})
		case err != nil:
			return result, err
		}
	}
	return result, nil
}

// try writes rows as a part of the transaction, and adds what became of them to the result.
func (i *Importer) try(ctx context.Context, tx *ent.Tx, rows []*Row, result *Result) error {
	return tx.Try(ctx, func() error {
		w := &writer{Importer: i, tx: tx, ctx: ctx}
		verdicts, err := w.writeRows(rows)
		if err != nil {
			return err
		}
		for n, v := range verdicts {
			result.count(rows[n], v)
		}
		return nil
	})
}

// verdict is what became of a row, or why it was refused.
type verdict struct {
	outcome outcome
	refused error
}

// verdictOf sorts what writing a row came to: an error that is no reason to refuse it ends the
// import.
func verdictOf(done outcome, err error) (verdict, error) {
	var why refused
	if errors.As(err, &why) {
		return verdict{refused: why}, nil
	}
	return verdict{outcome: done}, err
}

func (r *Result) count(row *Row, v verdict) {
	switch {
	case v.refused != nil:
		var why refused
		errors.As(v.refused, &why)
		r.refuse([]*Row{row}, why)
	case v.outcome == created:
		r.Created++
	case v.outcome == updated:
		r.Updated++
	default:
		r.Unchanged++
	}
}

func (r *Result) refuse(rows []*Row, why refused) {
	for _, row := range rows {
		r.Refused++
		r.Rejected = append(r.Rejected, rejection(row.Line, why))
	}
}

func (r *Result) add(other Result) {
	r.Records += other.Records
	r.Created += other.Created
	r.Updated += other.Updated
	r.Unchanged += other.Unchanged
	r.Refused += other.Refused
	r.Rejected = append(r.Rejected, other.Rejected[:min(len(other.Rejected), MaxReasons-len(r.Rejected))]...)
}
