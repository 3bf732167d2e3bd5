package ent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// Try does a part of a transaction: where it fails, this part is undone and the transaction goes on.
func (tx *Tx) Try(ctx context.Context, part func() error) error {
	if err := tx.say(ctx, "SAVEPOINT part"); err != nil {
		return err
	}
	if err := part(); err != nil {
		// The request may be over; the transaction has to know all the same.
		ctx := context.WithoutCancel(ctx)
		return errors.Join(err, tx.say(ctx, "ROLLBACK TO SAVEPOINT part"), tx.say(ctx, "RELEASE SAVEPOINT part"))
	}
	return tx.say(ctx, "RELEASE SAVEPOINT part")
}

func (tx *Tx) say(ctx context.Context, statement string) error {
	if err := tx.Do(ctx, statement, []any{}); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Analyze has PostgreSQL look at tables that are being filled: what it knows of them is from when
// they were empty, and it would read them as a whole for every statement. Who does not own them
// changes nothing by it.
func (tx *Tx) Analyze(ctx context.Context, tables ...string) error {
	if tx.driver.Dialect() != dialect.Postgres {
		return nil
	}
	return tx.say(ctx, "ANALYZE "+strings.Join(tables, ", "))
}

// Do executes a statement that no entity builds, as a part of the transaction.
func (tx *Tx) Do(ctx context.Context, statement string, args []any) error {
	err := tx.driver.Exec(ctx, statement, args, nil)
	if sqlgraph.IsConstraintError(err) {
		return &ConstraintError{msg: err.Error(), wrap: err}
	}
	return err
}
