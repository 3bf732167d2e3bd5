package server_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent/contract"
	"kontor/ent/order"
	"kontor/ent/tenant"
	"kontor/ent/userrole"
	"kontor/internal/db"
	"kontor/internal/money"
	"kontor/server/servertest"
)

// A list costs the same few SQL statements however long it is: at most one for
// each kind of object selected, one for the total and one for the viewer.
//
// Requirement: AC-15
// Requirement: CA-01
// Requirement: OR-09
// Requirement: CO-01
func TestStatementsOfLists(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside := k.SQL(t)
		manyContracts(t, beside, 100)
		martha := shopperAs(t, k, "martha.hansen")
		contract := martha.Do(t, `{ contract(number: "SV-100001") { id } }`, nil).OK(t).Get("contract.id")
		for i := range 45 {
			martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0102", "1")).OK(t)
			martha.place(map[string]any{"idempotencyKey": fmt.Sprint(i), "businessCase": "ADDITIONAL_ORDER", "contractId": contract}).OK(t)
		}
		wait(t, beside, "martha.hansen")
		sabine := k.As(t, "sabine.kurz") // sees everything, so that there are 100 of each
		give(t, beside, "TRANSFER", "martha.hansen", "malte.brandt", "SV-100001", "VIEW")
		paul := k.As(t, "paul.lang")
		for _, each := range []struct {
			name   string
			viewer *servertest.Client
			query  string
			// kinds are the kinds of objects that are selected.
			kinds []string
		}{
			{"products", martha.Client, `products(first: %d) { totalCount nodes { sku category { name } price { amount } priceBreaks { fromQuantity } } }`, []string{"product", "category", "price"}},
			{"orders", martha.Client, `orders(first: %d) { totalCount nodes { number items { product { name } } history { state by { lastName } } placedBy { lastName } contract { number } } }`,
				[]string{"order", "item", "event", "who did it", "who placed it", "contract"}},
			{"orders with their approval", martha.Client, `orders(first: %d) { totalCount nodes { number myActions approval { rule approvers { lastName } } messages { text by { lastName } } } }`,
				[]string{"order", "need", "who was named", "who can decide", "their roles", "person", "message", "telephony user"}},
			{"orders in process", sabine, `orders(first: %d) { totalCount nodes { number automatic details { missing } processing { step } quote { number } agreedBy { name } myActions } }`,
				[]string{"order", "address", "job", "quote", "need", "who was named", "who can decide", "their roles", "telephony user"}},
			{"orders for the operator", sabine, `orders(first: %d) { totalCount nodes { number items { product { name } } placedBy { lastName } contract { number } } }`, []string{"order", "item", "user", "contract"}},
			{"contracts", martha.Client, contractQuery, []string{"contract", "grant", "connection", "tenant", "customer number", "position", "product", "product of a position"}},
			{"contracts for the partner", paul, contractQuery, []string{"contract", "grant", "connection", "tenant", "customer number", "position", "product", "product of a position", "place of a tenant"}},
			{"contracts for the operator", sabine, contractQuery, []string{"contract", "grant", "connection", "tenant", "customer number", "position", "product", "product of a position"}},
			{"contracts with orders", martha.Client, `contracts(first: %d) { totalCount nodes { number orders(first: 2) { totalCount nodes { number placedBy { lastName } } } } }`,
				[]string{"contract", "order", "total of orders", "who placed it"}},
		} {
			sameForAnyLength(t, k, each.name, 2+len(each.kinds), func(n int) *servertest.Answer {
				return each.viewer.Do(t, "{ "+fmt.Sprintf(each.query, n)+" }", nil).OK(t)
			}, func(answer *servertest.Answer) int {
				return len(answer.List(t, strings.Fields(strings.ReplaceAll(each.query, "(", " "))[0]+".nodes"))
			})
		}
	})
}

const contractQuery = `contracts(first: %d) { totalCount nodes { number myRights tenant { name } customerNumber { number } product { sku } positions { position product { sku } } sharedBy { displayName } } }`

// Objects by their IDs cost one statement for each kind.
//
// Requirement: AC-01
func TestStatementsOfNodes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		found := martha.Do(t, `{ products(first: 100) { nodes { id } } orders(first: 50) { nodes { id } } contracts(first: 40) { nodes { id } } }`, nil).OK(t)
		ids := func(list string, n int) []any {
			var all []any
			for _, node := range found.List(t, list+".nodes")[:n] {
				all = append(all, node.(map[string]any)["id"])
			}
			return all
		}
		count := func(answer *servertest.Answer) int { return len(answer.List(t, "nodes")) }
		sameForAnyLength(t, k, "products by ID", 3, func(n int) *servertest.Answer {
			return martha.Do(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Product { sku price { amount } } } }`, servertest.Vars{"ids": ids("products", n)}).OK(t)
		}, count)
		martha.Do(t, `{ viewer { id } }`, nil)
		k.Statements.Take()
		mixed := append(append(ids("products", 30), ids("orders", 30)...), ids("contracts", 30)...)
		answer := martha.Do(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Product { sku } ... on Order { number items { sku: id } } ... on Contract { number myRights } } }`, servertest.Vars{"ids": mixed}).OK(t)
		for i, id := range mixed {
			if answer.Get(fmt.Sprintf("nodes.%d.id", i)) != id {
				t.Fatalf("node %d is %v, want %v", i, answer.Get(fmt.Sprintf("nodes.%d", i)), id)
			}
		}
		// The viewer, products, orders, items, contracts, grants, connections.
		if sent := k.Statements.Take(); len(sent) > 7 {
			t.Errorf("three kinds of nodes cost %d statements:\n%s", len(sent), strings.Join(sent, "\n"))
		}
	})
}

// The cart costs the same however many positions it has.
//
// Requirement: CA-02
func TestStatementsOfTheCart(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		home := martha.Operation(t, "spa/cart", "MyAddresses", nil).OK(t).String(t, "viewer.addresses.0.id")
		skus := productList.all(t, martha.Client, map[string]any{"orderable": true, "search": "Tel"})
		fill := func(n int) {
			martha.do("ClearCart", nil).OK(t)
			items := make([]map[string]any, n)
			for i := range items {
				items[i] = item(skus[i%len(skus)], "1", "deliveryAddressId", home, "accountAssignment", map[string]any{"project": fmt.Sprint(i)})
			}
			martha.add(items...).OK(t)
		}
		// The viewer, the cart, its positions, products, prices, addresses, the tenant.
		sameForAnyLength(t, k, "cart", 7, func(n int) *servertest.Answer {
			fill(n)
			k.Statements.Take()
			return martha.cart()
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "cart.items")) })
	})
}

// sameForAnyLength asks for 1, 20 and 100 elements and compares what was sent.
func sameForAnyLength(t *testing.T, k *servertest.Kontor, name string, most int, ask func(n int) *servertest.Answer, count func(*servertest.Answer) int) {
	t.Helper()
	var sent [][]string
	for _, n := range []int{1, 20, 100} {
		k.Statements.Take()
		answer := ask(n)
		statements := k.Statements.Take()
		if got := count(answer); got != n {
			t.Fatalf("%s: %d elements, want %d", name, got, n)
		}
		if len(statements) == 0 || len(statements) > most {
			t.Errorf("%s: %d elements cost %d statements, want 1 to %d:\n%s", name, n, len(statements), most, strings.Join(statements, "\n"))
		}
		sent = append(sent, statements)
	}
	if len(sent[0]) != len(sent[1]) || len(sent[0]) != len(sent[2]) {
		t.Errorf("%s: 1, 20 and 100 elements cost %d, %d and %d statements:\n%s\n\n%s", name, len(sent[0]), len(sent[1]), len(sent[2]),
			strings.Join(sent[0], "\n"), strings.Join(sent[2], "\n"))
	}
}

// manyContracts copies a frame agreement with its positions.
func manyContracts(t *testing.T, d *sql.DB, n int) {
	t.Helper()
	c := rowsOf(t, d, `SELECT tenant_id, customer_number_id, agreed_quantity, called_off_quantity, id FROM contracts WHERE number = 'RV-100001'`)[0]
	positions := rowsOf(t, d, `SELECT position, product_id, agreed_quantity, called_off_quantity, unit, price_amount, currency FROM contract_positions WHERE contract_id = $1`, c[4])
	product := columnOf(t, d, `SELECT id FROM products WHERE sku = 'TEL-DT-0104'`)[0]
	for i := range n {
		id := uuid.Must(uuid.NewV7()).String()
		// Sorted before the others, so that the first one is like all of them.
		alter(t, d, `INSERT INTO contracts (id, tenant_id, customer_number_id, number, access_number, type, state, product_id, valid_from, agreed_quantity, called_off_quantity, unit, created_at)
			VALUES ($1, $2, $3, $4, '', 'FRAME_AGREEMENT', 'ACTIVE', $5, '2026-01-01', $6, $7, 'piece', '2026-01-01 00:00:00+00:00')`,
			id, c[0], c[1], fmt.Sprintf("AA-%04d", i), product, c[2], c[3])
		for _, p := range positions {
			alter(t, d, `INSERT INTO contract_positions (id, tenant_id, contract_id, position, product_id, agreed_quantity, called_off_quantity, unit, price_amount, currency)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, uuid.Must(uuid.NewV7()).String(), c[0], id, p[0], p[1], p[2], p[3], p[4], p[5], p[6])
		}
	}
}

// The dashboard of an agent costs the same for one customer and for a hundred.
//
// Requirement: AC-02
func TestStatementsOfCustomers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		manyCustomers(t, k, 100)
		full := k.Replica(t)
		paul := full.As(t, "paul.lang")
		// The tenants, and for each of the lists inside of them its elements and their number.
		sameForAnyLength(t, full, "customers", 2+1+2*2+2+1, func(n int) *servertest.Answer {
			return paul.Operation(t, "partner/dashboard", "Customers", servertest.Vars{"first": n}).OK(t)
		}, func(answer *servertest.Answer) int {
			for i := range answer.List(t, "tenants.nodes") {
				at := fmt.Sprintf("tenants.nodes.%d.", i)
				if got := said(answer, at+"open.totalCount", at+"expiring.totalCount", at+"failed.totalCount") + fmt.Sprint(len(answer.List(t, at+"masterAdmins.nodes"))); got != "1 1 01" {
					t.Errorf("the customer %d has %s", i, got)
				}
			}
			return len(answer.List(t, "tenants.nodes"))
		})
	})
}

// manyCustomers gives the partner FERNRUF so many customers, each with a master admin, an
// order and a contract that ends soon.
func manyCustomers(t *testing.T, k *servertest.Kontor, n int) {
	t.Helper()
	k.WithDatabase(t, func(d *db.DB) {
		ctx := authz.System(t.Context())
		partner := d.Client.Tenant.Query().Where(tenant.OrganizationID("FERNRUF")).OnlyX(ctx)
		product := d.Client.Product.Query().FirstX(ctx)
		for i := range n {
			id, now := uuid.Must(uuid.NewV7()), k.Clock.Now().UTC()
			d.Client.Tenant.Create().SetID(id).SetParentID(partner.ID).SetPath(partner.Path + id.String() + "/").SetKind(tenant.KindCUSTOMER).
				SetOrganizationID(fmt.Sprint("MANY", i)).SetName(fmt.Sprintf("AA %03d", i)).SetEmailDomain("many.example").SetCreatedAt(now).ExecX(ctx)
			name := fmt.Sprintf("many.%03d", i)
			master := d.Client.User.Create().SetTenantID(id).SetUsername(name).SetUsernameKey(name).SetEmail(name + "@many.example").
				SetEmailKey(name + "@many.example").SetFirstName("Eva").SetLastName("Viel").SetSessionsValidAfter(now).SetCreatedAt(now).SaveX(ctx)
			d.Client.UserRole.Create().SetTenantID(id).SetUserID(master.ID).SetRole(userrole.RoleMASTER_ADMIN).ExecX(ctx)
			zero := money.MustParse("0")
			d.Client.Order.Create().SetTenantID(id).SetNumber(fmt.Sprintf("MANY%d-000001", i)).SetState(order.StateIN_PROGRESS).
				SetBusinessCase(order.BusinessCaseNEW_ORDER).SetChannel(order.ChannelPHONE).SetPlacedAt(now).SetPlacedByID(master.ID).
				SetNetAmount(zero).SetTaxAmount(zero).SetGrossAmount(zero).SetCurrency("EUR").ExecX(ctx)
			d.Client.Contract.Create().SetTenantID(id).SetNumber(fmt.Sprint("MANY-", i)).SetType(contract.TypeSERVICE_CONTRACT).SetProductID(product.ID).
				SetValidFrom("2026-01-01").SetValidTo("2026-12-31").SetCreatedAt(now).ExecX(ctx)
		}
	})
}
