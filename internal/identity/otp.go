package identity

import (
	"context"
	"fmt"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/recoverycode"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/mail"
	"kontor/internal/otp"
	"kontor/internal/throttle"
)

// otpLimits bound guesses at one-time codes, over all challenges of a user: a million
// codes are few. Whoever guesses them knows the password, so the end is the same as
// that of guessing it.
var otpLimits = throttle.Limits{Free: 5, First: 30 * time.Second, Longest: 15 * time.Minute, Tell: 10, Hard: 100, Forget: 12 * time.Hour}

// DisableOtpInput switches one-time codes off.
type DisableOtpInput struct{ CurrentPassword, Code string }

// recentLogin is how long after a login one-time codes can be set up without the password.
const recentLogin = 15 * time.Minute

// EnrolOtpInput confirms that it is the user who sets one-time codes up.
type EnrolOtpInput struct{ CurrentPassword *string }

// EnrolOTP makes the secret of one-time codes for the viewer. They count once a first
// code was confirmed (ID-18).
func (s *Service) EnrolOTP(ctx context.Context, in *EnrolOtpInput) (otp.Key, error) {
	u, err := s.self(ctx)
	if err != nil {
		return otp.Key{}, err
	}
	if u.OtpEnabled {
		return otp.Key{}, fault.New("OTP_ALREADY_ENABLED")
	}
	if in == nil {
		in = &EnrolOtpInput{}
	}
	if err := s.recent(ctx, u, in.CurrentPassword); err != nil {
		return otp.Key{}, err
	}
	key, err := otp.New(u.Edges.Tenant.Name, u.Username)
	if err != nil {
		return otp.Key{}, fmt.Errorf("making the secret of one-time codes: %w", err)
	}
	sealed, err := s.Sealer.Seal(otpPurpose(u), []byte(key.Secret))
	if err != nil {
		return otp.Key{}, fmt.Errorf("sealing the secret of one-time codes: %w", err)
	}
	system := authz.System(ctx)
	n, err := db.InTx(system, s.DB, func(tx *ent.Tx) (int, error) {
		return tx.User.Update().Where(user.ID(u.ID), user.OtpEnabled(false)).SetOtpSecret(sealed).SetOtpLastStep(0).Save(system)
	})
	if err != nil {
		return otp.Key{}, fmt.Errorf("keeping the secret of one-time codes: %w", err)
	}
	if n == 0 {
		return otp.Key{}, fault.New("OTP_ALREADY_ENABLED")
	}
	return key, nil
}

// recent refuses whoever neither logged in a short time ago nor types the password: who finds an open screen
// must not bind the account to an authenticator of its own (AUTH-10).
func (s *Service) recent(ctx context.Context, u *ent.User, typed *string) error {
	if typed != nil {
		return s.confirm(ctx, u, *typed)
	}
	own, err := s.OwnSession(ctx)
	if err != nil {
		return err
	}
	if s.Now().Sub(own.CreatedAt) > recentLogin {
		return fault.New("LOGIN_TOO_OLD", "currentPassword")
	}
	return nil
}

// ConfirmOTP switches one-time codes on by a first code, ends all other sessions and
// gives the recovery codes, which are shown this once (ID-18).
func (s *Service) ConfirmOTP(ctx context.Context, code string) ([]string, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case u.OtpEnabled:
		return nil, fault.New("OTP_ALREADY_ENABLED")
	case u.OtpSecret == "":
		return nil, fault.New("OTP_NOT_BEGUN")
	}
	attempt, err := s.reserve(ctx, "otp", u.ID.String(), otpLimits)
	if err != nil {
		return nil, err
	}
	step, err := s.stepOf(u, code)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, fault.New("CODE_INVALID", "code")
	}
	codes, err := otp.NewRecoveryCodes()
	if err != nil {
		return nil, fmt.Errorf("making recovery codes: %w", err)
	}
	system := authz.System(ctx)
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		n, err := tx.User.Update().Where(user.ID(u.ID), user.OtpEnabled(false), user.OtpSecret(u.OtpSecret)).
			SetOtpEnabled(true).SetOtpLastStep(step).SetSessionsValidAfter(s.moment()).SetSurvivingSession(v.Session).Save(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("switching one-time codes on: %w", err)
		}
		if n == 0 {
			return struct{}{}, fault.New("CONFLICT")
		}
		if err := s.keepRecoveryCodes(system, tx, u, codes); err != nil {
			return struct{}{}, err
		}
		if err := s.record(system, tx, "user.otp", u, fields{"enabled": false}, fields{"enabled": true}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.Outbox.Put(system, tx, mail.OTPEnabled, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment()})
	})
	if err != nil {
		return nil, err
	}
	if err := s.succeed(ctx, attempt); err != nil {
		return nil, err
	}
	return codes, s.stayAlone(ctx, v)
}

func (s *Service) keepRecoveryCodes(ctx context.Context, tx *ent.Tx, u *ent.User, codes []string) error {
	if _, err := tx.RecoveryCode.Delete().Where(recoverycode.UserID(u.ID)).Exec(ctx); err != nil {
		return fmt.Errorf("forgetting earlier recovery codes: %w", err)
	}
	rows := make([]*ent.RecoveryCodeCreate, len(codes))
	for i, code := range codes {
		rows[i] = tx.RecoveryCode.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetCodeHash(otp.HashRecoveryCode(otp.NormalizeRecoveryCode(code)))
	}
	if err := tx.RecoveryCode.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("keeping recovery codes: %w", err)
	}
	return nil
}

// DisableOTP switches one-time codes off, confirmed by the password and a code, unless
// the portal demands them, and ends all other sessions (ID-18).
func (s *Service) DisableOTP(ctx context.Context, in DisableOtpInput) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	switch {
	case u.Edges.Tenant.PasswordPolicy == tenant.PasswordPolicyPIN_OTP:
		return fault.New("OTP_MANDATORY").Contact()
	case !u.OtpEnabled:
		return fault.New("OTP_NOT_ENABLED")
	}
	if err := s.confirm(ctx, u, in.CurrentPassword); err != nil {
		return err
	}
	if err := s.spend(ctx, u, in.Code); err != nil {
		return err
	}
	system := authz.System(ctx)
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		if err := tx.User.UpdateOneID(u.ID).SetOtpEnabled(false).SetOtpSecret("").
			SetSessionsValidAfter(s.moment()).SetSurvivingSession(v.Session).Exec(system); err != nil {
			return struct{}{}, fmt.Errorf("switching one-time codes off: %w", err)
		}
		if err := s.keepRecoveryCodes(system, tx, u, nil); err != nil {
			return struct{}{}, err
		}
		if err := s.record(system, tx, "user.otp", u, fields{"enabled": true}, fields{"enabled": false}); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.Outbox.Put(system, tx, mail.OTPDisabled, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment()})
	})
	if err != nil {
		return err
	}
	return s.stayAlone(ctx, v)
}

// spend uses a one-time code or a recovery code up. A code works once, however many
// come with it at the same time: the database lets one through.
func (s *Service) spend(ctx context.Context, u *ent.User, code string) error {
	attempt, err := s.reserve(ctx, "otp", u.ID.String(), otpLimits)
	if err != nil {
		return err
	}
	step, err := s.stepOf(u, code)
	if err != nil {
		return err
	}
	system := authz.System(ctx)
	n, err := db.InTx(system, s.DB, func(tx *ent.Tx) (int, error) {
		if step != 0 {
			return tx.User.Update().Where(user.ID(u.ID), user.OtpEnabled(true), user.OtpLastStepLT(step)).SetOtpLastStep(step).Save(system)
		}
		hash := otp.HashRecoveryCode(otp.NormalizeRecoveryCode(code))
		n, err := tx.RecoveryCode.Update().Where(recoverycode.UserID(u.ID), recoverycode.CodeHash(hash), recoverycode.UsedAtIsNil()).
			SetUsedAt(s.moment()).Save(system)
		if err != nil || n == 0 {
			return n, err
		}
		return n, s.Outbox.Put(system, tx, mail.RecoveryCodeUsed, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment()})
	})
	if err != nil {
		return fmt.Errorf("using a code: %w", err)
	}
	if n == 0 {
		s.noteFailure(system, u, attempt, otpLimits)
		return fault.New("CODE_INVALID", "code")
	}
	return s.succeed(ctx, attempt)
}

// stepOf is the time step of a one-time code; 0 for what is none.
func (s *Service) stepOf(u *ent.User, code string) (int64, error) {
	secret, err := s.Sealer.Open(otpPurpose(u), u.OtpSecret)
	if err != nil {
		return 0, fmt.Errorf("opening the secret of one-time codes: %w", err)
	}
	step, ok := otp.Step(string(secret), code, s.Now(), u.OtpLastStep)
	if !ok {
		return 0, nil
	}
	return step, nil
}

// otpPurpose binds a sealed secret to its user.
func otpPurpose(u *ent.User) string { return "one-time codes of " + u.ID.String() }
