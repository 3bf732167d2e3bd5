package erp

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/document"
	"kontor/ent/importrun"
	"kontor/internal/db"
)

// inTx runs a transaction of an import. The store knows nothing of transactions: contents that were
// written for rows that did not go in are dropped afterwards, also those that somebody wrote whose import
// this one goes on with.
func (i *Importer) inTx(ctx context.Context, do func(i *Importer, tx *ent.Tx) error) error {
	var put []string
	noting := *i
	if i.store != nil {
		noting.store = i.store.Noting(&put, i.goesOn)
	}
	_, err := db.InTx(ctx, i.db, func(tx *ent.Tx) (struct{}, error) { return struct{}{}, do(&noting, tx) })
	if len(put) > 0 && ctx.Err() == nil { // else somebody goes on with the import, and needs them
		if failed := i.dropUnused(ctx, put); failed != nil {
			slog.WarnContext(ctx, "contents of documents that were not let in are left over", "error", failed)
		}
	}
	return err
}

// dropUnused drops contents that no document has.
func (i *Importer) dropUnused(ctx context.Context, keys []string) error {
	for some := range slices.Chunk(keys, batchRows) {
		used, err := i.db.Client.Document.Query().Where(document.BlobKeyIn(some...)).Select(document.FieldBlobKey).Strings(ctx)
		if err != nil {
			return fmt.Errorf("asking which documents have a content: %w", err)
		}
		for _, key := range some {
			if slices.Contains(used, key) {
				continue
			}
			if err := i.store.Drop(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	// sweepEvery is how often a replica looks for files that nobody imports.
	sweepEvery = 6 * time.Hour
	// orphanAge is how old they are then: older than any upload is before it is in the queue.
	orphanAge = 24 * time.Hour
)

// Sweep drops files that were sent a day ago or before and that no open import has: their server ended
// between the upload and the queue, or could not drop them at the end.
func (r *Runs) Sweep(ctx context.Context) error {
	ctx = authz.System(ctx)
	old, err := r.Store.Stashed(ctx, r.Now().Add(-orphanAge))
	if err != nil {
		return err
	}
	for some := range slices.Chunk(old, batchRows) {
		open, err := r.DB.Client.ImportRun.Query().Where(importrun.BlobKeyIn(some...), importrun.EndedAtIsNil()).Select(importrun.FieldBlobKey).Strings(ctx)
		if err != nil {
			return fmt.Errorf("asking which files are to be imported: %w", err)
		}
		for _, key := range some {
			if slices.Contains(open, key) {
				continue
			}
			if err := r.Store.Drop(ctx, key); err != nil {
				return err
			}
			r.Log.InfoContext(ctx, "a file that nobody imports was dropped", "key", key)
		}
	}
	return nil
}
