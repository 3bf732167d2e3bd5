package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/grant"
	"kontor/ent/tenant"
)

// facts are what the rights of one viewer on some contracts follow from.
type facts struct {
	granted   map[uuid.UUID][]authz.Right // by contract
	connected map[uuid.UUID]bool          // by customer number
	paths     map[uuid.UUID]string        // by tenant
}

// MyRights are the rights that the viewer has on a contract (AC-14): read in the
// same statements for all contracts that were loaded together, so that a list
// costs no more of them when it is longer.
func (s *Service) MyRights(ctx context.Context, c *ent.Contract) ([]authz.Right, error) {
	v, thing, err := s.thing(ctx, s.db.Client, c)
	if err != nil {
		return nil, err
	}
	return authz.HeldRights(v, thing)
}

// Can decides by Casbin whether the viewer has a right on a contract: what an act
// on a single contract asks before it acts. Within a transaction the client is the
// transaction's.
func (s *Service) Can(ctx context.Context, client *ent.Client, right authz.Right, c *ent.Contract) (bool, error) {
	v, thing, err := s.thing(ctx, client, c)
	if err != nil {
		return false, err
	}
	return authz.Can(v, right.Action(), thing)
}

func (s *Service) thing(ctx context.Context, client *ent.Client, c *ent.Contract) (*authz.Viewer, authz.Thing, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, authz.Thing{}, err
	}
	f, err := ent.Load(ctx, c.Siblings(), "rights", func(ctx context.Context, all []*ent.Contract) (facts, error) {
		return readFacts(ctx, client, v, all)
	})
	if err != nil {
		return nil, authz.Thing{}, err
	}
	return v, f.about(c), nil
}

// about are the facts of one contract.
func (f facts) about(c *ent.Contract) authz.Thing {
	thing := authz.Thing{Tenant: c.TenantID, TenantPath: f.paths[c.TenantID], Granted: f.granted[c.ID]}
	if c.CustomerNumberID != nil {
		thing.Connected = f.connected[*c.CustomerNumberID]
	}
	return thing
}

// readFacts reads what the viewer holds on these contracts.
func readFacts(ctx context.Context, client *ent.Client, v *authz.Viewer, contracts []*ent.Contract) (facts, error) {
	f := facts{granted: map[uuid.UUID][]authz.Right{}, connected: map[uuid.UUID]bool{}, paths: map[uuid.UUID]string{}}
	if v.HoldsGrants {
		if err := readGranted(ctx, client, v, contracts, &f); err != nil {
			return f, err
		}
	}
	if v.HoldsConnections {
		if err := readConnected(ctx, client, v, contracts, &f); err != nil {
			return f, err
		}
	}
	// Only agents have a relation that asks for the place in the tree.
	if v.Has(authz.PartnerAgent) {
		if err := readPaths(ctx, client, contracts, &f); err != nil {
			return f, err
		}
	}
	return f, nil
}

func readGranted(ctx context.Context, client *ent.Client, v *authz.Viewer, contracts []*ent.Contract, f *facts) error {
	ids := make([]uuid.UUID, len(contracts))
	for i, c := range contracts {
		ids[i] = c.ID
	}
	live, err := client.Grant.Query().
		Where(grant.HolderID(v.User), grant.ContractIDIn(ids...), grant.RevokedAtIsNil()).
		Select(grant.FieldContractID, grant.FieldRight).All(ctx)
	if err != nil {
		return fmt.Errorf("reading the viewer's grants: %w", err)
	}
	for _, g := range live {
		f.granted[g.ContractID] = append(f.granted[g.ContractID], authz.Right(g.Right))
	}
	return nil
}

func readConnected(ctx context.Context, client *ent.Client, v *authz.Viewer, contracts []*ent.Contract, f *facts) error {
	numbers := make([]uuid.UUID, 0, len(contracts))
	for _, c := range contracts {
		if c.CustomerNumberID != nil && !slices.Contains(numbers, *c.CustomerNumberID) {
			numbers = append(numbers, *c.CustomerNumberID)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	live, err := client.Connection.Query().
		Where(connection.UserID(v.User), connection.CustomerNumberIDIn(numbers...), connection.RevokedAtIsNil()).
		Select(connection.FieldCustomerNumberID).All(ctx)
	if err != nil {
		return fmt.Errorf("reading the viewer's connections: %w", err)
	}
	for _, c := range live {
		f.connected[c.CustomerNumberID] = true
	}
	return nil
}

func readPaths(ctx context.Context, client *ent.Client, contracts []*ent.Contract, f *facts) error {
	ids := make([]uuid.UUID, 0, len(contracts))
	for _, c := range contracts {
		if !slices.Contains(ids, c.TenantID) {
			ids = append(ids, c.TenantID)
		}
	}
	tenants, err := client.Tenant.Query().Where(tenant.IDIn(ids...)).Select(tenant.FieldID, tenant.FieldPath).All(ctx)
	if err != nil {
		return fmt.Errorf("reading the places of tenants: %w", err)
	}
	for _, t := range tenants {
		f.paths[t.ID] = t.Path
	}
	return nil
}
