package server_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// receiptOf is what the page right after ordering shows.
func (s shopper) receiptOf(number string) *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/orders", "OrderReceipt", servertest.Vars{"number": number})
}

// receiptMails are the addresses that a receipt of the order is mailed to, and how often.
func receiptMails(t *testing.T, k *servertest.Kontor, number string) map[string]string {
	t.Helper()
	subjects := map[string]string{}
	for _, m := range k.Mails(t, "") {
		if strings.Contains(m.Subject, number+" ist eingegangen") || strings.Contains(m.Subject, number+" is received") {
			if subjects[m.To] != "" {
				t.Errorf("%s gets the receipt twice", m.To)
			}
			subjects[m.To] = m.Subject
		}
	}
	return subjects
}

// The receipt is there right after ordering, as a page and as a mail to all who have to do
// with the order, each once and in its language.
//
// Requirement: OR-08
func TestReceiptOfAnOrder(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET language = 'en' WHERE username = 'martha.hansen'`)
		martha := shopperAs(t, k, "martha.hansen")
		number := martha.orderOf(map[string]any{}, item("TEL-VP-1103", "3"), item("TEL-DT-0101", "2"))
		answer := martha.receiptOf(number).OK(t)
		if got := said(answer, "orderReceipt.order.number", "orderReceipt.sentTo", "orderReceipt.documents.0.kind"); got !=
			number+" [einkauf@hansa.example martha.hansen@hansa.example auftrag@fernruf.example] ORDER_CONFIRMATION" {
			t.Errorf("the receipt says %s", got)
		}
		var titles []string
		for i := range answer.List(t, "orderReceipt.information") {
			titles = append(titles, answer.String(t, fmt.Sprintf("orderReceipt.information.%d.title", i)))
			if text := answer.String(t, fmt.Sprintf("orderReceipt.information.%d.text", i)); text == "" || strings.Contains(text, "RECEIPT_") {
				t.Errorf("%s: %q", titles[i], text)
			}
		}
		if got := fmt.Sprint(titles); got != "[State What happens next Contact person]" {
			t.Errorf("one is informed about %s", got)
		}
		mails := receiptMails(t, k, number)
		if len(mails) != 3 || !strings.Contains(mails["martha.hansen@hansa.example"], "is received") || !strings.Contains(mails["einkauf@hansa.example"], "ist eingegangen") {
			t.Errorf("mailed are %v", mails)
		}
		text := newest(t, k, "einkauf@hansa.example").Text
		for _, want := range []string{number, "2 Stück", "TEL-DT-0101", "Martha Hansen", "EUR", "bearbeitet"} {
			if !strings.Contains(text, want) {
				t.Errorf("the mail does not say %q:\n%s", want, text)
			}
		}
		status, pdf, header := get(t, martha.Client, answer.String(t, "orderReceipt.documents.0.download.url"))
		if status != http.StatusOK || header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(pdf, "%PDF-") {
			t.Errorf("the confirmation is %d, %v", status, header)
		}
		if folder := os.Getenv("KONTOR_TEST_FILES"); folder != "" { // to look at it
			if err := os.WriteFile(filepath.Join(folder, "order.pdf"), []byte(pdf), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// An order that waits says for whom; whoever orders the same way again gets no second receipt.
		alter(t, k.SQL(t), `UPDATE tenants SET email = 'Martha.Hansen@HANSA.example' WHERE organization_id = 'HANSA'`)
		_, waiting := martha.large("large")
		martha.place(map[string]any{"idempotencyKey": "large"}).OK(t)
		answer = martha.receiptOf(waiting).OK(t)
		if got := said(answer, "orderReceipt.sentTo"); got != "[Martha.Hansen@HANSA.example auftrag@fernruf.example]" {
			t.Errorf("doubles are mailed: %s", got)
		}
		if got := said(answer, "orderReceipt.information.1.title", "orderReceipt.information.1.text"); !strings.HasPrefix(got, "Approval By the rule \"Bestellungen über 5.000 EUR\"") || !strings.Contains(got, "Anna Abel") {
			t.Errorf("a waiting order says %s", got)
		}
		if got := receiptMails(t, k, waiting); len(got) != 2 {
			t.Errorf("mailed are %v", got)
		}
		// Nothing is ordered, nobody is told.
		before := len(k.Mails(t, "einkauf@hansa.example"))
		martha.do("ClearCart", nil).OK(t)
		martha.place(map[string]any{"idempotencyKey": "empty"})
		if got := len(k.Mails(t, "einkauf@hansa.example")); got != before {
			t.Errorf("%d mails after an order that was refused, before %d", got, before)
		}
	})
}

// The receipt names addresses, so it is for those whose order it is, and for who serves
// them.
//
// Requirement: OR-08
// Requirement: AC-01
func TestWhoSeesAReceipt(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		silke := shopperAs(t, k, "silke.sommer")
		number := silke.orderOf(map[string]any{}, item("TEL-DT-0101", "1"))
		for username, sees := range map[string]bool{
			"silke.sommer": true, "martha.hansen": true, "gerd.grau": true, "anna.abel": true, "paul.lang": true, "sabine.kurz": true,
			"malte.brandt": false, "maik.alster": false,
		} {
			answer := shopperAs(t, k, username).receiptOf(number).OK(t)
			if got := answer.Get("orderReceipt") != nil; got != sees {
				t.Errorf("%s sees the receipt: %t", username, got)
			}
		}
		other := shopperAs(t, k, "gerd.grau").orderOf(map[string]any{}, item("TEL-DT-0101", "1"))
		if got := silke.receiptOf(other).OK(t).Get("orderReceipt"); got != nil {
			t.Errorf("a sub admin sees the receipt of a colleague: %v", got)
		}
		if got := silke.receiptOf("HANSA-999999").OK(t).Get("orderReceipt"); got != nil {
			t.Errorf("there is a receipt of nothing: %v", got)
		}
		if got := (shopper{k.Anonymous(), t}).receiptOf(number).Code(); got != "UNAUTHENTICATED" {
			t.Errorf("nobody sees it: %s", got)
		}
		// An order of long ago came without one.
		old := shopperAs(t, k, "malte.brandt").receiptOf("BRANDT-000001").OK(t)
		if got := said(old, "orderReceipt.order.number", "orderReceipt.sentTo"); got != "BRANDT-000001 []" {
			t.Errorf("an old order says %s", got)
		}
	})
}

// The order of a quote is told to all five: the company, who placed it, who agreed, who made
// the quote, and the seller.
//
// Requirement: OR-08
// Requirement: OR-04
func TestReceiptOfAQuote(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		paul, martha := shopperAs(t, k, "paul.lang"), shopperAs(t, k, "martha.hansen")
		to := map[string]any{"recipientEmail": "chef@hansa.example"}
		id, _, _ := paul.offer(k, to)
		accepted := martha.Operation(t, "partner/dashboard", "AcceptQuote", servertest.Vars{"input": map[string]any{
			"quoteId": id, "name": "Carla Chef", "email": "chef@hansa.example", "idempotencyKey": "k"}}).OK(t)
		number := accepted.String(t, "acceptQuote.order.number")
		want := []string{"einkauf@hansa.example", "martha.hansen@hansa.example", "chef@hansa.example", "paul.lang@fernruf.example", "auftrag@fernruf.example"}
		if got := said(martha.receiptOf(number).OK(t), "orderReceipt.sentTo"); got != fmt.Sprint(want) {
			t.Errorf("the receipt goes to %s", got)
		}
		mails := receiptMails(t, k, number)
		for _, address := range want {
			if mails[address] == "" {
				t.Errorf("%s gets none", address)
			}
		}
		if text := newest(t, k, "chef@hansa.example").Text; len(mails) != 5 || !strings.Contains(text, "Angebot angenommen von: Carla Chef") {
			t.Errorf("%v\n%s", mails, text)
		}
		// By the link, who made the quote has placed the order, and gets it once.
		_, _, token := paul.offer(k, to)
		accepted = k.Anonymous().Operation(t, "partner/dashboard", "AcceptQuote", servertest.Vars{"input": map[string]any{
			"token": token, "name": "Carla Chef", "email": "chef@hansa.example", "idempotencyKey": "k"}}).OK(t)
		got := martha.receiptOf(accepted.String(t, "acceptQuote.order.number")).OK(t).List(t, "orderReceipt.sentTo")
		if !slices.Equal(got, []any{"einkauf@hansa.example", "paul.lang@fernruf.example", "chef@hansa.example", "auftrag@fernruf.example"}) {
			t.Errorf("the receipt goes to %v", got)
		}
	})
}
