package ordering

import (
	"kontor/ent"
	"kontor/internal/account"
	"kontor/internal/cart"
)

// AsCart is a quote, read with its positions, as the cart that it was, at the prices that
// were offered: what became of the products since does not count.
func AsCart(q *ent.Quote) *cart.Cart {
	c := &cart.Cart{
		Cart: &ent.Cart{ID: q.ID, TenantID: q.TenantID, Name: q.Name, CustomerOrderNumber: q.CustomerOrderNumber,
			ReferenceNumber: q.ReferenceNumber, AccountAssignment: q.AccountAssignment},
		Items: make([]*cart.Item, len(q.Edges.Items)), Net: q.Net(), Tax: q.Tax(), Gross: q.Gross(), Orderable: true,
	}
	for i, item := range q.Edges.Items {
		price, total := item.UnitPrice(), item.LineTotal()
		c.Items[i] = &cart.Item{
			CartItem:  &ent.CartItem{ID: item.ID, ProductID: item.ProductID, Quantity: item.Quantity, WishedDate: item.WishedDate},
			Product:   &ent.Product{ID: item.ProductID, Sku: item.Sku, Name: item.ProductName, Unit: item.Unit, TaxRate: item.TaxRate, Automatic: item.Automatic},
			UnitPrice: &price, LineTotal: &total, Unit: item.Unit, EffectiveAssignment: item.AccountAssignment, DeliveryAddress: addressOf(item.DeliveryAddress),
		}
	}
	c.DeliveryAddress = oneAddress(c.Items)
	return c
}

// PlacedAsCart is an order, read with its positions, as the cart that it was placed from.
func PlacedAsCart(o *ent.Order) *cart.Cart {
	c := &cart.Cart{
		Cart: &ent.Cart{ID: o.ID, TenantID: o.TenantID, Name: o.Name, CustomerOrderNumber: o.CustomerOrderNumber,
			ReferenceNumber: o.ReferenceNumber, AccountAssignment: o.AccountAssignment},
		Items: make([]*cart.Item, len(o.Edges.Items)), Net: o.Net(), Tax: o.Tax(), Gross: o.Gross(), Orderable: true,
	}
	for i, item := range o.Edges.Items {
		price, total := item.UnitPrice(), item.LineTotal()
		c.Items[i] = &cart.Item{
			CartItem:  &ent.CartItem{ID: item.ID, ProductID: item.ProductID, Quantity: item.Quantity, WishedDate: item.WishedDate},
			Product:   &ent.Product{ID: item.ProductID, Sku: item.Sku, Name: item.ProductName, Unit: item.Unit, TaxRate: item.TaxRate},
			UnitPrice: &price, LineTotal: &total, Unit: item.Unit, EffectiveAssignment: item.AccountAssignment, DeliveryAddress: addressOf(item.DeliveryAddress),
		}
	}
	c.DeliveryAddress = oneAddress(c.Items)
	return c
}

// addressOf is a copied address as one that is saved.
func addressOf(a *account.Address) *ent.Address {
	if a == nil {
		return nil
	}
	return &ent.Address{Company: a.Company, Contact: a.Contact, Street: a.Street, PostalCode: a.PostalCode, City: a.City, Country: a.Country}
}

// oneAddress is where everything goes to; nil where that is nowhere, or several places.
func oneAddress(items []*cart.Item) *ent.Address {
	for _, item := range items {
		if item.DeliveryAddress == nil || item.DeliveryAddress.Copy() != items[0].DeliveryAddress.Copy() {
			return nil
		}
	}
	if len(items) == 0 {
		return nil
	}
	return items[0].DeliveryAddress
}
