package company

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/document"
	"kontor/ent/predicate"
	"kontor/ent/tenant"
	"kontor/internal/blobs"
	"kontor/internal/fault"
	"kontor/internal/gid"
)

// OrderDocuments are the documents of an order that are open to the viewer, the oldest first
// (CO-04): the same few statements for all orders that were loaded together.
func (s *Service) OrderDocuments(ctx context.Context, o *ent.Order) ([]*ent.Document, error) {
	of, err := ent.Load(ctx, o.Siblings(), "documents", func(ctx context.Context, all []*ent.Order) (map[uuid.UUID][]*ent.Document, error) {
		ids := make([]uuid.UUID, len(all))
		for i, o := range all {
			ids[i] = o.ID
		}
		return s.documentsOf(ctx, document.OrderIDIn(ids...), func(d *ent.Document) uuid.UUID { return *d.OrderID })
	})
	return of[o.ID], err
}

// ContractDocuments are the documents that are about a contract itself and open to the viewer,
// the oldest first (CO-04); those of its orders are with the orders.
func (s *Service) ContractDocuments(ctx context.Context, c *ent.Contract) ([]*ent.Document, error) {
	of, err := ent.Load(ctx, c.Siblings(), "documents", func(ctx context.Context, all []*ent.Contract) (map[uuid.UUID][]*ent.Document, error) {
		ids := make([]uuid.UUID, len(all))
		for i, c := range all {
			ids[i] = c.ID
		}
		return s.documentsOf(ctx, document.And(document.ContractIDIn(ids...), document.OrderIDIsNil()), func(d *ent.Document) uuid.UUID { return *d.ContractID })
	})
	return of[c.ID], err
}

// documentsOf reads documents by what they are about.
func (s *Service) documentsOf(ctx context.Context, which predicate.Document, about func(*ent.Document) uuid.UUID) (map[uuid.UUID][]*ent.Document, error) {
	found, err := s.db.Client.Document.Query().Where(which).Order(document.ByIssuedOn(), document.ByKind(), document.ByNumber()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading documents: %w", err)
	}
	open, err := s.OpenDocuments(ctx, found)
	if err != nil {
		return nil, err
	}
	of := map[uuid.UUID][]*ent.Document{}
	for _, d := range found {
		if open[d.ID] {
			of[about(d)] = append(of[about(d)], d)
		}
	}
	return of, nil
}

// Document is the document with this ID, asked for anew; ErrNotFound where it is not open to the viewer.
func (s *Service) Document(ctx context.Context, id gid.ID) (*ent.Document, error) {
	d, err := s.db.Client.Document.Query().Where(document.ID(id.Of(ent.KindDocument))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a document: %w", err)
	}
	open, err := s.OpenDocuments(ctx, []*ent.Document{d})
	if err == nil && !open[d.ID] {
		return nil, fault.ErrNotFound
	}
	return d, err
}

// Content is what is in a document; blobs.ErrGone or blobs.ErrChanged where the store does
// not have what was put into it.
func (s *Service) Content(ctx context.Context, d *ent.Document) (io.ReadSeekCloser, error) {
	kept := blobs.Kept{Key: d.TenantID.String() + "/" + d.Sha256, SHA256: d.Sha256, Size: d.Size}
	if d.BlobKey != kept.Key { // nothing but its own company's content, whatever the row says
		return nil, fmt.Errorf("opening the document %s: it has the key of another content", d.ID)
	}
	content, err := s.blobs.Open(ctx, kept)
	if err != nil {
		return nil, fmt.Errorf("opening the document %s: %w", d.ID, err)
	}
	return content, nil
}

// OpenDocuments tells which documents are open to a viewer who sees what they are about: all
// but invoices, which are open to whom the billing of their contract is, or of their company
// where they are about no contract. It reads no more statements for many than for one.
func (s *Service) OpenDocuments(ctx context.Context, all []*ent.Document) (map[uuid.UUID]bool, error) {
	open := map[uuid.UUID]bool{}
	var contracts, companies []uuid.UUID
	// Each once: a contract may have more invoices than a statement has parameters.
	seen := map[uuid.UUID]bool{}
	once := func(ids []uuid.UUID, id uuid.UUID) []uuid.UUID {
		if seen[id] {
			return ids
		}
		seen[id] = true
		return append(ids, id)
	}
	for _, d := range all {
		switch {
		case d.Kind != document.KindINVOICE:
			open[d.ID] = true
		case d.ContractID != nil:
			contracts = once(contracts, *d.ContractID)
		default:
			companies = once(companies, d.TenantID)
		}
	}
	billed := map[uuid.UUID]bool{}
	if len(contracts) > 0 {
		found, err := s.db.Client.Contract.Query().Where(contract.IDIn(contracts...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the contracts of invoices: %w", err)
		}
		for _, c := range found {
			if billed[c.ID], err = allowed(s.access.Billing(ctx, c)); err != nil {
				return nil, err
			}
		}
	}
	if len(companies) > 0 {
		found, err := s.db.Client.Tenant.Query().Where(tenant.IDIn(companies...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the companies of invoices: %w", err)
		}
		for _, t := range found {
			if billed[t.ID], err = allowed(s.access.BillingOfCompany(ctx, t)); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range all {
		if d.Kind == document.KindINVOICE && d.ContractID != nil {
			open[d.ID] = billed[*d.ContractID]
		} else if d.Kind == document.KindINVOICE {
			open[d.ID] = billed[d.TenantID]
		}
	}
	return open, nil
}

// allowed parts a refusal from a failure.
func allowed(err error) (bool, error) {
	var missing *fault.Fault
	if errors.Is(err, fault.ErrForbidden) || errors.As(err, &missing) {
		return false, nil
	}
	return err == nil, err
}
