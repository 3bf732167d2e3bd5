package telephony

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/enduser"
	"kontor/ent/extension"
	"kontor/ent/phonenumber"
	"kontor/ent/portfolio"
	"kontor/ent/portfolioproduct"
	"kontor/ent/simcard"
	"kontor/ent/tenant"
	entwizard "kontor/ent/wizard"
	"kontor/internal/money"
)

// wizard is what was entered.
type wizard = ent.Wizard

// choice is a product that a wizard has, and where it was chosen.
type choice struct {
	step    Step
	kind    portfolioproduct.Kind
	product *uuid.UUID
	field   []string
}

// facts are what wizards are checked by, as it is now: the same few statements however many
// wizards there are.
type facts struct {
	now       time.Time
	tenants   map[uuid.UUID]*ent.Tenant
	offers    map[string]*ent.Portfolio // that the company is offered, by name
	rules     map[string][]*ent.PortfolioProduct
	prices    map[uuid.UUID]*money.Money // of one unit, by product
	people    map[uuid.UUID]*ent.EndUser
	usernames map[string]bool
	held      map[uuid.UUID]held
}

// held is what a wizard has reserved and still has.
type held struct{ sim, number, extension bool }

// facts reads what these wizards are checked by.
func (s *Service) facts(ctx context.Context, client *ent.Client, all []*wizard) (*facts, error) {
	f := &facts{now: s.moment(), tenants: map[uuid.UUID]*ent.Tenant{}, offers: map[string]*ent.Portfolio{}, rules: map[string][]*ent.PortfolioProduct{},
		prices: map[uuid.UUID]*money.Money{}, people: map[uuid.UUID]*ent.EndUser{}, usernames: map[string]bool{}, held: map[uuid.UUID]held{}}
	var ids, tenants, people []uuid.UUID
	var names, usernames []string
	for _, w := range all {
		ids, tenants, names = append(ids, w.ID), append(tenants, w.TenantID), append(names, w.Portfolio)
		if w.EndUserID != nil {
			people = append(people, *w.EndUserID)
		}
		if w.NewUser != nil {
			usernames = append(usernames, key(w.NewUser.Username))
		}
	}
	for _, read := range []func() error{
		func() error { return f.readTenants(ctx, client, tenants) },
		func() error { return f.readRules(ctx, client, tenants, names) },
		func() error { return s.price(ctx, client, f) },
		func() error { return f.readPeople(ctx, client, people, usernames) },
		func() error { return f.readHeld(ctx, client, ids) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *facts) readTenants(ctx context.Context, client *ent.Client, ids []uuid.UUID) error {
	found, err := client.Tenant.Query().Where(tenant.IDIn(ids...)).All(ctx)
	if err != nil {
		return fmt.Errorf("reading the companies of wizards: %w", err)
	}
	for _, t := range found {
		f.tenants[t.ID] = t
	}
	return nil
}

func (f *facts) readRules(ctx context.Context, client *ent.Client, tenants []uuid.UUID, names []string) error {
	offers, err := client.Portfolio.Query().Where(portfolio.TenantIDIn(tenants...), portfolio.Active(true)).All(ctx)
	if err != nil {
		return fmt.Errorf("reading the portfolios of a company: %w", err)
	}
	for _, o := range offers {
		f.offers[o.Name] = o
	}
	rules, err := client.PortfolioProduct.Query().Where(portfolioproduct.PortfolioIn(names...)).WithProduct().All(ctx)
	if err != nil {
		return fmt.Errorf("reading what fits what: %w", err)
	}
	slices.SortFunc(rules, func(a, b *ent.PortfolioProduct) int { return cmp.Compare(f.sku(a), f.sku(b)) })
	for _, r := range rules {
		f.rules[r.Portfolio] = append(f.rules[r.Portfolio], r)
	}
	return nil
}

// price reads the company's prices of all products of the rules.
func (s *Service) price(ctx context.Context, client *ent.Client, f *facts) error {
	for _, rules := range f.rules {
		for _, r := range rules {
			if r.Edges.Product == nil {
				continue
			}
			price, err := s.catalog.UnitPrice(ctx, client, r.Edges.Product, money.FromInt(1))
			if err != nil {
				return err
			}
			f.prices[r.ProductID] = price
		}
	}
	return nil
}

func (f *facts) readPeople(ctx context.Context, client *ent.Client, ids []uuid.UUID, usernames []string) error {
	if len(ids)+len(usernames) == 0 {
		return nil
	}
	found, err := client.EndUser.Query().Where(enduser.Or(enduser.IDIn(ids...), enduser.UsernameKeyIn(usernames...))).All(ctx)
	if err != nil {
		return fmt.Errorf("reading end users: %w", err)
	}
	for _, p := range found {
		f.people[p.ID], f.usernames[p.UsernameKey] = p, true
	}
	return nil
}

func (f *facts) readHeld(ctx context.Context, client *ent.Client, ids []uuid.UUID) error {
	note := func(id *uuid.UUID, mark func(*held)) {
		h := f.held[*id]
		mark(&h)
		f.held[*id] = h
	}
	cards, err := client.SimCard.Query().Where(simcard.WizardIDIn(ids...), simcard.ReservedUntilGT(f.now)).All(ctx)
	if err != nil {
		return fmt.Errorf("reading reserved SIM cards: %w", err)
	}
	for _, c := range cards {
		note(c.WizardID, func(h *held) { h.sim = true })
	}
	numbers, err := client.PhoneNumber.Query().Where(phonenumber.WizardIDIn(ids...), phonenumber.ReservedUntilGT(f.now)).All(ctx)
	if err != nil {
		return fmt.Errorf("reading reserved numbers: %w", err)
	}
	for _, n := range numbers {
		note(n.WizardID, func(h *held) { h.number = true })
	}
	extensions, err := client.Extension.Query().Where(extension.WizardIDIn(ids...), extension.ReservedUntilGT(f.now)).All(ctx)
	if err != nil {
		return fmt.Errorf("reading reserved extensions: %w", err)
	}
	for _, e := range extensions {
		note(e.WizardID, func(h *held) { h.extension = true })
	}
	return nil
}

// rule is what a portfolio says about a product; nil where it does not have it.
func (f *facts) rule(portfolio string, product uuid.UUID) *ent.PortfolioProduct {
	for _, r := range f.rules[portfolio] {
		if r.ProductID == product {
			return r
		}
	}
	return nil
}

// named is what a portfolio says about the product with this number; nil where it does not
// have it, or the company may not see it.
func (f *facts) named(portfolio, sku string) *ent.PortfolioProduct {
	for _, r := range f.rules[portfolio] {
		if r.Edges.Product != nil && r.Edges.Product.Sku == sku {
			return r
		}
	}
	return nil
}

// sku is the number of the product of a rule; empty where the company does not see it.
func (f *facts) sku(r *ent.PortfolioProduct) string {
	if r == nil || r.Edges.Product == nil {
		return ""
	}
	return r.Edges.Product.Sku
}

// orderable tells whether the company can order the product of a rule.
func (f *facts) orderable(r *ent.PortfolioProduct) bool {
	return r.Edges.Product != nil && r.Edges.Product.Active && f.prices[r.ProductID] != nil
}

// offered are the products of a kind that the company can choose, by number.
func (f *facts) offered(portfolio string, kind portfolioproduct.Kind, voice *uuid.UUID, term *int) []*ent.Product {
	products := []*ent.Product{}
	if f.offers[portfolio] == nil {
		return products
	}
	for _, r := range f.rules[portfolio] {
		if fits(r, kind, voice, term) && f.orderable(r) {
			products = append(products, r.Edges.Product)
		}
	}
	return products
}

// fits tells whether a rule allows its product as this, with a voice product and a term; what
// is not chosen yet stands in the way of nothing (WZ-02).
func fits(r *ent.PortfolioProduct, kind portfolioproduct.Kind, voice *uuid.UUID, term *int) bool {
	return r.Active && r.Kind == kind &&
		(len(r.Voices) == 0 || voice == nil || slices.Contains(r.Voices, *voice)) &&
		(len(r.Terms) == 0 || term == nil || slices.Contains(r.Terms, *term))
}

// choicesOf are the products of a wizard, in the order of the steps.
func choicesOf(w *wizard) []choice {
	var all []choice
	add := func(step Step, kind portfolioproduct.Kind, product *uuid.UUID, field ...string) {
		if product != nil {
			all = append(all, choice{step, kind, product, field})
		}
	}
	add(Connection, portfolioproduct.KindVOICE, w.VoiceID, "connection", "voiceSku")
	add(Connection, portfolioproduct.KindDATA, w.DataID, "connection", "dataSku")
	add(Connection, portfolioproduct.KindSMS, w.SmsID, "connection", "smsSku")
	for i := range w.AddOnIds {
		add(AddOns, portfolioproduct.KindADD_ON, &w.AddOnIds[i], "addOns", "skus", strconv.Itoa(i))
	}
	add(SIM, portfolioproduct.KindSIM, w.SimProductID, "sim", "productSku")
	return all
}

// activates tells whether a wizard activates a card with the order.
func activates(w *wizard) bool {
	return w.SimMode != nil && *w.SimMode == entwizard.SimModeACTIVATE_NOW
}

// ports tells whether a wizard ports a number in.
func ports(w *wizard) bool {
	return w.NumberKind != nil && *w.NumberKind == entwizard.NumberKindPORT_IN
}

// key is how user names are told apart.
func key(username string) string { return strings.ToLower(username) }
