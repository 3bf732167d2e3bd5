package telephony

import (
	"context"
	"fmt"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/telephonyuser"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// TelephonyUserFilter says which telephony users to list. Everything given must hold.
type TelephonyUserFilter struct {
	Search   *string
	States   []telephonyuser.State
	TenantID *gid.ID
}

// LinkSimInput is which card to link, by its last four digits or its ID.
type LinkSimInput struct {
	TelephonyUserID gid.ID
	LastFour        *string
	SimID           *gid.ID
}

// Users is the query for the telephony users that the viewer may see, under a filter.
func (s *Service) Users(where *TelephonyUserFilter) *ent.TelephonyUserQuery {
	q := s.db.Client.TelephonyUser.Query()
	if where == nil {
		return q
	}
	if text := fault.Sought(where.Search); text != "" {
		q.Where(telephonyuser.Or(telephonyuser.DisplayNameContainsFold(text), telephonyuser.ExtensionHasPrefix(text), telephonyuser.PhoneNumberContains(text)))
	}
	if len(where.States) > 0 {
		q.Where(telephonyuser.StateIn(where.States...))
	}
	if where.TenantID != nil {
		q.Where(telephonyuser.TenantID(where.TenantID.Of(ent.KindTenant)))
	}
	return q
}

// LinkSIM links a free card to a telephony user that waits for one, which is ACTIVE then
// (WZ-10). Of two that want the same card one gets it.
func (s *Service) LinkSIM(ctx context.Context, in LinkSimInput) (*ent.TelephonyUser, error) {
	return s.onUser(ctx, in.TelephonyUserID, func(tx *ent.Tx, u *ent.TelephonyUser) error {
		switch u.State {
		case telephonyuser.StateAWAITING_SIM:
		case telephonyuser.StateACTIVE:
			return fault.New("SIM_ALREADY_LINKED")
		default:
			return fault.New("SIM_NOT_AWAITED")
		}
		field := []string{"lastFour"}
		card, err := wanted{id: in.SimID, lastFour: in.LastFour, field: field}.find(ctx, tx, s.moment())
		if err != nil {
			return err
		}
		if err := s.giveSIM(ctx, tx, card.ID, u.ID, field...); err != nil {
			return err
		}
		err = tx.TelephonyUser.UpdateOneID(u.ID).SetSimCardID(card.ID).SetSimLastFour(card.LastFour).SetState(telephonyuser.StateACTIVE).Exec(ctx)
		if err != nil {
			return fmt.Errorf("linking a SIM card: %w", err)
		}
		return s.audit.Record(ctx, tx, audit.Change{
			Tenant: u.TenantID, Action: "telephony_user.link_sim", Kind: "TelephonyUser", Subject: u.ID, Label: u.DisplayName,
			Before: map[string]any{"state": u.State}, After: map[string]any{"state": telephonyuser.StateACTIVE, "sim": card.LastFour},
		})
	})
}

// onUser changes a telephony user that the viewer sees and may change; nobody else does
// meanwhile.
func (s *Service) onUser(ctx context.Context, id gid.ID, do func(*ent.Tx, *ent.TelephonyUser) error) (*ent.TelephonyUser, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	named := telephonyuser.ID(id.Of(ent.KindTelephonyUser))
	_, err = db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.TelephonyUser, error) {
		seen, err := tx.TelephonyUser.Query().Where(named).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, fault.ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("finding a telephony user: %w", err)
		}
		thing := authz.Thing{Tenant: seen.TenantID}
		if seen.OrderedByID != nil {
			thing.Owner = *seen.OrderedByID
		}
		allowed, err := authz.Can(v, "telephony.change", thing)
		if err != nil {
			return nil, err
		}
		if !allowed {
			return nil, fault.ErrForbidden
		}
		u, err := db.ForUpdate(s.db, tx.TelephonyUser.Query().Where(named), db.KeepingKeys).Only(ctx)
		if err != nil {
			return nil, fmt.Errorf("holding a telephony user: %w", err)
		}
		return u, do(tx, u)
	})
	if err != nil {
		return nil, err
	}
	u, err := s.db.Client.TelephonyUser.Query().Where(named).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading a telephony user: %w", err)
	}
	return u, nil
}
