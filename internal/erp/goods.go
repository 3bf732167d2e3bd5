package erp

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/category"
	"kontor/ent/price"
	"kontor/ent/product"
	"kontor/ent/tenant"
	"kontor/internal/account"
	"kontor/internal/catalog"
)

// catalogue is the operator, whose products all tenants order.
func (w *writer) catalogue() (*ent.Tenant, error) {
	if w.operator != nil {
		return w.operator, nil
	}
	if w.within != nil {
		return w.within, nil
	}
	found, err := w.tx.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR)).Only(w.ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, refusal("", "there is no operator whose catalogue it could be; import the tenants first")
	case ent.IsNotSingular(err):
		return nil, refusal("", "there are several operators; products can be imported for one only")
	case err != nil:
		return nil, fmt.Errorf("finding the operator: %w", err)
	}
	w.operator = found
	return found, nil
}

// category is the category with this path; those that are missing are made.
func (w *writer) category(names []string) (uuid.UUID, error) {
	operator, err := w.catalogue()
	if err != nil {
		return uuid.Nil, err
	}
	if w.categories == nil {
		w.categories = map[string]uuid.UUID{}
	}
	var parent *uuid.UUID
	for i := range names {
		path := strings.Join(names[:i+1], catalog.PathSeparator)
		id, known := w.categories[path]
		if !known {
			id, err = w.tx.Category.Query().Where(category.TenantID(operator.ID), category.Path(path)).OnlyID(w.ctx)
			if ent.IsNotFound(err) {
				var made *ent.Category
				made, err = w.tx.Category.Create().SetTenantID(operator.ID).SetNillableParentID(parent).SetName(names[i]).SetPath(path).Save(w.ctx)
				if err == nil {
					id = made.ID
				}
			}
			if err != nil {
				return uuid.Nil, fmt.Errorf("finding or making the category %s: %w", path, err)
			}
			w.categories[path] = id
		}
		parent = &id
	}
	return *parent, nil
}

func (w *writer) writeProduct(row *Row) (outcome, error) {
	operator, err := w.catalogue()
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.Product.Query().Where(product.TenantID(operator.ID), product.Sku(row.Text("sku"))).Only(w.ctx)
	if err != nil && !ent.IsNotFound(err) {
		return 0, fmt.Errorf("finding the product: %w", err)
	}
	if err := w.keeping(row, existing); err != nil {
		return 0, err
	}
	in, err := w.categoryOf(row, existing)
	if err != nil {
		return 0, err
	}
	attributes := row.Attributes("attributes")
	if attributes == nil && row.kept != nil {
		attributes = []account.Attribute{} // the row says that there are none
	}
	search := catalog.SearchText(row.Text("sku"), row.Text("name"), row.Text("description"), attributes)
	if existing == nil {
		create := w.tx.Product.Create().SetTenantID(operator.ID).SetCategoryID(in).SetSku(row.Text("sku")).SetName(row.Text("name")).
			SetDescription(row.Text("description")).SetUnit(row.Text("unit")).SetTaxRate(row.Decimal("tax_rate")).
			SetActive(row.Bool("orderable")).SetAutomatic(row.Bool("automatic")).SetMinimumQuantity(row.Decimal("minimum_quantity")).
			SetQuantityStep(row.Decimal("quantity_step")).SetPriceQuantity(row.Decimal("price_quantity")).SetSearchText(search).SetCreatedAt(w.now().UTC())
		if attributes != nil {
			create.SetAttributes(attributes)
		}
		if err := create.Exec(w.ctx); err != nil {
			return 0, fmt.Errorf("writing the product: %w", err)
		}
		return created, nil
	}
	update := existing.Update().SetCategoryID(in).SetName(row.Text("name")).SetDescription(row.Text("description")).
		SetUnit(row.Text("unit")).SetTaxRate(row.Decimal("tax_rate")).SetActive(row.Bool("orderable")).SetAutomatic(row.Bool("automatic")).
		SetMinimumQuantity(row.Decimal("minimum_quantity")).SetQuantityStep(row.Decimal("quantity_step")).SetPriceQuantity(row.Decimal("price_quantity")).SetSearchText(search)
	if attributes != nil {
		update.SetAttributes(attributes)
	}
	if existing.CategoryID == in && !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	if err := update.Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("changing the product: %w", err)
	}
	return updated, nil
}

// good is the product with this number, with what orders take over from it.
func (w *writer) good(column, sku string) (*ent.Product, error) {
	if _, known := w.products[sku]; !known {
		if err := w.readProducts([]string{sku}); err != nil {
			return nil, err
		}
	}
	if p := w.products[sku]; p != nil {
		return p, nil
	}
	if _, err := w.catalogue(); err != nil {
		return nil, err
	}
	return nil, refusal(column, "there is no product %q; import it first", sku)
}

// product is the key of the product with this number.
func (w *writer) product(column, sku string) (uuid.UUID, error) {
	p, err := w.good(column, sku)
	if err != nil {
		return uuid.Nil, err
	}
	return p.ID, nil
}

func (w *writer) writePrice(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	p, err := w.good("sku", row.Text("sku"))
	if err != nil {
		return 0, err
	}
	of := p.ID
	if currency := row.Text("currency"); currency != t.Currency {
		return 0, refusal("currency", "%s buys in %s, not in %s", t.OrganizationID, t.Currency, currency)
	}
	amount, err := amountOf(row, p)
	if err != nil {
		return 0, err
	}
	dropped, err := w.dropPrices(row, t.ID, of)
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.Price.Query().Where(price.TenantID(t.ID), price.ProductID(of), price.FromQuantity(row.Decimal("from_quantity"))).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.Price.Create().SetTenantID(t.ID).SetProductID(of).SetFromQuantity(row.Decimal("from_quantity")).
			SetAmount(amount).SetCurrency(row.Text("currency")).Exec(w.ctx)
		if err != nil {
			return 0, fmt.Errorf("writing the price: %w", err)
		}
		return created, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding the price: %w", err)
	}
	if existing.Amount.Cmp(amount) == 0 && existing.Currency == row.Text("currency") {
		if dropped {
			return updated, nil
		}
		return unchanged, nil
	}
	if err := existing.Update().SetAmount(amount).SetCurrency(row.Text("currency")).Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("changing the price: %w", err)
	}
	return updated, nil
}
