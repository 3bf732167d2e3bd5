package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// past is an order as the database has it.
type past struct {
	number, customer, reference, name, state, businessCase, channel, placedAt, by, contract, tenant string
}

func pastOrders(t *testing.T, k *servertest.Kontor) []past {
	t.Helper()
	var all []past
	for _, r := range rowsOf(t, k.SQL(t), `SELECT o.number, o.customer_order_number, o.reference_number, o.name, o.state, o.business_case, o.channel,
		o.placed_at, u.username, c.number, t.organization_id FROM orders o JOIN users u ON u.id = o.placed_by_id JOIN tenants t ON t.id = o.tenant_id
		LEFT JOIN contracts c ON c.id = o.contract_id ORDER BY o.placed_at DESC, o.id DESC`) {
		all = append(all, past{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]})
	}
	return all
}

// Every filter alone and combined gives what the database has, whatever letters
// the search is written in.
//
// Requirement: OR-09
func TestOrderFilters(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		for i, name := range []string{"100% Rabatt", "100 Rabatt", "a_b", "axb", `back\slash`, "Straße Über"} {
			martha.add(item("TEL-DT-0101", "1")).OK(t)
			martha.do("UpdateCart", map[string]any{"name": name, "referenceNumber": "ZZ-Top"}).OK(t)
			martha.place(map[string]any{"idempotencyKey": fmt.Sprint(i)}).OK(t)
		}
		orders := slices.DeleteFunc(pastOrders(t, k), func(o past) bool { return o.tenant != "HANSA" })
		contains := func(text string) func(past) bool {
			return func(o past) bool {
				return slices.ContainsFunc([]string{o.number, o.customer, o.reference, o.name}, func(field string) bool {
					return strings.Contains(strings.ToLower(field), strings.ToLower(text))
				})
			}
		}
		some := orders[len(orders)/2]
		about := orders[slices.IndexFunc(orders, func(o past) bool { return o.contract != "" })]
		contract := martha.order(about.number).String(t, "order.contract.id")
		between := func(from, to string) func(past) bool {
			return func(o past) bool { return o.placedAt[:10] >= from && o.placedAt[:10] <= to }
		}
		day := some.placedAt[:10]
		for _, each := range []struct {
			name  string
			where map[string]any
			pass  func(past) bool
		}{
			{"number", map[string]any{"search": some.number}, contains(some.number)},
			{"part of the number in small letters", map[string]any{"search": "hansa-00000"}, contains("hansa-00000")},
			{"customer's number", map[string]any{"search": some.customer}, contains(some.customer)},
			{"reference", map[string]any{"search": "hl-"}, contains("HL-")},
			{"name", map[string]any{"search": " zentrale HAMBURG "}, contains("Zentrale Hamburg")},
			{"name with an umlaut", map[string]any{"search": "Arbeitsplätze"}, contains("Arbeitsplätze")},
			{"name with a capital umlaut", map[string]any{"search": "ARBEITSPLÄTZE"}, contains("Arbeitsplätze")},
			{"name that begins with an umlaut", map[string]any{"search": "Über"}, contains("Über")},
			{"the same in small letters", map[string]any{"search": "über"}, contains("Über")},
			{"a percent sign", map[string]any{"search": "%"}, contains("%")},
			{"an underscore", map[string]any{"search": "a_b"}, contains("a_b")},
			{"a backslash", map[string]any{"search": `\`}, contains(`\`)},
			{"a state", map[string]any{"states": []string{"ERROR"}}, func(o past) bool { return o.state == "ERROR" }},
			{"states", map[string]any{"states": []string{"ERROR", "IN_PROGRESS"}}, func(o past) bool { return o.state == "ERROR" || o.state == "IN_PROGRESS" }},
			{"no state in particular", map[string]any{"states": []string{}}, func(past) bool { return true }},
			{"business case", map[string]any{"businessCases": []string{"ADDITIONAL_ORDER", "TARIFF_CHANGE"}}, func(o past) bool { return o.businessCase == "ADDITIONAL_ORDER" }},
			{"channel", map[string]any{"channel": "PAPER"}, func(o past) bool { return o.channel == "PAPER" }},
			{"from", map[string]any{"placedFrom": day}, between(day, "9999")},
			{"to", map[string]any{"placedTo": day}, between("0000", day)},
			{"one day", map[string]any{"placedFrom": day, "placedTo": day}, between(day, day)},
			{"contract", map[string]any{"contractId": contract}, func(o past) bool { return o.contract == about.contract }},
			{"several", map[string]any{"search": "hansa", "states": []string{"COMPLETED"}, "businessCases": []string{"NEW_ORDER"}, "channel": "ONLINE", "placedFrom": "2025-06-01", "placedTo": "2026-06-30"},
				func(o past) bool {
					return o.state == "COMPLETED" && o.businessCase == "NEW_ORDER" && o.channel == "ONLINE" && between("2025-06-01", "2026-06-30")(o)
				}},
		} {
			var want []string
			for _, o := range orders {
				if each.pass(o) {
					want = append(want, o.number)
				}
			}
			if len(want) == 0 {
				t.Errorf("%s: there is no such order", each.name)
			}
			if got := orderList.all(t, martha.Client, each.where); !slices.Equal(sorted(got), sorted(want)) {
				t.Errorf("%s: %v, want %v", each.name, got, want)
			}
		}
		for name, where := range map[string]map[string]any{"no such contract": {"contractId": "con_none"}, "nobody's": {"search": "ALSTER"}, "the future": {"placedFrom": "2027-01-01"}} {
			if got := orderList.all(t, martha.Client, where); len(got) != 0 {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// Orders come the newest first unless told otherwise, page by page each one once.
//
// Requirement: OR-09
func TestOrderPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		var newest []string
		for _, o := range pastOrders(t, k) {
			if o.tenant == "HANSA" {
				newest = append(newest, o.number)
			}
		}
		for _, each := range []struct {
			orderBy any
			want    []string
		}{
			{nil, newest}, {map[string]any{"field": "NUMBER"}, sorted(newest)}, {map[string]any{"field": "PLACED_AT", "direction": "DESC"}, newest},
		} {
			for _, backward := range []bool{false, true} {
				for _, size := range []int{1, 7, 100} {
					if got := orderList.walk(t, martha.Client, size, backward, nil, each.orderBy); !slices.Equal(got, each.want) {
						t.Errorf("by %v, pages of %d, backward %v: %v, want %v", each.orderBy, size, backward, got, each.want)
					}
				}
			}
		}
		orderList.refusesBadPages(t, martha.Client)
		answer := martha.Operation(t, "spa/orders", "Orders", servertest.Vars{"first": 100}).OK(t)
		for i, number := range newest {
			at := fmt.Sprintf("orders.nodes.%d.", i)
			if answer.String(t, at+"number") != number || answer.Get(at+"placedBy.lastName") == "" || len(answer.List(t, at+"items")) == 0 {
				t.Errorf("order %d is %v", i, answer.Get(strings.TrimSuffix(at, ".")))
			}
			if _, err := time.Parse(time.RFC3339, answer.String(t, at+"placedAt")); err != nil {
				t.Error(err)
			}
		}
	})
}

// Who sees which orders: a sub admin its own and those on contracts that it may
// see, everybody else of the company all of them, nobody those of others; the list
// and the single order agree.
//
// Requirement: OR-09
// Requirement: AC-07
func TestWhoSeesWhichOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		granted := columnOf(t, k.SQL(t), `SELECT DISTINCT c.number FROM grants g JOIN contracts c ON c.id = g.contract_id JOIN users u ON u.id = g.holder_id
			WHERE u.username = 'silke.sommer' AND g."right" = 'VIEW' AND g.revoked_at IS NULL`)
		gerd := shopperAs(t, k, "gerd.grau")
		gerd.add(item("TEL-DT-0104", "1")).OK(t)
		id := gerd.Do(t, `query($n: String!) { contract(number: $n) { id } }`, servertest.Vars{"n": granted[0]}).OK(t).String(t, "contract.id")
		gerd.place(map[string]any{"idempotencyKey": "1", "businessCase": "ADDITIONAL_ORDER", "contractId": id}).OK(t)
		hansa := func(o past) bool { return o.tenant == "HANSA" }
		alster := func(o past) bool { return o.tenant == "ALSTER" }
		for username, pass := range map[string]func(past) bool{
			"martha.hansen": hansa, "moritz.hansen": hansa, "gerd.grau": hansa, "anna.abel": hansa, "maik.alster": alster, "greta.groth": alster,
			"silke.sommer": func(o past) bool { return o.by == "silke.sommer" || slices.Contains(granted, o.contract) },
			"susi.stein":   func(o past) bool { return o.by == "susi.stein" },
			"paul.lang":    func(o past) bool { return hansa(o) || alster(o) },
			"sabine.kurz":  func(past) bool { return true },
		} {
			viewer := k.As(t, username)
			var want, others []string
			for _, o := range pastOrders(t, k) {
				if pass(o) {
					want = append(want, o.number)
				} else {
					others = append(others, o.number)
				}
			}
			if got := orderList.all(t, viewer, nil); !slices.Equal(sorted(got), sorted(want)) {
				t.Errorf("%s sees %v, want %v", username, got, want)
			}
			for number, visible := range map[string]bool{first(want): true, first(others): false} {
				if number == "" {
					continue
				}
				if got := (shopper{viewer, t}).order(number).Get("order") != nil; got != visible {
					t.Errorf("%s sees order %s: %v, want %v", username, number, got, visible)
				}
			}
		}
	})
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}
