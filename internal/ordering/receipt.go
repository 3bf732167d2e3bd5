package ordering

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/cart"
	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/mail"
)

// receipt is to whom the receipt of an order goes, and who they are.
type receipt struct {
	company *ent.Tenant // whose order it is
	orderer *ent.User
	to      []recipient
}

// recipient is an address, with the language in which it is written to.
type recipient struct {
	address, language string
	user              *ent.User // nil where the address is a company's, or a stranger's
}

// addresses are where the receipt goes to.
func (r *receipt) addresses() []string {
	all := make([]string, len(r.to))
	for i, to := range r.to {
		all[i] = to.address
	}
	return all
}

// receiptOf tells to whom the receipt of an order goes (OR-08): the customer's address of its
// master data, who ordered, who agreed to the quote, who made the quote, and the seller's
// address of its master data; each once. Who has left gets none.
func (s *Service) receiptOf(ctx context.Context, tx *ent.Tx, v *authz.Viewer, in PlaceOrderInput) (*receipt, error) {
	ctx = authz.System(ctx)
	company, err := tx.Tenant.Get(ctx, v.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reading whose order it is: %w", err)
	}
	seller, err := s.seller(ctx, tx.Client(), company, in.quote)
	if err != nil {
		return nil, err
	}
	ids := []uuid.UUID{v.User}
	if in.agreedBy != nil {
		ids = append(ids, *in.agreedBy)
	}
	if in.quote != nil {
		ids = append(ids, in.quote.MadeByID)
	}
	found, err := tx.User.Query().Where(user.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading who gets the receipt of an order: %w", err)
	}
	people := make(map[uuid.UUID]*ent.User, len(found))
	for _, u := range found {
		people[u.ID] = u
	}
	r := &receipt{company: company, orderer: people[v.User]}
	r.add(recipient{address: company.Email, language: company.Language})
	r.addUser(people[v.User], company, seller)
	if in.agreed != nil {
		if in.agreedBy != nil {
			r.addUser(people[*in.agreedBy], company, seller)
		}
		r.add(recipient{address: in.agreed.Email, language: company.Language})
	}
	if in.quote != nil {
		r.addUser(people[in.quote.MadeByID], company, seller)
	}
	if seller != nil {
		r.add(recipient{address: seller.Email, language: seller.Language})
	}
	return r, nil
}

// seller is who sells to a company: whoever made the quote, or else the partner or operator
// above it; nil for the operator itself.
func (s *Service) seller(ctx context.Context, client *ent.Client, company *ent.Tenant, q *ent.Quote) (*ent.Tenant, error) {
	above := company.ParentID
	if q != nil {
		above = &q.SellerID
	}
	if above == nil {
		return nil, nil
	}
	seller, err := client.Tenant.Query().Where(tenant.ID(*above)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading who sells to a company: %w", err)
	}
	return seller, nil
}

// addUser adds a person, in its own language or else its company's.
func (r *receipt) addUser(u *ent.User, company, seller *ent.Tenant) {
	if u == nil || u.Status == user.StatusDEACTIVATED {
		return
	}
	language := company.Language
	if seller != nil && u.TenantID == seller.ID {
		language = seller.Language
	}
	r.add(recipient{address: u.Email, language: cmp.Or(string(u.Language), language), user: u})
}

// add adds an address unless it is there, however it is spelt.
func (r *receipt) add(to recipient) {
	same := func(other recipient) bool { return strings.EqualFold(other.address, to.address) }
	if to.address != "" && !slices.ContainsFunc(r.to, same) {
		r.to = append(r.to, to)
	}
}

// send mails the receipt of a written order, in the transaction that writes it.
func (s *Service) send(ctx context.Context, tx *ent.Tx, r *receipt, o *ent.Order, c *cart.Cart) error {
	items := make([]mail.Item, len(c.Items))
	for i, item := range c.Items {
		items[i] = mail.Item{Quantity: item.Quantity, Unit: item.Product.Unit, SKU: item.Product.Sku, Name: item.Product.Name, LineTotal: *item.LineTotal}
	}
	mails := make([]mail.Content, len(r.to))
	for i, to := range r.to {
		mails[i] = mail.Content{
			User: to.user, Tenant: r.company, To: to.address, Language: to.language, At: s.moment(),
			By: r.orderer.DisplayName(), Order: o.Number, PlacedAt: o.PlacedAt, Net: o.Net(), Tax: o.Tax(), Amount: o.Gross(), Items: items,
			Text: lang.Text(to.language, "ORDER_STATE_"+string(o.State), nil),
		}
		if o.AgreedName != nil {
			mails[i].AgreedBy = *o.AgreedName
		}
	}
	return s.outbox.PutAll(authz.System(ctx), tx, mail.OrderReceipt, mails)
}

// OrderReceipt is what is told right after ordering (OR-08).
type OrderReceipt struct {
	Order       *ent.Order
	SentTo      []string
	Information []ReceiptInformation
}

// ReceiptInformation is something that is good to know about an order.
type ReceiptInformation struct{ Title, Text string }

// Receipt is the receipt of the order with this number, for those whose company it is of and
// who serve that company; nil for others, and where there is none. Where numbers of several
// companies coincide, it is the viewer's own.
func (s *Service) Receipt(ctx context.Context, number string) (*OrderReceipt, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.Order.Query().WithTenant().WithItems(inOrder)
	o, err := s.Order(ctx, q, number)
	if err != nil || o == nil {
		return nil, err
	}
	path := ""
	if o.Edges.Tenant != nil {
		path = o.Edges.Tenant.Path
	}
	allowed, err := authz.Can(v, "order.receipt", authz.Thing{Tenant: o.TenantID, TenantPath: path, Owner: o.PlacedByID})
	if err != nil || !allowed {
		return nil, err
	}
	approval, err := s.Approval(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &OrderReceipt{Order: o, SentTo: o.ReceiptTo, Information: information(lang.FromContext(ctx), o, approval)}
	if r.SentTo == nil {
		r.SentTo = []string{}
	}
	return r, nil
}

// information is what happens next, and whom to ask.
func information(language string, o *ent.Order, approval *OrderApproval) []ReceiptInformation {
	var all []ReceiptInformation
	tell := func(code string, args map[string]any) {
		all = append(all, ReceiptInformation{Title: lang.Text(language, "RECEIPT_TITLE_"+code, nil), Text: lang.Text(language, "RECEIPT_"+code, args)})
	}
	all = append(all, ReceiptInformation{Title: lang.Text(language, "RECEIPT_TITLE_STATE", nil), Text: lang.Text(language, "ORDER_STATE_"+string(o.State), nil)})
	if approval != nil && o.State == order.StatePENDING_APPROVAL {
		names := make([]string, len(approval.Approvers))
		for i, u := range approval.Approvers {
			names[i] = u.DisplayName()
		}
		tell("APPROVAL", map[string]any{"rule": *approval.Rule, "approvers": strings.Join(names, ", ")})
	}
	if o.State == order.StatePENDING_APPROVAL || o.State == order.StateIN_PROGRESS {
		if o.Automatic {
			tell("AUTOMATIC", nil)
		} else {
			tell("BY_HAND", nil)
		}
	}
	if t := o.Edges.Tenant; t != nil && t.ContactName != "" {
		tell("CONTACT", map[string]any{"name": t.ContactName, "phone": t.ContactPhone, "email": t.ContactEmail})
	}
	return all
}

// SoldBy is who sold what was ordered; nil where the operator ordered for itself. Customers know
// its name, whatever else of it they may not see.
func (s *Service) SoldBy(ctx context.Context, o *ent.Order) (*ent.Tenant, error) {
	ctx = authz.System(ctx)
	company, err := s.db.Client.Tenant.Get(ctx, o.TenantID)
	if err != nil {
		return nil, fmt.Errorf("reading whose order it is: %w", err)
	}
	if o.QuoteID == nil {
		return s.seller(ctx, s.db.Client, company, nil)
	}
	q, err := s.db.Client.Quote.Get(ctx, *o.QuoteID)
	if err != nil {
		return nil, fmt.Errorf("reading the quote of an order: %w", err)
	}
	return s.seller(ctx, s.db.Client, company, q)
}

// Placed is the order with this ID that the viewer may see, with its positions and company;
// ErrNotFound where there is none.
func (s *Service) Placed(ctx context.Context, id uuid.UUID) (*ent.Order, error) {
	o, err := s.db.Client.Order.Query().Where(order.ID(id)).WithTenant().WithContract().
		WithItems(inOrder).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading an order: %w", err)
	}
	return o, nil
}
