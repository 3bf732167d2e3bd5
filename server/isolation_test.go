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
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/ent/migrate"
	"kontor/graph"
	"kontor/internal/gid"
	"kontor/server/servertest"
)

// probe is an operation that says something about the object that $id or $text
// names, and about nothing that changes by itself.
type probe struct {
	document string
	// kind is that of the objects the operation is for; a name of texts where it
	// takes a number.
	kind string
}

// Kinds of places where a company's own objects get no other answer than foreign ones.
const (
	operators = "of operators"
	alike     = "always alike"
)

// silent are places where a number alone opens nothing, not even for its owner.
var silent = []string{"Mutation.register.input.customerNumber", "Mutation.connectCustomerNumber.input.customerNumber", "Query.transferTarget.input.customerNumber"}

// probes has an operation for each place where a client can name an object.
var probes = map[string]probe{
	"Query.node.id":   {`query($id: ID!) { node(id: $id) { __typename id } }`, ent.KindOrder},
	"Query.nodes.ids": {`query($id: ID!) { nodes(ids: [$id]) { __typename id } }`, ent.KindContract},

	"Mutation.endSessions.input.ids": {`mutation($id: ID!) { endSessions(input: {ids: [$id]}) { sessions { current } errors { code field message } } }`, "ses"},
	"Mutation.addCartItems.input.items.deliveryAddressId": {`mutation($id: ID!, $sku: String!) {
		addCartItems(input: {items: [{sku: $sku, quantity: "1000", deliveryAddressId: $id}]}) { cart { items { quantity } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.addCartItems.input.items.sku": {`mutation($id: String!) {
		addCartItems(input: {items: [{sku: $id, quantity: "1000"}]}) { cart { items { quantity product { name price { amount } } } } errors { code field message } } }`, "sku"},
	"Mutation.addCartItemsFromCsv.input.csv": {`mutation($id: String!) { addCartItemsFromCsv(input: {csv: $id}) {
		added cart { items { quantity product { name } } } errors { code field } } }`, "csv"},
	"Mutation.updateCartItem.input.itemId": {`mutation($id: ID!) {
		updateCartItem(input: {itemId: $id}) { cart { items { quantity product { name } } } errors { code field message } } }`, ent.KindCartItem},
	"Mutation.updateCartItem.input.deliveryAddressId": {`mutation($id: ID!, $own: ID!) {
		updateCartItem(input: {itemId: $own, deliveryAddressId: $id}) { cart { items { deliveryAddress { street } } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.removeCartItems.input.itemIds": {`mutation($id: ID!) {
		removeCartItems(input: {itemIds: [$id]}) { cart { items { quantity product { name } } } errors { code field message } } }`, ent.KindCartItem},
	"Mutation.updateCart.input.deliveryAddressId": {`mutation($id: ID!) {
		updateCart(input: {deliveryAddressId: $id}) { cart { deliveryAddress { street } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.saveAddress.input.id": {`mutation($id: ID!) {
		saveAddress(input: {id: $id, street: "Kai 1", postalCode: "20457", city: "Hamburg", isDefault: true}) { address { id city } errors { code field message } } }`, ent.KindAddress},
	"Mutation.deleteAddress.input.id": {`mutation($id: ID!) { deleteAddress(input: {id: $id}) { deletedId errors { code field message } } }`, ent.KindAddress},
	"Mutation.saveAccountAssignment.input.id": {`mutation($id: ID!) {
		saveAccountAssignment(input: {id: $id, costCentre: "1", isDefault: true}) { accountAssignment { id costCentre } errors { code field message } } }`, ent.KindSavedAssignment},
	"Mutation.placeOrder.input.contractId": {`mutation($id: ID!) {
		placeOrder(input: {idempotencyKey: "by contract", businessCase: ADDITIONAL_ORDER, contractId: $id}) { order { state } errors { code field message } } }`, ent.KindContract},
	// The amount is never that of the cart, so that nothing is ordered.
	"Mutation.placeOrder.input.idempotencyKey": {`mutation($id: String!) {
		placeOrder(input: {idempotencyKey: $id, expectedGross: "0.01"}) { order { number } errors { code field message } } }`, "key"},

	"Mutation.loadSavedCart.input.id":   {`mutation($id: ID!) { loadSavedCart(input: {id: $id}) { cart { items { quantity } } replaced { itemCount } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.updateSavedCart.input.id": {`mutation($id: ID!) { updateSavedCart(input: {id: $id, shared: true}) { savedCart { name shared } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.deleteSavedCart.input.id": {`mutation($id: ID!) { deleteSavedCart(input: {id: $id}) { deletedId errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.orderSavedCart.input.id": {`mutation($id: ID!) { orderSavedCart(input: {id: $id, idempotencyKey: "by cart", expectedGross: "0.01"}) {
		order { number } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.orderSavedCart.input.idempotencyKey": {`mutation($id: String!) { orderSavedCart(input: {id: "svc_none", idempotencyKey: $id}) {
		order { number } errors { code field message } } }`, "saved key"},
	"Mutation.reorderToCart.input.orderId": {`mutation($id: ID!) { reorderToCart(input: {orderId: $id}) { cart { items { quantity } } errors { code field message } } }`, ent.KindOrder},

	"Mutation.createUser.input.tenantId": {`mutation($id: ID!) { createUser(input: {tenantId: $id, firstName: "Eva", lastName: "Neu", email: "eva.neu@brandt.example",
		roles: [GENERAL_USER]}) { user { status } errors { code field message } } }`, ent.KindTenant},
	"Mutation.setUserRoles.input.id":      {`mutation($id: ID!) { setUserRoles(input: {id: $id, roles: [MASTER_ADMIN]}) { user { lastName roles } errors { code field message } } }`, ent.KindUser},
	"Mutation.deactivateUser.input.id":    {`mutation($id: ID!) { deactivateUser(input: {id: $id}) { user { status } errors { code field message } } }`, ent.KindUser},
	"Mutation.reactivateUser.input.id":    {`mutation($id: ID!) { reactivateUser(input: {id: $id}) { user { status } errors { code field message } } }`, ent.KindUser},
	"Mutation.sendPasswordReset.input.id": {`mutation($id: ID!) { sendPasswordReset(input: {id: $id}) { user { lastName } errors { code field message } } }`, ent.KindUser},
	"Mutation.resendInvitation.input.id":  {`mutation($id: ID!) { resendInvitation(input: {id: $id}) { user { lastName } errors { code field message } } }`, ent.KindUser},
	"Mutation.revokeInvitation.input.id":  {`mutation($id: ID!) { revokeInvitation(input: {id: $id}) { user { lastName } errors { code field message } } }`, ent.KindUser},
	"Mutation.deactivateUser.input.newSuperiorId": {`mutation($id: ID!, $colleague: ID!) {
		deactivateUser(input: {id: $colleague, newSuperiorId: $id}) { user { status } errors { code field message } } }`, ent.KindUser},
	"Mutation.setUserRoles.input.newSuperiorId": {`mutation($id: ID!, $colleague: ID!) {
		setUserRoles(input: {id: $colleague, roles: [GENERAL_USER], newSuperiorId: $id}) { user { roles } errors { code field message } } }`, ent.KindUser},
	// The operator's own: others are refused whatever they name.
	"Mutation.inviteCompany.input.parentId": {`mutation($id: ID!) { inviteCompany(input: {company: {name: "Neu"}, email: "eva@neu.example", organizationId: "NEU",
		parentId: $id}) { tenant { name } errors { code field message } } }`, operators},
	"Mutation.updateTenantSettings.input.tenantId":       {`mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id}) { tenant { name } errors { code field message } } }`, operators},
	"Mutation.actFor.input.tenantId":                     {`mutation($id: ID!) { actFor(input: {tenantId: $id}) { viewer { actingFor { name } } errors { code field message } } }`, operators},
	"Query.tenants.where.search":                         {`query($id: String!) { tenants(first: 100, where: {search: $id}) { totalCount nodes { name } } }`, operators},
	"Mutation.issueOneTimePassword.input.customerNumber": {`mutation($id: String!) { issueOneTimePassword(input: {customerNumber: $id}) { oneTimePassword errors { code field message } } }`, operators},
	"Mutation.issueOneTimePassword.input.tenantId": {`mutation($id: ID!) { issueOneTimePassword(input: {customerNumber: "1", tenantId: $id}) { oneTimePassword
		errors { code field message } } }`, operators},
	"Mutation.setContractRights.input.userId": {`mutation($id: ID!, $contract: ID!) { setContractRights(input: {userId: $id, contractId: $contract, rights: [VIEW]}) { user { lastName }
		errors { code field message } } }`, ent.KindUser},
	"Mutation.setContractRights.input.contractId": {`mutation($id: ID!, $colleague: ID!) { setContractRights(input: {userId: $colleague, contractId: $id, rights: [VIEW]}) { user { lastName }
		errors { code field message } } }`, ent.KindContract},
	"Query.explainRight.userId":     {`query($id: ID!, $contract: ID!) { explainRight(userId: $id, contractId: $contract, right: VIEW) { allowed paths { kind via { username } } } }`, ent.KindUser},
	"Query.explainRight.contractId": {`query($id: ID!, $colleague: ID!) { explainRight(userId: $colleague, contractId: $id, right: VIEW) { allowed paths { kind via { username } } } }`, ent.KindContract},
	// A number alone connects nothing and finds nobody; the name of a target is a secret of
	// whoever found it, and what follows it is looked at only after it.
	"Mutation.connectCustomerNumber.input.customerNumber": {`mutation($id: String!) { connectCustomerNumber(input: {customerNumber: $id, oneTimePassword: "0000-0000-0000-0000-0000-0000"}) {
		customerNumber { id } errors { code field message } } }`, "customer number"},
	"Query.transferTarget.input.customerNumber":   {`query($id: String!) { transferTarget(input: {email: "malte.brandt@brandt.example", customerNumber: $id, line: GENERAL}) { displayName } }`, "customer number"},
	"Mutation.saveTransfers.input.targetId":       {`mutation($id: ID!) { saveTransfers(input: {targetId: $id, idempotencyKey: "t"}) { granted { contract { id } } errors { code field message } } }`, alike},
	"Mutation.saveTransfers.input.grant":          {`mutation($id: ID!) { saveTransfers(input: {targetId: "t", grant: [$id], idempotencyKey: "g"}) { granted { contract { id } } errors { code field message } } }`, alike},
	"Mutation.saveTransfers.input.revoke":         {`mutation($id: ID!) { saveTransfers(input: {targetId: "t", revoke: [$id], idempotencyKey: "r"}) { revoked { contract { id } } errors { code field message } } }`, alike},
	"Mutation.saveTransfers.input.idempotencyKey": {`mutation($id: String!) { saveTransfers(input: {targetId: "t", idempotencyKey: $id}) { granted { contract { id } } errors { code field message } } }`, alike},
	// A secret that names a login, and a form that never tells what there is.
	"Mutation.answerChallenge.input.challengeId": {`mutation($id: ID!) { answerChallenge(input: {challengeId: $id, code: "123456"}) { token errors { code field message } } }`, alike},
	"Mutation.register.input.customerNumber": {`mutation($id: String!) { register(input: {company: "Neu", customerNumber: $id, firstName: "Eva", lastName: "Neu",
		email: "eva@neu.example"}) { accepted errors { code field message } } }`, "customer number"},
	"Query.auditLog.where.actorId":   {`query($id: ID!) { auditLog(first: 100, where: {actorId: $id}) { totalCount nodes { action subject { label } } } }`, ent.KindUser},
	"Query.auditLog.where.subjectId": {`query($id: ID!) { auditLog(first: 100, where: {subjectId: $id}) { totalCount nodes { action subject { label } } } }`, ent.KindUser},
	"Query.users.where.search":       {`query($id: String!) { users(first: 100, where: {search: $id}) { totalCount nodes { lastName } } }`, "user name"},
	"Query.users.where.tenantId":     {`query($id: ID!) { users(first: 100, where: {tenantId: $id}) { totalCount nodes { lastName } } }`, ent.KindTenant},

	"Query.product.sku":               {`query($id: String!) { product(sku: $id) { id name price { amount } } }`, "sku"},
	"Query.order.number":              {`query($id: String!) { order(number: $id) { id gross { amount } } }`, "order number"},
	"Query.contract.number":           {`query($id: String!) { contract(number: $id) { id tenant { name } } }`, "contract number"},
	"Query.orders.where.tenantId":     {`query($id: ID!) { orders(first: 100, where: {tenantId: $id}) { totalCount nodes { number } } }`, ent.KindTenant},
	"Query.contracts.where.tenantId":  {`query($id: ID!) { contracts(first: 100, where: {tenantId: $id}) { totalCount nodes { number } } }`, ent.KindTenant},
	"Tenant.users.where.search":       {`query($id: String!) { viewer { tenant { users(first: 20, where: {search: $id}) { totalCount nodes { lastName } } } } }`, "user name"},
	"Tenant.users.where.tenantId":     {`query($id: ID!) { viewer { tenant { users(first: 20, where: {tenantId: $id}) { totalCount nodes { lastName } } } } }`, ent.KindTenant},
	"Tenant.orders.where.search":      {`query($id: String!) { viewer { tenant { orders(first: 20, where: {search: $id}) { totalCount nodes { state } } } } }`, "order number"},
	"Tenant.orders.where.contractId":  {`query($id: ID!) { viewer { tenant { orders(first: 20, where: {contractId: $id}) { totalCount nodes { number } } } } }`, ent.KindContract},
	"Tenant.orders.where.tenantId":    {`query($id: ID!) { viewer { tenant { orders(first: 20, where: {tenantId: $id}) { totalCount nodes { number } } } } }`, ent.KindTenant},
	"Tenant.contracts.where.search":   {`query($id: String!) { viewer { tenant { contracts(first: 20, where: {search: $id}) { totalCount nodes { state } } } } }`, "contract number"},
	"Tenant.contracts.where.tenantId": {`query($id: ID!) { viewer { tenant { contracts(first: 20, where: {tenantId: $id}) { totalCount nodes { number } } } } }`, ent.KindTenant},
	"Tenant.contracts.where.productSku": {`query($id: String!) { viewer { tenant {
		contracts(first: 20, where: {productSku: $id}) { totalCount nodes { state } } } } }`, "sku"},
	"Tenant.contracts.where.customerNumber": {`query($id: String!) { viewer { tenant {
		contracts(first: 20, where: {customerNumber: $id}) { totalCount nodes { state } } } } }`, "customer number"},
	"Query.products.where.categoryId": {`query($id: ID!) { products(first: 100, where: {categoryId: $id}) { totalCount nodes { sku } } }`, ent.KindCategory},
	"Query.products.where.search":     {`query($id: String!) { products(first: 100, where: {search: $id}) { totalCount nodes { sku } } }`, "sku"},
	"Query.orders.where.contractId":   {`query($id: ID!) { orders(first: 100, where: {contractId: $id}) { totalCount nodes { number } } }`, ent.KindContract},
	"Query.orders.where.search":       {`query($id: String!) { orders(first: 100, where: {search: $id}) { totalCount nodes { state } } }`, "order number"},
	"Query.contracts.where.search":    {`query($id: String!) { contracts(first: 100, where: {search: $id}) { totalCount nodes { state } } }`, "contract number"},
	"Query.contracts.where.productSku": {`query($id: String!) {
		contracts(first: 100, where: {productSku: $id}) { totalCount nodes { state } } }`, "sku"},
	"Query.contracts.where.customerNumber": {`query($id: String!) {
		contracts(first: 100, where: {customerNumber: $id}) { totalCount nodes { state } } }`, "customer number"},
}

// Texts that name an object, and texts that do not. A place with a text that is in
// neither list has to be thought about first.
var (
	naming     = []string{"sku", "productSku", "number", "customerNumber", "search", "idempotencyKey", "csv"}
	plainTexts = []string{
		"after", "before", "username", "password", "organization", "currentPassword", "newPassword",
		"label", "company", "contact", "street", "postalCode", "city", "country",
		"costCentre", "glAccount", "project", "plant", "name", "customerOrderNumber", "referenceNumber",
		"title", "firstName", "lastName", "phone", "mobile", "email", "newEmail", "newUsername", "currency", "mandatoryContactFields",
		"emailDomain", "organizationId", // of a new company
		"action",                                             // of the audit log, the same for all
		"token", "code", "activationCode", "oneTimePassword", // secrets, which name nothing that could be guessed
		"accessNumber", "state", "iss", // of the customer centre, which is asked about them
	}
)

// places are the arguments and input fields of the whole schema that name an object.
func places(t *testing.T) []string {
	t.Helper()
	api := graph.Schema(&graph.Resolver{}).Schema()
	var found []string
	var visit func(path, name string, of *ast.Type, above []string)
	visit = func(path, name string, of *ast.Type, above []string) {
		definition := api.Types[of.Name()]
		switch {
		case definition.Name == "ID" || definition.Name == "String" && slices.Contains(naming, name):
			found = append(found, path)
		case definition.Name == "String" && !slices.Contains(plainTexts, name):
			t.Errorf("%s is a text that may name an object: say so in the list naming, or in plainTexts that it does not", path)
		case definition.Kind == ast.InputObject && !slices.Contains(above, definition.Name):
			for _, f := range definition.Fields {
				visit(path+"."+f.Name, f.Name, f.Type, append(above, definition.Name))
			}
		}
	}
	for _, definition := range api.Types {
		// What a subscription tells by a foreign ID is in live_test.go.
		if definition.Kind != ast.Object || strings.HasPrefix(definition.Name, "__") || definition == api.Subscription {
			continue
		}
		for _, f := range definition.Fields {
			for _, a := range f.Arguments {
				if !strings.HasPrefix(f.Name, "__") {
					visit(definition.Name+"."+f.Name+"."+a.Name, a.Name, a.Type, nil)
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

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
		before := dump(t, d, "BRANDT")
		refused := 0
		for place, p := range probes {
			ask := func(id string) string {
				answer := martha.Do(t, p.document, servertest.Vars{"id": id, "own": own, "sku": "TEL-DT-0101", "colleague": colleague, "contract": contract})
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
		if after := dump(t, d, "BRANDT"); after != before {
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
			return strings.Count(place, "remove") + strings.Count(place, "delete") + strings.Count(place, "newSuperior") + 3*strings.Count(place, "subjectId") + 2*strings.Count(place, "loadSavedCart") + 2*strings.Count(place, "deleteSavedCart") + 2*strings.Count(place, "placeOrder.input.contractId")
		}
		return stage(a) - stage(b)
	})
	for _, place := range stages {
		p := probes[place]
		if p.kind == operators || p.kind == alike || slices.Contains(silent, place) {
			continue
		}
		id, none := named[p.kind][0], named[p.kind][1]
		if id == "" {
			id, none = objects[p.kind], nobodys(t, objects[p.kind])
		}
		ask := func(id string) string {
			answer := owner.Do(t, p.document, servertest.Vars{"id": id, "own": objects[ent.KindCartItem], "sku": "MET-AL-0101", "colleague": colleague, "contract": objects[ent.KindContract]})
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
	world := map[string]string{
		ent.KindTenant: globalID(ent.KindTenant, brandt), ent.KindCategory: globalID(ent.KindCategory, category.String()),
		ent.KindCustomerNumber: globalID(ent.KindCustomerNumber, number.String()),
		ent.KindSavedCart:      owner.do("SaveCart", map[string]any{"name": "Geheim"}).OK(t).String(t, "saveCart.savedCart.id"),
		ent.KindCart:           added.String(t, "addCartItems.cart.id"), ent.KindCartItem: added.String(t, "addCartItems.cart.items.0.id"),
		// A second login, so that ending it leaves the first.
		"ses": owner.login("malte.brandt"),
	}
	for kind, where := range map[string]string{
		ent.KindContract:         `contracts WHERE number = 'RV-300001'`,
		ent.KindContractPosition: `contract_positions WHERE tenant_id = '` + brandt + `'`,
		ent.KindOrder:            `orders WHERE number = 'BRANDT-000001'`,
		ent.KindOrderItem:        `order_items WHERE tenant_id = '` + brandt + `'`,
		ent.KindAddress:          `addresses WHERE label = 'Gießerei'`,
		ent.KindSavedAssignment:  `saved_assignments WHERE label = 'Kostenstelle 700'`,
		ent.KindUser:             `users WHERE username = 'malte.brandt'`,
		ent.KindProduct:          `products WHERE sku = 'MET-AL-0101'`,
	} {
		world[kind] = globalID(kind, columnOf(t, d, `SELECT id FROM `+where+` ORDER BY id LIMIT 1`)[0])
	}
	return world
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
		"csv":             {"MET-AL-0101;1000", "MET-AL-9999;1000"},
		"order number":    {"BRANDT-000001", "BRANDT-900001"},
		"contract number": {"RV-300001", "RV-900001"},
		"customer number": {"2310000001", "2390000001"},
		"key":             {"key of BRANDT", "key of nobody"},
		"saved key":       {"saved key of BRANDT", "saved key of nobody"},
		"user name":       {"gisela.gross", "nobody.nowhere"},
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
		rows := rowsOf(t, d, `SELECT * FROM `+table.Name+` WHERE tenant_id = '`+id+`' ORDER BY id`)
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
