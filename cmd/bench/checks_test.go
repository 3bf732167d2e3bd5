package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// What makes sure that numbers have no gap and no double finds them.
func TestBrokenNumbersAreFound(t *testing.T) {
	t.Parallel()
	company, other := uuid.New(), uuid.New()
	before := map[uuid.UUID]series{company: {"A", 2, []string{"A-000001"}}}
	for name, each := range map[string]struct {
		after series
		told  map[uuid.UUID][]string
		wrong string // empty: nothing is
	}{
		"in another order":        {series{"A", 4, []string{"A-000001", "A-000002", "A-000003"}}, map[uuid.UUID][]string{company: {"A-000003", "A-000002"}}, ""},
		"a gap":                   {series{"A", 5, []string{"A-000001", "A-000002", "A-000004"}}, map[uuid.UUID][]string{company: {"A-000002", "A-000004"}}, "A-000004 where A-000003 should be"},
		"a gap at the end":        {series{"A", 4, []string{"A-000001", "A-000002"}}, map[uuid.UUID][]string{company: {"A-000002"}}, "4 is the next number of A after 2 orders"},
		"a double":                {series{"A", 4, []string{"A-000001", "A-000002", "A-000002"}}, map[uuid.UUID][]string{company: {"A-000002", "A-000002"}}, "A-000002 where A-000003 should be"},
		"told twice":              {series{"A", 3, []string{"A-000001", "A-000002"}}, map[uuid.UUID][]string{company: {"A-000002", "A-000002"}}, "1 new orders and its clients were told of 2"},
		"told of another":         {series{"A", 3, []string{"A-000001", "A-000002"}}, map[uuid.UUID][]string{company: {"A-000001"}}, "or of others"},
		"not told":                {series{"A", 4, []string{"A-000001", "A-000002", "A-000003"}}, map[uuid.UUID][]string{company: {"A-000003"}}, "2 new orders and its clients were told of 1"},
		"lost":                    {series{"A", 1, nil}, map[uuid.UUID][]string{company: {"A-000002"}}, "0 new orders"},
		"a company without any":   {series{"A", 3, []string{"A-000001", "A-000002"}}, map[uuid.UUID][]string{company: {"A-000002"}, other: {"B-000001"}}, other.String() + " was told of orders"},
		"nothing that was placed": {before[company], nil, "nobody was told of an order"},
	} {
		placed, err := unbroken(before, map[uuid.UUID]series{company: each.after}, each.told)
		if each.wrong == "" {
			if err != nil || placed != 2 {
				t.Errorf("%s: %d orders, %v", name, placed, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), each.wrong) {
			t.Errorf("%s: %v, want %q in it", name, err, each.wrong)
		}
	}
}

// A dashboard that lacks customers or what they have is no dashboard.
func TestPagesThatLackSomethingAreFound(t *testing.T) {
	t.Parallel()
	page := func(change func(customer map[string]any)) []byte {
		list := func(total, shown int) map[string]any {
			return map[string]any{"totalCount": total, "nodes": make([]any, shown)}
		}
		customer := map[string]any{"organizationId": "K", "masterAdmins": list(0, 1), "open": list(openOfEach, 5), "failed": list(errorOfEach, 1), "expiring": list(endOfEach, 5)}
		change(customer)
		content, err := json.Marshal(map[string]any{"data": map[string]any{"tenants": map[string]any{"totalCount": partnerCustomers, "nodes": []any{customer}}}})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	whole := page(func(map[string]any) {})
	if err := fullPage(whole, 1); err != nil {
		t.Error(err)
	}
	if err := fullPage(whole, 2); err == nil {
		t.Error("a page of two with one customer was accepted")
	}
	for _, name := range []string{"masterAdmins", "open", "failed", "expiring"} {
		if err := fullPage(page(func(c map[string]any) { delete(c, name) }), 1); err == nil {
			t.Errorf("a page without %s was accepted", name)
		}
	}
}
