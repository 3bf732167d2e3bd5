package db

import (
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// pgxRows are rows as ent reads them.
type pgxRows struct {
	rows  pgx.Rows
	batch pgx.BatchResults // what they came in, if anything
	into  []any
	err   error
}

// Close gives the connection back; so does reading to the end.
func (r *pgxRows) Close() error {
	r.rows.Close()
	if r.batch != nil {
		r.err, r.batch = r.batch.Close(), nil
	}
	return r.Err()
}

func (r *pgxRows) Columns() ([]string, error) {
	fields := r.rows.FieldDescriptions()
	if fields == nil {
		return nil, r.Err()
	}
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.Name
	}
	return names, nil
}

func (r *pgxRows) ColumnTypes() ([]*sql.ColumnType, error) {
	return nil, errors.New("the types of columns are not told")
}

func (r *pgxRows) NextResultSet() bool { return false }

func (r *pgxRows) Err() error {
	if err := r.rows.Err(); err != nil {
		return err
	}
	return r.err
}

func (r *pgxRows) Next() bool {
	if r.rows.Next() {
		return true
	}
	_ = r.Close() // Err tells
	return false
}

func (r *pgxRows) Scan(dest ...any) error {
	r.into = append(r.into[:0], dest...)
	for i, d := range r.into {
		if key, ok := d.(*uuid.UUID); ok {
			r.into[i] = (*[16]byte)(key)
		}
	}
	return r.rows.Scan(r.into...)
}
