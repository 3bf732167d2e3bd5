package access

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/transfer"
	"kontor/ent/user"
	"kontor/internal/db"
)

// Direction says which transfers to list.
type Direction string

// The directions; all when none is given.
const (
	Given    Direction = "GIVEN"
	Received Direction = "RECEIVED"
)

// Transfers is the query for the transfers that the viewer may see, past ones too
// (AC-11): those of its company's contracts, and those to itself.
func (s *Service) Transfers(ctx context.Context, direction *Direction) (*ent.TransferQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.Transfer.Query()
	if direction == nil {
		return q, nil
	}
	if *direction == Given {
		return q.Where(transfer.TenantID(v.Tenant)), nil
	}
	return q.Where(transfer.ReceiverID(v.User)), nil
}

// Giver is who gave a transfer, by name and company: all that the other side learns.
func (s *Service) Giver(ctx context.Context, t *ent.Transfer) (*PersonName, error) {
	names, err := s.namesOf(ctx, t)
	return names[t.GiverID], err
}

// Receiver is who received a transfer.
func (s *Service) Receiver(ctx context.Context, t *ent.Transfer) (*PersonName, error) {
	names, err := s.namesOf(ctx, t)
	return names[t.ReceiverID], err
}

// namesOf are the people of all transfers that were loaded together, in two statements.
func (s *Service) namesOf(ctx context.Context, t *ent.Transfer) (map[uuid.UUID]*PersonName, error) {
	return ent.Load(ctx, t.Siblings(), "people", func(ctx context.Context, all []*ent.Transfer) (map[uuid.UUID]*PersonName, error) {
		ids := map[uuid.UUID]bool{}
		for _, each := range all {
			ids[each.GiverID], ids[each.ReceiverID] = true, true
		}
		keys := slices.Collect(maps.Keys(ids))
		// One of them belongs to another company: its name is part of the transfer.
		people, err := s.db.Client.User.Query().Where(user.IDIn(keys...)).WithTenant().All(authz.System(ctx))
		if err != nil {
			return nil, fmt.Errorf("reading who transferred to whom: %w", err)
		}
		names := make(map[uuid.UUID]*PersonName, len(people))
		for _, u := range people {
			names[u.ID] = &PersonName{DisplayName: u.DisplayName(), TenantName: u.TenantName()}
		}
		return names, nil
	})
}

func dialectOf(d *db.DB) *sql.DialectBuilder { return sql.Dialect(d.Dialect) }
