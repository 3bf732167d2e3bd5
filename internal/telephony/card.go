package telephony

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/simcard"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// wanted says which card somebody means: by its ID or its last four digits, and of which
// product where that matters.
type wanted struct {
	id       *gid.ID
	lastFour *string
	product  *uuid.UUID
	// wizard is the one that may have reserved it already.
	wizard uuid.UUID
	field  []string // of the last four digits
}

// giveSIM gives a telephony user a card that is free; of two that want it one gets it.
func (s *Service) giveSIM(ctx context.Context, tx *ent.Tx, card, to uuid.UUID, field ...string) error {
	n, err := tx.SimCard.Update().Where(simcard.ID(card), freeSIM(s.moment())).SetTelephonyUserID(to).ClearWizardID().ClearReservedUntil().Save(ctx)
	if err != nil {
		return fmt.Errorf("taking a SIM card: %w", err)
	}
	if n == 0 {
		return fault.New("SIM_TAKEN", field...)
	}
	return nil
}

var endings = regexp.MustCompile(`^\d{4}$`)

// find is the free card that is meant, or the fault that says why there is none: unknown,
// of another product, somebody else's, or one of several (WZ-05).
func (w wanted) find(ctx context.Context, tx *ent.Tx, now time.Time) (*ent.SimCard, error) {
	q := tx.SimCard.Query().Order(simcard.ByIccid())
	ending := ""
	if w.lastFour != nil {
		ending = strings.TrimSpace(*w.lastFour)
	}
	switch {
	case w.id != nil:
		q.Where(simcard.ID(w.id.Of(ent.KindSimCard)))
	case ending == "":
		return nil, fault.New("VALUE_REQUIRED", w.field...)
	case !endings.MatchString(ending):
		return nil, fault.New("LAST_FOUR_INVALID", w.field...)
	default:
		q.Where(simcard.LastFour(ending))
	}
	cards, err := q.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding a SIM card: %w", err)
	}
	if len(cards) == 0 {
		return nil, fault.New("SIM_UNKNOWN", w.field...)
	}
	var free []*ent.SimCard
	fitting := 0
	for _, card := range cards {
		if w.product != nil && card.ProductID != *w.product {
			continue
		}
		fitting++
		if card.TelephonyUserID == nil && (card.WizardID == nil || *card.WizardID == w.wizard || !card.ReservedUntil.After(now)) {
			free = append(free, card)
		}
	}
	switch {
	case fitting == 0:
		return nil, fault.New("SIM_OF_OTHER_PRODUCT", w.field...)
	case len(free) == 0:
		return nil, fault.New("SIM_TAKEN", w.field...)
	case len(free) > 1:
		return nil, fault.New("SIM_AMBIGUOUS", w.field...)
	}
	return free[0], nil
}
