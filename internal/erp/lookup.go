package erp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/customernumber"
	"kontor/ent/product"
	"kontor/internal/db"
)

// distinct are the different texts that rows have in a column.
func distinct(rows []*Row, column string) []string {
	var texts []string
	seen := map[string]bool{}
	for _, row := range rows {
		if text := row.Text(column); text != "" && !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	return texts
}

func lowered(texts []string) []any {
	lower := make([]any, len(texts))
	for i, text := range texts {
		lower[i] = strings.ToLower(text)
	}
	return lower
}

// tenantKeys are the keys of the tenants that are known.
func (w *writer) tenantKeys() []uuid.UUID {
	var keys []uuid.UUID
	for _, t := range w.tenants {
		keys = append(keys, t.ID)
	}
	return keys
}

// ownKey names something of a tenant: a user, a contract, an order or an alloy group.
type ownKey struct {
	tenant uuid.UUID
	name   string
}

// findProducts looks up all products that a batch names, so that none is asked for again.
func (w *writer) findProducts(skus []string) error {
	err := w.readProducts(skus)
	for _, sku := range skus {
		if w.products[sku] == nil {
			w.products[sku] = nil
		}
	}
	return err
}

// readProducts remembers the products with these numbers.
func (w *writer) readProducts(skus []string) error {
	if w.products == nil {
		w.products = map[string]*ent.Product{}
	}
	if len(skus) == 0 {
		return nil
	}
	operator, err := w.catalogue()
	if errors.As(err, new(refused)) {
		return nil // the rows that name products are told
	}
	if err != nil {
		return err
	}
	found, err := w.tx.Product.Query().Where(product.TenantID(operator.ID), product.SkuIn(skus...)).
		Select(product.FieldID, product.FieldSku, product.FieldName, product.FieldUnit, product.FieldTaxRate, product.FieldPriceQuantity).All(w.ctx)
	if err != nil {
		return fmt.Errorf("finding products: %w", err)
	}
	for _, p := range found {
		w.products[p.Sku] = p
	}
	return nil
}

// numberKey names a customer number.
type numberKey struct {
	tenant uuid.UUID
	line   customernumber.Line
	number string
}

func (b *contractBook) findNumbers(numbers []string, tenants []uuid.UUID) error {
	b.numbers = map[numberKey]uuid.UUID{}
	if len(numbers) == 0 {
		return nil
	}
	found, err := b.tx.CustomerNumber.Query().Where(customernumber.TenantIDIn(tenants...), customernumber.NumberIn(numbers...)).All(b.ctx)
	if err != nil {
		return fmt.Errorf("finding customer numbers: %w", err)
	}
	for _, n := range found {
		b.numbers[numberKey{n.TenantID, n.Line, n.Number}] = n.ID
	}
	return nil
}

// customerNumber is the customer number of a row; one that is missing will be made.
func (b *contractBook) customerNumber(row *Row, t *ent.Tenant) uuid.UUID {
	key := numberKey{t.ID, customernumber.Line(row.Text("line")), row.Text("customer_number")}
	if id, there := b.numbers[key]; there {
		return id
	}
	if _, hung := b.hung[key]; !hung {
		b.hung[key] = uuid.Must(uuid.NewV7())
	}
	return b.hung[key]
}

var numberRows = db.Bulk{Table: customernumber.Table, Columns: [][2]string{
	{customernumber.FieldID, "uuid"}, {customernumber.FieldTenantID, "uuid"}, {customernumber.FieldLine, "text"}, {customernumber.FieldNumber, "text"},
	{customernumber.FieldCreatedAt, "timestamptz"},
}}

func (b *contractBook) writeNumbers() error {
	var rows [][]any
	for key, id := range b.hung {
		rows = append(rows, []any{id, key.tenant, string(key.line), key.number, db.Moment(b.now())})
	}
	return numberRows.Write(b.ctx, b.tx, b.db, rows)
}

// wrap says what was being done when something failed.
func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
