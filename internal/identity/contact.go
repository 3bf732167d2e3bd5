package identity

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/mail"
)

// How long texts about a person may be, in characters.
const (
	nameLength  = 100
	titleLength = 40
	phoneLength = 40
)

var (
	phones    = regexp.MustCompile(`^\+?[0-9][0-9 ()/.-]{2,}$`)
	countries = regexp.MustCompile(`^[A-Z]{2}$`)
)

// contactFields are the contact data that a portal can demand, by their names in the
// API, in the order of a form.
var contactFields = []string{"title", "phone", "mobile", "street", "postalCode", "city", "country"}

// UpdateContactDataInput is what to change of the contact data; nil stays.
type UpdateContactDataInput struct {
	Title, FirstName, LastName        *string
	Phone, Mobile                     *string
	Language                          *user.Language
	Street, PostalCode, City, Country *string
}

// ChangeUsernameInput is a new user name, confirmed with the current password.
type ChangeUsernameInput struct{ CurrentPassword, NewUsername string }

// MandatoryContactFields are the contact data that the viewer's portal demands
// (ID-08).
func (s *Service) MandatoryContactFields(ctx context.Context) ([]string, error) {
	t, err := s.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	return strings.Fields(t.MandatoryContactFields), nil
}

// UpdateContactData changes the viewer's contact data (ID-13). What the portal
// demands must be there afterwards; every field that is missing is told (ID-08). It
// gives the user and what it must still do.
func (s *Service) UpdateContactData(ctx context.Context, in UpdateContactDataInput) (*ent.User, []authz.Step, error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, nil, err
	}
	t, former := u.Edges.Tenant, *u
	before := Pending(u, t)
	var faults fault.List
	var changes []func(*ent.UserUpdateOne)
	set := func(to, given *string, field string, read func(*string, string, *fault.List) string, write func(*ent.UserUpdateOne, string) *ent.UserUpdateOne) {
		if given == nil {
			return
		}
		*to = read(given, field, &faults)
		changes = append(changes, func(update *ent.UserUpdateOne) { write(update, *to) })
	}
	set(&u.Title, in.Title, "title", line(titleLength), (*ent.UserUpdateOne).SetTitle)
	set(&u.Phone, in.Phone, "phone", phone, (*ent.UserUpdateOne).SetPhone)
	set(&u.Mobile, in.Mobile, "mobile", phone, (*ent.UserUpdateOne).SetMobile)
	set(&u.Street, in.Street, "street", line(nameLength), (*ent.UserUpdateOne).SetStreet)
	set(&u.PostalCode, in.PostalCode, "postalCode", line(20), (*ent.UserUpdateOne).SetPostalCode)
	set(&u.City, in.City, "city", line(nameLength), (*ent.UserUpdateOne).SetCity)
	set(&u.Country, in.Country, "country", country, (*ent.UserUpdateOne).SetCountry)
	name := func(now string) func(*string, string, *fault.List) string {
		return func(given *string, field string, faults *fault.List) string {
			if strings.TrimSpace(*given) == now {
				return now
			}
			if !t.NamesChangeable {
				faults.Add(fault.New("NAME_NOT_CHANGEABLE", field).Contact())
				return now
			}
			return fault.Needed(*given, nameLength, field, faults)
		}
	}
	set(&u.FirstName, in.FirstName, "firstName", name(u.FirstName), (*ent.UserUpdateOne).SetFirstName)
	set(&u.LastName, in.LastName, "lastName", name(u.LastName), (*ent.UserUpdateOne).SetLastName)
	for _, field := range missing(u, t) {
		told := slices.ContainsFunc(faults, func(f *fault.Fault) bool { return f.Field[0] == field })
		if !told {
			faults.Add(fault.New("VALUE_REQUIRED", field))
		}
	}
	if len(faults) > 0 {
		return nil, before, faults
	}
	system := authz.System(ctx)
	changed, err := db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		// Only what was given: somebody may change the rest at the same time.
		update := tx.User.UpdateOneID(u.ID).SetNillableLanguage(in.Language)
		for _, change := range changes {
			change(update)
		}
		changed, err := update.Save(system)
		if err != nil {
			return nil, err
		}
		return changed, s.record(system, tx, "user.contact", changed, contactOf(&former), contactOf(changed))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("changing contact data: %w", err)
	}
	return changed, Pending(changed, t), nil
}

// ChangeUsername changes the viewer's user name (ID-12).
func (s *Service) ChangeUsername(ctx context.Context, in ChangeUsernameInput) (*ent.User, error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.confirm(ctx, u, in.CurrentPassword); err != nil {
		return nil, err
	}
	var faults fault.List
	chosen := username(in.NewUsername, "newUsername", u.Email, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	system := authz.System(ctx)
	changed, err := db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		// A user name that is somebody's e-mail address would log in as somebody else.
		foreign, err := tx.User.Query().Where(user.EmailKey(Key(chosen)), user.IDNEQ(u.ID)).Exist(system)
		if err != nil {
			return nil, fmt.Errorf("looking for the user name: %w", err)
		}
		if foreign {
			return nil, fault.New("USERNAME_TAKEN", "newUsername")
		}
		changed, err := tx.User.UpdateOneID(u.ID).SetUsername(chosen).SetUsernameKey(Key(chosen)).Save(system)
		if ent.IsConstraintError(err) {
			return nil, fault.New("USERNAME_TAKEN", "newUsername")
		}
		if err != nil {
			return nil, fmt.Errorf("changing a user name: %w", err)
		}
		if err := s.record(system, tx, "user.username", u, fields{"username": u.Username}, fields{"username": chosen}); err != nil {
			return nil, err
		}
		return changed, s.Outbox.Put(system, tx, mail.UsernameChanged, mail.Content{User: u, Tenant: u.Edges.Tenant, At: s.moment(), NewUsername: chosen})
	})
	return changed, err
}

// contactOf are the contact data of a user as the audit log has them.
func contactOf(u *ent.User) fields {
	return fields{
		"title": u.Title, "firstName": u.FirstName, "lastName": u.LastName, "phone": u.Phone, "mobile": u.Mobile, "street": u.Street,
		"postalCode": u.PostalCode, "city": u.City, "country": u.Country, "language": u.Language,
	}
}

// Pending are the steps that a user must do before anything else, in their order:
// change an initial password, complete contact data, set up one-time codes.
func Pending(u *ent.User, t *ent.Tenant) []authz.Step {
	steps := []authz.Step{}
	if u.MustChangePassword {
		steps = append(steps, authz.ChangePassword)
	}
	if len(missing(u, t)) > 0 {
		steps = append(steps, authz.CompleteContactData)
	}
	if t.PasswordPolicy == tenant.PasswordPolicyPIN_OTP && !u.OtpEnabled {
		steps = append(steps, authz.EnrolOTP)
	}
	return steps
}

// missing are the mandatory contact data that a user has not given.
func missing(u *ent.User, t *ent.Tenant) []string {
	values := map[string]string{
		"title": u.Title, "phone": u.Phone, "mobile": u.Mobile, "street": u.Street,
		"postalCode": u.PostalCode, "city": u.City, "country": u.Country,
	}
	var fields []string
	for field := range strings.FieldsSeq(t.MandatoryContactFields) {
		if values[field] == "" {
			fields = append(fields, field)
		}
	}
	return fields
}

// username is a user name that somebody chose (ID-06, ID-12), in one spelling for what
// looks the same. An @ is for addresses, and of those only one's own.
func username(typed, field, ownEmail string, faults *fault.List) string {
	chosen := norm.NFKC.String(strings.TrimSpace(typed))
	length := utf8.RuneCountInString(chosen)
	odd := strings.ContainsFunc(chosen, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	if length < 6 || length > 32 || odd || strings.Contains(chosen, "@") && Key(chosen) != Key(ownEmail) {
		faults.Add(fault.New("USERNAME_INVALID", field))
	}
	return chosen
}

// line reads a text of one line.
func line(longest int) func(*string, string, *fault.List) string {
	return func(given *string, field string, faults *fault.List) string {
		return fault.Line(given, longest, []string{field}, faults)
	}
}

func phone(given *string, field string, faults *fault.List) string {
	number := fault.Line(given, phoneLength, []string{field}, faults)
	if number != "" && !phones.MatchString(number) {
		faults.Add(fault.New("PHONE_INVALID", field))
	}
	return number
}

func country(given *string, field string, faults *fault.List) string {
	code := fault.Line(given, 2, []string{field}, faults)
	if code != "" && !countries.MatchString(code) {
		faults.Add(fault.New("COUNTRY_INVALID", field))
	}
	return code
}
