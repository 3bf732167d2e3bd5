package erp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/internal/db"
	"kontor/internal/series"
)

// orderBook is what the rows of a batch are about: orders that were placed by conventional ways or
// in an earlier portal (OR-09), and what they refer to, read together. Nothing is called off by
// them, nobody is mailed and nothing is processed: all that has happened elsewhere.
type orderBook struct {
	*writer
	// people are the users by their names and addresses, agreements the contracts by their numbers.
	people, agreements map[ownKey]uuid.UUID
	stored             map[ownKey]*ent.Order
	// told are the orders of the rows so far; fresh are those that are not there yet, moved those
	// that come into another state or get their contract.
	told         map[ownKey]bool
	fresh, moved []*pastOrder
}

// writeOrders writes orders, each with all of its rows or not at all.
func (w *writer) writeOrders(rows []*Row) ([]verdict, error) {
	book := &orderBook{writer: w}
	if err := book.lookUp(rows); err != nil {
		return nil, err
	}
	verdicts, err := book.decide(rows)
	if err != nil || len(book.fresh)+len(book.moved) == 0 {
		return verdicts, err
	}
	// What changes is held and decided upon anew: somebody may have ordered or moved on an order meanwhile.
	if err := book.hold(rows); err != nil {
		return nil, err
	}
	if verdicts, err = book.decide(rows); err != nil {
		return nil, err
	}
	if err := book.place(); err != nil {
		return nil, err
	}
	return verdicts, book.move()
}

// decide goes through the orders and says what becomes of each.
func (b *orderBook) decide(rows []*Row) ([]verdict, error) {
	b.told, b.fresh, b.moved = map[ownKey]bool{}, nil, nil
	verdicts := make([]verdict, 0, len(rows))
	for _, together := range (batch{rows: rows}).units() {
		o := &pastOrder{head: together[0], row: together[0]}
		v, err := verdictOf(b.decideOrder(o, together))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", o.row.Line, err)
		}
		for _, row := range together {
			each := v
			if v.refused != nil && row != o.row {
				each.refused = refusal("", "it goes in as a whole or not at all: line %d is bad", o.row.Line)
			}
			verdicts = append(verdicts, each)
		}
	}
	return verdicts, nil
}

func (b *orderBook) decideOrder(o *pastOrder, rows []*Row) (outcome, error) {
	if err := b.read(o, rows); err != nil {
		return 0, err
	}
	if o.stored == nil {
		b.fresh = append(b.fresh, o)
		return created, nil
	}
	if err := o.differs(); err != nil {
		return 0, err
	}
	moves, err := o.moves()
	if err != nil {
		return 0, err
	}
	if !moves && (o.contract == nil || o.stored.ContractID != nil) {
		return unchanged, nil
	}
	b.moved = append(b.moved, o)
	return updated, nil
}

// state is the state that the rows say.
func (o *pastOrder) state() order.State { return order.State(o.head.Text("state")) }

// moves tells whether an order that is there comes into another state.
func (o *pastOrder) moves() (bool, error) {
	if o.stored.State == o.state() {
		return false, nil
	}
	if o.stored.State == order.StateCOMPLETED {
		return false, refusal("state", "the order is %s and stays so", o.stored.State)
	}
	since := last(o.stored).At
	if _, later := value[moment](o.head, "settled_on").notBefore(since); o.head.Given("settled_on") && !later {
		return false, refusal("settled_on", "the order is %s since %s; what was before is over", o.stored.State, since.UTC().Format(time.RFC3339))
	}
	return true, nil
}

// hold holds what the orders of a batch change: the series that their numbers are of, which go on
// after them, and the orders that are there.
func (b *orderBook) hold(rows []*Row) error {
	passed := map[uuid.UUID]int64{}
	for _, o := range b.fresh {
		if n, _ := series.Place(o.tenant, numberseries.KindORDER, o.key.name); n > passed[o.tenant.ID] {
			passed[o.tenant.ID] = n
		}
	}
	// One import after the other in the same order, so that none waits for one that waits for it.
	for _, id := range slices.SortedFunc(maps.Keys(passed), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
		if err := series.Pass(b.ctx, b.tx, id, numberseries.KindORDER, passed[id]); err != nil {
			return err
		}
	}
	return b.findOrders(rows, true)
}

// place writes the orders that are not there yet, with their positions and history.
func (b *orderBook) place() error {
	orders := make([]*ent.OrderCreate, len(b.fresh))
	var items []*ent.OrderItemCreate
	var events []*ent.OrderEventCreate
	for i, o := range b.fresh {
		head, placed := o.head, o.head.Moment("placed_at")
		id := db.KeyAt(placed) // as if it had been placed here then: lists sort by it
		orders[i] = b.tx.Order.Create().SetID(id).SetTenantID(o.tenant.ID).SetNumber(o.key.name).SetImported(true).SetChannel(order.Channel(head.Text("channel"))).
			SetBusinessCase(order.BusinessCase(head.Text("business_case"))).SetState(o.state()).SetPlacedAt(placed).SetPlacedByID(o.by).SetNillableContractID(o.contract).
			SetName(head.Text("name")).SetCustomerOrderNumber(head.Text("customer_order_number")).SetReferenceNumber(head.Text("reference_number")).
			SetNetAmount(o.totals.Net).SetTaxAmount(o.totals.Tax).SetGrossAmount(o.totals.Gross).SetCurrency(o.tenant.Currency)
		for _, p := range o.positions {
			items = append(items, b.tx.OrderItem.Create().SetTenantID(o.tenant.ID).SetOrderID(id).SetPlacedByID(o.by).SetNillableContractID(o.contract).
				SetPosition(p.row.Int("position")).SetProductID(p.product.ID).SetSku(p.product.Sku).SetProductName(p.product.Name).SetUnit(p.product.Unit).
				SetQuantity(p.row.Decimal("quantity")).SetUnitPriceAmount(p.row.Decimal("unit_price")).SetLineTotalAmount(p.total).
				SetTaxRate(p.product.TaxRate).SetCurrency(o.tenant.Currency).SetNillableWishedDate(p.wished()))
		}
		b.tell(o, id)
		first := b.event(o, id, order.StateIN_PROGRESS, placed).SetActorID(o.by)
		events = append(events, first)
		if o.state() == order.StateIN_PROGRESS {
			first.SetNote(head.Text("note"))
			continue
		}
		settled := placed
		if head.Given("settled_on") {
			settled, _ = value[moment](head, "settled_on").notBefore(placed)
		}
		events = append(events, b.event(o, id, o.state(), settled).SetNote(head.Text("note")))
	}
	err := inBulk(b.ctx, b.tx.Order.CreateBulk, orders)
	if err == nil {
		err = inBulk(b.ctx, b.tx.OrderItem.CreateBulk, items)
	}
	if err == nil {
		err = inBulk(b.ctx, b.tx.OrderEvent.CreateBulk, events)
	}
	return wrap(err, "writing orders")
}

// tell tells of an order that came in or moved on, whoever follows it (OR-10).
func (b *orderBook) tell(o *pastOrder, id uuid.UUID) {
	if b.changed != nil {
		b.changed(b.tx, &ent.Order{ID: id, TenantID: o.tenant.ID, ContractID: o.contract})
	}
}

// inBulk creates many at a time, as many as a statement has parameters for.
func inBulk[T any, B interface{ Exec(context.Context) error }](ctx context.Context, bulk func(...T) B, all []T) error {
	for some := range slices.Chunk(all, 500) {
		if err := bulk(some...).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// event is a step in the life of an order.
func (b *orderBook) event(o *pastOrder, id uuid.UUID, state order.State, at time.Time) *ent.OrderEventCreate {
	return b.tx.OrderEvent.Create().SetTenantID(o.tenant.ID).SetOrderID(id).SetPlacedByID(o.by).SetNillableContractID(o.contract).
		SetState(orderevent.State(state)).SetAt(at)
}

// move brings orders that are there into another state, and to the contract that came of them.
func (b *orderBook) move() error {
	for _, o := range b.moved {
		is := o.stored
		update := b.tx.Order.UpdateOneID(is.ID).SetState(o.state())
		if is.ContractID == nil && o.contract != nil {
			update.SetContractID(*o.contract) // what belongs to the order follows by a trigger
		} else {
			o.contract = is.ContractID
		}
		if err := update.Exec(b.ctx); err != nil {
			return fmt.Errorf("moving on an order: %w", err)
		}
		b.tell(o, is.ID)
		if is.State == o.state() {
			continue
		}
		said := moment{at: db.Moment(b.now()), daily: true}
		if o.head.Given("settled_on") {
			said = value[moment](o.head, "settled_on")
		}
		at, _ := said.notBefore(last(is).At)
		if err := b.event(o, is.ID, o.state(), at).SetNote(o.head.Text("note")).Exec(b.ctx); err != nil {
			return fmt.Errorf("writing the history of an order: %w", err)
		}
	}
	return nil
}

// last is the step by which an order came into its state.
func last(o *ent.Order) *ent.OrderEvent { return o.Edges.Events[len(o.Edges.Events)-1] }
