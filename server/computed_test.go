package server_test

import (
	"fmt"
	"reflect"
	"testing"

	"kontor/server/servertest"
)

// A field that is computed of columns is the same whether it is asked for alone or
// with everything else: what it is computed of is loaded with it.
//
// Requirement: OR-09
// Requirement: CO-01
func TestComputedFieldsAloneAndTogether(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, malte := k.As(t, "martha.hansen"), k.As(t, "malte.brandt")
		number := martha.Do(t, `{ orders(first: 1) { nodes { number } } }`, nil).OK(t).List(t, "orders.nodes")[0].(map[string]any)["number"]
		for _, each := range []struct {
			viewer *servertest.Client
			around string // what the fields stand in
			object string // path of the object that has them
			fields []string
		}{
			{martha, fmt.Sprintf(`{ order(number: %q) { %%s } }`, number), "order",
				[]string{"net { amount currency }", "tax { amount currency }", "gross { amount currency }", "stateDescription"}},
			{martha, fmt.Sprintf(`{ order(number: %q) { items { %%s } } }`, number), "order.items",
				[]string{"product { sku name }", "unitPrice { amount currency }", "lineTotal { amount currency }"}},
			{malte, `{ contract(number: "RV-300001") { %s } }`, "contract", []string{"openQuantity"}},
			{malte, `{ contract(number: "RV-300001") { positions { %s } } }`, "contract.positions",
				[]string{"openQuantity", "price { amount currency }"}},
		} {
			all := ""
			for i, field := range each.fields {
				all += fmt.Sprintf(" f%d: %s", i, field)
			}
			together := each.viewer.Do(t, fmt.Sprintf(each.around, "id __typename myself: id"+all), nil).OK(t).Get(each.object)
			for i, field := range each.fields {
				name := fmt.Sprintf("f%d", i)
				alone := each.viewer.Do(t, fmt.Sprintf(each.around, name+": "+field), nil).OK(t).Get(each.object)
				want, got := only(together, name), only(alone, name)
				if !reflect.DeepEqual(want, got) || want == nil {
					t.Errorf("%s alone is %v, with everything else %v", field, got, want)
				}
			}
		}
		// With everything there is nothing to compute wrongly: the sums of the demo data are not zero.
		gross := martha.Do(t, fmt.Sprintf(`{ order(number: %q) { gross { amount currency } } }`, number), nil).OK(t)
		if amount, currency := gross.Get("order.gross.amount"), gross.Get("order.gross.currency"); amount == "0.00" || currency != "EUR" {
			t.Errorf("the order costs %v %v", amount, currency)
		}
	})
}

// only is one field of an object, or of each object of a list.
func only(from any, field string) any {
	switch of := from.(type) {
	case map[string]any:
		return of[field]
	case []any:
		var all []any
		for _, each := range of {
			all = append(all, only(each, field))
		}
		return all
	default:
		return nil
	}
}
