package erp_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kontor/ent/user"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/demo"
	"kontor/internal/erp"
	"kontor/internal/password"
)

// exported is a kind as a file, of which nothing is doubtful.
func exported(ctx context.Context, t *testing.T, d *db.DB, kind erp.Kind, format erp.Format) (file string, rows int) {
	t.Helper()
	var to bytes.Buffer
	done, err := erp.NewExporter(d).Write(ctx, &to, kind, format)
	if err != nil {
		t.Fatalf("exporting %s: %v", kind, err)
	}
	if len(done.Doubts)+done.Doubtful > 0 {
		t.Errorf("%s as %s: %v", kind, format, done.Doubts)
	}
	return to.String(), done.Rows
}

// What is exported changes nothing when it is imported again, and makes the same of an empty database.
//
// Requirement: CO-02
// Requirement: CO-05
func TestExportIsImported(t *testing.T) {
	cheap := password.NewHasherWith(password.Params{MemoryKiB: 64, Time: 1, Threads: 1}, 1, 10)
	now := func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, _ func(erp.Kind, string) erp.Result) {
		store, err := blobs.Open(ctx, "file://"+t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := demo.Load(ctx, d, store, cheap, now()); err != nil {
			t.Fatal(err)
		}
		empty, err := db.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "empty.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer empty.Close()
		if _, err := db.Migrate(ctx, empty); err != nil {
			t.Fatal(err)
		}
		for i, kind := range erp.ExportKinds() {
			files := map[erp.Format]string{}
			for _, format := range []erp.Format{erp.CSV, erp.NDJSON} {
				file, rows := exported(ctx, t, d, kind, format)
				files[format] = file
				if rows == 0 {
					t.Errorf("there are no %s", kind)
				}
				again, err := erp.NewImporter(d, cheap, now).Run(ctx, kind, strings.NewReader(file), format)
				if err != nil {
					t.Fatal(err)
				}
				if again.Unchanged != rows || again.Created+again.Updated+again.Refused != 0 {
					t.Errorf("%s as %s, imported again: %+v", kind, format, again)
				}
			}
			format := []erp.Format{erp.CSV, erp.NDJSON}[i%2]
			into, err := erp.NewImporter(empty, cheap, now).Run(ctx, kind, strings.NewReader(files[format]), format)
			if err != nil {
				t.Fatal(err)
			}
			if into.Updated+into.Unchanged+into.Refused != 0 || into.Created == 0 {
				t.Errorf("%s into an empty database: %+v", kind, into)
			}
			for format, file := range files {
				if got, _ := exported(ctx, t, empty, kind, format); got != file {
					t.Errorf("%s as %s is another file from the new database:\n%.300s\n%.300s", kind, format, got, file)
				}
			}
		}
	})
}

// More rows than a page has, values that a format could spoil, and an order that an import takes.
//
// Requirement: CO-02
// Requirement: CO-05
func TestExportOfMuchAndOdd(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			run(file.kind, file.rows)
		}
		run(erp.Products, "sku;name;description;category;unit;attributes\nO-1;\"=1+1;\"\"quoted\"\"\";\"two\nlines\";Metalle;t;Maß=4 x 6,5|Gewicht=1,2 kg|Ort=Halle 4\n")
		var contracts, bookings, tenants, users strings.Builder
		contracts.WriteString("organization_id;number;type;valid_from;position;position_product;agreed_quantity;unit;unit_price\n")
		bookings.WriteString(bookingHead)
		tenants.WriteString("organization_id;name;kind;parent;email_domain\n")
		users.WriteString("organization_id;username;email;first_name;last_name;roles\n")
		const many = 1203
		for i := range many {
			for p := range i%3 + 1 {
				fmt.Fprintf(&contracts, "ACME;M-%04d;FRAME_AGREEMENT;2026-01-01;%d;P-2;1,2340;t;1234,5678\n", i, p+1)
			}
			fmt.Fprintf(&bookings, "ACME;Z-%04d;AL;2026-03-01;RECEIPT;1,0010;;\nACME;A-%04d;AL;2026-03-01;REVERSAL;-1,0010;Z-%04d;\n", i, i, i)
			fmt.Fprintf(&tenants, "T-%04d;Tochter %d;CUSTOMER;%s;t.example\n", i, i, []string{"OP", "ACME"}[i%2])
			fmt.Fprintf(&users, "T-%04d;user.%04d;u%d@t.example;A;B;GENERAL_USER\n", i, i, i)
		}
		run(erp.Tenants, tenants.String())
		run(erp.Users, users.String())
		run(erp.Contracts, contracts.String())
		run(erp.Bookings, bookings.String())
		d.Client.User.Update().Where(user.Username("user.0007")).SetStatus(user.StatusDEACTIVATED).ExecX(ctx)
		for kind, want := range map[erp.Kind]int{erp.Tenants: 2 + many, erp.Users: 2 + many - 1, erp.Contracts: 3 + 2*many, erp.Bookings: 4 + 2*many, erp.Products: 3} {
			file, rows := exported(ctx, t, d, kind, erp.CSV)
			if again := run(kind, file); rows != want || again.Unchanged != want {
				t.Errorf("%s: %d rows instead of %d, imported again %+v", kind, rows, want, again)
			}
			if strings.Contains(file, "user.0007") || kind == erp.Products && !strings.Contains(file, "Gewicht=1,2 kg|Ort=Halle 4") || kind == erp.Users && strings.Contains(file, "Anfang") {
				t.Errorf("%s: the file is %.800s", kind, file)
			}
		}
	})
}

// What an import would read as something else is told.
//
// Requirement: CO-05
func TestExportTellsWhatIsNotReadAgain(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			run(file.kind, file.rows)
		}
		d.Client.User.Update().Where(user.Username("sub.one")).SetTitle(" Dr.").ExecX(ctx)
		var to bytes.Buffer
		done, err := erp.NewExporter(d).Write(ctx, &to, erp.Users, erp.NDJSON)
		if err != nil || done.Rows != 2 || done.Doubtful != 1 || len(done.Doubts) != 1 || done.Doubts[0].Line != 2 || done.Doubts[0].Column != "title" {
			t.Errorf("%+v, %v", done, err)
		}
		for _, bad := range []struct {
			kind   erp.Kind
			format erp.Format
		}{{erp.Documents, erp.CSV}, {erp.Users, erp.BMECAT}, {"THINGS", erp.CSV}} {
			if _, err := erp.NewExporter(d).Write(ctx, &to, bad.kind, bad.format); err == nil {
				t.Errorf("%s as %s is exported", bad.kind, bad.format)
			}
		}
	})
}
