package erp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/importreason"
	"kontor/ent/importrun"
	"kontor/ent/predicate"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/audit"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/password"
)

// Runs is the room of imports through the API and by the command line: each is a row that says how
// far it has come, so that it is done once, by one at a time for each kind, and goes on where it was
// when its worker is gone (CO-05).
type Runs struct {
	Needs
	// busy has a replica work on one run at a time.
	busy sync.Mutex
	// working are the runs that requests have begun here, and stop ends them.
	working sync.WaitGroup
	context context.Context
	stop    context.CancelFunc
}

// Needs are what Runs work with.
type Needs struct {
	DB     *db.DB
	Store  *blobs.Store
	Hasher *password.Hasher
	Audit  *audit.Log
	Log    *slog.Logger
	Now    func() time.Time
	// Changed is told of each order that came in or moved on, in its transaction; nil: nobody is.
	Changed func(tx *ent.Tx, o *ent.Order)
}

// NewRuns is the room.
func NewRuns(n Needs) *Runs {
	ctx, stop := context.WithCancel(context.Background())
	return &Runs{Needs: n, context: ctx, stop: stop}
}

// Close has the runs that were begun here stop at the next row or so; others go on with them.
func (r *Runs) Close() error {
	r.stop()
	r.working.Wait()
	return nil
}

// NewRun is what is to be imported. Buyer is the organization ID of who pays the prices of a
// catalogue that does not say it.
type NewRun struct {
	Kind     importrun.Kind
	Format   importrun.Format
	Mode     importrun.Mode
	Buyer    *string
	Filename string
	// From is the content; nil where none came.
	From io.Reader
	Size int64 // of the content, in bytes; 0 where it is not known
}

// maxOpen bounds the imports of an operator that wait or are being done, and maxOpenBytes what is in their
// files, in bytes: each is kept until its import has ended.
const (
	maxOpen      = 20
	maxOpenBytes = 4 << 30
)

// MaxFilename bounds the names of files, in characters.
const MaxFilename = 200

// Start takes a file in and has it imported (CO-05): at once, or after those that came before it.
func (r *Runs) Start(ctx context.Context, n NewRun) (*ent.ImportRun, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	buyer := fault.Line(n.Buyer, 64, []string{"buyer"}, &faults)
	if n.From == nil {
		faults.Add(fault.New("FILE_MISSING", "file"))
	}
	if n.Kind == importrun.KindUSERS { // who would be given roles and passwords
		faults.Add(fault.New("IMPORT_KIND_REFUSED", "kind"))
	}
	if n.Format == importrun.FormatBMECAT && n.Kind != importrun.KindPRODUCTS && n.Kind != importrun.KindPRICES {
		faults.Add(fault.New("IMPORT_FORMAT_UNFIT", "format"))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	open, err := r.DB.Client.ImportRun.Query().Where(importrun.EndedAtIsNil()).Select(importrun.FieldSize).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking at the imports that are open: %w", err)
	}
	together := n.Size
	for _, run := range open {
		together += run.Size
	}
	if together > maxOpenBytes {
		return nil, fault.New("TOO_MANY_IMPORTS")
	}
	id := uuid.Must(uuid.NewV7())
	content, err := r.Store.Stash(ctx, id.String(), n.From)
	if err != nil {
		return nil, err
	}
	if content.Size == 0 {
		return nil, errors.Join(fault.New("FILE_EMPTY", "file"), r.Store.Drop(ctx, content.Key))
	}
	run, err := db.InTx(ctx, r.DB, func(tx *ent.Tx) (*ent.ImportRun, error) {
		same, err := r.open(ctx, tx, v.Tenant, importrun.KindEQ(n.Kind), importrun.FormatEQ(n.Format), importrun.ModeEQ(n.Mode), importrun.Buyer(buyer), importrun.Sha256(content.SHA256))
		if err != nil || same != nil {
			return same, err
		}
		return r.enter(ctx, tx, n, func(create *ent.ImportRunCreate) {
			create.SetBuyer(buyer).SetID(id).SetTenantID(v.Tenant).SetStartedByID(v.User).SetBlobKey(content.Key).SetSize(content.Size).SetSha256(content.SHA256)
		})
	})
	if err != nil || run.ID != id {
		if err = errors.Join(err, r.Store.Drop(context.WithoutCancel(ctx), content.Key)); err != nil {
			return nil, err
		}
		return r.await(ctx, run)
	}
	r.working.Go(func() {
		if err := r.Process(r.context); err != nil && r.context.Err() == nil {
			r.Log.WarnContext(ctx, "an import waits to go on", "error", err)
		}
	})
	return r.await(ctx, run)
}

// open finds the import of an operator that is the same and has not ended, so that a file that is sent twice at once is one
// import; nil where there is none. Then there is room for another one. Others of the operator wait for the transaction.
func (r *Runs) open(ctx context.Context, tx *ent.Tx, operator uuid.UUID, same ...predicate.ImportRun) (*ent.ImportRun, error) {
	system := authz.System(ctx)
	if _, err := db.ForUpdate(r.DB, tx.Tenant.Query().Where(tenant.ID(operator)), db.KeepingKeys).OnlyID(system); err != nil {
		return nil, fmt.Errorf("locking the operator of an import: %w", err)
	}
	mine := []predicate.ImportRun{importrun.TenantID(operator), importrun.EndedAtIsNil()}
	run, err := tx.ImportRun.Query().Where(mine...).Where(same...).Where(importrun.BlobKeyNEQ("")).Order(importrun.ByQueuedAt(), importrun.ByID()).First(system)
	if err == nil || !ent.IsNotFound(err) {
		return run, wrap(err, "looking for the same import")
	}
	waiting, err := tx.ImportRun.Query().Where(mine...).Count(system)
	if err == nil && waiting >= maxOpen {
		err = fault.New("TOO_MANY_IMPORTS")
	}
	return nil, wrap(err, "counting imports")
}

// enter writes a new run, and that into the audit log.
func (r *Runs) enter(ctx context.Context, tx *ent.Tx, n NewRun, change func(*ent.ImportRunCreate)) (*ent.ImportRun, error) {
	create := tx.ImportRun.Create().SetKind(n.Kind).SetFormat(n.Format).SetMode(n.Mode).
		SetFilename(shortened(n.Filename)).SetQueuedAt(db.Moment(r.Now()))
	change(create)
	run, err := create.Save(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("putting an import into the queue: %w", err)
	}
	return run, r.Audit.Record(ctx, tx, audit.Change{Tenant: run.TenantID, Action: "data.import", Kind: "ImportRun", Subject: run.ID, Label: run.Filename,
		After: map[string]any{"kind": run.Kind, "format": run.Format, "mode": run.Mode, "sha256": run.Sha256}})
}

// shortened is the name of a file without its folders, as far as it is shown.
func shortened(filename string) string {
	filename = filename[strings.LastIndexAny(filename, `/\`)+1:]
	name := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(filename, "")))
	return string(name[:min(len(name), MaxFilename)])
}

const (
	// patience is how long Start waits for the end: small files are done by then.
	patience = 5 * time.Second
	// lookEvery is how often it looks.
	lookEvery = 50 * time.Millisecond
)

// await gives a run as it has ended, or as far as it has come.
func (r *Runs) await(ctx context.Context, run *ent.ImportRun) (*ent.ImportRun, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for run.EndedAt == nil {
		select {
		case <-ctx.Done():
			return run, nil
		case <-time.After(lookEvery):
		}
		again, err := r.DB.Client.ImportRun.Get(ctx, run.ID)
		if err != nil {
			return run, nil // it is in the queue; the client can ask again
		}
		run = again
	}
	return run, nil
}

// RunFilter says which runs to list. Everything given must hold.
type RunFilter struct {
	Kind   *importrun.Kind
	States []importrun.State
}

// List is the query for the runs that the viewer may see, under a filter.
func (r *Runs) List(where *RunFilter) *ent.ImportRunQuery {
	q := r.DB.Client.ImportRun.Query()
	if where != nil && where.Kind != nil {
		q.Where(importrun.KindEQ(*where.Kind))
	}
	if where != nil && where.States != nil {
		q.Where(importrun.StateIn(where.States...))
	}
	return q
}

// Reasons are why rows of a run were refused, the first so many rows behind a line: one statement for all
// runs that were loaded together.
func (r *Runs) Reasons(ctx context.Context, run *ent.ImportRun, first int, after int) ([]*ent.ImportReason, error) {
	all, err := ent.Load(ctx, run.Siblings(), fmt.Sprintf("reasons %d %d", first, after), func(ctx context.Context, runs []*ent.ImportRun) (map[uuid.UUID][]*ent.ImportReason, error) {
		var bad []any
		for _, run := range runs {
			if run.Refused > 0 {
				bad = append(bad, run.ID)
			}
		}
		byRun := map[uuid.UUID][]*ent.ImportReason{}
		if len(bad) == 0 {
			return byRun, nil
		}
		found, err := r.DB.Client.ImportReason.Query().Where(firstOfEach(bad, first, after)).Order(importreason.ByLine(), importreason.ByID()).All(ctx)
		for _, why := range found {
			byRun[why.RunID] = append(byRun[why.RunID], why)
		}
		return byRun, wrap(err, "reading why rows were refused")
	})
	return all[run.ID], err
}

// firstOfEach are the reasons of the first rows of each run behind a line, of each row all.
func firstOfEach(runs []any, first, after int) predicate.ImportReason {
	return func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.C(importreason.FieldID)).WriteString(" IN (SELECT id FROM (SELECT id, dense_rank() OVER (PARTITION BY run_id ORDER BY line) AS nth FROM import_reasons WHERE run_id IN ")
			b.Wrap(func(b *sql.Builder) { b.Args(runs...) }).WriteString(" AND line > ").Arg(after).WriteString(") AS numbered WHERE nth <= ").Arg(first).WriteString(")")
		}))
	}
}

// StartedBy is who started a run; nil where that was the command line, or where the viewer does not
// see the person.
func (r *Runs) StartedBy(ctx context.Context, run *ent.ImportRun) (*ent.User, error) {
	people, err := ent.Load(ctx, run.Siblings(), "started by", func(ctx context.Context, runs []*ent.ImportRun) (map[uuid.UUID]*ent.User, error) {
		var ids []uuid.UUID
		for _, run := range runs {
			if run.StartedByID != nil {
				ids = append(ids, *run.StartedByID)
			}
		}
		people := map[uuid.UUID]*ent.User{}
		if len(ids) == 0 {
			return people, nil
		}
		found, err := r.DB.Client.User.Query().Where(user.IDIn(ids...)).All(ctx)
		for _, u := range found {
			people[u.ID] = u
		}
		return people, wrap(err, "finding who started imports")
	})
	if err != nil || run.StartedByID == nil {
		return nil, err
	}
	return people[*run.StartedByID], nil
}

// Position is how many imports of its kind come before a run that waits; nil once it was begun.
func (r *Runs) Position(ctx context.Context, run *ent.ImportRun) (*int, error) {
	before, err := ent.Load(ctx, run.Siblings(), "position", func(ctx context.Context, runs []*ent.ImportRun) (map[uuid.UUID]*int, error) {
		places := map[uuid.UUID]*int{}
		if !slices.ContainsFunc(runs, func(run *ent.ImportRun) bool { return run.State == importrun.StateQUEUED }) {
			return places, nil
		}
		// At most maxOpen of each operator are open.
		open, err := r.DB.Client.ImportRun.Query().Where(importrun.EndedAtIsNil()).Order(importrun.ByQueuedAt(), importrun.ByID()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking which imports come before: %w", err)
		}
		before := map[line]int{}
		for _, run := range open {
			of := line{run.TenantID, run.Kind}
			if run.State == importrun.StateQUEUED {
				n := before[of]
				places[run.ID] = &n
			}
			before[of]++
		}
		return places, nil
	})
	return before[run.ID], err
}

// Progress is the share of a run that is done, from 0 to 1.
func Progress(run *ent.ImportRun) float64 {
	if run.EndedAt != nil {
		return 1
	}
	whole := run.Size
	if run.Mode == importrun.ModeALL_OR_NONE {
		whole *= 2 // it is read twice
	}
	if whole == 0 {
		return 0
	}
	return min(float64(run.ReadBytes)/float64(whole), 1)
}

// fetch gives the content of a run as a file that is gone when it is closed: it may be read from
// several places, also where the store is far away.
func (r *Runs) fetch(ctx context.Context, run *ent.ImportRun) (*os.File, error) {
	content, err := r.Store.Open(ctx, blobs.Kept{Key: run.BlobKey, SHA256: run.Sha256, Size: run.Size})
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return Spool(content)
}

// Spool writes what is read into a file that is gone when it is closed.
func Spool(from io.Reader) (*os.File, error) {
	file, err := blobs.Scratch()
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(file, from)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing a file to import from: %w", err), file.Close())
	}
	return file, nil
}
