package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Reservations of a wizard that was left run out: others can have what it reserved, before
// anything sweeps it away; whoever comes back has what nobody took, and is told of the rest.
//
// Requirement: WZ-09
// Requirement: WZ-11
func TestReservationsRunOut(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		left := filled(t, k.As(t, "gerd.grau"), "770")
		ported := filled(t, k.As(t, "gerd.grau"), "771")
		ported.must("number", map[string]any{"kind": "PORT_IN", "number": "+49 171 3920999", "provider": "T"})
		was := left.resume()
		number, ending := was.String(t, "node.number.number"), was.String(t, "node.sim.lastFour")
		martha := wizardOf(t, k.As(t, "martha.hansen"), nil)
		martha.must("connection", map[string]any{"voiceSku": "TEL-VP-1106"})
		card := map[string]any{"productSku": "TEL-SI-3101", "mode": "ACTIVATE_NOW", "lastFour": ending}
		fmc := map[string]any{"extension": "770", "name": "M", "pin": "0000"}
		if got := append(martha.wrong("sim", card), martha.wrong("fmc", fmc)...); !slices.Equal(got, []string{"SIM_TAKEN sim.lastFour", "EXTENSION_TAKEN fmc.extension"}) {
			t.Errorf("what is reserved: %v", got)
		}
		k.Clock.Advance(24*time.Hour + time.Second)
		martha = martha.on(k.As(t, "martha.hansen"))
		martha.resume()
		martha.must("sim", card)
		martha.must("fmc", fmc)
		left = left.on(k.As(t, "gerd.grau"))
		if got := problemsOf(t, left.resume(), "node"); !slices.Equal(got, []string{"SIM RESERVATION_EXPIRED sim.lastFour", "NUMBER RESERVATION_EXPIRED number.numberId", "FMC RESERVATION_EXPIRED fmc.extension"}) {
			t.Errorf("what ran out is told as %v", got)
		}
		k.Process(t) // sweeps
		if got := howMany(t, d, `sim_cards WHERE wizard_id IS NOT NULL`) + howMany(t, d, `phone_numbers WHERE wizard_id IS NOT NULL OR origin = 'PORT_IN'`) + howMany(t, d, `extensions WHERE wizard_id IS NOT NULL`); got != "101" {
			t.Errorf("after sweeping %s are reserved", got)
		}
		// Any step takes again what is free: the number, and not the card and the extension.
		again := left.must("createInvoiceItems", true)
		if got := problemsOf(t, again, "setTelephonyUserOrderStep.wizard"); !slices.Equal(got, []string{"SIM RESERVATION_EXPIRED sim.lastFour", "FMC RESERVATION_EXPIRED fmc.extension"}) {
			t.Errorf("coming back: %v", got)
		}
		if got := again.Get("setTelephonyUserOrderStep.wizard.number.number"); got != number {
			t.Errorf("coming back gives %v", got)
		}
		if got := faultsOf(t, left.submit("k"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"RESERVATION_EXPIRED sim.lastFour", "RESERVATION_EXPIRED fmc.extension"}) {
			t.Errorf("ordering without: %v", got)
		}
		ported = ported.on(k.As(t, "gerd.grau"))
		ported.resume()
		if got := faultsOf(t, ported.submit("p").OK(t), "submitTelephonyUserOrder"); len(got) > 0 {
			t.Errorf("ordering what nobody took: %v", got)
		}
		// Giving up frees at once, and the wizard is gone.
		if got := left.abandon(); len(got) > 0 {
			t.Errorf("giving up: %v", got)
		}
		if got := left.Operation(t, "spa/wizard", "ResumeTelephonyUserOrder", servertest.Vars{"id": left.id}); got.Get("node") != nil {
			t.Errorf("a wizard that was given up: %s", got.Body)
		}
		if got := ported.abandon(); !slices.Equal(got, []string{"WIZARD_ORDERED"}) {
			t.Errorf("giving up what was ordered: %v", got)
		}
		// What nobody goes on with is deleted after 30 days.
		k.Clock.Advance(31 * 24 * time.Hour)
		k.Process(t)
		if got := howMany(t, d, `wizards`) + " " + howMany(t, d, `sim_cards WHERE wizard_id IS NOT NULL`); got != "1 0" {
			t.Errorf("a month later there are %s", got)
		}
	})
}

// No wizard goes around the approval rules; until it is approved the telephony user cannot be
// used, and an order that comes to nothing gives back what it had.
//
// Requirement: OR-02
// Requirement: WZ-10
// Requirement: AC-13
func TestWizardOrdersWaitForApproval(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, gerd, anna := k.SQL(t), k.As(t, "gerd.grau"), k.As(t, "anna.abel")
		alter(t, d, `UPDATE approval_rules SET above_amount = 0`)
		order := func(extension string) (id, number string) {
			placed := filled(t, gerd, extension).submit(extension).OK(t)
			if got := placed.Get("submitTelephonyUserOrder.order.state"); got != "PENDING_APPROVAL" {
				t.Errorf("the order is %v", got)
			}
			if u := telephonyUser(t, gerd, "Platz "+extension); u["state"] != "ORDERED" {
				t.Errorf("until then it is %v", u)
			}
			return placed.String(t, "submitTelephonyUserOrder.order.id"), placed.String(t, "submitTelephonyUserOrder.order.number")
		}
		stock := func() string {
			return howMany(t, d, `sim_cards WHERE telephony_user_id IS NULL`) + " " + howMany(t, d, `phone_numbers WHERE telephony_user_id IS NULL`) + " " + howMany(t, d, `extensions`)
		}
		free := stock()
		for extension, end := range map[string]func(string){
			"781": func(id string) { onOrder(t, anna, "RejectOrder", id, "reason", "x").OK(t) }, "782": func(id string) { onOrder(t, gerd, "WithdrawOrder", id).OK(t) },
		} {
			id, _ := order(extension)
			link := gerd.Operation(t, "spa/wizard", "LinkSim", servertest.Vars{"input": map[string]any{"telephonyUserId": telephonyUser(t, gerd, "Platz "+extension)["id"], "lastFour": "0000"}})
			if got := faultsOf(t, link, "linkSim"); !slices.Equal(got, []string{"SIM_NOT_AWAITED"}) {
				t.Errorf("linking before the approval: %v", got)
			}
			end(id)
			if u := telephonyUser(t, gerd, "Platz "+extension); u["state"] != "CANCELLED" || stock() != free {
				t.Errorf("afterwards it is %v, free are %s of %s", u, stock(), free)
			}
		}
		id, number := order("783")
		onOrder(t, anna, "ApproveOrder", id).OK(t)
		if u := telephonyUser(t, gerd, "Platz 783"); u["state"] != "ACTIVE" || u["order"].(map[string]any)["number"] != number {
			t.Errorf("approved it is %v", u)
		}
		var actions []string
		for _, e := range auditOf(t, k.As(t, "martha.hansen"), map[string]any{}) {
			if strings.HasPrefix(fmt.Sprint(e["action"]), "telephony_user.") {
				actions = append(actions, fmt.Sprint(e["action"]))
			}
		}
		for _, want := range []string{"telephony_user.create", "telephony_user.state", "telephony_user.end_user"} {
			if !slices.Contains(actions, want) {
				t.Errorf("the audit log has no %s: %v", want, actions)
			}
		}
	})
}

// An order that failed gives back what it had; when it is tried again, it takes it again, or
// is told who else has it.
//
// Requirement: OR-07
// Requirement: WZ-11
func TestFailedWizardOrders(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd, sabine := k.As(t, "gerd.grau"), k.As(t, "sabine.kurz")
		s := filled(t, gerd, "790")
		s.must("number", map[string]any{"kind": "PORT_IN", "number": "+49 171 3920999", "provider": "T"})
		ending := s.resume().String(t, "node.sim.lastFour")
		id := s.submit("k").OK(t).String(t, "submitTelephonyUserOrder.order.id")
		advance := func(to string) *servertest.Answer {
			return sabine.Do(t, `mutation($id: ID!, $to: OrderOutcome!) { advanceOrder(input: {orderId: $id, to: $to, note: "x"}) { order { state } errors { code field message } } }`, servertest.Vars{"id": id, "to": to})
		}
		state := func() string { return fmt.Sprint(telephonyUser(t, gerd, "Platz 790")["state"]) }
		advance("ERROR").OK(t)
		if got := state(); got != "CANCELLED" {
			t.Errorf("after a failure it is %s", got)
		}
		retry := func() []string {
			return faultsOf(t, sabine.Do(t, `mutation($id: ID!) { retryOrder(input: {orderId: $id}) { order { state } errors { code field message } } }`, servertest.Vars{"id": id}), "retryOrder")
		}
		other := wizardOf(t, gerd, nil)
		other.must("sim", map[string]any{"productSku": "TEL-SI-3101", "mode": "ACTIVATE_NOW", "lastFour": ending})
		if got := retry(); !slices.Equal(got, []string{"SIM_TAKEN"}) {
			t.Errorf("trying again without its card: %v", got)
		}
		other.must("sim", map[string]any{"mode": "LINK_LATER"})
		other.must("fmc", map[string]any{"extension": "790", "name": "N", "pin": "0000"})
		if got := retry(); !slices.Equal(got, []string{"EXTENSION_TAKEN"}) {
			t.Errorf("trying again without its extension: %v", got)
		}
		other.abandon()
		if got := retry(); len(got) > 0 || state() != "ACTIVE" {
			t.Errorf("trying again: %v, %s", got, state())
		}
		k.Process(t)
		if got := said(gerd.Do(t, `query($id: ID!) { node(id: $id) { ... on Order { state contract { numbers previousProvider } } } }`, servertest.Vars{"id": id}).OK(t), "node.state", "node.contract.numbers", "node.contract.previousProvider"); got !=
			"COMPLETED [+491713920999] T" {
			t.Errorf("the order ends as %s", got)
		}
	})
}

// A partner agent runs the wizard for a customer: it is its own draft for that customer only,
// and what it orders is recorded under its name. A PIN is stored as passwords are.
//
// Requirement: AC-02
// Requirement: WZ-01
// Requirement: WZ-07
func TestWizardForACustomer(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, paul := k.SQL(t), k.As(t, "paul.lang")
		hansa, alster := tenantID(t, d, "HANSA"), tenantID(t, d, "ALSTER")
		start := func(tenant string) []string {
			return faultsOf(t, paul.Operation(t, "spa/wizard", "StartTelephonyUserOrder", servertest.Vars{"input": map[string]any{"tenantId": tenant}}), "startTelephonyUserOrder")
		}
		for _, foreign := range []string{tenantID(t, d, "BRANDT"), "ten_nobody"} {
			if got := start(foreign); !slices.Equal(got, []string{"TENANT_UNKNOWN tenantId"}) {
				t.Errorf("for somebody else's customer: %v", got)
			}
		}
		// The agent need not act for its customer.
		home := wizardOf(t, paul, map[string]any{"tenantId": hansa})
		home.must("connection", map[string]any{"voiceSku": home.named("voiceProducts", "Professional")})
		_, ending := home.free("freeSims", "lastFour", 0)
		home.must("sim", map[string]any{"productSku": "TEL-SI-3101", "mode": "ACTIVATE_NOW", "lastFour": ending})
		if got := said(home.resume(), "node.customer.tenant.name", "node.connection.voice.sku", "node.sim.lastFour", "node.summary.monthly.amount"); got !=
			"Hansa Logistik GmbH TEL-VP-1106 "+ending+" 13.22" {
			t.Errorf("as itself the agent sees %s", got)
		}
		mine := func() any {
			return paul.Do(t, `{ telephonyUserOrders(first: 10) { totalCount nodes { customer { tenant { name } } currentStep } } }`, nil).OK(t).Get("telephonyUserOrders.totalCount")
		}
		if got := mine(); got != float64(1) {
			t.Errorf("as itself the agent has %v drafts", got)
		}
		// With the customer go its drafts.
		alter(t, d, `UPDATE tenants SET parent_id = (SELECT parent_id FROM tenants WHERE organization_id = 'FERNRUF'), path = (SELECT path FROM tenants WHERE organization_id = 'SERVICE') || id || '/' WHERE organization_id = 'HANSA'`)
		if got := fmt.Sprintln(mine(), home.set("createInvoiceItems", true).Code(), home.Operation(t, "spa/wizard", "ResumeTelephonyUserOrder", servertest.Vars{"id": home.id}).Get("node")); got != "0 NOT_FOUND <nil>\n" {
			t.Errorf("without the customer: %s", got)
		}
		alter(t, d, `UPDATE tenants SET parent_id = (SELECT id FROM tenants WHERE organization_id = 'FERNRUF'), path = (SELECT path FROM tenants WHERE organization_id = 'FERNRUF') || id || '/' WHERE organization_id = 'HANSA'`)
		if got := home.abandon(); len(got) > 0 {
			t.Errorf("giving up: %v", got)
		}
		actFor(t, paul, hansa).OK(t)
		if got := start(alster); !slices.Equal(got, []string{"TENANT_UNKNOWN tenantId"}) {
			t.Errorf("for another customer: %v", got)
		}
		s := filled(t, paul, "795")
		if got := said(s.resume(), "node.customer.tenant.name"); got != "Hansa Logistik GmbH" {
			t.Errorf("it is for %s", got)
		}
		open := func(c *servertest.Client) any {
			return c.Do(t, `{ telephonyUserOrders(first: 10) { totalCount } }`, nil).OK(t).Get("telephonyUserOrders.totalCount")
		}
		actFor(t, paul, alster).OK(t)
		if got := fmt.Sprint(open(paul), open(k.As(t, "martha.hansen"))); got != "0 0" {
			t.Errorf("for another customer, and for a user of the customer, there are %s", got)
		}
		if got := s.set("createInvoiceItems", false).Code(); got != "NOT_FOUND" {
			t.Errorf("changing it for another customer: %s", got)
		}
		actFor(t, paul, hansa).OK(t)
		s.resume()
		placed := s.submit("k").OK(t)
		order := k.As(t, "martha.hansen").Do(t, `query($n: String!) { order(number: $n) { placedBy { lastName } telephonyUser { displayName endUser { username } } referenceNumber } }`,
			servertest.Vars{"n": placed.Get("submitTelephonyUserOrder.order.number")}).OK(t)
		if got := said(order, "order.placedBy.lastName", "order.telephonyUser.displayName", "order.telephonyUser.endUser.username"); got != "Lang Platz 795 u795" {
			t.Errorf("the order is of %s", got)
		}
		hash := columnOf(t, d, `SELECT pin_hash FROM telephony_users WHERE display_name = 'Platz 795'`)[0]
		if !strings.HasPrefix(hash, "$argon2id$") || strings.Contains(hash, "47110815") {
			t.Errorf("the PIN is stored as %s", hash)
		}
		if log := k.Log.String(); strings.Contains(log, "47110815") {
			t.Error("the PIN is in the log")
		}
		for _, c := range []*servertest.Client{k.As(t, "maik.alster"), k.As(t, "malte.brandt")} {
			if u := telephonyUser(t, c, "Platz 795"); u != nil {
				t.Errorf("another company sees %v", u)
			}
		}
		if u := telephonyUser(t, k.As(t, "silke.sommer"), "Platz 795"); u != nil {
			t.Errorf("a sub admin sees what others ordered: %v", u)
		}
	})
}

// Lists of wizards and telephony users cost the same few statements however long they are.
//
// Requirement: AC-15
func TestStatementsOfTelephony(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		filled(t, gerd, "760")
		for i := range 12 {
			s := filled(t, gerd, fmt.Sprint(740+i))
			s.must("sim", map[string]any{"mode": "LINK_LATER"})
			if i > 3 {
				s.submit(fmt.Sprint(i)).OK(t)
			}
		}
		document := servertest.Document(t, "spa/wizard")
		parts := document[strings.Index(document, "fragment MoneyParts"):strings.Index(document, "# input: tenantId")]
		for name, query := range map[string]string{
			"wizards":         parts + `{ telephonyUserOrders(first: %d) { totalCount nodes { ...WizardParts } } }`,
			"telephony users": `{ telephonyUsers(last: %d) { totalCount nodes { displayName number state sim { lastFour } endUser { username } order { number myActions } invoiceItems { label amount { amount } } } } }`,
			"orders":          `{ orders(first: %d) { totalCount nodes { number myActions telephonyUser { displayName } } } }`,
		} {
			list := map[string]string{"wizards": "telephonyUserOrders", "telephony users": "telephonyUsers", "orders": "orders"}[name]
			sameLength(t, k, name, func(n int) *servertest.Answer { return gerd.Do(t, fmt.Sprintf(query, n), nil).OK(t) }, list)
		}
	})
}

// sameLength makes sure that a list of five costs as many statements as one of one.
func sameLength(t *testing.T, k *servertest.Kontor, name string, ask func(n int) *servertest.Answer, list string) {
	t.Helper()
	sent := map[int]int{}
	for _, n := range []int{1, 5} {
		ask(n)
		k.Statements.Take()
		if got := len(ask(n).List(t, list+".nodes")); got != n {
			t.Fatalf("%s: %d of %d", name, got, n)
		}
		sent[n] = len(k.Statements.Take())
	}
	if sent[1] != sent[5] || sent[5] > 20 {
		t.Errorf("%s: one costs %d statements, five cost %d", name, sent[1], sent[5])
	}
}
