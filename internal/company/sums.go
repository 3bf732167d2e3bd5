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
	sums, err := Add(positions)
	if err != nil {
		return fmt.Errorf("adding positions up: %w", err)
	}
	update := tx.Contract.UpdateOneID(of)
	if sums != nil {
		update.SetAgreedQuantity(sums.Agreed).SetCalledOffQuantity(sums.CalledOff).SetUnit(sums.Unit)
	} else {
		update.ClearAgreedQuantity().ClearCalledOffQuantity().ClearUnit()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("writing the sums of a contract: %w", err)
	}
	return nil
}

// Sums are the quantities of a contract, in the one unit of all its positions.
type Sums struct {
	Agreed, CalledOff money.Decimal
	Unit              string
}

// Add adds the positions of a contract up; nil where that says nothing, because there are none or
// they do not count in one unit.
func Add(positions []*ent.ContractPosition) (*Sums, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	s := Sums{Unit: positions[0].Unit}
	for _, p := range positions {
		if p.Unit != s.Unit {
			return nil, nil
		}
		var err error
		if s.Agreed, err = s.Agreed.Plus(p.AgreedQuantity); err != nil {
			return nil, err
		}
		if s.CalledOff, err = s.CalledOff.Plus(p.CalledOffQuantity); err != nil {
			return nil, err
		}
	}
	return &s, nil
}
