package identity

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/passwordhash"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/mail"
	"kontor/internal/password"
)

// ChangePasswordInput is a new password, confirmed with the current one.
type ChangePasswordInput struct{ CurrentPassword, NewPassword string }

// Policy is the password policy of the viewer's tenant (ID-11).
func (s *Service) Policy(ctx context.Context) (password.Policy, error) {
	t, err := s.Tenant(ctx)
	if err != nil {
		return password.Policy{}, err
	}
	u, err := s.User(ctx)
	if err != nil {
		return password.Policy{}, err
	}
	return password.Named(string(t.PasswordPolicy), u.OtpEnabled)
}

// ChangePassword replaces the viewer's password and ends all its other sessions
// (ID-10). Every broken rule is told at once.
func (s *Service) ChangePassword(ctx context.Context, in ChangePasswordInput) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	system := authz.System(ctx)
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, u, in.CurrentPassword); err != nil {
		return err
	}
	former, err := s.formerHashes(system, u)
	if err != nil {
		return err
	}
	hash, err := s.newPassword(ctx, u, in.NewPassword, "newPassword", former, nil)
	if err != nil {
		return err
	}
	if _, err := db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, s.replace(system, tx, u, hash, v.Session)
	}); err != nil {
		return err
	}
	return s.stayAlone(ctx, v)
}

// confirm checks the current password; whoever found an open screen cannot guess for long.
func (s *Service) confirm(ctx context.Context, u *ent.User, typed string) error {
	wrong := fault.New("PASSWORD_WRONG", "currentPassword")
	attempt, err := s.reserve(ctx, "confirm", u.ID.String(), confirmLimits)
	if err != nil {
		return err
	}
	if len(typed) > password.MaxBytes {
		return wrong
	}
	right, err := s.Hasher.Verify(ctx, typed, u.PasswordHash)
	if err != nil {
		return fmt.Errorf("checking the current password: %w", err)
	}
	if !right {
		return wrong
	}
	return s.succeed(ctx, attempt)
}

// ExportMyDataInput confirms who asks for what is kept about it.
type ExportMyDataInput struct {
	CurrentPassword string
	Code            *string
}

// ConfirmSelf has the viewer show once more who it is: by the password, and by a code where it has set codes up (PRIV-04).
func (s *Service) ConfirmSelf(ctx context.Context, in ExportMyDataInput) error {
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	if u.OtpEnabled && (in.Code == nil || *in.Code == "") {
		return fault.New("VALUE_REQUIRED", "code")
	}
	if err := s.confirm(ctx, u, in.CurrentPassword); err != nil || !u.OtpEnabled {
		return err
	}
	return s.spend(ctx, u, *in.Code)
}

// newPassword is the hash of a new password, or every rule that it breaks together
// with what else is wrong with the form.
func (s *Service) newPassword(ctx context.Context, u *ent.User, typed, field string, former []string, faults fault.List) (string, error) {
	policy, err := password.Named(string(u.Edges.Tenant.PasswordPolicy), u.OtpEnabled)
	if err != nil {
		return "", err
	}
	broken := policy.Check(typed, password.Subject{
		Username: u.Username, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, Organization: u.Edges.Tenant.Name,
	})
	if u.PasswordHash != "" {
		former = append(former, u.PasswordHash)
	}
	if len(typed) <= password.MaxBytes && len(former) > 0 {
		reused, err := s.Hasher.MatchesAny(ctx, typed, former...)
		if err != nil {
			return "", fmt.Errorf("comparing with former passwords: %w", err)
		}
		if reused {
			broken = append(broken, password.CodeReused)
		}
	}
	for _, code := range broken {
		f := fault.New(code, field)
		for _, rule := range policy.Rules {
			if rule.Code == code {
				f.Text = rule.Description
			}
		}
		faults.Add(f)
	}
	if len(faults) > 0 {
		return "", faults
	}
	hash, err := s.Hasher.Hash(ctx, typed)
	if err != nil {
		return "", fmt.Errorf("hashing the new password: %w", err)
	}
	return hash, nil
}

func (s *Service) formerHashes(ctx context.Context, u *ent.User) ([]string, error) {
	rows, err := s.DB.Client.PasswordHash.Query().Where(passwordhash.UserID(u.ID)).
		Order(passwordhash.ByID(sql.OrderDesc())).Limit(password.HistoryLength).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading former passwords: %w", err)
	}
	hashes := make([]string, len(rows))
	for i, row := range rows {
		hashes[i] = row.Hash
	}
	return hashes, nil
}

// replace writes the new hash if the one that was checked is still there, keeps
// the former ones, and cuts every session off but the one that asks. Open links die:
// whoever asked for them knew the former password, or needs another one no longer.
func (s *Service) replace(ctx context.Context, tx *ent.Tx, u *ent.User, hash, session string) error {
	now := s.moment()
	n, err := tx.User.Update().Where(user.ID(u.ID), user.PasswordHash(u.PasswordHash)).
		SetPasswordHash(hash).SetMustChangePassword(false).SetSessionsValidAfter(now).SetSurvivingSession(session).Save(ctx)
	if err != nil {
		return fmt.Errorf("writing the new password: %w", err)
	}
	if n == 0 {
		return fault.New("CONFLICT")
	}
	if err := s.revoke(ctx, tx, u); err != nil {
		return err
	}
	if err := s.record(ctx, tx, "user.password", u, nil, nil); err != nil {
		return err
	}
	if u.PasswordHash == "" {
		return s.Outbox.Put(ctx, tx, mail.PasswordChanged, mail.Content{User: u, Tenant: u.Edges.Tenant, At: now})
	}
	if err := tx.PasswordHash.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetHash(u.PasswordHash).SetCreatedAt(now).Exec(ctx); err != nil {
		return fmt.Errorf("keeping the former password: %w", err)
	}
	if err := s.Outbox.Put(ctx, tx, mail.PasswordChanged, mail.Content{User: u, Tenant: u.Edges.Tenant, At: now}); err != nil {
		return err
	}
	kept, err := tx.PasswordHash.Query().Where(passwordhash.UserID(u.ID)).Order(passwordhash.ByID(sql.OrderDesc())).IDs(ctx)
	if err != nil {
		return fmt.Errorf("reading former passwords: %w", err)
	}
	if len(kept) <= password.HistoryLength {
		return nil
	}
	if _, err := tx.PasswordHash.Delete().Where(passwordhash.IDIn(kept[password.HistoryLength:]...)).Exec(ctx); err != nil {
		return fmt.Errorf("forgetting a former password: %w", err)
	}
	return nil
}
