package server_test

import (
	"net/http"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// The main job, as a frontend does it with the clients' own operations: log in, see
// products at one's own prices, fill a cart, order; and nobody of another company
// can see or touch it.
//
// Requirement: ID-01
// Requirement: AC-01
// Requirement: CA-01
// Requirement: CA-02
// Requirement: OR-01
// Requirement: OR-09
func TestFromLoginToAPlacedOrder(t *testing.T) {
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserOf(t, k)
		login := browser.Operation(t, "spa/session", "Login", servertest.Vars{"input": map[string]any{
			"username": "martha.hansen", "password": servertest.DemoPassword, "organization": "HANSA", "transport": "COOKIE",
		}}).OK(t)
		if login.Get("login.token") != nil {
			t.Error("a browser was given its token in the answer")
		}
		if got := login.String(t, "login.viewer.tenant.organizationId"); got != "HANSA" {
			t.Errorf("logged in for %s", got)
		}
		browser.Operation(t, "spa/session", "Me", nil).OK(t)

		products := browser.Operation(t, "spa/catalog", "Products", servertest.Vars{"first": 5, "where": map[string]any{"search": "Tischtelefone"}}).OK(t)
		sku := products.String(t, "products.nodes.0.sku")
		price := products.String(t, "products.nodes.0.price.amount")
		browser.Operation(t, "spa/catalog", "Product", servertest.Vars{"sku": sku}).OK(t)
		browser.Operation(t, "spa/catalog", "Categories", nil).OK(t)

		added := browser.Operation(t, "spa/cart", "AddCartItems", servertest.Vars{"input": map[string]any{
			"items": []any{map[string]any{"sku": sku, "quantity": "1", "wishedDate": "2026-12-01"}},
		}}).OK(t)
		if got := added.String(t, "addCartItems.cart.items.0.unitPrice.amount"); got != price {
			t.Errorf("the cart says %s, the list %s", got, price)
		}
		named := browser.Operation(t, "spa/cart", "UpdateCart", servertest.Vars{"input": map[string]any{
			"name": "Neue Arbeitsplätze", "customerOrderNumber": "B-4711", "accountAssignment": map[string]any{"costCentre": "4711"},
		}}).OK(t)
		gross := named.String(t, "updateCart.cart.gross.amount")

		placed := browser.Operation(t, "spa/orders", "PlaceOrder", servertest.Vars{"input": map[string]any{
			"idempotencyKey": "story", "expectedGross": gross,
		}}).OK(t)
		number, id := placed.String(t, "placeOrder.order.number"), placed.String(t, "placeOrder.order.id")
		if got := placed.String(t, "placeOrder.order.gross.amount"); got != gross {
			t.Errorf("ordered for %s, seen %s", got, gross)
		}
		if cart := browser.Operation(t, "spa/cart", "CurrentCart", nil).OK(t); len(cart.List(t, "cart.items")) != 0 {
			t.Error("the cart is not empty after the order")
		}
		orders := browser.Operation(t, "spa/orders", "Orders", servertest.Vars{"first": 3}).OK(t)
		if got := orders.String(t, "orders.nodes.0.number"); got != number {
			t.Errorf("the newest order is %s, want %s", got, number)
		}
		order := browser.Operation(t, "spa/orders", "Order", servertest.Vars{"number": number}).OK(t)
		if got := order.String(t, "order.items.0.accountAssignment.costCentre"); got != "4711" {
			t.Errorf("the cost centre is %s", got)
		}
		if got := order.String(t, "order.items.0.deliveryAddress.city"); got != "Hamburg" {
			t.Errorf("it goes to %s, want the default address", got)
		}

		stranger := k.As(t, "maik.alster")
		if got := stranger.Operation(t, "spa/orders", "Order", servertest.Vars{"number": number}).OK(t).Get("order"); got != nil {
			t.Errorf("another company sees the order: %v", got)
		}
		foreign := stranger.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": id})
		if foreign.Code() != "NOT_FOUND" {
			t.Errorf("another company asks for the order by its ID: %s", foreign.Body)
		}

		browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		if after := browser.Operation(t, "spa/session", "Me", nil); after.Code() != "UNAUTHENTICATED" || after.Status != http.StatusUnauthorized {
			t.Errorf("after the logout: %d %s", after.Status, after.Body)
		}
	})
}

// Log in on one replica, work on the other, log out on the first: the other one
// refuses at once. What a user may do changes on both with the next request.
//
// Requirement: ID-02
// Case: AUTH-09
func TestTwoReplicasAreOne(t *testing.T) {
	t.Parallel()
	one := servertest.Start(t, servertest.Backends[1])
	two := one.Replica(t)
	gerd := one.As(t, "gerd.grau")
	if answer := gerd.On(two).Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 5, "format": "CSV"}).OK(t); answer.Get("contracts.totalCount") != float64(40) {
		t.Fatalf("the general user sees %v contracts", answer.Get("contracts.totalCount"))
	}
	if _, err := one.SQL(t).ExecContext(t.Context(), `DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE username = 'gerd.grau')`); err != nil {
		t.Fatal(err)
	}
	for _, replica := range []*servertest.Kontor{one, two} {
		answer := gerd.On(replica).Do(t, `{ contracts(first: 5) { totalCount } }`, nil).OK(t)
		if answer.Get("contracts.totalCount") != float64(0) {
			t.Errorf("without its role the user still sees %v contracts", answer.Get("contracts.totalCount"))
		}
	}
	gerd.Operation(t, "spa/session", "Logout", nil).OK(t)
	for _, replica := range []*servertest.Kontor{two, one} {
		if answer := gerd.On(replica).Operation(t, "spa/session", "Me", nil); answer.Code() != "UNAUTHENTICATED" {
			t.Errorf("after the logout: %s", answer.Body)
		}
	}
}

// browserOf is a client that keeps cookies and says where it comes from.
func browserOf(t *testing.T, k *servertest.Kontor) *servertest.Client {
	t.Helper()
	c := k.Anonymous()
	c.HTTP = &http.Client{Jar: &jar{}}
	c.Header["Origin"] = "http://" + strings.TrimPrefix(k.URL, "http://")
	c.Header["Sec-Fetch-Site"] = "same-origin"
	return c
}
