package telephony

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/user"
	entwizard "kontor/ent/wizard"
	"kontor/internal/day"
	"kontor/internal/gid"
	"kontor/internal/money"
)

// CustomerView is what the step CUSTOMER holds.
type CustomerView struct {
	Tenant     *ent.Tenant
	Portfolio  string
	Reference  string
	StartDate  *day.Day
	TermMonths *int
}

// ConnectionView is what the step CONNECTION holds; a product that left the assortment is nil.
type ConnectionView struct{ Voice, Data, Sms *ent.Product }

// EndUserView is what the step USER holds: somebody who is there, or somebody new without an ID.
type EndUserView struct {
	ID                                           *gid.ID
	Username, FirstName, Prefix, LastName, Email string
	Language                                     user.Language
	IsNew                                        bool
}

// SIMView is what the step SIM holds.
type SIMView struct {
	Product  *ent.Product
	Mode     entwizard.SimMode
	LastFour *string
}

// NumberView is what the step NUMBER holds.
type NumberView struct {
	Kind     entwizard.NumberKind
	Number   string
	Provider *string
}

// FMCView is what the step FMC holds; nobody sees the PIN again.
type FMCView struct {
	Extension, Name, AreaCode string
	PinMustChange             bool
}

// Summary is what an order costs, net (WZ-08).
type Summary struct {
	OneOff, Monthly money.Money
	Lines           []*SummaryLine
}

// SummaryLine is a product of it: it costs every month, or once.
type SummaryLine struct {
	Label           string
	Quantity        money.Decimal
	Monthly, OneOff *money.Money
}

// Sim is the card of a telephony user.
type Sim struct{ LastFour string }

// known are the facts of a wizard and of all of the same company that were loaded with it.
func (s *Service) known(ctx context.Context, w *ent.Wizard) (*facts, error) {
	return ent.Load(ctx, w.Siblings(), "facts of "+w.TenantID.String(), func(ctx context.Context, all []*ent.Wizard) (*facts, error) {
		ctx, err := s.within(ctx, w.TenantID)
		if err != nil {
			return nil, err
		}
		return s.facts(ctx, s.db.Client, slices.DeleteFunc(slices.Clone(all), func(other *ent.Wizard) bool { return other.TenantID != w.TenantID }))
	})
}

// StepsOf are the steps of a wizard, each with what is wrong with it.
func (s *Service) StepsOf(ctx context.Context, w *ent.Wizard) ([]*StepState, error) {
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	return f.check(w), nil
}

// CurrentStep is the first step that is not complete.
func (s *Service) CurrentStep(ctx context.Context, w *ent.Wizard) (Step, error) {
	states, err := s.StepsOf(ctx, w)
	return current(states), err
}

// ExpiresAt is until when reservations last; nil where it was ordered.
func ExpiresAt(w *ent.Wizard) *time.Time {
	if w.OrderID != nil {
		return nil
	}
	return &w.ExpiresAt
}

// CustomerOf is the step CUSTOMER.
func (s *Service) CustomerOf(ctx context.Context, w *ent.Wizard) (*CustomerView, error) {
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	return &CustomerView{f.tenants[w.TenantID], w.Portfolio, w.Reference, w.StartDate, w.TermMonths}, nil
}

// ConnectionOf is the step CONNECTION.
func (s *Service) ConnectionOf(ctx context.Context, w *ent.Wizard) (*ConnectionView, error) {
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	return &ConnectionView{f.product(w, w.VoiceID), f.product(w, w.DataID), f.product(w, w.SmsID)}, nil
}

// product is one that a wizard has chosen; nil where the company does not see it.
func (f *facts) product(w *wizard, id *uuid.UUID) *ent.Product {
	if id == nil {
		return nil
	}
	if rule := f.rule(w.Portfolio, *id); rule != nil {
		return rule.Edges.Product
	}
	return nil
}

// AddOnsOf is the step ADD_ONS.
func (s *Service) AddOnsOf(ctx context.Context, w *ent.Wizard) ([]*ent.Product, error) {
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	products := []*ent.Product{}
	for i := range w.AddOnIds {
		if p := f.product(w, &w.AddOnIds[i]); p != nil {
			products = append(products, p)
		}
	}
	return products, nil
}

// EndUserOf is the step USER; nil until it is set.
func (s *Service) EndUserOf(ctx context.Context, w *ent.Wizard) (*EndUserView, error) {
	if n := w.NewUser; n != nil {
		return &EndUserView{nil, n.Username, n.FirstName, n.Prefix, n.LastName, n.Email, user.Language(n.Language), true}, nil
	}
	if w.EndUserID == nil {
		return nil, nil
	}
	f, err := s.known(ctx, w)
	if err != nil || f.people[*w.EndUserID] == nil {
		return nil, err
	}
	p := f.people[*w.EndUserID]
	id := p.GlobalID()
	return &EndUserView{&id, p.Username, p.FirstName, p.Prefix, p.LastName, p.Email, user.Language(p.Language), false}, nil
}

// SIMOf is the step SIM; nil until it is set.
func (s *Service) SIMOf(ctx context.Context, w *ent.Wizard) (*SIMView, error) {
	if w.SimMode == nil {
		return nil, nil
	}
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	return &SIMView{f.product(w, w.SimProductID), *w.SimMode, given(w.SimLastFour)}, nil
}

// NumberOf is the step NUMBER; nil until it is set.
func (s *Service) NumberOf(w *ent.Wizard) *NumberView {
	if w.NumberKind == nil {
		return nil
	}
	return &NumberView{*w.NumberKind, w.PhoneNumber, given(w.Provider)}
}

// FMCOf is the step FMC; nil until it is set.
func (s *Service) FMCOf(w *ent.Wizard) *FMCView {
	if w.Extension == "" {
		return nil
	}
	return &FMCView{w.Extension, w.DisplayName, w.AreaCode, w.PinMustChange}
}

// SummaryOf is what the wizard's products cost, net, as it is now.
func (s *Service) SummaryOf(ctx context.Context, w *ent.Wizard) (*Summary, error) {
	f, err := s.known(ctx, w)
	if err != nil {
		return nil, err
	}
	currency := ""
	if t := f.tenants[w.TenantID]; t != nil {
		currency = t.Currency
	}
	sum := &Summary{Lines: []*SummaryLine{}}
	var monthly, oneOff money.Decimal
	for _, each := range choicesOf(w) {
		product := f.product(w, each.product)
		if product == nil || f.prices[*each.product] == nil {
			continue // the step says so
		}
		price := f.prices[*each.product]
		l := &SummaryLine{Label: product.Name, Quantity: money.FromInt(1)}
		total, err := money.Line(l.Quantity, price.Amount)
		if err != nil {
			return nil, fmt.Errorf("pricing a wizard: %w", err)
		}
		cost := money.Of(total, price.Currency)
		if isMonthly(product.Unit) {
			l.Monthly = &cost
			monthly, err = monthly.Plus(total)
		} else {
			l.OneOff = &cost
			oneOff, err = oneOff.Plus(total)
		}
		if err != nil {
			return nil, fmt.Errorf("adding a wizard up: %w", err)
		}
		currency = price.Currency
		sum.Lines = append(sum.Lines, l)
	}
	sum.Monthly, sum.OneOff = money.Of(monthly, currency), money.Of(oneOff, currency)
	return sum, nil
}

// CardOf is the card of a telephony user; nil where none is linked.
func (s *Service) CardOf(u *ent.TelephonyUser) *Sim {
	if u.SimLastFour == "" {
		return nil
	}
	return &Sim{u.SimLastFour}
}

// given is a text; nil where it is empty.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
