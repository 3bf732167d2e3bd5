package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/customercentrelink"
	"kontor/internal/audit"
	"kontor/internal/centre"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/throttle"
)

var (
	// userLimits bound guesses at access numbers and passwords by one user,
	userLimits = throttle.Limits{Free: 10, First: time.Minute, Longest: time.Hour, Tell: 11, Hard: 1000, Forget: 24 * time.Hour}
	// numberLimits those at one access number by many.
	numberLimits = throttle.Limits{Free: 20, First: time.Minute, Longest: time.Hour, Tell: 21, Hard: 1000, Forget: 24 * time.Hour}
	// logins bound how many logins at the customer centre one user has under way.
	logins = throttle.Allowance{Burst: 20, Refill: time.Minute}
)

// Lengths of what people type or browsers bring along, in characters.
const (
	maxAccessNumber = 64
	maxCentreSecret = 256
	maxCode         = 4096
)

// LinkCustomerCentreInput is how somebody proves who it is at the customer centre.
type LinkCustomerCentreInput struct{ AccessNumber, Password string }

// FinishCustomerCentreLoginInput is what the browser brings back from the customer centre.
type FinishCustomerCentreLoginInput struct {
	Code  string
	State string
	Iss   *string
}

// CustomerCentreLink is the link of an account; the zero value is none.
type CustomerCentreLink struct {
	Linked   bool
	LinkedAt *time.Time
	Subject  *string
}

func shownLink(l *ent.CustomerCentreLink) *CustomerCentreLink {
	return &CustomerCentreLink{Linked: true, LinkedAt: &l.LinkedAt, Subject: &l.Subject}
}

// CentreLink is the viewer's own link (AC-12).
func (s *Service) CentreLink(ctx context.Context) (*CustomerCentreLink, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	link, err := s.db.Client.CustomerCentreLink.Query().Where(customercentrelink.UserID(v.User)).Only(ctx)
	if ent.IsNotFound(err) {
		return &CustomerCentreLink{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's link to the customer centre: %w", err)
	}
	return shownLink(link), nil
}

// LinkCentre links the viewer to the customer centre by access number and personal
// password (AC-12). An unknown number and a wrong password give the same answer.
func (s *Service) LinkCentre(ctx context.Context, in LinkCustomerCentreInput) (*CustomerCentreLink, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var faults fault.List
	number := fault.Needed(in.AccessNumber, maxAccessNumber, "accessNumber", &faults)
	if in.Password == "" {
		faults.Add(fault.New("VALUE_REQUIRED", "password"))
	} else if len([]rune(in.Password)) > maxCentreSecret {
		faults.Add(fault.New("VALUE_TOO_LONG", "password").With("max", maxCentreSecret))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	// An attempt that the customer centre could not check stays counted: whoever could bring
	// it down could guess without limits otherwise.
	byUser, err := s.reserve(ctx, "customer centre", v.User.String(), userLimits)
	if err != nil {
		return nil, err
	}
	byNumber, err := s.reserve(ctx, "customer centre number", number, numberLimits)
	if err != nil {
		return nil, err
	}
	identity, err := s.centre.ByPassword(ctx, number, in.Password)
	if errors.Is(err, centre.ErrRefused) {
		return nil, fault.New("CUSTOMER_CENTRE_CREDENTIALS", "password")
	}
	if err != nil {
		return nil, s.centreFault(ctx, err)
	}
	if err := errors.Join(s.succeed(ctx, byUser), s.succeed(ctx, byNumber)); err != nil {
		return nil, err
	}
	return s.link(ctx, v, identity)
}

// StartCentreLogin begins a login at the customer centre and gives the address to go to.
// Only the session that began it can finish it (AC-12).
func (s *Service) StartCentreLogin(ctx context.Context) (string, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return "", err
	}
	slot, err := s.throttle.Take(ctx, "customer centre login", v.User.String(), logins)
	if err != nil {
		return "", unavailable(err)
	}
	if !slot.Allowed {
		return "", &fault.RateLimited{RetryAfter: slot.RetryAfter}
	}
	address, err := s.centre.Begin(ctx, v)
	if err != nil {
		return "", s.centreFault(ctx, err)
	}
	return address, nil
}

// FinishCentreLogin links the viewer by what the browser brings back from the customer
// centre (AC-12).
func (s *Service) FinishCentreLogin(ctx context.Context, in FinishCustomerCentreLoginInput) (*CustomerCentreLink, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	issuer := ""
	if in.Iss != nil {
		issuer = *in.Iss
	}
	if in.Code == "" || len(in.Code) > maxCode {
		return nil, fault.New("CUSTOMER_CENTRE_LOGIN_INVALID")
	}
	identity, err := s.centre.Finish(ctx, v, in.Code, in.State, issuer)
	if err != nil {
		return nil, s.centreFault(ctx, err)
	}
	return s.link(ctx, v, identity)
}

// link writes down who the viewer is at the customer centre.
func (s *Service) link(ctx context.Context, v *authz.Viewer, who centre.Identity) (*CustomerCentreLink, error) {
	system := authz.System(ctx)
	write := func(tx *ent.Tx) (*ent.CustomerCentreLink, error) {
		// Identities of others are seen to refuse them, and never told.
		known, err := tx.CustomerCentreLink.Query().Where(customercentrelink.Or(customercentrelink.UserID(v.User),
			customercentrelink.And(customercentrelink.Issuer(who.Issuer), customercentrelink.Subject(who.Subject)))).All(system)
		if err != nil {
			return nil, fmt.Errorf("looking for links to the customer centre: %w", err)
		}
		for _, l := range known {
			switch {
			case l.UserID != v.User:
				return nil, fault.New("CUSTOMER_CENTRE_IDENTITY_TAKEN").Contact()
			case l.Issuer != who.Issuer || l.Subject != who.Subject:
				return nil, fault.New("CUSTOMER_CENTRE_ALREADY_LINKED")
			}
		}
		if len(known) > 0 {
			return known[0], nil
		}
		made, err := tx.CustomerCentreLink.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetIssuer(who.Issuer).SetSubject(who.Subject).
			SetLinkedAt(s.moment()).Save(ctx)
		if err != nil {
			return nil, fmt.Errorf("linking to the customer centre: %w", err)
		}
		c := ofCentre("centre.link", v)
		c.After = linked(made)
		return made, s.audit.Record(ctx, tx, c)
	}
	link, err := db.InTx(ctx, s.db, write)
	if ent.IsConstraintError(err) {
		// Another request was faster: now its link is there to be seen.
		link, err = db.InTx(ctx, s.db, write)
	}
	if err != nil {
		return nil, err
	}
	return shownLink(link), nil
}

// UnlinkCentre ends the viewer's link to the customer centre; without one nothing
// happens (AC-12).
func (s *Service) UnlinkCentre(ctx context.Context) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	_, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		link, err := tx.CustomerCentreLink.Query().Where(customercentrelink.UserID(v.User)).Only(ctx)
		if ent.IsNotFound(err) {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, fmt.Errorf("reading the viewer's link to the customer centre: %w", err)
		}
		n, err := tx.CustomerCentreLink.Delete().Where(customercentrelink.ID(link.ID)).Exec(ctx)
		if err != nil || n == 0 {
			return struct{}{}, err
		}
		c := ofCentre("centre.unlink", v)
		c.Before = linked(link)
		return struct{}{}, s.audit.Record(ctx, tx, c)
	})
	if err != nil {
		return fmt.Errorf("unlinking from the customer centre: %w", err)
	}
	return nil
}

// ofCentre is a change of the viewer's link, for the audit log.
func ofCentre(action string, v *authz.Viewer) audit.Change {
	return audit.Change{Tenant: v.Tenant, Action: action, Kind: "User", Subject: v.User, Label: v.Username}
}

func linked(l *ent.CustomerCentreLink) any {
	return map[string]string{"issuer": l.Issuer, "subject": l.Subject}
}

// centreFault says what a person can do about a failure of the customer centre. What it
// was is for the log.
func (s *Service) centreFault(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, centre.ErrNotConfigured):
		return fault.New("CUSTOMER_CENTRE_NOT_CONFIGURED").Contact()
	case errors.Is(err, centre.ErrStore):
		return fmt.Errorf("%w: %w", fault.ErrUnavailable, err)
	case errors.Is(err, centre.ErrUnknownLogin), errors.Is(err, centre.ErrRefused):
		return fault.New("CUSTOMER_CENTRE_LOGIN_INVALID")
	case errors.Is(err, centre.ErrUnavailable), errors.Is(err, centre.ErrUntrusted):
		s.log.WarnContext(ctx, "the customer centre failed", "requestId", audit.FromContext(ctx).RequestID, "error", err)
		if errors.Is(err, centre.ErrUntrusted) {
			return fault.New("CUSTOMER_CENTRE_UNTRUSTED").Contact()
		}
		return fault.New("CUSTOMER_CENTRE_UNAVAILABLE").Contact()
	default:
		return err
	}
}
