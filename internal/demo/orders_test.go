package demo

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"kontor/internal/erp"
)

var now = time.Date(2026, time.November, 23, 10, 30, 0, 0, time.UTC)

func ordersAt(t *testing.T, at time.Time) []Order {
	t.Helper()
	orders, err := Orders(at)
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

// Requirement: OR-09
func TestOrdersAreWhatTheTenantsDo(t *testing.T) {
	t.Parallel()
	users := keys(t, erp.Users, "organization_id", "username")
	contracts := map[string]bool{}
	for _, c := range texts(t, erp.Contracts, "organization_id", "number") {
		contracts[c[0]+" "+c[1]] = true
	}
	counts, states, channels, cases := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range ordersAt(t, now) {
		counts[o.OrganizationID]++
		states[o.State]++
		channels[o.Channel]++
		cases[o.BusinessCase]++
		if !users[o.OrganizationID+" "+o.Username] || o.Username == "anna.abel" || o.Username == "susi.stein" {
			t.Errorf("%s was placed by %s, who cannot order", o.Number, o.Username)
		}
		if about := o.BusinessCase != "NEW_ORDER"; about != (o.ContractNumber != "") || about && !contracts[o.OrganizationID+" "+o.ContractNumber] {
			t.Errorf("%s is a %s about contract %q", o.Number, o.BusinessCase, o.ContractNumber)
		}
		if (o.State == "IN_PROGRESS" || o.State == "PENDING_APPROVAL") != o.SettledAt.IsZero() || (o.State == "ERROR") != (o.Note != "") || o.CustomerOrderNumber == "" {
			t.Errorf("%s does not hang together: %+v", o.Number, o)
		}
	}
	if !maps.Equal(counts, map[string]int{"HANSA": 60, "ALSTER": 25, "BRANDT": 30}) {
		t.Errorf("orders by tenant: %v", counts)
	}
	if states["ERROR"] != 1 || states["IN_PROGRESS"] < 3 || states["COMPLETED"] < 100 || states["PENDING_APPROVAL"] != 1 || len(states) != 4 {
		t.Errorf("orders by state: %v", states)
	}
	if channels["ONLINE"] < 75 || channels["PHONE"] < 5 || channels["PAPER"] < 5 || len(channels) != 3 {
		t.Errorf("orders by channel: %v", channels)
	}
	if cases["ADDITIONAL_ORDER"] < 5 || len(cases) != 2 {
		t.Errorf("orders by business case: %v", cases)
	}
}

// Requirement: OR-09
func TestOrderedItemsCouldBeOrdered(t *testing.T) {
	t.Parallel()
	offers, err := assortments()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ordersAt(t, now) {
		if len(o.Items) < 1 || len(o.Items) > 6 {
			t.Errorf("%s has %d items", o.Number, len(o.Items))
		}
		for _, item := range o.Items {
			i := slices.IndexFunc(offers[o.OrganizationID], func(known offer) bool { return known.sku == item.SKU })
			if i < 0 {
				t.Errorf("%s has %s, for which the tenant has no price", o.Number, item.SKU)
				continue
			}
			known := offers[o.OrganizationID][i]
			if fits, err := item.Quantity.IsMultipleOf(known.step); err != nil || !fits || item.Quantity.Cmp(known.least) < 0 {
				t.Errorf("%s: %s of %s cannot be ordered", o.Number, item.Quantity, item.SKU)
			}
			for _, b := range known.prices {
				if b.from.Cmp(item.Quantity) <= 0 && b.amount.Cmp(item.UnitPrice) < 0 {
					t.Errorf("%s: %s of %s cost %s each, though %s holds from %s", o.Number, item.Quantity, item.SKU, item.UnitPrice, b.amount, b.from)
				}
			}
		}
	}
}

// Requirement: OR-09
func TestOrdersLieInThePast(t *testing.T) {
	t.Parallel()
	for days := range 14 {
		at := now.AddDate(0, 0, days)
		last := map[string]time.Time{}
		for _, o := range ordersAt(t, at) {
			if !o.PlacedAt.After(at.AddDate(-2, 0, -7)) || !o.PlacedAt.Before(at) || o.SettledAt.After(at) {
				t.Errorf("at %s: %s is placed at %s and settled at %s", at, o.Number, o.PlacedAt, o.SettledAt)
			}
			if !o.PlacedAt.After(last[o.OrganizationID]) {
				t.Errorf("at %s: %s is older than the one before", at, o.Number)
			}
			last[o.OrganizationID] = o.PlacedAt
		}
	}
}

// Requirement: OR-09
func TestOrdersAreDeterministic(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(ordersAt(t, now), ordersAt(t, now)) {
		t.Error("the same moment gave different orders")
	}
	undated := func(orders []Order) []Order {
		for i := range orders {
			orders[i].PlacedAt, orders[i].SettledAt = time.Time{}, time.Time{}
		}
		return orders
	}
	if !reflect.DeepEqual(undated(ordersAt(t, now)), undated(ordersAt(t, now.AddDate(1, 3, 5)))) {
		t.Error("another moment changed more than dates")
	}
}
