package erp

import (
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/customernumber"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/company"
	"kontor/internal/db"
	"kontor/internal/money"
)

// writeContract writes a contract and the position that the row has. A contract
// with several positions repeats its columns on each row.
func (w *writer) writeContract(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	number, err := w.customerNumber(row, t)
	if err != nil {
		return 0, err
	}
	var about *uuid.UUID
	if row.Given("product") {
		id, err := w.product("product", row.Text("product"))
		if err != nil {
			return 0, err
		}
		about = &id
	}
	c, head, err := w.writeHead(row, t, number, about)
	if err != nil || !row.Given("position") {
		return head, err
	}
	position, err := w.writePosition(row, t, c)
	if err != nil {
		return 0, err
	}
	if position == unchanged {
		return head, nil
	}
	if err := company.SumUp(w.ctx, w.tx, c.ID); err != nil {
		return 0, err
	}
	if head == created {
		return created, nil
	}
	return position, nil
}

func (w *writer) customerNumber(row *Row, t *ent.Tenant) (*uuid.UUID, error) {
	if !row.Given("customer_number") {
		return nil, nil
	}
	line := customernumber.Line(row.Text("line"))
	id, err := w.tx.CustomerNumber.Query().
		Where(customernumber.TenantID(t.ID), customernumber.LineEQ(line), customernumber.Number(row.Text("customer_number"))).OnlyID(w.ctx)
	if err == nil {
		return &id, nil
	}
	if !ent.IsNotFound(err) {
		return nil, fmt.Errorf("finding the customer number: %w", err)
	}
	made, err := w.tx.CustomerNumber.Create().SetTenantID(t.ID).SetLine(line).SetNumber(row.Text("customer_number")).
		SetCreatedAt(w.now().UTC()).Save(w.ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the customer number: %w", err)
	}
	return &made.ID, nil
}

func (w *writer) writeHead(row *Row, t *ent.Tenant, number, about *uuid.UUID) (*ent.Contract, outcome, error) {
	// Orders that call off hold the contract before its positions: so does an import.
	existing, err := db.ForUpdate(w.db, w.tx.Contract.Query().Where(contract.TenantID(t.ID), contract.Number(row.Text("number"))), db.KeepingKeys).Only(w.ctx)
	if ent.IsNotFound(err) {
		create := w.tx.Contract.Create().SetTenantID(t.ID).SetNumber(row.Text("number")).SetType(contract.Type(row.Text("type"))).
			SetState(contract.State(row.Text("state"))).SetAccessNumber(row.Text("access_number")).SetValidFrom(row.Day("valid_from")).
			SetNillableCustomerNumberID(number).SetNillableProductID(about).SetCreatedAt(w.now().UTC())
		if row.Given("valid_to") {
			create.SetValidTo(row.Day("valid_to"))
		}
		made, err := create.Save(w.ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("writing the contract: %w", err)
		}
		return made, created, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("finding the contract: %w", err)
	}
	update := existing.Update().SetType(contract.Type(row.Text("type"))).SetState(contract.State(row.Text("state"))).
		SetAccessNumber(row.Text("access_number")).SetValidFrom(row.Day("valid_from"))
	if row.Given("valid_to") {
		update.SetValidTo(row.Day("valid_to"))
	} else {
		update.ClearValidTo()
	}
	if !changes(update.Mutation(), existing) && equal(existing.CustomerNumberID, number) && equal(existing.ProductID, about) {
		return existing, unchanged, nil
	}
	if number != nil {
		update.SetCustomerNumberID(*number)
	} else {
		update.ClearCustomerNumberID()
	}
	if about != nil {
		update.SetProductID(*about)
	} else {
		update.ClearProductID()
	}
	changed, err := update.Save(w.ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("changing the contract: %w", err)
	}
	return changed, updated, nil
}

func (w *writer) writePosition(row *Row, t *ent.Tenant, c *ent.Contract) (outcome, error) {
	of, err := w.product("position_product", row.Text("position_product"))
	if err != nil {
		return 0, err
	}
	existing, err := w.tx.ContractPosition.Query().
		Where(contractposition.ContractID(c.ID), contractposition.Position(row.Int("position"))).Only(w.ctx)
	if ent.IsNotFound(err) {
		err := w.tx.ContractPosition.Create().SetTenantID(t.ID).SetContractID(c.ID).SetPosition(row.Int("position")).SetProductID(of).
			SetAgreedQuantity(row.Decimal("agreed_quantity")).SetCalledOffQuantity(row.Decimal("called_off_quantity")).
			SetUnit(row.Text("unit")).SetPriceAmount(row.Decimal("unit_price")).SetCurrency(t.Currency).Exec(w.ctx)
		if err != nil {
			return 0, fmt.Errorf("writing the position: %w", err)
		}
		return created, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding the position: %w", err)
	}
	if existing.ProductID != of {
		return 0, refused("position_product: a position keeps its product; use a new position number")
	}
	calledOff, err := w.calledOff(row, existing)
	if err != nil {
		return 0, err
	}
	update := existing.Update().SetAgreedQuantity(row.Decimal("agreed_quantity")).SetCalledOffQuantity(calledOff).
		SetUnit(row.Text("unit")).SetPriceAmount(row.Decimal("unit_price"))
	if !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	if err := update.Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("changing the position: %w", err)
	}
	return updated, nil
}

// calledOff is how much of a position that is there is called off. The ERP keeps the book, so its
// figure counts. But it may not know yet of orders that were placed here, and what these called
// off must not be open again (OR-12): while there are such orders the larger figure counts, and
// nothing that would break them goes in.
func (w *writer) calledOff(row *Row, p *ent.ContractPosition) (money.Decimal, error) {
	booked := row.Decimal("called_off_quantity")
	if booked.Cmp(p.CalledOffQuantity) >= 0 && row.Text("unit") == p.Unit {
		return booked, nil
	}
	ordered, err := w.tx.OrderItem.Query().Where(orderitem.ContractPositionID(p.ID), orderitem.HasOrderWith(order.CalledOff(true))).Exist(w.ctx)
	switch {
	case err != nil:
		return booked, fmt.Errorf("looking for orders that called off from a position: %w", err)
	case !ordered:
		return booked, nil
	case row.Text("unit") != p.Unit:
		return booked, refused(fmt.Sprintf("unit: orders called off from this position in %s; use a new position number", p.Unit))
	case p.CalledOffQuantity.Cmp(row.Decimal("agreed_quantity")) > 0:
		return booked, refused(fmt.Sprintf("agreed_quantity: orders called off from this position, of which %s are called off", p.CalledOffQuantity))
	case booked.Cmp(p.CalledOffQuantity) < 0:
		booked = p.CalledOffQuantity
	}
	return booked, nil
}
