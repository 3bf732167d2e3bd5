package ordering

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/customernumber"
	"kontor/ent/order"
	"kontor/ent/orderitem"
	"kontor/internal/account"
	"kontor/internal/fault"
	"kontor/internal/phone"
)

// OrderDetail is something that a business case needs besides positions and contract.
type OrderDetail string

// The details. DeliveryAddress is the site, and part of the positions.
const (
	CustomerNumber  OrderDetail = "CUSTOMER_NUMBER"
	Provider        OrderDetail = "PROVIDER"
	PortNumbers     OrderDetail = "PORT_NUMBERS"
	NewNumbers      OrderDetail = "NEW_NUMBERS"
	TermMonths      OrderDetail = "TERM_MONTHS"
	DeliveryAddress OrderDetail = "DELIVERY_ADDRESS"
)

// businessCase is what a business case is about and needs (OR-06).
type businessCase struct {
	// services: the contract that it is about is a service contract, and nothing that quantities are called off from.
	services bool
	// renews: that contract may have expired.
	renews bool
	// needs cannot be carried out without; until it is known no machine begins.
	needs []OrderDetail
	// may be said, too.
	may []OrderDetail
}

var businessCases = map[order.BusinessCase]businessCase{
	order.BusinessCaseNEW_ORDER:          {may: []OrderDetail{CustomerNumber, TermMonths}},
	order.BusinessCaseADDITIONAL_ORDER:   {},
	order.BusinessCaseCONTRACT_RENEWAL:   {renews: true, may: []OrderDetail{TermMonths}},
	order.BusinessCaseTARIFF_CHANGE:      {services: true, may: []OrderDetail{TermMonths}},
	order.BusinessCaseCONTRACT_AMENDMENT: {},
	order.BusinessCaseNEW_SITE_WITH_PROVIDER_SWITCH: {
		needs: []OrderDetail{DeliveryAddress, Provider}, may: []OrderDetail{PortNumbers, NewNumbers, CustomerNumber, TermMonths},
	},
	order.BusinessCaseNEW_NUMBERS_FOR_SITE:     {services: true, needs: []OrderDetail{NewNumbers}},
	order.BusinessCasePROVIDER_SWITCH_FOR_SITE: {services: true, needs: []OrderDetail{Provider}, may: []OrderDetail{PortNumbers}},
}

// takes tells whether a detail can be said with the business case.
func (c businessCase) takes(d OrderDetail) bool {
	return slices.Contains(c.needs, d) || slices.Contains(c.may, d)
}

// missing are the details that an order needs and does not have: a service agent asks for
// them, no machine begins without.
func missing(of order.BusinessCase, d *account.OrderDetails, somewhere bool) []OrderDetail {
	if d == nil {
		d = &account.OrderDetails{}
	}
	has := map[OrderDetail]bool{Provider: d.Provider != "", NewNumbers: d.NewNumbers > 0, DeliveryAddress: somewhere}
	return slices.DeleteFunc(slices.Clone(businessCases[of].needs), func(need OrderDetail) bool { return has[need] })
}

// OrderDetailsInput is what a business case needs besides positions and contract.
type OrderDetailsInput struct {
	CustomerNumber *string
	Provider       *string
	PortNumbers    []string
	NewNumbers     *int
	TermMonths     *int
}

const (
	maxPortNumbers = 200
	maxNewNumbers  = 10_000
	maxTermMonths  = 120
)

// read is what the input says; what is wrong with it, or does not belong to the business
// case, is told at once.
func (in *OrderDetailsInput) read(of order.BusinessCase) (*account.OrderDetails, error) {
	if in == nil {
		return nil, nil
	}
	var faults fault.List
	at := func(name string, rest ...string) []string { return append([]string{"details", name}, rest...) }
	d := &account.OrderDetails{
		CustomerNumber: fault.Line(in.CustomerNumber, 60, at("customerNumber"), &faults),
		Provider:       fault.Line(in.Provider, 100, at("provider"), &faults),
		NewNumbers:     within(in.NewNumbers, maxNewNumbers, at("newNumbers"), &faults),
		TermMonths:     within(in.TermMonths, maxTermMonths, at("termMonths"), &faults),
	}
	if len(in.PortNumbers) > maxPortNumbers {
		faults.Add(fault.New("TOO_MANY_ITEMS", at("portNumbers")...).With("max", maxPortNumbers))
	} else {
		for i, number := range in.PortNumbers {
			d.PortNumbers = append(d.PortNumbers, e164(number, at("portNumbers", strconv.Itoa(i)), &faults))
		}
	}
	for detail, said := range map[OrderDetail]struct {
		name string
		is   bool
	}{
		CustomerNumber: {"customerNumber", d.CustomerNumber != ""}, Provider: {"provider", d.Provider != ""},
		PortNumbers: {"portNumbers", len(in.PortNumbers) > 0}, NewNumbers: {"newNumbers", d.NewNumbers > 0}, TermMonths: {"termMonths", d.TermMonths > 0},
	} {
		if said.is && !businessCases[of].takes(detail) {
			faults.Add(fault.New("NOT_FOR_BUSINESS_CASE", at(said.name)...))
		}
	}
	return d, faults.Err()
}

// spelt tells one input from another.
func (in *OrderDetailsInput) spelt() string {
	if in == nil {
		return ""
	}
	return fmt.Sprintf("%q|%q|%q|%v|%v", deref(in.CustomerNumber), deref(in.Provider), in.PortNumbers, deref(in.NewNumbers), deref(in.TermMonths))
}

// within is a number from 1 up to a maximum; 0 where none is given.
func within(n *int, maximum int, field []string, faults *fault.List) int {
	if n == nil {
		return 0
	}
	if *n < 1 || *n > maximum {
		faults.Add(fault.New("NUMBER_OUT_OF_RANGE", field...).With("min", 1).With("max", maximum))
	}
	return *n
}

// e164 is a phone number with its country, as E.164 writes it.
func e164(text string, field []string, faults *fault.List) string {
	number, ok := phone.Parse(text)
	if !ok || len(text) > 30 {
		faults.Add(fault.New("PHONE_NUMBER_INVALID", field...))
		return ""
	}
	return number
}

// under checks that the customer number of the details is one of the company's.
func (s *Service) under(ctx context.Context, tx *ent.Tx, d *account.OrderDetails) error {
	if d == nil || d.CustomerNumber == "" {
		return nil
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	known, err := tx.CustomerNumber.Query().Where(customernumber.TenantID(v.Tenant), customernumber.Number(d.CustomerNumber)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("finding the customer number of an order: %w", err)
	}
	if !known {
		return fault.New("CUSTOMER_NUMBER_UNKNOWN", "details", "customerNumber")
	}
	return nil
}

// fits refuses a contract that the business case cannot be about.
func (c businessCase) fits(about *ent.Contract) error {
	switch {
	case about == nil:
		return nil
	case about.State == contract.StateTERMINATED, about.State == contract.StateEXPIRED && !c.renews:
		return fault.New("CONTRACT_NOT_ACTIVE", "contractId").With("number", about.Number)
	case c.services && about.Type != contract.TypeSERVICE_CONTRACT:
		return fault.New("CONTRACT_NOT_FOR_CASE", "contractId").With("number", about.Number)
	default:
		return nil
	}
}

// Details are what the order says besides its positions, and what is missing of what its
// business case needs (OR-06).
func (s *Service) Details(ctx context.Context, o *ent.Order) (*OrderDetails, error) {
	places, err := ent.Load(ctx, o.Siblings(), "places", s.places)
	if err != nil {
		return nil, err
	}
	d := o.Details
	if d == nil {
		d = &account.OrderDetails{}
	}
	return &OrderDetails{OrderDetails: *d, Missing: missing(o.BusinessCase, d, places[o.ID])}, nil
}

// OrderDetails are the details of an order and what is missing.
type OrderDetails struct {
	account.OrderDetails
	Missing []OrderDetail
}

// places tells of orders whether anything of them has a delivery address.
func (s *Service) places(ctx context.Context, orders []*ent.Order) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	var found []struct {
		OrderID uuid.UUID `json:"order_id"`
	}
	err := s.db.Client.OrderItem.Query().Where(orderitem.OrderIDIn(ids...), orderitem.DeliveryAddressNotNil()).
		GroupBy(orderitem.FieldOrderID).Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("reading where orders go to: %w", err)
	}
	somewhere := make(map[uuid.UUID]bool, len(found))
	for _, f := range found {
		somewhere[f.OrderID] = true
	}
	return somewhere, nil
}
