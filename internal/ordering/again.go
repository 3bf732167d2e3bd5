package ordering

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/order"
	"kontor/internal/account"
	"kontor/internal/cart"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/money"
	"kontor/internal/once"
)

// OrderSavedCartInput is which saved cart to order as it stands.
type OrderSavedCartInput struct {
	ID             gid.ID
	IdempotencyKey string
	ExpectedGross  *money.Decimal
}

// PlaceSaved orders a saved cart at once, as Place orders the current one, which stays as
// it is (CA-07). What is not orderable any more is told, and then nothing is ordered.
func (s *Service) PlaceSaved(ctx context.Context, in OrderSavedCartInput) (*ent.Order, error) {
	request := once.Request{Operation: "orderSavedCart", Key: in.IdempotencyKey, Input: fmt.Sprintf("%s|%v", in.ID, deref(in.ExpectedGross))}
	if err := request.Check(); err != nil {
		return nil, err
	}
	return db.InTx(ctx, s.db, func(tx *ent.Tx) (*ent.Order, error) {
		v, err := authz.FromContext(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.cart.Hold(ctx, tx); err != nil {
			return nil, err
		}
		if placed, err := s.replay(ctx, tx, request); placed != nil || err != nil {
			return placed, err
		}
		c, err := s.cart.Saved(ctx, tx, in.ID)
		if err != nil {
			return nil, err
		}
		placed, err := s.place(ctx, tx, v, c, PlaceOrderInput{BusinessCase: order.BusinessCaseNEW_ORDER, ExpectedGross: in.ExpectedGross})
		if err != nil {
			return nil, err
		}
		return placed, request.Remember(ctx, tx, v, placed.ID, s.now())
	})
}

// ReorderToCartInput is which order to put into the cart again.
type ReorderToCartInput struct{ OrderID gid.ID }

// Reorder adds the positions of an order that the viewer may see to the current cart,
// which names the agreement that they were called off from where it was empty (OR-11, OR-12).
func (s *Service) Reorder(ctx context.Context, in ReorderToCartInput) (*cart.Cart, error) {
	return s.cart.AddAgain(ctx, "orderId", func(tx *ent.Tx) ([]account.SavedPosition, *uuid.UUID, error) {
		placed, err := tx.Order.Query().Where(order.ID(in.OrderID.Of(ent.KindOrder))).
			WithItems(inOrder).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, nil, fault.New("ORDER_UNKNOWN", "orderId")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading the order to repeat: %w", err)
		}
		var from *uuid.UUID
		positions := make([]account.SavedPosition, len(placed.Edges.Items))
		for i, item := range placed.Edges.Items {
			positions[i] = account.SavedPosition{ProductID: item.ProductID, Unit: item.Unit, Quantity: item.Quantity, SeenPrice: &item.UnitPriceAmount,
				WishedDate: item.WishedDate, Assignment: item.AccountAssignment}
			if item.ContractPositionID != nil {
				from = placed.ContractID
			}
			if item.DeliveryAddress != nil {
				positions[i].Address = &account.SavedAddress{ID: uuid.Nil, Address: *item.DeliveryAddress}
			}
		}
		return positions, from, nil
	})
}
