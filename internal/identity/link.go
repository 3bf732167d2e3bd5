package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/onetimelink"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/token"
)

// LinkStatus is what became of a link.
type LinkStatus string

// Every end of a link is told apart, to whoever holds it.
const (
	LinkOpen    LinkStatus = "OPEN"
	LinkUsed    LinkStatus = "USED"
	LinkExpired LinkStatus = "EXPIRED"
	LinkRevoked LinkStatus = "REVOKED"
)

// links says for each purpose how long a link lives and which page of the portal
// it leads to.
var links = map[onetimelink.Purpose]struct {
	lifetime time.Duration
	page     string
}{
	onetimelink.PurposeINVITATION:     {90 * 24 * time.Hour, "/invitation"},
	onetimelink.PurposePASSWORD_RESET: {time.Hour, "/reset-password"},
	onetimelink.PurposeEMAIL_CHANGE:   {24 * time.Hour, "/confirm-email"},
}

// issue makes a link for a user and withdraws the open ones of the same purpose:
// only the newest works. It is nobody's who sends it, or that one's: then it is held until the end of the transaction, so that
// whoever switches it off meanwhile finds the link.
func (s *Service) issue(ctx context.Context, tx *ent.Tx, u *ent.User, purpose onetimelink.Purpose, address string, by *ent.User) (link string, until time.Time, err error) {
	var sender *uuid.UUID
	if by != nil {
		_, err := db.ForUpdate(s.DB, tx.User.Query().Where(user.ID(by.ID), user.StatusNEQ(user.StatusDEACTIVATED)), db.KeepingKeys).OnlyID(ctx)
		if ent.IsNotFound(err) {
			return "", time.Time{}, fault.ErrForbidden
		}
		if err != nil {
			return "", time.Time{}, fmt.Errorf("holding whoever invites: %w", err)
		}
		sender = &by.ID
	}
	if err := s.revoke(ctx, tx, u, purpose); err != nil {
		return "", time.Time{}, err
	}
	secret, hash, err := token.NewLink()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("making a link: %w", err)
	}
	now := s.moment()
	until = now.Add(links[purpose].lifetime)
	err = tx.OneTimeLink.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetPurpose(purpose).SetTokenHash(hash).
		SetEmail(address).SetNillableSentByID(sender).SetCreatedAt(now).SetExpiresAt(until).Exec(ctx)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("keeping a link: %w", err)
	}
	return s.BaseURL + links[purpose].page + "?token=" + secret, until, nil
}

// revoke withdraws a user's open links: those of some purposes, or all.
func (s *Service) revoke(ctx context.Context, tx *ent.Tx, u *ent.User, purposes ...onetimelink.Purpose) error {
	update := tx.OneTimeLink.Update().Where(onetimelink.UserID(u.ID), onetimelink.UsedAtIsNil(), onetimelink.RevokedAtIsNil())
	if len(purposes) > 0 {
		update.Where(onetimelink.PurposeIn(purposes...))
	}
	if err := update.SetRevokedAt(s.moment()).Exec(ctx); err != nil {
		return fmt.Errorf("withdrawing links: %w", err)
	}
	return nil
}

// revokeSent withdraws the open invitations that somebody sent: whoever must not come in any more lets nobody in either
// (AUTH-12). Another administrator sends them again.
func (s *Service) revokeSent(ctx context.Context, tx *ent.Tx, u *ent.User) error {
	now := s.moment()
	err := tx.OneTimeLink.Update().Where(onetimelink.SentByID(u.ID), onetimelink.PurposeEQ(onetimelink.PurposeINVITATION), onetimelink.UsedAtIsNil(),
		onetimelink.RevokedAtIsNil(), onetimelink.ExpiresAtGT(now)).SetRevokedAt(now).Exec(ctx)
	if err != nil {
		return fmt.Errorf("withdrawing what somebody sent: %w", err)
	}
	return nil
}

// find is the link of a token with its user and company, or nil.
func (s *Service) find(ctx context.Context, purpose onetimelink.Purpose, text string) (*ent.OneTimeLink, error) {
	hash, wellFormed := token.HashLink(text)
	if !wellFormed {
		return nil, nil
	}
	l, err := s.DB.Client.OneTimeLink.Query().Where(onetimelink.TokenHash(hash), onetimelink.PurposeEQ(purpose)).
		WithUser(func(q *ent.UserQuery) { q.WithTenant().WithRoles() }).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding a link: %w", err)
	}
	return l, nil
}

// follow is the link of a token that can be used now; why it cannot is a fault of
// its own for each reason.
func (s *Service) follow(ctx context.Context, purpose onetimelink.Purpose, text string) (*ent.OneTimeLink, error) {
	l, err := s.find(ctx, purpose, text)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, fault.New("LINK_UNKNOWN", "token")
	}
	if spent := s.spent(l); spent != nil {
		return nil, spent
	}
	return l, nil
}

func (s *Service) statusOf(l *ent.OneTimeLink) LinkStatus {
	switch {
	case l.UsedAt != nil:
		return LinkUsed
	case l.RevokedAt != nil:
		return LinkRevoked
	case !s.Now().Before(l.ExpiresAt):
		return LinkExpired
	default:
		return LinkOpen
	}
}

// spent says why a link no longer works, and whom to ask; nil when it works.
func (s *Service) spent(l *ent.OneTimeLink) *fault.Fault {
	var end *fault.Fault
	switch status := s.statusOf(l); {
	case status == LinkUsed:
		end = fault.New("LINK_USED", "token")
	case status == LinkExpired:
		end = fault.New("LINK_EXPIRED", "token")
	case status == LinkRevoked || l.Edges.User.Status == user.StatusDEACTIVATED:
		end = fault.New("LINK_REVOKED", "token")
	default:
		return nil
	}
	return end.Ask(l.Edges.User.Edges.Tenant.ContactPerson())
}

// consume uses a link up, in the transaction of what it is used for. Of many who
// come with it at once the database lets one through.
func (s *Service) consume(ctx context.Context, tx *ent.Tx, l *ent.OneTimeLink) error {
	now := s.moment()
	n, err := tx.OneTimeLink.Update().Where(onetimelink.ID(l.ID), onetimelink.UsedAtIsNil(), onetimelink.RevokedAtIsNil(),
		onetimelink.ExpiresAtGT(now)).SetUsedAt(now).Save(ctx)
	if err != nil {
		return fmt.Errorf("using a link: %w", err)
	}
	if n == 1 {
		return nil
	}
	again, err := tx.OneTimeLink.Query().Where(onetimelink.ID(l.ID)).WithUser(func(q *ent.UserQuery) { q.WithTenant() }).Only(ctx)
	if err != nil {
		return fmt.Errorf("reading why a link cannot be used: %w", err)
	}
	if spent := s.spent(again); spent != nil {
		return spent
	}
	return fault.New("CONFLICT")
}
