package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/onetimelink"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/mail"
	"kontor/internal/password"
)

// Invitation is what the page behind an invitation's link shows (ID-05).
type Invitation struct {
	Status             LinkStatus
	Email              *string
	Title              *string
	FirstName          *string
	LastName           *string
	TenantName         string
	BecomesMasterAdmin bool
	ExpiresAt          time.Time
	PasswordPolicy     password.Policy
	ContactPerson      fault.Contact
}

// SentInvitation is an invitation as administrators see it.
type SentInvitation struct {
	Email     string
	Status    LinkStatus
	ExpiresAt time.Time
}

// AcceptInvitationInput is what an invited user registers with.
type AcceptInvitationInput struct {
	Token     string
	Password  string
	Title     *string
	FirstName *string
	LastName  *string
	Phone     *string
	Language  *user.Language
}

// Invitation is the invitation behind a token; nil for one that was never sent.
// Looking at it never uses it up.
func (s *Service) Invitation(ctx context.Context, text string) (*Invitation, error) {
	l, err := s.find(authz.System(ctx), onetimelink.PurposeINVITATION, text)
	if l == nil {
		return nil, err
	}
	u, t := l.Edges.User, l.Edges.User.Edges.Tenant
	policy, err := password.Named(string(t.PasswordPolicy), u.OtpEnabled)
	if err != nil {
		return nil, err
	}
	shown := &Invitation{
		Status: s.statusOf(l), TenantName: t.Name, ExpiresAt: l.ExpiresAt.UTC(), PasswordPolicy: policy,
		ContactPerson: *t.ContactPerson(), BecomesMasterAdmin: hasRole(u, authz.MasterAdmin),
	}
	if s.spent(l) != nil && shown.Status == LinkOpen {
		shown.Status = LinkRevoked
	}
	// Of a link that no longer works whoever finds it learns nothing about a person.
	if shown.Status == LinkOpen {
		shown.Email, shown.Title, shown.FirstName, shown.LastName = &u.Email, &u.Title, &u.FirstName, &u.LastName
	}
	return shown, nil
}

// AcceptInvitation makes an invited user one that can log in, and gives its user
// name (ID-05).
func (s *Service) AcceptInvitation(ctx context.Context, in AcceptInvitationInput) (string, error) {
	system := authz.System(ctx)
	l, err := s.follow(system, onetimelink.PurposeINVITATION, in.Token)
	if err != nil {
		return "", err
	}
	u := l.Edges.User
	var faults fault.List
	orPrefilled := func(given *string, prefilled, field string) string {
		if given == nil {
			given = &prefilled
		}
		return fault.Needed(*given, nameLength, field, &faults)
	}
	u.FirstName, u.LastName = orPrefilled(in.FirstName, u.FirstName, "firstName"), orPrefilled(in.LastName, u.LastName, "lastName")
	if in.Title != nil {
		u.Title = fault.Line(in.Title, titleLength, []string{"title"}, &faults)
	}
	if in.Phone != nil {
		u.Phone = phone(in.Phone, "phone", &faults)
	}
	if u.Language = user.Language(lang.FromContext(ctx)); in.Language != nil {
		u.Language = *in.Language
	}
	hash, err := s.newPassword(ctx, u, in.Password, "password", nil, faults)
	if err != nil {
		return "", err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		if err := s.consume(system, tx, l); err != nil {
			return struct{}{}, err
		}
		n, err := tx.User.Update().Where(user.ID(u.ID), user.StatusEQ(user.StatusINVITED)).SetStatus(user.StatusACTIVE).
			SetFirstName(u.FirstName).SetLastName(u.LastName).SetTitle(u.Title).SetPhone(u.Phone).SetLanguage(u.Language).
			SetPasswordHash(hash).SetSessionsValidAfter(s.moment()).Save(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("registering an invited user: %w", err)
		}
		if n == 0 {
			return struct{}{}, fault.New("CONFLICT")
		}
		return struct{}{}, s.record(system, tx, "user.register", u, fields{"status": user.StatusINVITED}, fields{"status": user.StatusACTIVE})
	})
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

// invite mails a user its invitation, in the transaction that makes it.
func (s *Service) invite(ctx context.Context, tx *ent.Tx, which mail.Template, u *ent.User, t *ent.Tenant, by *ent.User) (*SentInvitation, error) {
	link, until, err := s.issue(ctx, tx, u, onetimelink.PurposeINVITATION, u.Email, by)
	if err != nil {
		return nil, err
	}
	err = s.Outbox.Put(ctx, tx, which, mail.Content{User: u, Tenant: t, At: s.moment(), By: by.DisplayName(), Link: link, Until: until})
	return &SentInvitation{Email: u.Email, Status: LinkOpen, ExpiresAt: until}, err
}

// SentInvitation is the last invitation of a user, or nil: one statement for all
// users that were loaded together. Only administrators see users' invitations.
func (s *Service) SentInvitation(ctx context.Context, u *ent.User) (*SentInvitation, error) {
	all, err := ent.Load(ctx, u.Siblings(), "invitation", func(ctx context.Context, users []*ent.User) (map[uuid.UUID]*SentInvitation, error) {
		ids := make([]uuid.UUID, len(users))
		for i, each := range users {
			ids[i] = each.ID
		}
		sent, err := s.DB.Client.OneTimeLink.Query().
			Where(onetimelink.UserIDIn(ids...), onetimelink.PurposeEQ(onetimelink.PurposeINVITATION)).
			Order(onetimelink.ByID()).All(authz.System(ctx))
		if err != nil {
			return nil, fmt.Errorf("reading invitations: %w", err)
		}
		last := make(map[uuid.UUID]*SentInvitation, len(sent))
		for _, l := range sent {
			last[l.UserID] = &SentInvitation{Email: l.Email, Status: s.statusOf(l), ExpiresAt: l.ExpiresAt.UTC()}
		}
		return last, nil
	})
	return all[u.ID], err
}
