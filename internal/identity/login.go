package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/password"
	"kontor/internal/session"
)

// LoginInput is what a login needs.
type LoginInput struct {
	Username     string
	Password     string
	Organization *string
	Transport    session.Transport
	// DeviceToken is what an app's device is known by; a browser has a cookie.
	DeviceToken *string
}

// Login is a login that worked, or one that waits for a second factor.
type Login struct {
	Viewer    *authz.Viewer // nil while a challenge is open
	Session   session.Session
	Challenge *Challenge
	// Token is set for the transport BEARER only; a browser gets a cookie.
	Token *string
	// DeviceToken is for the transport BEARER only, too.
	DeviceToken *string
}

// ErrBusy says that too many passwords are being checked at the moment; the API
// answers RATE_LIMITED.
var ErrBusy = password.ErrBusy

// Challenge is a second factor that a login waits for.
type Challenge struct {
	Name string // a secret: whoever has it has got past the password
	session.Challenge
}

// Login checks user name or e-mail address, password and organization, and begins
// a session, or asks for a one-time code first (ID-01, ID-18). One wrong part gives one
// and the same answer, after the same work: one look-up of user and company, one
// password check. Attempts are counted before they are checked (ID-19).
func (s *Service) Login(ctx context.Context, in LoginInput) (*Login, error) {
	slot, err := s.fromSource(ctx)
	if err != nil {
		return nil, err
	}
	system := authz.System(ctx)
	u, err := s.findForLogin(system, in)
	if err != nil {
		return nil, err
	}
	knownBy := clientOf(ctx).KnownBy()
	if in.DeviceToken != nil {
		knownBy = *in.DeviceToken
	}
	attempt, err := s.attempt(ctx, u, in.Username, s.devices.read(u, knownBy))
	if err != nil {
		return nil, err
	}
	checked := u
	if !attempt.Allowed || s.initialIsOver(u) {
		checked = nil // the same work, and the same answer whether the password is right or not
	}
	if err := s.verify(ctx, checked, in.Password); err != nil {
		s.noteFailure(system, u, attempt.Decision, attempt.limits)
		if refusal(err) {
			s.refusedLogin(ctx, u, s.reasonOf(u, attempt.Allowed))
		}
		return nil, err
	}
	refused := fault.New("INVALID_CREDENTIALS")
	if !mayLogIn(u, attempt.device) {
		s.refusedLogin(ctx, u, "STATUS")
		return nil, refused
	}
	if err := s.passed(ctx, slot, attempt.Decision); err != nil {
		return nil, err
	}
	if u.OtpEnabled {
		name, waiting, err := s.Sessions.StartChallenge(ctx, session.Challenge{
			UserID: u.ID, Transport: in.Transport, ValidAfter: u.SessionsValidAfter, Device: attempt.device,
		})
		if err != nil {
			return nil, unavailable(err)
		}
		return &Login{Challenge: &Challenge{name, waiting}}, s.rehash(system, u, in.Password)
	}
	if err := s.rehash(system, u, in.Password); err != nil {
		return nil, err
	}
	return s.begin(ctx, u, in.Transport, attempt.device, refused)
}

// AnswerChallengeInput is the answer to a challenge.
type AnswerChallengeInput struct {
	ChallengeID gid.ID
	Code        string
}

// AnswerChallenge completes a login by a one-time code or a recovery code (ID-18).
func (s *Service) AnswerChallenge(ctx context.Context, in AnswerChallengeInput) (*Login, error) {
	slot, err := s.fromSource(ctx)
	if err != nil {
		return nil, err
	}
	gone := fault.New("CHALLENGE_UNKNOWN", "challengeId")
	waiting, err := s.Sessions.Challenge(ctx, string(in.ChallengeID))
	if errors.Is(err, session.ErrNotFound) {
		return nil, gone
	}
	if err != nil {
		return nil, unavailable(err)
	}
	tries, err := s.Throttle.Reserve(ctx, "challenge", string(in.ChallengeID), challengeLimits)
	if err != nil {
		return nil, unavailable(err)
	}
	if !tries.Allowed {
		if _, err := s.Sessions.EndChallenge(ctx, string(in.ChallengeID)); err != nil {
			return nil, unavailable(err)
		}
		return nil, gone
	}
	u, err := s.DB.Client.User.Query().Where(user.ID(waiting.UserID)).WithTenant().Only(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading who answers a challenge: %w", err)
	}
	if !mayLogIn(u, waiting.Device) || !u.OtpEnabled || !u.SessionsValidAfter.Equal(waiting.ValidAfter) {
		return nil, gone
	}
	if err := s.spend(ctx, u, in.Code); err != nil {
		if refusal(err) {
			s.refusedLogin(ctx, u, "CODE")
		}
		return nil, err
	}
	if mine, err := s.Sessions.EndChallenge(ctx, string(in.ChallengeID)); err != nil {
		return nil, unavailable(err)
	} else if !mine {
		return nil, gone
	}
	if err := s.passed(ctx, slot, tries); err != nil {
		return nil, err
	}
	return s.begin(ctx, u, waiting.Transport, waiting.Device, gone)
}

// findForLogin is the user that the input names, with its company, or nil; it never
// tells which part was wrong.
func (s *Service) findForLogin(ctx context.Context, in LoginInput) (*ent.User, error) {
	key := Key(in.Username)
	u, err := s.DB.Client.User.Query().Where(user.Or(user.UsernameKey(key), user.EmailKey(key))).First(ctx)
	if ent.MaskNotFound(err) != nil {
		return nil, fmt.Errorf("finding who logs in: %w", err)
	}
	// The company is looked up for nobody, too: an unknown name must not be faster.
	var of uuid.UUID
	if u != nil {
		of = u.TenantID
	}
	t, err := s.DB.Client.Tenant.Query().Where(tenant.ID(of)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the company of who logs in: %w", err)
	}
	organization := ""
	if in.Organization != nil {
		organization = strings.TrimSpace(*in.Organization)
	}
	if organization == "" && t.LoginNeedsOrganization || organization != "" && !strings.EqualFold(organization, t.OrganizationID) {
		return nil, nil
	}
	u.Edges.Tenant = t
	return u, nil
}

// initialLifetime is how long an initial password that the operator chose lets its user in: both know it (AUTH-14).
const initialLifetime = 10 * 24 * time.Hour

// initialIsOver tells whether somebody has an initial password still, too long after it was made.
// A new one comes by the mailed link.
func (s *Service) initialIsOver(u *ent.User) bool {
	return u != nil && u.MustChangePassword && !s.Now().Before(u.CreatedAt.Add(initialLifetime))
}

// verify checks the password, or does the same work for nobody.
func (s *Service) verify(ctx context.Context, u *ent.User, typed string) error {
	refused := fault.New("INVALID_CREDENTIALS")
	if len(typed) > password.MaxBytes {
		return refused
	}
	if u == nil || u.PasswordHash == "" {
		if err := s.Hasher.VerifyUnknown(ctx, typed); err != nil {
			return fmt.Errorf("checking a password: %w", err)
		}
		return refused
	}
	right, err := s.Hasher.Verify(ctx, typed, u.PasswordHash)
	if err != nil {
		return fmt.Errorf("checking a password: %w", err)
	}
	if !right {
		return refused
	}
	return nil
}

// rehash writes the password in the present form when it was stored in an older one.
func (s *Service) rehash(ctx context.Context, u *ent.User, typed string) error {
	if !s.Hasher.NeedsRehash(u.PasswordHash) {
		return nil
	}
	hash, err := s.Hasher.Hash(ctx, typed)
	if err != nil {
		return fmt.Errorf("hashing a password anew: %w", err)
	}
	_, err = db.InTx(ctx, s.DB, func(tx *ent.Tx) (int, error) {
		return tx.User.Update().Where(user.ID(u.ID), user.PasswordHash(u.PasswordHash)).SetPasswordHash(hash).Save(ctx)
	})
	if err != nil {
		return fmt.Errorf("keeping a password that was hashed anew: %w", err)
	}
	return nil
}

// begin starts a session and gives it to the client in the way it asked for. It fails
// with outdated for a user who has changed since it was read. From now on the device is a known one.
func (s *Service) begin(ctx context.Context, u *ent.User, transport session.Transport, device uuid.UUID, outdated error) (*Login, error) {
	client, t := clientOf(ctx), u.Edges.Tenant
	fresh := session.Session{
		UserID: u.ID, TenantID: u.TenantID, Transport: transport, Device: client.Device, IPAddress: client.IPAddress,
		IdleTimeout: time.Duration(t.SessionIdleMinutes) * time.Minute,
	}
	if t.SessionAbsoluteMinutes > 0 {
		fresh.ExpiresAt = s.Now().Add(time.Duration(t.SessionAbsoluteMinutes) * time.Minute)
	}
	token, begun, err := s.Sessions.Create(ctx, fresh)
	if err != nil {
		return nil, unavailable(err)
	}
	// Only now, or a change that comes in between would look for sessions before this
	// one is there to be ended.
	if err := s.noteLogin(ctx, u, device, outdated); err != nil {
		return nil, errors.Join(err, unavailable(s.Sessions.EndToken(context.WithoutCancel(ctx), token)))
	}
	v, _, err := s.viewer(ctx, begun)
	if errors.Is(err, fault.ErrUnauthenticated) {
		return nil, outdated
	}
	if err != nil {
		return nil, err
	}
	if err := s.endFormer(ctx); err != nil {
		return nil, err
	}
	login := &Login{Viewer: v, Session: begun}
	if login.DeviceToken, err = s.remember(ctx, u, device, transport); err != nil {
		return nil, err
	}
	if transport == session.Cookie {
		client.SetCookie(token, begun.ExpiresAt)
	} else {
		login.Token = &token
	}
	return login, nil
}

// noteLogin keeps when a user logged in, unless another password, a second factor or
// a deactivation has ended its sessions since it was read.
func (s *Service) noteLogin(ctx context.Context, u *ent.User, device uuid.UUID, outdated error) error {
	system := authz.System(ctx)
	_, err := db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		now, err := tx.User.UpdateOneID(u.ID).SetLastLoginAt(s.moment()).Save(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("noting a login: %w", err)
		}
		if !mayLogIn(now, device) || !now.SessionsValidAfter.Equal(u.SessionsValidAfter) {
			return struct{}{}, outdated
		}
		return struct{}{}, s.Audit.Record(ctx, tx, security("login", u, nil))
	})
	return err
}

// Logout ends the session of the request at once, on every replica (ID-02).
func (s *Service) Logout(ctx context.Context) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	ended, err := s.Sessions.End(ctx, v.User, v.Session)
	if err != nil {
		return unavailable(err)
	}
	clientOf(ctx).SetCookie("", time.Time{})
	return s.noteEnd(ctx, v, ended)
}
