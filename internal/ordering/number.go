package ordering

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/numberseries"
)

// formats are how numbers of a series look, after the organization ID of their tenant:
// "HANSA-000042" is an order.
var formats = map[numberseries.Kind]string{
	numberseries.KindORDER:    "%s-%06d",
	numberseries.KindQUOTE:    "%s-Q%06d",
	numberseries.KindCONTRACT: "%s-C%06d",
}

// nextNumber is the next number of a tenant's series. The row of the series is held
// until the transaction ends and a rollback gives the number back, so there are no
// gaps (OR-01).
func (s *Service) nextNumber(ctx context.Context, tx *ent.Tx, of *ent.Tenant, kind numberseries.Kind) (string, error) {
	n, err := s.countUp(ctx, tx, of.ID, kind)
	if err != nil {
		return "", err
	}
	if n == 0 {
		err := tx.NumberSeries.Create().SetTenantID(of.ID).SetKind(kind).
			OnConflictColumns(numberseries.FieldTenantID, numberseries.FieldKind).Ignore().Exec(ctx)
		if err != nil {
			return "", fmt.Errorf("starting the series of %s numbers: %w", kind, err)
		}
		if _, err := s.countUp(ctx, tx, of.ID, kind); err != nil {
			return "", err
		}
	}
	series, err := tx.NumberSeries.Query().Where(numberseries.TenantID(of.ID), numberseries.KindEQ(kind)).Only(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the next %s number: %w", kind, err)
	}
	return fmt.Sprintf(formats[kind], of.OrganizationID, series.Next-1), nil
}

func (s *Service) countUp(ctx context.Context, tx *ent.Tx, tenant uuid.UUID, kind numberseries.Kind) (int, error) {
	n, err := tx.NumberSeries.Update().Where(numberseries.TenantID(tenant), numberseries.KindEQ(kind)).AddNext(1).Save(ctx)
	if err != nil {
		return 0, fmt.Errorf("taking the next %s number: %w", kind, err)
	}
	return n, nil
}
