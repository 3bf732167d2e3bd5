package ordering

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/contractposition"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// about is the contract that an order of a cart is about; nil where it is about none. Where
// the order calls off from it, the contract is held from here on, and the cart is priced by
// it as it is now (OR-12).
//
// A cart that names an agreement is ordered on it, whatever the business case; a cart that
// names none is when the order adds to one (NEW_ORDER is ADDITIONAL_ORDER then). Renewals and
// other changes of an agreement call nothing off, and neither does anything on a contract
// that is none.
func (s *Service) about(ctx context.Context, tx *ent.Tx, c *cart.Cart, in *PlaceOrderInput) (*ent.Contract, error) {
	given := in.ContractID != nil
	if c.ContractID != nil {
		of := gid.New(ent.KindContract, *c.ContractID)
		if given && *in.ContractID != of {
			differs := fault.New("CONTRACT_DIFFERS", "contractId").With("number", "")
			if c.Contract != nil {
				differs.With("number", c.Contract.Number)
			}
			return nil, differs
		}
		in.ContractID = &of
	}
	about, err := s.contract(ctx, tx, *in)
	if err != nil && !given && c.ContractID != nil {
		if told := check(c, *in); told != nil {
			return nil, told // at each position: the cart names what is not there any more
		}
	}
	if err != nil || about == nil {
		return nil, err
	}
	adds := in.BusinessCase == order.BusinessCaseNEW_ORDER || in.BusinessCase == order.BusinessCaseADDITIONAL_ORDER
	if c.ContractID != nil && !adds {
		return nil, fault.New("AGREEMENT_CALLS_OFF", "businessCase").With("number", about.Number) // the cart calls off, which changes nothing else
	}
	if c.ContractID == nil && (!adds || about.Type == contract.TypeSERVICE_CONTRACT) {
		return about, nil
	}
	held, err := s.hold(ctx, tx, about.ID)
	if err != nil {
		return nil, err
	}
	if c.ContractID == nil && !held.IsAgreement() {
		return about, nil
	}
	if given && !held.ActiveOn(day.Of(s.now())) {
		return nil, fault.New("CONTRACT_NOT_ACTIVE", "contractId").With("number", held.Number)
	}
	if in.BusinessCase == order.BusinessCaseNEW_ORDER {
		in.BusinessCase = order.BusinessCaseADDITIONAL_ORDER
	}
	return about, s.cart.CallOff(ctx, tx.Client(), c, held)
}

// hold reads a contract and its positions, which nobody else changes until the transaction
// ends. The contract comes first, always, so that those who want the same positions wait in
// line there. It may be of another company, and contracts are written by the server only.
//
// Whoever holds an order too holds it before, and number series and the audit log after.
func (s *Service) hold(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Contract, error) {
	system := authz.System(ctx)
	c, err := db.ForUpdate(s.db, tx.Contract.Query().Where(contract.ID(id)), db.KeepingKeys).Only(system)
	if err != nil {
		return nil, fmt.Errorf("holding an agreement: %w", err)
	}
	c.Edges.Positions, err = db.ForUpdate(s.db, tx.ContractPosition.Query().Where(contractposition.ContractID(id)).
		Order(contractposition.ByPosition()), db.KeepingKeys).All(system)
	if err != nil {
		return nil, fmt.Errorf("holding the positions of an agreement: %w", err)
	}
	return c, nil
}

// callOff takes from the contract of a written order what the order's positions call off from
// it (OR-12). It does so once: an order that is called off already stays so, and one at
// list prices has nothing to call off. Its faults are CONTRACT_NOT_ACTIVE, and
// QUANTITY_NOT_OPEN at items.N.
func (s *Service) callOff(ctx context.Context, tx *ent.Tx, o *ent.Order) error {
	if o.ContractID == nil {
		return nil
	}
	items, err := calledOffBy(ctx, tx, o)
	if err != nil || len(items) == 0 {
		return err
	}
	if changed, err := s.mark(ctx, tx, o, true); err != nil || !changed {
		return err
	}
	from, err := s.hold(ctx, tx, *o.ContractID)
	if err != nil {
		return err
	}
	if !from.ActiveOn(day.Of(s.now())) {
		return fault.New("CONTRACT_NOT_ACTIVE").With("number", from.Number)
	}
	open, err := openIn(from)
	if err != nil {
		return err
	}
	var faults fault.List
	left := map[uuid.UUID]money.Decimal{}
	for id, quantity := range open {
		left[id] = quantity
	}
	for _, item := range items {
		id := *item.ContractPositionID
		if left[id], err = left[id].Minus(item.Quantity); err != nil {
			return fmt.Errorf("adding up what an order calls off: %w", err)
		}
	}
	for _, item := range items {
		if id := *item.ContractPositionID; left[id].Sign() < 0 {
			faults.Add(fault.New("QUANTITY_NOT_OPEN", "items", strconv.Itoa(item.Position-1)).With("open", open[id].String()).With("unit", item.Unit))
		}
	}
	if len(faults) > 0 {
		return faults
	}
	if err := s.book(ctx, tx, from, items, money.Decimal.Plus); err != nil {
		return err
	}
	return s.tellOwner(ctx, tx, from, o, "contract.call_off")
}

// tellOwner writes into the audit log of the company whose agreement it is what another one
// did with it.
func (s *Service) tellOwner(ctx context.Context, tx *ent.Tx, c *ent.Contract, o *ent.Order, action string) error {
	if c.TenantID == o.TenantID {
		return nil
	}
	return s.audit.Record(ctx, tx, audit.Change{
		Tenant: c.TenantID, Action: action, Kind: "Contract", Subject: c.ID, Label: c.Number, After: map[string]any{"order": o.Number},
	})
}

// giveBack opens again what an order called off, because nothing will be delivered; it does so
// once.
func (s *Service) giveBack(ctx context.Context, tx *ent.Tx, o *ent.Order) error {
	if changed, err := s.mark(ctx, tx, o, false); err != nil || !changed {
		return err
	}
	items, err := calledOffBy(ctx, tx, o)
	if err != nil {
		return err
	}
	from, err := s.hold(ctx, tx, *o.ContractID)
	if err != nil {
		return err
	}
	if err := s.book(ctx, tx, from, items, money.Decimal.Minus); err != nil {
		return err
	}
	return s.tellOwner(ctx, tx, from, o, "contract.give_back")
}

// follow calls off or gives back as an order comes into a state, and has other rooms follow.
func (s *Service) follow(ctx context.Context, tx *ent.Tx, o *ent.Order, to order.State) error {
	for _, each := range s.followers {
		if err := each(ctx, tx, o, to); err != nil {
			return err
		}
	}
	switch to {
	case order.StateREJECTED, order.StateWITHDRAWN, order.StateERROR:
		return s.giveBack(ctx, tx, o)
	default:
		if o.CalledOff {
			return nil
		}
		return s.callOff(ctx, tx, o)
	}
}

// mark notes on an order that it is called off, or not any more; false where it was noted before.
func (s *Service) mark(ctx context.Context, tx *ent.Tx, o *ent.Order, calledOff bool) (bool, error) {
	n, err := tx.Order.Update().Where(order.ID(o.ID), order.CalledOff(!calledOff)).SetCalledOff(calledOff).Save(authz.System(ctx))
	if err != nil {
		return false, fmt.Errorf("noting that an order is called off: %w", err)
	}
	o.CalledOff = calledOff
	return n > 0, nil
}

// calledOffBy are the positions of an order that call off from its contract.
func calledOffBy(ctx context.Context, tx *ent.Tx, o *ent.Order) ([]*ent.OrderItem, error) {
	items, err := tx.OrderItem.Query().Where(orderitem.OrderID(o.ID), orderitem.ContractPositionIDNotNil()).Order(orderitem.ByPosition()).All(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading what an order calls off: %w", err)
	}
	return items, nil
}

// openIn is what is open of each position of a contract.
func openIn(c *ent.Contract) (map[uuid.UUID]money.Decimal, error) {
	open := make(map[uuid.UUID]money.Decimal, len(c.Edges.Positions))
	for _, p := range c.Edges.Positions {
		quantity, err := p.OpenQuantity()
		if err != nil {
			return nil, fmt.Errorf("reading what is open in an agreement: %w", err)
		}
		open[p.ID] = quantity
	}
	return open, nil
}

// book adds the quantities of an order to what is called off from a held contract, or takes
// them off, and writes it: the same few statements however many positions there are.
func (s *Service) book(ctx context.Context, tx *ent.Tx, c *ent.Contract, items []*ent.OrderItem, change func(a, b money.Decimal) (money.Decimal, error)) error {
	system, changed := authz.System(ctx), map[uuid.UUID]bool{}
	positions := make(map[uuid.UUID]*ent.ContractPosition, len(c.Edges.Positions))
	for _, p := range c.Edges.Positions {
		positions[p.ID] = p
	}
	for _, item := range items {
		p, err := positions[*item.ContractPositionID], error(nil)
		if p.CalledOffQuantity, err = change(p.CalledOffQuantity, item.Quantity); err != nil {
			return fmt.Errorf("adding up what is called off: %w", err)
		}
		changed[p.ID] = true
	}
	var rows []*ent.ContractPositionCreate
	var sum money.Decimal
	for _, p := range c.Edges.Positions {
		var err error
		if sum, err = sum.Plus(p.CalledOffQuantity); err != nil {
			return fmt.Errorf("adding up what is called off: %w", err)
		}
		if changed[p.ID] {
			rows = append(rows, tx.ContractPosition.Create().SetID(p.ID).SetTenantID(p.TenantID).SetContractID(p.ContractID).SetPosition(p.Position).
				SetProductID(p.ProductID).SetAgreedQuantity(p.AgreedQuantity).SetCalledOffQuantity(p.CalledOffQuantity).SetUnit(p.Unit).
				SetPriceAmount(p.PriceAmount).SetCurrency(p.Currency))
		}
	}
	err := tx.ContractPosition.CreateBulk(rows...).OnConflictColumns(contractposition.FieldID).
		Update(func(row *ent.ContractPositionUpsert) { row.UpdateCalledOffQuantity() }).Exec(system)
	if err != nil {
		return fmt.Errorf("writing what is called off: %w", err)
	}
	if c.CalledOffQuantity == nil {
		return nil // its positions have different units
	}
	if err := tx.Contract.UpdateOneID(c.ID).SetCalledOffQuantity(sum).Exec(system); err != nil {
		return fmt.Errorf("writing the sum of what is called off: %w", err)
	}
	return nil
}
