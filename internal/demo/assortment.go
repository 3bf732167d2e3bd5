package demo

import (
	"fmt"

	"kontor/internal/erp"
	"kontor/internal/money"
)

// offer is a product that a tenant can order, at its own prices.
type offer struct {
	sku, unit            string
	least, step          money.Decimal
	prices               []priceBreak
	currency, department string
}

// priceBreak is what one unit costs from a quantity on, net. The file has the
// breaks of a product in the order of their quantities.
type priceBreak struct{ from, amount money.Decimal }

// at is the price of one unit when so many are bought.
func (o offer) at(quantity money.Decimal) money.Decimal {
	price := o.prices[0].amount
	for _, b := range o.prices {
		if b.from.Cmp(quantity) <= 0 {
			price = b.amount
		}
	}
	return price
}

// assortments are the offers of each tenant, in the order of the price file.
func assortments() (map[string][]offer, error) {
	products := map[string]offer{}
	if err := each(erp.Products, func(r *erp.Row) {
		if r.Bool("orderable") {
			sku := r.Text("sku")
			products[sku] = offer{
				sku: sku, unit: r.Text("unit"), department: r.List("category")[0],
				least: r.Decimal("minimum_quantity"), step: r.Decimal("quantity_step"),
			}
		}
	}); err != nil {
		return nil, err
	}
	all := map[string][]offer{}
	if err := each(erp.Prices, func(r *erp.Row) {
		tenant, sku := r.Text("organization_id"), r.Text("sku")
		product, orderable := products[sku]
		if !orderable {
			return
		}
		offers := all[tenant]
		if len(offers) == 0 || offers[len(offers)-1].sku != sku {
			product.currency = r.Text("currency")
			offers = append(offers, product)
		}
		last := &offers[len(offers)-1]
		last.prices = append(last.prices, priceBreak{r.Decimal("from_quantity"), r.Decimal("amount")})
		all[tenant] = offers
	}); err != nil {
		return nil, err
	}
	return all, nil
}

// serviceContracts are the numbers of the active service contracts of a tenant.
func serviceContracts(tenant string) ([]string, error) {
	var numbers []string
	if err := each(erp.Contracts, func(r *erp.Row) {
		if r.Text("organization_id") == tenant && r.Text("type") == "SERVICE_CONTRACT" && r.Text("state") == "ACTIVE" {
			numbers = append(numbers, r.Text("number"))
		}
	}); err != nil {
		return nil, fmt.Errorf("finding contracts of %s: %w", tenant, err)
	}
	return numbers, nil
}
