package ordering

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/predicate"
	"kontor/ent/quote"
	"kontor/ent/quoteitem"
	"kontor/internal/day"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// QuoteState is where a quote stands now.
type QuoteState string

// The states. Expired is an open quote whose last day is over: that is told by the clock, and
// never written.
const (
	QuoteOpen     QuoteState = "OPEN"
	QuoteAccepted QuoteState = "ACCEPTED"
	QuoteDeclined QuoteState = "DECLINED"
	QuoteExpired  QuoteState = "EXPIRED"
)

// QuoteFilter says which quotes to list. Everything given must hold.
type QuoteFilter struct {
	Search   *string
	States   []QuoteState
	TenantID *gid.ID
}

// Quotes is the query for the quotes that the viewer may see, under a filter (OR-04).
func (s *Service) Quotes(where *QuoteFilter) *ent.QuoteQuery {
	q := s.db.Client.Quote.Query()
	if where == nil {
		return q
	}
	if text := fault.Sought(where.Search); text != "" {
		q.Where(quote.Or(quote.NumberContainsFold(text), quote.CustomerOrderNumberContainsFold(text),
			quote.ReferenceNumberContainsFold(text), quote.NameContainsFold(text)))
	}
	if len(where.States) > 0 {
		q.Where(s.inState(where.States))
	}
	if where.TenantID != nil {
		q.Where(quote.TenantID(where.TenantID.Of(ent.KindTenant)))
	}
	return q
}

// State is where a quote stands now: it is valid through its last day, in UTC.
func (s *Service) State(q *ent.Quote) QuoteState {
	if q.State == quote.StateOPEN && q.ValidUntil < day.Of(s.now()) {
		return QuoteExpired
	}
	return QuoteState(q.State)
}

// inState is the predicate for what State says.
func (s *Service) inState(states []QuoteState) predicate.Quote {
	today, any := day.Of(s.now()), make([]predicate.Quote, len(states))
	for i, state := range states {
		switch state {
		case QuoteOpen:
			any[i] = quote.And(quote.StateEQ(quote.StateOPEN), quote.ValidUntilGTE(today))
		case QuoteExpired:
			any[i] = quote.And(quote.StateEQ(quote.StateOPEN), quote.ValidUntilLT(today))
		default:
			any[i] = quote.StateEQ(quote.State(state))
		}
	}
	return quote.Or(any...)
}

// byPosition reads positions in their order.
func byPosition(q *ent.QuoteItemQuery) { q.Order(quoteitem.ByPosition()) }

// QuoteAction is what a viewer can do with a quote.
type QuoteAction string

// The actions.
const (
	Accept  QuoteAction = "ACCEPT"
	Decline QuoteAction = "DECLINE"
)

// deciding is what the viewer must be allowed for each action on a quote.
var deciding = map[QuoteAction][]string{Accept: {"quote.decide", "order.place"}, Decline: {"quote.decide"}}

// QuoteActions are what the viewer can do with a quote now (AC-14).
func (s *Service) QuoteActions(ctx context.Context, q *ent.Quote) ([]QuoteAction, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	actions := []QuoteAction{}
	for _, action := range []QuoteAction{Accept, Decline} {
		switch err := s.mayDecide(v, q, action); {
		case err == nil:
			actions = append(actions, action)
		case !refused(err):
			return nil, err
		}
	}
	return actions, nil
}

// mayDecide tells whether the viewer can accept or decline a quote: a user of the customer, and
// never who sells. Nobody is whoever holds the link, and may.
func (s *Service) mayDecide(v *authz.Viewer, q *ent.Quote, action QuoteAction) error {
	if v != nil {
		for _, need := range deciding[action] {
			allowed, err := authz.Can(v, need, authz.Thing{Tenant: q.TenantID})
			if err != nil {
				return err
			}
			if !allowed {
				return fault.ErrForbidden
			}
		}
	}
	return s.open(q)
}

// open is why a quote can no longer be decided on; nil while it can.
func (s *Service) open(q *ent.Quote) error {
	switch s.State(q) {
	case QuoteAccepted:
		return fault.New("QUOTE_ALREADY_ACCEPTED")
	case QuoteDeclined:
		return fault.New("QUOTE_DECLINED")
	case QuoteExpired:
		return fault.New("QUOTE_EXPIRED")
	default:
		return nil
	}
}

// Seller is the company of whoever made a quote, which its customer does not see otherwise:
// one statement for all quotes that were loaded together.
func (s *Service) Seller(ctx context.Context, q *ent.Quote) (*ent.Tenant, error) {
	sellers, err := ent.Load(ctx, q.Siblings(), "sellers", func(ctx context.Context, all []*ent.Quote) (map[uuid.UUID]*ent.Tenant, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.SellerID
		}
		found, err := s.companies(ctx, s.db.Client, ids)
		if err != nil {
			return nil, fmt.Errorf("reading who offers: %w", err)
		}
		return found, nil
	})
	return sellers[q.SellerID], err
}
