package ent

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/money"
)

// What the API reads from entities besides their fields and edges.

// DisplayName is the first and the last name.
func (u *User) DisplayName() string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

// TenantName is the name of the user's company; empty when it was not loaded.
func (u *User) TenantName() string {
	if u.Edges.Tenant == nil {
		return ""
	}
	return u.Edges.Tenant.Name
}

// Copy is the address as it stands, for what must not change with it.
func (a *Address) Copy() account.Address {
	return account.Address{Company: a.Company, Contact: a.Contact, Street: a.Street, PostalCode: a.PostalCode, City: a.City, Country: a.Country}
}

// OperatorOf is the root of the tree that a tenant's path lies in: whose portal it uses.
func OperatorOf(path string) (uuid.UUID, error) {
	root, _, _ := strings.Cut(path, "/")
	id, err := uuid.Parse(root)
	if err != nil {
		return uuid.Nil, fmt.Errorf("reading the operator from a tenant's path: %w", err)
	}
	return id, nil
}

// ContactPerson is whom the tenant turns to.
func (t *Tenant) ContactPerson() *fault.Contact {
	return &fault.Contact{Name: t.ContactName, Phone: t.ContactPhone, Email: t.ContactEmail}
}

// Net is the sum of the positions.
func (o *Order) Net() money.Money { return money.Of(o.NetAmount, o.Currency) }

// Tax is the tax on Net.
func (o *Order) Tax() money.Money { return money.Of(o.TaxAmount, o.Currency) }

// Gross is Net and Tax.
func (o *Order) Gross() money.Money { return money.Of(o.GrossAmount, o.Currency) }

// Above is the amount above which a rule asks for an approval; nil where it always does.
func (r *ApprovalRule) Above() *money.Money {
	if r.AboveAmount == nil {
		return nil
	}
	above := money.Of(*r.AboveAmount, r.Currency)
	return &above
}

// Product is the product as it was called when it was ordered.
func (i *OrderItem) Product() account.OrderedProduct {
	return account.OrderedProduct{SKU: i.Sku, Name: i.ProductName}
}

// UnitPrice is the net price of one unit.
func (i *OrderItem) UnitPrice() money.Money { return money.Of(i.UnitPriceAmount, i.Currency) }

// LineTotal is quantity times UnitPrice, rounded to the cent.
func (i *OrderItem) LineTotal() money.Money { return money.Of(i.LineTotalAmount, i.Currency) }

// ItemCount is how many positions a saved cart has.
func (c *SavedCart) ItemCount() int { return len(c.Positions) }

// IsAgreement tells whether orders call off from a contract whose positions are loaded: a
// frame agreement or supply contract that has some (OR-12).
func (c *Contract) IsAgreement() bool {
	return (c.Type == contract.TypeFRAME_AGREEMENT || c.Type == contract.TypeSUPPLY_CONTRACT) && len(c.Edges.Positions) > 0
}

// ActiveOn tells whether the contract is active and valid on a day.
func (c *Contract) ActiveOn(d day.Day) bool {
	return c.State == contract.StateACTIVE && c.ValidFrom <= d && (c.ValidTo == nil || d <= *c.ValidTo)
}

// OpenQuantity is what was agreed and not yet called off; nil where the contract
// has no sum over its positions.
func (c *Contract) OpenQuantity() (*money.Decimal, error) {
	if c.AgreedQuantity == nil || c.CalledOffQuantity == nil {
		return nil, nil
	}
	open, err := c.AgreedQuantity.Minus(*c.CalledOffQuantity)
	return &open, err
}

// OpenQuantity is what was agreed and not yet called off.
func (p *ContractPosition) OpenQuantity() (money.Decimal, error) {
	return p.AgreedQuantity.Minus(p.CalledOffQuantity)
}

// Price is the agreed net price of one unit.
func (p *ContractPosition) Price() money.Money { return money.Of(p.PriceAmount, p.Currency) }

// AlsoSelect has fields loaded besides those that the query was told to load.
func (q *OrderQuery) AlsoSelect(fields ...string) *OrderQuery {
	alsoSelect(q.ctx, fields)
	return q
}

// AlsoSelect has fields loaded besides those that the query was told to load.
func (q *ContractQuery) AlsoSelect(fields ...string) *ContractQuery {
	alsoSelect(q.ctx, fields)
	return q
}

func alsoSelect(c *QueryContext, fields []string) {
	if len(c.Fields) == 0 {
		return // all are
	}
	for _, field := range fields {
		c.AppendFieldOnce(field)
	}
}

// UsernameIsEmail tells whether the user logs in with its e-mail address only, as
// the invited do until they choose a name.
func (u *User) UsernameIsEmail() bool { return u.UsernameKey == u.EmailKey }

// AgreedBy is who agreed to the quote that the order came from; nil without a quote.
func (o *Order) AgreedBy() *account.Agreement {
	return account.AgreementOf(o.AgreedName, o.AgreedEmail)
}

// AgreedBy is who agreed to the quote; nil until somebody does.
func (q *Quote) AgreedBy() *account.Agreement {
	return account.AgreementOf(q.AgreedName, q.AgreedEmail)
}

// Net is the sum of the positions.
func (q *Quote) Net() money.Money { return money.Of(q.NetAmount, q.Currency) }

// Tax is the tax on Net.
func (q *Quote) Tax() money.Money { return money.Of(q.TaxAmount, q.Currency) }

// Gross is Net and Tax.
func (q *Quote) Gross() money.Money { return money.Of(q.GrossAmount, q.Currency) }

// Product is the product as it was called when it was offered.
func (i *QuoteItem) Product() account.OrderedProduct {
	return account.OrderedProduct{SKU: i.Sku, Name: i.ProductName}
}

// UnitPrice is the net price of one unit.
func (i *QuoteItem) UnitPrice() money.Money { return money.Of(i.UnitPriceAmount, i.Currency) }

// LineTotal is quantity times UnitPrice, rounded to the cent.
func (i *QuoteItem) LineTotal() money.Money { return money.Of(i.LineTotalAmount, i.Currency) }

// Price is the net amount of the invoice item.
func (i *InvoiceItem) Price() money.Money { return money.Of(i.Amount, i.Currency) }

// AboutContract tells whether a business case is about a contract that is there (OR-06).
func AboutContract(c order.BusinessCase) bool {
	return c != order.BusinessCaseNEW_ORDER && c != order.BusinessCaseNEW_SITE_WITH_PROVIDER_SWITCH
}
