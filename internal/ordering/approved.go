package ordering

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/order"
)

// OrderApproval is what becomes of the approval of an order.
type OrderApproval struct {
	Required  bool
	Rule      *string
	Approvers []*ent.User
	DecidedBy *ent.User
	DecidedAt *time.Time
	Reason    *string
}

// Approval is the approval that an order needs or needed, nil where it needs none: the
// same few statements for all orders that were loaded together.
func (s *Service) Approval(ctx context.Context, o *ent.Order) (*OrderApproval, error) {
	all, err := s.allWaiting(ctx, o)
	if err != nil {
		return nil, err
	}
	w := all[o.ID]
	if len(w.needs) == 0 {
		return nil, nil
	}
	people, err := ent.Load(ctx, o.Siblings(), "approvers", func(ctx context.Context, _ []*ent.Order) (map[uuid.UUID]*ent.User, error) {
		var ids []uuid.UUID
		for _, w := range all {
			ids = append(ids, w.asked()...)
			for _, n := range w.needs {
				if n.DecidedByID != nil {
					ids = append(ids, *n.DecidedByID)
				}
			}
		}
		return s.people(ctx, ids)
	})
	if err != nil {
		return nil, err
	}
	return w.approval(people), nil
}

// asked are those who can decide; once it is decided, those whom the rules named.
func (w *waiting) asked() []uuid.UUID {
	if w.order.State == order.StatePENDING_APPROVAL {
		return w.everyDecider()
	}
	var all []uuid.UUID
	for _, n := range w.needs {
		for _, a := range n.Edges.Named {
			if !slices.Contains(all, a.UserID) {
				all = append(all, a.UserID)
			}
		}
	}
	return all
}

func (w *waiting) approval(people map[uuid.UUID]*ent.User) *OrderApproval {
	names := make([]string, len(w.needs))
	for i, n := range w.needs {
		names[i] = n.Rule
	}
	rules := strings.Join(names, ", ")
	a := &OrderApproval{Required: true, Rule: &rules, Approvers: []*ent.User{}}
	for _, id := range w.asked() {
		if u := people[id]; u != nil {
			a.Approvers = append(a.Approvers, u)
		}
	}
	if w.order.State == order.StatePENDING_APPROVAL {
		return a
	}
	for _, n := range w.needs {
		// The last one to decide made it final.
		if n.DecidedByID != nil && (a.DecidedAt == nil || n.SettledAt.After(*a.DecidedAt)) {
			a.DecidedBy, a.DecidedAt = people[*n.DecidedByID], n.SettledAt
		}
		if n.Reason != "" {
			a.Reason = &n.Reason
		}
	}
	return a
}
