package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"kontor/authz"
	"kontor/internal/dial"
)

// maxConnections bounds the connections of a replica; PostgreSQL has 100 by default.
const maxConnections = 20

func openPostgres(ctx context.Context, databaseURL string, wall func(context.Context) (string, error)) (*DB, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		// The parser's error may quote the URL, which has a password in it.
		return nil, errors.New("KONTOR_DATABASE_URL is no URL of a PostgreSQL database: write it like postgres://user:password@host:5432/kontor")
	}
	if !strings.Contains(databaseURL, "pool_max_conns") {
		config.MaxConns = maxConnections
	}
	config.MaxConnLifetime, config.MaxConnIdleTime = time.Hour, 10*time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.DialFunc = dial.Outside().DialContext
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "kontor"
	}
	config.AfterConnect = func(_ context.Context, connection *pgx.Conn) error {
		connection.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	closePool := func() error { pool.Close(); return nil }
	plain, system := stdlib.OpenDBFromPool(pool), openSystem(config.ConnConfig)
	patient := func() *sql.DB {
		config := config.ConnConfig.Copy()
		config.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
		return openSystem(config)
	}
	return &DB{
		SQL: system, plain: plain, Dialect: dialect.Postgres, driver: pgxDriver{pgxConn{to: pool, wall: wall}, pool}, ping: pool.Ping,
		stats:   func() sql.DBStats { return statsOf(pool) },
		closers: []func() error{closePool, plain.Close, system.Close}, patient: patient,
	}, nil
}

// statsOf are the connections of a pool, as database/sql tells them.
func statsOf(pool *pgxpool.Pool) sql.DBStats {
	s := pool.Stat()
	return sql.DBStats{
		MaxOpenConnections: int(s.MaxConns()), OpenConnections: int(s.TotalConns()), InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()),
		WaitCount: s.EmptyAcquireCount(), WaitDuration: s.EmptyAcquireWaitTime(),
	}
}

// openSystem opens connections on which the server works for itself as long as they
// last, apart from those that answer requests: a migration that changes rows would
// see none otherwise. It is said as they begin, so that a proxy which shares
// connections cannot leave it behind on one.
func openSystem(config *pgx.ConnConfig) *sql.DB {
	config = config.Copy()
	config.RuntimeParams["kontor.viewer"] = authz.SystemWall()
	opened := stdlib.OpenDB(*config)
	opened.SetMaxIdleConns(1)
	opened.SetConnMaxIdleTime(time.Minute)
	return opened
}

// retry tries once more what failed before PostgreSQL was sent anything: a
// connection that was cut while nobody used it shows only then.
func retry[T any](do func() (T, error)) (T, error) {
	result, err := do()
	if err != nil && pgconn.SafeToRetry(err) {
		return do()
	}
	return result, err
}

// arguments gives keys to pgx as what they are: as a driver.Valuer they would go
// the long way, over text.
func arguments(args any) ([]any, error) {
	argv, ok := args.([]any)
	if !ok {
		return nil, fmt.Errorf("arguments are %T", args)
	}
	for i, arg := range argv {
		switch key := arg.(type) {
		case uuid.UUID:
			argv[i] = [16]byte(key)
		case *uuid.UUID:
			if key != nil {
				argv[i] = [16]byte(*key)
			} else {
				argv[i] = nil
			}
		}
	}
	return argv, nil
}

type pgxResult struct{ tag pgconn.CommandTag }

func (r pgxResult) RowsAffected() (int64, error) { return r.tag.RowsAffected(), nil }

func (r pgxResult) LastInsertId() (int64, error) {
	return 0, errors.New("PostgreSQL has no last inserted key: use RETURNING")
}
