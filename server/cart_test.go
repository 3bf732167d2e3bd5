package server_test

import (
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/server/servertest"
)

// shopper works with the cart by the clients' own operations.
type shopper struct {
	*servertest.Client
	t *testing.T
}

func shopperAs(t *testing.T, k *servertest.Kontor, username string) shopper {
	t.Helper()
	return shopper{k.As(t, username), t}
}

// do sends a mutation of the document spa/cart.
func (s shopper) do(operation string, input map[string]any) *servertest.Answer {
	s.t.Helper()
	vars := servertest.Vars{}
	if input != nil {
		vars["input"] = input
	}
	return s.Operation(s.t, "spa/cart", operation, vars)
}

func (s shopper) add(items ...map[string]any) *servertest.Answer {
	s.t.Helper()
	return s.do("AddCartItems", map[string]any{"items": items})
}

func (s shopper) cart() *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/cart", "CurrentCart", nil).OK(s.t)
}

// lines are the positions of the cart as "SKU quantity unit-price line-total".
func (s shopper) lines() []string {
	s.t.Helper()
	cart := s.cart()
	var lines []string
	for i := range cart.List(s.t, "cart.items") {
		at := fmt.Sprintf("cart.items.%d.", i)
		lines = append(lines, fmt.Sprint(cart.Get(at+"product.sku"), " ", cart.Get(at+"quantity"), " ", cart.Get(at+"unitPrice.amount"), " ", cart.Get(at+"lineTotal.amount")))
	}
	return lines
}

// item is a position to add.
func item(sku, quantity string, more ...any) map[string]any {
	all := map[string]any{"sku": sku, "quantity": quantity}
	for i := 0; i+1 < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	return all
}

// faultsOf are the user errors of a payload as "CODE path.in.the.input"; each must
// have a text.
func faultsOf(t *testing.T, answer *servertest.Answer, field string) []string {
	t.Helper()
	if len(answer.Errors) > 0 {
		return []string{answer.Code()}
	}
	var faults []string
	for i := range answer.List(t, field+".errors") {
		at := fmt.Sprintf("%s.errors.%d.", field, i)
		var path []string
		for _, step := range answer.List(t, at+"field") {
			path = append(path, fmt.Sprint(step))
		}
		faults = append(faults, strings.TrimSpace(answer.String(t, at+"code")+" "+strings.Join(path, ".")))
		if message := answer.String(t, at+"message"); message == "" || message == answer.String(t, at+"code") || strings.Contains(message, "<no value>") {
			t.Errorf("%s has the message %q", answer.String(t, at+"code"), message)
		}
	}
	return faults
}

// Adding, merging what differs in the quantity only, and all or nothing with the
// places of what is wrong.
//
// Requirement: CA-02
func TestAddToCart(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, offers := shopperAs(t, k, "martha.hansen"), assortmentOf(t, "HANSA")
		alter(t, k.SQL(t), `UPDATE products SET active = false WHERE sku = 'TEL-DT-0105'`)
		if first := martha.cart(); first.Get("cart.orderable") != false || first.String(t, "cart.gross.amount") != "0.00" || first.String(t, "cart.gross.currency") != "EUR" {
			t.Errorf("a new cart says %s", first.Body)
		}
		martha.add(item("TEL-DT-0101", "2"), item("TEL-DT-0106", "1"), item("TEL-DT-0101", "1")).OK(t)
		martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0101", "1", "wishedDate", "2026-12-24")).OK(t)
		want := []string{"TEL-DT-0101 4 47.55 190.20", "TEL-DT-0106 1 123.70 123.70", "TEL-DT-0101 1 47.55 47.55"}
		if got := martha.lines(); !slices.Equal(got, want) {
			t.Fatalf("the cart has %v, want %v", got, want)
		}
		// The fifth piece reaches the next quantity break, for all five of them.
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		want[0] = "TEL-DT-0101 5 " + offers["TEL-DT-0101"].breaks[1][1] + " 228.25"
		if got := martha.lines(); !slices.Equal(got, want) {
			t.Errorf("at the quantity break the cart has %v, want %v", got, want)
		}
		hundred := make([]map[string]any, 101)
		for i := range hundred {
			hundred[i] = item("TEL-DT-0101", "1")
		}
		for name, each := range map[string]struct {
			items []map[string]any
			want  []string
		}{
			"all or nothing": {[]map[string]any{item("TEL-DT-0102", "1"), item("NO-SUCH", "1"), item("TEL-DT-0102", "0"), item("TEL-DT-0105", "1")},
				[]string{"PRODUCT_UNKNOWN items.1.sku", "QUANTITY_INVALID items.2.quantity", "PRODUCT_NOT_ORDERABLE items.3.sku"}},
			"another company's product": {[]map[string]any{item("MET-AL-0101", "500")}, []string{"PRODUCT_UNKNOWN items.0.sku"}},
			"discontinued":              {[]map[string]any{item("TEL-DT-0111", "1")}, []string{"PRODUCT_NOT_ORDERABLE items.0.sku"}},
			"negative":                  {[]map[string]any{item("TEL-DT-0101", "-1")}, []string{"QUANTITY_INVALID items.0.quantity"}},
			"too large":                 {[]map[string]any{item("TEL-DT-0101", "100000001")}, []string{"QUANTITY_TOO_LARGE items.0.quantity"}},
			"below the minimum":         {[]map[string]any{item("NET-GF-0606", "90")}, []string{"QUANTITY_TOO_SMALL items.0.quantity"}},
			"not a step":                {[]map[string]any{item("NET-GF-0606", "105")}, []string{"QUANTITY_STEP items.0.quantity"}},
			"a part of a piece":         {[]map[string]any{item("TEL-DT-0101", "1.5")}, []string{"QUANTITY_STEP items.0.quantity"}},
			"a past date":               {[]map[string]any{item("TEL-DT-0101", "1", "wishedDate", "2026-11-22")}, []string{"DATE_IN_PAST items.0.wishedDate"}},
			"an unknown address":        {[]map[string]any{item("TEL-DT-0101", "1", "deliveryAddressId", "adr_none")}, []string{"ADDRESS_UNKNOWN items.0.deliveryAddressId"}},
			"a long cost centre":        {[]map[string]any{item("TEL-DT-0101", "1", "accountAssignment", map[string]any{"costCentre": strings.Repeat("ü", 41)})}, []string{"VALUE_TOO_LONG items.0.accountAssignment.costCentre"}},
			"too many":                  {hundred, []string{"TOO_MANY_ITEMS items"}},
			"too precise":               {[]map[string]any{item("TEL-DT-0101", "1.00001")}, []string{"BAD_USER_INPUT"}},
			"no number that fits":       {[]map[string]any{item("TEL-DT-0101", "1e400")}, []string{"BAD_USER_INPUT"}},
			"no date":                   {[]map[string]any{item("TEL-DT-0101", "1", "wishedDate", "2026-02-30")}, []string{"BAD_USER_INPUT"}},
		} {
			if got := faultsOf(t, martha.add(each.items...), "addCartItems"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		if got := martha.lines(); !slices.Equal(got, want) {
			t.Errorf("after refusals the cart has %v, want %v", got, want)
		}
		martha.add(item("NET-GF-0606", "110"), item("TEL-DT-0101", "1", "wishedDate", "2026-11-23")).OK(t)
	})
}

// What is given changes, null empties, what is left out stays.
//
// Requirement: CA-03
// Requirement: CA-05
func TestChangePositions(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau")
		mine := martha.do("SaveAddress", map[string]any{"street": "Kai 1", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
		foreign := gerd.Operation(t, "spa/cart", "MyAddresses", nil).OK(t).String(t, "viewer.addresses.0.id")
		added := martha.add(item("TEL-DT-0101", "2"), item("TEL-DT-0106", "1")).OK(t)
		id, other := added.String(t, "addCartItems.cart.items.0.id"), added.String(t, "addCartItems.cart.items.1.id")
		change := func(more ...any) *servertest.Answer {
			input := map[string]any{"itemId": id}
			for i := 0; i+1 < len(more); i += 2 {
				input[more[i].(string)] = more[i+1]
			}
			return martha.do("UpdateCartItem", input)
		}
		expect := func(step string, answer *servertest.Answer, want map[string]any) {
			t.Helper()
			answer.OK(t)
			for field, value := range want {
				if got := answer.Get("updateCartItem.cart.items.0." + field); got != value {
					t.Errorf("%s: %s is %v, want %v", step, field, got, value)
				}
			}
		}
		assigned := map[string]any{"costCentre": "77", "plant": "HH"}
		expect("set all", change("quantity", "5", "wishedDate", "2026-12-01", "deliveryAddressId", mine, "accountAssignment", assigned), map[string]any{
			"quantity": "5", "unitPrice.amount": "45.65", "lineTotal.amount": "228.25", "wishedDate": "2026-12-01",
			"deliveryAddress.id": mine, "accountAssignment.costCentre": "77", "accountAssignment.plant": "HH"})
		expect("leave out all", change(), map[string]any{"quantity": "5", "wishedDate": "2026-12-01", "deliveryAddress.id": mine, "accountAssignment.costCentre": "77"})
		expect("empty the date", change("wishedDate", nil), map[string]any{"wishedDate": nil, "quantity": "5", "deliveryAddress.id": mine})
		expect("fall back to the cart's address and assignment", change("deliveryAddressId", nil, "accountAssignment", nil),
			map[string]any{"deliveryAddress.street": "Am Sandtorkai 20", "accountAssignment.costCentre": "4100"})
		expect("below the quantity break", change("quantity", "4"), map[string]any{"unitPrice.amount": "47.55", "lineTotal.amount": "190.20"})

		before := martha.lines()
		for name, each := range map[string]struct {
			answer *servertest.Answer
			want   []string
		}{
			"zero":                   {change("quantity", "0"), []string{"QUANTITY_INVALID quantity"}},
			"a part of a piece":      {change("quantity", "0.5"), []string{"QUANTITY_TOO_SMALL quantity"}},
			"not a step":             {change("quantity", "1.5"), []string{"QUANTITY_STEP quantity"}},
			"too large":              {change("quantity", "99999999999999"), []string{"QUANTITY_TOO_LARGE quantity"}},
			"a past date":            {change("wishedDate", "2026-11-22"), []string{"DATE_IN_PAST wishedDate"}},
			"another user's address": {change("deliveryAddressId", foreign), []string{"ADDRESS_UNKNOWN deliveryAddressId"}},
			"several at once":        {change("quantity", "0", "wishedDate", "2020-01-01", "deliveryAddressId", "x"), []string{"QUANTITY_INVALID quantity", "DATE_IN_PAST wishedDate", "ADDRESS_UNKNOWN deliveryAddressId"}},
			"another user's item":    {gerd.do("UpdateCartItem", map[string]any{"itemId": id, "quantity": "9"}), []string{"ITEM_UNKNOWN itemId"}},
		} {
			if got := faultsOf(t, each.answer, "updateCartItem"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		gerd.do("RemoveCartItems", map[string]any{"itemIds": []string{id, other}}).OK(t)
		if got := martha.lines(); !slices.Equal(got, before) {
			t.Errorf("after refusals the cart has %v, want %v", got, before)
		}
		martha.do("RemoveCartItems", map[string]any{"itemIds": []string{id, id, "cit_none"}}).OK(t)
		if got := martha.lines(); !slices.Equal(got, before[1:]) {
			t.Errorf("after the removal the cart has %v", got)
		}
		if got := faultsOf(t, change("quantity", "1"), "updateCartItem"); !slices.Equal(got, []string{"ITEM_UNKNOWN itemId"}) {
			t.Errorf("changing what is gone: %v", got)
		}
	})
}

// Name and numbers with their limits, and clearing, which makes the cart new.
//
// Requirement: CA-02
// Requirement: CA-05
func TestChangeCart(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		expect := func(step string, answer *servertest.Answer, field string, want map[string]any) {
			t.Helper()
			answer.OK(t)
			for path, value := range want {
				if got := answer.Get(field + ".cart." + path); got != value {
					t.Errorf("%s: %s is %v, want %v", step, path, got, value)
				}
			}
		}
		longest := strings.Repeat("ß", 100)
		expect("set", martha.do("UpdateCart", map[string]any{"name": "  " + longest + " ", "customerOrderNumber": strings.Repeat("n", 60), "referenceNumber": "R-1",
			"accountAssignment": map[string]any{"project": "P", "glAccount": "G"}}), "updateCart",
			map[string]any{"name": longest, "customerOrderNumber": strings.Repeat("n", 60), "referenceNumber": "R-1", "accountAssignment.project": "P", "accountAssignment.glAccount": "G"})
		expect("leave out", martha.do("UpdateCart", map[string]any{}), "updateCart", map[string]any{"name": longest, "referenceNumber": "R-1", "accountAssignment.project": "P"})
		expect("null", martha.do("UpdateCart", map[string]any{"name": nil, "referenceNumber": nil, "accountAssignment": nil}), "updateCart",
			map[string]any{"name": "", "referenceNumber": "", "customerOrderNumber": strings.Repeat("n", 60), "accountAssignment": nil})
		for name, each := range map[string]struct {
			input map[string]any
			want  []string
		}{
			"long":               {map[string]any{"name": longest + "ß"}, []string{"VALUE_TOO_LONG name"}},
			"long numbers":       {map[string]any{"customerOrderNumber": strings.Repeat("n", 61), "referenceNumber": strings.Repeat("n", 61)}, []string{"VALUE_TOO_LONG customerOrderNumber", "VALUE_TOO_LONG referenceNumber"}},
			"two lines":          {map[string]any{"name": "a\r\nBcc: x@example.org"}, []string{"VALUE_INVALID name"}},
			"a null byte":        {map[string]any{"referenceNumber": "a\x00b"}, []string{"VALUE_INVALID referenceNumber"}},
			"an unknown address": {map[string]any{"deliveryAddressId": "adr_none"}, []string{"ADDRESS_UNKNOWN deliveryAddressId"}},
			"a long project":     {map[string]any{"accountAssignment": map[string]any{"project": strings.Repeat("p", 41)}}, []string{"VALUE_TOO_LONG accountAssignment.project"}},
		} {
			if got := faultsOf(t, martha.do("UpdateCart", each.input), "updateCart"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		expect("clear", martha.do("ClearCart", nil), "clearCart", map[string]any{"name": "", "customerOrderNumber": "", "referenceNumber": "",
			"accountAssignment.costCentre": "4100", "gross.amount": "0.00", "orderable": false})
		if lines := martha.lines(); len(lines) != 0 {
			t.Errorf("the cleared cart has %v", lines)
		}
	})
}

// Totals are exact, the tax rounded once for each rate: computed here with
// fractions, independently.
//
// Requirement: CA-02
func TestCartTotals(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, malte := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "malte.brandt")
		martha.add(item("BUE-KH-3101", "3"), item("BUE-KH-3102", "7"), item("TEL-DT-0101", "13"), item("TEL-DT-0102", "1"), item("TEL-DT-0103", "21")).OK(t)
		malte.add(item("MET-AL-0101", "750"), item("MET-AL-0102", "2.5"), item("MET-CU-2101", "25"), item("MET-CU-2101", "35", "wishedDate", "2026-12-01")).OK(t)
		rates := map[string]int64{"BUE-KH-3101": 7, "BUE-KH-3102": 7}
		for _, s := range []shopper{martha, malte} {
			cart := s.cart()
			nets := map[int64]*big.Rat{}
			for i := range cart.List(t, "cart.items") {
				at := fmt.Sprintf("cart.items.%d.", i)
				line := new(big.Rat).Mul(amount(t, cart.String(t, at+"quantity")), amount(t, cart.String(t, at+"unitPrice.amount")))
				line = cents(line)
				if got := cart.String(t, at+"lineTotal.amount"); amount(t, got).Cmp(line) != 0 {
					t.Errorf("position %d costs %s, want %s", i, got, line.FloatString(2))
				}
				rate, reduced := rates[cart.String(t, at+"product.sku")]
				if !reduced {
					rate = 19
				}
				if nets[rate] == nil {
					nets[rate] = new(big.Rat)
				}
				nets[rate].Add(nets[rate], line)
			}
			net, tax := new(big.Rat), new(big.Rat)
			for rate, sum := range nets {
				net.Add(net, sum)
				tax.Add(tax, cents(new(big.Rat).Mul(sum, big.NewRat(rate, 100))))
			}
			for field, want := range map[string]*big.Rat{"net": net, "tax": tax, "gross": new(big.Rat).Add(net, tax)} {
				if got := cart.String(t, "cart."+field+".amount"); got != want.FloatString(2) {
					t.Errorf("%s is %s, want %s", field, got, want.FloatString(2))
				}
			}
		}
	})
}

// cents rounds half away from zero to the cent; amounts here are positive.
func cents(r *big.Rat) *big.Rat {
	scaled := new(big.Rat).Add(new(big.Rat).Mul(r, big.NewRat(100, 1)), big.NewRat(1, 2))
	whole := new(big.Int).Quo(scaled.Num(), scaled.Denom())
	return new(big.Rat).SetFrac(whole, big.NewInt(100))
}

// Several tabs add to one cart at once and lose nothing; the carts of others stay
// as they are.
//
// Requirement: CA-02
// Case: CONC-03
func TestTabsAddToOneCart(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, gerd := shopperAs(t, k, "martha.hansen"), shopperAs(t, k, "gerd.grau")
		gerd.add(item("TEL-DT-0106", "1")).OK(t)
		answers := atOnce(20, func(i int) *servertest.Answer {
			return martha.add(item("TEL-DT-0101", "1"), item("TEL-DT-0106", "1", "wishedDate", fmt.Sprintf("2026-12-%02d", i+1)))
		})
		for _, answer := range answers {
			if answer.Status != http.StatusOK || len(answer.Codes("addCartItems")) > 0 {
				t.Errorf("adding failed: %s", answer.Body)
			}
		}
		lines := martha.lines()
		merged := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "TEL-DT-0101 20 ") })
		if len(lines) != 21 || !merged {
			t.Errorf("of 20 tabs the cart has %v", lines)
		}
		if got := gerd.lines(); !slices.Equal(got, []string{"TEL-DT-0106 1 123.70 123.70"}) {
			t.Errorf("somebody else's cart has %v", got)
		}
	})
}

// patiently asks again while a server has too much to do, as clients should.
func patiently(ask func() *servertest.Answer) *servertest.Answer {
	for {
		if answer := ask(); answer.Code() != "UNAVAILABLE" {
			return answer
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// atOnce runs the same thing many times at once and gives back what came of it.
func atOnce[T any](n int, run func(i int) T) []T {
	results := make([]T, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			results[i] = run(i)
		})
	}
	close(begin)
	all.Wait()
	return results
}
