package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/auditentry"
	"kontor/ent/audithead"
	"kontor/ent/tenant"
	"kontor/internal/seal"
)

// Chain is what Verify found of a tenant's log.
type Chain struct {
	Organization string
	// Entries is the sequence number of the last entry that was read. Those up to Cut are over and
	// were deleted by the retention.
	Entries, Cut int64
	Hash         string // of the last entry: kept elsewhere, it proves later that none was cut off
	// Keyed tells whether entries are made with a secret; a chain of before is until `kontor
	// audit key` changed only by whoever takes care to hash it anew.
	Keyed bool
	// Broken says what is wrong and where, for people; empty when nothing is.
	Broken string
}

// batch is how many entries are in memory at a time.
const batch = 1000

// How long what entries say of people is kept (docs/privacy.md).
const (
	// OriginKept is how long the address is kept that a change came from.
	OriginKept = 90 * 24 * time.Hour
	// SecurityKept is how long an entry about ways in and data says whom it was about.
	SecurityKept = 365 * 24 * time.Hour
	// Kept is how long entries are kept at all.
	Kept = 2 * 365 * 24 * time.Hour
)

// Verify walks the chains of all tenants: what was changed, removed or put in breaks one
// (AC-13). Heads that were kept elsewhere show also what was cut off at the end, and a chain
// that was made anew as a whole by whoever has the key (PRIV-02). The context must be
// authz.System.
func (l *Log) Verify(ctx context.Context, heads ...Head) ([]Chain, error) {
	tenants, err := l.db.Client.Tenant.Query().Order(tenant.ByOrganizationID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading whose audit logs there are: %w", err)
	}
	elsewhere := map[uuid.UUID][]Head{}
	for _, h := range heads {
		elsewhere[h.Tenant] = append(elsewhere[h.Tenant], h)
	}
	chains := make([]Chain, 0, len(tenants))
	for _, t := range tenants {
		w := walk{log: l, of: t, Chain: Chain{Organization: t.OrganizationID}, heads: elsewhere[t.ID], taken: map[int64]int{}, vouched: map[int64]string{}}
		if err := w.all(ctx); err != nil {
			return nil, err
		}
		delete(elsewhere, t.ID)
		chains = append(chains, w.Chain)
	}
	for id, of := range elsewhere {
		deleted, err := l.db.Client.AuditEntry.Query().Where(auditentry.Action(DeleteTenant), auditentry.SubjectID(id), auditentry.KeyIDNEQ("")).Exist(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking whether a tenant was deleted: %w", err)
		}
		if deleted { // its own entry is in a chain that was walked
			continue
		}
		chains = append(chains, Chain{Organization: of[0].Organization, Broken: "the tenant is gone with its audit log"})
	}
	return chains, nil
}

// walk is the way along one chain.
type walk struct {
	Chain
	log   *Log
	of    *ent.Tenant
	head  *ent.AuditHead
	heads []Head
	// taken are entries from which a part was taken out whose time was not over, as a set of
	// bits, until a later entry is found that says so.
	taken map[int64]int
	// vouched is the rest of those that were hashed without the key: a note says what the key
	// makes of it.
	vouched map[int64]string
}

func (w *walk) broke(format string, args ...any) { w.Broken = fmt.Sprintf(format, args...) }

func (w *walk) all(ctx context.Context) error {
	if err := w.begin(ctx); err != nil || w.Broken != "" {
		return err
	}
	for {
		entries, err := w.log.db.Client.AuditEntry.Query().Where(auditentry.TenantID(w.of.ID), auditentry.SequenceGT(w.Entries)).
			Order(auditentry.BySequence()).Limit(batch).All(ctx)
		if err != nil {
			return fmt.Errorf("reading the audit log of %s: %w", w.Organization, err)
		}
		for _, e := range entries {
			if w.entry(e); w.Broken != "" {
				return nil
			}
		}
		if len(entries) < batch {
			w.ends()
			return nil
		}
	}
}

// begin reads the note of the end, which also says where the chain begins.
func (w *walk) begin(ctx context.Context) error {
	head, err := w.log.db.Client.AuditHead.Query().Where(audithead.TenantID(w.of.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		w.head = &ent.AuditHead{TenantID: w.of.ID}
		if n, err := w.log.db.Client.AuditEntry.Query().Where(auditentry.TenantID(w.of.ID)).Count(ctx); err != nil {
			return fmt.Errorf("counting the entries of an audit log: %w", err)
		} else if n > 0 {
			w.broke("the note of its end is missing")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the end of an audit log: %w", err)
	}
	w.head, w.Keyed = head, head.KeyedFrom > 0
	// Whether the note is the server's own is told at the end: what is wrong with entries says more.
	w.Entries, w.Hash, w.Cut = head.CutSequence, head.CutHash, head.CutSequence
	return nil
}

// entry looks at the next entry.
func (w *walk) entry(e *ent.AuditEntry) {
	keyed := w.head.KeyedFrom > 0 && e.Sequence >= w.head.KeyedFrom
	switch {
	case e.Sequence != w.Entries+1:
		w.broke("entry %d is missing", w.Entries+1)
	case e.PreviousHash != w.Hash:
		w.broke("entry %d does not follow the one before", e.Sequence)
	case keyed && e.KeyID == "":
		w.broke("entry %d was made without the key", e.Sequence)
	case !keyed && e.KeyID != "":
		w.broke("entry %d was made with the key, and the note of the end denies it", e.Sequence)
	default:
		w.content(e)
	}
	if w.Broken != "" {
		return
	}
	w.Entries, w.Hash = e.Sequence, e.Hash
	for _, h := range w.heads {
		if h.Sequence == e.Sequence && h.Hash != e.Hash {
			w.broke("entry %d is another than the one whose hash was kept elsewhere at %s", e.Sequence, moment(h.At))
			return
		}
	}
}

// content compares an entry with its hash and its parts with their seals.
func (w *walk) content(e *ent.AuditEntry) {
	if e.Seals == "" {
		if e.KeyID != "" || hash(e) != e.Hash {
			w.broke("entry %d was changed", e.Sequence)
		}
		return
	}
	if e.KeyID != "" {
		switch err := w.log.keys.Check(purpose, e.KeyID, e.Hash, []byte(body(e))); {
		case errors.Is(err, seal.ErrNoKey):
			w.broke("entry %d was made with the secret %s, which is not listed: add it to KONTOR_SECRET to verify", e.Sequence, e.KeyID)
		case err != nil:
			w.broke("entry %d was changed", e.Sequence)
		}
	}
	made, salts := strings.Fields(e.Seals), strings.Fields(e.Salts)
	if w.Broken != "" || len(made) != partCount || len(salts) != partCount {
		w.Broken = cmp.Or(w.Broken, fmt.Sprintf("entry %d was changed", e.Sequence))
		return
	}
	for i, part := range partsOf(e) {
		switch {
		case salts[i] != gone:
			if sealed(salts[i], part) != made[i] {
				w.broke("entry %d was changed", e.Sequence)
				return
			}
		case part != empty[i]:
			w.broke("entry %d was changed", e.Sequence)
			return
		case !w.over(e, i):
			w.taken[e.Sequence] |= 1 << i
		}
	}
	if e.KeyID == "" { // its hash cannot be made again
		w.taken[e.Sequence] |= 1 << partCount
		w.vouched[e.Sequence] = body(e)
	}
	w.note(e)
}

// over tells whether the time of a part is over by the retention.
func (w *walk) over(e *ent.AuditEntry, part int) bool {
	age := w.log.now().Sub(e.At)
	return part == originPart && age >= OriginKept || e.Class == auditentry.ClassSECURITY && age >= SecurityKept
}

// ends looks at what is left when all entries were read.
func (w *walk) ends() {
	if len(w.taken) > 0 {
		first := int64(0)
		for sequence := range w.taken {
			if first == 0 || sequence < first {
				first = sequence
			}
		}
		w.broke("something was taken out of entry %d, and no entry says that somebody was erased there", first)
		return
	}
	if w.head.Sequence != w.Entries || w.head.Hash != w.Hash {
		w.broke("it ends at entry %d and not at %d", w.Entries, w.head.Sequence)
		return
	}
	if err := w.log.checkHead(w.head); errors.Is(err, seal.ErrNoKey) && w.head.MAC != "" {
		w.broke("the note of its end was signed with the secret %s, which is not listed: add it to KONTOR_SECRET to verify", w.head.KeyID)
		return
	} else if err != nil {
		w.broke("the note of its end, entry %d, was changed by another hand", w.head.Sequence)
		return
	}
	last := slices.MaxFunc(append(w.heads, Head{}), func(a, b Head) int { return cmp.Compare(a.Sequence, b.Sequence) })
	if last.Sequence > w.Entries {
		w.broke("it ends at entry %d, and its end at entry %d was kept elsewhere at %s: entry %d is missing", w.Entries, last.Sequence, moment(last.At), w.Entries+1)
	}
}
