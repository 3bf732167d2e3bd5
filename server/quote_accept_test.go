package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// agreed is what an order says about the quote that it came from.
func agreed(t *testing.T, c *servertest.Client, number string) string {
	t.Helper()
	return said(c.Do(t, `query($number: String!) { order(number: $number) { state quote { number state } agreedBy { name email } placedBy { lastName } history { by { lastName } } net { amount } } }`,
		servertest.Vars{"number": number}).OK(t), "order.state", "order.quote.number", "order.quote.state", "order.agreedBy.name", "order.agreedBy.email", "order.placedBy.lastName", "order.history.0.by", "order.net.amount")
}

// A user of the customer accepts in the portal: one order, at the prices and with the products
// that were offered, whatever became of them; whoever made the quote is told.
//
// Requirement: OR-04
// Requirement: OR-01
// Requirement: AC-13
// Requirement: AC-14
func TestQuoteAcceptedInThePortal(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		paul, gerd := shopperAs(t, k, "paul.lang"), k.As(t, "gerd.grau")
		id, number, token := paul.offer(k, nil, item("TEL-DT-0101", "5", "wishedDate", "2026-11-24"), item("TEL-DT-0106", "7"))
		before := quoteNode(t, gerd, id, `net { amount } myActions`).OK(t)
		if got := said(before, "quote.myActions"); got != "[ACCEPT DECLINE]" {
			t.Errorf("gerd can %s", got)
		}
		alter(t, d, `UPDATE prices SET amount = amount * 2`)
		alter(t, d, `UPDATE products SET name = 'Umbenannt', active = false WHERE sku = 'TEL-DT-0101'`)
		alter(t, d, `DELETE FROM prices WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0106')`)
		k.Clock.Advance(7 * 24 * time.Hour)
		gerd, paul = k.As(t, "gerd.grau"), shopperAs(t, k, "paul.lang")
		accepted := accept(t, gerd, "quoteId", id, nil).OK(t)
		order := accepted.String(t, "acceptQuote.order.number")
		if got := said(accepted, "acceptQuote.order.state", "acceptQuote.errors"); got != "IN_PROGRESS []" {
			t.Errorf("the order is %s", got)
		}
		want := "IN_PROGRESS " + number + " ACCEPTED Erna Einkauf erna@hansa.example Grau map[lastName:Grau] " + before.String(t, "quote.net.amount")
		if got := agreed(t, gerd, order); got != want {
			t.Errorf("the order says %s\nwant %s", got, want)
		}
		positions := gerd.Do(t, `query($number: String!) { order(number: $number) { items { product { sku name } wishedDate quantity } } }`, servertest.Vars{"number": order}).OK(t)
		if got := fmt.Sprint(positions.Get("order.items")); !strings.Contains(got, "Tischtelefon Basis 10") || !strings.Contains(got, "TEL-DT-0106") || !strings.Contains(got, "2026-11-24") {
			t.Errorf("its positions are %s", got)
		}
		for who, c := range map[string]*servertest.Client{"customer": gerd, "agent": paul.Client} {
			if got := said(quoteNode(t, c, id, `state order { number } agreedBy { name } myActions decidedAt`).OK(t), "quote.state", "quote.order.number", "quote.agreedBy.name", "quote.myActions", "quote.decidedAt"); got !=
				"ACCEPTED "+order+" Erna Einkauf [] 2026-11-30T09:00:00Z" {
				t.Errorf("the quote says to the %s %s", who, got)
			}
		}
		told := newest(t, k, "paul.lang@fernruf.example")
		if told.Subject != "Hansa Logistik GmbH: Angebot "+number+" ist angenommen" || !strings.Contains(told.Text, order) || !strings.Contains(told.Text, "Erna Einkauf") {
			t.Errorf("the agent is told\n%s\n%s", told.Subject, told.Text)
		}
		// The same request again gives the same order, any other is told that it is done.
		if got := accept(t, gerd, "quoteId", id, nil).OK(t).Get("acceptQuote.order.number"); got != order {
			t.Errorf("the same request gives %v", got)
		}
		for name, answer := range map[string]*servertest.Answer{
			"another key": accept(t, gerd, "quoteId", id, map[string]any{"idempotencyKey": "l"}), "another name": accept(t, gerd, "quoteId", id, map[string]any{"name": "X"}),
			"a colleague": accept(t, k.As(t, "martha.hansen"), "quoteId", id, nil), "the link": accept(t, k.Anonymous(), "token", token, nil),
		} {
			if got := faultsOf(t, answer, "acceptQuote"); !slices.Equal(got, []string{"QUOTE_ALREADY_ACCEPTED"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got := faultsOf(t, decline(t, gerd, "quoteId", id), "declineQuote"); !slices.Equal(got, []string{"QUOTE_ALREADY_ACCEPTED"}) {
			t.Errorf("declining: %v", got)
		}
		if got := columnOf(t, d, `SELECT COUNT(*) FROM orders WHERE quote_id IS NOT NULL`)[0]; got != "1" || toldOfQuotes(t, k) != 1 {
			t.Errorf("there are %s orders and %d mails", got, toldOfQuotes(t, k))
		}
		var actions []any
		for _, entry := range auditOf(t, k.As(t, "martha.hansen"), map[string]any{}) {
			actions = append(actions, entry["action"])
		}
		if got := fmt.Sprint(actions[:3]); got != "[quote.accept order.place quote.create]" {
			t.Errorf("the audit log says %s", got)
		}
	})
}

// Whoever has the link accepts without a login. The order is placed by who made the quote, and
// its history names nobody.
//
// Requirement: OR-04
// Requirement: AC-01
func TestQuoteAcceptedByLink(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, anyone := shopperAs(t, k, "paul.lang"), k.Anonymous()
		_, number, token := paul.offer(k, nil)
		shown := anyone.Do(t, `query($token: String!) { quoteByToken(token: $token) { number state validUntil note seller { name } net { amount } tax { amount } gross { amount currency }
			items { product { name } quantity unit unitPrice { amount } lineTotal { amount } } } }`, servertest.Vars{"token": token}).OK(t)
		if got := said(shown, "quoteByToken.number", "quoteByToken.state", "quoteByToken.seller.name", "quoteByToken.items.0.product.name", "quoteByToken.items.0.quantity"); got != number+" OPEN Fernruf Vertrieb AG Tischtelefon Basis 10 5" {
			t.Errorf("the link shows %s", got)
		}
		accepted := accept(t, anyone, "token", token, nil).OK(t)
		order := accepted.String(t, "acceptQuote.order.number")
		if got := agreed(t, k.As(t, "martha.hansen"), order); got != "IN_PROGRESS "+number+" ACCEPTED Erna Einkauf erna@hansa.example Lang <nil> "+shown.String(t, "quoteByToken.net.amount") {
			t.Errorf("the order says %s", got)
		}
		if got := accept(t, anyone, "token", token, nil).OK(t).Get("acceptQuote.order.number"); got != order {
			t.Errorf("the same request gives %v", got)
		}
		if log := auditOf(t, k.As(t, "martha.hansen"), map[string]any{"action": "quote.accept"}); len(log) != 1 || log[0]["actor"] != nil || !strings.Contains(fmt.Sprint(log[0]), "Erna Einkauf") {
			t.Errorf("the audit log says %v", log)
		}
		if got := said(anyone.Operation(t, "partner/dashboard", "QuoteByToken", servertest.Vars{"token": token}).OK(t), "quoteByToken.state"); got != "ACCEPTED" {
			t.Errorf("the link says %s", got)
		}
		// Somebody of another company may hold it, too; an agent that made a quote could as well log out.
		_, _, second := paul.offer(k, nil)
		if got := said(decline(t, k.As(t, "malte.brandt"), "token", second).OK(t), "declineQuote.quote.state", "declineQuote.errors"); got != "DECLINED []" {
			t.Errorf("declined by link: %s", got)
		}
		for _, wrong := range []string{"", "x", strings.Repeat("A", 43), token[:42] + "_", token + "A"} {
			if got := anyone.Operation(t, "partner/dashboard", "QuoteByToken", servertest.Vars{"token": wrong}).OK(t).Get("quoteByToken"); got != nil && wrong != token {
				t.Errorf("the token %q shows %v", wrong, got)
			}
			for what, got := range map[string][]string{"accept": faultsOf(t, accept(t, anyone, "token", wrong, nil), "acceptQuote"), "decline": faultsOf(t, decline(t, anyone, "token", wrong), "declineQuote")} {
				if !slices.Equal(got, []string{"LINK_UNKNOWN token"}) && wrong != token {
					t.Errorf("%s with the token %q: %v", what, wrong, got)
				}
			}
		}
	})
}

// Guesses at tokens use up the attempts of their source; what is right does not.
//
// Requirement: OR-04
// Case: AUTH-06
func TestTokensOfQuotesAreNotGuessed(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		_, _, token := shopperAs(t, k, "paul.lang").offer(k, nil)
		look := func(token string) string {
			return k.Anonymous().Operation(t, "partner/dashboard", "QuoteByToken", servertest.Vars{"token": token}).Code()
		}
		for range 110 {
			if got := look(token); got != "" {
				t.Fatalf("the right token is told %s", got)
			}
		}
		for range 100 {
			look(strings.Repeat("A", 43))
		}
		guess := k.Anonymous()
		if got := fmt.Sprint(look(token), accept(t, guess, "token", token, nil).Code(), decline(t, guess, "token", token).Code()); got != "RATE_LIMITEDRATE_LIMITEDRATE_LIMITED" {
			t.Errorf("after a hundred guesses: %s", got)
		}
		k.Clock.Advance(time.Minute)
		if got := look(token); got != "" {
			t.Errorf("a minute later: %s", got)
		}
	})
}

// Who sells does not accept, neither while it acts nor while it does not; nobody sees or decides
// on quotes to another company.
//
// Requirement: OR-04
// Requirement: AC-01
// Requirement: AC-02
// Requirement: AC-14
func TestWhoDecidesOnQuotes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		hansa := tenantID(t, d, "HANSA")
		promote(t, k, "GENERAL_USER", "paul.lang")
		paul := shopperAs(t, k, "paul.lang")
		for _, each := range []struct {
			username string
			acts     bool
			sees     bool
			refusal  string // empty: it may
		}{
			{"martha.hansen", false, true, ""}, {"gerd.grau", false, true, ""}, {"anna.abel", false, true, ""},
			{"silke.sommer", false, false, "FORBIDDEN"}, // a sub admin sees what it has rights on
			{"paul.lang", false, true, "NOT_FOUND"},     // a general user at home, and not of the customer
			{"paul.lang", true, true, "FORBIDDEN"}, {"sabine.kurz", false, true, "FORBIDDEN"}, {"sabine.kurz", true, true, "FORBIDDEN"},
			{"malte.brandt", false, false, "NOT_FOUND"}, {"maik.alster", false, false, "NOT_FOUND"}, {"gisela.gross", false, false, "NOT_FOUND"},
		} {
			id, number, _ := paul.offer(k, nil)
			name := fmt.Sprint(each.username, " acts ", each.acts)
			c := k.As(t, each.username)
			if each.acts {
				actFor(t, c, hansa).OK(t)
			}
			seen := quoteNode(t, c, id, `number myActions`)
			if got := seen.Get("quote.number") == number; got != each.sees {
				t.Errorf("%s sees it: %v, %s", name, got, seen.Body)
			}
			offered := "[]"
			if each.refusal == "" {
				offered = "[ACCEPT DECLINE]"
			}
			if got := fmt.Sprint(seen.Get("quote.myActions")); each.sees && got != offered {
				t.Errorf("%s is offered %s", name, got)
			}
			listed := c.Operation(t, "partner/dashboard", "Quotes", servertest.Vars{"first": 50})
			if got := listed.Code() == "" && slices.Contains(fieldOf(t, listed, "quotes.nodes", "number"), any(number)); got != each.sees {
				t.Errorf("%s lists it: %v", name, got)
			}
			if got := decline(t, c, "quoteId", id); each.refusal != "" && got.Code() != each.refusal {
				t.Errorf("%s declines: %s", name, got.Body)
			} else if each.refusal == "" {
				got.OK(t)
				id, _, _ = paul.offer(k, nil)
			}
			if got := accept(t, c, "quoteId", id, nil); got.Code() != each.refusal || each.refusal == "" && got.Get("acceptQuote.order") == nil {
				t.Errorf("%s accepts: %s", name, got.Body)
			}
		}
		if got := accept(t, k.Anonymous(), "quoteId", nobodys(t, hansa), nil).Code(); got != "UNAUTHENTICATED" {
			t.Errorf("nobody accepts by ID: %s", got)
		}
		martha := k.As(t, "martha.hansen")
		if got := accept(t, martha, "quoteId", nobodys(t, hansa), map[string]any{"token": "x"}).Code(); got != "BAD_USER_INPUT" {
			t.Errorf("both ways at once: %s", got)
		}
		if got := faultsOf(t, accept(t, martha, "token", "", map[string]any{"token": nil}), "acceptQuote"); !slices.Equal(got, []string{"VALUE_REQUIRED quoteId"}) {
			t.Errorf("by no way: %v", got)
		}
		id, _, _ := paul.offer(k, nil)
		for name, each := range map[string]struct {
			input map[string]any
			want  string
		}{
			"no name": {map[string]any{"name": " "}, "VALUE_REQUIRED name"}, "a long one": {map[string]any{"name": strings.Repeat("x", 101)}, "VALUE_TOO_LONG name"},
			"no address": {map[string]any{"email": "x"}, "EMAIL_INVALID email"}, "both": {map[string]any{"name": "", "email": ""}, "VALUE_REQUIRED name EMAIL_INVALID email"},
			"no key": {map[string]any{"idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID idempotencyKey"},
		} {
			if got := strings.Join(faultsOf(t, accept(t, martha, "quoteId", id, each.input), "acceptQuote"), " "); got != each.want {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

// What is declined stays declined, and whoever made it is told by whom and why.
//
// Requirement: OR-04
func TestDeclinedQuotes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET language = 'en' WHERE username = 'paul.lang'`)
		paul, martha := shopperAs(t, k, "paul.lang"), k.As(t, "martha.hansen")
		id, number, token := paul.offer(k, nil)
		if got := said(decline(t, martha, "quoteId", id).OK(t), "declineQuote.quote.number", "declineQuote.quote.state"); got != number+" DECLINED" {
			t.Errorf("declined: %s", got)
		}
		told := newest(t, k, "paul.lang@fernruf.example")
		if text := strings.Join(strings.Fields(told.Text), " "); !strings.Contains(text, "was declined by Martha Hansen. The reason given: “Zu teuer.”") {
			t.Errorf("the agent is told\n%s", told.Text)
		}
		for name, got := range map[string][]string{
			"again": faultsOf(t, decline(t, martha, "quoteId", id), "declineQuote"), "accepting": faultsOf(t, accept(t, martha, "quoteId", id, nil), "acceptQuote"),
			"accepting by link": faultsOf(t, accept(t, k.Anonymous(), "token", token, nil), "acceptQuote"),
		} {
			if !slices.Equal(got, []string{"QUOTE_DECLINED"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got := said(quoteNode(t, paul.Client, id, `state reason order { number } myActions`).OK(t), "quote.state", "quote.reason", "quote.order", "quote.myActions"); got != "DECLINED Zu teuer. <nil> []" {
			t.Errorf("the agent sees %s", got)
		}
	})
}

// No quote goes around the approval rules, by whichever way it is accepted.
//
// Requirement: OR-02
// Requirement: OR-04
func TestAcceptedQuotesWaitForApproval(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, anna := shopperAs(t, k, "paul.lang"), k.As(t, "anna.abel")
		for _, by := range []string{"quoteId", "token"} {
			id, _, token := paul.offer(k, nil, item("TEL-DT-0101", "200"))
			c, which := k.As(t, "gerd.grau"), id
			if by == "token" {
				c, which = k.Anonymous(), token
			}
			accepted := accept(t, c, by, which, nil).OK(t)
			if got := accepted.Get("acceptQuote.order.state"); got != "PENDING_APPROVAL" {
				t.Errorf("by %s the order is %v", by, got)
			}
			if got := awaited(t, anna); !slices.Contains(got, accepted.Get("acceptQuote.order.number")) {
				t.Errorf("by %s: anna decides on %v", by, got)
			}
		}
		// An approver that accepts has ordered, and does not approve: neither in the portal, nor by the
		// link, logged in or under its address.
		martha := k.As(t, "martha.hansen")
		for name, by := range map[string]func(id, token string) *servertest.Answer{
			"in the portal":      func(id, _ string) *servertest.Answer { return accept(t, anna, "quoteId", id, nil) },
			"by link, logged in": func(_, token string) *servertest.Answer { return accept(t, anna, "token", token, nil) },
			"by link": func(_, token string) *servertest.Answer {
				return accept(t, k.Anonymous(), "token", token, map[string]any{"email": "Anna.Abel@hansa.example"})
			},
		} {
			id, _, token := paul.offer(k, nil, item("TEL-DT-0101", "200"))
			number := by(id, token).OK(t).String(t, "acceptQuote.order.number")
			order := martha.Do(t, `query($number: String!) { order(number: $number) { id approval { approvers { lastName } } } }`, servertest.Vars{"number": number}).OK(t).String(t, "order.id")
			if got := awaited(t, anna); slices.Contains(got, any(number)) {
				t.Errorf("%s: anna waits to approve what she accepted", name)
			}
			if got := approve(t, anna, order); !slices.Equal(got, []string{"SELF_APPROVAL_NOT_ALLOWED"}) {
				t.Errorf("%s: anna approves what she accepted: %v", name, got)
			}
			if got := awaited(t, martha); !slices.Contains(got, any(number)) {
				t.Errorf("%s: a master admin decides on %v", name, got)
			}
			if got := approve(t, martha, order); got != nil {
				t.Errorf("%s: a master admin approves: %v", name, got)
			}
		}
	})
}

// In the portal, by the link and on two replicas at once: one order, and one mail to the agent.
//
// Requirement: OR-04
// Case: CONC-01
func TestQuotesAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		d := one.SQL(t)
		paul := shopperAs(t, one, "paul.lang")
		people := []*servertest.Client{one.As(t, "martha.hansen"), one.As(t, "gerd.grau"), one.As(t, "anna.abel"), one.Anonymous()}
		for round := range 3 {
			id, _, token := paul.offer(one, nil)
			answers := atOnce(32, func(i int) *servertest.Answer {
				c, by, which := people[i%4].On([]*servertest.Kontor{one, two}[i/4%2]), "quoteId", id
				if i%4 == 3 {
					by, which = "token", token
				}
				if i >= 28 {
					return decline(t, c, by, which)
				}
				return accept(t, c, by, which, map[string]any{"idempotencyKey": fmt.Sprint(i)})
			})
			orders := map[any]bool{}
			declined := 0
			for i, answer := range answers {
				if i >= 28 && answer.Get("declineQuote.quote") != nil {
					declined++
				}
				if order := answer.Get("acceptQuote.order.number"); order != nil {
					orders[order] = true
				} else if got := strings.Join(append(answer.Codes("acceptQuote"), answer.Codes("declineQuote")...), " "); declined == 0 && got != "QUOTE_ALREADY_ACCEPTED" && got != "QUOTE_DECLINED" {
					t.Errorf("caller %d is told %s", i, answer.Body)
				}
			}
			if len(orders)+declined != 1 {
				t.Errorf("round %d: orders %v, declined %d times", round, orders, declined)
			}
			if got := columnOf(t, d, `SELECT COUNT(*) FROM orders WHERE quote_id = $1`, keyOf(t, id))[0]; got != fmt.Sprint(len(orders)) {
				t.Errorf("there are %s orders", got)
			}
			if got := toldOfQuotes(t, one); got != round+1 {
				t.Errorf("the agent was told %d times", got)
			}
		}
		id, _, _ := paul.offer(one, nil)
		numbers := map[any]bool{}
		for _, answer := range atOnce(16, func(i int) *servertest.Answer {
			return accept(t, people[0].On([]*servertest.Kontor{one, two}[i%2]), "quoteId", id, nil)
		}) {
			numbers[answer.OK(t).Get("acceptQuote.order.number")] = true
		}
		if len(numbers) != 1 {
			t.Errorf("the same request gives %v", numbers)
		}
	})
}

// toldOfQuotes is how often the agent was told what became of a quote; receipts of orders are
// no such mails.
func toldOfQuotes(t *testing.T, k *servertest.Kontor) int {
	t.Helper()
	n := 0
	for _, m := range k.Mails(t, "paul.lang@fernruf.example") {
		if strings.Contains(m.Subject, "Angebot") {
			n++
		}
	}
	return n
}

// Neither who was mailed the link nor who sells gets around that somebody else decides.
//
// Requirement: OR-02
// Requirement: OR-04
func TestTheLinkIsNoWayAroundTheRules(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul := shopperAs(t, k, "paul.lang")
		_, _, token := paul.offer(k, map[string]any{"recipientEmail": "anna.abel@hansa.example"}, item("TEL-DT-0101", "200"))
		accepted := accept(t, k.Anonymous(), "token", token, map[string]any{"email": "anna@private.example", "name": "A. B."}).OK(t)
		anna := shopperAs(t, k, "anna.abel")
		o := anna.processed(accepted.String(t, "acceptQuote.order.number"))
		if got := approve(t, anna.Client, o.String(t, "order.id")); !slices.Equal(got, []string{"SELF_APPROVAL_NOT_ALLOWED"}) {
			t.Errorf("whoever was mailed the link accepted and approves: %v", got)
		}
		_, _, token = paul.offer(k, map[string]any{"recipientEmail": "paul.lang@fernruf.example"})
		if got := accept(t, paul.Client, "token", token, map[string]any{"name": "Martha Hansen", "email": "martha.hansen@hansa.example"}).Code(); got != "FORBIDDEN" {
			t.Errorf("the seller accepts its own quote: %s", got)
		}
	})
}
