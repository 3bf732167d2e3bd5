package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"kontor/ent"
	"kontor/internal/fault"
)

// attempts is how often a transaction is tried that another one got in the way of.
const attempts = 4

// InTx runs fn in a transaction: it commits when fn succeeds and rolls back when it
// fails or panics. What another transaction got in the way of is tried again as a
// whole, so fn must have no effect but through tx. An entity that is returned can
// load its edges afterwards.
func InTx[T any](ctx context.Context, d *DB, fn func(tx *ent.Tx) (T, error)) (T, error) {
	if d.Dialect == dialect.SQLite {
		d.writer.Lock()
		defer d.writer.Unlock()
	}
	var zero T
	for attempt := 1; ; attempt++ {
		result, err := once(ctx, d, fn)
		if err == nil {
			if entity, ok := any(result).(interface{ Unwrap() T }); ok {
				return entity.Unwrap(), nil
			}
			return result, nil
		}
		if !conflicts(err) {
			return zero, err
		}
		if attempt == attempts {
			return zero, fmt.Errorf("%w: gave up after %d conflicts: %w", fault.ErrUnavailable, attempts, err)
		}
		pause := time.NewTimer(time.Duration(attempt)*5*time.Millisecond + rand.N(10*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return zero, ctx.Err()
		}
	}
}

func once[T any](ctx context.Context, d *DB, fn func(tx *ent.Tx) (T, error)) (result T, err error) {
	tx, err := d.Client.Tx(ctx)
	if err != nil {
		return result, fmt.Errorf("beginning a transaction: %w", err)
	}
	committed := false
	defer func() {
		// On a panic, too: the connection must not go back with an open transaction.
		if !committed {
			if failed := tx.Rollback(); failed != nil && err != nil {
				err = errors.Join(err, fmt.Errorf("rolling back: %w", failed))
			}
		}
	}()
	if result, err = fn(tx); err != nil {
		return result, err
	}
	committed = true
	if err := tx.Commit(); err != nil {
		return result, fmt.Errorf("committing: %w", err)
	}
	return result, nil
}

// conflicts tells whether another transaction got in the way: PostgreSQL's
// serialization failure and deadlock.
func conflicts(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
}
