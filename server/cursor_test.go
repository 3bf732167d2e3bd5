package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/graph"
	"kontor/server/servertest"
)

// A cursor names a place in a list and nothing else: whatever somebody writes into one, and wherever
// one of another list or another company is used, the list is the viewer's own, and what cannot be a
// place is the client's mistake.
//
// Requirement: AC-01
// Case: AUTHZ-04
func TestCursorsOpenNothing(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, malte := k.As(t, "martha.hansen"), k.As(t, "malte.brandt")
		foreign := uuid.MustParse(columnOf(t, k.SQL(t), `SELECT id FROM orders WHERE number = 'BRANDT-000001'`)[0])
		values := map[string]any{
			"nothing": nil, "a text": "x", "a number": 4711, "a large number": uint64(1) << 63, "a fraction": 0.5, "yes": true, "bytes": []byte{0, 1}, "a list": []any{1, "x"},
			"an object": map[string]any{"a": 1}, "a condition": "' OR 1=1 --", "a NUL": "a\x00b", "no UTF-8": "\xff", "a long text": strings.Repeat("x", 100_000), "a time": "2026-11-23T09:00:00Z",
		}
		for name, list := range map[string]listing{"orders": orderList, "contracts": contractList, "products": productList} {
			var orders []any
			for _, field := range enumValues(t, list.order+"Field") {
				orders = append(orders, map[string]any{"field": field, "direction": "ASC"}, map[string]any{"field": field, "direction": "DESC"})
			}
			mine, theirs := list.all(t, martha, nil), list.all(t, malte, nil)
			check := func(what string, answer *servertest.Answer) {
				t.Helper()
				switch answer.Code() {
				case "BAD_USER_INPUT":
				case "":
					for _, key := range list.read(t, answer) {
						if !slices.Contains(mine, key) {
							t.Errorf("%s, %s: the list has %s", name, what, key)
						}
					}
					if got := answer.Get("list.totalCount"); got != float64(len(mine)) {
						t.Errorf("%s, %s: there are %v", name, what, got)
					}
				default:
					t.Errorf("%s, %s: %d %.300s", name, what, answer.Status, answer.Body)
				}
			}
			if len(mine) == 0 || len(theirs) == 0 {
				t.Fatalf("%s: %d of HANSA, %d of BRANDT", name, len(mine), len(theirs))
			}
			for _, order := range append(orders, nil) {
				for what, value := range values {
					for size, side := range map[string]string{"first": "after", "last": "before"} {
						k.Clock.Advance(time.Second)
						check(fmt.Sprint(what, " ", side, " in ", order), list.ask(t, martha, servertest.Vars{size: 100, side: cursorOf(t, foreign, value), "orderBy": order}))
					}
				}
				for other, c := range map[string]*servertest.Client{"of another company": malte, "of another order": martha} {
					for _, from := range []listing{orderList, contractList, productList} {
						strange := from.ask(t, c, servertest.Vars{"first": 3}).OK(t).String(t, "list.pageInfo.endCursor")
						check(fmt.Sprint("a cursor ", other, " of ", from.root, " in ", order), list.ask(t, martha, servertest.Vars{"first": 100, "after": strange, "orderBy": order}))
					}
				}
			}
		}
	})
}

// cursorOf is a cursor as somebody writes one who knows how they are made.
func cursorOf(t *testing.T, id uuid.UUID, value any) string {
	t.Helper()
	var written strings.Builder
	ent.Cursor{ID: id, Value: value}.MarshalGQL(&written)
	return strings.Trim(written.String(), `"`)
}

func enumValues(t *testing.T, name string) []string {
	t.Helper()
	definition := graph.Schema(&graph.Resolver{}).Schema().Types[name]
	if definition == nil {
		t.Fatalf("there is no %s", name)
	}
	var values []string
	for _, v := range definition.EnumValues {
		values = append(values, v.Name)
	}
	return values
}

// Lists are filtered and sorted by what was looked at, and by nothing that hides behind it: no edges,
// no conditions on what others are, no secrets. What is new here must be looked at.
//
// Requirement: AC-01
// Case: AUTHZ-04
func TestFiltersAskForNothingHidden(t *testing.T) {
	t.Parallel()
	fields := map[string][]string{
		"AuditFilter":         {"action", "actorId", "from", "kind", "subjectId", "to"},
		"BookingFilter":       {"from", "to"},
		"ContractFilter":      {"customerNumber", "expiresWithinDays", "openOnly", "productSku", "right", "search", "states", "tenantId", "types", "validOn"},
		"ContractOrder":       {"direction", "field"},
		"ImportRunFilter":     {"kind", "states"},
		"OrderFilter":         {"awaitingMyApproval", "businessCases", "channel", "contractId", "placedFrom", "placedTo", "search", "states", "tenantId"},
		"OrderOrder":          {"direction", "field"},
		"ProductFilter":       {"categoryId", "orderable", "priceFrom", "priceTo", "search"},
		"ProductOrder":        {"direction", "field"},
		"QuoteFilter":         {"search", "states", "tenantId"},
		"QuoteOrder":          {"direction", "field"},
		"TelephonyUserFilter": {"search", "states", "tenantId"},
		"TenantFilter":        {"kind", "search"},
		"TenantOrder":         {"direction", "field"},
		"UserFilter":          {"role", "search", "status", "tenantId"},
		"UserOrder":           {"direction", "field"},
	}
	for name, definition := range graph.Schema(&graph.Resolver{}).Schema().Types {
		isFilter := definition.Kind == ast.InputObject && (strings.HasSuffix(name, "Filter") || strings.HasSuffix(name, "Order") || strings.HasSuffix(name, "WhereInput"))
		if !isFilter {
			continue
		}
		var has []string
		for _, f := range definition.Fields {
			has = append(has, f.Name)
		}
		if !slices.Equal(sorted(has), fields[name]) {
			t.Errorf("%s filters or sorts by %q, and %q was looked at", name, sorted(has), fields[name])
		}
		delete(fields, name)
	}
	if len(fields) > 0 {
		t.Errorf("these are gone: %v", fields)
	}
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		for _, filter := range []string{
			`{hasOwnerWith: {emailHasPrefix: "a"}}`, `{passwordHashHasPrefix: "$argon"}`, `{not: {search: "x"}}`, `{or: [{search: "x"}]}`, `{and: []}`, `{idGT: "1"}`, `{tenant: {name: "x"}}`, `{search_contains: "x"}`,
		} {
			for _, list := range []string{"users", "orders", "contracts", "products"} {
				if answer := martha.Do(t, fmt.Sprintf(`{ %s(first: 1, where: %s) { totalCount } }`, list, filter), nil); answer.Status != 400 || answer.Data != nil || answer.Code() != "GRAPHQL_VALIDATION_FAILED" {
					t.Errorf("%s where %s: %d %s", list, filter, answer.Status, answer.Body)
				}
			}
		}
		for _, order := range []string{"PASSWORD_HASH", "EMAIL_KEY", "TENANT_ID", "ID"} {
			if answer := martha.Do(t, fmt.Sprintf(`{ users(first: 1, orderBy: {field: %s, direction: ASC}) { totalCount } }`, order), nil); answer.Status != 400 || answer.Data != nil {
				t.Errorf("sorted by %s: %d %s", order, answer.Status, answer.Body)
			}
		}
		// Searching finds what is shown and nothing else of a person.
		d := k.SQL(t)
		hash := columnOf(t, d, `SELECT password_hash FROM users WHERE username = 'gerd.grau'`)[0]
		key := columnOf(t, d, `SELECT id FROM users WHERE username = 'gerd.grau'`)[0]
		for _, secret := range []string{hash, hash[:12], key, "argon2id", "%", "_", `\`} {
			if got := martha.Do(t, `query($s: String) { users(first: 5, where: {search: $s}) { totalCount } }`, servertest.Vars{"s": secret}).OK(t).Get("users.totalCount"); got != 0.0 && secret != "_" {
				t.Errorf("searching for %q finds %v users", secret, got)
			}
		}
	})
}
