package db_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"kontor/ent"
	entschema "kontor/ent/migrate"
	"kontor/ent/tenant"
	"kontor/internal/db"
	"kontor/internal/money"
)

// Migrations are written by hand: they must give exactly the tables and columns
// that the generated code reads and writes.
func TestMigrationsGiveWhatEntExpects(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		for _, table := range entschema.Tables {
			var want []string
			for _, column := range table.Columns {
				want = append(want, fmt.Sprintf("%s null=%v", column.Name, column.Nullable))
			}
			got := columnsOf(ctx, t, d, table.Name)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s has\n%s\nent expects\n%s", table.Name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

func columnsOf(ctx context.Context, t *testing.T, d *db.DB, table string) []string {
	t.Helper()
	query := `SELECT name, "notnull" = 0 AND pk = 0 FROM pragma_table_info($1)`
	if d.Dialect == dialect.Postgres {
		query = `SELECT column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`
	}
	rows, err := d.SQL.QueryContext(ctx, query, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var name string
		var nullable bool
		if err := rows.Scan(&name, &nullable); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, fmt.Sprintf("%s null=%v", name, nullable))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return columns
}

// world is two companies with the same things.
type world struct {
	a, b         *ent.Tenant
	userA, userB *ent.User
	product      *ent.Product
	number       *ent.CustomerNumber // of a
	contract     *ent.Contract       // of a
	cart         *ent.Cart           // of a
	address      *ent.Address        // of a
	category     *ent.Category       // of a
	order        *ent.Order          // of a
	item         *ent.OrderItem
	event        *ent.OrderEvent
	quote        *ent.Quote // of a
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func build(ctx context.Context, c *ent.Client) world {
	newTenant := func(name string, kind tenant.Kind, parent *ent.Tenant) *ent.Tenant {
		id := uuid.Must(uuid.NewV7())
		create := c.Tenant.Create().SetID(id).SetPath(id.String() + "/").SetKind(kind).SetOrganizationID(name).SetName(name).
			SetEmailDomain(name + ".example").SetCreatedAt(noon)
		if parent != nil {
			create.SetParentID(parent.ID).SetPath(parent.Path + id.String() + "/")
		}
		return must(create.Save(ctx))
	}
	newUser := func(t *ent.Tenant, name string) *ent.User {
		return must(c.User.Create().SetTenantID(t.ID).SetUsername(name).SetUsernameKey(name).SetEmail(name).SetEmailKey(name).
			SetFirstName("F").SetLastName("L").SetSessionsValidAfter(noon).SetCreatedAt(noon).Save(ctx))
	}
	one := money.FromInt(1)
	var w world
	w.a = newTenant("A", tenant.KindOPERATOR, nil)
	w.b = newTenant("B", tenant.KindCUSTOMER, w.a)
	w.userA, w.userB = newUser(w.a, "usera"), newUser(w.b, "userb")
	w.category = must(c.Category.Create().SetTenantID(w.a.ID).SetName("C").SetPath("C").Save(ctx))
	w.product = must(c.Product.Create().SetTenantID(w.a.ID).SetCategoryID(w.category.ID).SetSku("S").SetName("N").SetUnit("piece").
		SetTaxRate(one).SetMinimumQuantity(one).SetQuantityStep(one).SetSearchText("tischtelefon").SetCreatedAt(noon).Save(ctx))
	w.number = must(c.CustomerNumber.Create().SetTenantID(w.a.ID).SetNumber("1").SetLine("GENERAL").SetCreatedAt(noon).Save(ctx))
	w.contract = must(c.Contract.Create().SetTenantID(w.a.ID).SetNumber("1").SetType("SERVICE_CONTRACT").SetValidFrom("2026-01-01").SetCreatedAt(noon).Save(ctx))
	w.cart = must(c.Cart.Create().SetTenantID(w.a.ID).SetUserID(w.userA.ID).SetUpdatedAt(noon).Save(ctx))
	w.address = must(c.Address.Create().SetTenantID(w.a.ID).SetUserID(w.userA.ID).SetLabel("L").SetStreet("S").SetPostalCode("1").SetCity("C").SetCountry("DE").SetCreatedAt(noon).Save(ctx))
	w.order = must(c.Order.Create().SetTenantID(w.a.ID).SetNumber("1").SetState("IN_PROGRESS").SetBusinessCase("NEW_ORDER").SetChannel("ONLINE").
		SetPlacedAt(noon).SetPlacedByID(w.userA.ID).SetNetAmount(one).SetTaxAmount(one).SetGrossAmount(money.FromInt(2)).SetCurrency("EUR").Save(ctx))
	w.item = must(c.OrderItem.Create().SetTenantID(w.a.ID).SetOrderID(w.order.ID).SetPlacedByID(w.userA.ID).SetPosition(1).SetProductID(w.product.ID).
		SetSku("S").SetProductName("N").SetUnit("piece").SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).SetTaxRate(one).SetCurrency("EUR").Save(ctx))
	w.event = must(c.OrderEvent.Create().SetTenantID(w.a.ID).SetOrderID(w.order.ID).SetPlacedByID(w.userA.ID).SetAt(noon).SetState("IN_PROGRESS").Save(ctx))
	w.quote = must(c.Quote.Create().SetTenantID(w.a.ID).SetNumber("Q1").SetMadeByID(w.userB.ID).SetSellerID(w.b.ID).SetValidUntil("2026-12-31").SetRecipientEmail("a@b.example").
		SetTokenHash("H").SetNetAmount(one).SetTaxAmount(one).SetGrossAmount(money.FromInt(2)).SetCurrency("EUR").SetCreatedAt(noon).Save(ctx))
	must(c.QuoteItem.Create().SetTenantID(w.a.ID).SetQuoteID(w.quote.ID).SetPosition(1).SetProductID(w.product.ID).SetSku("S").SetProductName("N").SetUnit("piece").
		SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).SetTaxRate(one).SetCurrency("EUR").Save(ctx))
	return w
}

// The database itself refuses a child of one company under a parent of another.
//
// Requirement: AC-01
func TestTheDatabaseRefusesParentsOfAnotherTenant(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		c := d.Client
		w := build(ctx, c)
		one := money.FromInt(1)
		for name, try := range map[string]func() error{
			"role of a foreign user": func() error {
				return c.UserRole.Create().SetTenantID(w.b.ID).SetUserID(w.userA.ID).SetRole("APPROVER").Exec(ctx)
			},
			"foreign superior": func() error { return c.User.UpdateOne(w.userB).SetSuperiorID(w.userA.ID).Exec(ctx) },
			"connection to a foreign number": func() error {
				return c.Connection.Create().SetTenantID(w.b.ID).SetUserID(w.userB.ID).SetCustomerNumberID(w.number.ID).SetConnectedAt(noon).Exec(ctx)
			},
			"connection of a foreign user": func() error {
				return c.Connection.Create().SetTenantID(w.a.ID).SetUserID(w.userB.ID).SetCustomerNumberID(w.number.ID).SetConnectedAt(noon).Exec(ctx)
			},
			"contract under a foreign number": func() error {
				return c.Contract.Create().SetTenantID(w.b.ID).SetCustomerNumberID(w.number.ID).SetNumber("9").SetType("SERVICE_CONTRACT").SetValidFrom("2026-01-01").SetCreatedAt(noon).Exec(ctx)
			},
			"position of a foreign contract": func() error {
				return c.ContractPosition.Create().SetTenantID(w.b.ID).SetContractID(w.contract.ID).SetPosition(1).SetProductID(w.product.ID).SetAgreedQuantity(one).SetCalledOffQuantity(one).SetUnit("t").SetPriceAmount(one).SetCurrency("EUR").Exec(ctx)
			},
			"grant in the name of the wrong one": func() error {
				return c.Grant.Create().SetTenantID(w.b.ID).SetContractID(w.contract.ID).SetHolderID(w.userB.ID).SetRight("VIEW").SetKind("DELEGATION").SetGrantedByID(w.userA.ID).SetCreatedAt(noon).Exec(ctx)
			},
			"cart with a foreign address": func() error {
				return c.Cart.Create().SetTenantID(w.b.ID).SetUserID(w.userB.ID).SetDeliveryAddressID(w.address.ID).SetUpdatedAt(noon).Exec(ctx)
			},
			"position in a foreign cart": func() error {
				return c.CartItem.Create().SetTenantID(w.b.ID).SetCartID(w.cart.ID).SetUserID(w.userB.ID).SetProductID(w.product.ID).SetQuantity(one).SetCreatedAt(noon).Exec(ctx)
			},
			"position of a foreign order": func() error {
				return c.OrderItem.Create().SetTenantID(w.b.ID).SetOrderID(w.order.ID).SetPlacedByID(w.userB.ID).SetPosition(2).SetProductID(w.product.ID).SetSku("S").SetProductName("N").SetUnit("p").SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).SetTaxRate(one).SetCurrency("EUR").Exec(ctx)
			},
			"position of a foreign quote": func() error {
				return c.QuoteItem.Create().SetTenantID(w.b.ID).SetQuoteID(w.quote.ID).SetPosition(2).SetProductID(w.product.ID).SetSku("S").SetProductName("N").SetUnit("p").SetQuantity(one).SetUnitPriceAmount(one).SetLineTotalAmount(one).SetTaxRate(one).SetCurrency("EUR").Exec(ctx)
			},
			"order of a foreign quote": func() error { return orderOf(c, w.quote, w.b.ID, "2").Exec(ctx) },
			"history of a foreign order": func() error {
				return c.OrderEvent.Create().SetTenantID(w.b.ID).SetOrderID(w.order.ID).SetPlacedByID(w.userB.ID).SetAt(noon).SetState("ERROR").Exec(ctx)
			},
			"category under a foreign one": func() error {
				return c.Category.Create().SetTenantID(w.b.ID).SetParentID(w.category.ID).SetName("X").SetPath("X").Exec(ctx)
			},
		} {
			if err := try(); !ent.IsConstraintError(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// An order is what it was when it was placed, whoever asks the database.
//
// Requirement: OR-01
func TestOrdersNeverChange(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		key := "'" + w.order.ID.String() + "'"
		refused := []string{
			"DELETE FROM orders", "DELETE FROM order_items", "DELETE FROM order_events",
			"UPDATE order_items SET quantity = 20000", "UPDATE order_events SET note = 'x'",
		}
		for _, change := range []string{"number = 'X'", "name = 'X'", "net_amount = net_amount + 1, gross_amount = gross_amount + 1", "tax_amount = 0, gross_amount = net_amount",
			"currency = 'USD'", "channel = 'PHONE'", "placed_at = '2020-01-01 00:00:00+00:00'", "customer_order_number = 'X'", "account_assignment = '{}'"} {
			refused = append(refused, "UPDATE orders SET "+change+" WHERE id = "+key)
		}
		if d.Dialect == dialect.Postgres {
			refused = append(refused, "TRUNCATE orders CASCADE", "TRUNCATE order_items")
		}
		for _, statement := range refused {
			if _, err := d.SQL.ExecContext(ctx, statement); err == nil {
				t.Errorf("%s: not refused", statement)
			}
		}
		for _, statement := range []string{
			"UPDATE orders SET state = 'COMPLETED' WHERE id = " + key,
			"UPDATE orders SET contract_id = '" + w.contract.ID.String() + "' WHERE id = " + key,
		} {
			if _, err := d.SQL.ExecContext(ctx, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if _, err := d.SQL.ExecContext(ctx, "UPDATE orders SET contract_id = NULL WHERE id = "+key); err == nil {
			t.Error("the contract of an order could be taken away again")
		}
	})
}

// orderOf is an order that comes from a quote.
func orderOf(c *ent.Client, q *ent.Quote, tenant uuid.UUID, number string) *ent.OrderCreate {
	return c.Order.Create().SetTenantID(tenant).SetNumber(number).SetState("IN_PROGRESS").SetBusinessCase("NEW_ORDER").SetChannel("ONLINE").SetPlacedAt(noon).
		SetPlacedByID(q.MadeByID).SetQuoteID(q.ID).SetAgreedName("N").SetAgreedEmail("a@b.example").
		SetNetAmount(q.NetAmount).SetTaxAmount(q.TaxAmount).SetGrossAmount(q.GrossAmount).SetCurrency(q.Currency)
}

// A quote is what it was when it was made, is decided once, and becomes one order, whoever asks
// the database.
//
// Requirement: OR-04
func TestQuotesNeverChange(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		try := func(statement string) error { _, err := d.SQL.ExecContext(ctx, statement); return err }
		if err := orderOf(d.Client, w.quote, w.a.ID, "2").Exec(ctx); err != nil {
			t.Fatal(err)
		}
		if err := orderOf(d.Client, w.quote, w.a.ID, "3").Exec(ctx); !ent.IsConstraintError(err) {
			t.Errorf("a second order of a quote: %v", err)
		}
		refused := []string{"DELETE FROM quotes", "DELETE FROM quote_items", "UPDATE quote_items SET quantity = 20000", "UPDATE quotes SET state = 'DECLINED'",
			"UPDATE quotes SET state = 'ACCEPTED', decided_at = created_at", "UPDATE orders SET quote_id = NULL WHERE number = '2'", "UPDATE orders SET agreed_name = 'X' WHERE number = '2'"}
		for _, change := range []string{"number = 'X'", "valid_until = '2030-01-01'", "note = 'X'", "token_hash = 'X'", "net_amount = 0, tax_amount = 0, gross_amount = 0",
			"recipient_email = 'x@y.example'", "seller_id = tenant_id", "created_at = '2020-01-01 00:00:00+00:00'"} {
			refused = append(refused, "UPDATE quotes SET "+change)
		}
		for _, statement := range refused {
			if try(statement) == nil {
				t.Errorf("%s: not refused", statement)
			}
		}
		if err := try("UPDATE quotes SET state = 'DECLINED', decided_at = created_at, reason = 'R'"); err != nil {
			t.Error(err)
		}
		for _, statement := range []string{"UPDATE quotes SET state = 'OPEN', decided_at = NULL", "UPDATE quotes SET reason = 'X'"} {
			if try(statement) == nil {
				t.Errorf("%s: not refused once it is decided", statement)
			}
		}
	})
}

func TestTheDatabaseRefusesWhatCannotBe(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		build(ctx, d.Client)
		for _, statement := range []string{
			"UPDATE users SET status = 'ASLEEP'", "UPDATE users SET language = 'fr'", "UPDATE users SET username_key = 'same'",
			"UPDATE tenants SET organization_id = 'same'", "UPDATE products SET tax_rate = -1", "UPDATE products SET quantity_step = 0",
			"UPDATE contracts SET valid_to = '2025-01-01'", "UPDATE contracts SET agreed_quantity = 1, called_off_quantity = 2",
			"UPDATE orders SET state = 'LOST'", "UPDATE users SET tenant_id = (SELECT id FROM tenants WHERE name = 'A')",
		} {
			if _, err := d.SQL.ExecContext(ctx, statement); err == nil {
				t.Errorf("%s: not refused", statement)
			}
		}
	})
}

// Requirement: CA-01
func TestFullTextFollowsTheProducts(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, d *db.DB) {
		w := build(ctx, d.Client)
		find := func(word string) int {
			query := "SELECT count(*) FROM products_search WHERE products_search MATCH $1"
			if d.Dialect == dialect.Postgres {
				query = "SELECT count(*) FROM products_search WHERE search @@ to_tsquery('simple', $1)"
			}
			var n int
			if err := d.SQL.QueryRowContext(ctx, query, word).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if find("tischtelefon") != 1 {
			t.Error("not found after it was written")
		}
		if err := d.Client.Product.UpdateOne(w.product).SetSearchText("router").Exec(ctx); err != nil {
			t.Fatal(err)
		}
		if find("tischtelefon") != 0 || find("router") != 1 {
			t.Error("the index did not follow the change")
		}
	})
}
