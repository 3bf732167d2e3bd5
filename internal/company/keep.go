package company

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/document"
	"kontor/internal/blobs"
	"kontor/internal/day"
	"kontor/internal/db"
)

// NewDocument is a document to be kept: about an order, or about a contract alone.
type NewDocument struct {
	Tenant              uuid.UUID
	Order               *ent.Order
	Contract            *ent.Contract
	Kind                document.Kind
	Number              string
	IssuedOn            day.Day
	Filename, MediaType string
	Content             []byte
	At                  time.Time
}

// ids are what the document is about.
func (n NewDocument) ids() (order, placedBy, contract *uuid.UUID) {
	if n.Order != nil {
		return &n.Order.ID, &n.Order.PlacedByID, n.Order.ContractID
	}
	return nil, nil, &n.Contract.ID
}

// Is tells whether it is the same as a document that is there.
func (n NewDocument) Is(d *ent.Document) bool {
	order, _, contract := n.ids()
	same := func(a, b *uuid.UUID) bool { return a == b || a != nil && b != nil && *a == *b }
	return same(order, d.OrderID) && same(contract, d.ContractID) && n.IssuedOn == d.IssuedOn && n.Filename == d.Filename && blobs.Name(n.Tenant, n.Content).SHA256 == d.Sha256
}

// KeepDocument keeps a document (CO-04): first the content, so that no row is without. The context
// must be authz.System.
func KeepDocument(ctx context.Context, tx *ent.Tx, store *blobs.Store, n NewDocument) error {
	kept, err := store.Put(ctx, n.Tenant, n.Content)
	if err != nil {
		return err
	}
	order, placedBy, contract := n.ids()
	err = tx.Document.Create().SetTenantID(n.Tenant).SetNillableOrderID(order).SetNillablePlacedByID(placedBy).SetNillableContractID(contract).
		SetKind(n.Kind).SetNumber(n.Number).SetIssuedOn(n.IssuedOn).SetFilename(n.Filename).SetMediaType(n.MediaType).
		SetSize(kept.Size).SetSha256(kept.SHA256).SetBlobKey(kept.Key).SetCreatedAt(db.Moment(n.At)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}
