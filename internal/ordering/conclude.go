package ordering

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/company"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/series"
)

// renewalMonths is how long a contract is renewed for where the order does not say.
const renewalMonths = 24

// conclude makes of an order what it was for: a new contract, or a change of the one that
// it is about (OR-06, OR-07). It works as the server, on an order that is held.
func (s *Service) conclude(ctx context.Context, tx *ent.Tx, o *ent.Order, p account.Provisioned) error {
	items, err := tx.OrderItem.Query().Where(orderitem.OrderID(o.ID)).Order(orderitem.ByPosition()).All(ctx)
	if err != nil {
		return fmt.Errorf("reading what was ordered: %w", err)
	}
	if o.ContractID == nil {
		made, err := s.newContract(ctx, tx, o, items, p)
		if err != nil {
			return err
		}
		// What belongs to the order follows by a trigger.
		if err := tx.Order.UpdateOneID(o.ID).SetContractID(made.ID).Exec(ctx); err != nil {
			return fmt.Errorf("writing the contract of an order: %w", err)
		}
		o.ContractID = &made.ID
		return nil
	}
	// Held: what other orders and imports make of it at the same time comes before or after.
	c, err := s.hold(ctx, tx, *o.ContractID)
	if err != nil {
		return err
	}
	if p.ContractNumber != "" && p.ContractNumber != c.Number {
		return fault.New("CONTRACT_DIFFERS", "contractNumber").With("number", c.Number)
	}
	if c.State == contract.StateTERMINATED {
		return fault.New("CONTRACT_NOT_ACTIVE").With("number", c.Number)
	}
	return s.changeContract(ctx, tx, o, c, items, p)
}

// newContract is the contract that comes of an order. Where the company has one of the
// number already, because its ERP was quicker, it is that one.
func (s *Service) newContract(ctx context.Context, tx *ent.Tx, o *ent.Order, items []*ent.OrderItem, p account.Provisioned) (*ent.Contract, error) {
	number := p.ContractNumber
	if number != "" {
		existing, err := tx.Contract.Query().Where(contract.TenantID(o.TenantID), contract.Number(number)).Only(ctx)
		if err == nil || !ent.IsNotFound(err) {
			return existing, wrap(err, "looking for the contract of an order")
		}
	} else {
		of, err := tx.Tenant.Get(ctx, o.TenantID)
		if err != nil {
			return nil, fmt.Errorf("reading whose contract it is: %w", err)
		}
		for taken := true; taken; { // by a contract that the ERP brought
			if number, err = series.Next(ctx, tx, of, numberseries.KindCONTRACT); err != nil {
				return nil, err
			}
			if taken, err = tx.Contract.Query().Where(contract.TenantID(o.TenantID), contract.Number(number)).Exist(ctx); err != nil {
				return nil, fmt.Errorf("looking for a free contract number: %w", err)
			}
		}
	}
	d := o.Details
	if d == nil {
		d = &account.OrderDetails{}
	}
	from := day.Of(s.now())
	if p.ValidFrom != nil {
		from = *p.ValidFrom
	}
	if p.ValidTo != nil && *p.ValidTo < from {
		return nil, fault.New("CONTRACT_ENDS_TOO_EARLY").With("number", number)
	}
	create := tx.Contract.Create().SetTenantID(o.TenantID).SetNumber(number).SetType(contract.TypeSERVICE_CONTRACT).SetState(contract.StateACTIVE).
		SetAccessNumber(p.AccessNumber).SetValidFrom(from).SetNillableValidTo(p.ValidTo).SetNumbers(together(d.PortNumbers, d.Telephony.Numbers(), p.Numbers)).
		SetPreviousProvider(d.Provider).SetCreatedAt(s.moment())
	if p.ValidTo == nil && d.TermMonths > 0 {
		create.SetValidTo(term(from, d.TermMonths))
	}
	if site := siteOf(items); site != nil {
		create.SetSite(site)
	}
	if product := only(items); product != nil {
		create.SetProductID(*product)
	}
	under, err := s.customerNumber(ctx, tx, o.TenantID, p.CustomerNumber, d.CustomerNumber)
	if err != nil {
		return nil, err
	}
	made, err := create.SetNillableCustomerNumberID(under).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the contract of an order: %w", err)
	}
	if err := addPositions(ctx, tx, made, items); err != nil {
		return nil, err
	}
	if err := company.SumUp(ctx, tx, made.ID); err != nil {
		return nil, err
	}
	return made, s.audit.Record(ctx, tx, audit.Change{
		Tenant: made.TenantID, Action: "contract.create", Kind: "Contract", Subject: made.ID, Label: made.Number,
		After: map[string]any{"order": o.Number, "validFrom": made.ValidFrom, "validTo": made.ValidTo},
	})
}

// customerNumber is where a new contract hangs: under the number that the outside or the
// order names, or else under the company's only one.
func (s *Service) customerNumber(ctx context.Context, tx *ent.Tx, of uuid.UUID, named ...string) (*uuid.UUID, error) {
	q := tx.CustomerNumber.Query().Where(customernumber.TenantID(of))
	for _, number := range named {
		if number != "" {
			q.Where(customernumber.Number(number))
			break
		}
	}
	ids, err := q.Limit(2).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the customer number of a new contract: %w", err)
	}
	if len(ids) != 1 {
		return nil, nil
	}
	return &ids[0], nil
}

// changeContract does to a contract what the business case says.
func (s *Service) changeContract(ctx context.Context, tx *ent.Tx, o *ent.Order, c *ent.Contract, items []*ent.OrderItem, p account.Provisioned) error {
	before := factsOfContract(c)
	update := tx.Contract.UpdateOneID(c.ID)
	d := o.Details
	if d == nil {
		d = &account.OrderDetails{}
	}
	if p.AccessNumber != "" {
		update.SetAccessNumber(p.AccessNumber)
	}
	if numbers := together(c.Numbers, d.PortNumbers, p.Numbers); len(numbers) > len(c.Numbers) {
		update.SetNumbers(numbers)
	}
	// Quantities of agreements are called off when the order is placed (OR-12).
	positions := func(change func(context.Context, *ent.Tx, *ent.Contract, []*ent.OrderItem) error) error {
		if c.Type != contract.TypeSERVICE_CONTRACT {
			return nil
		}
		return change(ctx, tx, c, items)
	}
	var err error
	switch o.BusinessCase {
	case order.BusinessCaseCONTRACT_RENEWAL:
		s.renew(update, c, d, p)
	case order.BusinessCaseTARIFF_CHANGE:
		if product := only(items); product != nil {
			update.SetProductID(*product)
		} else {
			update.ClearProductID()
		}
		if d.TermMonths > 0 && p.ValidTo == nil && c.ValidTo != nil {
			update.SetValidTo(max(*c.ValidTo, term(max(c.ValidFrom, day.Of(s.now())), d.TermMonths)))
		}
		err = positions(replacePositions)
	case order.BusinessCaseCONTRACT_AMENDMENT:
		err = amendPositions(ctx, tx, c, items)
	case order.BusinessCasePROVIDER_SWITCH_FOR_SITE:
		if d.Provider != "" {
			update.SetPreviousProvider(d.Provider)
		}
		err = positions(addPositions)
	default:
		err = positions(addPositions)
	}
	if err != nil {
		return err
	}
	if p.ValidTo != nil {
		if *p.ValidTo < c.ValidFrom {
			return fault.New("CONTRACT_ENDS_TOO_EARLY").With("number", c.Number)
		}
		update.SetValidTo(*p.ValidTo)
	}
	if c.Site == nil {
		if site := siteOf(items); site != nil && c.Type == contract.TypeSERVICE_CONTRACT {
			update.SetSite(site)
		}
	}
	changed, err := update.Save(ctx)
	if err != nil {
		return fmt.Errorf("changing the contract of an order: %w", err)
	}
	if err := company.SumUp(ctx, tx, changed.ID); err != nil {
		return err
	}
	after := factsOfContract(changed)
	after["order"], after["businessCase"] = o.Number, o.BusinessCase
	return s.audit.Record(ctx, tx, audit.Change{Tenant: c.TenantID, Action: "contract.change", Kind: "Contract", Subject: c.ID, Label: c.Number, Before: before, After: after})
}

// renew moves the end of a contract: from its former end, or from today where that is
// over. One without an end goes on without.
func (s *Service) renew(update *ent.ContractUpdateOne, c *ent.Contract, d *account.OrderDetails, p account.Provisioned) {
	update.SetState(contract.StateACTIVE)
	if c.ValidTo == nil || p.ValidTo != nil {
		return
	}
	months := d.TermMonths
	if months == 0 {
		months = renewalMonths
	}
	update.SetValidTo(term(max(following(*c.ValidTo), day.Of(s.now())), months))
}

func factsOfContract(c *ent.Contract) map[string]any {
	return map[string]any{"state": c.State, "validTo": c.ValidTo, "product": c.ProductID, "numbers": c.Numbers, "previousProvider": c.PreviousProvider}
}

// only is the product that all positions are of; nil where there are several.
func only(items []*ent.OrderItem) *uuid.UUID {
	for _, item := range items {
		if item.ProductID != items[0].ProductID {
			return nil
		}
	}
	if len(items) == 0 {
		return nil
	}
	return &items[0].ProductID
}

// siteOf is where an order goes to, nil where that is nowhere or several places.
func siteOf(items []*ent.OrderItem) *account.Address {
	var site *account.Address
	for _, item := range items {
		switch {
		case item.DeliveryAddress == nil:
		case site == nil:
			site = item.DeliveryAddress
		case *site != *item.DeliveryAddress:
			return nil
		}
	}
	return site
}

// together are numbers of several lists, each once.
func together(lists ...[]string) []string {
	all := []string{}
	for _, list := range lists {
		for _, number := range list {
			if number != "" && !slices.Contains(all, number) {
				all = append(all, number)
			}
		}
	}
	return all
}

// term is the last day of so many months that begin with a day: the one before the same
// day of the month, or the month's last where it has no such day (BGB §188).
func term(from day.Day, months int) day.Day {
	t, err := time.Parse(time.DateOnly, string(from))
	if err != nil {
		return from
	}
	month := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := month.AddDate(0, 1, -1)
	if t.Day() > last.Day() {
		return day.Of(last)
	}
	return day.Of(month.AddDate(0, 0, t.Day()-2))
}

// following is the day after.
func following(d day.Day) day.Day {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return day.Of(t.AddDate(0, 0, 1))
}
