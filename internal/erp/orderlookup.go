package erp

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/identity"
)

// lookUp reads what the rows are about.
func (b *orderBook) lookUp(rows []*Row) error {
	if err := b.findTenants(lowered(distinct(rows, "organization_id"))...); err != nil {
		return err
	}
	return errors.Join(b.findPeople(distinct(rows, "ordered_by")), b.findProducts(distinct(rows, "sku")), b.findAgreements(distinct(rows, "contract_number")), b.findOrders(rows, false))
}

func (b *orderBook) findPeople(names []string) error {
	for i, name := range names {
		names[i] = identity.Key(name)
	}
	found, err := b.tx.User.Query().Where(user.TenantIDIn(b.tenantKeys()...), user.Or(user.UsernameKeyIn(names...), user.EmailKeyIn(names...))).
		Select(user.FieldID, user.FieldTenantID, user.FieldUsernameKey, user.FieldEmailKey).All(b.ctx)
	if err != nil {
		return fmt.Errorf("finding who ordered: %w", err)
	}
	b.people = map[ownKey]uuid.UUID{}
	for _, u := range found {
		b.people[ownKey{u.TenantID, u.EmailKey}] = u.ID
	}
	for _, u := range found { // should a name be another's address, it is the name
		b.people[ownKey{u.TenantID, u.UsernameKey}] = u.ID
	}
	return nil
}

func (b *orderBook) findAgreements(numbers []string) error {
	b.agreements = map[ownKey]uuid.UUID{}
	if len(numbers) == 0 {
		return nil
	}
	found, err := b.tx.Contract.Query().Where(contract.TenantIDIn(b.tenantKeys()...), contract.NumberIn(numbers...)).
		Select(contract.FieldID, contract.FieldTenantID, contract.FieldNumber).All(b.ctx)
	if err != nil {
		return fmt.Errorf("finding the contracts of orders: %w", err)
	}
	for _, c := range found {
		b.agreements[ownKey{c.TenantID, c.Number}] = c.ID
	}
	return nil
}

// findOrders reads the orders that are there, and holds them if asked to.
func (b *orderBook) findOrders(rows []*Row, hold bool) error {
	q := b.tx.Order.Query().Where(order.TenantIDIn(b.tenantKeys()...), order.NumberIn(distinct(rows, "number")...)).Order(order.ByID()).
		WithItems(func(q *ent.OrderItemQuery) { q.Order(orderitem.ByPosition()) }).WithEvents()
	if hold {
		q = db.ForUpdate(b.db, q, db.KeepingKeys)
	}
	found, err := q.All(b.ctx)
	if err != nil {
		return fmt.Errorf("finding orders: %w", err)
	}
	b.stored = make(map[ownKey]*ent.Order, len(found))
	for _, o := range found {
		b.stored[ownKey{o.TenantID, o.Number}] = o
	}
	return nil
}
