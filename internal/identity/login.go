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
	"kontor/internal/password"
	"kontor/internal/session"
)

// LoginInput is what a login needs.
type LoginInput struct {
	Username     string
	Password     string
	Organization *string
	Transport    session.Transport
}

// Login is a login that worked.
type Login struct {
	Viewer  *authz.Viewer
	Session session.Session
	// Token is set for the transport BEARER only; a browser gets a cookie.
	Token *string
}

// ErrBusy says that too many passwords are being checked at the moment; the API
// answers RATE_LIMITED.
var ErrBusy = password.ErrBusy

// Login checks user name or e-mail address, password and organization, and begins
// a session (ID-01). One wrong part gives one and the same answer, after the same
// work: one look-up of user and company, one password check.
func (s *Service) Login(ctx context.Context, in LoginInput) (*Login, error) {
	system := authz.System(ctx)
	u, err := s.findForLogin(system, in)
	if err != nil {
		return nil, err
	}
	if err := s.verify(ctx, u, in.Password); err != nil {
		return nil, err
	}
	if u.Status != user.StatusACTIVE {
		return nil, fault.New("INVALID_CREDENTIALS")
	}
	if err := s.noteLogin(system, u, in.Password); err != nil {
		return nil, err
	}
	return s.begin(ctx, u, in.Transport)
}

// findForLogin is the user that the input names, or nil; it never tells which
// part was wrong.
func (s *Service) findForLogin(ctx context.Context, in LoginInput) (*ent.User, error) {
	key := Key(in.Username)
	u, err := s.db.Client.User.Query().Where(user.Or(user.UsernameKey(key), user.EmailKey(key))).First(ctx)
	if ent.MaskNotFound(err) != nil {
		return nil, fmt.Errorf("finding who logs in: %w", err)
	}
	// The company is looked up for nobody, too: an unknown name must not be faster.
	var of uuid.UUID
	if u != nil {
		of = u.TenantID
	}
	t, err := s.db.Client.Tenant.Query().Where(tenant.ID(of)).Only(ctx)
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
	return u, nil
}

// verify checks the password, or does the same work for nobody.
func (s *Service) verify(ctx context.Context, u *ent.User, typed string) error {
	refused := fault.New("INVALID_CREDENTIALS")
	if len(typed) > password.MaxBytes {
		return refused
	}
	if u == nil || u.PasswordHash == "" {
		if err := s.hasher.VerifyUnknown(ctx, typed); err != nil {
			return fmt.Errorf("checking a password: %w", err)
		}
		return refused
	}
	right, err := s.hasher.Verify(ctx, typed, u.PasswordHash)
	if err != nil {
		return fmt.Errorf("checking a password: %w", err)
	}
	if !right {
		return refused
	}
	return nil
}

// noteLogin writes when the user logged in, and its password in the present form
// when it was stored in an older one.
func (s *Service) noteLogin(ctx context.Context, u *ent.User, typed string) error {
	hash := u.PasswordHash
	if s.hasher.NeedsRehash(hash) {
		var err error
		if hash, err = s.hasher.Hash(ctx, typed); err != nil {
			return fmt.Errorf("hashing a password anew: %w", err)
		}
	}
	if _, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (int, error) {
		return tx.User.Update().Where(user.ID(u.ID), user.PasswordHash(u.PasswordHash)).
			SetLastLoginAt(s.now()).SetPasswordHash(hash).Save(ctx)
	}); err != nil {
		return fmt.Errorf("noting a login: %w", err)
	}
	return nil
}

// begin starts a session and gives it to the client in the way it asked for.
func (s *Service) begin(ctx context.Context, u *ent.User, transport session.Transport) (*Login, error) {
	client := clientOf(ctx)
	token, begun, err := s.sessions.Create(ctx, session.Session{
		UserID: u.ID, TenantID: u.TenantID, Transport: transport, Device: client.Device, IPAddress: client.IPAddress,
	})
	if err != nil {
		return nil, unavailable(err)
	}
	v, _, err := s.viewer(ctx, begun)
	if err != nil {
		return nil, err
	}
	login := &Login{Viewer: v, Session: begun}
	if transport == session.Cookie {
		client.SetCookie(token, begun.ExpiresAt)
	} else {
		login.Token = &token
	}
	return login, nil
}

// Logout ends the session of the request at once, on every replica (ID-02).
func (s *Service) Logout(ctx context.Context) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	if _, err := s.sessions.End(ctx, v.User, v.Session); err != nil {
		return unavailable(err)
	}
	clientOf(ctx).SetCookie("", time.Time{})
	return nil
}

// unavailable says that sessions cannot be asked, which is never the same as not
// being logged in.
func unavailable(err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return fmt.Errorf("%w: %w", fault.ErrUnavailable, err)
	}
	return err
}
