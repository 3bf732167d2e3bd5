package graph

import (
	"context"
	"slices"

	"kontor/ent"
	"kontor/ent/document"
	"kontor/graph/model"
	"kontor/internal/day"
	"kontor/internal/gid"
)

// receiptDocuments are the documents of an order; while none of them confirms it, a confirmation
// is made of what is known now (OR-08).
func (r *Resolver) receiptDocuments(ctx context.Context, o *ent.Order) ([]*model.ReceiptDocument, error) {
	kept, err := r.company.OrderDocuments(ctx, o)
	if err != nil {
		return nil, err
	}
	all := make([]*model.ReceiptDocument, 0, len(kept)+1)
	if !slices.ContainsFunc(kept, func(d *ent.Document) bool { return d.Kind == document.KindORDER_CONFIRMATION }) {
		download, err := r.files.Link(ctx, "order", model.ExportFormatPDF, gid.New(ent.KindOrder, o.ID))
		if err != nil {
			return nil, err
		}
		all = append(all, &model.ReceiptDocument{Kind: document.KindORDER_CONFIRMATION, Number: o.Number, IssuedOn: day.Of(o.PlacedAt), Download: download})
	}
	for _, d := range kept {
		download, err := r.files.Document(ctx, d)
		if err != nil {
			return nil, err
		}
		all = append(all, &model.ReceiptDocument{Kind: d.Kind, Number: d.Number, IssuedOn: d.IssuedOn, Download: download})
	}
	return all, nil
}

// closed takes the documents out of a list of objects that are not open to the viewer.
func (r *Resolver) closed(ctx context.Context, found []ent.Noder) error {
	var documents []*ent.Document
	for _, n := range found {
		if d, ok := n.(*ent.Document); ok && d != nil {
			documents = append(documents, d)
		}
	}
	open, err := r.company.OpenDocuments(ctx, documents)
	if err != nil {
		return err
	}
	for i, n := range found {
		if d, ok := n.(*ent.Document); ok && d != nil && !open[d.ID] {
			found[i] = nil
		}
	}
	return nil
}
