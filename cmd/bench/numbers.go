package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// series is what the database has of a company's order numbers: those of its orders,
// in order, and the one that is next.
type series struct {
	organization string
	next         int
	numbers      []string
}

func (s series) number(i int) string { return fmt.Sprintf("%s-%06d", s.organization, i) }

// readSeries reads the series of all companies that have orders.
func readSeries(ctx context.Context, url string) (_ map[uuid.UUID]series, err error) {
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connecting to read order numbers: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	rows, err := connection.Query(ctx, `SELECT t.id, t.organization_id, s.next, array_agg(o.number ORDER BY o.number)
		FROM tenants t JOIN orders o ON o.tenant_id = t.id JOIN number_series s ON s.tenant_id = t.id AND s.kind = 'ORDER' GROUP BY t.id, s.next`)
	if err != nil {
		return nil, fmt.Errorf("reading order numbers: %w", err)
	}
	all := map[uuid.UUID]series{}
	var (
		id  uuid.UUID
		one series
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &one.organization, &one.next, &one.numbers}, func() error {
		all[id] = series{one.organization, one.next, slices.Clone(one.numbers)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading order numbers: %w", err)
	}
	return all, nil
}

// unbroken makes sure that the companies' numbers go from 1 on without a gap and
// without a double, and that those that came since before are those that clients were
// told, each once. It gives how many these are.
func unbroken(before, after map[uuid.UUID]series, told map[uuid.UUID][]string) (int, error) {
	placed := 0
	var wrong []error
	for tenant, s := range after {
		for i, number := range s.numbers {
			if want := s.number(i + 1); number != want {
				wrong = append(wrong, fmt.Errorf("the orders of %s have %s where %s should be", s.organization, number, want))
				break
			}
		}
		if s.next != len(s.numbers)+1 {
			wrong = append(wrong, fmt.Errorf("%d is the next number of %s after %d orders", s.next, s.organization, len(s.numbers)))
		}
		if told := told[tenant]; told != nil {
			told = slices.Sorted(slices.Values(told))
			if since := s.numbers[min(len(before[tenant].numbers), len(s.numbers)):]; !slices.Equal(told, since) {
				wrong = append(wrong, fmt.Errorf("%s has %d new orders and its clients were told of %d, or of others", s.organization, len(since), len(told)))
			}
			placed += len(told)
		}
	}
	for tenant := range told {
		if _, there := after[tenant]; !there {
			wrong = append(wrong, fmt.Errorf("the company %s was told of orders and has none", tenant))
		}
	}
	if placed == 0 {
		wrong = append(wrong, errors.New("nobody was told of an order"))
	}
	return placed, errors.Join(wrong...)
}
