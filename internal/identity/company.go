package identity

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/mail"
)

// InvitedCompanyInput is a company that comes onto the platform.
type InvitedCompanyInput struct {
	Name          string
	EmailDomain   *string
	Kind          tenant.Kind
	Language      user.Language
	Currency      string
	ContactPerson *fault.Contact
}

// InviteCompanyInput is a company and its first master admin (ID-03).
type InviteCompanyInput struct {
	Company        *InvitedCompanyInput
	Email          string
	FirstName      *string
	LastName       *string
	OrganizationID string
	PasswordPolicy tenant.PasswordPolicy
	ParentID       *gid.ID
}

// InvitedCompany is a new tenant and the invitation of its first master admin.
type InvitedCompany struct {
	Tenant     *ent.Tenant
	Invitation *SentInvitation
}

var (
	organizationIDs = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{1,31}$`)
	currencies      = regexp.MustCompile(`^[A-Z]{3}$`)
)

// InviteCompany makes a tenant and mails its first master admin a link (ID-03).
func (s *Service) InviteCompany(ctx context.Context, in InviteCompanyInput) (*InvitedCompany, error) {
	agent, err := s.User(ctx)
	if err != nil {
		return nil, err
	}
	system := authz.System(ctx)
	parent, err := s.parentOf(ctx, in)
	if err != nil {
		return nil, err
	}
	t, invited, err := in.company(agent, parent)
	if err != nil {
		return nil, err
	}
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*InvitedCompany, error) {
		founded, err := s.found(system, tx, t, parent)
		if err != nil {
			return nil, err
		}
		invited.TenantID = founded.ID
		u, err := s.add(system, tx, invited, "", authz.MasterAdmin)
		if err != nil {
			return nil, err
		}
		err = s.Audit.Record(system, tx, audit.Change{
			Tenant: founded.ID, Action: "tenant.invite", Kind: "Tenant", Subject: founded.ID, Label: founded.Name,
			After: fields{"organizationId": founded.OrganizationID, "kind": founded.Kind, "email": u.Email},
		})
		if err != nil {
			return nil, err
		}
		sent, err := s.invite(system, tx, mail.CompanyInvited, u, founded, agent)
		return &InvitedCompany{Tenant: founded.Unwrap(), Invitation: sent}, err
	})
}

// parentOf is the tenant above the new one: the agent's own unless another is named.
func (s *Service) parentOf(ctx context.Context, in InviteCompanyInput) (*ent.Tenant, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	key := v.Tenant
	if in.ParentID != nil {
		key = in.ParentID.Of(ent.KindTenant)
	}
	parent, err := s.DB.Client.Tenant.Query().Where(tenant.ID(key)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New("TENANT_UNKNOWN", "parentId")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the tenant above: %w", err)
	}
	return parent, nil
}

// company is the tenant and the user that the input describes, or all that is wrong
// with it.
func (in InviteCompanyInput) company(agent *ent.User, parent *ent.Tenant) (*ent.Tenant, *ent.User, error) {
	var faults fault.List
	c := in.Company
	t := &ent.Tenant{
		Name: fault.NeededAt(c.Name, nameLength, []string{"company", "name"}, &faults), Kind: c.Kind, OrganizationID: strings.TrimSpace(in.OrganizationID),
		PasswordPolicy: in.PasswordPolicy, Language: string(c.Language), Currency: c.Currency,
	}
	if t.Kind == tenant.KindOPERATOR || parent.Kind == tenant.KindCUSTOMER {
		faults.Add(fault.New("TENANT_KIND_UNFIT", "company", "kind"))
	}
	if !organizationIDs.MatchString(t.OrganizationID) {
		faults.Add(fault.New("ORGANIZATION_ID_INVALID", "organizationId"))
	}
	if !currencies.MatchString(c.Currency) {
		faults.Add(fault.New("CURRENCY_INVALID", "company", "currency"))
	}
	address, ok := email.Parse(in.Email)
	if !ok {
		faults.Add(fault.New("EMAIL_INVALID", "email"))
	}
	t.EmailDomain = email.DomainOf(address)
	if c.EmailDomain != nil {
		if t.EmailDomain, ok = email.Domain(*c.EmailDomain); !ok {
			faults.Add(fault.New("EMAIL_INVALID", "company", "emailDomain"))
		}
	}
	in.contact(t, agent, &faults)
	u := &ent.User{
		Email: address, Username: address, Language: c.Language, Status: user.StatusINVITED,
		FirstName: fault.Line(in.FirstName, nameLength, []string{"firstName"}, &faults),
		LastName:  fault.Line(in.LastName, nameLength, []string{"lastName"}, &faults),
	}
	return t, u, faults.Err()
}

// contact sets whom the new tenant turns to: somebody who can be reached.
func (in InviteCompanyInput) contact(t *ent.Tenant, agent *ent.User, faults *fault.List) {
	person := in.Company.ContactPerson
	if person == nil {
		t.ContactName, t.ContactPhone, t.ContactEmail = agent.DisplayName(), agent.Phone, agent.Email
		return
	}
	at := func(field string) []string { return []string{"company", "contactPerson", field} }
	t.ContactName = fault.NeededAt(person.Name, nameLength, at("name"), faults)
	t.ContactPhone = fault.Line(&person.Phone, phoneLength, at("phone"), faults)
	if t.ContactPhone != "" && !phones.MatchString(t.ContactPhone) {
		faults.Add(fault.New("PHONE_INVALID", at("phone")...))
	}
	address, ok := email.Parse(person.Email)
	if !ok {
		faults.Add(fault.New("EMAIL_INVALID", at("email")...))
	}
	t.ContactEmail = address
}

// found writes a new tenant below its parent.
func (s *Service) found(ctx context.Context, tx *ent.Tx, t, parent *ent.Tenant) (*ent.Tenant, error) {
	id := uuid.Must(uuid.NewV7())
	founded, err := tx.Tenant.Create().SetID(id).SetParentID(parent.ID).SetPath(parent.Path + id.String() + "/").SetKind(t.Kind).
		SetOrganizationID(t.OrganizationID).SetName(t.Name).SetEmailDomain(t.EmailDomain).SetPasswordPolicy(t.PasswordPolicy).
		SetLanguage(t.Language).SetCurrency(t.Currency).SetContactName(t.ContactName).SetContactPhone(t.ContactPhone).
		SetContactEmail(t.ContactEmail).SetCreatedAt(s.moment()).Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, fault.New("ORGANIZATION_ID_TAKEN", "organizationId")
	}
	if err != nil {
		return nil, fmt.Errorf("writing a new tenant: %w", err)
	}
	return founded, nil
}

// add writes a new user with its roles. Whose name or address is taken is told, for
// the name only to whoever chooses it.
func (s *Service) add(ctx context.Context, tx *ent.Tx, u *ent.User, hash string, roles ...authz.Role) (*ent.User, error) {
	now := s.moment()
	create := tx.User.Create().SetTenantID(u.TenantID).SetUsername(u.Username).SetUsernameKey(Key(u.Username)).SetEmail(u.Email).
		SetEmailKey(Key(u.Email)).SetTitle(u.Title).SetFirstName(u.FirstName).SetLastName(u.LastName).SetPhone(u.Phone).
		SetLanguage(u.Language).SetStatus(u.Status).SetPasswordHash(hash).SetNillableSuperiorID(u.SuperiorID).
		SetSessionsValidAfter(now).SetCreatedAt(now)
	added, err := create.Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("writing a new user: %w", err)
	}
	for _, role := range roles {
		if err := tx.UserRole.Create().SetTenantID(u.TenantID).SetUserID(added.ID).SetRole(userrole.Role(role)).Exec(ctx); err != nil {
			return nil, fmt.Errorf("giving the role %s: %w", role, err)
		}
	}
	return added, nil
}

// errTaken says that the user name or the e-mail address belongs to somebody.
var errTaken = fault.New("EMAIL_TAKEN", "email")

func hasRole(u *ent.User, role authz.Role) bool {
	for _, r := range u.Edges.Roles {
		if authz.Role(r.Role) == role {
			return true
		}
	}
	return false
}
