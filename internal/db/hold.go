package db

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

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
