package ordering

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/quote"
	"kontor/internal/account"
	"kontor/internal/audit"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
	"kontor/internal/once"
)

// AcceptQuoteInput is which quote to accept, and who agrees to it.
type AcceptQuoteInput struct {
	QuoteID        *gid.ID
	Token          *string
	Name           string
	Email          string
	IdempotencyKey string
}

// DeclineQuoteInput is which quote to decline, and why.
type DeclineQuoteInput struct {
	QuoteID *gid.ID
	Token   *string
	Reason  *string
}

// maxAgreedName bounds the name of who agrees, in characters.
const maxAgreedName = 100

// AcceptQuote makes an order of a quote, with everything as it was offered (OR-04): one
// order, however many accept it at once. It is placed by whoever accepts in the portal, or by
// who made the quote where it is accepted by the link. The same request again gives the same
// order; any other is told QUOTE_ALREADY_ACCEPTED.
func (s *Service) AcceptQuote(ctx context.Context, in AcceptQuoteInput) (*ent.Order, error) {
	agreed, err := in.check()
	if err != nil {
		return nil, err
	}
	return decide(ctx, s, in.QuoteID, in.Token, func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, q *ent.Quote) (*ent.Order, error) {
		hash := in.hash(authz.Actor(ctx), agreed)
		if q.AcceptHash != nil && *q.AcceptHash == hash {
			return tx.Order.Query().Where(order.QuoteID(q.ID)).Only(ctx)
		}
		if by := authz.Actor(ctx); v == nil && by != nil && by.AtHome().Tenant == q.SellerID && q.SellerID != q.TenantID {
			return nil, fault.ErrForbidden // who sells does not accept
		}
		if err := s.mayDecide(v, q, Accept); err != nil {
			return nil, err
		}
		update := tx.Quote.Update().SetState(quote.StateACCEPTED).SetAgreedName(agreed.Name).SetAgreedEmail(agreed.Email).SetAcceptHash(hash)
		if err := s.close(ctx, tx, q, update); err != nil {
			return nil, err
		}
		asOffered := PlaceOrderInput{BusinessCase: order.BusinessCaseNEW_ORDER, quote: q, agreed: agreed}
		if v == nil {
			if asOffered.agreedBy, err = s.knownBy(ctx, tx, q, agreed); err != nil {
				return nil, err
			}
		}
		placed, err := s.place(ctx, tx, buyer(v, q), AsCart(q), asOffered)
		if err != nil {
			return nil, err
		}
		err = s.audit.Record(ctx, tx, audit.Change{
			Tenant: q.TenantID, Action: "quote.accept", Kind: "Quote", Subject: q.ID, Label: q.Number,
			Before: map[string]any{"state": QuoteOpen}, After: map[string]any{"state": QuoteAccepted, "agreedBy": agreed, "order": placed.Number},
		})
		if err != nil {
			return nil, err
		}
		return placed, s.tellSeller(ctx, tx, mail.QuoteAccepted, q, mail.Content{By: agreed.Name, Order: placed.Number})
	})
}

// DeclineQuote ends a quote without an order; whoever made it is told (OR-04).
func (s *Service) DeclineQuote(ctx context.Context, in DeclineQuoteInput) (*ent.Quote, error) {
	var faults fault.List
	reason := fault.Text(in.Reason, maxText, []string{"reason"}, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return decide(ctx, s, in.QuoteID, in.Token, func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, q *ent.Quote) (*ent.Quote, error) {
		if err := s.mayDecide(v, q, Decline); err != nil {
			return nil, err
		}
		if err := s.close(ctx, tx, q, tx.Quote.Update().SetState(quote.StateDECLINED).SetReason(reason)); err != nil {
			return nil, err
		}
		err := s.audit.Record(ctx, tx, audit.Change{
			Tenant: q.TenantID, Action: "quote.decline", Kind: "Quote", Subject: q.ID, Label: q.Number,
			Before: map[string]any{"state": QuoteOpen}, After: map[string]any{"state": QuoteDeclined, "reason": reason},
		})
		if err != nil {
			return nil, err
		}
		by, err := s.actorName(ctx, tx)
		if err != nil {
			return nil, err
		}
		q.State = quote.StateDECLINED
		return q, s.tellSeller(ctx, tx, mail.QuoteDeclined, q, mail.Content{By: by, Text: reason})
	})
}

// close writes what was decided on a quote, once, and who did: nobody that is known, where it
// came by the link.
func (s *Service) close(ctx context.Context, tx *ent.Tx, q *ent.Quote, update *ent.QuoteUpdate) error {
	n, err := update.Where(quote.ID(q.ID), quote.StateEQ(quote.StateOPEN)).SetDecidedAt(s.moment()).SetNillableDecidedByID(actor(ctx)).Save(ctx)
	if err != nil {
		return fmt.Errorf("writing what was decided on a quote: %w", err)
	}
	if n == 0 {
		return fault.New("CONFLICT") // it is held, so this cannot be
	}
	return nil
}

// buyer is for whom the order of a quote is placed: the viewer, or who made the quote, for
// its customer.
func buyer(v *authz.Viewer, q *ent.Quote) *authz.Viewer {
	if v == nil {
		return &authz.Viewer{User: q.MadeByID, Tenant: q.TenantID}
	}
	return v
}

// check is who agrees, or all that is wrong with the input.
func (in AcceptQuoteInput) check() (*account.Agreement, error) {
	var faults fault.List
	agreed := &account.Agreement{Name: fault.Needed(in.Name, maxAgreedName, "name", &faults)}
	address, ok := email.Parse(in.Email)
	if !ok {
		faults.Add(fault.New("EMAIL_INVALID", "email"))
	}
	agreed.Email = address
	if len(faults) > 0 {
		return nil, faults
	}
	return agreed, once.Request{Key: in.IdempotencyKey}.Check()
}

// hash tells one request to accept a quote from another: by the key, by who agreed, and by
// who asked.
func (in AcceptQuoteInput) hash(by *authz.Viewer, agreed *account.Agreement) string {
	who := uuid.Nil
	if by != nil {
		who = by.User
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%q|%q|%q", who, in.IdempotencyKey, agreed.Name, agreed.Email))
	return hex.EncodeToString(sum[:])
}
