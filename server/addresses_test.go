package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// Saved addresses and account assignments: one default at most, proposed for a new
// cart; a deleted address leaves the cart.
//
// Requirement: CA-04
func TestSavedAddressesAndAssignments(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		moritz, gerd := shopperAs(t, k, "moritz.hansen"), shopperAs(t, k, "gerd.grau")
		save := func(more map[string]any) *servertest.Answer {
			input := map[string]any{"street": "Kai 1", "postalCode": "20457", "city": "Hamburg"}
			for name, value := range more {
				input[name] = value
			}
			return moritz.do("SaveAddress", input)
		}
		one := save(map[string]any{"label": "Eins", "isDefault": true}).OK(t).String(t, "saveAddress.address.id")
		two := save(map[string]any{"label": "Zwei", "isDefault": true}).OK(t).String(t, "saveAddress.address.id")
		save(map[string]any{"label": "Drei"}).OK(t)
		moritz.do("SaveAccountAssignment", map[string]any{"costCentre": "1", "isDefault": true}).OK(t)
		second := moritz.do("SaveAccountAssignment", map[string]any{"label": "Zweite", "costCentre": "2", "plant": "W", "isDefault": true}).OK(t)
		kept := func() string {
			answer := moritz.Operation(t, "spa/cart", "MyAddresses", nil).OK(t)
			var all []string
			for _, list := range []string{"addresses", "accountAssignments"} {
				for i := range answer.List(t, "viewer."+list) {
					at := fmt.Sprintf("viewer.%s.%d.", list, i)
					all = append(all, fmt.Sprint(answer.Get(at+"label"), answer.Get(at+"isDefault")))
				}
			}
			return strings.Join(all, " ")
		}
		if got := kept(); got != "Zweitrue Dreifalse Einsfalse Zweitetrue 1false" {
			t.Errorf("saved are %s", got)
		}
		cart := moritz.cart()
		moritz.add(item("TEL-DT-0101", "1"), item("TEL-DT-0101", "1", "deliveryAddressId", one)).OK(t)
		if cart.String(t, "cart.accountAssignment.plant") != "W" || moritz.cart().String(t, "cart.items.0.deliveryAddress.id") != two {
			t.Errorf("the defaults are not in the new cart: %s", moritz.cart().Body)
		}
		// Changing one makes it the default instead of the other.
		save(map[string]any{"id": one, "label": "Eins", "isDefault": true, "street": "Kai 11"}).OK(t)
		moritz.do("SaveAccountAssignment", map[string]any{"id": second.Get("saveAccountAssignment.accountAssignment.id"), "label": "Zweite", "costCentre": "22", "isDefault": false}).OK(t)
		if got := kept(); got != "Einstrue Dreifalse Zweifalse 1false Zweitefalse" {
			t.Errorf("after the change saved are %s", got)
		}
		if got := moritz.cart().String(t, "cart.items.1.deliveryAddress.street"); got != "Kai 11" {
			t.Errorf("the cart still goes to %s", got)
		}
		if deleted := moritz.do("DeleteAddress", map[string]any{"id": one}).OK(t); deleted.Get("deleteAddress.deletedId") != one {
			t.Errorf("deleted %s", deleted.Body)
		}
		if got := moritz.cart().Get("cart.items.1.deliveryAddress.id"); got != two {
			t.Errorf("a position of a deleted address goes to %v, want the cart's", got)
		}
		moritz.do("DeleteAddress", map[string]any{"id": two}).OK(t)
		if got := moritz.cart().Get("cart.items.0.deliveryAddress"); got != nil {
			t.Errorf("the cart goes to a deleted address: %v", got)
		}
		for name, each := range map[string]struct {
			operation, field string
			input            map[string]any
			by               shopper
			want             []string
		}{
			"deleted already":    {"DeleteAddress", "deleteAddress", map[string]any{"id": one}, moritz, []string{"ADDRESS_UNKNOWN id"}},
			"deleted, changed":   {"SaveAddress", "saveAddress", map[string]any{"id": one, "street": "s", "postalCode": "1", "city": "c"}, moritz, []string{"ADDRESS_UNKNOWN id"}},
			"another user's":     {"DeleteAddress", "deleteAddress", map[string]any{"id": two}, gerd, []string{"ADDRESS_UNKNOWN id"}},
			"blank":              {"SaveAddress", "saveAddress", map[string]any{"street": " ", "postalCode": "", "city": "\t"}, moritz, []string{"VALUE_REQUIRED street", "VALUE_REQUIRED postalCode", "VALUE_REQUIRED city"}},
			"country":            {"SaveAddress", "saveAddress", map[string]any{"street": "s", "postalCode": "1", "city": "c", "country": "de"}, moritz, []string{"COUNTRY_INVALID country"}},
			"control characters": {"SaveAddress", "saveAddress", map[string]any{"street": "a\tb", "postalCode": "1", "city": "c"}, moritz, []string{"VALUE_INVALID street"}},
			"long":               {"SaveAddress", "saveAddress", map[string]any{"street": strings.Repeat("s", 101), "postalCode": strings.Repeat("1", 21), "city": "c"}, moritz, []string{"VALUE_TOO_LONG street", "VALUE_TOO_LONG postalCode"}},
			"empty assignment":   {"SaveAccountAssignment", "saveAccountAssignment", map[string]any{"label": "x"}, moritz, []string{"VALUE_REQUIRED costCentre"}},
			"foreign assignment": {"SaveAccountAssignment", "saveAccountAssignment", map[string]any{"id": second.Get("saveAccountAssignment.accountAssignment.id"), "costCentre": "1"}, gerd, []string{"ASSIGNMENT_UNKNOWN id"}},
		} {
			if got := faultsOf(t, each.by.do(each.operation, each.input), each.field); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
	})
}
