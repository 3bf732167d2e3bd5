package identity

import (
	"context"
	"fmt"
	"time"

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

// ResetPasswordInput is a new password by a mailed link.
type ResetPasswordInput struct{ Token, NewPassword string }

// mailLimits keep strangers from filling somebody's mailbox.
var mailLimits = throttle.Limits{Free: 5, First: time.Minute, Longest: time.Hour, Tell: 10, Hard: 1000, Forget: 12 * time.Hour}

// mayMail tells whether a mail that anybody can ask for may still go to an address.
func (s *Service) mayMail(ctx context.Context, address string) (bool, error) {
	d, err := s.Throttle.Reserve(ctx, "mail", Key(address), mailLimits)
	if err != nil {
		return false, unavailable(err)
	}
	return d.Allowed, nil
}

// RequestPasswordReset mails a link for a new password to whoever has this address
// (ID-09). Neither the answer nor its time tells whether there is an account.
func (s *Service) RequestPasswordReset(ctx context.Context, typed string) error {
	defer throttle.Evenly()()
	address, ok := email.Parse(typed)
	if !ok {
		return fault.New("EMAIL_INVALID", "email")
	}
	if allowed, err := s.mayMail(ctx, address); err != nil || !allowed {
		return err
	}
	system := authz.System(ctx)
	u, err := s.byAddress(system, address)
	if err != nil || u == nil || u.Status != user.StatusACTIVE && u.Status != user.StatusLOCKED {
		return err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, s.mailReset(system, tx, u)
	})
	return err
}

func (s *Service) mailReset(ctx context.Context, tx *ent.Tx, u *ent.User) error {
	link, until, err := s.issue(ctx, tx, u, onetimelink.PurposePASSWORD_RESET, u.Email, nil)
	if err != nil {
		return err
	}
	return s.Outbox.Put(ctx, tx, mail.PasswordReset, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment(), Link: link, Until: until})
}

// ResetPassword sets a new password by a link, ends all sessions and releases whoever
// was locked (ID-09). It neither logs in nor replaces a one-time code.
func (s *Service) ResetPassword(ctx context.Context, in ResetPasswordInput) error {
	system := authz.System(ctx)
	l, err := s.follow(system, onetimelink.PurposePASSWORD_RESET, in.Token)
	if err != nil {
		return err
	}
	u := l.Edges.User
	former, err := s.formerHashes(system, u)
	if err != nil {
		return err
	}
	hash, err := s.newPassword(ctx, u, in.NewPassword, "newPassword", former, nil)
	if err != nil {
		return err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		if err := s.consume(system, tx, l); err != nil {
			return struct{}{}, err
		}
		if err := tx.User.Update().Where(user.ID(u.ID), user.StatusEQ(user.StatusLOCKED)).SetStatus(user.StatusACTIVE).Exec(system); err != nil {
			return struct{}{}, fmt.Errorf("releasing a user: %w", err)
		}
		return struct{}{}, s.replace(system, tx, u, hash, "")
	})
	if err != nil {
		return err
	}
	return s.release(ctx, u)
}

// release lets somebody log in at once who was delayed or locked, and ends what
// sessions there are.
func (s *Service) release(ctx context.Context, u *ent.User) error {
	if err := s.Throttle.Reset(ctx, "login", u.ID.String()); err != nil {
		return unavailable(err)
	}
	if err := s.Throttle.Reset(ctx, "otp", u.ID.String()); err != nil {
		return unavailable(err)
	}
	if _, err := s.Sessions.EndAll(ctx, u.ID, ""); err != nil {
		return unavailable(err)
	}
	return nil
}
