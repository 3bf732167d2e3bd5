package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor/authz"
	"kontor/internal/db"
	"kontor/internal/kontortest"
)

// run does a whole run: seed, start, compare, measure, report.
func run(ctx context.Context, o options) (err error) {
	// Linux ends the children when the thread that started them ends: it must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	postgres, err := kontortest.StartPostgres(ctx, kontortest.PostgresOptions{Durable: true, Settings: map[string]string{
		"shared_preload_libraries": "pg_stat_statements", "shared_buffers": "1GB", "max_wal_size": "4GB", "work_mem": "16MB",
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, postgres.Close()) }()
	redis, err := kontortest.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Close()) }()
	if err := postgres.CreateDatabase(ctx, "bench", ""); err != nil {
		return err
	}
	began := time.Now()
	d, err := prepare(ctx, postgres, o)
	if err != nil {
		return err
	}
	seeded := time.Since(began)
	fmt.Fprintf(os.Stderr, "seeded %d tenants, %d orders, %d grants in %s\n", o.tenants, o.orders, o.grants, seeded.Round(time.Second))
	if err := unwall(ctx, postgres); err != nil {
		return err
	}
	statements, stop, err := counter(ctx, postgres.AdminURL("bench"))
	if err != nil {
		return err
	}
	defer stop()
	m, err := describe(ctx, postgres.URL("bench"), redis.URL())
	if err != nil {
		return err
	}
	mails, closeMailbox, err := openMailbox(ctx)
	if err != nil {
		return err
	}
	defer closeMailbox()
	targets, stopAll, err := start(ctx, o, addresses{
		kontor: postgres.URL("bench"), unwalled: postgres.URL("unwalled"), comparators: postgres.AdminURL("bench"), redis: redis.URL(), mails: mails,
	})
	if err != nil {
		return err
	}
	defer stopAll()
	rows, err := operations(ctx, targets[0], d)
	if err != nil {
		return err
	}
	pages, err := openDashboards(ctx, o, targets[0])
	if err != nil {
		return err
	}
	rows = append(rows, pages.operations()...)
	flood := rows[slices.IndexFunc(rows, func(row operation) bool { return row.name == floodName })].kontor
	rows = slices.DeleteFunc(rows, func(row operation) bool { return !strings.Contains(row.name, o.only) })
	crowds := crowdsOf(o.only)
	imports := o.contracts > 0 && strings.Contains("import contracts", o.only)
	floods := strings.Contains("overload", o.only)
	if len(rows)+len(crowds) == 0 && !imports && !floods {
		return fmt.Errorf("-only %q fits no operation", o.only)
	}
	if err := same(ctx, targets, rows); err != nil {
		return err
	}
	measured, err := rounds(ctx, o, targets, rows, statements)
	if err != nil {
		return err
	}
	if err := calm(ctx, postgres.AdminURL("bench")); err != nil {
		return err
	}
	ofPage, err := pages.statements(ctx, statements)
	if err != nil {
		return err
	}
	var orders *placed
	if len(crowds) > 0 {
		p, err := openPlacing(ctx, o, targets[0], d)
		if err != nil {
			return err
		}
		if orders, err = p.measure(ctx, o, crowds, postgres.AdminURL("bench"), statements); err != nil {
			return err
		}
	}
	var overload *overloaded
	if floods {
		if overload, err = measureOverload(ctx, o, targets[0], flood); err != nil {
			return err
		}
	}
	checks, err := rightChecks(ctx, postgres.URL("bench"), d)
	if err != nil {
		return err
	}
	var (
		imported *imported
		exported *exported
	)
	if imports {
		if imported, err = measureImports(ctx, o, postgres); err != nil {
			return err
		}
		if exported, err = measureExports(ctx, o, postgres, redis.URL(), mails); err != nil {
			return err
		}
	}
	return report(o, m, figures{rows, targets, measured, ofPage, orders, overload, imported, exported, checks, seeded})
}

func prepare(ctx context.Context, postgres *kontortest.Postgres, o options) (*data, error) {
	d, err := db.Open(authz.System(ctx), postgres.URL("bench"))
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(ctx, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	// COPY does not go through row security.
	return seed(ctx, postgres.AdminURL("bench"), o)
}

// unwall makes a copy of the seeded database in which row security is taken away.
func unwall(ctx context.Context, postgres *kontortest.Postgres) error {
	if err := postgres.CreateDatabase(ctx, "unwalled", "bench"); err != nil {
		return err
	}
	connection, err := pgx.Connect(ctx, postgres.AdminURL("unwalled"))
	if err != nil {
		return fmt.Errorf("connecting to the copy: %w", err)
	}
	_, err = connection.Exec(ctx, `DO $$ DECLARE name text; BEGIN
		FOR name IN SELECT relname FROM pg_class WHERE relrowsecurity LOOP EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', name); END LOOP;
	END $$`)
	if err == nil {
		_, err = connection.Exec(ctx, "VACUUM ANALYZE")
	}
	if err := errors.Join(err, connection.Close(ctx)); err != nil {
		return fmt.Errorf("taking row security away from the copy: %w", err)
	}
	return nil
}

// counter counts the statements that the database was sent, by the database itself.
func counter(ctx context.Context, url string) (func() (int64, error), func(), error) {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to count statements: %w", err)
	}
	stop := func() { _ = connection.Close(context.WithoutCancel(ctx)) }
	if _, err := connection.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		stop()
		return nil, nil, fmt.Errorf("counting statements: %w", err)
	}
	return func() (int64, error) {
		var n int64
		// The counting itself is left out, and what goes along with every statement for row security.
		err := connection.QueryRow(ctx, "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%' AND query NOT LIKE 'SELECT set_config(%'").Scan(&n)
		return n, err
	}, stop, nil
}

// counted takes some steps in turns, again and again, and counts the statements of
// each: the median, as the server now and then sends some of its own accord.
func counted(statements func() (int64, error), steps ...func() error) ([]int64, error) {
	const samples = 9
	costs := make([][]int64, len(steps))
	for range samples {
		for i, step := range steps {
			sent, err := statements()
			if err != nil {
				return nil, err
			}
			if err := step(); err != nil {
				return nil, err
			}
			sentAfter, err := statements()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], sentAfter-sent)
		}
	}
	medians := make([]int64, len(steps))
	for i, of := range costs {
		slices.Sort(of)
		medians[i] = of[len(of)/2]
	}
	return medians, nil
}

// same makes sure that all answer the same data before any is measured.
func same(ctx context.Context, targets []target, rows []operation) error {
	for _, row := range rows {
		if row.floor == nil {
			continue
		}
		var want []byte
		for i, t := range targets {
			make := row.on(i)
			content, headers := make(3, 3)
			answer, err := t.post(ctx, content, headers)
			if err != nil {
				return err
			}
			var told struct{ Data, Errors any } // Kontor also tells what it cost
			if err := json.Unmarshal(answer, &told); err != nil {
				return fmt.Errorf("reading the answer of %s: %w", t.name, err)
			}
			plain, err := json.Marshal(told)
			if err != nil {
				return err
			}
			if i == 0 {
				if !bytes.Contains(plain, []byte(`"unitPrice"`)) {
					return fmt.Errorf("%s: %s answers no order with items: %.600s", row.name, t.name, plain)
				}
				want = plain
			} else if !bytes.Equal(plain, want) {
				return fmt.Errorf("%s: %s answers\n%.600s\nand Kontor\n%.600s", row.name, t.name, plain, want)
			}
		}
	}
	return nil
}

// rounds measures every operation on everybody in turns, and every other round
// backwards, so that what else the machine does and who was before hits all alike.
func rounds(ctx context.Context, o options, targets []target, rows []operation, statements func() (int64, error)) (map[string][][]result, error) {
	measured := map[string][][]result{}
	for round := range o.repeats {
		for _, row := range rows {
			if measured[row.name] == nil {
				measured[row.name] = make([][]result, len(targets))
			}
			for turn := range targets {
				i := turn
				if round%2 == 1 {
					i = len(targets) - 1 - turn
				}
				t, make := targets[i], row.on(i)
				if make == nil {
					continue
				}
				one, err := measure(ctx, t, t.sending(make), o.connections, o.duration, statements)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", row.name, err)
				}
				measured[row.name][i] = append(measured[row.name][i], one)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d is done\n", round+1, o.repeats)
	}
	return measured, nil
}
