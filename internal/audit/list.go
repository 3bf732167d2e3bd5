package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/internal/gid"
)

// Filter says which entries to list. Everything given must hold.
type Filter struct {
	Action    *string
	ActorID   *gid.ID
	SubjectID *gid.ID
	From      *time.Time
	To        *time.Time
	Kind      *auditentry.Class
}

// Entries is the query for the entries that the viewer may see, under a filter.
func (l *Log) Entries(where *Filter) *ent.AuditEntryQuery {
	q := l.db.Client.AuditEntry.Query()
	if where == nil {
		return q.Where(auditentry.ClassEQ(auditentry.ClassCHANGE))
	}
	switch {
	case where.Kind != nil:
		q.Where(auditentry.ClassEQ(*where.Kind))
	case where.Action == nil:
		q.Where(auditentry.ClassEQ(auditentry.ClassCHANGE))
	}
	if where.Action != nil {
		q.Where(auditentry.Action(*where.Action))
	}
	if where.ActorID != nil {
		q.Where(auditentry.ActorID(where.ActorID.Of(ent.KindUser)))
	}
	if where.SubjectID != nil {
		// Keys are unique on the platform, whatever kind they are of.
		_, key, ok := where.SubjectID.Split()
		if !ok {
			key = uuid.Nil
		}
		q.Where(auditentry.SubjectID(key))
	}
	if where.From != nil {
		q.Where(auditentry.AtGTE(*where.From))
	}
	if where.To != nil {
		q.Where(auditentry.AtLT(*where.To))
	}
	return q
}

// Of are the companies in whose logs the entries of a page are.
func (l *Log) Of(ctx context.Context, page *ent.AuditEntryConnection) (map[uuid.UUID]bool, error) {
	ids, companies := make([]uuid.UUID, len(page.Edges)), map[uuid.UUID]bool{}
	for i, e := range page.Edges {
		ids[i] = e.Node.ID
	}
	if len(ids) == 0 {
		return companies, nil
	}
	var found []struct {
		TenantID uuid.UUID `json:"tenant_id"`
	}
	if err := l.db.Client.AuditEntry.Query().Where(auditentry.IDIn(ids...)).GroupBy(auditentry.FieldTenantID).Scan(ctx, &found); err != nil {
		return nil, fmt.Errorf("reading whose audit logs are read: %w", err)
	}
	for _, each := range found {
		companies[each.TenantID] = true
	}
	return companies, nil
}
