package identity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/onetimelink"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/password"
)

// NewUser is a user that the operator makes by command.
type NewUser struct {
	Organization       string
	Username           string
	Email              string
	FirstName          string
	LastName           string
	Language           string
	Password           string
	MustChangePassword bool
	Roles              []authz.Role
}

// CreateUser makes a user for the operator; the context must be authz.System. It
// tells everything that is wrong at once, in words for whoever runs the command. A user without a
// password is invited: the link works once, and whoever has it chooses the password (PRIV-10).
func (s *Service) CreateUser(ctx context.Context, n NewUser) (created *ent.User, link string, err error) {
	t, err := s.DB.Client.Tenant.Query().Where(func(sel *sql.Selector) {
		sel.Where(sql.EqualFold(sel.C(tenant.FieldOrganizationID), n.Organization))
	}).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, "", fmt.Errorf("there is no tenant with the organization ID %q", n.Organization)
	}
	if err != nil {
		return nil, "", fmt.Errorf("finding the tenant: %w", err)
	}
	if err := n.validate(t); err != nil {
		return nil, "", err
	}
	hash, status := "", user.StatusINVITED
	if n.Password != "" {
		status = user.StatusACTIVE
		if hash, err = s.Hasher.Hash(ctx, n.Password); err != nil {
			return nil, "", fmt.Errorf("hashing the initial password: %w", err)
		}
	}
	created, err = db.InTx(ctx, s.DB, func(tx *ent.Tx) (*ent.User, error) {
		created, err := tx.User.Create().SetTenantID(t.ID).SetUsername(n.Username).SetUsernameKey(Key(n.Username)).
			SetEmail(n.Email).SetEmailKey(Key(n.Email)).SetFirstName(n.FirstName).SetLastName(n.LastName).
			SetLanguage(user.Language(n.Language)).SetPasswordHash(hash).SetMustChangePassword(n.MustChangePassword && hash != "").SetStatus(status).
			SetSessionsValidAfter(s.moment()).SetCreatedAt(s.Now().UTC()).Save(ctx)
		if ent.IsConstraintError(err) {
			return nil, fmt.Errorf("the user name %q or the e-mail address %q is taken", n.Username, n.Email)
		}
		if err != nil {
			return nil, fmt.Errorf("writing the user: %w", err)
		}
		for _, role := range n.Roles {
			if err := tx.UserRole.Create().SetTenantID(t.ID).SetUserID(created.ID).SetRole(userrole.Role(role)).Exec(ctx); err != nil {
				return nil, fmt.Errorf("giving the role %s: %w", role, err)
			}
		}
		if status == user.StatusINVITED {
			if link, _, err = s.issue(ctx, tx, created, onetimelink.PurposeINVITATION, n.Email, nil); err != nil {
				return nil, err
			}
		}
		return created, s.Audit.Record(ctx, tx, audit.Change{
			Tenant: t.ID, Action: "user.create", Kind: "User", Subject: created.ID, Label: created.Username, After: fields{"email": n.Email, "roles": n.Roles},
		})
	})
	return created, link, err
}

func (n NewUser) validate(t *ent.Tenant) error {
	var wrong []error
	if length := utf8.RuneCountInString(n.Username); length < 6 || length > 32 || strings.ContainsFunc(n.Username, unicode.IsSpace) {
		wrong = append(wrong, fmt.Errorf("the user name %q must have 6 to 32 characters and no spaces", n.Username))
	}
	address, err := mail.ParseAddress(n.Email)
	if err != nil || address.Address != n.Email {
		wrong = append(wrong, fmt.Errorf("%q is no e-mail address", n.Email))
	}
	if strings.TrimSpace(n.FirstName) == "" || strings.TrimSpace(n.LastName) == "" {
		wrong = append(wrong, errors.New("first and last name must not be empty"))
	}
	if n.Language != "de" && n.Language != "en" {
		wrong = append(wrong, fmt.Errorf("the language %q is not spoken here: choose de or en", n.Language))
	}
	if len(n.Roles) == 0 {
		wrong = append(wrong, errors.New("a user needs a role"))
	}
	for _, role := range n.Roles {
		if !slices.Contains(authz.Roles, role) {
			wrong = append(wrong, fmt.Errorf("there is no role %q: choose from %v", role, authz.Roles))
		}
	}
	policy, err := password.Named(string(t.PasswordPolicy), false)
	if err != nil {
		return err
	}
	if n.Password == "" {
		return errors.Join(wrong...)
	}
	broken := policy.Check(n.Password, password.Subject{Username: n.Username, Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Organization: t.Name})
	for _, code := range broken {
		for _, rule := range policy.Rules {
			if rule.Code == code {
				wrong = append(wrong, fmt.Errorf("the initial password breaks %s: %s", code, rule.Description("en")))
			}
		}
	}
	return errors.Join(wrong...)
}
