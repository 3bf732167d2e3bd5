package ordering

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/user"
	"kontor/internal/mail"
)

// tellApprovers mails those who can decide an order now, each once and in its own
// language.
func (s *Service) tellApprovers(ctx context.Context, tx *ent.Tx, which mail.Template, w *waiting, text string) error {
	return s.tell(ctx, tx, which, w.order, w.everyDecider(), w.order.PlacedByID, text)
}

// tellOrderer mails whoever placed an order what an approver decided.
func (s *Service) tellOrderer(ctx context.Context, tx *ent.Tx, which mail.Template, o *ent.Order, by *authz.Viewer, text string) error {
	return s.tell(ctx, tx, which, o, []uuid.UUID{o.PlacedByID}, by.User, text)
}

// tell mails people about an order, in the name of its company. Who has left gets none.
func (s *Service) tell(ctx context.Context, tx *ent.Tx, which mail.Template, o *ent.Order, to []uuid.UUID, by uuid.UUID, text string) error {
	ctx = authz.System(ctx)
	found, err := tx.User.Query().Where(user.IDIn(append(to, by)...)).WithTenant().Order(user.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("reading whom to mail about an order: %w", err)
	}
	company, err := tx.Tenant.Get(ctx, o.TenantID)
	if err != nil {
		return fmt.Errorf("reading whose order it is: %w", err)
	}
	people := make(map[uuid.UUID]*ent.User, len(found))
	for _, u := range found {
		people[u.ID] = u
	}
	for _, id := range to {
		u := people[id]
		if u == nil || u.Status == user.StatusDEACTIVATED {
			continue
		}
		err := s.outbox.Put(ctx, tx, which, mail.Content{
			User: u, Tenant: company, At: s.moment(), Language: cmp.Or(string(u.Language), u.Edges.Tenant.Language),
			By: people[by].DisplayName(), Order: o.Number, Amount: o.Gross(), PlacedAt: o.PlacedAt, Text: text,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
