package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/email"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// longestSession is the longest that a setting can let a session last, in minutes: a
// year.
const longestSession = 365 * 24 * 60

// Settings are what differs between portals (ID-21).
type Settings struct {
	LoginNeedsOrganization bool                  `json:"loginNeedsOrganization"`
	UsersCreatedBy         tenant.UsersCreatedBy `json:"usersCreatedBy"`
	NamesChangeable        bool                  `json:"namesChangeable"`
	PasswordPolicy         tenant.PasswordPolicy `json:"passwordPolicy"`
	MandatoryContactFields []string              `json:"mandatoryContactFields"`
	// Minutes; nil stands for the server's default.
	SessionIdleMinutes     *int   `json:"sessionIdleMinutes"`
	SessionAbsoluteMinutes *int   `json:"sessionAbsoluteMinutes"`
	OnlineBillingNeedsLink bool   `json:"onlineBillingNeedsLink"`
	ActingNeedsReason      bool   `json:"actingNeedsReason"`
	Email                  string `json:"email"` // receipts of orders go there, too (OR-08)
}

// UpdateTenantSettingsInput is what to change of the settings; nil stays.
type UpdateTenantSettingsInput struct {
	TenantID               gid.ID
	LoginNeedsOrganization *bool
	UsersCreatedBy         *tenant.UsersCreatedBy
	NamesChangeable        *bool
	PasswordPolicy         *tenant.PasswordPolicy
	MandatoryContactFields []string
	SessionIdleMinutes     *int
	SessionAbsoluteMinutes *int
	OnlineBillingNeedsLink *bool
	ActingNeedsReason      *bool
	Email                  *string
}

// SettingsOf are the settings of a tenant.
func SettingsOf(t *ent.Tenant) *Settings {
	s := &Settings{
		LoginNeedsOrganization: t.LoginNeedsOrganization, UsersCreatedBy: t.UsersCreatedBy, NamesChangeable: t.NamesChangeable,
		PasswordPolicy: t.PasswordPolicy, MandatoryContactFields: strings.Fields(t.MandatoryContactFields), OnlineBillingNeedsLink: t.OnlineBillingNeedsLink,
		ActingNeedsReason: t.ActingNeedsReason, Email: t.Email,
	}
	if t.SessionIdleMinutes > 0 {
		s.SessionIdleMinutes = &t.SessionIdleMinutes
	}
	if t.SessionAbsoluteMinutes > 0 {
		s.SessionAbsoluteMinutes = &t.SessionAbsoluteMinutes
	}
	return s
}

// UpdateSettings changes the settings of a tenant that the viewer may see (ID-21). They
// count from the next request and the next login on.
func (s *Service) UpdateSettings(ctx context.Context, in UpdateTenantSettingsInput) (*ent.Tenant, error) {
	t, err := s.DB.Client.Tenant.Query().Where(tenant.ID(in.TenantID.Of(ent.KindTenant))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a tenant: %w", err)
	}
	var faults fault.List
	unknown := func(field string) bool { return !slices.Contains(contactFields, field) }
	if slices.ContainsFunc(in.MandatoryContactFields, unknown) {
		faults.Add(fault.New("CONTACT_FIELD_UNKNOWN", "mandatoryContactFields").With("fields", strings.Join(contactFields, ", ")))
	}
	for _, minutes := range []struct {
		given *int
		field string
	}{{in.SessionIdleMinutes, "sessionIdleMinutes"}, {in.SessionAbsoluteMinutes, "sessionAbsoluteMinutes"}} {
		if minutes.given != nil && (*minutes.given < 0 || *minutes.given > longestSession) {
			faults.Add(fault.New("MINUTES_INVALID", minutes.field).With("max", longestSession))
		}
	}
	if in.Email != nil && strings.TrimSpace(*in.Email) != "" {
		address, ok := email.Parse(*in.Email)
		if !ok {
			faults.Add(fault.New("EMAIL_INVALID", "email"))
		}
		in.Email = &address
	} else if in.Email != nil {
		in.Email = new(string)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	system := authz.System(ctx)
	return db.InTx(system, s.DB, func(tx *ent.Tx) (*ent.Tenant, error) {
		update := tx.Tenant.UpdateOneID(t.ID).SetNillableLoginNeedsOrganization(in.LoginNeedsOrganization).SetNillableUsersCreatedBy(in.UsersCreatedBy).
			SetNillableNamesChangeable(in.NamesChangeable).SetNillablePasswordPolicy(in.PasswordPolicy).
			SetNillableSessionIdleMinutes(in.SessionIdleMinutes).SetNillableSessionAbsoluteMinutes(in.SessionAbsoluteMinutes).
			SetNillableOnlineBillingNeedsLink(in.OnlineBillingNeedsLink).SetNillableActingNeedsReason(in.ActingNeedsReason).SetNillableEmail(in.Email)
		if in.MandatoryContactFields != nil {
			// In the order of a form, and each once.
			chosen := slices.DeleteFunc(slices.Clone(contactFields), func(field string) bool { return !slices.Contains(in.MandatoryContactFields, field) })
			update.SetMandatoryContactFields(strings.Join(chosen, " "))
		}
		changed, err := update.Save(system)
		if err != nil {
			return nil, fmt.Errorf("changing the settings of a tenant: %w", err)
		}
		return changed, s.Audit.Record(system, tx, audit.Change{
			Tenant: t.ID, Action: "tenant.settings", Kind: "Tenant", Subject: t.ID, Label: t.Name, Before: SettingsOf(t), After: SettingsOf(changed),
		})
	})
}
