package erp

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contractposition"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/company"
	"kontor/internal/db"
	"kontor/internal/money"
)

// agreedPosition is a position of a contract as it will be.
type agreedPosition struct {
	ent.ContractPosition
	// touched: the database has it otherwise or not at all. ordered: orders in Kontor called off from it.
	touched, ordered bool
}

// decidePosition gives the positions of a contract as they are after a row, and what that does.
func (b *contractBook) decidePosition(row *Row, a *agreement) ([]agreedPosition, outcome, error) {
	if !row.Given("position") {
		return a.positions, unchanged, nil
	}
	of, err := b.product("position_product", row.Text("position_product"))
	if err != nil {
		return nil, 0, err
	}
	said := agreedPosition{touched: true, ContractPosition: ent.ContractPosition{
		Position: row.Int("position"), ProductID: of, AgreedQuantity: row.Decimal("agreed_quantity"), CalledOffQuantity: row.Decimal("called_off_quantity"),
		Unit: row.Text("unit"), PriceAmount: row.Decimal("unit_price"), Currency: a.tenant.Currency,
	}}
	next, done, err := said.into(a)
	if err == nil && done != unchanged && !addsUp(next) {
		err = refusal("agreed_quantity", "the quantities of the contract add up to more than can be stored")
	}
	return next, done, err
}

// into gives the positions of a contract with this one among them, and what that does.
func (said agreedPosition) into(a *agreement) (_ []agreedPosition, _ outcome, err error) {
	at, there := slices.BinarySearchFunc(a.positions, said.Position, func(p agreedPosition, n int) int { return cmp.Compare(p.Position, n) })
	if !there {
		said.ID = uuid.Must(uuid.NewV7())
		return slices.Insert(slices.Clone(a.positions), at, said), created, nil
	}
	is := a.positions[at]
	if is.ProductID != said.ProductID {
		return nil, 0, refusal("position_product", "a position keeps its product; use a new position number")
	}
	if said.CalledOffQuantity, err = calledOff(said, is); err != nil {
		return nil, 0, err
	}
	if is.AgreedQuantity.Cmp(said.AgreedQuantity) == 0 && is.CalledOffQuantity.Cmp(said.CalledOffQuantity) == 0 &&
		is.Unit == said.Unit && is.PriceAmount.Cmp(said.PriceAmount) == 0 {
		return a.positions, unchanged, nil
	}
	said.ID, said.ordered, said.Currency = is.ID, is.ordered, is.Currency
	next := slices.Clone(a.positions)
	next[at] = said
	return next, updated, nil
}

// addsUp tells whether the sums of positions can be stored.
func addsUp(positions []agreedPosition) bool {
	sums, err := company.Add(plainPositions(positions))
	if err != nil || sums == nil {
		return err == nil
	}
	return storable(sums.Agreed) && storable(sums.CalledOff)
}

func plainPositions(positions []agreedPosition) []*ent.ContractPosition {
	all := make([]*ent.ContractPosition, len(positions))
	for i := range positions {
		all[i] = &positions[i].ContractPosition
	}
	return all
}

// calledOff is how much of a position that is there is called off. The ERP keeps the book, so its
// figure counts. But it may not know yet of orders that were placed here, and what these called
// off must not be open again (OR-12): while there are such orders the larger figure counts, and
// nothing that would break them goes in.
func calledOff(said, is agreedPosition) (money.Decimal, error) {
	booked := said.CalledOffQuantity
	switch {
	case !is.ordered || booked.Cmp(is.CalledOffQuantity) >= 0 && said.Unit == is.Unit:
		return booked, nil
	case said.Unit != is.Unit:
		return booked, refusal("unit", "orders called off from this position in %s; use a new position number", is.Unit)
	case is.CalledOffQuantity.Cmp(said.AgreedQuantity) > 0:
		return booked, refusal("agreed_quantity", "orders called off from this position, of which %s are called off", is.CalledOffQuantity)
	}
	return is.CalledOffQuantity, nil
}

// maxKeys bounds the keys of one statement: contracts may have many positions.
const maxKeys = 10000

// positionsOf are the positions of contracts as the database has them, by their numbers.
func (b *contractBook) positionsOf(contracts []*ent.Contract) (map[uuid.UUID][]agreedPosition, error) {
	byContract := make(map[uuid.UUID][]agreedPosition, len(contracts))
	if len(contracts) == 0 {
		return byContract, nil
	}
	ids := make([]uuid.UUID, len(contracts))
	for i, c := range contracts {
		ids[i] = c.ID
	}
	found, err := b.tx.ContractPosition.Query().Where(contractposition.ContractIDIn(ids...)).Order(contractposition.ByPosition()).All(b.ctx)
	if err != nil || len(found) == 0 {
		return byContract, wrap(err, "finding positions")
	}
	ids = ids[:0]
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	called := map[uuid.UUID]bool{}
	for some := range slices.Chunk(ids, maxKeys) {
		var ordered []uuid.UUID
		err := b.tx.OrderItem.Query().Where(orderitem.ContractPositionIDIn(some...), orderitem.HasOrderWith(order.CalledOff(true))).
			Unique(true).Select(orderitem.FieldContractPositionID).Scan(b.ctx, &ordered)
		if err != nil {
			return nil, fmt.Errorf("looking for orders that called off from positions: %w", err)
		}
		for _, id := range ordered {
			called[id] = true
		}
	}
	for _, p := range found {
		byContract[p.ContractID] = append(byContract[p.ContractID], agreedPosition{ContractPosition: *p, ordered: called[p.ID]})
	}
	return byContract, nil
}

var positionRows = db.Bulk{
	Table: contractposition.Table, Columns: [][2]string{
		{contractposition.FieldID, "uuid"}, {contractposition.FieldTenantID, "uuid"}, {contractposition.FieldContractID, "uuid"},
		{contractposition.FieldPosition, "bigint"}, {contractposition.FieldProductID, "uuid"}, {contractposition.FieldCurrency, "text"},
		{contractposition.FieldAgreedQuantity, "bigint"}, {contractposition.FieldCalledOffQuantity, "bigint"},
		{contractposition.FieldUnit, "text"}, {contractposition.FieldPriceAmount, "bigint"},
	},
	Changed: []string{contractposition.FieldAgreedQuantity, contractposition.FieldCalledOffQuantity, contractposition.FieldUnit, contractposition.FieldPriceAmount},
}

// positionRows are the positions of a contract that have to be written.
func (a *agreement) positionRows() [][]any {
	var rows [][]any
	for _, p := range a.positions {
		if p.touched {
			rows = append(rows, []any{p.ID, a.tenant.ID, a.id, p.Position, p.ProductID, p.Currency, p.AgreedQuantity, p.CalledOffQuantity, p.Unit, p.PriceAmount})
		}
	}
	return rows
}
