package server_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// actFor switches the session to a customer, or to nobody with an empty ID.
func actFor(t *testing.T, c *servertest.Client, tenant string) *servertest.Answer {
	t.Helper()
	var id any
	if tenant != "" {
		id = tenant
	}
	return c.Operation(t, "partner/dashboard", "ActFor", servertest.Vars{"input": map[string]any{"tenantId": id}})
}

// customersOf are the organization IDs that the dashboard lists.
func customersOf(t *testing.T, c *servertest.Client, search any) []string {
	t.Helper()
	answer := c.Operation(t, "partner/dashboard", "Customers", servertest.Vars{"first": 100, "search": search}).OK(t)
	var listed []string
	for i := range answer.List(t, "tenants.nodes") {
		listed = append(listed, answer.String(t, fmt.Sprintf("tenants.nodes.%d.organizationId", i)))
	}
	if got := answer.Get("tenants.totalCount"); got != float64(len(listed)) {
		t.Errorf("%v customers are counted, %v listed", got, listed)
	}
	return listed
}

// A partner agent lists the customers below its tenant, a service agent all of them, with
// figures that are those of the database; nobody else lists any.
//
// Requirement: AC-02
func TestCustomersOfAgents(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE contracts SET valid_to = '2026-12-31' WHERE number IN ('SV-100001', 'SV-100002')`)
		alter(t, d, `UPDATE orders SET state = 'PENDING_APPROVAL' WHERE number IN ('HANSA-000040', 'HANSA-000041', 'HANSA-000042', 'HANSA-000043', 'HANSA-000044')`)
		paul, sabine := k.As(t, "paul.lang"), k.As(t, "sabine.kurz")
		for _, each := range []struct {
			agent  *servertest.Client
			search any
			want   string
		}{
			{paul, nil, "[ALSTER HANSA]"}, {paul, "hansa", "[HANSA]"}, {paul, "DRUCK", "[ALSTER]"}, {paul, "4066969300", "[ALSTER]"},
			{paul, "brandt", "[]"}, {paul, " ", "[ALSTER HANSA]"}, {paul, "\x00", "[ALSTER HANSA]"}, {paul, "%", "[]"},
			{sabine, nil, "[ALSTER BRANDT HANSA]"}, {sabine, "gießerei", "[BRANDT]"},
		} {
			if got := fmt.Sprint(customersOf(t, each.agent, each.search)); got != each.want && !(each.want == "[ALSTER BRANDT HANSA]" && len(got) == len(each.want)) {
				t.Errorf("a search for %v lists %s, want %s", each.search, got, each.want)
			}
		}
		k.As(t, "martha.hansen")
		listed := paul.Operation(t, "partner/dashboard", "Customers", servertest.Vars{"first": 100}).OK(t)
		for i, organization := range []string{"ALSTER", "HANSA"} {
			at := fmt.Sprintf("tenants.nodes.%d.", i)
			of := ` FROM %s x JOIN tenants t ON t.id = x.tenant_id AND t.organization_id = '` + organization + `' WHERE `
			open := columnOf(t, d, `SELECT number`+fmt.Sprintf(of, "orders")+`x.state IN ('PENDING_APPROVAL', 'IN_PROGRESS') ORDER BY x.placed_at DESC, x.id DESC`)
			failed := columnOf(t, d, `SELECT number`+fmt.Sprintf(of, "orders")+`x.state = 'ERROR'`)
			expiring := columnOf(t, d, `SELECT number`+fmt.Sprintf(of, "contracts")+`x.valid_to BETWEEN '2026-11-23' AND '2027-02-21' ORDER BY x.number`)
			masters := columnOf(t, d, `SELECT u.first_name || ' ' || u.last_name FROM users u JOIN user_roles r ON r.user_id = u.id AND r.role = 'MASTER_ADMIN'
				JOIN tenants t ON t.id = u.tenant_id WHERE t.organization_id = '`+organization+`' ORDER BY u.last_name, u.id`)
			want := fmt.Sprint(len(open), open[:min(5, len(open))], len(failed), len(expiring), expiring, masters)
			got := fmt.Sprint(listed.Get(at+"open.totalCount"), fieldOf(t, listed, at+"open.nodes", "number"), listed.Get(at+"failed.totalCount"),
				listed.Get(at+"expiring.totalCount"), fieldOf(t, listed, at+"expiring.nodes", "number"), fieldOf(t, listed, at+"masterAdmins.nodes", "displayName"))
			if got != want {
				t.Errorf("%s: the dashboard says\n%s\nthe database\n%s", organization, got, want)
			}
		}
		if listed.Get("tenants.nodes.1.masterAdmins.nodes.0.lastLoginAt") == nil || listed.Get("tenants.nodes.0.masterAdmins.nodes.0.lastLoginAt") != nil {
			t.Errorf("who logged in when: %s", listed.Body)
		}
		// Figures are asked for in any form.
		forms := paul.Do(t, `{ tenants(last: 1) { nodes { orders(first: 2) { edges { cursor node { number items { sku: product { sku } } } } pageInfo { hasNextPage hasPreviousPage endCursor } }
			count: orders(first: 1) { totalCount } fields: contracts(first: 1) { nodes { number myRights openQuantity } pageInfo { hasNextPage } } } } }`, nil).OK(t)
		after := forms.String(t, "tenants.nodes.0.orders.pageInfo.endCursor")
		on := paul.Do(t, `query($after: String, $tenant: ID) { orders(first: 1, after: $after, where: {tenantId: $tenant}) { nodes { number } } }`,
			servertest.Vars{"after": after, "tenant": tenantID(t, d, "HANSA")}).OK(t)
		newest := columnOf(t, d, `SELECT number FROM orders WHERE number LIKE 'HANSA-%' ORDER BY placed_at DESC, id DESC LIMIT 3`)
		if got := fmt.Sprint(fieldOf(t, forms, "tenants.nodes.0.orders.edges", "node.number"), on.Get("orders.nodes.0.number")); got != fmt.Sprint(newest[:2], newest[2]) {
			t.Errorf("the newest orders are %s, want %s", got, newest)
		}
		if forms.Get("tenants.nodes.0.orders.pageInfo.hasNextPage") != true || forms.Get("tenants.nodes.0.count.totalCount") == float64(0) {
			t.Errorf("the page: %s", forms.Body)
		}
		for _, size := range []int{0, -1, 21} {
			if answer := paul.Do(t, fmt.Sprintf(`{ tenants(first: 1) { nodes { orders(first: %d) { totalCount } } } }`, size), nil); answer.Code() != "BAD_USER_INPUT" {
				t.Errorf("%d orders of each: %s", size, answer.Body)
			}
		}
		for _, username := range []string{"martha.hansen", "gerd.grau", "silke.sommer", "anna.abel"} {
			if answer := k.As(t, username).Operation(t, "partner/dashboard", "Customers", servertest.Vars{"first": 1}); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s lists customers: %s", username, answer.Body)
			}
		}
		// Colleagues are listed by those who administer them only.
		for username, want := range map[string]string{"martha.hansen": "", "gerd.grau": "FORBIDDEN", "anna.abel": "FORBIDDEN"} {
			if got := k.As(t, username).Do(t, `{ viewer { tenant { users(first: 20) { nodes { email } } } } }`, nil).Code(); got != want {
				t.Errorf("%s lists its colleagues: %q, want %q", username, got, want)
			}
		}
	})
}

// fieldOf are the values of one field of a list.
func fieldOf(t *testing.T, answer *servertest.Answer, list, field string) []any {
	t.Helper()
	values := []any{}
	for i := range answer.List(t, list) {
		values = append(values, answer.Get(fmt.Sprintf("%s.%d.%s", list, i, field)))
	}
	return values
}

// An agent acts for one customer after another: each time it has that customer's
// assortment and prices, a cart, addresses and keys for it alone, and its orders are the
// customer's, under the agent's own name.
//
// Requirement: AC-02
// Requirement: AC-13
func TestActingForCustomers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		paul := shopperAs(t, k, "paul.lang")
		own := paul.cart().String(t, "cart.id")
		carts := map[string]bool{own: true}
		for _, each := range []struct{ organization, name, username, sku string }{
			{"HANSA", "Hansa Logistik GmbH", "martha.hansen", "TEL-DT-0101"}, {"ALSTER", "Alster Druck KG", "maik.alster", "TEL-DT-0102"},
		} {
			began := actFor(t, paul.Client, tenantID(t, d, each.organization)).OK(t)
			if got := said(began, "actFor.viewer.actingFor.name", "actFor.viewer.roles"); got != each.name+" [PARTNER_AGENT]" {
				t.Fatalf("acting: %s", began.Body)
			}
			me := paul.Operation(t, "spa/session", "Me", nil).OK(t)
			if got := said(me, "viewer.user.username", "viewer.tenant.name", "viewer.actingFor.name", "viewer.roles"); got != "paul.lang Fernruf Vertrieb AG "+each.name+" [PARTNER_AGENT]" {
				t.Errorf("me: %s", got)
			}
			customer := k.As(t, each.username)
			same := `{ products(first: 5) { totalCount nodes { sku price { amount } priceBreaks { fromQuantity price { amount } } } } categories { name productCount } contracts(first: 100) { totalCount nodes { number } } orders(first: 100) { totalCount nodes { number } } }`
			if mine, theirs := paul.Do(t, same, nil).OK(t), customer.Do(t, same, nil).OK(t); string(mine.Body) != string(theirs.Body) {
				t.Errorf("the agent sees for %s\n%s\nthe customer\n%s", each.name, mine.Body, theirs.Body)
			}
			cart := paul.cart()
			if id := cart.String(t, "cart.id"); carts[id] || len(cart.List(t, "cart.items")) != 0 {
				t.Errorf("for %s the agent has the cart %s", each.name, cart.Body)
			} else {
				carts[id] = true
			}
			if addresses := paul.Do(t, `{ viewer { addresses { id } } }`, nil).OK(t); len(addresses.List(t, "viewer.addresses")) != 0 {
				t.Errorf("addresses of another customer: %s", addresses.Body)
			}
			address := paul.Do(t, `mutation { saveAddress(input: {label: "Lager", street: "Kai 1", postalCode: "20457", city: "`+each.organization+`", country: "DE", isDefault: true}) {
				address { id } errors { code } } }`, nil).OK(t).String(t, "saveAddress.address.id")
			paul.Do(t, `mutation { saveAccountAssignment(input: {label: "L", costCentre: "4711", isDefault: true}) { accountAssignment { id } errors { code } } }`, nil).OK(t)
			paul.add(item(each.sku, "1", "deliveryAddressId", address)).OK(t)
			placed := paul.place(map[string]any{"idempotencyKey": "the same"}).OK(t)
			number := placed.String(t, "placeOrder.order.number")
			if !strings.HasPrefix(number, each.organization+"-") {
				t.Errorf("the order for %s has the number %s", each.name, number)
			}
			seen := customer.Do(t, `query($number: String!) { order(number: $number) { placedBy { displayName email tenantName } history { by { displayName tenantName } } items { deliveryAddress { city } } } }`,
				servertest.Vars{"number": number}).OK(t)
			if got := said(seen, "order.placedBy", "order.history.0.by", "order.items.0.deliveryAddress.city"); got !=
				"map[displayName:Paul Lang email:<nil> tenantName:Fernruf Vertrieb AG] map[displayName:Paul Lang tenantName:Fernruf Vertrieb AG] "+each.organization {
				t.Errorf("the customer sees the order as %s", got)
			}
			file := rows(t, customer, customer.Do(t, `{ orders(first: 1) { download(format: CSV) { url } } }`, nil).OK(t).String(t, "orders.download.url"))
			if got := fmt.Sprint(file[1]); !strings.Contains(got, number) || !strings.Contains(got, "Paul Lang") {
				t.Errorf("the customer's file begins with %s", got)
			}
			log := auditOf(t, customer, map[string]any{})
			if got := fmt.Sprintln(log[0]["action"], log[0]["actor"], log[1]["action"], log[1]["actor"]); strings.TrimSpace(got) !=
				"order.place map[tenantName:Fernruf Vertrieb AG username:paul.lang] tenant.act map[tenantName:Fernruf Vertrieb AG username:paul.lang]" {
				t.Errorf("the audit log of %s says %s", each.name, got)
			}
		}
		stopped := actFor(t, paul.Client, "").OK(t)
		if stopped.Get("actFor.viewer.actingFor") != nil {
			t.Errorf("stopped: %s", stopped.Body)
		}
		if got := paul.cart().String(t, "cart.id"); got != own {
			t.Errorf("the agent's own cart was %s and is %s", own, got)
		}
		if keys := columnOf(t, d, `SELECT key FROM idempotency_keys WHERE key = 'the same'`); len(keys) != 2 {
			t.Errorf("%d keys are remembered", len(keys))
		}
		if left := columnOf(t, d, `SELECT id FROM acting_sessions`); len(left) != 0 {
			t.Errorf("%d sessions still act", len(left))
		}
	})
}

// Whoever may not act for a company is told the same as when there is none.
//
// Requirement: AC-02
// Requirement: AC-01
func TestWhoActsForWhom(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		ids := map[string]string{"nobody": nobodys(t, tenantID(t, d, "HANSA")), "malformed": "ten_0", "an order": globalID("ord", keyOf(t, tenantID(t, d, "HANSA")))}
		for _, organization := range []string{"SERVICE", "FERNRUF", "HANSA", "ALSTER", "BRANDT"} {
			ids[organization] = tenantID(t, d, organization)
		}
		may := map[string][]string{"paul.lang": {"HANSA", "ALSTER"}, "sabine.kurz": {"FERNRUF", "HANSA", "ALSTER", "BRANDT"}}
		for _, username := range []string{"paul.lang", "sabine.kurz", "martha.hansen", "gerd.grau", "malte.brandt"} {
			c := k.As(t, username)
			for name, id := range ids {
				want := "TENANT_UNKNOWN tenantId"
				if slices.Contains(may[username], name) {
					want = ""
				}
				answer := actFor(t, c, id)
				if got := strings.Join(faultsOf(t, answer, "actFor"), " "); got != want || (want != "") != (answer.Get("actFor.viewer") == nil) {
					t.Errorf("%s acts for %s: %s, want %q", username, name, answer.Body, want)
				}
			}
			if last := k.As(t, username).Operation(t, "spa/session", "Me", nil).OK(t); last.Get("viewer.actingFor") != nil {
				t.Errorf("another session of %s acts, too: %s", username, last.Body)
			}
		}
	})
}

// While an agent acts, the policy's lines for that count and nothing of what it may do
// itself; whatever it may not is refused and said why.
//
// Requirement: AC-02
// Requirement: AC-03
func TestRolesWhileActing(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		promote(t, k, "MASTER_ADMIN", "paul.lang")
		give(t, d, "TRANSFER", "malte.brandt", "paul.lang", "RV-300001", "VIEW")
		paul := k.As(t, "paul.lang")
		if got := paul.Do(t, `{ contracts(first: 1, where: {search: "RV-300001"}) { totalCount } users(first: 1) { totalCount } }`, nil).OK(t); got.Get("contracts.totalCount") != float64(1) {
			t.Fatalf("the agent itself: %s", got.Body)
		}
		if got := said(actFor(t, paul, tenantID(t, d, "HANSA")).OK(t), "actFor.viewer.roles"); got != "[PARTNER_AGENT]" {
			t.Errorf("the roles while acting are %s", got)
		}
		open := []string{"viewer", "node", "nodes", "categories", "products", "product", "cart", "contracts", "contract", "orders", "order", "tenants", "logout", "endSessions", "actFor",
			"addCartItems", "addCartItemsFromCsv", "updateCartItem", "removeCartItems", "updateCart", "clearCart", "saveAddress", "deleteAddress", "saveAccountAssignment", "placeOrder",
			"savedCarts", "saveCart", "loadSavedCart", "updateSavedCart", "deleteSavedCart", "orderSavedCart", "reorderToCart",
			"withdrawOrder", "notifyApprover", "approvalRules", "createQuote", "quotes", "orderReceipt", "conversionAccount",
			"startTelephonyUserOrder", "setTelephonyUserOrderStep", "submitTelephonyUserOrder", "abandonTelephonyUserOrder", "telephonyUserOrder", "telephonyUserOrders",
			"telephonyUsers", "linkSim", "addInvoiceItems"}
		tried := 0
		for _, field := range rootFields(t) {
			if field.public {
				continue
			}
			if slices.Contains(open, field.name) {
				open = slices.DeleteFunc(open, func(name string) bool { return name == field.name })
				continue
			}
			tried++
			answer := paul.Do(t, field.document, nil)
			if answer.Code() != "FORBIDDEN" || answer.Get(field.name) != nil {
				t.Errorf("%s: %s", field.name, answer.Body)
			}
		}
		if tried < 25 || len(open) > 0 {
			t.Errorf("%d operations were refused; there are no %v", tried, open)
		}
		paul.Header["Accept-Language"] = "en"
		if answer := paul.Do(t, `{ users(first: 1) { totalCount } }`, nil); !strings.Contains(string(answer.Body), "Stop acting first") {
			t.Errorf("an agent that may itself is told %s", answer.Body)
		}
		if got := paul.Do(t, `{ contracts(first: 1, where: {search: "RV-300001"}) { totalCount } }`, nil).OK(t).Get("contracts.totalCount"); got != float64(0) {
			t.Errorf("for the customer the agent sees %v of its own contracts", got)
		}
		// The list of customers is the agent's own, whomever it acts for.
		if got := fmt.Sprint(customersOf(t, paul, nil)); got != "[ALSTER HANSA]" {
			t.Errorf("while acting the customers are %s", got)
		}
	})
}

// An agent that loses the right to act goes on with nothing until it says what next, on
// every replica; and what must be done first is done at home.
//
// Requirement: AC-02
// Case: AUTHZ-05
func TestActingEnds(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		d := one.SQL(t)
		hansa := tenantID(t, d, "HANSA")
		for name, change := range map[string][2]string{
			"the role is gone": {`UPDATE user_roles SET role = 'GENERAL_USER' WHERE role = 'PARTNER_AGENT'`, `UPDATE user_roles SET role = 'PARTNER_AGENT' WHERE user_id = (SELECT id FROM users WHERE username = 'paul.lang')`},
			"the customer has another partner": {`UPDATE tenants SET path = (SELECT path FROM tenants WHERE organization_id = 'SERVICE') || id || '/' WHERE organization_id = 'HANSA'`,
				`UPDATE tenants SET path = (SELECT path FROM tenants WHERE organization_id = 'FERNRUF') || id || '/' WHERE organization_id = 'HANSA'`},
		} {
			paul := one.As(t, "paul.lang")
			actFor(t, paul, hansa).OK(t)
			if got := said(paul.On(two).Operation(t, "spa/session", "Me", nil).OK(t), "viewer.actingFor.name"); got != "Hansa Logistik GmbH" {
				t.Errorf("on the other replica it acts for %s", got)
			}
			alter(t, d, change[0])
			for _, replica := range []*servertest.Kontor{one, two} {
				c := paul.On(replica)
				if me := c.Operation(t, "spa/session", "Me", nil).OK(t); said(me, "viewer.actingFor", "viewer.pendingSteps") != "<nil> [STOP_ACTING]" {
					t.Errorf("%s: %s", name, me.Body)
				}
				closedExcept(t, c, "FORBIDDEN", "actFor")
			}
			actFor(t, paul, "").OK(t)
			if after := paul.Operation(t, "spa/session", "Me", nil).OK(t); len(after.List(t, "viewer.pendingSteps")) != 0 {
				t.Errorf("%s, stopped: %s", name, after.Body)
			}
			shopper{paul, t}.cart()
			alter(t, d, change[1])
		}

		paul := one.As(t, "paul.lang")
		actFor(t, paul, hansa).OK(t)
		alter(t, d, `UPDATE users SET must_change_password = true WHERE username = 'paul.lang'`)
		closedExcept(t, paul, "PASSWORD_CHANGE_REQUIRED", "changePassword")
		changePassword(t, paul, servertest.DemoPassword, "Wald-und-Wiesen-2026").OK(t)
		if me := paul.Operation(t, "spa/session", "Me", nil).OK(t); said(me, "viewer.actingFor.name") != "Hansa Logistik GmbH" {
			t.Errorf("after the step: %s", me.Body)
		}
	})
}

// A switch of customer gives a browser another token; the old one is worth nothing. Who
// logs in anew acts for nobody, and what sessions that ended leave behind is cleared away.
//
// Requirement: AC-02
// Case: AUTH-08
func TestActingAndSessions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		browser := inBrowser(t, k, "paul.lang")
		before := cookieOf(browser)
		actFor(t, browser, tenantID(t, d, "HANSA")).OK(t)
		if after := cookieOf(browser); after == before {
			t.Error("the cookie is the same as before")
		}
		if answer := withCookie(t, k, before).Operation(t, "spa/session", "Me", nil); answer.Status != http.StatusUnauthorized {
			t.Errorf("with the cookie from before: %s", answer.Body)
		}
		held := cookieOf(browser)
		actFor(t, browser, tenantID(t, d, "HANSA")).OK(t)
		if cookieOf(browser) != held || actingRows(t, d) != "1" {
			t.Error("acting for the same customer again changes something")
		}
		app := k.As(t, "paul.lang")
		actFor(t, app, tenantID(t, d, "HANSA")).OK(t)
		file := app.Do(t, `{ orders(first: 1) { download(format: CSV) { url } } }`, nil).OK(t).String(t, "orders.download.url")
		actFor(t, app, tenantID(t, d, "ALSTER")).OK(t)
		if status, _, _ := get(t, app, file); status != http.StatusNotFound {
			t.Errorf("a link to the orders of the customer before gives %d", status)
		}
		browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		again := inBrowser(t, k, "paul.lang")
		if me := again.Operation(t, "spa/session", "Me", nil).OK(t); me.Get("viewer.actingFor") != nil {
			t.Errorf("after another login: %s", me.Body)
		}
		actFor(t, again, tenantID(t, d, "ALSTER")).OK(t)
		if got := actingRows(t, d); got != "2" {
			t.Errorf("%s sessions act, and two are live", got)
		}
		if answer := k.Anonymous().Operation(t, "partner/dashboard", "ActFor", servertest.Vars{"input": map[string]any{}}); answer.Code() != "UNAUTHENTICATED" {
			t.Errorf("nobody acts: %s", answer.Body)
		}
	})
}

func actingRows(t *testing.T, d *sql.DB) string {
	t.Helper()
	return columnOf(t, d, `SELECT COUNT(*) FROM acting_sessions`)[0]
}

// A file of the orders inside of a contract or of a customer has those and no others.
//
// Requirement: CO-02
// Requirement: AC-02
func TestFilesOfInnerLists(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha := shopperAs(t, k, "martha.hansen")
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		about := martha.place(map[string]any{"idempotencyKey": "k", "businessCase": "ADDITIONAL_ORDER", "contractId": contractID(t, k, "SV-100001")}).OK(t).String(t, "placeOrder.order.number")
		url := martha.Do(t, `{ contracts(first: 1, where: {search: "SV-100001"}) { nodes { orders(first: 5) { download(format: CSV) { url } } } } }`, nil).OK(t)
		if got := numbers(rows(t, martha.Client, url.String(t, "contracts.nodes.0.orders.download.url"))); !slices.Equal(got, []string{about}) {
			t.Errorf("the file of the contract's orders has %v", got)
		}
		url = martha.Do(t, `{ contract(number: "SV-100001") { orders(first: 5) { download(format: CSV) { url } } } }`, nil).OK(t)
		if got := numbers(rows(t, martha.Client, url.String(t, "contract.orders.download.url"))); !slices.Equal(got, []string{about}) {
			t.Errorf("the file of one contract's orders has %v", got)
		}
		paul := k.As(t, "paul.lang")
		url = paul.Do(t, `{ tenants(first: 2) { nodes { organizationId orders(first: 1, where: {states: [IN_PROGRESS]}) { download(format: CSV) { url } } contracts(first: 1) { download(format: CSV) { url } } } } }`, nil).OK(t)
		for i, organization := range []string{"ALSTER", "HANSA"} {
			at := fmt.Sprintf("tenants.nodes.%d.", i)
			of := ` x JOIN tenants t ON t.id = x.tenant_id AND t.organization_id = '` + organization + `'`
			for list, want := range map[string][]string{
				"orders": columnOf(t, d, `SELECT number FROM orders`+of+` WHERE x.state = 'IN_PROGRESS'`), "contracts": columnOf(t, d, `SELECT number FROM contracts`+of),
			} {
				if got := numbers(rows(t, paul, url.String(t, at+list+".download.url"))); !slices.Equal(sorted(got), sorted(want)) || len(got) == 0 {
					t.Errorf("the file of the %s of %s has %v, want %v", list, organization, got, want)
				}
			}
		}
	})
}
