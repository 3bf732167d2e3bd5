package server_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

const buyer = "einkauf@hansa.example"

// quote makes a quote as the dashboard does, to HANSA where nothing else is said.
func (s shopper) quote(k *servertest.Kontor, more map[string]any) *servertest.Answer {
	s.t.Helper()
	return s.quoteTo(tenantID(s.t, k.SQL(s.t), "HANSA"), more)
}

func (s shopper) quoteTo(customer string, more map[string]any) *servertest.Answer {
	s.t.Helper()
	input := map[string]any{"tenantId": customer, "validUntil": "2026-12-31", "note": "Wie besprochen.\nFrei Haus.", "recipientEmail": buyer}
	maps.Copy(input, more)
	return s.Operation(s.t, "partner/dashboard", "CreateQuote", servertest.Vars{"input": input})
}

// offer fills the cart for HANSA, makes a quote of it and stops to act. It gives the ID of the
// quote, its number and the token of its link.
func (s shopper) offer(k *servertest.Kontor, more map[string]any, items ...map[string]any) (id, number, token string) {
	s.t.Helper()
	if len(items) == 0 {
		items = []map[string]any{item("TEL-DT-0101", "5")}
	}
	actFor(s.t, s.Client, tenantID(s.t, k.SQL(s.t), "HANSA")).OK(s.t)
	s.do("ClearCart", nil).OK(s.t)
	s.add(items...).OK(s.t)
	actFor(s.t, s.Client, "").OK(s.t)
	made := s.quote(k, more).OK(s.t)
	to, _ := more["recipientEmail"].(string)
	return made.String(s.t, "createQuote.quote.id"), made.String(s.t, "createQuote.quote.number"), newest(s.t, k, cmp.Or(to, buyer)).Token(s.t)
}

// accept accepts a quote, named by "quoteId" or "token", as the portal and the link do.
func accept(t *testing.T, c *servertest.Client, by, which string, more map[string]any) *servertest.Answer {
	t.Helper()
	input := map[string]any{by: which, "name": "Erna Einkauf", "email": "erna@hansa.example", "idempotencyKey": "k"}
	maps.Copy(input, more)
	return c.Operation(t, "partner/dashboard", "AcceptQuote", servertest.Vars{"input": input})
}

func decline(t *testing.T, c *servertest.Client, by, which string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "partner/dashboard", "DeclineQuote", servertest.Vars{"input": map[string]any{by: which, "reason": "Zu teuer."}})
}

// quoteNode asks for a quote by its ID.
func quoteNode(t *testing.T, c *servertest.Client, id, fields string) *servertest.Answer {
	t.Helper()
	return c.Do(t, `query($id: ID!) { quote: node(id: $id) { ... on Quote { `+fields+` } } }`, servertest.Vars{"id": id})
}

// An agent offers its cart for a customer: while it acts for it and while it does not. The quote
// takes the cart along, the cart is empty then, and the customer is mailed.
//
// Requirement: OR-04
// Requirement: AC-02
// Requirement: AC-13
func TestQuotesOfAgents(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		hansa := tenantID(t, d, "HANSA")
		for i, username := range []string{"paul.lang", "sabine.kurz", "paul.lang", "sabine.kurz"} {
			acts := i < 2
			agent := shopperAs(t, k, username)
			actFor(t, agent.Client, hansa).OK(t)
			address := agent.do("SaveAddress", map[string]any{"street": "Kai 1", "postalCode": "20457", "city": "Hamburg"}).OK(t).String(t, "saveAddress.address.id")
			agent.add(item("TEL-DT-0101", "5", "wishedDate", "2026-12-24"), item("NET-GF-0606", "200", "accountAssignment", map[string]any{"costCentre": "77"})).OK(t)
			agent.do("UpdateCart", map[string]any{"name": "Umzug", "customerOrderNumber": "K-1", "referenceNumber": "R-1", "deliveryAddressId": address}).OK(t)
			was := agent.cart()
			if !acts {
				actFor(t, agent.Client, "").OK(t)
			}
			made := agent.quote(k, nil).OK(t)
			number := fmt.Sprintf("HANSA-Q%06d", i+1)
			if got := said(made, "createQuote.quote.number", "createQuote.quote.state", "createQuote.quote.validUntil", "createQuote.errors"); got != number+" OPEN 2026-12-31 []" {
				t.Fatalf("the quote says %s", got)
			}
			seller, name := "Fernruf Vertrieb AG", "Lang"
			if username == "sabine.kurz" {
				seller, name = "Kontor Service GmbH", "Kurz"
			}
			for who, c := range map[string]*servertest.Client{"the agent": agent.Client, "the customer": k.As(t, "gerd.grau")} {
				shown := quoteNode(t, c, made.String(t, "createQuote.quote.id"), `number name customerOrderNumber referenceNumber createdAt note tenant { name } seller { name } madeBy { lastName }
					items { position quantity unit wishedDate product { sku name } unitPrice { amount } lineTotal { amount } deliveryAddress { street } accountAssignment { costCentre } }
					net { amount } tax { amount } gross { amount } order { number } agreedBy { name } decidedAt`).OK(t)
				if got := said(shown, "quote.number", "quote.name", "quote.customerOrderNumber", "quote.referenceNumber", "quote.createdAt", "quote.tenant.name", "quote.seller.name", "quote.madeBy.lastName",
					"quote.order", "quote.agreedBy", "quote.decidedAt"); got != number+" Umzug K-1 R-1 2026-11-23T09:00:00Z Hansa Logistik GmbH "+seller+" "+name+" <nil> <nil> <nil>" {
					t.Errorf("%s sees %s", who, got)
				}
				for _, sum := range []string{"net", "tax", "gross"} {
					if got, want := shown.Get("quote."+sum+".amount"), was.Get("cart."+sum+".amount"); got != want {
						t.Errorf("%s is %v, in the cart it was %v", sum, got, want)
					}
				}
				if got := fmt.Sprint(shown.Get("quote.items.0.wishedDate"), shown.Get("quote.items.0.deliveryAddress.street"), shown.Get("quote.items.1.accountAssignment.costCentre"), shown.Get("quote.items.1.product.sku"), shown.Get("quote.note")); got !=
					"2026-12-24Kai 177NET-GF-0606Wie besprochen.\nFrei Haus." {
					t.Errorf("the positions say %s", got)
				}
			}
			mail := newest(t, k, buyer)
			for _, say := range []string{seller + " macht Ihnen das Angebot", number, "31.12.2026", "Wie besprochen. Frei Haus.", "/quote?token="} {
				if !strings.Contains(strings.Join(strings.Fields(mail.Text), " "), say) {
					t.Errorf("the mail does not say %q:\n%s", say, mail.Text)
				}
			}
			if mail.Subject != seller+": Angebot "+number {
				t.Errorf("the subject is %s", mail.Subject)
			}
			if stored := columnOf(t, d, `SELECT COUNT(*) FROM quotes WHERE token_hash = $1`, mail.Token(t))[0]; stored != "0" {
				t.Error("the token itself is stored")
			}
			if acts && len(agent.lines()) != 0 {
				t.Errorf("the cart still has %v", agent.lines())
			}
			if got := faultsOf(t, agent.quote(k, nil), "createQuote"); !slices.Equal(got, []string{"CART_EMPTY"}) {
				t.Errorf("an empty cart: %v", got)
			}
			log := auditOf(t, k.As(t, "martha.hansen"), map[string]any{"action": "quote.create"})
			if got := fmt.Sprint(log[0]); len(log) != i+1 || !strings.Contains(got, username) || !strings.Contains(got, number) {
				t.Errorf("the customer's log says %v", log)
			}
		}
	})
}

// What is wrong with a quote is told at once, and then nothing is offered.
//
// Requirement: OR-04
// Requirement: CA-09
func TestRefusedQuotes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul := shopperAs(t, k, "paul.lang")
		hansa, brandt := tenantID(t, k.SQL(t), "HANSA"), tenantID(t, k.SQL(t), "BRANDT")
		actFor(t, paul.Client, hansa).OK(t)
		paul.add(item("TEL-DT-0101", "5"), item("TEL-DT-0106", "7")).OK(t)
		for name, each := range map[string]struct {
			input map[string]any
			want  string
		}{
			"yesterday":       {map[string]any{"validUntil": "2026-11-22"}, "VALIDITY_INVALID validUntil"},
			"too long":        {map[string]any{"validUntil": "2027-11-24"}, "VALIDITY_INVALID validUntil"},
			"no address":      {map[string]any{"recipientEmail": "niemand"}, "EMAIL_INVALID recipientEmail"},
			"a long note":     {map[string]any{"note": strings.Repeat("ä", 1001)}, "VALUE_TOO_LONG note"},
			"all of it":       {map[string]any{"validUntil": "2020-01-01", "recipientEmail": "a@b.example\nBcc: x@y.example", "note": "\x00"}, "VALUE_INVALID note VALIDITY_INVALID validUntil EMAIL_INVALID recipientEmail"},
			"no key":          {map[string]any{"idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID idempotencyKey"},
			"foreign tenant":  {map[string]any{"tenantId": brandt}, "TENANT_UNKNOWN tenantId"},
			"another tenant":  {map[string]any{"tenantId": tenantID(t, k.SQL(t), "ALSTER")}, "TENANT_UNKNOWN tenantId"}, // it acts for HANSA
			"its own company": {map[string]any{"tenantId": tenantID(t, k.SQL(t), "FERNRUF")}, "TENANT_UNKNOWN tenantId"},
			"no tenant":       {map[string]any{"tenantId": nobodys(t, hansa)}, "TENANT_UNKNOWN tenantId"},
		} {
			if got := strings.Join(faultsOf(t, paul.quote(k, each.input), "createQuote"), " "); got != each.want {
				t.Errorf("%s: %s, want %s", name, got, each.want)
			}
		}
		actFor(t, paul.Client, "").OK(t)
		for name, tenant := range map[string]string{"foreign": brandt, "its own": tenantID(t, k.SQL(t), "FERNRUF"), "none": nobodys(t, hansa), "the operator": tenantID(t, k.SQL(t), "SERVICE"), "no ID": "x"} {
			if got := strings.Join(faultsOf(t, paul.quote(k, map[string]any{"tenantId": tenant}), "createQuote"), " "); got != "TENANT_UNKNOWN tenantId" {
				t.Errorf("%s: %s", name, got)
			}
		}
		alter(t, k.SQL(t), `UPDATE products SET active = false WHERE sku = 'TEL-DT-0101'`)
		alter(t, k.SQL(t), `UPDATE prices SET amount = amount + 10000 WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DT-0106')`)
		if got := strings.Join(faultsOf(t, paul.quote(k, nil), "createQuote"), ", "); got != "PRODUCT_NOT_ORDERABLE items.0, PRICE_CHANGED items.1" {
			t.Errorf("problems of the cart: %s", got)
		}
		if got := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM quotes`)[0]; got != "0" || len(k.Mails(t, buyer)) != 0 {
			t.Errorf("there are %s quotes and mails %v", got, k.Mails(t, buyer))
		}
		alter(t, k.SQL(t), `UPDATE products SET active = true`)
		actFor(t, paul.Client, hansa).OK(t)
		paul.do("UpdateCart", map[string]any{"acknowledgePrices": true}).OK(t)
		for _, username := range []string{"martha.hansen", "gerd.grau", "anna.abel", "malte.brandt"} {
			if got := shopperAs(t, k, username).quote(k, nil).Code(); got != "FORBIDDEN" {
				t.Errorf("%s makes a quote: %q", username, got)
			}
		}
		if got := paul.quote(k, map[string]any{"validUntil": "2027-11-23"}).OK(t).Get("createQuote.quote.number"); got != "HANSA-Q000001" {
			t.Errorf("the first number is %v", got)
		}
		paul.add(item("TEL-DT-0101", "5")).OK(t)
		paul.quote(k, map[string]any{"validUntil": "2026-11-23"}).OK(t)
	})
}

// The same request again, acting or not, gives the same quote and one mail; without a key the
// cart is empty then.
//
// Requirement: OR-04
func TestSameKeyMakesOneQuote(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		paul := shopperAs(t, one, "paul.lang")
		actFor(t, paul.Client, tenantID(t, one.SQL(t), "HANSA")).OK(t)
		paul.add(item("TEL-DT-0101", "5")).OK(t)
		actFor(t, paul.Client, "").OK(t)
		for i, answer := range atOnce(12, func(i int) *servertest.Answer {
			return shopper{paul.On([]*servertest.Kontor{one, two}[i%2]), t}.quote(one, map[string]any{"idempotencyKey": "k"})
		}) {
			if got := answer.OK(t).Get("createQuote.quote.number"); got != "HANSA-Q000001" {
				t.Errorf("answer %d says %s", i, answer.Body)
			}
		}
		if got := faultsOf(t, paul.quote(one, map[string]any{"idempotencyKey": "k", "note": "anders"}), "createQuote"); !slices.Equal(got, []string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"}) {
			t.Errorf("another input: %v", got)
		}
		if got := len(one.Mails(t, buyer)); got != 1 {
			t.Errorf("the customer got %d mails", got)
		}
	})
}

// A quote expires when its last day is over, in UTC: for its field, for filters, for actions
// and for mutations.
//
// Requirement: OR-04
func TestQuotesExpire(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, martha := shopperAs(t, k, "paul.lang"), k.As(t, "martha.hansen")
		id, number, token := paul.offer(k, map[string]any{"validUntil": "2026-11-24"})
		look := func() string {
			return said(quoteNode(t, martha, id, `state myActions`).OK(t), "quote.state", "quote.myActions") + said(k.Anonymous().Operation(t, "partner/dashboard", "QuoteByToken", servertest.Vars{"token": token}).OK(t), "quoteByToken.state") +
				fmt.Sprint(numbersIn(t, martha, "OPEN"), numbersIn(t, martha, "EXPIRED"), numbersIn(t, martha, "EXPIRED", "ACCEPTED"))
		}
		k.Clock.Advance(24*time.Hour + 14*time.Hour + 59*time.Minute) // until 23:59 of the last day
		martha = k.As(t, "martha.hansen")
		if got := look(); got != "OPEN [ACCEPT DECLINE]OPEN["+number+"] [] []" {
			t.Errorf("on its last day it says %s", got)
		}
		k.Clock.Advance(time.Minute)
		if got := look(); got != "EXPIRED []EXPIRED[] ["+number+"] ["+number+"]" {
			t.Errorf("after its last day it says %s", got)
		}
		for name, got := range map[string][]string{
			"accepting":         faultsOf(t, accept(t, martha, "quoteId", id, nil), "acceptQuote"),
			"accepting by link": faultsOf(t, accept(t, k.Anonymous(), "token", token, nil), "acceptQuote"),
			"declining":         faultsOf(t, decline(t, martha, "quoteId", id), "declineQuote"),
		} {
			if !slices.Equal(got, []string{"QUOTE_EXPIRED"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got := columnOf(t, k.SQL(t), `SELECT state FROM quotes`)[0]; got != "OPEN" {
			t.Errorf("the row says %s", got)
		}
	})
}

// numbersIn are the numbers of the quotes in these states, as the dashboard lists them.
func numbersIn(t *testing.T, c *servertest.Client, states ...string) []any {
	t.Helper()
	return fieldOf(t, c.Operation(t, "partner/dashboard", "Quotes", servertest.Vars{"first": 50, "states": states}).OK(t), "quotes.nodes", "number")
}
