package audit

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/audithead"
	"kontor/ent/tenant"
)

// Chain is what Verify found of a tenant's log.
type Chain struct {
	Organization string
	Entries      int64
	Hash         string // of the last entry: kept elsewhere, it proves later that none was cut off
	// Broken says what is wrong and where, for people; empty when nothing is.
	Broken string
}

// batch is how many entries are in memory at a time.
const batch = 1000

// Verify walks the chains of all tenants: what was changed, removed or put in breaks one
// (AC-13). The context must be authz.System.
func (l *Log) Verify(ctx context.Context) ([]Chain, error) {
	tenants, err := l.db.Client.Tenant.Query().Order(tenant.ByOrganizationID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading whose audit logs there are: %w", err)
	}
	chains := make([]Chain, 0, len(tenants))
	for _, t := range tenants {
		chain, err := l.verify(ctx, t)
		if err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	return chains, nil
}

func (l *Log) verify(ctx context.Context, t *ent.Tenant) (Chain, error) {
	chain := Chain{Organization: t.OrganizationID}
	for {
		entries, err := l.db.Client.AuditEntry.Query().Where(auditentry.TenantID(t.ID), auditentry.SequenceGT(chain.Entries)).
			Order(auditentry.BySequence()).Limit(batch).All(ctx)
		if err != nil {
			return chain, fmt.Errorf("reading the audit log of %s: %w", t.OrganizationID, err)
		}
		for _, e := range entries {
			switch {
			case e.Sequence != chain.Entries+1:
				chain.Broken = fmt.Sprintf("entry %d is missing", chain.Entries+1)
			case e.PreviousHash != chain.Hash:
				chain.Broken = fmt.Sprintf("entry %d does not follow the one before", e.Sequence)
			case hash(e) != e.Hash:
				chain.Broken = fmt.Sprintf("entry %d was changed", e.Sequence)
			}
			if chain.Broken != "" {
				return chain, nil
			}
			chain.Entries, chain.Hash = e.Sequence, e.Hash
		}
		if len(entries) < batch {
			return chain, l.compareHead(ctx, t.ID, &chain)
		}
	}
}

// compareHead finds that the end of a chain was cut off.
func (l *Log) compareHead(ctx context.Context, of uuid.UUID, chain *Chain) error {
	head, err := l.db.Client.AuditHead.Query().Where(audithead.TenantID(of)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		if chain.Entries > 0 {
			chain.Broken = "the note of its end is missing"
		}
		return nil
	case err != nil:
		return fmt.Errorf("reading the end of an audit log: %w", err)
	case head.Sequence != chain.Entries || head.Hash != chain.Hash:
		chain.Broken = fmt.Sprintf("it ends at entry %d and not at %d", chain.Entries, head.Sequence)
	}
	return nil
}
