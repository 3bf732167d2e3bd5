package demo_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kontor/authz"
	"kontor/ent/document"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/password"
)

// The past orders and their documents come in as those of an ERP do; the one that waits for an
// approval was placed in Kontor.
//
// Requirement: OR-09
// Requirement: CO-04
// Requirement: CO-05
func TestLoad(t *testing.T) {
	t.Parallel()
	ctx := authz.System(t.Context())
	d, err := db.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "kontor.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := db.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	store, err := blobs.Open(ctx, "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	cheap := password.NewHasherWith(password.Params{MemoryKiB: 64, Time: 1, Threads: 1}, 1, 1000)
	now := time.Date(2026, time.November, 23, 10, 30, 0, 0, time.UTC)
	for range 2 { // the second time there is nothing to do
		if err := demo.Load(ctx, d, store, cheap, now); err != nil {
			t.Fatal(err)
		}
	}
	past, err := demo.Orders(now)
	if err != nil {
		t.Fatal(err)
	}
	loaded := d.Client.Order.Query().Order(order.ByID()).WithEvents().WithItems().WithPlacedBy().WithContract().AllX(ctx)
	if len(loaded) != len(past) {
		t.Fatalf("%d orders are there, want %d", len(loaded), len(past))
	}
	slices.SortFunc(past, func(a, b demo.Order) int { return a.PlacedAt.Compare(b.PlacedAt) })
	for i, o := range loaded { // in the order of their keys, which say when they were placed
		want, contract := past[i], ""
		if o.Edges.Contract != nil {
			contract = o.Edges.Contract.Number
		}
		last := o.Edges.Events[len(o.Edges.Events)-1]
		if o.Number != want.Number || !o.PlacedAt.Equal(want.PlacedAt) || string(o.State) != want.State || string(o.Channel) != want.Channel || string(o.BusinessCase) != want.BusinessCase ||
			o.Name != want.Name || o.ReferenceNumber != want.ReferenceNumber || o.Edges.PlacedBy.Username != want.Username || contract != want.ContractNumber ||
			len(o.Edges.Items) != len(want.Items) || string(last.State) != want.State || last.Note != want.Note || !want.SettledAt.IsZero() && !last.At.Equal(want.SettledAt) {
			t.Errorf("%s came in as %+v, want %+v", o.Number, o, want)
		}
		for j, item := range o.Edges.Items {
			if item.Sku != want.Items[j].SKU || item.Quantity.Cmp(want.Items[j].Quantity) != 0 || item.UnitPriceAmount.Cmp(want.Items[j].UnitPrice) != 0 {
				t.Errorf("position %d of %s is %+v, want %+v", item.Position, o.Number, item, want.Items[j])
			}
		}
		if o.Imported == (o.State == order.StatePENDING_APPROVAL) {
			t.Errorf("%s is imported: %v", o.Number, o.Imported)
		}
	}
	next := map[string]int64{}
	for _, s := range d.Client.NumberSeries.Query().Where(numberseries.KindEQ(numberseries.KindORDER)).AllX(ctx) {
		next[d.Client.Tenant.GetX(ctx, s.TenantID).OrganizationID] = s.Next
	}
	if next["HANSA"] != 61 || next["ALSTER"] != 26 || next["BRANDT"] != 31 || len(next) != 3 {
		t.Errorf("the next numbers are %v", next)
	}
	documents := d.Client.Document.Query().Where(document.MediaType("application/pdf")).AllX(ctx)
	contents := map[string]bool{}
	for _, doc := range documents {
		content, err := store.Open(ctx, blobs.Kept{Key: doc.BlobKey, SHA256: doc.Sha256, Size: doc.Size})
		if err != nil {
			t.Errorf("%s: %v", doc.Filename, err)
			continue
		}
		_ = content.Close()
		contents[doc.Sha256] = true
	}
	if len(documents) != 18 || len(contents) != 18 {
		t.Errorf("there are %d documents, of which %d differ", len(documents), len(contents))
	}
}
