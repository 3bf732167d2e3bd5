package telephony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/authz"
	"kontor/authz/rows"
	"kontor/ent"
	entwizard "kontor/ent/wizard"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// keptFor is how long a wizard stays that nobody goes on with, and how long it is known who
// was shown what of it.
const keptFor = 30 * 24 * time.Hour

// Two devices share a wizard and do not overwrite each other unseen (WZ-09). A client that says
// which version it saw changes that version or none. For one that does not, the server
// remembers the version that it showed to the session last: a step that somebody changed after
// that is shown first.

func seenKey(wizard uuid.UUID, session string) string {
	return "kontor:wizard:" + wizard.String() + ":" + session
}

// unseen is CONFLICT where what is to be overwritten, which came with the version changed, was
// not shown to whoever does so.
func (s *Service) unseen(ctx context.Context, w *wizard, said *int, changed int) error {
	if said != nil {
		if *said != w.Version {
			return fault.New("CONFLICT", "version")
		}
		return nil
	}
	if changed == 0 {
		return nil
	}
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	seen, err := s.redis.Get(ctx, seenKey(w.ID, v.Session)).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("reading what a session was shown of a wizard: %w", err)
	}
	if seen < changed {
		return fault.New("CONFLICT")
	}
	return nil
}

// Shown remembers that the viewer's session is shown these wizards as they are.
func (s *Service) Shown(ctx context.Context, all ...*ent.Wizard) {
	v, err := authz.FromContext(ctx)
	if err != nil || len(all) == 0 {
		return
	}
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, w := range all {
			if w.Version == 0 { // nothing of it was selected
				continue
			}
			p.Set(ctx, seenKey(w.ID, v.Session), strconv.Itoa(w.Version), keptFor)
		}
		return nil
	})
	if err != nil { // whoever changes it then is shown it once more
		s.log.WarnContext(ctx, "what a session was shown of a wizard is not known", "error", err)
	}
}

// Wizard is a wizard of the viewer's, to go on with, on whatever device (WZ-09); nil where
// there is none.
func (s *Service) Wizard(ctx context.Context, id gid.ID) (*ent.Wizard, error) {
	w, err := s.shown(ctx, id.Of(ent.KindWizard))
	if errors.Is(err, fault.ErrNotFound) {
		return nil, nil
	}
	return w, err
}

// shown is a wizard as it is now, which its viewer sees from here on.
func (s *Service) shown(ctx context.Context, id uuid.UUID) (*ent.Wizard, error) {
	w, err := s.db.Client.Wizard.Query().Where(entwizard.ID(id)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a wizard: %w", err)
	}
	if _, err := s.within(ctx, w.TenantID); err != nil {
		return nil, err
	}
	s.Shown(ctx, w)
	return w, nil
}

// Resumed is whether the viewer may still go on with a wizard of its own, which it is shown then.
func (s *Service) Resumed(ctx context.Context, w *ent.Wizard) (bool, error) {
	_, err := s.of(ctx, w.GlobalID()) // of the wizard itself only what was selected is loaded
	if errors.Is(err, fault.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		s.Shown(ctx, w)
	}
	return err == nil, err
}

// Open is the query for the wizards of the viewer that were not ordered yet: those of an agent
// for the customers that it may act for now.
func (s *Service) Open(ctx context.Context) (*ent.WizardQuery, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	q := s.db.Client.Wizard.Query().Where(entwizard.OrderIDIsNil())
	scope, err := authz.Scope(v, "tenant.act")
	if err != nil || slices.Contains(scope, authz.All) {
		return q, err
	}
	customers, err := rows.Visible(v, "tenant.act", rows.Columns{Tenant: entwizard.FieldTenantID})
	if err != nil {
		return nil, err
	}
	return q.Where(entwizard.Or(entwizard.TenantID(v.Tenant), customers)), nil
}
