package telephony

import (
	"context"
	"fmt"
	"time"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/extension"
	"kontor/ent/phonenumber"
	"kontor/ent/simcard"
	entwizard "kontor/ent/wizard"
	"kontor/internal/db"
	"kontor/internal/rounds"
)

// sweepEvery is how often a replica sweeps.
const sweepEvery = time.Minute

// KeepSweeping sweeps until the context ends.
func (s *Service) KeepSweeping(ctx context.Context) {
	rounds.Keep(ctx, sweepEvery, nil, s.log, "reservations wait to be swept away", s.Sweep)
}

// Sweep frees what is reserved for longer than it lasts, and deletes wizards that nobody goes
// on with (WZ-11), however many replicas do so. Nothing depends on when: what ran out counts as
// free before.
func (s *Service) Sweep(ctx context.Context) error {
	ctx = authz.System(ctx)
	// Most of the time there is nothing to do, and then nobody is kept from writing.
	if due, err := s.toSweep(ctx); err != nil || !due {
		return err
	}
	_, err := db.InTx(ctx, s.db, func(tx *ent.Tx) (struct{}, error) {
		now := s.moment()
		steps := []func() error{
			func() error {
				return tx.SimCard.Update().Where(simcard.ReservedUntilLTE(now)).ClearWizardID().ClearReservedUntil().Exec(ctx)
			},
			func() error {
				_, err := tx.PhoneNumber.Delete().Where(phonenumber.ReservedUntilLTE(now), phonenumber.OriginEQ(phonenumber.OriginPORT_IN)).Exec(ctx)
				return err
			},
			func() error {
				return tx.PhoneNumber.Update().Where(phonenumber.ReservedUntilLTE(now)).ClearWizardID().ClearReservedUntil().Exec(ctx)
			},
			func() error {
				_, err := tx.Extension.Delete().Where(extension.ReservedUntilLTE(now)).Exec(ctx)
				return err
			},
			func() error {
				_, err := tx.Wizard.Delete().Where(entwizard.OrderIDIsNil(), entwizard.UpdatedAtLTE(now.Add(-keptFor))).Exec(ctx)
				return err
			},
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return struct{}{}, fmt.Errorf("sweeping reservations: %w", err)
			}
		}
		return struct{}{}, nil
	})
	return err
}

// toSweep tells whether anything ran out.
func (s *Service) toSweep(ctx context.Context) (bool, error) {
	now, c := s.moment(), s.db.Client
	for _, look := range []func() (bool, error){
		func() (bool, error) { return c.SimCard.Query().Where(simcard.ReservedUntilLTE(now)).Exist(ctx) },
		func() (bool, error) { return c.PhoneNumber.Query().Where(phonenumber.ReservedUntilLTE(now)).Exist(ctx) },
		func() (bool, error) { return c.Extension.Query().Where(extension.ReservedUntilLTE(now)).Exist(ctx) },
		func() (bool, error) {
			return c.Wizard.Query().Where(entwizard.OrderIDIsNil(), entwizard.UpdatedAtLTE(now.Add(-keptFor))).Exist(ctx)
		},
	} {
		due, err := look()
		if err != nil {
			return false, fmt.Errorf("looking for reservations that ran out: %w", err)
		}
		if due {
			return true, nil
		}
	}
	return false, nil
}
