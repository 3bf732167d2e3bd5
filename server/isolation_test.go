package server_test

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql/schema"
	"github.com/google/uuid"

	"kontor/ent"
	"kontor/ent/migrate"
	"kontor/internal/gid"
	"kontor/server/servertest"
)

// Whatever a user of one company asks or does by an ID or a number of another one,
// the answer is to the byte that for something that does not exist, and nothing of
// the other company changes.
//
// Requirement: AC-01
// Case: AUTHZ-02
// Case: AUTHZ-14
func TestIsolationOfForeignIDs(t *testing.T) {
	t.Parallel()
	if got, want := slices.Sorted(maps.Keys(probes)), places(t); !slices.Equal(got, want) {
		t.Fatalf("there are probes for %v, but clients name objects at %v", got, want)
	}
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha, malte := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "malte.brandt")
		own := martha.add(item("TEL-DT-0101", "1")).OK(t).String(t, "addCartItems.cart.items.0.id")
		named := numbersOf(malte)
		colleague := globalID(ent.KindUser, columnOf(t, d, `SELECT id FROM users WHERE username = 'silke.sommer'`)[0])
		contract := globalID(ent.KindContract, columnOf(t, d, `SELECT id FROM contracts WHERE number = 'SV-100001'`)[0])
		// malte.brandt has a sub admin, too.
		alter(t, d, fmt.Sprintf(`INSERT INTO user_roles (id, tenant_id, user_id, role) SELECT '%s', tenant_id, id, 'SUB_ADMIN' FROM users WHERE username = 'gisela.gross'`, uuid.Must(uuid.NewV7())))
		foreign := worldOf(t, d, malte)
		wizard := wizardOf(t, martha.Client, nil).id
		telephone := globalID(ent.KindTelephonyUser, columnOf(t, d, `SELECT id FROM telephony_users WHERE state = 'AWAITING_SIM'`)[0])
		before := dump(t, d, "BRANDT")
		refused := 0
		for place, p := range probes {
			ask := func(id string) string {
				answer := martha.Ask(t, p.document, servertest.Vars{
					"id": id, "own": own, "sku": "TEL-DT-0101", "colleague": colleague, "contract": contract,
					"tenant": tenantID(t, d, "HANSA"), "number": "4030123400", "letter": "0000-0000-0000-0000-0000-0000", "email": "malte.brandt@brandt.example", "target": "t",
					"wizard": wizard, "telephony": telephone,
				})
				return strings.ReplaceAll(fmt.Sprint(answer.Status, " ", plain(answer)), id, "…")
			}
			compare := func(what, id, none string) {
				t.Helper()
				refused++
				if got, want := ask(id), ask(none); got != want {
					t.Errorf("%s with %s of another company: %s, but with one that does not exist: %s", place, what, got, want)
				}
			}
			if pair, isText := named[p.kind]; isText {
				compare(p.kind, pair[0], pair[1])
				continue
			}
			for kind, id := range foreign {
				compare(kind, id, nobodys(t, id))
			}
			compare("a malformed ID", "no ID at all", nobodys(t, foreign[ent.KindOrder]))
		}
		if refused < 200 {
			t.Errorf("only %d questions were asked", refused)
		}
		if after := dump(t, d, "BRANDT"); withoutLogins(after) != withoutLogins(before) {
			t.Errorf("something of the other company has changed:\n%s\nbefore:\n%s", after, before)
		}
		if len(martha.lines()) != 1 {
			t.Errorf("the cart has %v", martha.lines())
		}
		expectReal(t, malte, foreign, named, globalID(ent.KindUser, columnOf(t, d, `SELECT id FROM users WHERE username = 'gisela.gross'`)[0]))
	})
}

// expectReal makes sure that the probes can tell: the owner gets another answer for
// its own objects than for those that do not exist.
func expectReal(t *testing.T, owner shopper, objects map[string]string, named map[string][2]string, colleague string) {
	t.Helper()
	objects = maps.Clone(objects)
	objects[ent.KindCategory] = categoriesOf(t, owner.Client)["Metalle"].id // a company has no categories of its own
	// What takes something away comes last, and ordering everything after that.
	stages := slices.SortedFunc(maps.Keys(probes), func(a, b string) int {
		stage := func(place string) int {
			return strings.Count(place, "remove") + strings.Count(place, "delete") + strings.Count(place, "newSuperior") + 3*strings.Count(place, "subjectId") + 4*strings.Count(place, "abandon") + 2*strings.Count(place, "loadSavedCart") + 2*strings.Count(place, "deleteSavedCart") + 2*strings.Count(place, "placeOrder.input.contractId")
		}
		return stage(a) - stage(b)
	})
	for _, place := range stages {
		p := probes[place]
		if slices.Contains(slices.Concat(ofOperators, silent, together), place) {
			continue
		}
		id, none := named[p.kind][0], named[p.kind][1]
		if id == "" {
			id, none = objects[p.kind], nobodys(t, objects[p.kind])
		}
		ask := func(id string) string {
			answer := owner.Ask(t, p.document, servertest.Vars{"id": id, "own": objects[ent.KindCartItem], "sku": "MET-AL-0101", "colleague": colleague, "contract": objects[ent.KindContract],
				"wizard": objects[ent.KindWizard], "telephony": objects[ent.KindTelephonyUser]})
			return strings.ReplaceAll(fmt.Sprint(answer.Status, " ", plain(answer)), id, "…")
		}
		if missing, real := ask(none), ask(id); missing == real {
			t.Errorf("%s does not tell the owner's own %s from none: %s", place, p.kind, real)
		}
	}
}

// worldOf are IDs of every kind, of objects that belong to the company BRANDT and
// to its user that is given. Kinds that the company has none of are made for it.
func worldOf(t *testing.T, d *sql.DB, owner shopper) map[string]string {
	t.Helper()
	added := owner.add(item("MET-AL-0101", "1000"), item("MET-AL-0103", "1000")).OK(t)
	brandt := columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'BRANDT'`)[0]
	category, number := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	alter(t, d, fmt.Sprintf(`INSERT INTO categories (id, tenant_id, name, path) VALUES ('%s', '%s', 'Geheimes', 'Geheimes')`, category, brandt))
	alter(t, d, fmt.Sprintf(`INSERT INTO customer_numbers (id, tenant_id, number, line, created_at)
		VALUES ('%s', '%s', '2310000001', 'GENERAL', '2026-01-01 00:00:00+00:00')`, number, brandt))
	alter(t, d, fmt.Sprintf(`UPDATE contracts SET customer_number_id = '%s' WHERE number = 'RV-300001'`, number))
	alter(t, d, `UPDATE orders SET contract_id = (SELECT id FROM contracts WHERE number = 'RV-300001') WHERE number = 'BRANDT-000001'`)
	alter(t, d, fmt.Sprintf(`INSERT INTO approval_rules (id, tenant_id, name, above_amount, currency, self_approval, created_at)
		VALUES ('%s', '%s', 'Großes', 900000000000, 'EUR', false, '2026-01-01 00:00:00+00:00')`, uuid.Must(uuid.NewV7()), brandt))
	alter(t, d, fmt.Sprintf(`INSERT INTO quotes (id, tenant_id, number, name, customer_order_number, reference_number, state, made_by_id, seller_id, valid_until, note, recipient_email,
		token_hash, net_amount, tax_amount, gross_amount, currency, created_at, reason) SELECT '%s', '%s', 'BRANDT-Q000001', '', '', '', 'OPEN', id, tenant_id, '2026-12-31', '', 'a@b.example',
		'x', 10000, 0, 10000, 'EUR', '2026-11-01 00:00:00+00:00', '' FROM users WHERE username = 'sabine.kurz'`, uuid.Must(uuid.NewV7()), brandt))
	alter(t, d, fmt.Sprintf(`INSERT INTO quote_items (id, tenant_id, quote_id, position, product_id, sku, product_name, unit, automatic, quantity, unit_price_amount, line_total_amount, tax_rate, currency)
		SELECT '%s', q.tenant_id, q.id, 1, p.id, p.sku, p.name, p.unit, p.automatic, 10000, 10000, 10000, 0, 'EUR' FROM quotes q, products p WHERE q.number = 'BRANDT-Q000001' AND p.sku = 'MET-AL-0101'`, uuid.Must(uuid.NewV7())))
	run := uuid.Must(uuid.NewV7())
	alter(t, d, fmt.Sprintf(`INSERT INTO import_runs (id, tenant_id, kind, format, mode, state, filename, size, sha256, blob_key, buyer, read_bytes, records, created, updated, unchanged, refused, failure, takes, queued_at, ended_at)
		VALUES ('%s', '%s', 'PRICES', 'CSV', 'GOOD_ROWS', 'COMPLETED', 'geheim.csv', 1, '', '', '', 0, 0, 0, 0, 0, 0, '', 0, '2026-11-01 00:00:00+00:00', '2026-11-01 00:00:00+00:00')`, run, brandt))
	telephonyOf(t, d, brandt)
	world := map[string]string{
		ent.KindWizard:    wizardOf(t, owner.Client, map[string]any{"portfolio": "Geheim"}).id,
		ent.KindImportRun: globalID(ent.KindImportRun, run.String()),
		ent.KindTenant:    globalID(ent.KindTenant, brandt), ent.KindCategory: globalID(ent.KindCategory, category.String()),
		ent.KindCustomerNumber: globalID(ent.KindCustomerNumber, number.String()),
		ent.KindCart:           added.String(t, "addCartItems.cart.id"), ent.KindCartItem: added.String(t, "addCartItems.cart.items.0.id"),
		// A second login, so that ending it leaves the first.
		"ses":             owner.login("malte.brandt"),
		ent.KindSavedCart: owner.do("SaveCart", map[string]any{"name": "Geheim"}).OK(t).String(t, "saveCart.savedCart.id"),
	}
	for kind, where := range map[string]string{
		ent.KindContract:         `contracts WHERE number = 'RV-300001'`,
		ent.KindContractPosition: `contract_positions WHERE tenant_id = '` + brandt + `'`,
		ent.KindOrder:            `orders WHERE number = 'BRANDT-000001'`,
		ent.KindOrderItem:        `order_items WHERE tenant_id = '` + brandt + `'`,
		ent.KindAlloyGroup:       `alloy_groups WHERE code = 'CU-SN12'`,
		ent.KindBooking:          `bookings WHERE reference = 'UK-2026-0001'`,
		ent.KindDocument:         `documents WHERE kind = 'DELIVERY_NOTE' AND tenant_id = '` + brandt + `'`,
		ent.KindQuote:            `quotes WHERE number = 'BRANDT-Q000001'`,
		ent.KindQuoteItem:        `quote_items WHERE tenant_id = '` + brandt + `'`,
		ent.KindApprovalRule:     `approval_rules WHERE name = 'Großes'`,
		ent.KindAddress:          `addresses WHERE label = 'Gießerei'`,
		ent.KindSavedAssignment:  `saved_assignments WHERE label = 'Kostenstelle 700'`,
		ent.KindUser:             `users WHERE username = 'malte.brandt'`,
		ent.KindEndUser:          `end_users WHERE username = 'geheim'`,
		ent.KindSimCard:          `sim_cards WHERE iccid = '8949020000019999999'`,
		ent.KindPhoneNumber:      `phone_numbers WHERE number = '+4923198765432'`,
		ent.KindTelephonyUser:    `telephony_users WHERE display_name = 'Geheimnis'`,
		ent.KindProduct:          `products WHERE sku = 'MET-AL-0101'`,
	} {
		world[kind] = globalID(kind, columnOf(t, d, `SELECT id FROM `+where+` ORDER BY id LIMIT 1`)[0])
	}
	return world
}

// telephonyOf gives a company a portfolio, a stock and a telephony user.
func telephonyOf(t *testing.T, d *sql.DB, company string) {
	t.Helper()
	add := func(statement string) {
		t.Helper()
		alter(t, d, strings.ReplaceAll(strings.ReplaceAll(statement, "NEW", "'"+uuid.Must(uuid.NewV7()).String()+"'"), "COMPANY", "'"+company+"'"))
	}
	add(`INSERT INTO portfolios (id, tenant_id, name, terms) VALUES (NEW, COMPANY, 'Geheim', '[24]')`)
	add(`INSERT INTO portfolio_products (id, tenant_id, portfolio, product_id, kind, voices, terms) SELECT NEW, tenant_id, 'Geheim', id, 'SIM', '[]', '[]' FROM products WHERE sku = 'MET-AL-0101'`)
	add(`INSERT INTO end_users (id, tenant_id, username, username_key, first_name, last_name, email, created_at) VALUES (NEW, COMPANY, 'geheim', 'geheim', 'Eva', 'Geheim', 'e@brandt.example', '2026-01-01 00:00:00+00:00')`)
	add(`INSERT INTO sim_cards (id, tenant_id, iccid, last_four, product_id, created_at) SELECT NEW, COMPANY, '8949020000019999999', '9999', id, '2026-01-01 00:00:00+00:00' FROM products WHERE sku = 'MET-AL-0101'`)
	add(`INSERT INTO idempotency_keys (id, tenant_id, user_id, operation, key, input_hash, result_id, created_at)
		SELECT NEW, tenant_id, id, 'submitTelephonyUserOrder', 'key of BRANDT', 'of another input', id, '2026-01-01 00:00:00+00:00' FROM users WHERE username = 'malte.brandt'`)
	add(`INSERT INTO phone_numbers (id, tenant_id, number, origin, created_at) VALUES (NEW, COMPANY, '+4923198765432', 'STOCK', '2026-01-01 00:00:00+00:00')`)
	add(`INSERT INTO telephony_users (id, tenant_id, end_user_id, state, display_name, extension, phone_number, ported, created_at)
		SELECT NEW, tenant_id, id, 'AWAITING_SIM', 'Geheimnis', '10', '+49231', false, '2026-01-01 00:00:00+00:00' FROM end_users WHERE username = 'geheim'`)
}

// login logs in once more and gives the ID of that session.
func (s shopper) login(username string) string {
	s.t.Helper()
	again := *s.Client
	again.Token = ""
	again.Token = loginAs(s.t, &again, username, servertest.DemoPassword).OK(s.t).String(s.t, "login.token")
	return sessionOf(s.t, &again)
}

// numbersOf are, for each kind of number, one of the company BRANDT and one of nobody.
func numbersOf(owner shopper) map[string][2]string {
	t := owner.t
	t.Helper()
	owner.add(item("MET-AL-0101", "1000")).OK(t)
	owner.place(map[string]any{"idempotencyKey": "key of BRANDT"}).OK(t)
	owner.add(item("MET-AL-0101", "1000")).OK(t)
	saved := owner.do("SaveCart", map[string]any{"name": "Aluminium"}).OK(t).String(t, "saveCart.savedCart.id")
	owner.do("OrderSavedCart", map[string]any{"id": saved, "idempotencyKey": "saved key of BRANDT"}).OK(t)
	owner.do("DeleteSavedCart", map[string]any{"id": saved}).OK(t)
	owner.do("ClearCart", nil).OK(t)
	return map[string][2]string{
		"sku":             {"MET-AL-0101", "MET-AL-9999"},
		"quote number":    {"BRANDT-Q000001", "BRANDT-Q900001"},
		"order number":    {"BRANDT-000001", "BRANDT-900001"},
		"contract number": {"RV-300001", "RV-900001"},
		"customer number": {"2310000001", "2390000001"},
		"key":             {"key of BRANDT", "key of nobody"},
		"saved key":       {"saved key of BRANDT", "saved key of nobody"},
		"csv":             {"MET-AL-0101;1000", "MET-AL-9999;1000"},
		"user name":       {"gisela.gross", "nobody.nowhere"},
		"company":         {"Gießerei Brandt", "Gießerei Niemand"},
		"telephony user":  {"Geheimnis", "Niemand"},
		"phone number":    {"+4923198765432", "+4923198765433"},
	}
}

func globalID(kind, key string) string { return string(gid.New(kind, uuid.MustParse(key))) }

// nobodys is an ID of the same kind that no object has.
func nobodys(t *testing.T, id string) string {
	t.Helper()
	kind, _, ok := gid.ID(id).Split()
	if !ok {
		t.Fatalf("%q is no ID", id)
	}
	return string(gid.New(kind, uuid.Must(uuid.NewV7())))
}

// dump is everything that belongs to a company, row by row.
func dump(t *testing.T, d *sql.DB, organization string) string {
	t.Helper()
	id := columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = '`+organization+`'`)[0]
	all := fmt.Sprint(rowsOf(t, d, `SELECT * FROM tenants WHERE id = '`+id+`'`))
	filled := 0
	for _, table := range migrate.Tables {
		if !slices.ContainsFunc(table.Columns, func(c *schema.Column) bool { return c.Name == "tenant_id" }) {
			continue
		}
		where := ` WHERE tenant_id = '` + id + `'`
		if table.Name == "audit_entries" { // who logged in is told apart from what was changed
			all += fmt.Sprintf("\nlogins: %v", rowsOf(t, d, `SELECT * FROM `+table.Name+where+` AND class = 'SECURITY' ORDER BY id`))
			where += ` AND class = 'CHANGE'`
		}
		columns := "*"
		if table.Name == "audit_heads" { // moved by logins, too
			columns = "id, tenant_id"
		}
		rows := rowsOf(t, d, `SELECT `+columns+` FROM `+table.Name+where+` ORDER BY id`)
		if len(rows) > 0 {
			filled++
		}
		all += fmt.Sprintf("\n%s: %v", table.Name, rows)
	}
	if filled < 10 {
		t.Fatalf("only %d tables have rows of %s", filled, organization)
	}
	return all
}

// Counts are over the viewer's own rows, not over those of all.
//
// Requirement: AC-01
// Requirement: CA-01
// Case: AUTHZ-03
func TestIsolationOfCounts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		for username, organization := range map[string]string{"martha.hansen": "HANSA", "maik.alster": "ALSTER", "malte.brandt": "BRANDT"} {
			own := ` FROM tenants t JOIN %s x ON x.tenant_id = t.id WHERE t.organization_id = '` + organization + `'`
			count := func(what, table string) string {
				return columnOf(t, d, `SELECT COUNT(`+what+`)`+fmt.Sprintf(own, table))[0]
			}
			c := k.As(t, username)
			answer := c.Do(t, `{ orders(first: 1) { totalCount } contracts(first: 1) { totalCount } products(first: 1) { totalCount }
				categories { productCount parent { id } } }`, nil).OK(t)
			for path, want := range map[string]string{
				"orders.totalCount": count("*", "orders"), "contracts.totalCount": count("*", "contracts"), "products.totalCount": count("DISTINCT x.product_id", "prices"),
			} {
				if got := fmt.Sprint(answer.Get(path)); got != want || want == "0" {
					t.Errorf("%s: %s is %s, want %s", organization, path, got, want)
				}
			}
			sum := 0.0
			for i := range answer.List(t, "categories") {
				at := fmt.Sprintf("categories.%d.", i)
				if answer.Get(at+"parent") == nil {
					sum += answer.Get(at + "productCount").(float64)
				}
			}
			if sum != answer.Get("products.totalCount") {
				t.Errorf("%s: the top categories count %v products, the list %v", organization, sum, answer.Get("products.totalCount"))
			}
		}
	})
}

// Another company's prices are in nothing that a viewer sees: not in lists, filters
// or the cart. They are moved far away, and all answers stay as they were.
//
// Requirement: CA-01
// Requirement: AC-01
// Case: AUTHZ-03
func TestIsolationOfPrices(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0106", "7")).OK(t)
		look := func() string {
			var all strings.Builder
			for _, query := range []string{
				`{ products(first: 100) { totalCount nodes { sku price { amount } priceBreaks { fromQuantity price { amount } } } pageInfo { endCursor } } }`,
				`{ products(last: 100) { nodes { sku price { amount } } } }`,
				`{ products(first: 100, where: {priceFrom: "900000"}) { totalCount } }`,
				`{ products(first: 100, where: {priceTo: "50"}) { totalCount nodes { sku } } }`,
				`{ categories { name productCount } }`,
				`{ cart { net { amount } items { unitPrice { amount } product { price { amount } } problems { code } } } }`,
				`{ contracts(first: 100) { nodes { product { sku price { amount } } positions { price { amount } product { price { amount } } } } } }`,
				`{ product(sku: "MET-AL-0101") { sku price { amount } } }`,
			} {
				all.Write(martha.Do(t, query, nil).OK(t).Body)
			}
			return all.String()
		}
		before := look()
		alter(t, k.SQL(t), `UPDATE prices SET amount = 9876543210 WHERE tenant_id <> (SELECT id FROM tenants WHERE organization_id = 'HANSA')`)
		if after := look(); after != before {
			t.Error("prices of other companies have changed what the viewer sees")
		}
		if strings.Contains(before, "MET-AL-0101") || !strings.Contains(before, "TEL-DT-0101") {
			t.Error("the answers are not about the viewer's assortment")
		}
		// The same change is seen by whom it is about.
		if price := k.As(t, "malte.brandt").Do(t, `{ product(sku: "MET-AL-0101") { price { amount } } }`, nil).OK(t).String(t, "product.price.amount"); !sameAmount(t, price, "987654.3210") {
			t.Errorf("the other company sees %s", price)
		}
	})
}
