package ordering

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/price"
	"kontor/internal/fault"
	"kontor/internal/money"
)

// addPositions adds what was ordered: to positions of the same product and price, or as
// new ones. For a service it is called off with that; of an agreement it is open.
func addPositions(ctx context.Context, tx *ent.Tx, c *ent.Contract, items []*ent.OrderItem) error {
	existing, err := positionsOf(ctx, tx, c)
	if err != nil {
		return err
	}
	last := 0
	for _, p := range existing {
		last = max(last, p.Position)
	}
	var rows []*ent.ContractPositionCreate
	merged, err := merge(items)
	if err != nil {
		return err
	}
	if err := atOwnersPrices(ctx, tx, c, merged); err != nil {
		return err
	}
	for _, item := range merged {
		calledOff := item.Quantity
		if c.Type != contract.TypeSERVICE_CONTRACT {
			calledOff = money.Decimal{}
		}
		same := slices.IndexFunc(existing, func(p *ent.ContractPosition) bool {
			return p.ProductID == item.ProductID && p.Unit == item.Unit && p.Currency == item.Currency && p.PriceAmount.Cmp(item.UnitPriceAmount) == 0
		})
		if same < 0 {
			last += 10
			rows = append(rows, tx.ContractPosition.Create().SetTenantID(c.TenantID).SetContractID(c.ID).SetPosition(last).SetProductID(item.ProductID).
				SetAgreedQuantity(item.Quantity).SetCalledOffQuantity(calledOff).SetUnit(item.Unit).SetPriceAmount(item.UnitPriceAmount).SetCurrency(item.Currency))
			continue
		}
		if err := raise(ctx, existing[same], item.Quantity, calledOff); err != nil {
			return err
		}
	}
	if err := tx.ContractPosition.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("writing the positions of a contract: %w", err)
	}
	return nil
}

// atOwnersPrices puts the prices of the company whose contract it is onto positions that another
// company ordered: what that one pays is its own affair (CA-01). The owner has to have one.
func atOwnersPrices(ctx context.Context, tx *ent.Tx, c *ent.Contract, items []*ent.OrderItem) error {
	for _, item := range items {
		if item.TenantID == c.TenantID {
			continue
		}
		p, err := tx.Price.Query().Where(price.TenantID(c.TenantID), price.ProductID(item.ProductID), price.FromQuantityLTE(item.Quantity)).
			Order(price.ByFromQuantity(sql.OrderDesc())).First(ctx)
		if ent.IsNotFound(err) {
			return fault.New("PRODUCT_NOT_ORDERABLE").With("sku", item.Sku)
		}
		if err != nil {
			return fmt.Errorf("reading what the owner of a contract pays: %w", err)
		}
		item.UnitPriceAmount, item.Currency = p.Amount, p.Currency
	}
	return nil
}

// raise makes a position larger by what was ordered, of which so much is called off.
func raise(ctx context.Context, p *ent.ContractPosition, by, off money.Decimal) error {
	agreed, err := p.AgreedQuantity.Plus(by)
	if err != nil {
		return fmt.Errorf("adding quantities of a contract: %w", err)
	}
	calledOff, err := p.CalledOffQuantity.Plus(off)
	if err != nil {
		return fmt.Errorf("adding quantities of a contract: %w", err)
	}
	if err := p.Update().SetAgreedQuantity(agreed).SetCalledOffQuantity(calledOff).Exec(ctx); err != nil {
		return fmt.Errorf("changing a position of a contract: %w", err)
	}
	return nil
}

// replacePositions takes what was ordered for what the contract was about: another tariff
// with its options.
func replacePositions(ctx context.Context, tx *ent.Tx, c *ent.Contract, items []*ent.OrderItem) error {
	if _, err := tx.ContractPosition.Delete().Where(contractposition.ContractID(c.ID)).Exec(ctx); err != nil {
		return fmt.Errorf("ending the former positions of a contract: %w", err)
	}
	return addPositions(ctx, tx, c, items)
}

// amendPositions gives the products that were ordered the quantities and prices of the
// order, from now on; the others stay. What was called off of an agreement stays so, and
// it cannot be amended below that.
func amendPositions(ctx context.Context, tx *ent.Tx, c *ent.Contract, items []*ent.OrderItem) error {
	existing, err := positionsOf(ctx, tx, c)
	if err != nil {
		return err
	}
	merged, err := merge(items)
	if err != nil {
		return err
	}
	if err := atOwnersPrices(ctx, tx, c, merged); err != nil {
		return err
	}
	var added []*ent.OrderItem
	amended := map[uuid.UUID]bool{} // what comes of a product at a second price is a position of its own
	for _, item := range merged {
		same := slices.IndexFunc(existing, func(p *ent.ContractPosition) bool {
			return p.ProductID == item.ProductID && p.Unit == item.Unit && !amended[p.ID]
		})
		if same < 0 {
			added = append(added, item)
			continue
		}
		p := existing[same]
		amended[p.ID] = true
		update := p.Update().SetAgreedQuantity(item.Quantity).SetPriceAmount(item.UnitPriceAmount).SetCurrency(item.Currency)
		switch {
		case c.Type == contract.TypeSERVICE_CONTRACT:
			update.SetCalledOffQuantity(item.Quantity)
		case item.Quantity.Cmp(p.CalledOffQuantity) < 0:
			return fault.New("AMENDED_BELOW_CALLED_OFF").With("sku", item.Sku).With("calledOff", p.CalledOffQuantity.String()).With("unit", p.Unit)
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("amending a position of a contract: %w", err)
		}
	}
	return addPositions(ctx, tx, c, added)
}

func positionsOf(ctx context.Context, tx *ent.Tx, c *ent.Contract) ([]*ent.ContractPosition, error) {
	found, err := tx.ContractPosition.Query().Where(contractposition.ContractID(c.ID)).Order(contractposition.ByPosition()).All(ctx)
	return found, wrap(err, "reading the positions of a contract")
}

// merge adds up positions of an order that are one for a contract: those of the same
// product, unit and price.
func merge(items []*ent.OrderItem) ([]*ent.OrderItem, error) {
	var merged []*ent.OrderItem
	for _, item := range items {
		same := slices.IndexFunc(merged, func(m *ent.OrderItem) bool {
			return m.ProductID == item.ProductID && m.Unit == item.Unit && m.Currency == item.Currency && m.UnitPriceAmount.Cmp(item.UnitPriceAmount) == 0
		})
		if same < 0 {
			copied := *item
			merged = append(merged, &copied)
			continue
		}
		sum, err := merged[same].Quantity.Plus(item.Quantity)
		if err != nil {
			return nil, fmt.Errorf("adding ordered quantities: %w", err)
		}
		merged[same].Quantity = sum
	}
	return merged, nil
}
