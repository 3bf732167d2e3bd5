package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"kontor/ent"
)

// Bulk says where many rows are written at once, and how.
type Bulk struct {
	Table string
	// Columns are the names of the columns, each with its type on PostgreSQL.
	Columns [][2]string
	// Changed are the columns that are changed in a row which is there already, by its id; none:
	// such a row is an error.
	Changed []string
}

// maxArguments bounds what is sent with one statement: SQLite takes 32766.
const maxArguments = 30000

// Write writes rows of values: keys, texts, times, whole numbers and what is stored as one, or nil.
// PostgreSQL gets each column as one array: that is twice as fast as
// values one by one, and near to COPY, which row security does not let in. It works as the server.
func (b Bulk) Write(ctx context.Context, tx *ent.Tx, d *DB, rows [][]any) error {
	most := max(1, maxArguments/len(b.Columns))
	for len(rows) > 0 {
		next := rows[:min(most, len(rows))]
		rows = rows[len(next):]
		statement, args := b.values(next)
		if d.Dialect == dialect.Postgres {
			var err error
			if statement, args, err = b.arrays(next); err != nil {
				return fmt.Errorf("writing into %s: %w", b.Table, err)
			}
		}
		if err := tx.Do(ctx, statement+b.conflict(), args); err != nil {
			return fmt.Errorf("writing into %s: %w", b.Table, err)
		}
	}
	return nil
}

func (b Bulk) names() string {
	names := make([]string, len(b.Columns))
	for i, c := range b.Columns {
		names[i] = quoted(c[0])
	}
	return strings.Join(names, ", ")
}

// arrays has each column as one array.
func (b Bulk) arrays(rows [][]any) (string, []any, error) {
	arrays, args := make([]string, len(b.Columns)), make([]any, len(b.Columns))
	for i, c := range b.Columns {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, c[1])
		var err error
		if args[i], err = array(rows, i, c[1]); err != nil {
			return "", nil, fmt.Errorf("column %s: %w", c[0], err)
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM unnest(%s)", quoted(b.Table), b.names(), strings.Join(arrays, ", ")), args, nil
}

// array is a column as one array, of values that need not be looked at one by one to be sent.
func array(rows [][]any, column int, kind string) (any, error) {
	switch kind {
	case "uuid":
		return arrayOf(rows, column, func(id uuid.UUID) (pgtype.UUID, error) { return pgtype.UUID{Bytes: id, Valid: true}, nil })
	case "bigint":
		return arrayOf(rows, column, func(value any) (pgtype.Int8, error) {
			n, err := whole(value)
			return pgtype.Int8{Int64: n, Valid: true}, err
		})
	case "timestamptz":
		return arrayOf(rows, column, func(at time.Time) (pgtype.Timestamptz, error) { return pgtype.Timestamptz{Time: at, Valid: true}, nil })
	default:
		return arrayOf(rows, column, func(text string) (pgtype.Text, error) { return pgtype.Text{String: text, Valid: true}, nil })
	}
}

func arrayOf[V, T any](rows [][]any, column int, of func(V) (T, error)) ([]T, error) {
	values := make([]T, len(rows))
	for i, row := range rows {
		if row[column] == nil {
			continue
		}
		value, fits := row[column].(V)
		if !fits {
			return nil, fmt.Errorf("%T is no %T", row[column], value)
		}
		var err error
		if values[i], err = of(value); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// whole is a number as it is stored.
func whole(value any) (int64, error) {
	if n, ok := value.(int); ok {
		return int64(n), nil
	}
	number, ok := value.(driver.Valuer)
	if !ok {
		return 0, fmt.Errorf("%T is no number", value)
	}
	stored, err := number.Value()
	if err != nil {
		return 0, err
	}
	n, ok := stored.(int64)
	if !ok {
		return 0, fmt.Errorf("%T is not stored as a whole number", value)
	}
	return n, nil
}

// values has the values one by one.
func (b Bulk) values(rows [][]any) (string, []any) {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(b.Columns)), ", ") + ")"
	args := make([]any, 0, len(rows)*len(b.Columns))
	for _, row := range rows {
		args = append(args, row...)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", quoted(b.Table), b.names(), strings.TrimSuffix(strings.Repeat(one+", ", len(rows)), ", ")), args
}

func (b Bulk) conflict() string {
	if len(b.Changed) == 0 {
		return ""
	}
	set := make([]string, len(b.Changed))
	for i, name := range b.Changed {
		set[i] = fmt.Sprintf("%s = excluded.%s", quoted(name), quoted(name))
	}
	return " ON CONFLICT (id) DO UPDATE SET " + strings.Join(set, ", ")
}

func quoted(name string) string { return `"` + name + `"` }
