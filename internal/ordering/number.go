package ordering

import (
	"context"
	"fmt"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/numberseries"
)

// nextNumber is the next order number of the viewer's tenant, such as
// "HANSA-000042". The row of the series is held until the transaction ends and a
// rollback gives the number back, so there are no gaps (OR-01).
func (s *Service) nextNumber(ctx context.Context, tx *ent.Tx, v *authz.Viewer) (string, error) {
	n, err := s.countUp(ctx, tx)
	if err != nil {
		return "", err
	}
	if n == 0 {
		err := tx.NumberSeries.Create().SetTenantID(v.Tenant).SetKind(numberseries.KindORDER).
			OnConflictColumns(numberseries.FieldTenantID, numberseries.FieldKind).Ignore().Exec(ctx)
		if err != nil {
			return "", fmt.Errorf("starting the series of order numbers: %w", err)
		}
		if _, err := s.countUp(ctx, tx); err != nil {
			return "", err
		}
	}
	series, err := tx.NumberSeries.Query().Where(numberseries.KindEQ(numberseries.KindORDER)).Only(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the next order number: %w", err)
	}
	t, err := tx.Tenant.Get(ctx, v.Tenant)
	if err != nil {
		return "", fmt.Errorf("reading whose order number it is: %w", err)
	}
	return fmt.Sprintf("%s-%06d", t.OrganizationID, series.Next-1), nil
}

func (s *Service) countUp(ctx context.Context, tx *ent.Tx) (int, error) {
	n, err := tx.NumberSeries.Update().Where(numberseries.KindEQ(numberseries.KindORDER)).AddNext(1).Save(ctx)
	if err != nil {
		return 0, fmt.Errorf("taking the next order number: %w", err)
	}
	return n, nil
}
