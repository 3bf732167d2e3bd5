package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/graph"
)

// probe is an operation that says something about the object that $id or $text
// names, and about nothing that changes by itself.
type probe struct {
	document string
	// kind is that of the objects the operation is for; a name of texts where it
	// takes a number.
	kind string
}

// ofOperators are places of operations that are for agents only.
var ofOperators = []string{
	"Mutation.inviteCompany.input.parentId", "Mutation.updateTenantSettings.input.tenantId", "Mutation.actFor.input.tenantId", "Query.tenants.where.search",
	"Mutation.issueOneTimePassword.input.customerNumber", "Mutation.issueOneTimePassword.input.tenantId",
	"Mutation.advanceOrder.input.orderId", "Mutation.retryOrder.input.orderId",
	"Mutation.createQuote.input.tenantId", "Mutation.createQuote.input.idempotencyKey",
}

// silent are places that never tell what there is: a form that anybody can send, and a
// secret that names a login.
var silent = []string{"Mutation.register.input.customerNumber", "Mutation.answerChallenge.input.challengeId", "Mutation.acceptQuote.input.idempotencyKey"}

// together are places where a name opens nothing, not even for its owner, unless what
// belongs to it comes along: the letter, the address, a target that was found.
var together = []string{
	"Mutation.connectCustomerNumber.input.customerNumber", "Query.transferTarget.input.customerNumber", "Mutation.saveTransfers.input.targetId",
	"Mutation.saveTransfers.input.grant", "Mutation.saveTransfers.input.revoke", "Mutation.saveTransfers.input.idempotencyKey",
}

// probes has an operation for each place where a client can name an object. What an
// operation needs besides comes in the other variables.
var probes = map[string]probe{
	"Query.node.id":   {`query($id: ID!) { node(id: $id) { __typename id } }`, ent.KindOrder},
	"Query.nodes.ids": {`query($id: ID!) { nodes(ids: [$id]) { __typename id } }`, ent.KindContract},

	"Query.quotes.where.search":   {`query($id: String!) { quotes(first: 100, where: {search: $id}) { totalCount nodes { state } } }`, "quote number"},
	"Query.quotes.where.tenantId": {`query($id: ID!) { quotes(first: 100, where: {tenantId: $id}) { totalCount nodes { number } } }`, ent.KindTenant},
	"Mutation.createQuote.input.tenantId": {`mutation($id: ID!) { createQuote(input: {tenantId: $id, validUntil: "2020-01-01", recipientEmail: "a@b.example"}) { quote { number }
		errors { code field message } } }`, ent.KindTenant},
	// With an empty cart there is nothing to offer.
	"Mutation.createQuote.input.idempotencyKey": {`mutation($id: String!, $tenant: ID!, $clear: Boolean = false) { clearCart @include(if: $clear) { errors { code } } createQuote(input: {tenantId: $tenant, validUntil: "2026-12-31", recipientEmail: "a@b.example",
		idempotencyKey: $id}) { quote { number } errors { code field message } } }`, "key"},
	"Mutation.acceptQuote.input.quoteId": {`mutation($id: ID!) { acceptQuote(input: {quoteId: $id, name: "Eva", email: "a@b.example", idempotencyKey: "q"}) { order { state }
		errors { code field message } } }`, ent.KindQuote},
	"Mutation.declineQuote.input.quoteId": {`mutation($id: ID!) { declineQuote(input: {quoteId: $id}) { quote { state } errors { code field message } } }`, ent.KindQuote},
	// A key of an acceptance counts for its quote alone.
	"Mutation.acceptQuote.input.idempotencyKey": {`mutation($id: String!) { acceptQuote(input: {token: "t", name: "Eva", email: "a@b.example", idempotencyKey: $id}) { order { state }
		errors { code field message } } }`, "key"},

	"Mutation.approveOrder.input.orderId":   {`mutation($id: ID!) { approveOrder(input: {orderId: $id}) { order { state } errors { code field message } } }`, ent.KindOrder},
	"Mutation.rejectOrder.input.orderId":    {`mutation($id: ID!) { rejectOrder(input: {orderId: $id, reason: "x"}) { order { state } errors { code field message } } }`, ent.KindOrder},
	"Mutation.withdrawOrder.input.orderId":  {`mutation($id: ID!) { withdrawOrder(input: {orderId: $id}) { order { state } errors { code field message } } }`, ent.KindOrder},
	"Mutation.notifyApprover.input.orderId": {`mutation($id: ID!) { notifyApprover(input: {orderId: $id, text: "x"}) { order { state } errors { code field message } } }`, ent.KindOrder},
	"Mutation.saveApprovalRule.input.id": {`mutation($id: ID!, $colleague: ID!) {
		saveApprovalRule(input: {id: $id, name: "x", approverIds: [$colleague]}) { rule { name } errors { code field message } } }`, ent.KindApprovalRule},
	"Mutation.saveApprovalRule.input.approverIds": {`mutation($id: ID!) {
		saveApprovalRule(input: {name: "x", above: "99999999", approverIds: [$id]}) { rule { name } errors { code field message } } }`, ent.KindUser},
	"Mutation.deleteApprovalRule.input.id": {`mutation($id: ID!) { deleteApprovalRule(input: {id: $id}) { deletedId errors { code field message } } }`, ent.KindApprovalRule},

	"Mutation.addCartItemsFromCsv.input.csv": {`mutation($id: String!) { addCartItemsFromCsv(input: {csv: $id}) {
		added cart { items { quantity product { name } } } errors { code field } } }`, "csv"},
	"Mutation.loadSavedCart.input.id":   {`mutation($id: ID!) { loadSavedCart(input: {id: $id}) { cart { items { quantity } } replaced { itemCount } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.updateSavedCart.input.id": {`mutation($id: ID!) { updateSavedCart(input: {id: $id, shared: true}) { savedCart { name shared } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.deleteSavedCart.input.id": {`mutation($id: ID!) { deleteSavedCart(input: {id: $id}) { deletedId errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.orderSavedCart.input.id": {`mutation($id: ID!) { orderSavedCart(input: {id: $id, idempotencyKey: "by cart", expectedGross: "0.01"}) {
		order { number } errors { code field message } } }`, ent.KindSavedCart},
	"Mutation.orderSavedCart.input.idempotencyKey": {`mutation($id: String!) { orderSavedCart(input: {id: "svc_none", idempotencyKey: $id}) {
		order { number } errors { code field message } } }`, "saved key"},
	"Mutation.reorderToCart.input.orderId": {`mutation($id: ID!) { reorderToCart(input: {orderId: $id}) { cart { items { quantity } } errors { code field message } } }`, ent.KindOrder},

	"Subscription.orderChanged.orderId": {`subscription($id: ID!) { orderChanged(orderId: $id) { number } }`, ent.KindOrder},

	"Mutation.endSessions.input.ids": {`mutation($id: ID!) { endSessions(input: {ids: [$id]}) { sessions { current } errors { code field message } } }`, "ses"},
	"Mutation.addCartItems.input.items.deliveryAddressId": {`mutation($id: ID!, $sku: String!) {
		addCartItems(input: {items: [{sku: $sku, quantity: "1000", deliveryAddressId: $id}]}) { cart { items { quantity } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.addCartItems.input.items.sku": {`mutation($id: String!) {
		addCartItems(input: {items: [{sku: $id, quantity: "1000"}]}) { cart { items { quantity product { name price { amount } } } } errors { code field message } } }`, "sku"},
	"Mutation.updateCartItem.input.itemId": {`mutation($id: ID!) {
		updateCartItem(input: {itemId: $id}) { cart { items { quantity product { name } } } errors { code field message } } }`, ent.KindCartItem},
	"Mutation.updateCartItem.input.deliveryAddressId": {`mutation($id: ID!, $own: ID!) {
		updateCartItem(input: {itemId: $own, deliveryAddressId: $id}) { cart { items { deliveryAddress { street } } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.removeCartItems.input.itemIds": {`mutation($id: ID!) {
		removeCartItems(input: {itemIds: [$id]}) { cart { items { quantity product { name } } } errors { code field message } } }`, ent.KindCartItem},
	"Mutation.updateCart.input.contractId": {`mutation($id: ID!) {
		updateCart(input: {contractId: $id}) { cart { contract { number positions { openQuantity } } } errors { code field message } } }`, ent.KindContract},
	"Mutation.updateCart.input.deliveryAddressId": {`mutation($id: ID!) {
		updateCart(input: {deliveryAddressId: $id}) { cart { deliveryAddress { street } } errors { code field message } } }`, ent.KindAddress},
	"Mutation.saveAddress.input.id": {`mutation($id: ID!) {
		saveAddress(input: {id: $id, street: "Kai 1", postalCode: "20457", city: "Hamburg", isDefault: true}) { address { id city } errors { code field message } } }`, ent.KindAddress},
	"Mutation.deleteAddress.input.id": {`mutation($id: ID!) { deleteAddress(input: {id: $id}) { deletedId errors { code field message } } }`, ent.KindAddress},
	"Mutation.saveAccountAssignment.input.id": {`mutation($id: ID!) {
		saveAccountAssignment(input: {id: $id, costCentre: "1", isDefault: true}) { accountAssignment { id costCentre } errors { code field message } } }`, ent.KindSavedAssignment},
	"Mutation.placeOrder.input.contractId": {`mutation($id: ID!) {
		placeOrder(input: {idempotencyKey: "by contract", businessCase: ADDITIONAL_ORDER, contractId: $id}) { order { state } errors { code field message } } }`, ent.KindContract},
	"Mutation.placeOrder.input.details.customerNumber": {`mutation($id: String!) {
		placeOrder(input: {idempotencyKey: "by number", expectedGross: "0.01", details: {customerNumber: $id}}) { order { state } errors { code field message } } }`, "customer number"},
	"Mutation.advanceOrder.input.orderId": {`mutation($id: ID!) { advanceOrder(input: {orderId: $id, to: ERROR, note: "x"}) { order { state } errors { code field message } } }`, ent.KindOrder},
	"Mutation.retryOrder.input.orderId":   {`mutation($id: ID!) { retryOrder(input: {orderId: $id}) { order { state } errors { code field message } } }`, ent.KindOrder},
	// The amount is never that of the cart, so that nothing is ordered.
	"Mutation.placeOrder.input.idempotencyKey": {`mutation($id: String!) {
		placeOrder(input: {idempotencyKey: $id, expectedGross: "0.01"}) { order { number } errors { code field message } } }`, "key"},

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
	"Mutation.inviteCompany.input.parentId": {`mutation($id: ID!) { inviteCompany(input: {company: {name: "Neu"}, email: "eva@neu.example", organizationId: "NEU",
		parentId: $id}) { tenant { name } errors { code field message } } }`, ent.KindTenant},
	"Mutation.updateTenantSettings.input.tenantId":       {`mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id}) { tenant { name } errors { code field message } } }`, ent.KindTenant},
	"Mutation.actFor.input.tenantId":                     {`mutation($id: ID!) { actFor(input: {tenantId: $id}) { viewer { actingFor { name } } errors { code field message } } }`, ent.KindTenant},
	"Query.tenants.where.search":                         {`query($id: String!) { tenants(first: 100, where: {search: $id}) { totalCount nodes { name } } }`, "company"},
	"Mutation.issueOneTimePassword.input.customerNumber": {`mutation($id: String!) { issueOneTimePassword(input: {customerNumber: $id}) { customerNumber { number } errors { code field message } } }`, "customer number"},
	"Mutation.issueOneTimePassword.input.tenantId": {`mutation($id: ID!, $number: String!) { issueOneTimePassword(input: {customerNumber: $number, tenantId: $id}) {
		customerNumber { number } errors { code field message } } }`, ent.KindTenant},
	"Mutation.setContractRights.input.userId": {`mutation($id: ID!, $contract: ID!) { setContractRights(input: {userId: $id, contractId: $contract, rights: [VIEW]}) { user { lastName }
		errors { code field message } } }`, ent.KindUser},
	"Mutation.setContractRights.input.contractId": {`mutation($id: ID!, $colleague: ID!) { setContractRights(input: {userId: $colleague, contractId: $id, rights: [VIEW]}) { user { lastName }
		errors { code field message } } }`, ent.KindContract},
	"Query.explainRight.userId":     {`query($id: ID!, $contract: ID!) { explainRight(userId: $id, contractId: $contract, right: VIEW) { allowed paths { kind via { username } } } }`, ent.KindUser},
	"Query.explainRight.contractId": {`query($id: ID!, $colleague: ID!) { explainRight(userId: $colleague, contractId: $id, right: VIEW) { allowed paths { kind via { username } } } }`, ent.KindContract},
	// The name of a target is a secret of whoever found it.
	"Mutation.connectCustomerNumber.input.customerNumber": {`mutation($id: String!, $letter: String!) { connectCustomerNumber(input: {customerNumber: $id, oneTimePassword: $letter}) {
		customerNumber { id } errors { code field message } } }`, "customer number"},
	"Query.transferTarget.input.customerNumber":   {`query($id: String!, $email: String!) { transferTarget(input: {email: $email, customerNumber: $id, line: GENERAL}) { displayName } }`, "customer number"},
	"Mutation.saveTransfers.input.targetId":       {`mutation($id: ID!) { saveTransfers(input: {targetId: $id, idempotencyKey: "t"}) { granted { contract { id } } errors { code field message } } }`, "target"},
	"Mutation.saveTransfers.input.grant":          {`mutation($id: ID!, $target: ID!) { saveTransfers(input: {targetId: $target, grant: [$id], idempotencyKey: "g"}) { granted { contract { id } } errors { code field message } } }`, ent.KindContract},
	"Mutation.saveTransfers.input.revoke":         {`mutation($id: ID!, $target: ID!) { saveTransfers(input: {targetId: $target, revoke: [$id], idempotencyKey: "r"}) { revoked { contract { id } } errors { code field message } } }`, ent.KindContract},
	"Mutation.saveTransfers.input.idempotencyKey": {`mutation($id: String!, $target: ID!) { saveTransfers(input: {targetId: $target, idempotencyKey: $id}) { granted { contract { id } } errors { code field message } } }`, "key"},
	// A secret that names a login, and a form that never tells what there is.
	"Mutation.answerChallenge.input.challengeId": {`mutation($id: ID!) { answerChallenge(input: {challengeId: $id, code: "123456"}) { token errors { code field message } } }`, "challenge"},
	"Mutation.register.input.customerNumber": {`mutation($id: String!) { register(input: {company: "Neu", customerNumber: $id, firstName: "Eva", lastName: "Neu",
		email: "eva@neu.example"}) { accepted errors { code field message } } }`, "customer number"},
	"Query.auditLog.where.actorId":   {`query($id: ID!) { auditLog(first: 100, where: {actorId: $id}) { totalCount nodes { action subject { label } } } }`, ent.KindUser},
	"Query.auditLog.where.subjectId": {`query($id: ID!) { auditLog(first: 100, where: {subjectId: $id}) { totalCount nodes { action subject { label } } } }`, ent.KindUser},
	"Query.users.where.search":       {`query($id: String!) { users(first: 100, where: {search: $id}) { totalCount nodes { lastName } } }`, "user name"},
	"Query.users.where.tenantId":     {`query($id: ID!) { users(first: 100, where: {tenantId: $id}) { totalCount nodes { lastName } } }`, ent.KindTenant},

	"Query.telephonyUserOrder.id":            {`query($id: ID!) { telephonyUserOrder(id: $id) { customer { portfolio } choices { terms } } }`, ent.KindWizard},
	"Query.telephonyUsers.where.search":      {`query($id: String!) { telephonyUsers(first: 100, where: {search: $id}) { totalCount nodes { state } } }`, "telephony user"},
	"Query.telephonyUsers.where.tenantId":    {`query($id: ID!) { telephonyUsers(first: 100, where: {tenantId: $id}) { totalCount nodes { state } } }`, ent.KindTenant},
	"Mutation.linkSim.input.telephonyUserId": {`mutation($id: ID!) { linkSim(input: {telephonyUserId: $id, lastFour: "x"}) { telephonyUser { state } errors { code field message } } }`, ent.KindTelephonyUser},
	"Mutation.linkSim.input.simId": {`mutation($id: ID!, $telephony: ID!) { linkSim(input: {telephonyUserId: $telephony, simId: $id}) {
		telephonyUser { sim { lastFour } } errors { code field message } } }`, ent.KindSimCard},
	"Mutation.addInvoiceItems.input.telephonyUserId": {`mutation($id: ID!) { addInvoiceItems(input: {telephonyUserId: $id, items: [{label: "", amount: "1"}]}) {
		telephonyUser { state } errors { code field message } } }`, ent.KindTelephonyUser},
	"Mutation.startTelephonyUserOrder.input.tenantId": {`mutation($id: ID!) { startTelephonyUserOrder(input: {tenantId: $id, startDate: "2020-01-01"}) {
		wizard { id } errors { code field message } } }`, ent.KindTenant},
	"Mutation.setTelephonyUserOrderStep.input.wizardId": {`mutation($id: ID!) { setTelephonyUserOrderStep(input: {wizardId: $id, createInvoiceItems: true}) {
		wizard { customer { portfolio } } errors { code field message } } }`, ent.KindWizard},
	"Mutation.setTelephonyUserOrderStep.input.endUser.id": {`mutation($id: ID!, $wizard: ID!) { setTelephonyUserOrderStep(input: {wizardId: $wizard, endUser: {id: $id}}) {
		wizard { endUser { username } } errors { code field message } } }`, ent.KindEndUser},
	"Mutation.setTelephonyUserOrderStep.input.sim.productSku": {`mutation($id: String!, $wizard: ID!) { setTelephonyUserOrderStep(input: {wizardId: $wizard, sim: {productSku: $id, mode: LINK_LATER}}) {
		wizard { sim { product { name } } } errors { code field message } } }`, "sku"},
	"Mutation.setTelephonyUserOrderStep.input.sim.simId": {`mutation($id: ID!, $wizard: ID!, $sku: String!) { setTelephonyUserOrderStep(input: {wizardId: $wizard, sim: {productSku: $sku, mode: ACTIVATE_NOW, simId: $id}}) {
		wizard { sim { lastFour } } errors { code field message } } }`, ent.KindSimCard},
	"Mutation.setTelephonyUserOrderStep.input.number.numberId": {`mutation($id: ID!, $wizard: ID!) { setTelephonyUserOrderStep(input: {wizardId: $wizard, number: {kind: NEW, numberId: $id}}) {
		wizard { number { kind number } } errors { code field message } } }`, ent.KindPhoneNumber},
	"Mutation.setTelephonyUserOrderStep.input.number.number": {`mutation($id: String!, $wizard: ID!) { setTelephonyUserOrderStep(input: {wizardId: $wizard, number: {kind: PORT_IN, number: $id, provider: "x"}}) {
		wizard { number { kind number } } errors { code field message } } }`, "phone number"},
	"Mutation.submitTelephonyUserOrder.input.wizardId": {`mutation($id: ID!) { submitTelephonyUserOrder(input: {wizardId: $id, idempotencyKey: "w"}) { order { number }
		errors { code field message } } }`, ent.KindWizard},
	"Mutation.submitTelephonyUserOrder.input.idempotencyKey": {`mutation($id: String!, $wizard: ID!) { submitTelephonyUserOrder(input: {wizardId: $wizard, idempotencyKey: $id}) { order { number }
		errors { code field message } } }`, "key"},
	"Mutation.abandonTelephonyUserOrder.input.wizardId": {`mutation($id: ID!) { abandonTelephonyUserOrder(input: {wizardId: $id}) { errors { code field message } } }`, ent.KindWizard},

	"Query.product.sku":                {`query($id: String!) { product(sku: $id) { id name price { amount } } }`, "sku"},
	"Query.orderReceipt.number":        {`query($id: String!) { orderReceipt(number: $id) { order { id gross { amount } } sentTo } }`, "order number"},
	"Query.order.number":               {`query($id: String!) { order(number: $id) { id gross { amount } } }`, "order number"},
	"Query.contract.number":            {`query($id: String!) { contract(number: $id) { id tenant { name } } }`, "contract number"},
	"Query.orders.where.tenantId":      {`query($id: ID!) { orders(first: 100, where: {tenantId: $id}) { totalCount nodes { number } } }`, ent.KindTenant},
	"Query.conversionAccount.tenantId": {`query($id: ID!) { conversionAccount(tenantId: $id) { alloyGroups { code balance } } }`, ent.KindTenant},
	"Query.contracts.where.tenantId":   {`query($id: ID!) { contracts(first: 100, where: {tenantId: $id}) { totalCount nodes { number } } }`, ent.KindTenant},
	"Tenant.users.where.search":        {`query($id: String!) { viewer { tenant { users(first: 20, where: {search: $id}) { totalCount nodes { lastName } } } } }`, "user name"},
	"Tenant.users.where.tenantId":      {`query($id: ID!) { viewer { tenant { users(first: 20, where: {tenantId: $id}) { totalCount nodes { lastName } } } } }`, ent.KindTenant},
	"Tenant.orders.where.search":       {`query($id: String!) { viewer { tenant { orders(first: 20, where: {search: $id}) { totalCount nodes { state } } } } }`, "order number"},
	"Tenant.orders.where.contractId":   {`query($id: ID!) { viewer { tenant { orders(first: 20, where: {contractId: $id}) { totalCount nodes { number } } } } }`, ent.KindContract},
	"Tenant.orders.where.tenantId":     {`query($id: ID!) { viewer { tenant { orders(first: 20, where: {tenantId: $id}) { totalCount nodes { number } } } } }`, ent.KindTenant},
	"Tenant.contracts.where.search":    {`query($id: String!) { viewer { tenant { contracts(first: 20, where: {search: $id}) { totalCount nodes { state } } } } }`, "contract number"},
	"Tenant.contracts.where.tenantId":  {`query($id: ID!) { viewer { tenant { contracts(first: 20, where: {tenantId: $id}) { totalCount nodes { number } } } } }`, ent.KindTenant},
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
		"title", "firstName", "lastName", "phone", "mobile", "email", "newEmail", "newUsername", "currency", "mandatoryContactFields", "recipientEmail",
		"emailDomain", "organizationId", // of a new company
		"buyer",                                                               // of an operator's catalogue, who may import for all its companies
		"note", "reason", "text", "provider", "portNumbers", "contractNumber", // about an order; the last names a contract of its own company
		"action",                                                            // of the audit log, the same for all
		"token", "deviceToken", "code", "activationCode", "oneTimePassword", // secrets, which name nothing that could be guessed
		"accessNumber", "state", "iss", // of the customer centre, which is asked about them
		"portfolio", "reference", "voiceSku", "dataSku", "smsSku", "skus", "ofProduct", // of the wizard's own portfolio: what is not in it does not fit, whether it is there or not
		"prefix", "lastFour", "extension", "pin", "areaCode", "ending", // of its own company
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
		if definition.Kind != ast.Object || strings.HasPrefix(definition.Name, "__") {
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
