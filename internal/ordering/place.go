package ordering

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
	"kontor/internal/once"
	"kontor/internal/series"
)

// PlaceOrderInput is what placing an order needs besides the cart.
type PlaceOrderInput struct {
	IdempotencyKey string
	BusinessCase   order.BusinessCase
	ContractID     *gid.ID
	ExpectedGross  *money.Decimal
	Details        *OrderDetailsInput

	// quote is what the order comes from, and agreed who agreed to it; agreedBy is a user who did
	// so by the link. They are nil where there is none.
	quote    *ent.Quote
	agreed   *account.Agreement
	agreedBy *uuid.UUID
	// known are the details where they come from no input.
	known *account.OrderDetails
}

// placing is all that an order is written of besides its cart, once it was checked.
type placing struct {
	PlaceOrderInput
	details *account.OrderDetails
	about   *ent.Contract
	rules   []*ent.ApprovalRule // that ask for an approval
	receipt *receipt
	number  string
}

// Place turns the viewer's cart into an order that never changes again (OR-01).
// It takes everything along as it stands, in one transaction: the same key and
// input again give the same order, whatever happened in between.
func (s *Service) Place(ctx context.Context, in PlaceOrderInput) (*ent.Order, error) {
	request := in.request()
	if err := request.Check(); err != nil {
		return nil, err
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Order, error) {
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, err
		}
		// The cart's row is held from here on: a second request waits, and then
		// finds what the first one did.
		row, err := s.cart.Lock(ctx, tx)
		if err != nil {
			return nil, err
		}
		if placed, err := s.replay(ctx, tx, request); placed != nil || err != nil {
			return placed, err
		}
		c, err := s.cart.Price(ctx, tx.Client(), row)
		if err != nil {
			return nil, err
		}
		placed, err := s.place(ctx, tx, v, c, in)
		if err != nil {
			return nil, err
		}
		if err := s.cart.Empty(ctx, tx, row); err != nil {
			return nil, err
		}
		return placed, request.Remember(ctx, tx, v, placed.ID, s.now())
	})
}

// place makes an order of a priced cart, be it the current one, a saved one or one that was
// offered: it checks, numbers, writes and records.
func (s *Service) place(ctx context.Context, tx *ent.Tx, v *authz.Viewer, c *cart.Cart, in PlaceOrderInput) (*ent.Order, error) {
	details, err := in.known, error(nil)
	if details == nil {
		if details, err = in.Details.read(in.BusinessCase); err != nil {
			return nil, err
		}
	}
	if err := s.under(ctx, tx, details); err != nil {
		return nil, err
	}
	about, err := s.about(ctx, tx, c, &in)
	if err != nil {
		return nil, err
	}
	if err := check(c, in); err != nil {
		return nil, err
	}
	p := placing{PlaceOrderInput: in, details: details, about: about}
	if p.receipt, err = s.receiptOf(ctx, tx, v, in); err != nil {
		return nil, err
	}
	if p.rules, err = s.approvalFor(ctx, tx, v.Tenant, factsOf(c)); err != nil {
		return nil, err
	}
	// As late as possible: who orders for the same company waits from here on.
	if p.number, err = series.Next(ctx, tx, p.receipt.company, numberseries.KindORDER); err != nil {
		return nil, err
	}
	placed, err := s.write(ctx, tx, v, c, p)
	if err != nil {
		return nil, err
	}
	if err := s.callOff(ctx, tx, placed); err != nil {
		return nil, err
	}
	if err := s.send(ctx, tx, p.receipt, placed, c); err != nil {
		return nil, err
	}
	err = s.audit.Record(ctx, tx, audit.Change{
		Tenant: placed.TenantID, Action: "order.place", Kind: "Order", Subject: placed.ID, Label: placed.Number,
		After: map[string]any{"state": placed.State, "businessCase": placed.BusinessCase, "gross": placed.Gross()},
	})
	if err != nil {
		return nil, err
	}
	s.Changed(tx, placed)
	return placed, nil
}

// check tells everything that stands in the way of the order (CA-09). A price
// that changed is in the way until it was seen: in the cart, or as the gross
// amount that the client expects. Whoever names an agreement with the order, and not in the
// cart, asks for its prices whatever it saw there.
func check(c *cart.Cart, in PlaceOrderInput) error {
	if len(c.Items) == 0 {
		return fault.New("CART_EMPTY")
	}
	seen := in.ExpectedGross != nil || c.Contract != nil && c.ContractID == nil
	var faults fault.List
	if in.ExpectedGross != nil && in.ExpectedGross.Cmp(c.Gross.Amount) != 0 {
		faults.Add(fault.New("PRICE_CHANGED", "expectedGross"))
	}
	for i, item := range c.Items {
		for _, p := range item.Problems {
			if p.Code == "PRICE_CHANGED" && seen {
				continue
			}
			faults.Add(&fault.Fault{Code: p.Code, Field: []string{"items", strconv.Itoa(i)}, Args: p.Args})
		}
	}
	return faults.Err()
}

// contract is the contract that the order is about, on which the viewer needs the
// right ORDER; nil where it is about none.
func (s *Service) contract(ctx context.Context, tx *ent.Tx, in PlaceOrderInput) (*ent.Contract, error) {
	if in.ContractID == nil {
		if ent.AboutContract(in.BusinessCase) {
			return nil, fault.New("CONTRACT_REQUIRED", "contractId")
		}
		return nil, nil
	}
	c, err := tx.Contract.Query().Where(contract.ID(in.ContractID.Of(ent.KindContract))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New("CONTRACT_UNKNOWN", "contractId")
	}
	if err != nil {
		return nil, fmt.Errorf("finding the contract to order on: %w", err)
	}
	allowed, err := s.access.Can(ctx, tx.Client(), authz.OrderOn, c)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, fault.New("CONTRACT_UNKNOWN", "contractId")
	}
	return c, businessCases[in.BusinessCase].fits(c)
}

// write is the order with its positions, what it waits for and the first step of its
// history: whichever way an order is placed, it is written here, and no way goes around
// the approval rules (OR-02).
func (s *Service) write(ctx context.Context, tx *ent.Tx, v *authz.Viewer, c *cart.Cart, p placing) (*ent.Order, error) {
	now := s.moment()
	state := order.StateIN_PROGRESS
	if len(p.rules) > 0 {
		state = order.StatePENDING_APPROVAL
	}
	create := tx.Order.Create().SetTenantID(v.Tenant).SetNumber(p.number).SetName(c.Name).
		SetCustomerOrderNumber(c.CustomerOrderNumber).SetReferenceNumber(c.ReferenceNumber).
		SetState(state).SetBusinessCase(p.BusinessCase).SetChannel(order.ChannelONLINE).
		SetPlacedAt(now).SetPlacedByID(v.User).
		SetNetAmount(c.Net.Amount).SetTaxAmount(c.Tax.Amount).SetGrossAmount(c.Gross.Amount).SetCurrency(c.Gross.Currency).
		SetAutomatic(automatic(c, p.BusinessCase, p.details) && !negotiated(p.about, p.BusinessCase)).SetReceiptTo(p.receipt.addresses())
	if c.AccountAssignment != nil {
		create.SetAccountAssignment(c.AccountAssignment)
	}
	if p.details != nil {
		create.SetDetails(p.details)
	}
	if p.about != nil {
		create.SetContractID(p.about.ID)
	}
	if p.quote != nil {
		create.SetQuoteID(p.quote.ID).SetAgreedName(p.agreed.Name).SetAgreedEmail(p.agreed.Email).SetNillableAgreedByID(p.agreedBy)
	}
	placed, err := create.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the order: %w", err)
	}
	items := make([]*ent.OrderItemCreate, len(c.Items))
	for i, item := range c.Items {
		items[i] = snapshot(tx, placed, item, i+1)
	}
	if err := tx.OrderItem.CreateBulk(items...).Exec(ctx); err != nil {
		return nil, fmt.Errorf("writing the positions of the order: %w", err)
	}
	err = tx.OrderEvent.Create().SetTenantID(v.Tenant).SetOrderID(placed.ID).SetPlacedByID(v.User).
		SetNillableContractID(placed.ContractID).SetAt(now).SetState(orderevent.State(placed.State)).SetNillableActorID(actor(ctx)).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing the history of the order: %w", err)
	}
	if state == order.StateIN_PROGRESS {
		return placed, s.begin(ctx, tx, placed)
	}
	return placed, s.ask(ctx, tx, placed, p.rules)
}

// automatic tells whether no person is needed for what is ordered: all products are
// processed automatically, and all is known that the business case needs (OR-07).
func automatic(c *cart.Cart, of order.BusinessCase, details *account.OrderDetails) bool {
	somewhere := false
	for _, item := range c.Items {
		if item.Product == nil || !item.Product.Automatic {
			return false
		}
		somewhere = somewhere || item.DeliveryAddress != nil
	}
	return len(missing(of, details, somewhere)) == 0
}

// negotiated tells whether an order changes what was agreed in an agreement: that, people do.
func negotiated(about *ent.Contract, of order.BusinessCase) bool {
	return about != nil && about.Type != contract.TypeSERVICE_CONTRACT && of != order.BusinessCaseADDITIONAL_ORDER && of != order.BusinessCaseNEW_ORDER
}

// snapshot is a position of the cart as it stands, with names and prices.
func snapshot(tx *ent.Tx, o *ent.Order, item *cart.Item, position int) *ent.OrderItemCreate {
	create := tx.OrderItem.Create().SetTenantID(o.TenantID).SetOrderID(o.ID).SetPlacedByID(o.PlacedByID).
		SetNillableContractID(o.ContractID).SetPosition(position).SetProductID(item.ProductID).
		SetSku(item.Product.Sku).SetProductName(item.Product.Name).SetUnit(item.Product.Unit).
		SetQuantity(item.Quantity).SetUnitPriceAmount(item.UnitPrice.Amount).SetLineTotalAmount(item.LineTotal.Amount).
		SetTaxRate(item.Product.TaxRate).SetCurrency(item.LineTotal.Currency).SetNillableWishedDate(item.WishedDate)
	if item.Agreed != nil {
		create.SetContractPositionID(item.Agreed.ID)
	}
	if a := item.DeliveryAddress; a != nil {
		copied := a.Copy()
		create.SetDeliveryAddress(&copied)
	}
	if item.EffectiveAssignment != nil {
		create.SetAccountAssignment(item.EffectiveAssignment)
	}
	return create
}

// replay is the order that this request placed before, or nil.
func (s *Service) replay(ctx context.Context, tx *ent.Tx, request once.Request) (*ent.Order, error) {
	id, again, err := request.Result(ctx, tx)
	if err != nil || !again {
		return nil, err
	}
	placed, err := tx.Order.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the order of the idempotency key: %w", err)
	}
	return placed, nil
}

// request is what tells one input from another. The cart is not part of it: after the
// order it is empty, and the client that repeats its request cannot know.
func (in PlaceOrderInput) request() once.Request {
	return once.Request{
		Operation: "placeOrder", Key: in.IdempotencyKey,
		Input: fmt.Sprintf("%s|%v|%v|%s", in.BusinessCase, deref(in.ContractID), deref(in.ExpectedGross), in.Details.spelt()),
	}
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
