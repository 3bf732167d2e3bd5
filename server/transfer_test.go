package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/ent"
	"kontor/server/servertest"
)

// maik is what the master admin of ALSTER is found by.
var maik = map[string]any{"email": "maik.alster@alster.example", "customerNumber": "4066969300", "line": "FIXED_LINE"}

// search looks for another master admin.
func search(t testing.TB, c *servertest.Client, who map[string]any) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/transfers", "FindTransferTarget", servertest.Vars{"first": 100, "input": who})
}

// find gives the name of another master admin for transfers to it.
func find(t testing.TB, c *servertest.Client, who map[string]any) string {
	t.Helper()
	return search(t, c, who).OK(t).String(t, "transferTarget.id")
}

// save saves check marks that were set and unset, under a key of its own unless one is given.
func save(t testing.TB, c *servertest.Client, target string, grant, revoke []string, key ...string) *servertest.Answer {
	t.Helper()
	input := map[string]any{"targetId": target, "idempotencyKey": fmt.Sprint(time.Now().UnixNano())}
	if grant != nil {
		input["grant"] = grant
	}
	if revoke != nil {
		input["revoke"] = revoke
	}
	if len(key) > 0 {
		input["idempotencyKey"] = key[0]
	}
	return c.Operation(t, "spa/transfers", "SaveTransfers", servertest.Vars{"input": input})
}

// saved are the contracts that a request transferred and took back.
func saved(t *testing.T, answer *servertest.Answer) (granted, revoked []string) {
	t.Helper()
	for _, list := range []string{"granted", "revoked"} {
		for i := range answer.OK(t).List(t, "saveTransfers."+list) {
			at := fmt.Sprintf("saveTransfers.%s.%d.", list, i)
			if got := fmt.Sprint(answer.Get(at + "rights")); got != fmt.Sprint(allRights[:5]) {
				t.Errorf("the rights of %s are %s", at, got)
			}
			if id := answer.String(t, at+"contract.id"); list == "granted" {
				granted = append(granted, id)
			} else {
				revoked = append(revoked, id)
			}
		}
	}
	return granted, revoked
}

// marks are the contracts that a giver sees with a check mark, and how many there are.
func marks(t *testing.T, c *servertest.Client, who map[string]any) ([]string, float64) {
	t.Helper()
	answer, marked := search(t, c, who).OK(t), []string{}
	for i := range answer.List(t, "transferTarget.contracts.nodes") {
		at := fmt.Sprintf("transferTarget.contracts.nodes.%d.", i)
		if answer.Get(at+"transferred") == true {
			marked = append(marked, answer.String(t, at+"contract.number"))
		}
	}
	return marked, answer.Get("transferTarget.contracts.totalCount").(float64)
}

// history is what the list of transfers tells, the newest first.
func history(t *testing.T, c *servertest.Client, direction any) []string {
	t.Helper()
	answer := c.Operation(t, "spa/transfers", "Transfers", servertest.Vars{"first": 100, "direction": direction}).OK(t)
	var told []string
	for i := range answer.List(t, "transfers.nodes") {
		at := fmt.Sprintf("transfers.nodes.%d.", i)
		if got := fmt.Sprint(answer.Get(at + "rights")); got != fmt.Sprint(allRights[:5]) {
			t.Errorf("the rights of a transfer are %s", got)
		}
		told = append(told, fmt.Sprint(answer.Get(at+"contract.number"), " ", answer.Get(at+"givenBy.displayName"), ", ", answer.Get(at+"givenBy.tenantName"),
			" -> ", answer.Get(at+"receivedBy.displayName"), ", ", answer.Get(at+"receivedBy.tenantName"), " ", answer.Get(at+"givenAt"), " ", answer.Get(at+"revokedAt")))
	}
	if answer.Get("transfers.totalCount") != float64(len(told)) {
		t.Errorf("of %v transfers %d are listed", answer.Get("transfers.totalCount"), len(told))
	}
	return told
}

// A master admin shares two contracts with one of another company, who sees them and
// nothing else of it, lets a sub admin order on one, and loses them with all that hangs
// below at the next request, on every replica. Both sides see what happened.
//
// Requirement: AC-08
// Requirement: AC-09
// Requirement: AC-10
// Requirement: AC-11
// Case: AUTHZ-10
func TestTransferStory(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		beside, martha := one.SQL(t), one.As(t, "martha.hansen")
		receiver, susi := shopper{one.As(t, "maik.alster").On(two), t}, shopper{one.As(t, "susi.stein").On(two), t}
		first, second := contractID(t, one, "SV-100001"), contractID(t, one, "RV-100001")
		own := rightsOf(t, receiver.Client)
		orderOn(t, shopper{martha, t}, first)
		orders := len(orderList.all(t, receiver.Client, nil))
		categories := receiver.Do(t, `{ categories { name productCount } products(first: 1) { totalCount } }`, nil).OK(t)
		given := one.Clock.Now().Format(time.RFC3339)

		granted, revoked := saved(t, save(t, martha, find(t, martha, maik), []string{second, first}, nil))
		if !slices.Equal(sorted(granted), sorted([]string{first, second})) || len(revoked) > 0 {
			t.Errorf("granted %v, revoked %v", granted, revoked)
		}
		if marked, total := marks(t, martha, maik); fmt.Sprint(marked) != "[RV-100001 SV-100001]" || total < 30 {
			t.Errorf("check marks are at %v of %v", marked, total)
		}
		wantContract(t, receiver, "SV-100001", first, allRights[:5]...)
		if got := len(rightsOf(t, receiver.Client)); got != len(own)+2 {
			t.Errorf("the receiver has %d contracts, had %d", got, len(own))
		}
		seen := receiver.Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 100, "format": "CSV", "where": map[string]any{"search": "SV-100001"}}).OK(t)
		if got := fmt.Sprint(seen.Get("contracts.nodes.0.sharedBy")); got != "map[displayName:Martha Hansen tenantName:Hansa Logistik GmbH]" {
			t.Errorf("it was shared by %s", got)
		}
		link := contractList.link(t, receiver.Client, "CSV", nil)
		if got := numbers(rows(t, receiver.Client, link)); len(got) != len(own)+2 || !slices.Contains(got, "SV-100001") {
			t.Errorf("the file has %v", got)
		}
		mails := aboutRights(one.Mails(t, "maik.alster@alster.example"))
		if len(mails) != 1 || !strings.Contains(mails[0].Text, "Martha Hansen, Hansa Logistik GmbH") || !strings.Contains(mails[0].Text, "RV-100001, SV-100001") {
			t.Errorf("the receiver was told %v", mails)
		}

		// The orders on these contracts come with them, and nothing else of the company.
		onThem := columnOf(t, beside, `SELECT o.number FROM orders o JOIN contracts c ON c.id = o.contract_id WHERE c.number IN ('SV-100001', 'RV-100001') AND o.number LIKE 'HANSA%'`)
		for _, number := range onThem {
			if got := receiver.order(number).OK(t).Get("order.number"); got != number {
				t.Errorf("order %s on the contract is %v", number, got)
			}
		}
		if got := receiver.Operation(t, "spa/orders", "Orders", servertest.Vars{"first": 100}).OK(t).Get("orders.totalCount"); got != float64(orders+len(onThem)+1) { // and the one of wantContract
			t.Errorf("the receiver sees %v orders, saw %d and placed one; %d are on the contracts", got, orders, len(onThem))
		}
		nothingElse(t, one, receiver, onThem, []string{"SV-100001", "RV-100001"})
		if after := receiver.Do(t, `{ categories { name productCount } products(first: 1) { totalCount } }`, nil).OK(t); plain(after) != plain(categories) {
			t.Errorf("the receiver's catalogue is %s, was %s", after.Body, categories.Body)
		}

		// Delegated to a sub admin, who orders on it; never the commercial contact.
		user := userID(t, one.SQL(t), "susi.stein")
		wantContract(t, susi, "SV-100001", first)
		if got := faultsOf(t, setRights(t, receiver.Client, user, first, allRights...), "setContractRights"); !slices.Equal(got, []string{"RIGHT_NOT_HELD rights.5"}) {
			t.Errorf("delegating all rights: %v", got)
		}
		setRights(t, receiver.Client, user, first, "VIEW", "ORDER").OK(t)
		wantContract(t, susi, "SV-100001", first, "VIEW", "ORDER")
		ordered := orderOn(t, susi, first)
		theirs := receiver.order(onThem[0]).OK(t)
		following := map[string]*servertest.Stream{}
		for _, c := range []shopper{receiver, susi} {
			for name, open := range servertest.Streams {
				stream := open(c.Client, t, changes, servertest.Vars{"orderId": theirs.Get("order.id")})
				stream.Next(t)
				following[name+" "+c.Token] = stream
			}
		}
		if got := receiver.order(ordered).OK(t).Get("order.contract.number"); got != "SV-100001" {
			t.Errorf("the order %s is about %v", ordered, got)
		}
		noOrphans(t, beside)

		one.Clock.Advance(time.Minute)
		granted, revoked = saved(t, save(t, martha, find(t, martha, maik), nil, []string{first}))
		for name, stream := range following {
			if took := stream.End(t); took > time.Second {
				t.Errorf("the subscription by %s ends %s after the right", name, took)
			}
		}
		if len(granted) > 0 || !slices.Equal(revoked, []string{first}) {
			t.Errorf("granted %v, revoked %v", granted, revoked)
		}
		for _, replica := range []*servertest.Kontor{two, one} {
			for _, c := range []shopper{receiver, susi} {
				wantContract(t, shopper{c.On(replica), t}, "SV-100001", first)
			}
			if got := numbers(rows(t, receiver.On(replica), link)); len(got) != len(own)+1 || slices.Contains(got, "SV-100001") {
				t.Errorf("the file has %v", got)
			}
		}
		wantContract(t, receiver, "RV-100001", second, allRights[:5]...)
		if got := receiver.order(ordered).OK(t); got.Get("order.number") != ordered || got.Get("order.contract") != nil {
			t.Errorf("one's own order on a contract that is gone: %s", got.Body)
		}
		mails = aboutRights(one.Mails(t, "maik.alster@alster.example"))
		if len(mails) != 2 || !strings.Contains(mails[0].Text, "SV-100001") || strings.Contains(mails[0].Text, "RV-100001") || mails[0].Subject == mails[1].Subject {
			t.Errorf("the receiver was told %v", mails)
		}
		noOrphans(t, beside)

		parties := " Martha Hansen, Hansa Logistik GmbH -> Maik Alster, Alster Druck KG " + given
		want := []string{"RV-100001" + parties + " <nil>", "SV-100001" + parties + " " + one.Clock.Now().Format(time.RFC3339)}
		moritz := one.As(t, "moritz.hansen")
		for what, got := range map[string][]string{
			"the giver": history(t, martha, "GIVEN"), "a colleague": history(t, moritz, "GIVEN"), "the receiver": history(t, receiver.Client, "RECEIVED"),
			"the giver, both ways": history(t, martha, nil), "the receiver, both ways": history(t, receiver.Client, nil),
		} {
			if !slices.Equal(sorted(got), want) {
				t.Errorf("%s sees %v, want %v", what, got, want)
			}
		}
		for what, got := range map[string][]string{
			"the giver received": history(t, martha, "RECEIVED"), "the receiver gave": history(t, receiver.Client, "GIVEN"), "somebody else": history(t, one.As(t, "malte.brandt"), nil),
		} {
			if len(got) > 0 {
				t.Errorf("%s: %v", what, got)
			}
		}
		for _, username := range []string{"silke.sommer", "gerd.grau", "susi.stein"} {
			if answer := one.As(t, username).Operation(t, "spa/transfers", "Transfers", servertest.Vars{"first": 1}); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s sees transfers: %s", username, answer.Body)
			}
		}
	})
}

// nothingElse makes sure that a receiver sees nothing of HANSA but these orders and
// contracts: none of its objects by ID, and nothing of it behind what was shared.
func nothingElse(t *testing.T, k *servertest.Kontor, receiver shopper, orders, contracts []string) {
	t.Helper()
	beside, hidden := k.SQL(t), 0
	martha := shopperAs(t, k, "martha.hansen")
	martha.add(item("TEL-DT-0101", "1")).OK(t)
	for kind, table := range map[string]string{
		ent.KindTenant: "tenants", ent.KindUser: "users", ent.KindCustomerNumber: "customer_numbers", ent.KindContract: "contracts", ent.KindContractPosition: "contract_positions",
		ent.KindOrder: "orders", ent.KindOrderItem: "order_items", ent.KindAddress: "addresses", ent.KindSavedAssignment: "saved_assignments", ent.KindCart: "carts", ent.KindCartItem: "cart_items",
	} {
		column, name := "tenant_id", "''"
		switch kind {
		case ent.KindTenant:
			column = "id"
		case ent.KindContract, ent.KindOrder:
			name = "number"
		}
		for _, row := range rowsOf(t, beside, `SELECT id, `+name+` FROM `+table+` WHERE `+column+` = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`) {
			if slices.Contains(orders, row[1]) || slices.Contains(contracts, row[1]) {
				continue
			}
			hidden++
			if answer := receiver.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": globalID(kind, row[0])}); answer.Code() != "NOT_FOUND" {
				t.Errorf("the receiver sees a row of %s: %s", table, answer.Body)
				break
			}
		}
	}
	if hidden < 60 {
		t.Errorf("only %d objects are hidden", hidden)
	}
	behind := receiver.Do(t, `{ contracts(first: 100, where: {search: "RV-100001"}) { nodes { tenant { name } customerNumber { number }
		orders(first: 10) { nodes { placedBy { lastName email } items { deliveryAddress { street } accountAssignment { costCentre } } } }
		product { sku price { amount } } positions { product { sku price { amount } } } rightHolders(first: 20) { nodes { user { displayName } } } } }
		users: contracts(first: 1, where: {customerNumber: "4066969100"}) { totalCount } }`, nil)
	if len(behind.Errors) > 0 {
		t.Fatalf("what lies behind a shared contract: %s", behind.Body)
	}
	for _, at := range []string{"tenant", "customerNumber"} {
		if got := behind.Get("contracts.nodes.0." + at); got != nil {
			t.Errorf("the receiver sees the %s %v", at, got)
		}
	}
	number := columnOf(t, beside, `SELECT n.number FROM customer_numbers n JOIN contracts c ON c.customer_number_id = n.id WHERE c.number = 'RV-100001'`)[0]
	guess := `query($number: String!) { contracts(first: 100, where: {customerNumber: $number}) { totalCount } }`
	if got, owners := receiver.Do(t, guess, servertest.Vars{"number": number}).OK(t), martha.Do(t, guess, servertest.Vars{"number": number}).OK(t); got.Get("contracts.totalCount") != float64(0) || owners.Get("contracts.totalCount") == float64(0) {
		t.Errorf("by the customer number of a shared contract the receiver finds %s, its owner %s", got.Body, owners.Body)
	}
	for i := range behind.List(t, "contracts.nodes.0.positions") {
		at := fmt.Sprintf("contracts.nodes.0.positions.%d.product.", i)
		sku, price := behind.Get(at+"sku"), behind.Get(at+"price.amount")
		if sku == nil {
			continue
		}
		want := columnOf(t, beside, `SELECT p.amount FROM prices p JOIN products x ON x.id = p.product_id JOIN tenants t ON t.id = p.tenant_id
			WHERE t.organization_id = 'ALSTER' AND x.sku = $1 AND p.from_quantity = (SELECT MIN(from_quantity) FROM prices y WHERE y.product_id = p.product_id AND y.tenant_id = p.tenant_id)`, sku)
		if len(want) != 1 || !sameAmount(t, fmt.Sprint(price), want[0]+"/10000") {
			t.Errorf("the price of %v is %v, at ALSTER it is %v", sku, price, want)
		}
	}
	if got := fmt.Sprint(behind.Get("contracts.nodes.0.rightHolders.nodes")); got != "[map[user:map[displayName:Maik Alster]]]" {
		t.Errorf("the receiver sees the right holders %s", got)
	}
	for _, document := range []string{`query($id: String!) { users(first: 100, where: {search: $id}) { totalCount } }`, `query($id: String!) { orders(first: 100, where: {search: $id}) { totalCount } }`} {
		if answer := receiver.Do(t, document, servertest.Vars{"id": "martha"}).OK(t); !strings.Contains(string(answer.Body), `"totalCount":0`) {
			t.Errorf("a search for martha: %s", answer.Body)
		}
	}
}

// Only an active master admin is found, by address, number and line together; for all
// else the answer is the same nothing, to the byte, and comes as slowly.
//
// Requirement: AC-08
// Requirement: AC-09
// Case: AUTHZ-09
func TestTransferTargets(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside := k.SQL(t)
		promote(t, k, "MASTER_ADMIN", "gerd.grau", "silke.sommer") // so that each has searches of its own
		searchers := []*servertest.Client{k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), k.As(t, "gerd.grau"), k.As(t, "silke.sommer")}
		asked := 0
		ask := func(email, number, line string) *servertest.Answer {
			asked++
			return search(t, searchers[asked%len(searchers)], map[string]any{"email": email, "customerNumber": number, "line": line})
		}
		found := ask(" Maik.Alster@ALSTER.example ", " 4066969300 ", "FIXED_LINE").OK(t)
		if found.Get("transferTarget.displayName") != "Maik Alster" || found.Get("transferTarget.tenantName") != "Alster Druck KG" {
			t.Fatalf("the target is %s", found.Body)
		}
		nothing := plain(ask("nobody@alster.example", "4066969300", "FIXED_LINE"))
		if nothing != `{"data":{"transferTarget":null},"extensions":{"cost":{"points":202}}}` {
			t.Fatalf("nobody is %s", nothing)
		}
		same := func(what string, answer *servertest.Answer) {
			t.Helper()
			if got := plain(answer); got != nothing || answer.Status != http.StatusOK {
				t.Errorf("%s: %d %s", what, answer.Status, got)
			}
		}
		same("another's number", ask("maik.alster@alster.example", "4066969100", "FIXED_LINE"))
		same("no number", ask("maik.alster@alster.example", "", "FIXED_LINE"))
		same("another line", ask("maik.alster@alster.example", "4066969300", "MOBILE"))
		same("a user name", ask("maik.alster", "4066969300", "FIXED_LINE"))
		same("a wildcard", ask("%", "%", "FIXED_LINE"))
		same("no master admin", ask("susi.stein@alster.example", "4066969300", "FIXED_LINE"))
		same("a master admin without a number", ask("malte.brandt@brandt.example", "4066969300", "FIXED_LINE"))
		asked = len(searchers) - 1
		same("oneself", ask("martha.hansen@hansa.example", "4066969100", "FIXED_LINE"))
		for _, change := range []string{
			`UPDATE users SET status = 'DEACTIVATED' WHERE username = 'maik.alster'`, `UPDATE users SET status = 'LOCKED' WHERE username = 'maik.alster'`,
			`UPDATE user_roles SET role = 'GENERAL_USER' WHERE user_id = (SELECT id FROM users WHERE username = 'maik.alster')`,
			`UPDATE connections SET revoked_at = connected_at WHERE user_id = (SELECT id FROM users WHERE username = 'maik.alster')`,
		} {
			alter(t, beside, change)
			began := time.Now()
			same(change, ask("maik.alster@alster.example", "4066969300", "FIXED_LINE"))
			if took := time.Since(began); took < 100*time.Millisecond {
				t.Errorf("nobody is found in %s", took)
			}
			alter(t, beside, `UPDATE users SET status = 'ACTIVE' WHERE username = 'maik.alster'`)
		}
		for _, username := range []string{"anna.abel", "susi.stein", "paul.lang", "sabine.kurz"} {
			if answer := search(t, k.As(t, username), maik); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s searches: %s", username, answer.Body)
			}
		}
	})
}

// Guesses get nowhere after the first few, whatever right ones lie between them: those are
// not counted, and forgive nothing.
//
// Requirement: AC-08
// Case: AUTHZ-09
func TestTransferTargetsAreThrottled(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, guessed, limited := k.As(t, "martha.hansen"), 0, 0
		for range 22 { // as one looks at many, page by page
			search(t, martha, maik).OK(t)
		}
		for round := range 4 {
			for i, answer := range atOnce(100, func(i int) *servertest.Answer {
				if i%10 == 0 {
					return search(t, martha, maik)
				}
				return search(t, martha, map[string]any{"email": "malte.brandt@brandt.example", "customerNumber": fmt.Sprint(2310000000 + 100*round + i), "line": "GENERAL"})
			}) {
				switch {
				case answer.Code() == "RATE_LIMITED":
					limited++
					if after, _ := answer.Errors[0].Extensions["retryAfter"].(float64); after < 1 {
						t.Fatalf("come back after %v", after)
					}
				case i%10 != 0:
					guessed++
				}
			}
		}
		if guessed > 20 || limited < 350 {
			t.Errorf("of 360 guesses %d were looked at, %d requests refused", guessed, limited)
		}
		k.Clock.Advance(15 * time.Minute)
		search(t, martha, maik).OK(t)
	})
}

// aboutRights are those of mails that are about rights on contracts, and not about orders.
func aboutRights(mails []servertest.Mail) []servertest.Mail {
	return slices.DeleteFunc(mails, func(m servertest.Mail) bool { return !strings.Contains(m.Subject, "Rechte") })
}
