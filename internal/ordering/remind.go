package ordering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/approvalneed"
	"kontor/ent/order"
	"kontor/internal/db"
	"kontor/internal/mail"
	"kontor/internal/rounds"
)

const (
	// remindAfter is how long an order waits before its approvers are reminded, once.
	remindAfter = 2 * 24 * time.Hour
	// remindEvery is how often the server looks whom to remind.
	remindEvery = 10 * time.Minute
	// remindBatch is how many it reads at a time.
	remindBatch = 50
)

// KeepReminding reminds approvers until the context ends.
func (s *Service) KeepReminding(ctx context.Context) {
	rounds.Keep(ctx, remindEvery, nil, s.log, "approvers wait to be reminded", s.Remind)
}

// Remind mails the approvers of every order that has waited for long, once for each
// order, however many replicas do so.
func (s *Service) Remind(ctx context.Context) error {
	ctx = authz.System(ctx)
	var failed []error
	for tried := map[uuid.UUID]bool{}; ; {
		due, err := s.db.Client.Order.Query().Where(order.StateEQ(order.StatePENDING_APPROVAL), order.HasNeedsWith(
			approvalneed.SettledAtIsNil(), approvalneed.RemindedAtIsNil(), approvalneed.AskedAtLTE(s.moment().Add(-remindAfter)))).
			Order(order.ByPlacedAt()).Limit(remindBatch + len(failed)).All(ctx)
		if err != nil {
			return fmt.Errorf("reading the orders that wait for long: %w", err)
		}
		more := false
		for _, o := range due {
			if tried[o.ID] {
				continue
			}
			tried[o.ID], more = true, true
			if err := s.remind(ctx, o); err != nil {
				failed = append(failed, err)
			}
		}
		if !more {
			return errors.Join(failed...)
		}
	}
}

// remind takes an order for this replica and mails its approvers, in one transaction.
func (s *Service) remind(ctx context.Context, o *ent.Order) error {
	_, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		n, err := tx.ApprovalNeed.Update().Where(approvalneed.OrderID(o.ID), approvalneed.SettledAtIsNil(), approvalneed.RemindedAtIsNil()).
			SetRemindedAt(s.moment()).Save(ctx)
		if err != nil || n == 0 {
			return struct{}{}, err
		}
		found, err := s.waitingFor(ctx, tx.Client(), []*ent.Order{o})
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.tellApprovers(ctx, tx, mail.OrderReminder, found[o.ID], "")
	})
	if err != nil {
		return fmt.Errorf("reminding the approvers of order %s: %w", o.Number, err)
	}
	return nil
}
