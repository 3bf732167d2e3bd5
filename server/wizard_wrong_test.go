package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// filled is a wizard with all steps set, which ends with a text of its own.
func filled(t *testing.T, c *servertest.Client, extension string) sandra {
	t.Helper()
	s := wizardOf(t, c, nil)
	s.must("connection", map[string]any{"voiceSku": "TEL-VP-1106", "dataSku": "TEL-DA-2103", "smsSku": "TEL-SM-2202"})
	s.must("addOns", map[string]any{"skus": []string{"TEL-ZD-2301", "TEL-ZD-2303"}})
	s.must("endUser", map[string]any{"new": map[string]any{"username": "u" + extension, "firstName": "Anke", "prefix": "van", "lastName": "Dam", "email": "a@hansa.example", "language": "en"}})
	_, ending := s.free("freeSims", "lastFour", 0)
	s.must("sim", map[string]any{"productSku": "TEL-SI-3101", "mode": "ACTIVATE_NOW", "lastFour": ending})
	id, _ := s.free("freeNumbers", "number", 0)
	s.must("number", map[string]any{"kind": "NEW", "numberId": id})
	s.must("fmc", map[string]any{"extension": extension, "name": "Platz " + extension, "pin": "47110815"})
	return s
}

// Every wrong input of every step gives its code and field, and changes nothing.
//
// Requirement: WZ-01
// Requirement: WZ-02
// Requirement: WZ-03
// Requirement: WZ-04
// Requirement: WZ-05
// Requirement: WZ-06
// Requirement: WZ-07
// Requirement: WZ-09
func TestWizardRefusesWrongSteps(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		s := filled(t, gerd, "777")
		before := s.resume()
		taken := k.SQL(t)
		ending := columnOf(t, taken, `SELECT last_four FROM sim_cards WHERE telephony_user_id IS NOT NULL AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') ORDER BY iccid`)[0]
		esim := columnOf(t, taken, `SELECT last_four FROM sim_cards WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-SI-3103') AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') ORDER BY iccid`)[0]
		foreign := columnOf(t, taken, `SELECT last_four FROM sim_cards c WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'ALSTER')
			AND NOT EXISTS (SELECT 1 FROM sim_cards o WHERE o.last_four = c.last_four AND o.tenant_id <> c.tenant_id) ORDER BY iccid`)[0]
		used := globalID("num", columnOf(t, taken, `SELECT id FROM phone_numbers WHERE telephony_user_id IS NOT NULL AND number = '+494066969301'`)[0])
		others := globalID("num", columnOf(t, taken, `SELECT id FROM phone_numbers WHERE number = '+494027877205'`)[0])
		person := func(more ...string) map[string]any {
			n := map[string]any{"username": "neu", "firstName": "N", "lastName": "N", "email": "n@hansa.example"}
			for i := 0; i+1 < len(more); i += 2 {
				n[more[i]] = more[i+1]
			}
			return map[string]any{"new": n}
		}
		long := strings.Repeat("x", 101)
		for _, c := range []struct {
			step string
			in   map[string]any
			want string
		}{
			{"customer", map[string]any{"portfolio": "Nichts"}, "PORTFOLIO_UNKNOWN customer.portfolio"},
			{"customer", map[string]any{"termMonths": 13}, "TERM_NOT_OFFERED customer.termMonths"},
			{"customer", map[string]any{"startDate": "2026-11-22"}, "DATE_IN_PAST customer.startDate"},
			{"customer", map[string]any{"startDate": "2029-01-01"}, "DATE_TOO_FAR customer.startDate"},
			{"customer", map[string]any{"reference": long}, "VALUE_TOO_LONG customer.reference"},
			{"customer", map[string]any{"portfolio": "Nichts", "termMonths": 0, "startDate": "2026-11-22"}, "PORTFOLIO_UNKNOWN customer.portfolio, DATE_IN_PAST customer.startDate"},
			{"connection", map[string]any{"voiceSku": "TEL-VP-9999"}, "PRODUCT_DOES_NOT_FIT connection.voiceSku"},
			{"connection", map[string]any{"voiceSku": "TEL-VP-1105"}, "PRODUCT_DOES_NOT_FIT connection.voiceSku"}, // of another term
			{"connection", map[string]any{"voiceSku": "TEL-DA-2103"}, "PRODUCT_DOES_NOT_FIT connection.voiceSku"},
			{"connection", map[string]any{"voiceSku": "TEL-VP-1103", "dataSku": "TEL-DA-2108"}, "PRODUCT_DOES_NOT_FIT connection.dataSku"},
			{"connection", map[string]any{"smsSku": "TEL-SM-2201", "dataSku": "TEL-DA-2101"}, "PRODUCT_DOES_NOT_FIT connection.dataSku, PRODUCT_DOES_NOT_FIT connection.smsSku"},
			{"addOns", map[string]any{"skus": []string{"TEL-ZD-2301", "TEL-ZD-2302"}}, "PRODUCT_DOES_NOT_FIT addOns.skus.1"},
			{"addOns", map[string]any{"skus": make([]string, 51)}, "TOO_MANY_ITEMS addOns.skus"},
			{"endUser", map[string]any{}, "VALUE_REQUIRED endUser"},
			{"endUser", map[string]any{"id": "eus_nobody"}, "END_USER_UNKNOWN endUser.id"},
			{"endUser", map[string]any{"id": "eus_nobody", "new": person()["new"]}, "VALUE_CONTRADICTS endUser.new"},
			{"endUser", person("username", "J.Petersen"), "USERNAME_TAKEN endUser.new.username"},
			{"endUser", person("username", "a b"), "VALUE_INVALID endUser.new.username"},
			{"endUser", person("username", "", "firstName", " ", "lastName", long, "prefix", "a\x00", "email", "x"),
				"VALUE_REQUIRED endUser.new.username, VALUE_REQUIRED endUser.new.firstName, VALUE_INVALID endUser.new.prefix, VALUE_TOO_LONG endUser.new.lastName, EMAIL_INVALID endUser.new.email"},
			{"sim", map[string]any{}, "VALUE_REQUIRED sim.mode"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "productSku": "TEL-SI-3102"}, "PRODUCT_DOES_NOT_FIT sim.productSku"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW"}, "VALUE_REQUIRED sim.lastFour"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "lastFour": "12"}, "LAST_FOUR_INVALID sim.lastFour"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "lastFour": foreign}, "SIM_UNKNOWN sim.lastFour"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "lastFour": ending}, "SIM_TAKEN sim.lastFour"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "lastFour": esim}, "SIM_OF_OTHER_PRODUCT sim.lastFour"},
			{"sim", map[string]any{"mode": "ACTIVATE_NOW", "simId": "sim_nobody"}, "SIM_UNKNOWN sim.lastFour"},
			{"sim", map[string]any{"mode": "LINK_LATER", "lastFour": esim}, "VALUE_CONTRADICTS sim.lastFour"},
			{"number", map[string]any{}, "VALUE_REQUIRED number.kind"},
			{"number", map[string]any{"kind": "NEW"}, "VALUE_REQUIRED number.numberId"},
			{"number", map[string]any{"kind": "NEW", "numberId": others}, "NUMBER_UNKNOWN number.numberId"},
			{"number", map[string]any{"kind": "NEW", "numberId": used}, "NUMBER_TAKEN number.numberId"},
			{"number", map[string]any{"kind": "NEW", "numberId": used, "number": "+494012345678"}, "VALUE_CONTRADICTS number.number"},
			{"number", map[string]any{"kind": "PORT_IN"}, "VALUE_REQUIRED number.number, VALUE_REQUIRED number.provider"},
			{"number", map[string]any{"kind": "PORT_IN", "number": "040 123456", "provider": "T"}, "PHONE_NUMBER_INVALID number.number"},
			{"number", map[string]any{"kind": "PORT_IN", "number": "+49 1", "provider": long}, "PHONE_NUMBER_INVALID number.number, VALUE_TOO_LONG number.provider"},
			{"number", map[string]any{"kind": "PORT_IN", "number": "+49 40 66969 310", "provider": "T"}, "NUMBER_IN_STOCK number.number"},
			{"number", map[string]any{"kind": "PORT_IN", "number": "+49 171 3920999", "provider": "T", "numberId": used}, "VALUE_CONTRADICTS number.numberId"},
			{"fmc", map[string]any{"extension": "301", "name": "N", "pin": "1234"}, "EXTENSION_TAKEN fmc.extension"},
			{"fmc", map[string]any{"extension": "x1", "name": "", "pin": "12a4", "areaCode": "40"},
				"VALUE_REQUIRED fmc.name, AREA_CODE_INVALID fmc.areaCode, PIN_INVALID fmc.pin, EXTENSION_INVALID fmc.extension"},
			{"fmc", map[string]any{"extension": "1", "name": "N", "pin": "123"}, "PIN_INVALID fmc.pin, EXTENSION_INVALID fmc.extension"},
		} {
			answer := s.set(c.step, c.in)
			if got := strings.Join(faultsOf(t, answer, "setTelephonyUserOrderStep"), ", "); got != c.want {
				t.Errorf("%s %v: %s\nwant %s", c.step, c.in, got, c.want)
			}
			if answer.Get("setTelephonyUserOrderStep.wizard.id") != s.id {
				t.Errorf("%s %v: the wizard does not come along: %s", c.step, c.in, answer.Body)
			}
		}
		for name, input := range map[string]map[string]any{"no step": {"wizardId": s.id}, "two steps": {"wizardId": s.id, "createInvoiceItems": true, "addOns": map[string]any{"skus": []string{}}}} {
			if got := faultsOf(t, s.Operation(t, "spa/wizard", "SetWizardStep", servertest.Vars{"input": input}), "setTelephonyUserOrderStep"); !slices.Equal(got, []string{"ONE_STEP_ONLY"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if after := s.resume(); fmt.Sprint(after.Get("node")) != fmt.Sprint(before.Get("node")) {
			t.Errorf("wrong steps changed\n%v\nto\n%v", before.Get("node"), after.Get("node"))
		}
		for input, want := range map[string]string{`{"portfolio": "X"}`: "PORTFOLIO_UNKNOWN portfolio", `{"startDate": "2020-01-01"}`: "DATE_IN_PAST startDate"} {
			name, value, _ := strings.Cut(strings.Trim(input, "{}"), ": ")
			answer := gerd.Operation(t, "spa/wizard", "StartTelephonyUserOrder", servertest.Vars{"input": map[string]any{strings.Trim(name, `"`): strings.Trim(value, `"`)}})
			if got := faultsOf(t, answer, "startTelephonyUserOrder"); !slices.Equal(got, []string{want}) {
				t.Errorf("starting with %s: %v", input, got)
			}
		}
		empty := sandra{gerd, t, gerd.Operation(t, "spa/wizard", "StartTelephonyUserOrder", servertest.Vars{"input": map[string]any{}}).OK(t).String(t, "startTelephonyUserOrder.wizard.id")}
		if got := empty.wrong("connection", map[string]any{"voiceSku": "TEL-VP-1106"}); !slices.Equal(got, []string{"PORTFOLIO_REQUIRED connection.voiceSku"}) {
			t.Errorf("a product without a portfolio: %v", got)
		}
		want := []string{"VALUE_REQUIRED customer.portfolio", "VALUE_REQUIRED customer.startDate", "VALUE_REQUIRED customer.termMonths", "VALUE_REQUIRED connection.voiceSku", "VALUE_REQUIRED endUser",
			"VALUE_REQUIRED sim.productSku", "VALUE_REQUIRED sim.mode", "VALUE_REQUIRED number.kind", "VALUE_REQUIRED fmc.extension", "VALUE_REQUIRED fmc.name", "VALUE_REQUIRED fmc.pin"}
		if got := faultsOf(t, empty.submit("empty"), "submitTelephonyUserOrder"); !slices.Equal(got, want) {
			t.Errorf("ordering nothing: %v", got)
		}
		if got := faultsOf(t, s.submit(""), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"IDEMPOTENCY_KEY_INVALID idempotencyKey"}) {
			t.Errorf("ordering without a key: %v", got)
		}
	})
}

// Going back takes out only what no longer fits, says so, and keeps the rest.
//
// Requirement: WZ-02
// Requirement: WZ-09
func TestWizardGoesBack(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		s := filled(t, k.As(t, "gerd.grau"), "778")
		at := "setTelephonyUserOrderStep.wizard"
		// Business goes with the data and SMS products, and not with call forking.
		back := s.must("connection", map[string]any{"voiceSku": "TEL-VP-1103"})
		if got := problemsOf(t, back, at); !slices.Equal(got, []string{"ADD_ONS NO_LONGER_FITS addOns.skus"}) {
			t.Errorf("back to Business: %v", got)
		}
		if got := said(back, at+".connection.data.sku", at+".connection.sms.sku", at+".addOns", at+".endUser.username", at+".fmc.extension", at+".currentStep"); got !=
			"TEL-DA-2103 TEL-SM-2202 [map[name:Voicemail per E-Mail sku:TEL-ZD-2301]] u778 778 CONFIRM" {
			t.Errorf("what is left: %s", got)
		}
		// Expert User goes with neither of them.
		back = s.must("connection", map[string]any{"voiceSku": "TEL-VP-1109"})
		if got := problemsOf(t, back, at); !slices.Equal(got, []string{"CONNECTION NO_LONGER_FITS connection.dataSku", "CONNECTION NO_LONGER_FITS connection.smsSku", "ADD_ONS NO_LONGER_FITS addOns.skus"}) {
			t.Errorf("on to Expert User: %v", got)
		}
		if got := problemsOf(t, s.must("addOns", map[string]any{"skus": []string{"TEL-ZD-2302"}}), at); len(got) != 2 {
			t.Errorf("a step that was looked at says %v", got)
		}
		// Another term has other voice products; add-ons go on fitting.
		back = s.must("customer", map[string]any{"termMonths": 12})
		if got := problemsOf(t, back, at); !slices.Equal(got, []string{"CONNECTION VALUE_REQUIRED connection.voiceSku", "CONNECTION NO_LONGER_FITS connection.dataSku", "CONNECTION NO_LONGER_FITS connection.smsSku", "CONNECTION NO_LONGER_FITS connection.voiceSku"}) {
			t.Errorf("another term: %v", got)
		}
		if got := said(back, at+".currentStep", at+".sim.mode", at+".number.kind"); got != "CONNECTION ACTIVATE_NOW NEW" {
			t.Errorf("another term leaves %s", got)
		}
		if got := faultsOf(t, s.submit("k"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"VALUE_REQUIRED connection.voiceSku"}) {
			t.Errorf("ordering without a voice product: %v", got)
		}
		s.must("connection", map[string]any{"voiceSku": "TEL-VP-1108", "dataSku": "TEL-DA-2108"})
		// The catalogue changes meanwhile, without a deployment.
		alter(t, k.SQL(t), `UPDATE portfolio_products SET active = false WHERE product_id = (SELECT id FROM products WHERE sku = 'TEL-DA-2108')`)
		alter(t, k.SQL(t), `UPDATE products SET active = false WHERE sku = 'TEL-ZD-2302'`)
		if got := faultsOf(t, s.submit("k"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"PRODUCT_DOES_NOT_FIT connection.dataSku", "PRODUCT_NOT_ORDERABLE addOns.skus.0"}) {
			t.Errorf("ordering what is not offered any more: %v", got)
		}
		s.must("connection", map[string]any{"dataSku": nil})
		s.must("addOns", map[string]any{"skus": []string{}})
		k.Clock.Advance(10 * 24 * time.Hour) // past the start
		s = s.on(k.As(t, "gerd.grau"))
		s.resume()
		if got := faultsOf(t, s.submit("k"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"DATE_IN_PAST customer.startDate"}) {
			t.Errorf("ordering for yesterday: %v", got)
		}
		s.must("customer", map[string]any{"startDate": "2027-01-01"})
		if got := faultsOf(t, s.submit("k").OK(t), "submitTelephonyUserOrder"); len(got) > 0 {
			t.Errorf("ordering: %v", got)
		}
	})
}

// Two devices do not overwrite each other unseen.
//
// Requirement: WZ-09
func TestWizardOnTwoDevices(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := wizardOf(t, k.As(t, "gerd.grau"), nil)
		phone := browser.on(k.As(t, "gerd.grau"))
		phone.resume()
		voice := func(sku string) map[string]any { return map[string]any{"voiceSku": sku} }
		browser.must("connection", voice("TEL-VP-1103"))
		conflict := phone.set("connection", voice("TEL-VP-1106"))
		if got := faultsOf(t, conflict, "setTelephonyUserOrderStep"); !slices.Equal(got, []string{"CONFLICT"}) {
			t.Errorf("the phone overwrites unseen: %v", got)
		}
		if got := conflict.Get("setTelephonyUserOrderStep.wizard.connection.voice.sku"); got != "TEL-VP-1103" {
			t.Errorf("the phone is shown %v", got)
		}
		phone.must("connection", voice("TEL-VP-1106")) // which it has seen now
		// Steps that the other one left alone are free.
		browser.must("addOns", map[string]any{"skus": []string{}})
		if got := faultsOf(t, phone.submit("k"), "submitTelephonyUserOrder"); !slices.Equal(got, []string{"CONFLICT"}) {
			t.Errorf("the phone orders what it has not seen: %v", got)
		}
		versioned := func(c sandra, version int) []string {
			return faultsOf(t, c.Operation(t, "spa/wizard", "SetWizardStep", servertest.Vars{"input": map[string]any{"wizardId": c.id, "version": version, "createInvoiceItems": false}}), "setTelephonyUserOrderStep")
		}
		now := columnOf(t, k.SQL(t), `SELECT version FROM wizards`)[0]
		var version int
		_, _ = fmt.Sscan(now, &version)
		if got := versioned(browser, version-1); !slices.Equal(got, []string{"CONFLICT version"}) {
			t.Errorf("an older version: %v", got)
		}
		if got := versioned(browser, version); len(got) > 0 {
			t.Errorf("the version itself: %v", got)
		}
		stranger := browser.on(k.As(t, "martha.hansen"))
		if got := stranger.set("addOns", map[string]any{"skus": []string{}}).Code(); got != "NOT_FOUND" {
			t.Errorf("a colleague changes it: %s", got)
		}
	})
}
