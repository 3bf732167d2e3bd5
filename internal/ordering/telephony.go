package ordering

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/ent/telephonyuser"
	"kontor/internal/account"
	"kontor/internal/cart"
	"kontor/internal/fault"
)

// PlaceFor places a new order of what another room has put together, as the viewer, within its
// transaction: the same way as any other order, with its approvals and its receipt (OR-02).
func (s *Service) PlaceFor(ctx context.Context, tx *ent.Tx, c *cart.Cart, details *account.OrderDetails) (*ent.Order, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return s.place(ctx, tx, v, c, PlaceOrderInput{BusinessCase: order.BusinessCaseNEW_ORDER, known: details})
}

// keeps tells whether an order in ERROR still has what it was given, because nobody knew
// whether it was delivered.
func (s *Service) keeps(ctx context.Context, tx *ent.Tx, o *ent.Order) (bool, error) {
	if o.CalledOff {
		return true, nil
	}
	kept, err := tx.TelephonyUser.Query().Where(telephonyuser.OrderID(o.ID), telephonyuser.StateNEQ(telephonyuser.StateCANCELLED)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for the telephony user of an order: %w", err)
	}
	return kept, nil
}

// telephonyUsers are the telephony users of orders that were loaded together, by order.
func (s *Service) telephonyUsers(ctx context.Context, o *ent.Order) (map[uuid.UUID]*ent.TelephonyUser, error) {
	return ent.Load(ctx, o.Siblings(), "telephony users", func(ctx context.Context, orders []*ent.Order) (map[uuid.UUID]*ent.TelephonyUser, error) {
		ids := make([]uuid.UUID, len(orders))
		for i, o := range orders {
			ids[i] = o.ID
		}
		found, err := s.db.Client.TelephonyUser.Query().Where(telephonyuser.OrderIDIn(ids...)).
			Select(telephonyuser.FieldID, telephonyuser.FieldOrderID, telephonyuser.FieldState).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the telephony users of orders: %w", err)
		}
		byOrder := make(map[uuid.UUID]*ent.TelephonyUser, len(found))
		for _, u := range found {
			byOrder[*u.OrderID] = u
		}
		return byOrder, nil
	})
}

// mayLinkSIM tells whether the viewer can link a SIM card to the telephony user that was
// ordered (WZ-10): it waits for one.
func (w *waiting) mayLinkSIM(v *authz.Viewer) error {
	if w.telephony == nil || w.telephony.State != telephonyuser.StateAWAITING_SIM {
		return fault.New("SIM_NOT_AWAITED")
	}
	return w.permitted(v, "telephony.change")
}
