package erp_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kontor/ent/document"
	"kontor/ent/order"
	"kontor/ent/user"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/money"
)

const pdf = "%PDF-1.4\n%âãÏÓ\n"

// Documents come with their files, once however often; a document that is there stays as it is.
//
// Requirement: CO-04
// Requirement: CO-05
// Case: IO-06
// Case: IO-11
func TestImportOfDocuments(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(kind erp.Kind, rows string) erp.Result) {
		for _, f := range files {
			run(f.kind, f.rows)
		}
		about := d.Client.Contract.Query().FirstX(ctx)
		owner := d.Client.Tenant.GetX(ctx, about.TenantID)
		buyer := d.Client.User.Query().Where(user.TenantID(owner.ID)).FirstX(ctx)
		one, zero := money.MustParse("1"), money.MustParse("0")
		placed := d.Client.Order.Create().SetTenantID(owner.ID).SetNumber("N-1").SetState(order.StateIN_PROGRESS).SetBusinessCase(order.BusinessCaseNEW_ORDER).
			SetChannel(order.ChannelPAPER).SetPlacedAt(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).SetPlacedByID(buyer.ID).SetNetAmount(one).SetTaxAmount(zero).SetGrossAmount(one).
			SetCurrency("EUR").SaveX(ctx)

		base := t.TempDir()
		folder := filepath.Join(base, "in")
		write := func(path, content string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, path), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("2026/RE 1 für Müller.pdf", pdf)
		write("../secret.pdf", pdf)
		write("empty.pdf", "")
		write("page.txt", "<html><script>alert(1)</script>")
		write("page.pdf", "<html>")
		write("run.exe", "MZ")
		write("large.txt", strings.Repeat("x", blobs.MaxSize+1))
		write("list.csv", "a;b\n1;2\n")
		for name, target := range map[string]string{"out.pdf": "../secret.pdf", "in.pdf": "list.csv", "up": ".."} {
			if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		store, err := blobs.Open(ctx, "file://"+filepath.Join(base, "made", "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		importer := erp.NewImporter(d, nil, func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }).WithFiles(root.FS(), store)
		documents := func(rows ...string) erp.Result {
			t.Helper()
			result, err := importer.Run(ctx, erp.Documents, strings.NewReader("organization_id;kind;number;issued_on;order_number;contract_number;file\n"+strings.Join(rows, "\n")), erp.CSV)
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		row := func(kind, number, on, order, contract, file string) string {
			return strings.Join([]string{owner.OrganizationID, kind, number, on, order, contract, file}, ";")
		}
		good := []string{
			row("INVOICE", "RE-1", "2026-01-09", "N-1", "", "2026/RE 1 für Müller.pdf"),
			row("OTHER", "RE-1", "2026-01-09", "", about.Number, "list.csv"), // numbers count by kind
		}
		if got := documents(good...); got.Created != 2 || len(got.Rejected) > 0 {
			t.Fatalf("the first time: %+v", got)
		}
		if got := documents(good...); got.Unchanged != 2 || got.Created+got.Updated+len(got.Rejected) > 0 {
			t.Errorf("the second time: %+v", got)
		}
		kept := d.Client.Document.Query().Where(document.KindEQ(document.KindINVOICE)).OnlyX(ctx)
		if kept.Filename != "RE 1 für Müller.pdf" || kept.MediaType != "application/pdf" || kept.Size != int64(len(pdf)) || *kept.OrderID != placed.ID || *kept.PlacedByID != buyer.ID || kept.ContractID != nil {
			t.Errorf("kept is %+v", kept)
		}
		other := d.Client.Document.Query().Where(document.KindEQ(document.KindOTHER)).OnlyX(ctx)
		if other.OrderID != nil || *other.ContractID != about.ID || other.MediaType != "text/csv; charset=utf-8" {
			t.Errorf("kept is %+v", other)
		}
		// What the store has lost comes back.
		if err := os.Remove(filepath.Join(base, "made", "blobs", kept.BlobKey)); err != nil {
			t.Fatal(err)
		}
		documents(good...)
		if content, err := store.Open(ctx, blobs.Kept{Key: kept.BlobKey, SHA256: kept.Sha256, Size: kept.Size}); err != nil {
			t.Error(err)
		} else {
			_ = content.Close()
		}
		for name, bad := range map[string]struct{ row, want string }{
			"another content":   {row("INVOICE", "RE-1", "2026-01-09", "N-1", "", "list.csv"), "stays as it was issued"},
			"another day":       {row("INVOICE", "RE-1", "2026-01-10", "N-1", "", "2026/RE 1 für Müller.pdf"), "stays as it was issued"},
			"above":             {row("OTHER", "2", "2026-01-09", "N-1", "", "../secret.pdf"), "does not lie in the folder"},
			"above by a detour": {row("OTHER", "2", "2026-01-09", "N-1", "", "2026/../../secret.pdf"), "does not lie in the folder"},
			"absolute":          {row("OTHER", "2", "2026-01-09", "N-1", "", filepath.Join(base, "secret.pdf")), "does not lie in the folder"},
			"backslashes":       {row("OTHER", "2", "2026-01-09", "N-1", "", `..\secret.pdf`), "does not lie in the folder"},
			"a link out":        {row("OTHER", "2", "2026-01-09", "N-1", "", "out.pdf"), "symbolic link"},
			"a link within":     {row("OTHER", "2", "2026-01-09", "N-1", "", "in.pdf"), "symbolic link"},
			"a folder's link":   {row("OTHER", "2", "2026-01-09", "N-1", "", "up/secret.pdf"), "symbolic link"},
			"a folder":          {row("OTHER", "2", "2026-01-09", "N-1", "", "2026"), "is no file"},
			"through a file":    {row("OTHER", "2", "2026-01-09", "N-1", "", "documents.csv/b.pdf"), "file: "},
			"too long a name":   {row("OTHER", "2", "2026-01-09", "N-1", "", strings.Repeat("ü", 150)+".pdf"), "cannot be opened"},
			"no such file":      {row("OTHER", "2", "2026-01-09", "N-1", "", "none.pdf"), "there is no file"},
			"empty":             {row("OTHER", "2", "2026-01-09", "N-1", "", "empty.pdf"), "is empty"},
			"a page as text":    {row("OTHER", "2", "2026-01-09", "N-1", "", "page.txt"), "not what its name says"},
			"a page as PDF":     {row("OTHER", "2", "2026-01-09", "N-1", "", "page.pdf"), "not what its name says"},
			"a program":         {row("OTHER", "2", "2026-01-09", "N-1", "", "run.exe"), "not kept"},
			"too large":         {row("OTHER", "2", "2026-01-09", "N-1", "", "large.txt"), "larger than 20 MiB"},
			"no such order":     {row("OTHER", "2", "2026-01-09", "N-2", "", "list.csv"), "there is no order"},
			"no such contract":  {row("OTHER", "2", "2026-01-09", "", "K-9", "list.csv"), "there is no contract"},
			"another contract":  {row("OTHER", "2", "2026-01-09", "N-1", about.Number, "list.csv"), "about another contract"},
			"about nothing":     {row("OTHER", "2", "2026-01-09", "", "", "list.csv"), "order_number"},
		} {
			got := documents(bad.row)
			if len(got.Rejected) != 1 || !strings.Contains(got.Rejected[0].Reason, bad.want) || got.Rejected[0].Line != 2 || strings.Contains(got.Rejected[0].Reason, base) && name != "absolute" {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if n := d.Client.Document.Query().CountX(ctx); n != 2 {
			t.Errorf("there are %d documents", n)
		}
		if _, err := erp.NewImporter(d, nil, time.Now).Run(ctx, erp.Documents, strings.NewReader(""), erp.CSV); err == nil || !strings.Contains(fmt.Sprint(err), "folder") {
			t.Errorf("without a folder: %v", err)
		}
	})
}
