package erp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/ent/user"
	"kontor/ent/userrole"
	"kontor/internal/db"
	"kontor/internal/identity"
	"kontor/internal/password"
)

// writer writes the rows of one transaction and remembers what they refer to.
type writer struct {
	*Importer
	tx  *ent.Tx
	ctx context.Context

	tenants    map[string]*ent.Tenant
	operator   *ent.Tenant
	categories map[string]uuid.UUID
	// products are those that were looked up; nil: all were that a batch names, and this one is not there.
	products map[string]*ent.Product
	groups   map[ownKey]*ent.AlloyGroup
}

// writeRows writes rows and says what became of each. An error ends the import.
func (w *writer) writeRows(rows []*Row) ([]verdict, error) {
	switch rows[0].Kind {
	case Contracts:
		return w.writeContracts(rows)
	case Orders:
		return w.writeOrders(rows)
	}
	verdicts := make([]verdict, len(rows))
	for i, row := range rows {
		var err error
		if verdicts[i], err = verdictOf(w.writeRow(row)); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
	return verdicts, nil
}

func (w *writer) writeRow(row *Row) (outcome, error) {
	switch row.Kind {
	case Tenants:
		return w.writeTenant(row)
	case Users:
		return w.writeUser(row)
	case Products:
		return w.writeProduct(row)
	case Prices:
		return w.writePrice(row)
	case AlloyGroups:
		return w.writeAlloyGroup(row)
	case Bookings:
		return w.writeBooking(row)
	case Documents:
		return w.writeDocument(row)
	case Portfolios:
		return w.writePortfolio(row)
	case PortfolioProducts:
		return w.writePortfolioProduct(row)
	case EndUsers:
		return w.writeEndUser(row)
	case SimCards:
		return w.writeSimCard(row)
	case PhoneNumbers:
		return w.writePhoneNumber(row)
	case TelephonyUsers:
		return w.writeTelephonyUser(row)
	default:
		return 0, fmt.Errorf("rows of %s cannot be written", row.Kind)
	}
}

// tenant is the tenant with this organization ID.
func (w *writer) tenant(organization string) (*ent.Tenant, error) {
	key := strings.ToLower(organization)
	if known := w.tenants[key]; known != nil {
		return known, nil
	}
	if err := w.findTenants(key); err != nil {
		return nil, err
	}
	if found := w.tenants[key]; found != nil {
		return found, nil
	}
	return nil, refusal("organization_id", "there is no tenant %q; import it first", organization)
}

// findTenants remembers the tenants with these organization IDs, which are in lower case.
func (w *writer) findTenants(keys ...any) error {
	q := w.tx.Tenant.Query().Where(func(s *sql.Selector) {
		s.Where(sql.P(func(b *sql.Builder) {
			b.WriteString("lower(").Ident(s.C(tenant.FieldOrganizationID)).WriteString(") IN ").Wrap(func(b *sql.Builder) { b.Args(keys...) })
		}))
	})
	if w.within != nil {
		q.Where(tenant.PathHasPrefix(w.within.Path))
	}
	found, err := q.All(w.ctx)
	if err != nil {
		return fmt.Errorf("finding tenants: %w", err)
	}
	if w.tenants == nil {
		w.tenants = map[string]*ent.Tenant{}
	}
	for _, t := range found {
		w.tenants[strings.ToLower(t.OrganizationID)] = t
	}
	return nil
}

func (w *writer) writeTenant(row *Row) (outcome, error) {
	var parent *ent.Tenant
	if row.Given("parent") {
		var err error
		if parent, err = w.tenant(row.Text("parent")); err != nil {
			return 0, err
		}
	}
	existing, err := w.tenant(row.Text("organization_id"))
	if errors.As(err, new(refused)) {
		return created, w.createTenant(row, parent)
	}
	if err != nil {
		return 0, err
	}
	if string(existing.Kind) != row.Text("kind") || !equal(existing.ParentID, idOf(parent)) {
		return 0, refusal("kind, parent", "a tenant keeps its kind and its place in the tree")
	}
	update := existing.Update().SetName(row.Text("name")).SetEmailDomain(domainOf(row)).
		SetPasswordPolicy(tenant.PasswordPolicy(row.Text("password_policy"))).SetLoginNeedsOrganization(row.Bool("login_needs_organization")).
		SetLanguage(row.Text("language")).SetCurrency(row.Text("currency")).SetContactName(row.Text("contact_name")).
		SetContactPhone(row.Text("contact_phone")).SetContactEmail(row.Text("contact_email")).SetEmail(row.Text("email"))
	if !changes(update.Mutation(), existing) {
		return unchanged, nil
	}
	changed, err := update.Save(w.ctx)
	if err != nil {
		return 0, fmt.Errorf("changing the tenant: %w", err)
	}
	w.tenants[strings.ToLower(changed.OrganizationID)] = changed
	return updated, nil
}

func (w *writer) createTenant(row *Row, parent *ent.Tenant) error {
	if w.within != nil && parent == nil {
		return refusal("kind", "an operator is set up by the command line, beside all others")
	}
	id := uuid.Must(uuid.NewV7())
	path := id.String() + "/"
	if parent != nil {
		path = parent.Path + path
	}
	create := w.tx.Tenant.Create().SetID(id).SetPath(path).SetKind(tenant.Kind(row.Text("kind"))).
		SetOrganizationID(row.Text("organization_id")).SetName(row.Text("name")).SetEmailDomain(domainOf(row)).
		SetPasswordPolicy(tenant.PasswordPolicy(row.Text("password_policy"))).SetLoginNeedsOrganization(row.Bool("login_needs_organization")).
		SetCurrency(row.Text("currency")).SetContactName(row.Text("contact_name")).
		SetContactPhone(row.Text("contact_phone")).SetContactEmail(row.Text("contact_email")).SetEmail(row.Text("email")).SetCreatedAt(w.now().UTC())
	if language := row.Text("language"); language != "" {
		create.SetLanguage(language)
	}
	if parent != nil {
		create.SetParentID(parent.ID)
	}
	made, err := create.Save(w.ctx)
	if err != nil {
		return fmt.Errorf("writing the tenant: %w", err)
	}
	if w.tenants == nil {
		w.tenants = map[string]*ent.Tenant{}
	}
	w.tenants[strings.ToLower(made.OrganizationID)] = made
	return nil
}

func (w *writer) writeUser(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	var superior *uuid.UUID
	if row.Given("superior") {
		found, err := w.tx.User.Query().Where(user.UsernameKey(identity.Key(row.Text("superior"))), user.TenantID(t.ID)).OnlyID(w.ctx)
		if ent.IsNotFound(err) {
			return 0, refusal("superior", "%s has no user %q; it must come before this row", t.OrganizationID, row.Text("superior"))
		}
		if err != nil {
			return 0, fmt.Errorf("finding the superior: %w", err)
		}
		superior = &found
	}
	roles := row.List("roles")
	existing, err := w.tx.User.Query().Where(user.UsernameKey(identity.Key(row.Text("username")))).WithRoles().Only(w.ctx)
	if ent.IsNotFound(err) {
		return created, w.createUser(row, t, superior, roles)
	}
	if err != nil {
		return 0, fmt.Errorf("finding the user: %w", err)
	}
	if existing.TenantID != t.ID {
		return 0, refusal("username", "%q is taken by a user of another tenant", row.Text("username"))
	}
	return w.updateUser(row, existing, superior, roles)
}

func (w *writer) createUser(row *Row, t *ent.Tenant, superior *uuid.UUID, roles []string) error {
	now := db.Moment(w.now())
	create := w.tx.User.Create().SetTenantID(t.ID).SetUsername(row.Text("username")).SetUsernameKey(identity.Key(row.Text("username"))).
		SetEmail(row.Text("email")).SetEmailKey(identity.Key(row.Text("email"))).SetTitle(row.Text("title")).
		SetFirstName(row.Text("first_name")).SetLastName(row.Text("last_name")).SetPhone(row.Text("phone")).SetMobile(row.Text("mobile")).
		SetLanguage(user.Language(languageOf(row, t))).SetNillableSuperiorID(superior).SetSessionsValidAfter(now).SetCreatedAt(now)
	if initial := row.Text("password"); initial != "" {
		hash, err := w.hasher.Hash(w.ctx, initial)
		if err != nil {
			return fmt.Errorf("hashing the initial password: %w", err)
		}
		create.SetPasswordHash(hash).SetMustChangePassword(!w.keepPasswords)
		if why := w.weak(row, t, initial); why != "" && !w.keepPasswords {
			return refusal("password", "%s", why)
		}
	}
	made, err := create.Save(w.ctx)
	if err != nil {
		return fmt.Errorf("writing the user: %w", err)
	}
	return w.giveRoles(made, roles)
}

// weak is the first rule of the tenant's policy that an initial password breaks.
func (w *writer) weak(row *Row, t *ent.Tenant, initial string) string {
	policy, err := password.Named(string(t.PasswordPolicy), false)
	if err != nil {
		return err.Error()
	}
	broken := policy.Check(initial, password.Subject{Username: row.Text("username"), Email: row.Text("email"),
		FirstName: row.Text("first_name"), LastName: row.Text("last_name"), Organization: t.Name})
	for _, rule := range policy.Rules {
		if slices.Contains(broken, rule.Code) {
			return rule.Description("en")
		}
	}
	return ""
}

func (w *writer) updateUser(row *Row, existing *ent.User, superior *uuid.UUID, roles []string) (outcome, error) {
	update := existing.Update().SetEmail(row.Text("email")).SetEmailKey(identity.Key(row.Text("email"))).SetTitle(row.Text("title")).
		SetFirstName(row.Text("first_name")).SetLastName(row.Text("last_name")).SetPhone(row.Text("phone")).SetMobile(row.Text("mobile"))
	if row.Given("language") {
		update.SetLanguage(user.Language(row.Text("language")))
	}
	result := unchanged
	if changes(update.Mutation(), existing) || !equal(existing.SuperiorID, superior) {
		if superior != nil {
			update.SetSuperiorID(*superior)
		} else {
			update.ClearSuperiorID()
		}
		if err := update.Exec(w.ctx); err != nil {
			return 0, fmt.Errorf("changing the user: %w", err)
		}
		result = updated
	}
	held := make([]string, len(existing.Edges.Roles))
	for i, role := range existing.Edges.Roles {
		held[i] = string(role.Role)
	}
	slices.Sort(held)
	wanted := slices.Clone(roles)
	slices.Sort(wanted)
	if slices.Equal(held, slices.Compact(wanted)) {
		return result, nil
	}
	if _, err := w.tx.UserRole.Delete().Where(userrole.UserID(existing.ID)).Exec(w.ctx); err != nil {
		return 0, fmt.Errorf("replacing roles: %w", err)
	}
	return updated, w.giveRoles(existing, roles)
}

func (w *writer) giveRoles(u *ent.User, roles []string) error {
	for _, role := range roles {
		if !slices.Contains(authz.Roles, authz.Role(role)) {
			return refusal("roles", "there is no role %q", role)
		}
		err := w.tx.UserRole.Create().SetTenantID(u.TenantID).SetUserID(u.ID).SetRole(userrole.Role(role)).Exec(w.ctx)
		if err != nil {
			return fmt.Errorf("giving the role %s: %w", role, err)
		}
	}
	return nil
}

func domainOf(row *Row) string { return strings.ToLower(row.Text("email_domain")) }

func languageOf(row *Row, t *ent.Tenant) string {
	if row.Given("language") {
		return row.Text("language")
	}
	return t.Language
}

func idOf(t *ent.Tenant) *uuid.UUID {
	if t == nil {
		return nil
	}
	return &t.ID
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
