package identity

import (
	"context"
	"fmt"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/onetimelink"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/mail"
	"kontor/internal/throttle"
)

// ChangeEmailInput is a new e-mail address, confirmed with the current password.
type ChangeEmailInput struct{ CurrentPassword, NewEmail string }

// ChangeEmail mails a link to a new address, which counts once the link was used, and
// tells the old one (ID-13). Whether the new address has an account only its owner learns.
func (s *Service) ChangeEmail(ctx context.Context, in ChangeEmailInput) error {
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	address, ok := email.Parse(in.NewEmail)
	if !ok {
		return fault.New("EMAIL_INVALID", "newEmail")
	}
	if Key(address) == Key(u.Email) {
		return fault.New("EMAIL_UNCHANGED", "newEmail")
	}
	if err := s.confirm(ctx, u, in.CurrentPassword); err != nil {
		return err
	}
	defer throttle.Evenly()()
	system := authz.System(ctx)
	owner, err := s.byAddress(system, address)
	if err != nil {
		return err
	}
	if allowed, err := s.mayMail(ctx, address); err != nil || !allowed {
		return err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		now := s.moment()
		if owner != nil {
			return struct{}{}, s.Outbox.Put(system, tx, mail.AlreadyRegistered, mail.Content{User: owner, Tenant: owner.Edges.Tenant, At: now, Link: s.BaseURL})
		}
		link, until, err := s.issue(system, tx, u, onetimelink.PurposeEMAIL_CHANGE, address, nil)
		if err != nil {
			return struct{}{}, err
		}
		c := mail.Content{User: u, Tenant: u.Edges.Tenant, At: now, NewEmail: address}
		if err := s.Outbox.Put(system, tx, mail.EmailChangeRequested, c); err != nil {
			return struct{}{}, err
		}
		c.To, c.Link, c.Until = address, link, until
		return struct{}{}, s.Outbox.Put(system, tx, mail.EmailChangeConfirm, c)
	})
	return err
}

// ConfirmEmail makes the address that a link went to the one that counts (ID-13).
// Whoever has its address as user name, as the invited have, gets the new one. All
// sessions end but the one that confirms.
func (s *Service) ConfirmEmail(ctx context.Context, text string) (*ent.User, error) {
	system := authz.System(ctx)
	l, err := s.follow(system, onetimelink.PurposeEMAIL_CHANGE, text)
	if err != nil {
		return nil, err
	}
	u, session := l.Edges.User, ""
	if v, err := authz.FromContext(ctx); err == nil && v.User == u.ID {
		session = v.Session
	}
	changed, err := db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		if err := s.consume(system, tx, l); err != nil {
			return nil, err
		}
		now := s.moment()
		// The old address is told before it is one no longer.
		c := mail.Content{User: u, Tenant: u.Edges.Tenant, At: now, NewEmail: l.Email, To: u.Email}
		if err := s.Outbox.Put(system, tx, mail.EmailChanged, c); err != nil {
			return nil, err
		}
		update := tx.User.UpdateOneID(u.ID).SetEmail(l.Email).SetEmailKey(Key(l.Email)).SetSessionsValidAfter(now).SetSurvivingSession(session)
		if u.UsernameIsEmail() {
			update.SetUsername(l.Email).SetUsernameKey(Key(l.Email))
		}
		changed, err := update.Save(system)
		if ent.IsConstraintError(err) {
			return nil, fault.New("EMAIL_TAKEN", "token")
		}
		if err != nil {
			return nil, fmt.Errorf("changing an e-mail address: %w", err)
		}
		if err := s.record(system, tx, "user.email", u, fields{"email": u.Email, "username": u.Username}, fields{"email": changed.Email, "username": changed.Username}); err != nil {
			return nil, err
		}
		return changed, s.revoke(system, tx, u, onetimelink.PurposePASSWORD_RESET)
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.Sessions.EndAll(ctx, u.ID, session); err != nil {
		return nil, unavailable(err)
	}
	return changed, nil
}

// self is the viewer's own user with its company and what only the server reads of it.
func (s *Service) self(ctx context.Context) (*ent.User, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.DB.Client.User.Query().Where(user.ID(v.User)).WithTenant().Only(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's own user: %w", err)
	}
	return u, nil
}
