package telephony

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/tenant"
	entwizard "kontor/ent/wizard"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// An agent runs a wizard for a customer, whether it acts for that customer at the moment or not
// (AC-02): what belongs to the wizard is then read and changed as if it did.

// within is the viewer at work for a company: its own, the one that it acts for, or else one
// that it may act for. Any other one is told as one that does not exist.
func (s *Service) within(ctx context.Context, company uuid.UUID) (context.Context, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if v.Tenant == company {
		return ctx, nil
	}
	if v.ActsFor() {
		return nil, fault.ErrNotFound
	}
	customer, err := s.db.Client.Tenant.Query().Where(tenant.ID(company)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("finding the customer of a wizard: %w", err)
	}
	acting, ok, err := v.ActFor(customer.ID, customer.Path)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.ErrNotFound
	}
	return authz.NewContext(ctx, acting), nil
}

// of is the viewer at work for the company of a wizard of its own.
func (s *Service) of(ctx context.Context, id gid.ID) (context.Context, error) {
	w, err := s.db.Client.Wizard.Query().Where(entwizard.ID(id.Of(ent.KindWizard))).Select(entwizard.FieldTenantID).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("finding a wizard: %w", err)
	}
	return s.within(ctx, w.TenantID)
}
