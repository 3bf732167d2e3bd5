package db

import (
	"context"

	"entgo.io/ent/dialect"
)

// hooked tells a hook of every statement on its way through a driver.
type hooked struct {
	dialect.Driver
	hook func(string)
}

func (h hooked) Exec(ctx context.Context, query string, args, v any) error {
	h.hook(query)
	return h.Driver.Exec(ctx, query, args, v)
}

func (h hooked) Query(ctx context.Context, query string, args, v any) error {
	h.hook(query)
	return h.Driver.Query(ctx, query, args, v)
}

func (h hooked) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := h.Driver.Tx(ctx)
	if err != nil {
		return nil, err
	}
	h.hook("BEGIN")
	return hookedTx{tx, h.hook}, nil
}

type hookedTx struct {
	dialect.Tx
	hook func(string)
}

func (h hookedTx) Exec(ctx context.Context, query string, args, v any) error {
	h.hook(query)
	return h.Tx.Exec(ctx, query, args, v)
}

func (h hookedTx) Query(ctx context.Context, query string, args, v any) error {
	h.hook(query)
	return h.Tx.Query(ctx, query, args, v)
}

func (h hookedTx) Commit() error {
	h.hook("COMMIT")
	return h.Tx.Commit()
}
