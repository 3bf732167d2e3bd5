package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/customernumber"
	"kontor/ent/registration"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/lang"
	"kontor/internal/mail"
	"kontor/internal/throttle"
	"kontor/internal/token"
)

// codeLifetime is how long an activation code is valid (ID-06).
const codeLifetime = 10 * 24 * time.Hour

// codeLimits bound guesses at activation codes: wrong ones burn attempts, not the code.
var codeLimits = throttle.Limits{Free: 5, First: time.Minute, Longest: time.Hour, Tell: 10, Hard: 100, Forget: 24 * time.Hour}

// RegisterInput is what somebody registers with who was not invited.
type RegisterInput struct {
	Company        string
	CustomerNumber *string
	Title          *string
	FirstName      string
	LastName       string
	Email          string
	Phone          *string
	Language       *user.Language
}

// ActivateAccountInput is an activation code and what to log in with from now on.
type ActivateAccountInput struct{ ActivationCode, Email, Username, Password string }

// Register keeps what somebody typed who was not invited, and mails an activation
// code (ID-06). Whether the address has an account already only its owner learns.
func (s *Service) Register(ctx context.Context, in RegisterInput) error {
	defer throttle.Evenly()()
	var faults fault.List
	r := &ent.Registration{
		Company: fault.Needed(in.Company, nameLength, "company", &faults), CustomerNumber: fault.Line(in.CustomerNumber, 64, []string{"customerNumber"}, &faults),
		Title: fault.Line(in.Title, titleLength, []string{"title"}, &faults), FirstName: fault.Needed(in.FirstName, nameLength, "firstName", &faults),
		LastName: fault.Needed(in.LastName, nameLength, "lastName", &faults), Phone: phone(in.Phone, "phone", &faults),
		Language: registration.Language(lang.FromContext(ctx)),
	}
	if in.Language != nil {
		r.Language = registration.Language(*in.Language)
	}
	address, ok := email.Parse(in.Email)
	if !ok {
		faults.Add(fault.New("EMAIL_INVALID", "email"))
	}
	if len(faults) > 0 {
		return faults
	}
	r.Email = address
	system := authz.System(ctx)
	operator, err := s.operatorFor(system, r.CustomerNumber)
	if err != nil {
		return err
	}
	r.TenantID = operator.ID
	known, err := s.byAddress(system, address)
	if err != nil {
		return err
	}
	if allowed, err := s.mayMail(ctx, address); err != nil || !allowed {
		return err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		if known != nil {
			return struct{}{}, s.Outbox.Put(system, tx, mail.AlreadyRegistered, mail.Content{User: known, Tenant: known.Edges.Tenant, At: s.moment(), Link: s.BaseURL})
		}
		return struct{}{}, s.sendCode(system, tx, r, operator)
	})
	return err
}

// sendCode keeps a registration with a fresh code, or gives a kept one a fresh code,
// and mails it.
func (s *Service) sendCode(ctx context.Context, tx *ent.Tx, r *ent.Registration, operator *ent.Tenant) error {
	code, hash, err := token.NewCode()
	if err != nil {
		return fmt.Errorf("making an activation code: %w", err)
	}
	now := s.moment()
	until := now.Add(codeLifetime)
	if r.CodeHash == "" {
		err = tx.Registration.Create().SetTenantID(r.TenantID).SetCompany(r.Company).SetCustomerNumber(r.CustomerNumber).SetTitle(r.Title).
			SetFirstName(r.FirstName).SetLastName(r.LastName).SetEmail(r.Email).SetEmailKey(Key(r.Email)).SetPhone(r.Phone).
			SetLanguage(r.Language).SetCodeHash(hash).SetCreatedAt(now).SetExpiresAt(until).Exec(ctx)
	} else {
		err = tx.Registration.Update().Where(registration.ID(r.ID)).SetCodeHash(hash).SetExpiresAt(until).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("keeping a registration: %w", err)
	}
	return s.Outbox.Put(ctx, tx, mail.ActivationCode, mail.Content{
		To: r.Email, Language: string(r.Language), Tenant: operator, At: now, // no name: a stranger may have typed it
		Code: code, Until: until, Link: s.BaseURL + "/activate",
	})
}

// ReissueActivationCode mails a new code to somebody who registered and is no user
// yet (ID-06); the earlier code no longer works, and failed attempts are forgotten.
func (s *Service) ReissueActivationCode(ctx context.Context, address string) error {
	system := authz.System(ctx)
	if owner, err := s.byAddress(system, address); err != nil {
		return err
	} else if owner != nil {
		return fault.New("REGISTRATION_UNKNOWN", "email")
	}
	r, err := s.DB.Client.Registration.Query().Where(registration.EmailKey(Key(address)), registration.UsedAtIsNil()).
		Order(registration.ByID(sql.OrderDesc())).First(system)
	if ent.IsNotFound(err) {
		return fault.New("REGISTRATION_UNKNOWN", "email")
	}
	if err != nil {
		return fmt.Errorf("finding a registration: %w", err)
	}
	operator, err := s.DB.Client.Tenant.Get(system, r.TenantID)
	if err != nil {
		return fmt.Errorf("reading whose registration it is: %w", err)
	}
	if _, err := db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, s.sendCode(system, tx, r, operator)
	}); err != nil {
		return err
	}
	if err := s.Throttle.Reset(ctx, "activation", Key(r.Email)); err != nil {
		return unavailable(err)
	}
	return nil
}

// ActivateAccount makes a registration a user, who can log in right after (ID-06).
// It joins the company of its customer number if its address is of that company's
// domain, as a general user; otherwise it is the first master admin of a company of
// its own, which holds nothing yet: a customer number alone opens nothing.
func (s *Service) ActivateAccount(ctx context.Context, in ActivateAccountInput) (string, error) {
	system := authz.System(ctx)
	r, operator, err := s.redeemable(ctx, in)
	if err != nil {
		return "", err
	}
	home, err := s.homeOf(system, r)
	if err != nil {
		return "", err
	}
	u := &ent.User{
		Title: r.Title, FirstName: r.FirstName, LastName: r.LastName, Email: r.Email, Phone: r.Phone,
		Language: user.Language(r.Language), Status: user.StatusACTIVE,
	}
	role := authz.GeneralUser
	if home == nil {
		role = authz.MasterAdmin
	} else if home.UsersCreatedBy == tenant.UsersCreatedByOPERATOR {
		return "", fault.New("REGISTRATION_CLOSED").Ask(home.ContactPerson())
	}
	var faults fault.List
	u.Username = username(in.Username, "username", r.Email, &faults)
	u.Edges.Tenant = home
	if home == nil {
		u.Edges.Tenant = &ent.Tenant{Name: r.Company, PasswordPolicy: tenant.DefaultPasswordPolicy}
	}
	hash, err := s.newPassword(ctx, u, in.Password, "password", nil, faults)
	if err != nil {
		return "", err
	}
	_, err = db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		n, err := tx.Registration.Update().Where(registration.ID(r.ID), registration.UsedAtIsNil(), registration.CodeHash(r.CodeHash)).
			SetUsedAt(s.moment()).Save(system)
		if err != nil {
			return struct{}{}, fmt.Errorf("using an activation code: %w", err)
		}
		if n == 0 {
			return struct{}{}, fault.New("LINK_USED", "activationCode").Ask(operator.ContactPerson())
		}
		if err := taken(system, tx.User, u); err != nil {
			return struct{}{}, err
		}
		joined := home
		if home == nil {
			if joined, err = s.foundFor(system, tx, r, operator); err != nil {
				return struct{}{}, err
			}
		}
		u.TenantID = joined.ID
		added, err := s.add(system, tx, u, hash, role)
		if err != nil {
			return struct{}{}, err
		}
		if err := s.record(system, tx, "user.register", added, nil, fields{"email": added.Email, "roles": []authz.Role{role}}); err != nil || home == nil {
			return struct{}{}, err
		}
		return struct{}{}, s.announce(system, tx, u, home)
	})
	if errors.Is(err, errTaken) {
		// Somebody was faster: with the name or with the address?
		if which := taken(system, s.DB.Client.User, u); which != nil {
			return "", which
		}
	}
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

// taken says that the address or the user name of a new user belongs to somebody.
func taken(ctx context.Context, users *ent.UserClient, u *ent.User) error {
	foreign, err := users.Query().Where(user.EmailKey(Key(u.Email))).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for the address: %w", err)
	}
	if foreign {
		return errTaken
	}
	// A user name that is somebody's address would log in as somebody else.
	foreign, err = users.Query().Where(user.Or(user.UsernameKey(Key(u.Username)), user.EmailKey(Key(u.Username)))).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for the user name: %w", err)
	}
	if foreign {
		return fault.New("USERNAME_TAKEN", "username")
	}
	return nil
}

// announce tells the master admins of a company who joined it without being invited.
func (s *Service) announce(ctx context.Context, tx *ent.Tx, joined *ent.User, home *ent.Tenant) error {
	masters, err := tx.User.Query().Where(user.TenantID(home.ID), user.StatusEQ(user.StatusACTIVE),
		user.HasRolesWith(userrole.RoleEQ(userrole.RoleMASTER_ADMIN))).All(ctx)
	if err != nil {
		return fmt.Errorf("reading who is told of a new colleague: %w", err)
	}
	who := fmt.Sprintf("%s (%s)", joined.DisplayName(), joined.Email)
	for _, master := range masters {
		err := s.Outbox.Put(ctx, tx, mail.UserJoined, mail.Content{User: master, Tenant: home, At: s.moment(), By: who})
		if err != nil {
			return err
		}
	}
	return nil
}

// redeemable is the registration of a code, or why the code cannot be used.
func (s *Service) redeemable(ctx context.Context, in ActivateAccountInput) (*ent.Registration, *ent.Tenant, error) {
	attempt, err := s.reserve(ctx, "activation", Key(in.Email), codeLimits)
	if err != nil {
		return nil, nil, err
	}
	system := authz.System(ctx)
	unknown := fault.New("LINK_UNKNOWN", "activationCode")
	hash, wellFormed := token.HashCode(in.ActivationCode)
	if !wellFormed {
		return nil, nil, unknown
	}
	r, err := s.DB.Client.Registration.Query().Where(registration.CodeHash(hash), registration.EmailKey(Key(in.Email))).Only(system)
	if ent.IsNotFound(err) {
		return nil, nil, unknown
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding a registration: %w", err)
	}
	// Whoever has the code does not guess, even if it comes too late.
	if err := s.succeed(ctx, attempt); err != nil {
		return nil, nil, err
	}
	operator, err := s.DB.Client.Tenant.Get(system, r.TenantID)
	if err != nil {
		return nil, nil, fmt.Errorf("reading whose registration it is: %w", err)
	}
	if r.UsedAt != nil {
		return nil, nil, fault.New("LINK_USED", "activationCode").Ask(operator.ContactPerson())
	}
	if !s.Now().Before(r.ExpiresAt) {
		return nil, nil, fault.New("LINK_EXPIRED", "activationCode").Ask(operator.ContactPerson())
	}
	return r, operator, nil
}

// homeOf is the company that a registration joins, or nil.
func (s *Service) homeOf(ctx context.Context, r *ent.Registration) (*ent.Tenant, error) {
	if r.CustomerNumber == "" {
		return nil, nil
	}
	numbers, err := s.DB.Client.CustomerNumber.Query().Where(customernumber.Number(r.CustomerNumber)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the customer number: %w", err)
	}
	for _, n := range numbers {
		t, err := s.DB.Client.Tenant.Get(ctx, n.TenantID)
		if err != nil {
			return nil, fmt.Errorf("reading the company of a customer number: %w", err)
		}
		if strings.EqualFold(t.EmailDomain, email.DomainOf(r.Email)) {
			return t, nil
		}
	}
	return nil, nil
}

// operatorFor is the operator of the portal that a customer number belongs to; the
// first one where the number says nothing.
func (s *Service) operatorFor(ctx context.Context, number string) (*ent.Tenant, error) {
	q := s.DB.Client.Tenant.Query().Where(tenant.KindEQ(tenant.KindOPERATOR))
	if number != "" {
		n, err := s.DB.Client.CustomerNumber.Query().Where(customernumber.Number(number)).First(ctx)
		if ent.MaskNotFound(err) != nil {
			return nil, fmt.Errorf("finding the customer number: %w", err)
		}
		if n != nil {
			t, err := s.DB.Client.Tenant.Get(ctx, n.TenantID)
			if err != nil {
				return nil, fmt.Errorf("reading the company of a customer number: %w", err)
			}
			id, err := ent.OperatorOf(t.Path)
			if err != nil {
				return nil, err
			}
			q.Where(tenant.ID(id))
		}
	}
	operator, err := q.Order(tenant.ByID()).First(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the operator: %w", err)
	}
	return operator, nil
}

// foundFor makes a company for somebody who registered on its own.
func (s *Service) foundFor(ctx context.Context, tx *ent.Tx, r *ent.Registration, operator *ent.Tenant) (*ent.Tenant, error) {
	name := strings.ToUpper(strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return c
	}, r.Company))
	return s.found(ctx, tx, &ent.Tenant{
		Kind: tenant.KindCUSTOMER, Name: r.Company, OrganizationID: fmt.Sprintf("%.12s-%s", name, rand.Text()[:6]), EmailDomain: email.DomainOf(r.Email),
		PasswordPolicy: tenant.DefaultPasswordPolicy, Language: string(r.Language), Currency: operator.Currency,
		ContactName: operator.ContactName, ContactPhone: operator.ContactPhone, ContactEmail: operator.ContactEmail,
	}, operator)
}

// byAddress is the user with this e-mail address, with its company, or nil.
func (s *Service) byAddress(ctx context.Context, address string) (*ent.User, error) {
	u, err := s.DB.Client.User.Query().Where(user.EmailKey(Key(address))).WithTenant().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding a user by its address: %w", err)
	}
	return u, nil
}
