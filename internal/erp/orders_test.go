package erp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kontor/ent"
	"kontor/ent/numberseries"
	"kontor/ent/order"
	"kontor/ent/orderevent"
	"kontor/ent/orderitem"
	"kontor/ent/user"
	"kontor/internal/db"
	"kontor/internal/erp"
	"kontor/internal/money"
	"kontor/internal/series"
)

const orderHead = "organization_id;number;channel;placed_at;ordered_by;business_case;contract_number;state;settled_on;note;name;customer_order_number;position;sku;quantity;unit_price;wished_date\n"

// shop is what orders are about: ACME and another company.
func shop(run func(erp.Kind, string) erp.Result) {
	for _, f := range files {
		run(f.kind, f.rows)
	}
	run(erp.Tenants, "organization_id;name;kind;parent;email_domain\nOTHER;Andere GmbH;CUSTOMER;OP;other.example\n")
	run(erp.Users, "organization_id;username;email;first_name;last_name;roles\nOTHER;other.one;o@other.example;Ole;Drei;MASTER_ADMIN\n")
	run(erp.Contracts, "organization_id;number;type;valid_from\nOTHER;K-9;SERVICE_CONTRACT;2026-01-01\n")
}

func stored(ctx context.Context, d *db.DB, number string) *ent.Order {
	return d.Client.Order.Query().Where(order.Number(number)).WithEvents().WithItems(func(q *ent.OrderItemQuery) { q.Order(orderitem.ByPosition()) }).OnlyX(ctx)
}

// told is the history of an order: state, time, whether by a person, note.
func told(ctx context.Context, d *db.DB, number string) string {
	var all []string
	for _, e := range stored(ctx, d, number).Edges.Events {
		all = append(all, strings.TrimSpace(fmt.Sprint(e.State, " ", e.At.UTC().Format("2006-01-02T15:04"), " ", e.ActorID != nil, " ", e.Note)))
	}
	return strings.Join(all, ", ")
}

// Orders by phone and on paper come in as they were placed, once however often.
//
// Requirement: OR-09
// Requirement: CO-05
func TestImportOfOrders(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		shop(run)
		rows := orderHead +
			"ACME;AU-1;PHONE;2026-03-31;master.one;;;COMPLETED;2026-04-02T14:30:00+02:00;geliefert;Lager;45;20;P-2;0,5;7.500,00;2026-04-15\n" +
			"acme;AU-1;PHONE;2026-03-31;master.one;;;;2026-04-02T14:30:00+02:00;geliefert;Lager;45;10;P-1;3;1.234,50;\n" +
			"ACME;AU-2;PAPER;2025-12-24T18:00:00+01:00;S@Acme.example;ADDITIONAL_ORDER;K-1;ERROR;;nicht lieferbar;;;1;P-2;1;0;\n" +
			"OTHER;AU-1;ONLINE;2026-11-23;other.one;;;IN_PROGRESS;;eilt;;;1;P-1;1;1;\n"
		if got := run(erp.Orders, rows); got.Created != 4 || len(got.Rejected) > 0 {
			t.Fatalf("%+v", got)
		}
		if got := run(erp.Orders, rows); got.Unchanged != 4 || got.Created+got.Updated+len(got.Rejected) > 0 {
			t.Errorf("the second time: %+v", got)
		}
		one := d.Client.Order.Query().Where(order.NameEQ("Lager")).WithEvents().WithItems(func(q *ent.OrderItemQuery) { q.Order(orderitem.ByPosition()) }).WithTenant().WithPlacedBy().OnlyX(ctx)
		if one.Edges.Tenant.OrganizationID != "ACME" || one.Edges.PlacedBy.Username != "master.one" || !one.Imported || one.Channel != order.ChannelPHONE || one.BusinessCase != order.BusinessCaseNEW_ORDER ||
			one.CustomerOrderNumber != "45" || one.ContractID != nil || one.Automatic || one.CalledOff || !one.PlacedAt.Equal(time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", one)
		}
		// 3 at 1234.50 and half a ton at 7500, at 19 percent.
		if got := fmt.Sprint(one.NetAmount, one.TaxAmount, one.GrossAmount, one.Currency); got != "7453.5 1416.17 8869.67EUR" {
			t.Errorf("it comes to %s", got)
		}
		if seconds, _ := one.ID.Time().UnixTime(); seconds != one.PlacedAt.Unix() {
			t.Errorf("its key is of %d, not of its time", seconds)
		}
		items := one.Edges.Items
		if len(items) != 2 || items[0].Position != 10 || items[0].ProductName != "Tischtelefon" || items[0].Unit != "piece" || items[0].LineTotalAmount.String() != "3703.5" ||
			items[1].Position != 20 || items[1].Unit != "t" || items[1].WishedDate == nil || *items[1].WishedDate != "2026-04-15" || items[1].PlacedByID != one.PlacedByID || items[1].ContractPositionID != nil {
			t.Errorf("%+v", items)
		}
		two := stored(ctx, d, "AU-2")
		if two.ContractID == nil || *two.Edges.Items[0].ContractID != *two.ContractID || *two.Edges.Events[1].ContractID != *two.ContractID || two.State != order.StateERROR {
			t.Errorf("%+v", two)
		}
		for number, want := range map[string]string{
			"AU-2": "IN_PROGRESS 2025-12-24T17:00 true, ERROR 2025-12-24T17:00 false nicht lieferbar",
		} {
			if got := told(ctx, d, number); got != want {
				t.Errorf("the history of %s: %s", number, got)
			}
		}
		var history []string
		for _, e := range d.Client.OrderEvent.Query().Where(orderevent.HasOrderWith(order.Number("AU-1"))).Order(orderevent.ByAt()).AllX(ctx) {
			history = append(history, fmt.Sprint(e.State, " ", e.At.UTC().Format("2006-01-02T15:04"), " ", e.Note))
		}
		if got := strings.Join(history, ", "); got != "IN_PROGRESS 2026-03-31T12:00 , COMPLETED 2026-04-02T12:30 geliefert, IN_PROGRESS 2026-11-23T12:00 eilt" {
			t.Errorf("the history: %s", got)
		}
		if n := d.Client.Mail.Query().CountX(ctx) + d.Client.OrderJob.Query().CountX(ctx) + d.Client.NumberSeries.Query().CountX(ctx); n > 0 {
			t.Errorf("%d mails, jobs and series came of it", n)
		}
	})
}

// A later import moves an order on and says what came of it; it does not change what was ordered, nor
// what is completed.
//
// Requirement: OR-09
// Requirement: CO-05
func TestImportMovesOrdersOn(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		shop(run)
		const placed = "ACME;AU-1;PHONE;2026-03-31;master.one;;"
		const what = ";;;1;P-1;3;10;\n"
		for _, step := range []struct{ rows, want, history string }{
			{placed + ";IN_PROGRESS;;" + what, "created", "IN_PROGRESS 2026-03-31T12:00 true"},
			{placed + ";ERROR;2026-04-02;weg" + what, "updated", "ERROR 2026-04-02T12:00 false weg"},
			{placed + ";ERROR;2026-04-03;anders" + what, "unchanged", ""},
			{placed + ";COMPLETED;2026-04-01;" + what, "settled_on: ", ""},
			{placed + ";IN_PROGRESS;2026-04-02T10:00:00Z;" + what, "settled_on: ", ""},
			{placed + ";IN_PROGRESS;2026-04-02T15:00:00Z;" + what, "updated", "IN_PROGRESS 2026-04-02T15:00 false"},
			{placed + ";ERROR;2026-04-02;doch" + what, "updated", "ERROR 2026-04-02T15:00 false doch"},
			{placed + "K-2;ERROR;;doch" + what, "updated", ""},
			{placed + "K-1;COMPLETED;;" + what, "contract_number: ", ""},
			{placed + ";COMPLETED;;" + what, "updated", "COMPLETED 2026-11-23T09:00 false"},
			{placed + "K-2;;;" + what, "unchanged", ""},
			{placed + ";IN_PROGRESS;;" + what, "state: ", ""},
			{placed + ";ERROR;2026-11-23T10:00:00Z;zu spät" + what, "state: ", ""},
			{"ACME;AU-1;PAPER;2026-03-31;master.one;;;;;" + what, "channel: ", ""},
			{"ACME;AU-1;PHONE;2026-03-30;master.one;;;;;" + what, "placed_at: ", ""},
			{"ACME;AU-1;PHONE;2026-03-31;sub.one;;;;;" + what, "ordered_by: ", ""},
			{"ACME;AU-1;PHONE;2026-03-31;master.one;TARIFF_CHANGE;K-2;;;" + what, "business_case: ", ""},
			{placed + ";;;;Name;;1;P-1;3;10;\n", "name: ", ""},
			{placed + ";;;;;1;1;P-1;3;10;\n", "customer_order_number: ", ""},
			{placed + ";;;;;;2;P-1;3;10;\n", "position: ", ""},
			{placed + ";;;;;;1;P-2;3;10;\n", "sku: ", ""},
			{placed + ";;;;;;1;P-1;4;10;\n", "quantity: ", ""},
			{placed + ";;;;;;1;P-1;3;10,01;\n", "unit_price: ", ""},
			{placed + ";;;;;;1;P-1;3;10;2026-04-01\n", "wished_date: ", ""},
			{placed + ";;;" + what + placed + ";;;;;;2;P-2;3;10;\n", "position: ", ""},
		} {
			before := ""
			if step.want != "created" {
				before = told(ctx, d, "AU-1")
			}
			got := run(erp.Orders, orderHead+step.rows)
			rows := strings.Count(step.rows, "\n")
			switch step.want {
			case "created", "updated", "unchanged":
				if map[string]int{"created": got.Created, "updated": got.Updated, "unchanged": got.Unchanged}[step.want] != rows || len(got.Rejected) > 0 {
					t.Errorf("%s%+v, want %s", step.rows, got, step.want)
				}
			default:
				if len(got.Rejected) != rows || !strings.HasPrefix(got.Rejected[0].Reason, step.want) {
					t.Errorf("%s%+v, want %s", step.rows, got, step.want)
				}
			}
			want := strings.TrimPrefix(before+", "+step.history, ", ")
			if after := told(ctx, d, "AU-1"); after != strings.TrimSuffix(want, ", ") {
				t.Errorf("%sthe history is %s, want %s", step.rows, after, want)
			}
		}
		o := stored(ctx, d, "AU-1")
		if o.ContractID == nil || o.Edges.Items[0].ContractID == nil || o.Edges.Events[0].ContractID == nil {
			t.Errorf("what came of it is not there: %+v", o)
		}
		_, err := db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
			return struct{}{}, tx.Do(ctx, "UPDATE orders SET imported = false", []any{})
		})
		if err == nil {
			t.Error("where an order came from can be changed")
		}
	})
}

// One bad row spoils its order and no other; what is wrong is told of its row.
//
// Requirement: OR-09
// Requirement: CO-05
func TestABadPositionSpoilsItsOrder(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		shop(run)
		row := func(number string, position int, sku, price string) string {
			return fmt.Sprintf("ACME;%s;PHONE;2026-03-31;master.one;;;;;;;;%d;%s;3;%s;\n", number, position, sku, price)
		}
		whole := "as a whole or not at all"
		for name, c := range map[string]struct {
			rows    string
			created int
			lines   map[int]string
		}{
			"an unknown product": {row("A1", 1, "P-1", "1") + row("A1", 2, "P-9", "1") + row("A2", 1, "P-1", "1"), 1, map[int]string{2: whole, 3: "sku: "}},
			"a bad value":        {row("B1", 1, "P-1", "1") + row("B1", 2, "P-1", "x") + row("B2", 1, "P-1", "1"), 1, map[int]string{2: whole, 3: "unit_price: "}},
			"a position twice":   {row("C1", 1, "P-1", "1") + row("C1", 2, "P-1", "1") + row("C1", 1, "P-1", "1"), 0, map[int]string{2: whole, 3: whole, 4: "position: "}},
			"too much": {strings.Replace(row("D1", 1, "P-1", "99999999999999"), ";3;", ";10;", 1) + strings.Replace(row("D2", 1, "P-1", "99999999999999"), ";3;", ";99999999999999;", 1) +
				strings.Replace(row("D3", 1, "P-1", "99999999999999"), ";3;", ";9;", 1), 0, map[int]string{2: "quantity: ", 3: "quantity: ", 4: "comes to more"}},
			"torn apart":         {row("E1", 1, "P-1", "1") + row("E2", 1, "P-1", "1") + row("E1", 2, "P-1", "1"), 2, map[int]string{4: "number: "}},
			"contradicting rows": {row("F1", 1, "P-1", "1") + strings.Replace(row("F1", 2, "P-1", "1"), "PHONE", "PAPER", 1) + row("F2", 1, "P-1", "1"), 1, map[int]string{2: whole, 3: "channel: "}},
			"a contradicting note": {strings.Replace(row("G1", 1, "P-1", "1"), ";;;;;;;;1", ";;;ERROR;;so;;;1", 1) + strings.Replace(row("G1", 2, "P-1", "1"), ";;;;;;;;2", ";;;ERROR;;anders;;;2", 1), 0,
				map[int]string{2: whole, 3: "note: "}},
			"somebody else's": {"ACME;H1;PHONE;2026-03-31;other.one;;;;;;;;1;P-1;3;1;\nACME;H2;PHONE;2026-03-31;o@other.example;;;;;;;;1;P-1;3;1;\nACME;H3;PHONE;2026-03-31;master.one;;K-9;;;;;;1;P-1;3;1;\n" +
				"NOBODY;H4;PHONE;2026-03-31;master.one;;;;;;;;1;P-1;3;1;\nOTHER;H5;PHONE;2026-03-31;other.one;;K-9;;;;;;1;P-1;3;1;\n", 1,
				map[int]string{2: "ordered_by: ", 3: "ordered_by: ", 4: "contract_number: ", 5: "organization_id: "}},
			"the future": {"ACME;I1;PHONE;2026-11-25;master.one;;;;;;;;1;P-1;3;1;\nACME;I2;PHONE;2026-11-22;master.one;;;;2026-12-01;;;;1;P-1;3;1;\nACME;I3;PHONE;2026-11-23;master.one;;;;;;;;1;P-1;3;1;\n", 1,
				map[int]string{2: "placed_at: ", 3: "settled_on: "}},
		} {
			got := run(erp.Orders, orderHead+c.rows)
			if got.Created != c.created || got.Refused != len(c.lines) || len(got.Rejected) != len(c.lines) {
				t.Errorf("%s: %+v", name, got)
			}
			for _, r := range got.Rejected {
				if want, expected := c.lines[r.Line]; !expected || !strings.Contains(r.Reason, want) {
					t.Errorf("%s: %s", name, r)
				}
			}
		}
		if got := run(erp.Orders, "organization_id;number;channel;placed_at;ordered_by;currency;position;sku;quantity;unit_price\nACME;J1;PHONE;2026-03-31;master.one;USD;1;P-1;3;1\nACME;J2;PHONE;2026-03-31;master.one;EUR;1;P-1;3;1\n"); got.Created != 1 ||
			len(got.Rejected) != 1 || got.Rejected[0].Column != "currency" {
			t.Errorf("another currency: %+v", got)
		}
		items, orders := d.Client.OrderItem.Query().CountX(ctx), d.Client.Order.Query().CountX(ctx)
		if items != orders || orders != 8 {
			t.Errorf("there are %d orders with %d positions", orders, items)
		}
	})
}

// An order is never cut where a batch ends.
//
// Requirement: OR-09
// Requirement: CO-05
func TestOrdersOverTheEndOfABatch(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		shop(run)
		var rows strings.Builder
		rows.WriteString(orderHead)
		const orders, positions = 90, 7 // 500 are no multiple of 7
		for o := range orders {
			for p := range positions {
				bad := ""
				if o == 75 && p == 6 {
					bad = "x"
				}
				fmt.Fprintf(&rows, "ACME;N-%03d;PAPER;2026-03-31;master.one;;;;;;;;%d;P-1;3%s;1;\n", o, p+1, bad)
			}
		}
		if got := run(erp.Orders, rows.String()); got.Records != orders*positions || got.Created != (orders-1)*positions || got.Refused != positions {
			t.Errorf("%+v", got)
		}
		if got := run(erp.Orders, rows.String()); got.Unchanged != (orders-1)*positions || got.Refused != positions {
			t.Errorf("again: %+v", got)
		}
		for _, o := range d.Client.Order.Query().WithItems().AllX(ctx) {
			if len(o.Edges.Items) != positions || o.NetAmount.Cmp(money.FromInt(21)) != 0 {
				t.Errorf("%s has %d positions and comes to %s", o.Number, len(o.Edges.Items), o.NetAmount)
			}
		}
		if n := d.Client.Order.Query().CountX(ctx); n != orders-1 {
			t.Errorf("there are %d orders", n)
		}
	})
}

// Numbers of the form that Kontor gives are not given again. What was placed in Kontor is not touched.
//
// Requirement: OR-09
// Requirement: OR-01
// Requirement: CO-05
func TestImportedOrdersAndTheSeriesOfNumbers(t *testing.T) {
	eachDatabase(t, func(ctx context.Context, t *testing.T, d *db.DB, run func(erp.Kind, string) erp.Result) {
		shop(run)
		row := func(number string) string {
			return "ACME;" + number + ";PHONE;2026-03-31;master.one;;;;;;;;1;P-1;3;1;\n"
		}
		buyer := d.Client.User.Query().Where(user.Username("master.one")).WithTenant().OnlyX(ctx)
		next := func() string {
			number, err := db.InTx(ctx, d, func(tx *ent.Tx) (string, error) {
				return series.Next(ctx, tx, buyer.Edges.Tenant, numberseries.KindORDER)
			})
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
		place := func(client *ent.Client, number string) error {
			one := money.FromInt(1)
			return client.Order.Create().SetTenantID(buyer.TenantID).SetNumber(number).SetState(order.StateIN_PROGRESS).SetBusinessCase(order.BusinessCaseNEW_ORDER).SetChannel(order.ChannelONLINE).
				SetPlacedAt(time.Now()).SetPlacedByID(buyer.ID).SetNetAmount(one).SetTaxAmount(one).SetGrossAmount(money.FromInt(2)).SetCurrency("EUR").Exec(ctx)
		}
		for _, step := range []struct{ number, want, next string }{
			{"A-1", "", "ACME-000001"},          // of no form
			{"ACME-000041", "", "ACME-000042"},  // ahead
			{"ACME-000007", "", "ACME-000043"},  // behind, and free
			{"acme-000050", "", "ACME-000044"},  // other letters
			{"ACME-60", "", "ACME-000045"},      // too short
			{"ACME-00060x", "", "ACME-000046"},  // no number
			{"OTHER-000060", "", "ACME-000047"}, // another company's
			{"ACME-0000060", "number: ", "ACME-000048"},
			{"ACME-1000000", "number: ", "ACME-000049"},
			{"ACME-99999999999999999999999", "number: ", "ACME-000050"},
			{"ACME-000099", "", "ACME-000100"},
			{"ACME-000000", "", "ACME-000101"},
		} {
			got := run(erp.Orders, orderHead+row(step.number))
			if refused := len(got.Rejected) == 1; refused != (step.want != "") || refused && !strings.HasPrefix(got.Rejected[0].Reason, step.want) || !refused && got.Created != 1 {
				t.Errorf("%s: %+v", step.number, got)
			}
			if number := next(); number != step.next {
				t.Errorf("after %s comes %s, not %s", step.number, number, step.next)
			}
		}
		if err := place(d.Client, "ACME-000101"); err != nil {
			t.Fatal(err)
		}
		if got := run(erp.Orders, orderHead+strings.Replace(row("ACME-000101"), "master.one", "an.agent", 1)+row("ACME-000102")); got.Created != 1 || len(got.Rejected) != 1 || !strings.Contains(got.Rejected[0].Reason, "placed in Kontor") || !strings.Contains(got.Rejected[0].Reason, "advanceOrder") {
			t.Errorf("placed in Kontor: %+v", got)
		}
		if o := stored(ctx, d, "ACME-000101"); o.State != order.StateIN_PROGRESS || o.Imported || len(o.Edges.Items) > 0 {
			t.Errorf("it was touched: %+v", o)
		}
		// A bad order does not count.
		run(erp.Orders, orderHead+strings.Replace(row("ACME-000500"), "P-1", "P-9", 1))
		if number := next(); number != "ACME-000103" {
			t.Errorf("then comes %s", number)
		}
		// Somebody orders at the same moment: the import waits, and then finds it.
		imported := make(chan erp.Result, 1)
		_, err := db.InTx(ctx, d, func(tx *ent.Tx) (struct{}, error) {
			number, err := series.Next(ctx, tx, buyer.Edges.Tenant, numberseries.KindORDER)
			if err != nil {
				return struct{}{}, err
			}
			go func() { imported <- run(erp.Orders, orderHead+row(number)+row("ACME-000105")) }()
			time.Sleep(100 * time.Millisecond) // longer than it needs to come so far
			return struct{}{}, place(tx.Client(), number)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-imported; got.Created != 1 || len(got.Rejected) != 1 || got.Rejected[0].Line != 2 || !strings.Contains(got.Rejected[0].Reason, "placed in Kontor") {
			t.Errorf("at the same moment: %+v", got)
		}
		if number := next(); number != "ACME-000106" {
			t.Errorf("then comes %s", number)
		}
	})
}
