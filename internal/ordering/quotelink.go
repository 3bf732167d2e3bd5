package ordering

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/predicate"
	"kontor/ent/quote"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/account"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
	"kontor/internal/token"
)

// Guess counts a guess at a secret from the client's address before it is looked at, until
// right says that it was none.
type Guess func(context.Context) (right func(context.Context) error, err error)

// QuoteByToken is the quote behind the link of a mail, with its positions; nil for one that was
// never sent (OR-04). Whoever holds the link sees what is offered, and nothing else.
func (s *Service) QuoteByToken(ctx context.Context, text string) (*ent.Quote, error) {
	hash, wellFormed := token.HashLink(text)
	if !wellFormed {
		return nil, nil
	}
	right, err := s.guess(ctx)
	if err != nil {
		return nil, err
	}
	q, err := s.db.Client.Quote.Query().Where(quote.TokenHash(hash)).WithItems(byPosition).Only(authz.System(ctx))
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the quote of a link: %w", err)
	}
	return q, right(ctx)
}

// way is how somebody gets to a quote: by its ID, as a viewer of the customer, or by its link.
type way struct {
	viewer  *authz.Viewer // nil by the link
	to      predicate.Quote
	unknown error // where there is no such quote
	found   func(context.Context) error
}

// wayTo is the way that an input names, and the context to take it in.
func (s *Service) wayTo(ctx context.Context, id *gid.ID, link *string) (context.Context, *way, error) {
	switch {
	case id == nil && link == nil:
		return nil, nil, fault.New("VALUE_REQUIRED", "quoteId")
	case id != nil && link != nil:
		return nil, nil, fault.Invalid("name the quote either by its quoteId or by the token of its link")
	case id != nil:
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, nil, err
		}
		// Quotes to others are only looked at.
		mine := quote.And(quote.ID(id.Of(ent.KindQuote)), quote.TenantID(v.Tenant))
		return ctx, &way{v, mine, fault.ErrNotFound, func(context.Context) error { return nil }}, nil
	}
	unknown := fault.New("LINK_UNKNOWN", "token")
	hash, wellFormed := token.HashLink(*link)
	if !wellFormed {
		return nil, nil, unknown
	}
	right, err := s.guess(ctx)
	if err != nil {
		return nil, nil, err
	}
	return authz.System(ctx), &way{nil, quote.TokenHash(hash), unknown, right}, nil
}

// decide does something with a quote and its positions, which is held until that is done. The
// viewer is nil where the quote was named by its link.
func decide[T any](ctx context.Context, s *Service, id *gid.ID, link *string,
	do func(ctx context.Context, tx *ent.Tx, v *authz.Viewer, q *ent.Quote) (T, error),
) (T, error) {
	var zero T
	ctx, way, err := s.wayTo(ctx, id, link)
	if err != nil {
		return zero, err
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (T, error) {
		q, err := db.ForUpdate(s.db, tx.Quote.Query().Where(way.to).WithItems(byPosition), db.KeepingKeys).Only(ctx)
		if ent.IsNotFound(err) {
			return zero, way.unknown
		}
		if err != nil {
			return zero, fmt.Errorf("reading a quote to decide on: %w", err)
		}
		if err := way.found(ctx); err != nil {
			return zero, err
		}
		return do(ctx, tx, way.viewer, q)
	})
}

// companies are tenants by their keys, whoever asks.
func (s *Service) companies(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.Tenant, error) {
	found, err := client.Tenant.Query().Where(tenant.IDIn(ids...)).All(authz.System(ctx))
	if err != nil {
		return nil, err
	}
	companies := make(map[uuid.UUID]*ent.Tenant, len(found))
	for _, t := range found {
		companies[t.ID] = t
	}
	return companies, nil
}

// mailQuote mails a customer the link to a quote, in the language of its company. The seller
// signs, and names the person whom the customer turns to.
func (s *Service) mailQuote(ctx context.Context, tx *ent.Tx, q *ent.Quote, link string) error {
	companies, err := s.companies(ctx, tx.Client(), []uuid.UUID{q.TenantID, q.SellerID})
	if err != nil {
		return fmt.Errorf("reading between whom a quote is: %w", err)
	}
	by, err := s.actorName(ctx, tx)
	if err != nil {
		return err
	}
	signer := *companies[q.TenantID]
	signer.Name = companies[q.SellerID].Name
	return s.outbox.Put(authz.System(ctx), tx, mail.QuoteOffered, mail.Content{
		Tenant: &signer, To: q.RecipientEmail, At: s.moment(), By: by,
		Quote: q.Number, Amount: q.Gross(), ValidUntil: q.ValidUntil, Link: link, Text: q.Note,
	})
}

// tellSeller mails whoever made a quote what became of it, in its own language. Who has left
// gets none.
func (s *Service) tellSeller(ctx context.Context, tx *ent.Tx, which mail.Template, q *ent.Quote, c mail.Content) error {
	maker, err := tx.User.Query().Where(user.ID(q.MadeByID)).WithTenant().Only(authz.System(ctx))
	if err != nil {
		return fmt.Errorf("reading who made a quote: %w", err)
	}
	if maker.Status == user.StatusDEACTIVATED {
		return nil
	}
	companies, err := s.companies(ctx, tx.Client(), []uuid.UUID{q.TenantID})
	if err != nil {
		return fmt.Errorf("reading whose quote it is: %w", err)
	}
	c.User, c.Tenant, c.At, c.Language = maker, companies[q.TenantID], s.moment(), cmp.Or(string(maker.Language), maker.Edges.Tenant.Language)
	c.Quote, c.Amount = q.Number, q.Gross()
	return s.outbox.Put(authz.System(ctx), tx, which, c)
}

// knownBy is the user of the customer who agrees by the link, as far as that is known: whoever is
// logged in, or has the address. It has ordered, and does not approve its own order (OR-02).
func (s *Service) knownBy(ctx context.Context, tx *ent.Tx, q *ent.Quote, agreed *account.Agreement) (*uuid.UUID, error) {
	// An address is typed as whoever types it likes: to whom the link was mailed comes before it.
	ways := []predicate.User{user.EmailKey(strings.ToLower(q.RecipientEmail)), user.EmailKey(strings.ToLower(agreed.Email))}
	if by := authz.Actor(ctx); by != nil && by.AtHome().Tenant == q.TenantID {
		ways = []predicate.User{user.ID(by.User)}
	}
	for _, is := range ways {
		known, err := tx.User.Query().Where(user.TenantID(q.TenantID), is).IDs(authz.System(ctx))
		if err != nil {
			return nil, fmt.Errorf("finding who agrees to a quote: %w", err)
		}
		if len(known) > 0 {
			return &known[0], nil
		}
	}
	return nil, nil
}

// actorName is what the person who asks is called; nobody is called nothing.
func (s *Service) actorName(ctx context.Context, tx *ent.Tx) (string, error) {
	by := authz.Actor(ctx)
	if by == nil {
		return "", nil
	}
	u, err := tx.User.Get(authz.System(ctx), by.User)
	if err != nil {
		return "", fmt.Errorf("reading who is at a quote: %w", err)
	}
	return u.DisplayName(), nil
}
