package server_test

import (
	"testing"

	"kontor/server/servertest"
)

// An agent that sends an order for a customer twice gets the same order, and the same key
// for another customer, or for itself, is another one.
//
// Requirement: AC-02
// Requirement: OR-01
// Case: AUTHZ-14
func TestOrderingAgainWhileActing(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		paul := shopperAs(t, k, "paul.lang")
		same := map[string]any{"idempotencyKey": "the same"}
		numbers := map[string]bool{}
		for _, organization := range []string{"HANSA", "ALSTER"} {
			actFor(t, paul.Client, tenantID(t, d, organization)).OK(t)
			paul.add(item("TEL-DT-0102", "1")).OK(t)
			first := paul.place(same).OK(t).String(t, "placeOrder.order.number")
			if again := paul.place(same).OK(t).String(t, "placeOrder.order.number"); again != first {
				t.Errorf("%s: sent again it is the order %s, not %s", organization, again, first)
			}
			paul.add(item("TEL-DT-0102", "2")).OK(t)
			if again := paul.place(same).OK(t).String(t, "placeOrder.order.number"); again != first || len(paul.lines()) != 1 {
				t.Errorf("%s: with something new in the cart it is the order %s, not %s", organization, again, first)
			}
			if got := faultsOf(t, paul.place(map[string]any{"idempotencyKey": "the same", "expectedGross": "1.00"}), "placeOrder"); len(got) != 1 || got[0] != "IDEMPOTENCY_KEY_REUSED idempotencyKey" {
				t.Errorf("%s: with another input: %v", organization, got)
			}
			numbers[first] = true
		}
		actFor(t, paul.Client, "").OK(t)
		if got := faultsOf(t, paul.place(same), "placeOrder"); len(got) != 1 || got[0] != "CART_EMPTY" {
			t.Errorf("for itself: %v", got)
		}
		if len(numbers) != 2 {
			t.Errorf("the orders are %v", numbers)
		}
	})
}
