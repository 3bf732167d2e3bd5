package telephony

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kontor/ent"
	"kontor/ent/extension"
	"kontor/ent/phonenumber"
	"kontor/ent/portfolioproduct"
	"kontor/ent/simcard"
	"kontor/internal/fault"
)

// What a product can be in a portfolio.
const (
	VoiceProduct = portfolioproduct.KindVOICE
	DataProduct  = portfolioproduct.KindDATA
	SMSProduct   = portfolioproduct.KindSMS
	AddOnProduct = portfolioproduct.KindADD_ON
	SIMProduct   = portfolioproduct.KindSIM
)

// Choices are what can be chosen in a wizard as it is now.
type Choices struct{ Wizard *ent.Wizard }

// FreeSims says which free cards to list.
type FreeSims struct {
	Ending     *string
	ProductSku *string
	First      int
}

// Portfolios are the names of the portfolios that the company is offered.
func (s *Service) Portfolios(ctx context.Context, c *Choices) ([]string, error) {
	f, err := s.known(ctx, c.Wizard)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for name := range f.offers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Terms are the contract terms of the portfolio, in months: of all portfolios until one is
// chosen.
func (s *Service) Terms(ctx context.Context, c *Choices) ([]int, error) {
	f, err := s.known(ctx, c.Wizard)
	if err != nil {
		return nil, err
	}
	terms := []int{}
	for name, offer := range f.offers {
		if c.Wizard.Portfolio == "" || c.Wizard.Portfolio == name {
			terms = append(terms, offer.Terms...)
		}
	}
	slices.Sort(terms)
	return slices.Compact(terms), nil
}

// Products are the products of a kind that fit the portfolio, the term and a voice product:
// the one with this number, or else the one that is chosen (WZ-02).
func (s *Service) Products(ctx context.Context, c *Choices, kind portfolioproduct.Kind, voiceSKU *string) ([]*ent.Product, error) {
	f, err := s.known(ctx, c.Wizard)
	if err != nil {
		return nil, err
	}
	w, voice := c.Wizard, c.Wizard.VoiceID
	if voiceSKU != nil {
		rule := f.named(w.Portfolio, strings.TrimSpace(*voiceSKU))
		if rule == nil || !fits(rule, portfolioproduct.KindVOICE, nil, w.TermMonths) {
			return []*ent.Product{}, nil
		}
		voice = &rule.ProductID
	}
	return f.offered(w.Portfolio, kind, voice, w.TermMonths), nil
}

// maxChoices bounds lists of the stock.
const maxChoices = 100

func checkFirst(first int) error {
	if first < 1 || first > maxChoices {
		return fault.Invalid("first is 1 to 100")
	}
	return nil
}

// FreeSIMs are cards that nobody has, this wizard's among them.
func (s *Service) FreeSIMs(ctx context.Context, c *Choices, which FreeSims) ([]*ent.SimCard, error) {
	if err := checkFirst(which.First); err != nil {
		return nil, err
	}
	ctx, err := s.within(ctx, c.Wizard.TenantID)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.SimCard.Query().Where(s.asChange(c).mayTakeSIM()).Order(simcard.ByIccid()).Limit(which.First)
	if ending := fault.Sought(which.Ending); ending != "" {
		q.Where(simcard.IccidHasSuffix(ending))
	}
	if which.ProductSku != nil {
		f, err := s.known(ctx, c.Wizard)
		if err != nil {
			return nil, err
		}
		rule := f.named(c.Wizard.Portfolio, strings.TrimSpace(*which.ProductSku))
		if rule == nil {
			return []*ent.SimCard{}, nil
		}
		q.Where(simcard.ProductID(rule.ProductID))
	} else if c.Wizard.SimProductID != nil {
		q.Where(simcard.ProductID(*c.Wizard.SimProductID))
	}
	cards, err := q.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading free SIM cards: %w", err)
	}
	return cards, nil
}

// FreeNumbers are numbers of the stock that nobody has, this wizard's among them.
func (s *Service) FreeNumbers(ctx context.Context, c *Choices, first int) ([]*ent.PhoneNumber, error) {
	if err := checkFirst(first); err != nil {
		return nil, err
	}
	ctx, err := s.within(ctx, c.Wizard.TenantID)
	if err != nil {
		return nil, err
	}
	numbers, err := s.db.Client.PhoneNumber.Query().Where(s.asChange(c).mayTakeNumber(), phonenumber.OriginEQ(phonenumber.OriginSTOCK)).
		Order(phonenumber.ByNumber()).Limit(first).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading free numbers: %w", err)
	}
	return numbers, nil
}

// TakenExtensions are the extensions that somebody else has or has reserved (WZ-07).
func (s *Service) TakenExtensions(ctx context.Context, c *Choices) ([]string, error) {
	ctx, err := s.within(ctx, c.Wizard.TenantID)
	if err != nil {
		return nil, err
	}
	taken, err := s.db.Client.Extension.Query().Where(extension.Not(s.asChange(c).mayTakeExtension())).Order(extension.ByExtension()).
		Select(extension.FieldExtension).Strings(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading taken extensions: %w", err)
	}
	return taken, nil
}

// asChange is who asks what can be taken.
func (s *Service) asChange(c *Choices) *change { return &change{Service: s, w: c.Wizard} }

// EndUsers is the query for the end users of the company, and the context to ask it in.
func (s *Service) EndUsers(ctx context.Context, c *Choices) (context.Context, *ent.EndUserQuery, error) {
	ctx, err := s.within(ctx, c.Wizard.TenantID)
	return ctx, s.db.Client.EndUser.Query(), err
}

// Masked is the number of a card of which only the end is shown.
func Masked(c *ent.SimCard) string {
	return strings.Repeat("•", max(len(c.Iccid)-len(c.LastFour), 0)) + c.LastFour
}
