package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// sandra is somebody who runs a wizard, by the operations of the portal.
type sandra struct {
	*servertest.Client
	t  *testing.T
	id string
}

const complete = "Fernruf Komplett"

// wizardOf begins a wizard with all of the first step.
func wizardOf(t *testing.T, c *servertest.Client, more map[string]any) sandra {
	t.Helper()
	input := map[string]any{"portfolio": complete, "startDate": "2026-12-01", "termMonths": 24}
	for name, value := range more {
		input[name] = value
	}
	answer := c.Operation(t, "spa/wizard", "StartTelephonyUserOrder", servertest.Vars{"input": input}).OK(t)
	return sandra{c, t, answer.String(t, "startTelephonyUserOrder.wizard.id")}
}

// on is the same wizard on another device.
func (s sandra) on(c *servertest.Client) sandra { return sandra{c, s.t, s.id} }

// set sets a step as the portal does.
func (s sandra) set(step string, value any) *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/wizard", "SetWizardStep", servertest.Vars{"input": map[string]any{"wizardId": s.id, step: value}})
}

// wrong are the faults that a step gives.
func (s sandra) wrong(step string, value any) []string {
	s.t.Helper()
	return faultsOf(s.t, s.set(step, value), "setTelephonyUserOrderStep")
}

func (s sandra) must(step string, value any) *servertest.Answer {
	s.t.Helper()
	answer := s.set(step, value).OK(s.t)
	if got := faultsOf(s.t, answer, "setTelephonyUserOrderStep"); len(got) > 0 {
		s.t.Fatalf("%s %v: %v", step, value, got)
	}
	return answer
}

// resume is the wizard as the portal shows it, at the path "node".
func (s sandra) resume() *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/wizard", "ResumeTelephonyUserOrder", servertest.Vars{"id": s.id}).OK(s.t)
}

func (s sandra) choices(more servertest.Vars) *servertest.Answer {
	s.t.Helper()
	vars := servertest.Vars{"id": s.id}
	for name, value := range more {
		vars[name] = value
	}
	return s.Operation(s.t, "spa/wizard", "WizardChoices", vars).OK(s.t)
}

// named is the number of the choice whose name has this part.
func (s sandra) named(list, part string) string {
	s.t.Helper()
	answer := s.choices(nil)
	for i := range answer.List(s.t, "telephonyUserOrder.choices."+list) {
		at := fmt.Sprintf("telephonyUserOrder.choices.%s.%d.", list, i)
		if strings.Contains(answer.String(s.t, at+"name"), part) {
			return answer.String(s.t, at+"sku")
		}
	}
	s.t.Fatalf("there is no %s among %s", part, answer.Body)
	return ""
}

func (s sandra) submit(key string) *servertest.Answer {
	s.t.Helper()
	return s.Operation(s.t, "spa/wizard", "SubmitWizard", servertest.Vars{"input": map[string]any{"wizardId": s.id, "idempotencyKey": key}})
}

func (s sandra) abandon() []string {
	s.t.Helper()
	return faultsOf(s.t, s.Operation(s.t, "spa/wizard", "AbandonWizard", servertest.Vars{"input": map[string]any{"wizardId": s.id}}), "abandonTelephonyUserOrder")
}

// problems are what the steps say, as "STEP CODE field".
func problemsOf(t *testing.T, answer *servertest.Answer, at string) []string {
	t.Helper()
	all := []string{}
	for i := range answer.List(t, at+".steps") {
		step := fmt.Sprintf("%s.steps.%d", at, i)
		for j := range answer.List(t, step+".problems") {
			p := fmt.Sprintf("%s.problems.%d.", step, j)
			code, message := answer.String(t, p+"code"), answer.String(t, p+"message")
			if message == code || strings.Contains(message, "<no value>") {
				t.Errorf("%s has the message %q", code, message)
			}
			var field []string
			for k := range answer.List(t, p+"field") {
				field = append(field, answer.String(t, fmt.Sprint(p, "field.", k)))
			}
			all = append(all, strings.TrimSpace(answer.String(t, step+".step")+" "+code+" "+strings.Join(field, ".")))
		}
	}
	return all
}

// open are the steps that are not complete.
func open(t *testing.T, answer *servertest.Answer, at string) []string {
	t.Helper()
	steps := []string{}
	for i := range answer.List(t, at+".steps") {
		if answer.Get(fmt.Sprintf("%s.steps.%d.complete", at, i)) != true {
			steps = append(steps, answer.String(t, fmt.Sprintf("%s.steps.%d.step", at, i)))
		}
	}
	return steps
}

// free is the ID and the text of the nth free number or card.
func (s sandra) free(list, text string, n int) (id, what string) {
	s.t.Helper()
	answer := s.choices(nil)
	at := fmt.Sprintf("telephonyUserOrder.choices.%s.%d.", list, n)
	return answer.String(s.t, at+"id"), answer.String(s.t, at+text)
}

// telephonyUser is the telephony user with this name, as the portal lists it.
func telephonyUser(t *testing.T, c *servertest.Client, name string) map[string]any {
	t.Helper()
	answer := c.Operation(t, "spa/wizard", "TelephonyUsers", servertest.Vars{"first": 100}).OK(t)
	for _, each := range answer.List(t, "telephonyUsers.nodes") {
		if u := each.(map[string]any); u["displayName"] == name {
			return u
		}
	}
	return nil
}

// A client walks all eight steps, for every kind of voice product, with a card now and one
// later, with a new number and one that is ported in; it leaves in the middle and goes on with
// another device.
//
// Requirement: WZ-01
// Requirement: WZ-02
// Requirement: WZ-03
// Requirement: WZ-04
// Requirement: WZ-05
// Requirement: WZ-06
// Requirement: WZ-07
// Requirement: WZ-08
// Requirement: WZ-09
// Requirement: WZ-10
func TestWizardWalk(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for i, voice := range []string{"Business", "Professional", "Expert User"} {
			for _, now := range []bool{true, false} {
				for _, port := range []bool{true, false} {
					walk{k, voice, now, port, fmt.Sprintf("%d%t%t", i, now, port)}.run(t)
				}
			}
		}
	})
}

type walk struct {
	k     *servertest.Kontor
	voice string
	now   bool
	port  bool
	tag   string
}

func (w walk) run(t *testing.T) {
	t.Helper()
	browser, phone := w.k.As(t, "gerd.grau"), w.k.As(t, "gerd.grau")
	s := wizardOf(t, browser, map[string]any{"reference": "R" + w.tag})
	step := func(answer *servertest.Answer, want string) {
		t.Helper()
		if got := answer.Get("setTelephonyUserOrderStep.wizard.currentStep"); got != want {
			t.Errorf("%s %s: the next step is %v, want %s: %v", w.voice, w.tag, got, want, problemsOf(t, answer, "setTelephonyUserOrderStep.wizard"))
		}
	}
	voice := s.named("voiceProducts", w.voice)
	choices := s.choices(servertest.Vars{"voiceSku": voice})
	data := choices.String(t, "telephonyUserOrder.choices.dataProducts.0.sku")
	sms := choices.String(t, "telephonyUserOrder.choices.smsProducts.0.sku")
	step(s.must("connection", map[string]any{"voiceSku": voice, "dataSku": data, "smsSku": sms}), "ADD_ONS")
	addOn := s.named("addOns", "Voicemail")
	step(s.must("addOns", map[string]any{"skus": []string{addOn}}), "USER")

	// Here the browser is left, and the phone goes on.
	list := phone.Operation(t, "spa/wizard", "OpenTelephonyUserOrders", nil).OK(t)
	if got := said(list, "telephonyUserOrders.nodes.0.id", "telephonyUserOrders.nodes.0.currentStep", "telephonyUserOrders.nodes.0.customer.reference"); got != s.id+" USER R"+w.tag {
		t.Errorf("the phone finds %s", got)
	}
	s = s.on(phone)
	if got := said(s.resume(), "node.currentStep", "node.connection.voice.sku", "node.addOns.0.sku"); got != "USER "+voice+" "+addOn {
		t.Errorf("the phone sees %s", got)
	}
	user := map[string]any{"new": map[string]any{"username": "u" + w.tag, "firstName": "Uwe", "lastName": "U" + w.tag, "email": "u@hansa.example"}}
	if w.port {
		user = map[string]any{"id": s.choices(nil).String(t, "telephonyUserOrder.choices.endUsers.nodes.0.id")}
	}
	step(s.must("endUser", user), "SIM")
	sim := map[string]any{"productSku": s.named("simProducts", "SIM-Karte"), "mode": "LINK_LATER"}
	lastFour := ""
	if w.now {
		_, lastFour = s.free("freeSims", "lastFour", 0)
		sim["mode"], sim["lastFour"] = "ACTIVATE_NOW", lastFour
	}
	step(s.must("sim", sim), "NUMBER")
	number := map[string]any{"kind": "PORT_IN", "number": fmt.Sprintf("+49 171 39%d%d0%03d", len(w.voice)%10, len(w.tag)%10, 123), "provider": "Telemax"}
	want := strings.ReplaceAll(number["number"].(string), " ", "")
	if !w.port {
		id, free := s.free("freeNumbers", "number", 0)
		number, want = map[string]any{"kind": "NEW", "numberId": id}, free
	}
	step(s.must("number", number), "FMC")
	extension := fmt.Sprint(500+len(w.voice)*4, map[bool]int{true: 1}[w.now], map[bool]int{true: 1}[w.port])
	extension = strings.ReplaceAll(extension, " ", "")
	step(s.must("fmc", map[string]any{"extension": extension, "name": "Platz " + w.tag, "pin": "0000", "areaCode": "040"}), "CONFIRM")
	confirmed := s.must("createInvoiceItems", w.now)
	if got := open(t, confirmed, "setTelephonyUserOrderStep.wizard"); len(got) > 0 {
		t.Errorf("%v are open: %v", got, problemsOf(t, confirmed, "setTelephonyUserOrderStep.wizard"))
	}
	seen := s.resume()
	if got := said(seen, "node.fmc.extension", "node.fmc.pinMustChange", "node.number.number", "node.sim.lastFour", "node.createInvoiceItems"); got != fmt.Sprint(extension, " true ", want, " ", map[bool]any{true: lastFour, false: nil}[w.now], " ", w.now) {
		t.Errorf("the summary says %s", got)
	}
	if got := len(seen.List(t, "node.summary.lines")); got != 5 {
		t.Errorf("%d lines are summed up: %v", got, seen.Get("node.summary"))
	}
	placed := s.submit("k" + w.tag).OK(t)
	if got := faultsOf(t, placed, "submitTelephonyUserOrder"); len(got) > 0 {
		t.Fatalf("%s is not ordered: %v", w.tag, got)
	}
	if got := said(placed, "submitTelephonyUserOrder.order.state", "submitTelephonyUserOrder.wizard.order.number"); got != "IN_PROGRESS "+placed.String(t, "submitTelephonyUserOrder.order.number") {
		t.Errorf("the order is %s", got)
	}
	if again := s.submit("k" + w.tag).OK(t); again.Get("submitTelephonyUserOrder.order.id") != placed.Get("submitTelephonyUserOrder.order.id") {
		t.Errorf("the same request orders again: %s", again.Body)
	}
	if got := faultsOf(t, s.submit("other"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"WIZARD_ORDERED"}) {
		t.Errorf("another request: %v", got)
	}
	u := telephonyUser(t, phone, "Platz "+w.tag)
	state := map[bool]string{true: "ACTIVE", false: "AWAITING_SIM"}[w.now]
	if u == nil || u["state"] != state || u["extension"] != extension || u["number"] != want {
		t.Errorf("the telephony user is %v, want %s", u, state)
	}
	w.k.Process(t)
	order := phone.Do(t, `query($n: String!) { order(number: $n) { id state myActions contract { number numbers } telephonyUser { id state invoiceItems { label byHand monthly amount { amount } } } items { product { sku } quantity wishedDate } } }`,
		servertest.Vars{"n": placed.Get("submitTelephonyUserOrder.order.number")}).OK(t)
	if got := said(order, "order.state", "order.contract.numbers.0", "order.items.0.wishedDate"); got != "COMPLETED "+want+" 2026-12-01" {
		t.Errorf("the order is carried out as %s", got)
	}
	links := slices.Contains(order.List(t, "order.myActions"), any("LINK_SIM"))
	if items := len(order.List(t, "order.telephonyUser.invoiceItems")); links == w.now || items != map[bool]int{true: 5}[w.now] {
		t.Errorf("the order offers %v, and has %d invoice items", order.Get("order.myActions"), items)
	}
	if !w.now {
		w.later(t, phone, u["id"].(string))
	}
}

// later links a card and adds invoice items.
func (w walk) later(t *testing.T, c *servertest.Client, user string) {
	t.Helper()
	_, ending := wizardOf(t, c, nil).free("freeSims", "lastFour", 0)
	linked := c.Operation(t, "spa/wizard", "LinkSim", servertest.Vars{"input": map[string]any{"telephonyUserId": user, "lastFour": ending}}).OK(t)
	if got := said(linked, "linkSim.telephonyUser.state", "linkSim.telephonyUser.sim.lastFour", "linkSim.errors"); got != "ACTIVE "+ending+" []" {
		t.Errorf("linking a card: %s", got)
	}
	again := c.Operation(t, "spa/wizard", "LinkSim", servertest.Vars{"input": map[string]any{"telephonyUserId": user, "lastFour": ending}})
	if got := faultsOf(t, again, "linkSim"); !slices.Equal(got, []string{"SIM_ALREADY_LINKED"}) {
		t.Errorf("linking again: %v", got)
	}
	add := func(items any) *servertest.Answer {
		return c.Do(t, `mutation($input: AddInvoiceItemsInput!) { addInvoiceItems(input: $input) { telephonyUser { invoiceItems { label byHand } } errors { code field message } } }`,
			servertest.Vars{"input": map[string]any{"telephonyUserId": user, "items": items}})
	}
	if got := len(add(nil).OK(t).List(t, "addInvoiceItems.telephonyUser.invoiceItems")); got != 5 {
		t.Errorf("%d items are added later", got)
	}
	if got := faultsOf(t, add(nil), "addInvoiceItems"); !slices.Equal(got, []string{"INVOICE_ITEMS_EXIST items"}) {
		t.Errorf("adding them twice: %v", got)
	}
	hand := add([]any{map[string]any{"label": "Einrichtung", "amount": "49.00"}}).OK(t)
	if got := said(hand, "addInvoiceItems.telephonyUser.invoiceItems.5.label", "addInvoiceItems.telephonyUser.invoiceItems.5.byHand"); got != "Einrichtung true" {
		t.Errorf("by hand: %s", got)
	}
}
