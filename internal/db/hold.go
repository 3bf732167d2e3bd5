package db

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
)

// KeepingKeys lets other rows go on referring to a row that ForUpdate holds.
var KeepingKeys = sql.WithLockClause("FOR NO KEY UPDATE")

// ForUpdate has a query hold its rows until the transaction ends. SQLite has one writer,
// and no such clause.
func ForUpdate[Q interface{ ForUpdate(...sql.LockOption) Q }](d *DB, q Q, options ...sql.LockOption) Q {
	if d.Dialect == dialect.Postgres {
		return q.ForUpdate(options...)
	}
	return q
}

// AfterCommit does something once the transaction is committed, and never where it is not.
func AfterCommit(tx *ent.Tx, do func(context.Context)) {
	tx.OnCommit(func(next ent.Committer) ent.Committer {
		return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
			err := next.Commit(ctx, tx)
			if err == nil {
				do(ctx)
			}
			return err
		})
	})
}

// Moment is a time as both databases keep it.
func Moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// KeyAt is a fresh key that says it was made at that time, after 1969: what is older than its row
// sorts by its own age.
func KeyAt(at time.Time) uuid.UUID {
	key := uuid.Must(uuid.NewV7())
	milliseconds := at.UnixMilli()
	for i := range 6 {
		key[i] = byte(milliseconds >> (8 * (5 - i)))
	}
	return key
}
