package server_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kontor/server/servertest"
)

// howMany is how many rows a question finds.
func howMany(t *testing.T, d *sql.DB, query string) string {
	t.Helper()
	return columnOf(t, d, `SELECT COUNT(*) FROM `+query)[0]
}

// Many wizards of several users, on two replicas, want the last card, the same number to port
// in, the same new number and the same extension: one of them gets each, the others are told.
//
// Requirement: WZ-11
func TestWizardsRace(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		d := one.SQL(t)
		var wizards []sandra
		for i := range 12 {
			s := wizardOf(t, one.As(t, []string{"gerd.grau", "martha.hansen", "moritz.hansen"}[i%3]), nil)
			s.must("connection", map[string]any{"voiceSku": "TEL-VP-1106"})
			wizards = append(wizards, s.on(s.Client.On([]*servertest.Kontor{one, two}[i%2])))
		}
		s := filled(t, one.As(t, "gerd.grau"), "889")
		// The stock is down to one card.
		alter(t, d, `DELETE FROM sim_cards WHERE telephony_user_id IS NULL AND wizard_id IS NULL AND last_four <> (SELECT MIN(last_four) FROM sim_cards c WHERE telephony_user_id IS NULL AND wizard_id IS NULL
			AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') AND product_id = (SELECT id FROM products WHERE sku = 'TEL-SI-3101'))`)
		_, ending := wizards[0].free("freeSims", "lastFour", 0)
		id, number := wizards[0].free("freeNumbers", "number", 0)
		for _, race := range []struct {
			step        string
			in          map[string]any
			lost, table string
		}{
			{"sim", map[string]any{"productSku": "TEL-SI-3101", "mode": "ACTIVATE_NOW", "lastFour": ending}, "SIM_TAKEN sim.lastFour", "sim_cards"},
			{"number", map[string]any{"kind": "PORT_IN", "number": "+49 171 3920999", "provider": "T"}, "NUMBER_TAKEN number.number", "phone_numbers"},
			{"number", map[string]any{"kind": "NEW", "numberId": id}, "NUMBER_TAKEN number.numberId", "phone_numbers WHERE number = '" + number + "' AND wizard_id"},
			{"fmc", map[string]any{"extension": "888", "name": "N", "pin": "0000"}, "EXTENSION_TAKEN fmc.extension", "extensions"},
		} {
			won := 0
			for i, answer := range atOnce(len(wizards), func(i int) *servertest.Answer { return wizards[i].set(race.step, race.in) }) {
				switch got := faultsOf(t, answer, "setTelephonyUserOrderStep"); {
				case len(got) == 0:
					won++
				case !slices.Equal(got, []string{race.lost}):
					t.Errorf("wizard %d is told %v", i, got)
				}
			}
			held := race.table + " WHERE wizard_id"
			if strings.Contains(race.table, "WHERE") {
				held = race.table
			}
			if got := howMany(t, d, held+` IS NOT NULL`); won != 1 || got == "0" {
				t.Errorf("%s: %d won, and %s are reserved", race.step, won, got)
			}
		}
		// The same wizard is ordered once, however often at once.
		numbers := map[any]bool{}
		for i, answer := range atOnce(10, func(i int) *servertest.Answer {
			return s.on(s.Client.On([]*servertest.Kontor{one, two}[i%2])).submit("once")
		}) {
			if got := faultsOf(t, answer, "submitTelephonyUserOrder"); len(got) > 0 {
				t.Errorf("request %d: %v", i, got)
			}
			numbers[answer.Get("submitTelephonyUserOrder.order.number")] = true
		}
		if len(numbers) != 1 || howMany(t, d, `telephony_users WHERE order_id IS NOT NULL`) != "1" {
			t.Errorf("one wizard became %v", numbers)
		}
	})
}

// One card for many telephony users that wait: it is linked once.
//
// Requirement: WZ-10
// Requirement: WZ-11
func TestLinkSimRace(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		gerd, d := one.As(t, "gerd.grau"), one.SQL(t)
		alter(t, d, `UPDATE sim_cards SET telephony_user_id = NULL`)
		alter(t, d, `UPDATE telephony_users SET state = 'AWAITING_SIM', sim_card_id = NULL, sim_last_four = '' WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`)
		_, ending := wizardOf(t, gerd, nil).free("freeSims", "lastFour", 0)
		users := columnOf(t, d, `SELECT id FROM telephony_users WHERE tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA') ORDER BY id`)
		won := 0
		for i, answer := range atOnce(9, func(i int) *servertest.Answer {
			return gerd.On([]*servertest.Kontor{one, two}[i%2]).Operation(t, "spa/wizard", "LinkSim",
				servertest.Vars{"input": map[string]any{"telephonyUserId": globalID("tel", users[i%3]), "lastFour": ending}})
		}) {
			switch got := faultsOf(t, answer, "linkSim"); {
			case len(got) == 0:
				won++
			case got[0] != "SIM_TAKEN lastFour" && got[0] != "SIM_ALREADY_LINKED":
				t.Errorf("request %d: %v", i, got)
			}
		}
		if won != 1 || howMany(t, d, `telephony_users WHERE state = 'ACTIVE' AND tenant_id = (SELECT id FROM tenants WHERE organization_id = 'HANSA')`) != "1" {
			t.Errorf("%d linked the card", won)
		}
	})
}

// Whatever is done with wizards and their orders: nobody has anything but open wizards and
// live telephony users, everybody has what it says, and no order breaks a rule.
//
// Requirement: WZ-02
// Requirement: WZ-09
// Requirement: WZ-11
func TestWizardsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		w := &wizards{t: t, k: k, d: k.SQL(t), anna: k.As(t, "anna.abel"), gerd: k.As(t, "gerd.grau")}
		alter(t, w.d, `UPDATE approval_rules SET above_amount = 0`)
		began := time.Now()
		rapid.Check(t, func(r *rapid.T) {
			if time.Since(began) > 25*time.Second {
				return // enough of it
			}
			for range rapid.IntRange(3, 14).Draw(r, "steps") {
				w.step(r)
			}
			w.holds(r)
			if rapid.Bool().Draw(r, "give up all") {
				for _, s := range w.open {
					s.on(w.gerd).abandon()
				}
				w.open = nil
				if left := w.reserved(); left != "0 0 0" {
					r.Fatalf("reserved without a wizard: %s", left)
				}
			}
		})
		if w.ordered < 3 {
			t.Errorf("%d orders: the test shows nothing", w.ordered)
		}
	})
}

// wizards are what a property test does at random.
type wizards struct {
	t          *testing.T
	k          *servertest.Kontor
	d          *sql.DB
	anna, gerd *servertest.Client
	open       []sandra
	waiting    []string // orders
	ordered, n int
}

func pick[T any](r *rapid.T, what string, of ...T) T { return rapid.SampledFrom(of).Draw(r, what) }

func (w *wizards) step(r *rapid.T) {
	w.n++
	if len(w.open) == 0 || len(w.open) < 6 && pick(r, "begin", false, false, false, true) {
		w.open = append(w.open, wizardOf(w.t, w.gerd, map[string]any{"startDate": "2028-01-01", "termMonths": pick(r, "term", 12, 24)}))
		return
	}
	i := rapid.IntRange(0, len(w.open)-1).Draw(r, "wizard")
	s := w.open[i].on(w.gerd)
	switch pick(r, "step", "customer", "connection", "addOns", "sim", "number", "fmc", "all", "all", "all", "submit", "submit", "submit", "abandon", "wait", "decide", "decide") {
	case "customer":
		s.set("customer", map[string]any{"portfolio": pick(r, "portfolio", complete, "Fernruf Start"), "termMonths": pick(r, "term", 12, 24)})
	case "connection":
		in := map[string]any{"voiceSku": pick(r, "voice", "TEL-VP-1102", "TEL-VP-1103", "TEL-VP-1105", "TEL-VP-1106", "TEL-VP-1109")}
		if pick(r, "data", true, false) {
			in["dataSku"] = pick[any](r, "which", nil, "TEL-DA-2101", "TEL-DA-2103", "TEL-DA-2108")
		}
		s.set("connection", in)
	case "addOns":
		s.set("addOns", map[string]any{"skus": rapid.SliceOfN(rapid.SampledFrom([]string{"TEL-ZD-2301", "TEL-ZD-2302", "TEL-ZD-2303"}), 0, 3).Draw(r, "add-ons")})
	case "sim":
		w.sim(r, s)
	case "number":
		w.number(r, s)
	case "fmc":
		s.set("fmc", map[string]any{"extension": fmt.Sprint(pick(r, "extension", 801, 802, 803)), "name": "N", "pin": "0000"})
	case "all":
		s.resume()
		voice := map[any]string{float64(12): "TEL-VP-1105", float64(24): "TEL-VP-1106"}[s.resume().Get("node.customer.termMonths")]
		s.set("customer", map[string]any{"portfolio": complete})
		s.set("connection", map[string]any{"voiceSku": voice, "dataSku": "TEL-DA-2103"})
		s.set("endUser", map[string]any{"new": map[string]any{"username": fmt.Sprint("u", w.n), "firstName": "U", "lastName": "U", "email": "u@hansa.example"}})
		w.sim(r, s)
		w.number(r, s)
		s.set("fmc", map[string]any{"extension": fmt.Sprint(900 + w.n), "name": "N", "pin": "0000"})
	case "submit":
		s.resume()
		placed := s.submit(fmt.Sprint("k", w.n))
		if len(faultsOf(w.t, placed, "submitTelephonyUserOrder")) == 0 {
			w.ordered++
			w.waiting = append(w.waiting, placed.String(w.t, "submitTelephonyUserOrder.order.id"))
			w.open = slices.Delete(w.open, i, i+1)
		}
	case "abandon":
		if got := s.abandon(); len(got) > 0 {
			r.Fatal(got)
		}
		w.open = slices.Delete(w.open, i, i+1)
	case "wait":
		w.k.Clock.Advance(time.Duration(pick(r, "hours", 1, 23, 25)) * time.Hour)
		w.anna, w.gerd = w.k.As(w.t, "anna.abel"), w.k.As(w.t, "gerd.grau")
		if pick(r, "sweep", true, false) {
			w.k.Process(w.t)
		}
	case "decide":
		w.decide(r)
	}
}

func (w *wizards) sim(r *rapid.T, s sandra) {
	cards := s.choices(nil).List(w.t, "telephonyUserOrder.choices.freeSims")
	in := map[string]any{"productSku": "TEL-SI-3101", "mode": "LINK_LATER"}
	if len(cards) > 0 && pick(r, "card", true, false) {
		in["mode"], in["simId"] = "ACTIVATE_NOW", pick(r, "card", cards...).(map[string]any)["id"]
	}
	s.set("sim", in)
}

func (w *wizards) number(r *rapid.T, s sandra) {
	numbers := s.choices(nil).List(w.t, "telephonyUserOrder.choices.freeNumbers")
	if len(numbers) == 0 || pick(r, "port in", true, false) {
		s.set("number", map[string]any{"kind": "PORT_IN", "number": fmt.Sprintf("+49171392%04d", pick(r, "number", 1, 2, w.n)), "provider": "T"})
		return
	}
	s.set("number", map[string]any{"kind": "NEW", "numberId": pick(r, "number", numbers...).(map[string]any)["id"]})
}

func (w *wizards) decide(r *rapid.T) {
	if len(w.waiting) == 0 {
		return
	}
	id := w.waiting[0]
	w.waiting = w.waiting[1:]
	switch pick(r, "decision", "approve", "reject", "withdraw") {
	case "approve":
		onOrder(w.t, w.anna, "ApproveOrder", id).OK(w.t)
	case "reject":
		onOrder(w.t, w.anna, "RejectOrder", id, "reason", "x").OK(w.t)
	default:
		onOrder(w.t, w.gerd, "WithdrawOrder", id).OK(w.t)
	}
}

// reserved are how many cards, numbers and extensions wizards have.
func (w *wizards) reserved() string {
	return strings.Join([]string{howMany(w.t, w.d, `sim_cards WHERE wizard_id IS NOT NULL`), howMany(w.t, w.d, `phone_numbers WHERE wizard_id IS NOT NULL`),
		howMany(w.t, w.d, `extensions WHERE wizard_id IS NOT NULL`)}, " ")
}

// holds checks who has what, and what was ordered.
func (w *wizards) holds(r *rapid.T) {
	live := `telephony_users u WHERE u.order_id IS NOT NULL AND u.state <> 'CANCELLED'`
	for what, wrong := range map[string]string{
		"a wizard that was ordered reserves":    `wizards w WHERE w.order_id IS NOT NULL AND (EXISTS (SELECT 1 FROM sim_cards c WHERE c.wizard_id = w.id) OR EXISTS (SELECT 1 FROM phone_numbers n WHERE n.wizard_id = w.id) OR EXISTS (SELECT 1 FROM extensions e WHERE e.wizard_id = w.id))`,
		"a live one has no number":              live + ` AND NOT EXISTS (SELECT 1 FROM phone_numbers n WHERE n.telephony_user_id = u.id AND n.number = u.phone_number)`,
		"a live one has no extension":           live + ` AND NOT EXISTS (SELECT 1 FROM extensions e WHERE e.telephony_user_id = u.id AND e.extension = u.extension)`,
		"a live one has not its card":           live + ` AND u.sim_card_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sim_cards c WHERE c.telephony_user_id = u.id AND c.id = u.sim_card_id)`,
		"a cancelled one keeps something":       `telephony_users u WHERE u.state = 'CANCELLED' AND (EXISTS (SELECT 1 FROM sim_cards c WHERE c.telephony_user_id = u.id) OR EXISTS (SELECT 1 FROM phone_numbers n WHERE n.telephony_user_id = u.id) OR EXISTS (SELECT 1 FROM extensions e WHERE e.telephony_user_id = u.id))`,
		"a state is not that of the order":      `telephony_users u JOIN orders o ON o.id = u.order_id WHERE (u.state = 'ORDERED') <> (o.state = 'PENDING_APPROVAL') OR (u.state = 'CANCELLED') <> (o.state IN ('REJECTED', 'WITHDRAWN'))`,
		"an order has not one voice product":    `orders o WHERE EXISTS (SELECT 1 FROM telephony_users u WHERE u.order_id = o.id) AND 1 <> (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id AND i.sku LIKE 'TEL-VP-%')`,
		"an order has not one SIM product":      `orders o WHERE EXISTS (SELECT 1 FROM telephony_users u WHERE u.order_id = o.id) AND 1 <> (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id AND i.sku LIKE 'TEL-SI-%')`,
		"a product does not go with the voice":  brokenRule(`CAST(p.voices AS text)`, `CAST(v.product_id AS text)`),
		"a product is not in the portfolio":     `order_items i JOIN wizards w ON w.order_id = i.order_id WHERE NOT EXISTS (SELECT 1 FROM portfolio_products p WHERE p.product_id = i.product_id AND p.portfolio = w.portfolio)`,
		"a voice product is of another term":    `order_items i JOIN wizards w ON w.order_id = i.order_id JOIN portfolio_products p ON p.product_id = i.product_id AND p.portfolio = w.portfolio WHERE CAST(p.terms AS text) <> '[]' AND CAST(p.terms AS text) <> '[' || CAST(w.term_months AS text) || ']'`,
		"two have the same number or extension": `(SELECT extension FROM extensions GROUP BY tenant_id, extension HAVING COUNT(*) > 1) x`,
		"a number to port in is there in vain":  `phone_numbers WHERE origin = 'PORT_IN' AND wizard_id IS NULL AND telephony_user_id IS NULL`,
	} {
		if got := howMany(w.t, w.d, wrong); got != "0" {
			r.Errorf("%s: %s", what, got)
		}
	}
}

// brokenRule finds ordered products whose rule names voice products, and not the one that was ordered.
func brokenRule(voices, voice string) string {
	return `order_items i JOIN wizards w ON w.order_id = i.order_id JOIN portfolio_products p ON p.product_id = i.product_id AND p.portfolio = w.portfolio
		JOIN order_items v ON v.order_id = i.order_id AND v.sku LIKE 'TEL-VP-%' WHERE ` + voices + ` <> '[]' AND ` + voices + ` NOT LIKE '%' || ` + voice + ` || '%'`
}
