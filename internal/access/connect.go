package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/customernumber"
	"kontor/ent/onetimepassword"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/throttle"
	"kontor/internal/token"
)

const (
	// passwordLifetime is how long a one-time password of a letter works (AC-05).
	passwordLifetime = 10 * 24 * time.Hour
	// passwordTries burn it.
	passwordTries = 5
)

// connectLimits bound guesses at numbers and passwords by one user.
var connectLimits = throttle.Limits{Free: 10, First: time.Minute, Longest: time.Hour, Tell: 11, Hard: 1000, Forget: 24 * time.Hour}

// ConnectCustomerNumberInput is a number and the password from the operator's letter.
type ConnectCustomerNumberInput struct{ CustomerNumber, OneTimePassword string }

// IssueOneTimePasswordInput says for which number a letter is; line and tenant where
// several have it.
type IssueOneTimePasswordInput struct {
	CustomerNumber string
	Line           *customernumber.Line
	TenantID       *gid.ID
}

// Letter is what the operator writes to a customer.
type Letter struct {
	Number    *ent.CustomerNumber
	Secret    string // shown once
	ExpiresAt time.Time
}

// IssueOneTimePassword makes the secret of a letter; earlier ones for the number no
// longer work (AC-05).
func (s *Service) IssueOneTimePassword(ctx context.Context, in IssueOneTimePasswordInput) (*Letter, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.CustomerNumber.Query().Where(customernumber.Number(strings.TrimSpace(in.CustomerNumber)))
	if in.Line != nil {
		q.Where(customernumber.LineEQ(*in.Line))
	}
	if in.TenantID != nil {
		q.Where(customernumber.TenantID(in.TenantID.Of(ent.KindTenant)))
	}
	found, err := q.Limit(2).All(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("finding the customer number: %w", err)
	case len(found) == 0:
		return nil, fault.New("CUSTOMER_NUMBER_UNKNOWN", "customerNumber")
	case len(found) > 1:
		return nil, fault.New("CUSTOMER_NUMBER_AMBIGUOUS", "customerNumber")
	}
	secret, hash, err := token.NewCode()
	if err != nil {
		return nil, fmt.Errorf("making a one-time password: %w", err)
	}
	system, number, now := authz.System(ctx), found[0], s.moment()
	until := now.Add(passwordLifetime)
	_, err = db.InTx(system, s.db, func(tx *ent.Tx) (struct{}, error) {
		// Of two letters that are written at once the second must find the first.
		if s.db.Dialect == dialect.Postgres {
			if _, err := tx.CustomerNumber.Query().Where(customernumber.ID(number.ID)).ForUpdate().Only(system); err != nil {
				return struct{}{}, fmt.Errorf("locking a customer number: %w", err)
			}
		}
		err := tx.OneTimePassword.Update().Where(onetimepassword.CustomerNumberID(number.ID), onetimepassword.UsedAtIsNil()).
			SetTries(passwordTries).Exec(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("withdrawing earlier one-time passwords: %w", err)
		}
		err = tx.OneTimePassword.Create().SetTenantID(number.TenantID).SetCustomerNumberID(number.ID).SetSecretHash(hash).
			SetIssuedByID(v.User).SetCreatedAt(now).SetExpiresAt(until).Exec(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("keeping a one-time password: %w", err)
		}
		return struct{}{}, s.audit.Record(system, tx, ofNumber("letter.issue", number))
	})
	if err != nil {
		return nil, err
	}
	return &Letter{Number: number, Secret: secret, ExpiresAt: until}, nil
}

// Connect ties the viewer to a customer number of its company: it holds all rights on
// all contracts under it, later ones too, without a row for any of them (AC-05).
func (s *Service) Connect(ctx context.Context, in ConnectCustomerNumberInput) (*ent.CustomerNumber, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	attempt, err := s.reserve(ctx, "connect", v.User.String(), connectLimits)
	if err != nil {
		return nil, err
	}
	// Under one number there may be a fixed line and a mobile one.
	numbers, err := s.db.Client.CustomerNumber.Query().
		Where(customernumber.Number(strings.TrimSpace(in.CustomerNumber)), customernumber.TenantID(v.Tenant)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the customer number: %w", err)
	}
	letter, err := s.letterOf(ctx, numbers, in.OneTimePassword)
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		if number.ID == letter.CustomerNumberID {
			if err := s.connect(ctx, v, letter, number); err != nil {
				return nil, err
			}
			return number, s.succeed(ctx, attempt)
		}
	}
	return nil, errors.New("a one-time password belongs to no number that was asked for")
}

// letterOf is the open one-time password for one of the numbers, or why there is none.
// A wrong one counts against those that are open.
func (s *Service) letterOf(ctx context.Context, numbers []*ent.CustomerNumber, typed string) (*ent.OneTimePassword, error) {
	system := authz.System(ctx)
	ids := make([]uuid.UUID, len(numbers))
	for i, n := range numbers {
		ids[i] = n.ID
	}
	hash, wellFormed := token.HashCode(typed)
	letter, err := s.db.Client.OneTimePassword.Query().
		Where(onetimepassword.SecretHash(hash), onetimepassword.CustomerNumberIDIn(ids...)).Only(system)
	if ent.MaskNotFound(err) != nil {
		return nil, fmt.Errorf("finding a one-time password: %w", err)
	}
	switch {
	case !wellFormed || letter == nil:
		_, err := db.InTx(system, s.db, func(tx *ent.Tx) (int, error) {
			return tx.OneTimePassword.Update().Where(onetimepassword.CustomerNumberIDIn(ids...), onetimepassword.UsedAtIsNil(),
				onetimepassword.TriesLT(passwordTries)).AddTries(1).Save(system)
		})
		if err != nil {
			return nil, fmt.Errorf("counting a wrong one-time password: %w", err)
		}
		return nil, fault.New("ONE_TIME_PASSWORD_INVALID", "oneTimePassword").Contact()
	case letter.UsedAt != nil:
		return nil, fault.New("LINK_USED", "oneTimePassword").Contact()
	case letter.Tries >= passwordTries:
		return nil, fault.New("ONE_TIME_PASSWORD_INVALID", "oneTimePassword").Contact()
	case !s.now().Before(letter.ExpiresAt):
		return nil, fault.New("LINK_EXPIRED", "oneTimePassword").Contact()
	}
	return letter, nil
}

// connect uses a one-time password up. Of many who come with it at once the database
// lets one through.
func (s *Service) connect(ctx context.Context, v *authz.Viewer, letter *ent.OneTimePassword, number *ent.CustomerNumber) error {
	system, now := authz.System(ctx), s.moment()
	_, err := db.InTx(system, s.db, func(tx *ent.Tx) (struct{}, error) {
		n, err := tx.OneTimePassword.Update().Where(onetimepassword.ID(letter.ID), onetimepassword.UsedAtIsNil(),
			onetimepassword.TriesLT(passwordTries), onetimepassword.ExpiresAtGT(now)).SetUsedAt(now).SetUsedByID(v.User).Save(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("using a one-time password: %w", err)
		}
		if n == 0 {
			return struct{}{}, fault.New("LINK_USED", "oneTimePassword").Contact()
		}
		connected, err := tx.Connection.Query().Where(connection.UserID(v.User), connection.CustomerNumberID(letter.CustomerNumberID),
			connection.RevokedAtIsNil()).Exist(system)
		if err != nil || connected {
			return struct{}{}, err
		}
		err = tx.Connection.Create().SetTenantID(letter.TenantID).SetUserID(v.User).
			SetCustomerNumberID(letter.CustomerNumberID).SetConnectedAt(now).Exec(system)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.audit.Record(system, tx, ofNumber("number.connect", number))
	})
	if err != nil {
		return fmt.Errorf("connecting a customer number: %w", err)
	}
	return nil
}

// ofNumber is a change of a customer number, for the audit log.
func ofNumber(action string, n *ent.CustomerNumber) audit.Change {
	return audit.Change{Tenant: n.TenantID, Action: action, Kind: "CustomerNumber", Subject: n.ID, Label: n.Number}
}

// CustomerNumbers are those that the viewer has connected, by number, read by a query that
// says what to load with them.
func (s *Service) CustomerNumbers(ctx context.Context, q *ent.CustomerNumberQuery) ([]*ent.CustomerNumber, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := s.db.Client.Connection.Query().Where(connection.UserID(v.User), connection.RevokedAtIsNil()).
		Select(connection.FieldCustomerNumberID).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's connections: %w", err)
	}
	ids := make([]uuid.UUID, len(mine))
	for i, c := range mine {
		ids[i] = c.CustomerNumberID
	}
	numbers, err := q.Where(customernumber.IDIn(ids...)).Order(customernumber.ByNumber(), customernumber.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the viewer's customer numbers: %w", err)
	}
	return numbers, nil
}

// ConnectedAt is since when the viewer has connected a number, or nil: one statement
// for all that were loaded together.
func (s *Service) ConnectedAt(ctx context.Context, n *ent.CustomerNumber) (*time.Time, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	since, err := ent.Load(ctx, n.Siblings(), "connectedAt", func(ctx context.Context, all []*ent.CustomerNumber) (map[uuid.UUID]*time.Time, error) {
		ids := make([]uuid.UUID, len(all))
		for i, each := range all {
			ids[i] = each.ID
		}
		live, err := s.db.Client.Connection.Query().
			Where(connection.UserID(v.User), connection.CustomerNumberIDIn(ids...), connection.RevokedAtIsNil()).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the viewer's connections: %w", err)
		}
		since := make(map[uuid.UUID]*time.Time, len(live))
		for _, c := range live {
			since[c.CustomerNumberID] = &c.ConnectedAt
		}
		return since, nil
	})
	return since[n.ID], err
}

// reserve counts an attempt; whoever must wait is told for how long.
func (s *Service) reserve(ctx context.Context, kind, key string, l throttle.Limits) (throttle.Decision, error) {
	d, err := s.throttle.Reserve(ctx, kind, key, l)
	if err != nil {
		return d, unavailable(err)
	}
	if !d.Allowed {
		return d, &fault.RateLimited{RetryAfter: d.RetryAfter}
	}
	return d, nil
}

func (s *Service) succeed(ctx context.Context, attempt throttle.Decision) error {
	return unavailable(s.throttle.Succeed(ctx, attempt))
}

func unavailable(err error) error {
	if errors.Is(err, throttle.ErrUnavailable) {
		return fmt.Errorf("%w: %w", fault.ErrUnavailable, err)
	}
	return err
}
