package company

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contractposition"
	"kontor/internal/money"
)

// SumUp writes the sums of its positions onto a contract, where they all count in one unit,
// and none otherwise. It works as the server.
func SumUp(ctx context.Context, tx *ent.Tx, of uuid.UUID) error {
	positions, err := tx.ContractPosition.Query().Where(contractposition.ContractID(of)).All(ctx)
	if err != nil {
		return fmt.Errorf("adding positions up: %w", err)
	}
	sums, err := add(positions)
	if err != nil {
		return fmt.Errorf("adding positions up: %w", err)
	}
	update := tx.Contract.UpdateOneID(of)
	if sums != nil {
		update.SetAgreedQuantity(sums.agreed).SetCalledOffQuantity(sums.calledOff).SetUnit(positions[0].Unit)
	} else {
		update.ClearAgreedQuantity().ClearCalledOffQuantity().ClearUnit()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("writing the sums of a contract: %w", err)
	}
	return nil
}

type sums struct{ agreed, calledOff money.Decimal }

// add adds positions up; nil where that says nothing.
func add(positions []*ent.ContractPosition) (*sums, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	var s sums
	for _, p := range positions {
		if p.Unit != positions[0].Unit {
			return nil, nil
		}
		var err error
		if s.agreed, err = s.agreed.Plus(p.AgreedQuantity); err != nil {
			return nil, err
		}
		if s.calledOff, err = s.calledOff.Plus(p.CalledOffQuantity); err != nil {
			return nil, err
		}
	}
	return &s, nil
}
