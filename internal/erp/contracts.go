package erp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/internal/company"
	"kontor/internal/day"
	"kontor/internal/db"
)

// contractBook is what the rows of a batch are about: contracts, their positions and customer
// numbers, as the database has them and as they will be. All are read and written together, a fixed
// number of statements however many rows there are: a million contracts come in one file.
type contractBook struct {
	*writer
	// stored are the contracts in the database, and numbers the customer numbers there.
	stored  map[ownKey]*agreement
	numbers map[numberKey]uuid.UUID
	// contracts are those of the rows, in their order, as they will be.
	contracts map[ownKey]*agreement
	order     []*agreement
	// hung are the customer numbers that have to be made.
	hung map[numberKey]uuid.UUID
}

// agreement is a contract with its positions. Several rows say the same of it, each with another
// position.
type agreement struct {
	id     uuid.UUID
	tenant *ent.Tenant
	number string
	terms  terms
	// positions have those that are changed marked.
	positions []agreedPosition
	// fresh: the database does not have it yet; changed: it has it otherwise.
	fresh, changed bool
}

// terms are what a row says of a contract.
type terms struct {
	kind     contract.Type
	state    contract.State
	access   string
	from, to day.Day // no day where it is open-ended
	// number is the customer number under which it hangs, and product what it is about; no key: none.
	number, product uuid.UUID
}

// writeContracts writes contracts with their positions.
func (w *writer) writeContracts(rows []*Row) ([]verdict, error) {
	book := &contractBook{writer: w}
	if err := book.lookUp(rows); err != nil {
		return nil, err
	}
	verdicts, err := book.decide(rows)
	if err != nil {
		return nil, err
	}
	// What changes is held as orders hold it, the contract before its positions, and decided upon
	// anew: an order may have called off meanwhile.
	if changed := book.changed(); len(changed) > 0 {
		if err := book.hold(changed); err != nil {
			return nil, err
		}
		if verdicts, err = book.decide(rows); err != nil {
			return nil, err
		}
	}
	return verdicts, book.write()
}

// changed are the keys of the contracts in the database that change.
func (b *contractBook) changed() []uuid.UUID {
	var ids []uuid.UUID
	for _, a := range b.order {
		if !a.fresh && a.touched() {
			ids = append(ids, a.id)
		}
	}
	return ids
}

func (a *agreement) touched() bool {
	return a.fresh || a.changed || slices.ContainsFunc(a.positions, func(p agreedPosition) bool { return p.touched })
}

// decide goes through the rows in their order and says what each does to what is known.
func (b *contractBook) decide(rows []*Row) ([]verdict, error) {
	b.contracts, b.order, b.hung = map[ownKey]*agreement{}, nil, map[numberKey]uuid.UUID{}
	verdicts := make([]verdict, len(rows))
	for i, row := range rows {
		var err error
		if verdicts[i], err = verdictOf(b.decideRow(row)); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
	return verdicts, nil
}

// decideRow looks at everything before it changes anything: a row goes in as a whole.
func (b *contractBook) decideRow(row *Row) (outcome, error) {
	t, err := b.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	said := terms{
		kind: contract.Type(row.Text("type")), state: contract.State(row.Text("state")), access: row.Text("access_number"),
		from: row.Day("valid_from"), to: row.Day("valid_to"),
	}
	if row.Given("product") {
		if said.product, err = b.product("product", row.Text("product")); err != nil {
			return 0, err
		}
	}
	a, known := b.contract(ownKey{t.ID, row.Text("number")}, t)
	next, position, err := b.decidePosition(row, a)
	if err != nil {
		return 0, err
	}
	if row.Given("customer_number") {
		said.number = b.customerNumber(row, t)
	}
	if !known {
		b.contracts[ownKey{t.ID, a.number}] = a
		b.order = append(b.order, a)
	}
	head := unchanged
	switch {
	case a.fresh && !known:
		head = created
	case a.terms != said:
		a.changed, head = true, updated
	}
	a.terms, a.positions = said, next
	if head == created || position == unchanged {
		return head, nil
	}
	return position, nil
}

// contract is a contract as the rows before have made it; else as the database has it, or a new one.
func (b *contractBook) contract(key ownKey, t *ent.Tenant) (_ *agreement, known bool) {
	if a := b.contracts[key]; a != nil {
		return a, true
	}
	if stored := b.stored[key]; stored != nil {
		a := *stored
		return &a, false
	}
	return &agreement{id: uuid.Must(uuid.NewV7()), tenant: t, number: key.name, fresh: true}, false
}

// lookUp reads what the rows are about.
func (b *contractBook) lookUp(rows []*Row) error {
	organizations, numbers := distinct(rows, "organization_id"), distinct(rows, "number")
	if err := b.findTenants(lowered(organizations)...); err != nil {
		return err
	}
	tenants := b.tenantKeys()
	if err := b.findProducts(append(distinct(rows, "product"), distinct(rows, "position_product")...)); err != nil {
		return err
	}
	if err := b.findNumbers(distinct(rows, "customer_number"), tenants); err != nil {
		return err
	}
	found, err := b.tx.Contract.Query().Where(contract.TenantIDIn(tenants...), contract.NumberIn(numbers...)).All(b.ctx)
	if err != nil {
		return fmt.Errorf("finding contracts: %w", err)
	}
	named := map[ownKey]bool{}
	for _, row := range rows {
		if t := b.tenants[strings.ToLower(row.Text("organization_id"))]; t != nil {
			named[ownKey{t.ID, row.Text("number")}] = true
		}
	}
	// Companies may give the same numbers.
	found = slices.DeleteFunc(found, func(c *ent.Contract) bool { return !named[ownKey{c.TenantID, c.Number}] })
	b.stored = map[ownKey]*agreement{}
	return b.remember(found)
}

// hold reads contracts anew and holds them until the transaction ends.
func (b *contractBook) hold(ids []uuid.UUID) error {
	found, err := db.ForUpdate(b.db, b.tx.Contract.Query().Where(contract.IDIn(ids...)).Order(contract.ByID()), db.KeepingKeys).All(b.ctx)
	if err != nil {
		return fmt.Errorf("holding contracts: %w", err)
	}
	return b.remember(found)
}

// remember notes contracts as the database has them.
func (b *contractBook) remember(found []*ent.Contract) error {
	positions, err := b.positionsOf(found)
	if err != nil {
		return err
	}
	tenants := make(map[uuid.UUID]*ent.Tenant, len(b.tenants))
	for _, t := range b.tenants {
		tenants[t.ID] = t
	}
	for _, c := range found {
		t := terms{kind: c.Type, state: c.State, access: c.AccessNumber, from: c.ValidFrom}
		if c.ValidTo != nil {
			t.to = *c.ValidTo
		}
		if c.CustomerNumberID != nil {
			t.number = *c.CustomerNumberID
		}
		if c.ProductID != nil {
			t.product = *c.ProductID
		}
		b.stored[ownKey{c.TenantID, c.Number}] = &agreement{id: c.ID, tenant: tenants[c.TenantID], number: c.Number, terms: t, positions: positions[c.ID]}
	}
	return nil
}

// write writes what decide has changed.
func (b *contractBook) write() error {
	if err := b.writeNumbers(); err != nil {
		return err
	}
	var made, changed, positions [][]any
	for _, a := range b.order {
		if !a.touched() {
			continue
		}
		row, err := b.row(a)
		switch {
		case err != nil:
			return err
		case a.fresh:
			made = append(made, row)
		default:
			changed = append(changed, row)
		}
		positions = append(positions, a.positionRows()...)
	}
	into := contractRows
	if err := into.Write(b.ctx, b.tx, b.db, made); err != nil {
		return err
	}
	into.Changed = changeable
	if err := into.Write(b.ctx, b.tx, b.db, changed); err != nil {
		return err
	}
	return positionRows.Write(b.ctx, b.tx, b.db, positions)
}

// dates is a column of calendar dates, which are texts here.
const dates = "text[]::date"

var (
	contractRows = db.Bulk{Table: contract.Table, Columns: [][2]string{
		{contract.FieldID, "uuid"}, {contract.FieldTenantID, "uuid"}, {contract.FieldNumber, "text"}, {contract.FieldCreatedAt, "timestamptz"},
		{contract.FieldType, "text"}, {contract.FieldState, "text"}, {contract.FieldAccessNumber, "text"}, {contract.FieldValidFrom, dates}, {contract.FieldValidTo, dates},
		{contract.FieldCustomerNumberID, "uuid"}, {contract.FieldProductID, "uuid"},
		{contract.FieldAgreedQuantity, "bigint"}, {contract.FieldCalledOffQuantity, "bigint"}, {contract.FieldUnit, "text"},
	}}
	// changeable is what a file may change of a contract.
	changeable = []string{
		contract.FieldType, contract.FieldState, contract.FieldAccessNumber, contract.FieldValidFrom, contract.FieldValidTo,
		contract.FieldCustomerNumberID, contract.FieldProductID, contract.FieldAgreedQuantity, contract.FieldCalledOffQuantity, contract.FieldUnit,
	}
)

// row is a contract as it will be, with the sums of its positions.
func (b *contractBook) row(a *agreement) ([]any, error) {
	sums, err := company.Add(plainPositions(a.positions))
	if err != nil {
		return nil, fmt.Errorf("adding up the positions of contract %s: %w", a.number, err)
	}
	row := []any{
		a.id, a.tenant.ID, a.number, db.Moment(b.now()), string(a.terms.kind), string(a.terms.state), a.terms.access, string(a.terms.from), orNull(string(a.terms.to)),
		orNull(a.terms.number), orNull(a.terms.product), nil, nil, nil,
	}
	if sums != nil {
		row[len(row)-3], row[len(row)-2], row[len(row)-1] = sums.Agreed, sums.CalledOff, sums.Unit
	}
	return row, nil
}

// orNull is a value for the database; the zero value is none.
func orNull[T comparable](value T) any {
	var none T
	if value == none {
		return nil
	}
	return value
}
