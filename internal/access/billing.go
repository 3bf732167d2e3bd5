package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/customercentrelink"
	"kontor/ent/tenant"
	"kontor/internal/fault"
)

// BillingObstacle is why online billing is not reachable.
type BillingObstacle string

// The obstacles.
const (
	NoRight   BillingObstacle = "NO_RIGHT"
	NotLinked BillingObstacle = "NOT_LINKED"
)

// OnlineBilling tells whether invoices of a contract are open to the viewer.
type OnlineBilling struct {
	Reachable bool
	Reason    *BillingObstacle
}

// Billing refuses whoever the invoices of a contract are not open to (AC-12): without the
// right BILLING on it by fault.ErrForbidden, without a link to the customer centre, where
// the contract's company asks for one, by CUSTOMER_CENTRE_LINK_REQUIRED. It reads no more
// statements for many contracts than for one.
func (s *Service) Billing(ctx context.Context, c *ent.Contract) error {
	v, thing, err := s.thing(ctx, s.db.Client, c)
	if err != nil {
		return err
	}
	held, err := authz.HeldRights(v, thing)
	if err != nil {
		return err
	}
	if !slices.Contains(held, authz.Billing) {
		return fault.ErrForbidden
	}
	needed, err := ent.Load(ctx, c.Siblings(), "billing", func(ctx context.Context, all []*ent.Contract) (map[uuid.UUID]bool, error) {
		return s.linkNeeded(ctx, v, all)
	})
	if err != nil {
		return err
	}
	if needed[c.TenantID] {
		return fault.New("CUSTOMER_CENTRE_LINK_REQUIRED")
	}
	return nil
}

// BillingOfCompany refuses whoever the invoices of a company are not open to that are about no
// contract, so that nobody holds a right on them (CO-04): they are for its master admins, who need
// the same link as for the others, and for the agents who serve the company.
func (s *Service) BillingOfCompany(ctx context.Context, t *ent.Tenant) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	allowed, err := authz.Can(v, "invoice.view", authz.Thing{Tenant: t.ID, TenantPath: t.Path})
	if err != nil {
		return err
	}
	// An agent serves others: in its own company it is one of many.
	if !allowed || t.ID == v.Tenant && !v.ActsFor() && !v.Has(authz.MasterAdmin) {
		return fault.ErrForbidden
	}
	if !t.OnlineBillingNeedsLink || t.ID != v.Tenant || v.ActsFor() {
		return nil
	}
	linked, err := s.linked(ctx, v)
	if err == nil && !linked {
		err = fault.New("CUSTOMER_CENTRE_LINK_REQUIRED")
	}
	return err
}

// OnlineBilling is what Billing says, to show or hide a button (AC-14).
func (s *Service) OnlineBilling(ctx context.Context, c *ent.Contract) (*OnlineBilling, error) {
	err := s.Billing(ctx, c)
	var obstacle BillingObstacle
	var missing *fault.Fault
	switch {
	case err == nil:
		return &OnlineBilling{Reachable: true}, nil
	case errors.Is(err, fault.ErrForbidden):
		obstacle = NoRight
	case errors.As(err, &missing):
		obstacle = NotLinked
	default:
		return nil, err
	}
	return &OnlineBilling{Reason: &obstacle}, nil
}

// linkNeeded are the companies of contracts whose invoices the viewer does not see for
// want of a link. It is the company of the contract that decides, also for whoever the
// contract was transferred to, and who may not see that company.
func (s *Service) linkNeeded(ctx context.Context, v *authz.Viewer, contracts []*ent.Contract) (map[uuid.UUID]bool, error) {
	linked, err := s.linked(ctx, v)
	if err != nil || linked {
		return nil, err
	}
	var companies []uuid.UUID
	for _, c := range contracts {
		if !slices.Contains(companies, c.TenantID) {
			companies = append(companies, c.TenantID)
		}
	}
	strict, err := s.db.Client.Tenant.Query().Where(tenant.IDIn(companies...), tenant.OnlineBillingNeedsLink(true)).IDs(authz.System(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading which companies ask for a link: %w", err)
	}
	needed := make(map[uuid.UUID]bool, len(strict))
	for _, id := range strict {
		needed[id] = true
	}
	return needed, nil
}

// linked tells whether the viewer is linked to the customer centre.
func (s *Service) linked(ctx context.Context, v *authz.Viewer) (bool, error) {
	linked, err := s.db.Client.CustomerCentreLink.Query().Where(customercentrelink.UserID(v.User)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for the viewer's link to the customer centre: %w", err)
	}
	return linked, nil
}
