package erp

import (
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/price"
	"kontor/internal/money"
)

// keeping fills what a row says nothing about with what is stored, so that it stays (CO-06): BMEcat,
// for one, has no word for automatic. A row about a product that is not there must say everything.
func (w *writer) keeping(row *Row, existing *ent.Product) error {
	if row.kept == nil {
		return nil
	}
	if existing == nil {
		for _, c := range tables[Products].columns {
			if c.Required && row.keeps(c.Name) {
				return refusal("sku", "there is no product %q, and to make it the row would need its %s", row.Text("sku"), c.Name)
			}
		}
		return nil
	}
	for column, stored := range map[string]any{
		"name": existing.Name, "description": existing.Description, "unit": existing.Unit, "tax_rate": existing.TaxRate,
		"orderable": existing.Active, "automatic": existing.Automatic, "minimum_quantity": existing.MinimumQuantity,
		"quantity_step": existing.QuantityStep, "attributes": existing.Attributes, "price_quantity": existing.PriceQuantity,
	} {
		if row.keeps(column) {
			row.values[column] = stored
		}
	}
	return nil
}

// categoryOf is the category of a row, or the one that the product has.
func (w *writer) categoryOf(row *Row, existing *ent.Product) (uuid.UUID, error) {
	if existing != nil && row.keeps("category") {
		return existing.CategoryID, nil
	}
	return w.category(row.List("category"))
}

// amountOf is the price of one unit that a row says: a catalogue may price per hundred.
func amountOf(row *Row, p *ent.Product) (money.Decimal, error) {
	if !row.perCatalogue {
		return row.Decimal("amount"), nil
	}
	one, bad := unitPrice(row.Decimal("amount").String(), "", p.PriceQuantity.String())
	if bad != nil {
		return money.Decimal{}, refusal("amount", "%s", bad.Reason("en"))
	}
	amount, err := money.Parse(one)
	if err != nil {
		return money.Decimal{}, refusal("amount", "%s for one unit is more than can be stored", clip(one))
	}
	return amount, nil
}

// dropPrices takes away the prices of a product that are not among those of its file, and tells
// whether there were any.
func (w *writer) dropPrices(row *Row, tenant, product uuid.UUID) (bool, error) {
	if row.only == nil {
		return false, nil
	}
	gone, err := w.tx.Price.Delete().Where(price.TenantID(tenant), price.ProductID(product), price.FromQuantityNotIn(row.only...)).Exec(w.ctx)
	if err != nil {
		return false, fmt.Errorf("taking away prices that the file no longer has: %w", err)
	}
	return gone > 0, nil
}
