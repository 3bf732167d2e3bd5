package ordering

import (
	"context"
	"fmt"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/numberseries"
	"kontor/ent/quote"
	"kontor/ent/tenant"
	"kontor/internal/audit"
	"kontor/internal/cart"
	"kontor/internal/day"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/once"
	"kontor/internal/series"
	"kontor/internal/token"
)

// CreateQuoteInput is what a quote needs besides the cart.
type CreateQuoteInput struct {
	TenantID       gid.ID
	ValidUntil     day.Day
	Note           *string
	RecipientEmail string
	IdempotencyKey *string
}

// maxValidity is for how many days from today a quote can be valid.
const maxValidity = 365

// CreateQuote makes an offer to a customer of the agent's cart for it, and mails the link to
// it (OR-04). Like an order it takes everything along as it stands; the cart is empty then.
func (s *Service) CreateQuote(ctx context.Context, in CreateQuoteInput) (*ent.Quote, error) {
	ctx, v, err := s.selling(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	request := in.request()
	if request != nil {
		if err := request.Check(); err != nil {
			return nil, err
		}
	}
	terms, err := in.check(s.now())
	if err != nil {
		return nil, err
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Quote, error) {
		row, err := s.cart.Lock(ctx, tx)
		if err != nil {
			return nil, err
		}
		if request != nil {
			if made, again, err := request.Result(ctx, tx); again || err != nil {
				if err != nil {
					return nil, err
				}
				return tx.Quote.Get(ctx, made)
			}
		}
		c, err := s.cart.Price(ctx, tx.Client(), row)
		if err != nil {
			return nil, err
		}
		if c.ContractID != nil {
			return nil, fault.New("AGREEMENT_NEEDS_NO_QUOTE") // its prices are agreed, and its quantities are not kept for a quote
		}
		if err := check(c, PlaceOrderInput{}); err != nil {
			return nil, err
		}
		q, err := s.offer(ctx, tx, v, c, terms)
		if err != nil {
			return nil, err
		}
		if err := s.cart.Empty(ctx, tx, row); err != nil || request == nil {
			return q, err
		}
		return q, request.Remember(ctx, tx, v, q.ID, s.now())
	})
}

// selling is the agent as it works for the customer: the one that it acts for, or else one
// that it may act for. Whoever may not is told the same as when there is none.
func (s *Service) selling(ctx context.Context, to gid.ID) (context.Context, *authz.Viewer, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	key := to.Of(ent.KindTenant)
	if v.ActsFor() {
		if v.Tenant != key {
			return nil, nil, fault.New("TENANT_UNKNOWN", "tenantId")
		}
		return ctx, v, nil
	}
	customer, err := s.db.Client.Tenant.Query().Where(tenant.ID(key)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil, fault.New("TENANT_UNKNOWN", "tenantId")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding the customer of a quote: %w", err)
	}
	acting, ok, err := v.ActFor(customer.ID, customer.Path)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, fault.New("TENANT_UNKNOWN", "tenantId")
	}
	return authz.NewContext(ctx, acting), acting, nil
}

// terms are what a quote says besides its cart.
type terms struct {
	until           day.Day
	note, recipient string
}

// check is what the input says as it is kept, or all that is wrong with it.
func (in CreateQuoteInput) check(now time.Time) (terms, error) {
	var faults fault.List
	kept := terms{until: in.ValidUntil, note: fault.Text(in.Note, maxText, []string{"note"}, &faults)}
	if in.ValidUntil < day.Of(now) || in.ValidUntil > day.Of(now.UTC().AddDate(0, 0, maxValidity)) {
		faults.Add(fault.New("VALIDITY_INVALID", "validUntil").With("max", maxValidity))
	}
	address, ok := email.Parse(in.RecipientEmail)
	if !ok {
		faults.Add(fault.New("EMAIL_INVALID", "recipientEmail"))
	}
	kept.recipient = address
	return kept, faults.Err()
}

// offer writes a quote of a priced cart that was checked, and mails it.
func (s *Service) offer(ctx context.Context, tx *ent.Tx, v *authz.Viewer, c *cart.Cart, t terms) (*ent.Quote, error) {
	customer, err := tx.Tenant.Get(ctx, v.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reading whose quote it is: %w", err)
	}
	number, err := series.Next(ctx, tx, customer, numberseries.KindQUOTE)
	if err != nil {
		return nil, err
	}
	secret, hash, err := token.NewLink()
	if err != nil {
		return nil, fmt.Errorf("making the link of a quote: %w", err)
	}
	create := tx.Quote.Create().SetTenantID(v.Tenant).SetNumber(number).SetName(c.Name).SetCustomerOrderNumber(c.CustomerOrderNumber).
		SetReferenceNumber(c.ReferenceNumber).SetMadeByID(v.User).SetSellerID(v.AtHome().Tenant).SetCreatedAt(s.moment()).
		SetValidUntil(t.until).SetNote(t.note).SetRecipientEmail(t.recipient).SetTokenHash(hash).
		SetNetAmount(c.Net.Amount).SetTaxAmount(c.Tax.Amount).SetGrossAmount(c.Gross.Amount).SetCurrency(c.Gross.Currency)
	if c.AccountAssignment != nil {
		create.SetAccountAssignment(c.AccountAssignment)
	}
	q, err := create.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("writing a quote: %w", err)
	}
	items := make([]*ent.QuoteItemCreate, len(c.Items))
	for i, item := range c.Items {
		items[i] = offered(tx, q, item, i+1)
	}
	if err := tx.QuoteItem.CreateBulk(items...).Exec(ctx); err != nil {
		return nil, fmt.Errorf("writing the positions of a quote: %w", err)
	}
	err = s.audit.Record(ctx, tx, audit.Change{
		Tenant: q.TenantID, Action: "quote.create", Kind: "Quote", Subject: q.ID, Label: q.Number,
		After: map[string]any{"gross": q.Gross(), "validUntil": q.ValidUntil, "recipientEmail": q.RecipientEmail},
	})
	if err != nil {
		return nil, err
	}
	return q, s.mailQuote(ctx, tx, q, s.base+"/quote?token="+secret)
}

// offered is a position of the cart as it stands, with names and prices.
func offered(tx *ent.Tx, q *ent.Quote, item *cart.Item, position int) *ent.QuoteItemCreate {
	create := tx.QuoteItem.Create().SetTenantID(q.TenantID).SetQuoteID(q.ID).SetPosition(position).SetProductID(item.ProductID).
		SetSku(item.Product.Sku).SetProductName(item.Product.Name).SetUnit(item.Product.Unit).SetAutomatic(item.Product.Automatic).
		SetQuantity(item.Quantity).SetUnitPriceAmount(item.UnitPrice.Amount).SetLineTotalAmount(item.LineTotal.Amount).
		SetTaxRate(item.Product.TaxRate).SetCurrency(item.LineTotal.Currency).SetNillableWishedDate(item.WishedDate)
	if a := item.DeliveryAddress; a != nil {
		copied := a.Copy()
		create.SetDeliveryAddress(&copied)
	}
	if item.EffectiveAssignment != nil {
		create.SetAccountAssignment(item.EffectiveAssignment)
	}
	return create
}

// request is what tells one input from another; nil where the client names no attempt. The
// cart is not part of it: afterwards it is empty.
func (in CreateQuoteInput) request() *once.Request {
	if in.IdempotencyKey == nil {
		return nil
	}
	return &once.Request{
		Operation: "createQuote", Key: *in.IdempotencyKey,
		Input: fmt.Sprintf("%s|%s|%q|%v", in.TenantID, in.ValidUntil, in.RecipientEmail, deref(in.Note)),
	}
}

// Quote is a quote that the viewer may see, with its positions and customer, or nil.
func (s *Service) Quote(ctx context.Context, id gid.ID) (*ent.Quote, error) {
	q, err := s.db.Client.Quote.Query().Where(quote.ID(id.Of(ent.KindQuote))).WithItems(byPosition).WithTenant().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a quote: %w", err)
	}
	return q, nil
}
