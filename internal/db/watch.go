package db

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// Watcher is told of every statement once it is done: what it was, without its arguments, when it
// was sent, and how it failed, if it did. A query is done when its rows are read.
type Watcher func(ctx context.Context, statement string, sent time.Time, err error)

// WithWatcher has a watcher told of every statement: it measures them.
func WithWatcher(w Watcher) Option { return func(o *options) { o.watch = w } }

// Stats are the connections of the pool that answers requests.
func (d *DB) Stats() sql.DBStats { return d.stats() }

// watched tells a watcher of the statements that go through a driver.
type watched struct {
	dialect.Driver
	told Watcher
}

func (w watched) Exec(ctx context.Context, query string, args, v any) error {
	return w.told.exec(ctx, w.Driver, query, args, v)
}

func (w watched) Query(ctx context.Context, query string, args, v any) error {
	return w.told.query(ctx, w.Driver, query, args, v)
}

// Tx begins a transaction. Waiting for a connection is a part of that.
func (w watched) Tx(ctx context.Context) (dialect.Tx, error) {
	sent := time.Now()
	tx, err := w.Driver.Tx(ctx)
	w.told(ctx, "BEGIN", sent, err)
	if err != nil {
		return nil, err
	}
	return watchedTx{tx, ctx, w.told}, nil
}

// watchedTx is a transaction of a driver that is watched, with the context that it began with.
type watchedTx struct {
	dialect.Tx
	ctx  context.Context
	told Watcher
}

func (w watchedTx) Exec(ctx context.Context, query string, args, v any) error {
	return w.told.exec(ctx, w.Tx, query, args, v)
}

func (w watchedTx) Query(ctx context.Context, query string, args, v any) error {
	return w.told.query(ctx, w.Tx, query, args, v)
}

func (w watchedTx) Commit() error {
	sent := time.Now()
	err := w.Tx.Commit()
	w.told(w.ctx, "COMMIT", sent, err)
	return err
}

func (w watchedTx) Rollback() error {
	sent := time.Now()
	err := w.Tx.Rollback()
	w.told(w.ctx, "ROLLBACK", sent, err)
	return err
}

func (told Watcher) exec(ctx context.Context, on dialect.ExecQuerier, query string, args, v any) error {
	sent := time.Now()
	err := on.Exec(ctx, query, args, v)
	told(ctx, query, sent, err)
	return err
}

func (told Watcher) query(ctx context.Context, on dialect.ExecQuerier, query string, args, v any) error {
	sent := time.Now()
	err := on.Query(ctx, query, args, v)
	rows, ok := v.(*entsql.Rows)
	if err != nil || !ok {
		told(ctx, query, sent, err)
		return err
	}
	rows.ColumnScanner = &watchedRows{rows.ColumnScanner, func(failed error) { told(ctx, query, sent, failed) }}
	return nil
}

// watchedRows tell once that they are closed.
type watchedRows struct {
	entsql.ColumnScanner
	done func(error)
}

func (r *watchedRows) Close() error {
	err := r.ColumnScanner.Close()
	if r.done != nil {
		r.done(cmp.Or(r.Err(), err))
		r.done = nil
	}
	return err
}
