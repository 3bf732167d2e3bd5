// Package series hands out the numbers of a company: of its orders, quotes and contracts,
// without gaps (OR-01).
package series

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/numberseries"
)

// marks come before the digits of a number, after the organization ID of its company:
// "HANSA-000042" is an order.
var marks = map[numberseries.Kind]string{numberseries.KindORDER: "-", numberseries.KindQUOTE: "-Q", numberseries.KindCONTRACT: "-C"}

// digits are how many a number has, filled up with zeros.
const digits = 6

// Next is the next number of a company's series. The row of the series is held until the
// transaction ends and a rollback gives the number back, so there are no gaps (OR-01).
func Next(ctx context.Context, tx *ent.Tx, of *ent.Tenant, kind numberseries.Kind) (string, error) {
	n, err := countUp(ctx, tx, of.ID, kind)
	if err != nil {
		return "", err
	}
	if n == 0 {
		if err := begin(ctx, tx, of.ID, kind, 1); err != nil {
			return "", err
		}
		if _, err := countUp(ctx, tx, of.ID, kind); err != nil {
			return "", err
		}
	}
	series, err := tx.NumberSeries.Query().Where(numberseries.TenantID(of.ID), numberseries.KindEQ(kind)).Only(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the next %s number: %w", kind, err)
	}
	return fmt.Sprintf("%s%s%0*d", of.OrganizationID, marks[kind], digits, series.Next-1), nil
}

func countUp(ctx context.Context, tx *ent.Tx, tenant uuid.UUID, kind numberseries.Kind) (int, error) {
	n, err := tx.NumberSeries.Update().Where(numberseries.TenantID(tenant), numberseries.KindEQ(kind)).AddNext(1).Save(ctx)
	if err != nil {
		return 0, fmt.Errorf("taking the next %s number: %w", kind, err)
	}
	return n, nil
}

// begin makes a series that is not there yet.
func begin(ctx context.Context, tx *ent.Tx, tenant uuid.UUID, kind numberseries.Kind, next int64) error {
	err := tx.NumberSeries.Create().SetTenantID(tenant).SetKind(kind).SetNext(next).
		OnConflictColumns(numberseries.FieldTenantID, numberseries.FieldKind).Ignore().Exec(ctx)
	if err != nil {
		return fmt.Errorf("starting the series of %s numbers: %w", kind, err)
	}
	return nil
}

// Place is where a number that somebody else gave stands in a company's series; 0 where it
// is none of the series. Far tells that it has more digits than the series: no company comes so far.
func Place(of *ent.Tenant, kind numberseries.Kind, number string) (n int64, far bool) {
	counted, ours := strings.CutPrefix(number, of.OrganizationID+marks[kind])
	if !ours || len(counted) < digits || strings.Trim(counted, "0123456789") != "" {
		return 0, false
	}
	if len(counted) > digits {
		return 0, true
	}
	n, _ = strconv.ParseInt(counted, 10, 64) // six digits
	return n, false
}

// Pass has a company's series go on after a number that somebody else gave. Who takes a number
// at the same time does so before, and what it numbers can be seen then, or waits until the transaction ends.
func Pass(ctx context.Context, tx *ent.Tx, tenant uuid.UUID, kind numberseries.Kind, n int64) error {
	if err := begin(ctx, tx, tenant, kind, n+1); err != nil {
		return err
	}
	err := tx.NumberSeries.Update().Where(numberseries.TenantID(tenant), numberseries.KindEQ(kind), numberseries.NextLTE(n)).SetNext(n + 1).Exec(ctx)
	if err != nil {
		return fmt.Errorf("carrying on the series of %s numbers: %w", kind, err)
	}
	return nil
}
