package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"kontor/internal/money"
)

// Order is an order that was placed in the past (OR-09). States, channels and
// business cases have the names of the API.
type Order struct {
	OrganizationID string
	// Number is what the tenant's series of order numbers gave, without gaps.
	Number              string
	Username            string
	Channel             string
	State               string
	BusinessCase        string
	ContractNumber      string // empty where the business case is about no contract
	Name                string
	CustomerOrderNumber string
	ReferenceNumber     string
	PlacedAt            time.Time
	// SettledAt is when it came into its state; zero while it is IN_PROGRESS or waits.
	SettledAt time.Time
	// Note says what went wrong with an order in ERROR.
	Note  string
	Items []Item
}

// Item is a position of an order, at the price that the tenant pays for so many.
type Item struct {
	SKU       string
	Quantity  money.Decimal
	UnitPrice money.Decimal // net, for one unit
	Currency  string
}

// history is how a tenant has ordered.
type history struct {
	tenant string
	count  int
	// buyers order anything; delegates only what is about no contract.
	buyers, delegates []string
	// names and reference say what the tenant writes on its orders.
	names     []string
	reference string
	// mostly is the department that the tenant orders from more often than not;
	// empty: all alike.
	mostly string
	// euros bound roughly what one position costs.
	euros [2]int
	// failed is which order ended in ERROR, and waiting which one waits for an approval; 0: none.
	failed, waiting int
}

var histories = []history{
	{
		tenant: "HANSA", count: 60, buyers: []string{"martha.hansen", "moritz.hansen", "gerd.grau"}, delegates: []string{"silke.sommer"},
		names: []string{"Zentrale Hamburg", "Lager Bremen", "Neue Arbeitsplätze", "Nachbestellung Lager", ""}, reference: "HL",
		euros: [2]int{40, 900}, failed: 47, waiting: 60,
	},
	{
		tenant: "ALSTER", count: 25, buyers: []string{"maik.alster", "greta.groth"},
		names: []string{"Druckerei", "Verwaltung", "Papier Quartal", ""}, reference: "AD",
		euros: [2]int{30, 600},
	},
	{
		tenant: "BRANDT", count: 30, buyers: []string{"malte.brandt", "gisela.gross"},
		names: []string{"Gießerei Halle 1", "Gießerei Halle 2", "Dreherei", "Instandhaltung"}, reference: "GB",
		mostly: "Metalle", euros: [2]int{900, 14000},
	},
}

const (
	// span is how far the orders reach back, in days.
	span = 730
	// settling is after how many days every order is done with.
	settling = 30
	// contractEvery is how often an order is about an existing contract.
	contractEvery = 6
)

// Orders are the past orders of the demo data, over the two years before now, the
// oldest of each tenant first. The same now gives the same orders; another now
// moves their dates and the states that follow from them, and nothing else.
func Orders(now time.Time) ([]Order, error) {
	offers, err := assortments()
	if err != nil {
		return nil, err
	}
	var all []Order
	for i, h := range histories {
		contracts, err := serviceContracts(h.tenant)
		if err != nil {
			return nil, err
		}
		// The seed is fixed, so these dice always fall the same.
		dice := rand.New(rand.NewPCG(2026, uint64(i)))
		for n := 1; n <= h.count; n++ {
			order := h.order(dice, n, offers[h.tenant], contracts)
			if n == h.waiting {
				order.enlarge(offers[h.tenant])
			}
			h.date(dice, n, &order, now)
			all = append(all, order)
		}
	}
	return all, nil
}

// order is the nth order of a tenant, without its dates.
func (h history) order(dice *rand.Rand, n int, offers []offer, contracts []string) Order {
	o := Order{
		OrganizationID:      h.tenant,
		Number:              fmt.Sprintf("%s-%06d", h.tenant, n),
		Username:            pick(dice, slices.Concat(h.buyers, h.delegates)),
		Channel:             pick(dice, []string{"ONLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE", "PHONE", "PAPER"}),
		BusinessCase:        "NEW_ORDER",
		Name:                pick(dice, h.names),
		CustomerOrderNumber: fmt.Sprintf("45%05d", 10000+n*37+dice.IntN(30)),
	}
	if dice.IntN(3) == 0 {
		o.ReferenceNumber = fmt.Sprintf("%s-%03d", h.reference, 100+dice.IntN(900))
	}
	if len(contracts) > 0 && n%contractEvery == 0 {
		o.BusinessCase, o.ContractNumber = "ADDITIONAL_ORDER", pick(dice, contracts)
		o.Username = pick(dice, h.buyers)
	}
	for _, bought := range basket(dice, offers, h.department(dice, offers, o.ContractNumber)) {
		quantity := h.quantity(dice, bought)
		o.Items = append(o.Items, Item{SKU: bought.sku, Quantity: quantity, UnitPrice: bought.at(quantity), Currency: bought.currency})
	}
	return o
}

// enlarge makes an order one of those that need an approval in HANSA.
func (o *Order) enlarge(offers []offer) {
	for i, item := range o.Items {
		for _, known := range offers {
			if known.sku == item.SKU {
				o.Items[i].Quantity = money.FromInt(15)
				o.Items[i].UnitPrice = known.at(o.Items[i].Quantity)
			}
		}
	}
}

// telephony is the department that service contracts are about.
const telephony = "Telefonie"

// department is where an order takes its products from.
func (h history) department(dice *rand.Rand, offers []offer, contract string) string {
	switch {
	case contract != "":
		return telephony
	case h.mostly != "" && dice.IntN(5) > 0:
		return h.mostly
	default:
		return pick(dice, offers).department
	}
}

// basket are one to six different products of a department.
func basket(dice *rand.Rand, offers []offer, department string) []offer {
	var chosen []offer
	for size := 1 + dice.IntN(6); len(chosen) < size; {
		next := pick(dice, offers)
		known := slices.ContainsFunc(chosen, func(o offer) bool { return o.sku == next.sku })
		if next.department == department && !known {
			chosen = append(chosen, next)
		}
	}
	return chosen
}

// usual is how many steps above the minimum quantity an order goes at most.
var usual = map[string]int{"piece": 24, "month": 8, "m": 10, "kg": 300, "t": 40}

// quantity is one that may be ordered and that costs about what the tenant spends.
func (h history) quantity(dice *rand.Rand, o offer) money.Decimal {
	euros := money.FromInt(int64(h.euros[0] + dice.IntN(h.euros[1]-h.euros[0])))
	quantity := o.least
	for range dice.IntN(usual[o.unit]) {
		next, err := quantity.Plus(o.step)
		if err != nil {
			break
		}
		cost, err := money.Line(next, o.prices[0].amount)
		if err != nil || cost.Cmp(euros) > 0 {
			break
		}
		quantity = next
	}
	return quantity
}

// date gives the nth order its place in time and the state that it has by now.
func (h history) date(dice *rand.Rand, n int, o *Order, now time.Time) {
	apart := span / h.count
	daysAgo := apart*(h.count-n+1) - dice.IntN(apart-3)
	placed := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -daysAgo)
	switch placed.Weekday() { // offices order from Monday to Friday
	case time.Saturday:
		placed = placed.AddDate(0, 0, -1)
	case time.Sunday:
		placed = placed.AddDate(0, 0, -2)
	}
	o.PlacedAt = placed.Add(time.Duration(7*60+dice.IntN(10*60)) * time.Minute)
	settled := o.PlacedAt.Add(time.Duration(24+dice.IntN(9*24)) * time.Hour)
	switch {
	case n == h.failed:
		o.State, o.SettledAt = "ERROR", o.PlacedAt.Add(2*time.Hour)
		o.Note = "Der Lieferant hat die Bestellung abgelehnt: Artikel auf unbestimmte Zeit nicht lieferbar."
	case n == h.waiting:
		o.State = "PENDING_APPROVAL"
	case daysAgo <= settling:
		o.State = "IN_PROGRESS"
	default:
		o.State, o.SettledAt = "COMPLETED", settled
	}
}

func pick[T any](dice *rand.Rand, from []T) T { return from[dice.IntN(len(from))] }
