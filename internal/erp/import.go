package erp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"kontor/ent"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/password"
)

// Result is what an import did.
type Result struct {
	Created, Updated, Unchanged int
	Rejected                    []Rejection
}

// Rejection is a row that did not go in, and why.
type Rejection struct {
	Line   int
	Reason string
}

// outcome is what became of one row.
type outcome int

const (
	created outcome = iota
	updated
	unchanged
)

// refused is why a row that is well formed does not go in.
type refused string

func (r refused) Error() string { return string(r) }

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
	// folder has the files that rows name, and store is where they are kept.
	folder *os.Root
	store  *blobs.Store
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

// WithFiles lets rows of documents name files within a folder, which are kept in a store.
func (i *Importer) WithFiles(folder *os.Root, store *blobs.Store) *Importer {
	i.folder, i.store = folder, store
	return i
}

// batchRows are how many rows go in with one transaction.
const batchRows = 500

// Run reads rows to the end and writes them. The error is about the import as a
// whole; what is wrong with single rows is in the result.
func (i *Importer) Run(ctx context.Context, kind Kind, from io.Reader, format Format) (Result, error) {
	var result Result
	if kind == Documents && i.folder == nil {
		return result, errors.New("documents are imported from a file: there is no folder with their contents otherwise")
	}
	reader, err := NewReader(from, kind, format)
	if err != nil {
		return result, err
	}
	read := 0
	for {
		batch, end, err := next(reader, most(kind), &result)
		if err != nil {
			return result, err
		}
		if err := i.write(ctx, kind, batch, &result); err != nil {
			return result, fmt.Errorf("importing %s: %w", kind, err)
		}
		read += len(batch)
		if i.Progress != nil {
			i.Progress(read)
		}
		if end {
			return result, nil
		}
	}
}

// most is how many rows are written in one transaction. Contents of documents are kept
// meanwhile, which takes its time, and orders are held: so they are written one by one.
func most(kind Kind) int {
	if kind == Documents {
		return 1
	}
	return batchRows
}

// next reads a batch of good rows and notes the bad ones.
func next(reader *Reader, most int, result *Result) (batch []*Row, end bool, err error) {
	for len(batch) < most {
		row, err := reader.Next()
		var bad RowErrors
		switch {
		case errors.Is(err, io.EOF):
			return batch, true, nil
		case errors.As(err, &bad):
			for _, one := range bad {
				reason := one.Reason("en")
				if one.Column != "" {
					reason = one.Column + ": " + reason
				}
				result.Rejected = append(result.Rejected, Rejection{Line: one.Line, Reason: reason})
			}
		case err != nil:
			return nil, false, err
		default:
			batch = append(batch, row)
		}
	}
	return batch, false, nil
}

// write writes a batch in one transaction. If the database refuses a row, which
// undoes the whole of it, each row gets a transaction of its own.
func (i *Importer) write(ctx context.Context, kind Kind, batch []*Row, result *Result) error {
	if len(batch) == 0 {
		return nil
	}
	whole, err := i.transact(ctx, kind, batch)
	if err == nil {
		result.add(whole)
		return nil
	}
	if !ent.IsConstraintError(err) {
		return err
	}
	for _, row := range batch {
		one, err := i.transact(ctx, kind, []*Row{row})
		switch {
		case err == nil:
			result.add(one)
		case ent.IsConstraintError(err):
			result.Rejected = append(result.Rejected, Rejection{Line: row.Line, Reason: "the row contradicts what is stored: " + err.Error()})
		default:
			return err
		}
	}
	return nil
}

func (i *Importer) transact(ctx context.Context, kind Kind, rows []*Row) (Result, error) {
	return db.InTx(ctx, i.db, func(tx *ent.Tx) (Result, error) {
		var result Result
		w := &writer{Importer: i, tx: tx, ctx: ctx}
		for _, row := range rows {
			done, err := w.writeRow(kind, row)
			var why refused
			switch {
			case errors.As(err, &why):
				result.Rejected = append(result.Rejected, Rejection{Line: row.Line, Reason: string(why)})
			case err != nil:
				return Result{}, fmt.Errorf("line %d: %w", row.Line, err)
			case done == created:
				result.Created++
			case done == updated:
				result.Updated++
			default:
				result.Unchanged++
			}
		}
		return result, nil
	})
}

func (r *Result) add(other Result) {
	r.Created += other.Created
	r.Updated += other.Updated
	r.Unchanged += other.Unchanged
	r.Rejected = append(r.Rejected, other.Rejected...)
}
