package erp_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kontor/authz"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/ent/product"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/kontortest"
	"kontor/internal/money"
	"kontor/internal/password"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

func eachDatabase(t *testing.T, test func(ctx context.Context, t *testing.T, d *db.DB, run func(kind erp.Kind, rows string) erp.Result)) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "kontor.db") },
		"PostgreSQL": func(t *testing.T) string { return kontortest.SharedPostgres(t).FreshDatabase(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := authz.System(t.Context())
			d, err := db.Open(ctx, url(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			if _, err := db.Migrate(ctx, d); err != nil {
				t.Fatal(err)
			}
			cheap := password.NewHasherWith(password.Params{MemoryKiB: 64, Time: 1, Threads: 1}, 1, 10)
			importer := erp.NewImporter(d, cheap, func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) })
			test(ctx, t, d, func(kind erp.Kind, rows string) erp.Result {
				t.Helper()
				result, err := importer.Run(ctx, kind, strings.NewReader(rows), erp.CSV)
				if err != nil {
					t.Fatalf("importing %s: %v", kind, err)
				}
				return result
			})
		})
	}
}

const bookingHead = "organization_id;reference;alloy_group;booked_on;kind;quantity;reverses;note\n"

// files are one small company's master data.
var files = []struct {
	kind erp.Kind
	rows string
	n    int
}{
	{erp.Tenants, "organization_id;name;kind;parent;email_domain;password_policy\nOP;Betreiber;OPERATOR;;op.example;MODERN\nACME;Acme Größe GmbH;CUSTOMER;OP;acme.example;STRICT\n", 2},
	{erp.Users, "organization_id;username;email;first_name;last_name;roles;superior;password\nACME;master.one;m@acme.example;Mia;Eins;MASTER_ADMIN;;Anfang-2026!\nACME;sub.one;s@acme.example;Sam;Zwei;SUB_ADMIN|APPROVER;master.one;\n", 2},
	{erp.Products, "sku;name;category;unit;attributes\nP-1;Tischtelefon;Telefonie > Endgeräte;piece;Farbe=schwarz\nP-2;Kupfer;Metalle;t;\n", 2},
	{erp.Prices, "organization_id;sku;from_quantity;amount\nACME;P-1;;1.234,50\nACME;P-1;10;1.100,00\nACME;P-2;;7999,9999\n", 3},
	{erp.AlloyGroups, "organization_id;code;name;unit\nACME;AL;Aluminium;kg\nACME;CU;Kupfer;t\n", 2},
	{erp.Bookings, bookingHead + "ACME;B-1;AL;2026-03-01;RECEIPT;1.000,5;;Späne\nACME;B-2;AL;2026-02-01;WITHDRAWAL;-100;;\nACME;B-3;AL;2026-03-02;REVERSAL;100;B-2;\nACME;B-4;CU;2026-03-02;ADJUSTMENT;-0,0001;;\n", 4},
	{erp.Contracts, "organization_id;number;type;customer_number;line;valid_from;position;position_product;agreed_quantity;called_off_quantity;unit;unit_price\n" +
		"ACME;K-1;FRAME_AGREEMENT;4711;GENERAL;2026-01-01;1;P-2;100;20;t;7500\nACME;K-1;FRAME_AGREEMENT;4711;GENERAL;2026-01-01;2;P-2;50;0,5;t;7400\nACME;K-2;SERVICE_CONTRACT;;;2026-01-01;;;;;;\n", 3},
}

// Requirement: CO-05
func TestImportingTwiceChangesNothing(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			first := run(file.kind, file.rows)
			if first.Created+first.Updated != file.n || len(first.Rejected) != 0 {
				t.Fatalf("%s: %+v", file.kind, first)
			}
		}
		for _, file := range files {
			if again := run(file.kind, file.rows); again.Unchanged != file.n || again.Created+again.Updated+len(again.Rejected) != 0 {
				t.Errorf("%s, the second time: %+v", file.kind, again)
			}
		}
		k := d.Client.Contract.Query().Where(contract.Number("K-1")).WithPositions().OnlyX(ctx)
		if open, err := k.OpenQuantity(); err != nil || open == nil || open.String() != "129.5" {
			t.Errorf("open are %v of the frame agreement, %v", open, err)
		}
		if n := len(k.Edges.Positions); n != 2 {
			t.Errorf("the frame agreement has %d positions", n)
		}
		sub := d.Client.User.Query().Where(user.Username("sub.one")).WithRoles().WithSuperior().OnlyX(ctx)
		if len(sub.Edges.Roles) != 2 || sub.Edges.Superior.Username != "master.one" || sub.PasswordHash != "" {
			t.Errorf("the sub admin came in as %v", sub)
		}
		master := d.Client.User.Query().Where(user.Username("master.one")).OnlyX(ctx)
		if !master.MustChangePassword || strings.Contains(master.PasswordHash, "Anfang") {
			t.Error("an initial password lasts, or is kept as it is")
		}
	})
}

// Requirement: CO-05
func TestChangedRowsChangeOnlyThemselves(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			run(file.kind, file.rows)
		}
		result := run(erp.Products, "sku;name;category;unit;attributes\nP-1;Tischtelefon neu;Telefonie > Endgeräte;piece;Farbe=schwarz\nP-2;Kupfer;Metalle;t;\n")
		if result.Updated != 1 || result.Unchanged != 1 {
			t.Errorf("%+v", result)
		}
		if name := d.Client.Product.Query().Where(product.Sku("P-1")).OnlyX(ctx).Name; name != "Tischtelefon neu" {
			t.Errorf("the product is called %s", name)
		}
		result = run(erp.Users, "organization_id;username;email;first_name;last_name;roles;superior\nACME;sub.one;s@acme.example;Sam;Zwei;GENERAL_USER;\n")
		if result.Updated != 1 {
			t.Errorf("%+v", result)
		}
		sub := d.Client.User.Query().Where(user.Username("sub.one")).WithRoles().OnlyX(ctx)
		if len(sub.Edges.Roles) != 1 || sub.SuperiorID != nil {
			t.Errorf("roles %v, superior %v", sub.Edges.Roles, sub.SuperiorID)
		}
	})
}

// Good rows go in, bad ones are reported with line and reason.
//
// Requirement: CO-05
func TestBadRowsKeepNoGoodOneOut(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			run(file.kind, file.rows)
		}
		for name, c := range map[string]struct {
			kind    erp.Kind
			rows    string
			created int
			lines   map[int]string
		}{
			"prices": {erp.Prices, "organization_id;sku;from_quantity;amount;currency\nACME;P-1;5;9;\nNOBODY;P-1;;9;\nACME;NOPE;;9;\nACME;P-1;;-1;\nACME;P-2;5;9;USD\nACME;P-2;7;9;\n", 2,
				map[int]string{3: "no tenant", 4: "no product", 5: "amount", 6: "EUR"}},
			"users": {erp.Users, "organization_id;username;email;first_name;last_name;roles;superior;password\nACME;third.one;m@acme.example;A;B;GENERAL_USER;;\nACME;fourth.one;f@acme.example;A;B;GENERAL_USER;nobody.here;\n" +
				"ACME;fifth.one;v@acme.example;A;B;GENERAL_USER;;short\nOP;master.one;x@op.example;A;B;SERVICE_AGENT;;\nACME;sixth.one;x@acme.example;A;B;GENERAL_USER;;\n", 1,
				map[int]string{2: "contradicts", 3: "no user", 4: "At least 8", 5: "taken"}},
			"tenants": {erp.Tenants, "organization_id;name;kind;parent;email_domain\nACME;Acme;PARTNER;OP;acme.example\nNEW;Neu;CUSTOMER;NOWHERE;new.example\nNEXT;Next;CUSTOMER;acme;next.example\n", 1,
				map[int]string{2: "keeps its kind", 3: "no tenant"}},
			"alloy groups": {erp.AlloyGroups, "organization_id;code;name;unit\nACME;AL;Aluminium;t\nNOBODY;AL;Aluminium;kg\nACME;PB;Blei;kg\n", 1,
				map[int]string{2: "stays so", 3: "no tenant"}},
			"changed bookings": {erp.Bookings, bookingHead + "ACME;B-1;AL;2026-03-01;RECEIPT;1000;;Späne\nACME;B-1;AL;2026-03-02;RECEIPT;1000,5;;Späne\nACME;B-1;CU;2026-03-01;RECEIPT;1000,5;;Späne\n" +
				"ACME;B-1;AL;2026-03-01;ADJUSTMENT;1000,5;;Späne\nACME;B-1;AL;2026-03-01;RECEIPT;1000,5;;Angüsse\nACME;B-3;AL;2026-03-02;REVERSAL;100;B-1;\n", 0,
				map[int]string{2: "quantity: B-1 is booked otherwise, and a booking is never changed; take it back by a REVERSAL", 3: "booked_on: ", 4: "alloy_group: ", 5: "kind: ", 6: "note: ", 7: "reverses: "}},
			"bookings": {erp.Bookings, bookingHead + "ACME;C-1;ZZ;2026-03-01;RECEIPT;1;;\nACME;C-1;AL;2026-03-01;RECEIPT;-1;;\nACME;C-1;AL;2026-03-01;LOSS;1;;\nACME;C-1;AL;2026-03-01;WITHDRAWAL;1;;\n" +
				"ACME;C-1;AL;2026-03-01;ADJUSTMENT;0;;\nACME;C-1;AL;2026-03-01;RECEIPT;1000000000,1;;\nACME;C-1;AL;2026-03-01;REVERSAL;1;;\nACME;C-1;AL;2026-03-01;RECEIPT;1;B-1;\nACME;C-1;AL;2026-01-01;RECEIPT;1000000000;;\n", 1,
				map[int]string{2: "no alloy group", 3: "> 0", 4: "< 0", 5: "< 0", 6: "not 0", 7: "at most 1000000000", 8: "names the booking", 9: "names the booking"}},
			"bookings of groups that are not there": {erp.Bookings, "organization_id;reference;alloy_group;alloy_group_name;unit;booked_on;kind;quantity\nACME;N-1;ZN;;kg;2026-03-01;RECEIPT;1\nACME;N-2;ZN;Zink;kg;2026-03-01;RECEIPT;1\n" +
				"ACME;N-3;ZN;;t;2026-03-01;RECEIPT;1\nACME;N-4;AL;;t;2026-03-01;RECEIPT;1\nACME;N-5;AL;;kg;2026-03-01;RECEIPT;1\nACME;N-6;MG;;;2026-03-01;RECEIPT;1\nACME;B-1;SN;;kg;2026-03-01;RECEIPT;1000,5\n", 3,
				map[int]string{4: "counted in kg", 5: "counted in kg", 7: "say its unit", 8: "never changed"}},
			"reversals": {erp.Bookings, bookingHead + "ACME;R-1;AL;2026-03-05;REVERSAL;100;B-2;\nACME;R-2;AL;2026-03-05;REVERSAL;-100;B-3;\nACME;R-3;AL;2026-03-05;REVERSAL;-1000;B-1;\nACME;R-4;AL;2026-02-05;REVERSAL;-1000,5;B-1;\n" +
				"ACME;R-5;CU;2026-03-05;REVERSAL;-1000,5;B-1;\nACME;R-6;AL;2026-03-05;REVERSAL;-1;NOPE;\nACME;R-7;AL;2026-03-05;REVERSAL;-1000,5;B-1;\nACME;R-8;AL;2026-03-05;REVERSAL;-1000,5;B-1;\n", 1,
				map[int]string{2: "reversed already", 3: "itself a reversal", 4: "is -1000.5", 5: "does not come before", 6: "another alloy group", 7: "no booking", 9: "reversed already"}},
		} {
			t.Run(name, func(t *testing.T) {
				result := run(c.kind, c.rows)
				if result.Created != c.created || len(result.Rejected) != len(c.lines) {
					t.Fatalf("%+v", result)
				}
				for _, r := range result.Rejected {
					if want, expected := c.lines[r.Line]; !expected || !strings.Contains(r.Reason, want) {
						t.Errorf("line %d: %s", r.Line, r.Reason)
					}
				}
			})
		}
	})
}

// The ERP keeps the book of what is called off. It does not open again what orders here called
// off meanwhile, and takes nothing away from under them; where there are none its figure counts.
//
// Requirement: CO-05
// Requirement: OR-12
func TestImportingKeepsWhatOrdersCalledOff(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files {
			run(file.kind, file.rows)
		}
		row := func(position int, agreed, calledOff, unit string) string {
			return fmt.Sprintf("ACME;K-1;FRAME_AGREEMENT;4711;GENERAL;2026-01-01;%d;P-2;%s;%s;%s;7500\n", position, agreed, calledOff, unit)
		}
		head, _, _ := strings.Cut(files[len(files)-1].rows, "\n")
		send := func(rows string) erp.Result { return run(erp.Contracts, head+"\n"+rows) }
		state := func() string {
			c := d.Client.Contract.Query().Where(contract.Number("K-1")).WithPositions().OnlyX(ctx)
			return fmt.Sprint(c.Edges.Positions[0].CalledOffQuantity, " ", c.Edges.Positions[1].CalledOffQuantity, " of ", c.AgreedQuantity, " called off ", c.CalledOffQuantity)
		}
		if got := send(row(1, "100", "15", "t")); got.Updated != 1 || state() != "15 0.5 of 150 called off 15.5" {
			t.Errorf("corrected downwards: %+v, %s", got, state())
		}
		// An order calls off 30.
		c := d.Client.Contract.Query().Where(contract.Number("K-1")).WithPositions().OnlyX(ctx)
		p, owner := c.Edges.Positions[0], d.Client.User.Query().Where(user.Username("master.one")).OnlyX(ctx)
		one, thirty := money.MustParse("1"), money.MustParse("30")
		placed := d.Client.Order.Create().SetTenantID(c.TenantID).SetNumber("1").SetState(order.StateIN_PROGRESS).SetBusinessCase(order.BusinessCaseADDITIONAL_ORDER).
			SetChannel(order.ChannelONLINE).SetPlacedAt(time.Now()).SetPlacedByID(owner.ID).SetContractID(c.ID).SetCalledOff(true).
			SetNetAmount(one).SetTaxAmount(one).SetGrossAmount(money.MustParse("2")).SetCurrency("EUR").SaveX(ctx)
		d.Client.OrderItem.Create().SetTenantID(c.TenantID).SetOrderID(placed.ID).SetPlacedByID(owner.ID).SetContractID(c.ID).SetContractPositionID(p.ID).SetPosition(1).
			SetProductID(p.ProductID).SetSku("P-2").SetProductName("Kupfer").SetUnit("t").SetQuantity(thirty).SetUnitPriceAmount(one).SetLineTotalAmount(one).
			SetTaxRate(one).SetCurrency("EUR").ExecX(ctx)
		p.Update().SetCalledOffQuantity(money.MustParse("45")).ExecX(ctx)
		if got := send(row(1, "100", "15", "t") + row(2, "50", "0.4", "t")); got.Unchanged+got.Updated != 2 || state() != "45 0.4 of 150 called off 45.4" {
			t.Errorf("a file from before the order: %+v, %s", got, state())
		}
		if got := send(row(1, "100", "50", "t")); got.Updated != 1 || state() != "50 0.4 of 150 called off 50.4" {
			t.Errorf("a file that knows more: %+v, %s", got, state())
		}
		for name, each := range map[string][2]string{"less agreed than is called off": {row(1, "40", "15", "t"), "agreed_quantity"}, "another unit": {row(1, "100", "60", "kg"), "unit"}} {
			if got := send(each[0]); len(got.Rejected) != 1 || !strings.HasPrefix(got.Rejected[0].Reason, each[1]) || state() != "50 0.4 of 150 called off 50.4" {
				t.Errorf("%s: %+v, %s", name, got, state())
			}
		}
		placed.Update().SetCalledOff(false).ExecX(ctx)
		if got := send(row(1, "100", "15", "t")); got.Updated != 1 || state() != "15 0.4 of 150 called off 15.4" {
			t.Errorf("after the order was given back: %+v, %s", got, state())
		}
	})
}

// Requirement: CO-05
func TestAllRowsOrNone(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files[:3] {
			run(file.kind, file.rows)
		}
		importer := erp.NewImporter(d, nil, time.Now)
		head := "organization_id;number;type;valid_from;position;position_product;agreed_quantity;unit;unit_price\n"
		var many strings.Builder // more than go in with one transaction elsewhere
		for i := range 2500 {
			fmt.Fprintf(&many, "ACME;M-%04d;FRAME_AGREEMENT;2026-01-01;1;P-2;10;t;7\n", i)
		}
		for _, c := range []struct {
			name, rows string
			created    int
			rejected   string
		}{
			{"a bad value", head + many.String() + "ACME;X-1;FRAME_AGREEMENT;yesterday;;;;;\nACME;X-2;HANDSHAKE;2026-01-01;;;;;\n", 0, "line 2502: valid_from, line 2503: type"},
			{"a row that does not fit", head + many.String() + "ACME;X-1;FRAME_AGREEMENT;2026-01-01;1;P-9;10;t;7\nNOBODY;X-2;FRAME_AGREEMENT;2026-01-01;;;;;\n", 0, "line 2502: position_product, line 2503: organization_id"},
			{"all good", head + many.String(), 2500, ""},
		} {
			result, err := importer.RunWhole(ctx, erp.Contracts, strings.NewReader(c.rows), erp.CSV)
			if err != nil {
				t.Fatal(err)
			}
			var rejected []string
			for _, r := range result.Rejected {
				where, _, _ := strings.Cut(r.String()[len("line "):], ":")
				rejected = append(rejected, "line "+where+": "+r.Column)
			}
			if result.Created != c.created || strings.Join(rejected, ", ") != c.rejected {
				t.Errorf("%s: created %d, rejected %v", c.name, result.Created, result.Rejected)
			}
			if n := d.Client.Contract.Query().CountX(ctx); n != c.created {
				t.Errorf("%s: %d contracts are there", c.name, n)
			}
		}
	})
}

// A row that the database itself refuses keeps no good one out.
// Requirement: CO-05
func TestTheDatabaseRefusesARow(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		run(erp.Tenants, files[0].rows)
		const head = "organization_id;username;email;first_name;last_name;roles\n"
		result := run(erp.Users, head+"ACME;first.one;same@acme.example;A;B;GENERAL_USER\nACME;second.one;same@acme.example;A;B;GENERAL_USER\nACME;third.one;other@acme.example;A;B;GENERAL_USER\n")
		if result.Created != 2 || result.Refused != 1 || len(result.Rejected) != 1 || result.Rejected[0].Line != 3 {
			t.Errorf("%+v", result)
		}
		if n := d.Client.User.Query().CountX(ctx); n != 2 {
			t.Errorf("%d users are there", n)
		}
	})
}

// What is more than can be stored is refused with the row that makes it so, and keeps nothing else out.
// Requirement: CO-05
// Case: IO-12
func TestSumsThatCannotBeStored(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files[:3] {
			run(file.kind, file.rows)
		}
		rows := "organization_id;number;type;valid_from;position;position_product;agreed_quantity;unit;unit_price\n"
		for i := range 12 {
			rows += fmt.Sprintf("ACME;BIG;FRAME_AGREEMENT;2026-01-01;%d;P-2;99999999999999;t;1\n", i+1)
		}
		result := run(erp.Contracts, rows+"ACME;GOOD;FRAME_AGREEMENT;2026-01-01;1;P-2;5;t;1\n")
		if result.Refused != 3 || result.Created+result.Updated != 10 || result.Rejected[0].Column != "agreed_quantity" {
			t.Errorf("%+v", result)
		}
		if sum := d.Client.Contract.Query().Where(contract.Number("BIG")).OnlyX(ctx).AgreedQuantity; sum == nil || sum.String() != "899999999999991" {
			t.Errorf("%v are agreed", sum)
		}
	})
}

// Contracts with many positions, and rows that say nothing of them.
// Requirement: CO-05
func TestContractsWithManyPositions(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		for _, file := range files[:3] {
			run(file.kind, file.rows)
		}
		heads, rows := "organization_id;number;type;valid_from\n", "organization_id;number;type;valid_from;position;position_product;agreed_quantity;unit;unit_price\n"
		var all strings.Builder
		for i := range 500 {
			heads += fmt.Sprintf("ACME;M-%d;FRAME_AGREEMENT;2026-01-01\n", i)
			for p := range 70 {
				fmt.Fprintf(&all, "ACME;M-%d;FRAME_AGREEMENT;2026-01-01;%d;P-2;1;t;1\n", i, p+1)
			}
		}
		run(erp.Contracts, rows+all.String())
		if result := run(erp.Contracts, heads); result.Unchanged != 500 {
			t.Errorf("%d of 500 are unchanged", result.Unchanged)
		}
	})
}

// A number that never ends is refused, in batches as any other rows.
// Requirement: OR-09
func TestAnOrderWithoutEnd(t *testing.T) {
	eachDatabase(t, func(_ context.Context, t *testing.T, _ *db.DB, run func(erp.Kind, string) erp.Result) {
		head := "organization_id;number;channel;placed_at;ordered_by;position;sku;quantity;unit_price\n"
		result := run(erp.Orders, head+strings.Repeat("ACME;1;;;;;;;\n", 20000)+"ACME;2;;;;;;;\n")
		if result.Records != 20001 || result.Refused != 20001 || len(result.Rejected) != erp.MaxReasons {
			t.Errorf("%d rows, %d refused, %d reasons", result.Records, result.Refused, len(result.Rejected))
		}
	})
}
