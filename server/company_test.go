package server_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/internal/erp"
	"kontor/server/servertest"
)

// allRights are the rights on a contract, in the order of the API.
var allRights = []string{"VIEW", "ORDER", "CONFIGURE", "BILLING", "ADMINISTER", "COMMERCIAL_CONTACT"}

// agreement is a contract as the database has it.
type agreement struct {
	tenant, number, access, kind, state, from, to, product, customerNumber string
	products                                                               []string // of the positions
	open                                                                   bool     // some position has an open quantity
}

func agreements(t *testing.T, d *sql.DB) []agreement {
	t.Helper()
	day := func(text string) string { return text[:min(len(text), 10)] }
	var all []agreement
	for _, r := range rowsOf(t, d, `SELECT t.organization_id, c.number, c.access_number, c.type, c.state, c.valid_from, c.valid_to, p.sku, n.number
		FROM contracts c JOIN tenants t ON t.id = c.tenant_id LEFT JOIN products p ON p.id = c.product_id
		LEFT JOIN customer_numbers n ON n.id = c.customer_number_id ORDER BY c.number`) {
		a := agreement{tenant: r[0], number: r[1], access: r[2], kind: r[3], state: r[4], from: day(r[5]), to: day(r[6]), product: r[7], customerNumber: r[8]}
		for _, position := range rowsOf(t, d, `SELECT p.sku, i.agreed_quantity > i.called_off_quantity FROM contract_positions i JOIN products p ON p.id = i.product_id
			JOIN contracts c ON c.id = i.contract_id WHERE c.number = $1`, a.number) {
			a.products = append(a.products, position[0])
			a.open = a.open || position[1] == "true" || position[1] == "1"
		}
		all = append(all, a)
	}
	return all
}

// give writes a grant beside the API and gives its key back.
func give(t *testing.T, d *sql.DB, kind, giver, holder, contract, right string) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	person := func(username string) string {
		return columnOf(t, d, `SELECT id FROM users WHERE username = $1`, username)[0]
	}
	about := rowsOf(t, d, `SELECT id, tenant_id FROM contracts WHERE number = $1`, contract)[0]
	alter(t, d, `INSERT INTO grants (id, tenant_id, contract_id, holder_id, "right", kind, granted_by_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, '2026-11-23 09:00:00+00:00')`,
		id, about[1], about[0], person(holder), right, kind, person(giver))
	return id
}

// The overview as the clients ask for it: every filter alone and combined gives
// what the database has, and no contract of another company.
//
// Requirement: CO-01
func TestContractFilters(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		// Where positions have different units there is no sum, and yet something open.
		alter(t, k.SQL(t), `UPDATE contracts SET agreed_quantity = NULL, called_off_quantity = NULL, unit = NULL WHERE number = 'RV-300001'`)
		all := agreements(t, k.SQL(t))
		valid := func(day string) func(agreement) bool {
			return func(a agreement) bool { return a.from <= day && (a.to == "" || a.to >= day) }
		}
		about := func(sku string) func(agreement) bool {
			return func(a agreement) bool { return a.product == sku || slices.Contains(a.products, sku) }
		}
		contains := func(text string) func(agreement) bool {
			return func(a agreement) bool {
				return strings.Contains(strings.ToLower(a.number), text) || strings.Contains(strings.ToLower(a.access), text)
			}
		}
		for _, each := range []struct {
			username string
			where    map[string]any
			pass     func(agreement) bool
		}{
			{"martha.hansen", nil, func(agreement) bool { return true }},
			{"martha.hansen", map[string]any{"types": []string{"FRAME_AGREEMENT"}}, func(a agreement) bool { return a.kind == "FRAME_AGREEMENT" }},
			{"malte.brandt", map[string]any{"types": []string{"FRAME_AGREEMENT", "SERVICE_CONTRACT"}}, func(a agreement) bool { return a.kind == "FRAME_AGREEMENT" }},
			{"malte.brandt", map[string]any{"states": []string{"EXPIRED", "TERMINATED"}}, func(a agreement) bool { return a.state != "ACTIVE" }},
			{"martha.hansen", map[string]any{"search": "sv-10000"}, contains("sv-10000")},
			{"martha.hansen", map[string]any{"search": "+49 171"}, contains("+49 171")},
			{"martha.hansen", map[string]any{"search": "hh-inet"}, contains("hh-inet")},
			{"martha.hansen", map[string]any{"productSku": "TEL-VP-1103"}, about("TEL-VP-1103")},
			{"martha.hansen", map[string]any{"productSku": "TEL-DT-0107"}, about("TEL-DT-0107")},
			{"malte.brandt", map[string]any{"productSku": "MET-AL-0801"}, about("MET-AL-0801")},
			{"martha.hansen", map[string]any{"validOn": "2025-06-30"}, valid("2025-06-30")},
			{"malte.brandt", map[string]any{"validOn": "2024-12-31"}, valid("2024-12-31")},
			{"malte.brandt", map[string]any{"openOnly": true}, func(a agreement) bool { return a.open }},
			{"martha.hansen", map[string]any{"openOnly": true}, func(a agreement) bool { return a.open }},
			{"martha.hansen", map[string]any{"openOnly": false}, func(agreement) bool { return true }},
			{"martha.hansen", map[string]any{"customerNumber": "1713920200"}, func(a agreement) bool { return a.customerNumber == "1713920200" }},
			{"martha.hansen", map[string]any{"expiresWithinDays": 600}, func(a agreement) bool { return a.to >= "2026-11-23" && a.to <= "2028-07-15" }},
			{"martha.hansen", map[string]any{"types": []string{"SERVICE_CONTRACT"}, "states": []string{"ACTIVE"}, "search": "+49", "productSku": "TEL-VP-1106", "validOn": "2026-01-01", "customerNumber": "4066969200", "right": "BILLING"},
				func(a agreement) bool {
					return a.state == "ACTIVE" && contains("+49")(a) && about("TEL-VP-1106")(a) && valid("2026-01-01")(a) && a.customerNumber == "4066969200"
				}},
		} {
			tenant := map[string]string{"martha.hansen": "HANSA", "malte.brandt": "BRANDT"}[each.username]
			var want []string
			for _, a := range all {
				if a.tenant == tenant && each.pass(a) {
					want = append(want, a.number)
				}
			}
			if len(want) == 0 {
				t.Errorf("%v: there is no such contract", each.where)
			}
			if got := contractList.all(t, k.As(t, each.username), each.where); !slices.Equal(got, want) {
				t.Errorf("%s, %v: %v, want %v", each.username, each.where, got, want)
			}
		}
		martha := k.As(t, "martha.hansen")
		for name, where := range map[string]map[string]any{"a percent sign": {"search": "%"}, "an underscore": {"search": "_"}, "another company's": {"search": "SV-2"}, "another's number": {"customerNumber": "4066969300"}, "no product": {"productSku": "x"}} {
			if got := contractList.all(t, martha, where); len(got) != 0 {
				t.Errorf("%s: %v", name, got)
			}
		}
		if answer := contractList.ask(t, martha, servertest.Vars{"first": 1, "where": map[string]any{"expiresWithinDays": -1}}); answer.Code() != "BAD_USER_INPUT" {
			t.Errorf("a negative number of days: %s", answer.Body)
		}
	})
}

// Page by page, in either order and direction, each contract once.
//
// Requirement: CO-01
func TestContractPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		starts, numbers := map[string]string{}, []string{}
		for _, a := range agreements(t, k.SQL(t)) {
			if a.tenant == "HANSA" {
				numbers, starts[a.number] = append(numbers, a.number), a.from
			}
		}
		for _, backward := range []bool{false, true} {
			for _, size := range []int{1, 7, 100} {
				if got := contractList.walk(t, martha, size, backward, nil, nil); !slices.Equal(got, numbers) {
					t.Errorf("pages of %d, backward %v: %v", size, backward, got)
				}
				got := contractList.walk(t, martha, size, backward, nil, map[string]any{"field": "VALID_FROM", "direction": "DESC"})
				falling := slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(starts[b], starts[a]) })
				if !falling || !slices.Equal(sorted(got), numbers) {
					t.Errorf("by start, pages of %d, backward %v: %v", size, backward, got)
				}
			}
		}
		contractList.refusesBadPages(t, martha)
	})
}

// A contract with its positions, orders and right holders, as the clients ask.
//
// Requirement: CO-01
// Requirement: AC-04
func TestContractDetail(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		ask := func(c *servertest.Client, number string) *servertest.Answer {
			return c.Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": number}).OK(t)
		}
		answer := ask(martha, "RV-100001")
		row := 0
		for _, want := range demoRows(t, erp.Contracts) {
			if want["number"] != "RV-100001" {
				continue
			}
			at := fmt.Sprintf("contract.positions.%d.", row)
			row++
			if answer.Get(at+"position") != float64(row*10) || answer.String(t, at+"product.sku") != want["position_product"] || answer.String(t, at+"unit") != want["unit"] {
				t.Errorf("position %d is %v", row, answer.Get(strings.TrimSuffix(at, ".")))
			}
			open := amount(t, want["agreed_quantity"])
			open.Sub(open, amount(t, want["called_off_quantity"]))
			if amount(t, answer.String(t, at+"openQuantity")).Cmp(open) != 0 || !sameAmount(t, answer.String(t, at+"price.amount"), want["unit_price"]) {
				t.Errorf("position %d has open %s at %s", row, answer.Get(at+"openQuantity"), answer.Get(at+"price.amount"))
			}
		}
		if row != 3 || len(answer.List(t, "contract.positions")) != row {
			t.Errorf("%d positions, want %d", len(answer.List(t, "contract.positions")), row)
		}
		sums := martha.Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 1, "format": "CSV", "where": map[string]any{"search": "RV-100001"}}).OK(t)
		for field, want := range map[string]any{"agreedQuantity": "240", "calledOffQuantity": "91", "openQuantity": "149", "unit": "piece", "type": "FRAME_AGREEMENT",
			"validFrom": "2025-01-01", "validTo": "2028-12-31", "customerNumber.number": "4066969100", "customerNumber.line": "FIXED_LINE", "tenant.name": "Hansa Logistik GmbH", "sharedBy": nil} {
			if got := sums.Get("contracts.nodes.0." + field); got != want {
				t.Errorf("%s is %v, want %v", field, got, want)
			}
		}
		for _, a := range columnOf(t, k.SQL(t), `SELECT DISTINCT c.number FROM orders o JOIN contracts c ON c.id = o.contract_id JOIN tenants t ON t.id = c.tenant_id WHERE t.organization_id = 'HANSA'`) {
			want := columnOf(t, k.SQL(t), `SELECT o.number FROM orders o JOIN contracts c ON c.id = o.contract_id WHERE c.number = $1 ORDER BY o.placed_at DESC`, a)
			detail := ask(martha, a)
			var got []string
			for i := range detail.List(t, "contract.orders.nodes") {
				got = append(got, detail.String(t, fmt.Sprintf("contract.orders.nodes.%d.number", i)))
			}
			if !slices.Equal(got, want) || detail.Get("contract.orders.totalCount") != float64(len(want)) {
				t.Errorf("the orders on %s are %v, want %v", a, got, want)
			}
		}
		holders := func(c *servertest.Client) []string {
			detail := ask(c, "RV-100001")
			var all []string
			for i := range detail.List(t, "contract.rightHolders.nodes") {
				at := fmt.Sprintf("contract.rightHolders.nodes.%d.", i)
				all = append(all, fmt.Sprint(detail.Get(at+"user.displayName"), " ", detail.Get(at+"user.tenantName"), " ", detail.Get(at+"kind"), " ", detail.Get(at+"rights")))
			}
			return all
		}
		silke := "Silke Sommer Hansa Logistik GmbH DELEGATION [ORDER VIEW]"
		for username, want := range map[string][]string{
			"martha.hansen": {"Martha Hansen Hansa Logistik GmbH CONNECTION " + fmt.Sprint(allRights), silke},
			"sabine.kurz":   {"Martha Hansen Hansa Logistik GmbH CONNECTION " + fmt.Sprint(allRights), silke},
			"silke.sommer":  {silke}, "gerd.grau": nil,
		} {
			if got := holders(k.As(t, username)); !slices.Equal(got, want) {
				t.Errorf("%s sees the right holders %v, want %v", username, got, want)
			}
		}
		for _, number := range []string{"SV-200001", "RV-300001", "none", ""} {
			if got := ask(martha, number).Get("contract"); got != nil {
				t.Errorf("%q gives %v", number, got)
			}
		}
	})
}

// rightsWanted is what each role may do on a contract, as the requirements say it.
func rightsWanted(username string, a agreement, silke []string) []string {
	own := map[string]string{"martha.hansen": "HANSA", "moritz.hansen": "HANSA", "gerd.grau": "HANSA", "anna.abel": "HANSA",
		"maik.alster": "ALSTER", "greta.groth": "ALSTER", "malte.brandt": "BRANDT", "gisela.gross": "BRANDT"}[username] == a.tenant
	switch username {
	case "martha.hansen", "maik.alster": // connected with all numbers of their companies
		if own {
			return allRights
		}
	case "moritz.hansen", "gerd.grau", "greta.groth", "gisela.gross":
		if own {
			return allRights[:2]
		}
	case "malte.brandt": // holds a transfer, too
		if own {
			return allRights[:2]
		}
		if a.number == "SV-100001" {
			return []string{"VIEW", "BILLING"}
		}
	case "anna.abel":
		if own {
			return allRights[:1]
		}
	case "silke.sommer":
		if slices.Contains(silke, a.number) {
			return allRights[:2]
		}
	case "paul.lang":
		if a.tenant == "HANSA" || a.tenant == "ALSTER" {
			return allRights[:1]
		}
	case "sabine.kurz":
		return allRights[:1]
	}
	return nil
}

// Everybody has exactly the rights that role, connection, delegation and transfer
// give, and the list by a right has exactly the contracts that say it.
//
// Requirement: AC-04
// Requirement: AC-07
// Requirement: AC-14
// Requirement: AC-15
func TestRightsOnContracts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside := k.SQL(t)
		give(t, beside, "TRANSFER", "martha.hansen", "malte.brandt", "SV-100001", "VIEW")
		give(t, beside, "TRANSFER", "martha.hansen", "malte.brandt", "SV-100001", "BILLING")
		// A right without VIEW shows nothing: the contract is not in the list.
		give(t, beside, "DELEGATION", "maik.alster", "susi.stein", "SV-200001", "CONFIGURE")
		silke := columnOf(t, beside, `SELECT DISTINCT c.number FROM grants g JOIN contracts c ON c.id = g.contract_id JOIN users u ON u.id = g.holder_id WHERE u.username = 'silke.sommer'`)
		if len(silke) != 3 {
			t.Fatalf("silke holds rights on %v", silke)
		}
		all := agreements(t, beside)
		for _, row := range demoRows(t, erp.Users) {
			username := row["username"]
			viewer := k.As(t, username)
			answer := viewer.Operation(t, "spa/contracts", "Contracts", servertest.Vars{"first": 100, "format": "CSV"}).OK(t)
			mine := map[string][]string{}
			for i := range answer.List(t, "contracts.nodes") {
				at := fmt.Sprintf("contracts.nodes.%d.", i)
				number, rights := answer.String(t, at+"number"), []string{}
				for _, right := range answer.List(t, at+"myRights") {
					rights = append(rights, fmt.Sprint(right))
				}
				mine[number] = rights
				wantShared := "<nil>"
				if username == "malte.brandt" && number == "SV-100001" {
					wantShared = "map[displayName:Martha Hansen tenantName:Hansa Logistik GmbH]"
				}
				if got := fmt.Sprint(answer.Get(at + "sharedBy")); got != wantShared {
					t.Errorf("%s is shared with %s by %s", number, username, got)
				}
			}
			for _, a := range all {
				if want := rightsWanted(username, a, silke); !slices.Equal(mine[a.number], want) {
					t.Errorf("%s has %v on %s, want %v", username, mine[a.number], a.number, want)
				}
			}
			for _, right := range allRights {
				var want []string
				for number, rights := range mine {
					if slices.Contains(rights, right) {
						want = append(want, number)
					}
				}
				if got := contractList.all(t, viewer, map[string]any{"right": right}); !slices.Equal(got, sorted(want)) {
					t.Errorf("%s with %s: the list has %v, the contracts say %v", username, right, got, sorted(want))
				}
			}
		}
	})
}

// What is revoked is gone with the next request, on every replica: from the list,
// the contract itself, its ID, its orders.
//
// Requirement: AC-04
// Requirement: AC-07
func TestRevokedGrant(t *testing.T) {
	t.Parallel()
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			k := servertest.Start(t, backend)
			replicas := []*servertest.Kontor{k}
			if backend != servertest.Backends[0] { // a SQLite file is for one process
				replicas = append(replicas, k.Replica(t))
			}
			silke, beside := k.As(t, "silke.sommer"), k.SQL(t)
			id := silke.Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": "SV-100001"}).OK(t).String(t, "contract.id")
			seen := func(replica *servertest.Kontor) []string {
				c := silke.On(replica)
				ways := contractList.all(t, c, nil)
				if c.Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": "SV-100001"}).OK(t).Get("contract") != nil {
					ways = append(ways, "contract")
				}
				if c.Do(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, servertest.Vars{"ids": []string{id}}).OK(t).Get("nodes.0") != nil {
					ways = append(ways, "nodes")
				}
				return ways
			}
			for _, replica := range replicas {
				if got := seen(replica); !slices.Equal(got, []string{"RV-100001", "RV-100002", "SV-100001", "contract", "nodes"}) {
					t.Fatalf("before: %v", got)
				}
			}
			alter(t, beside, `UPDATE grants SET revoked_at = created_at WHERE contract_id = (SELECT id FROM contracts WHERE number = 'SV-100001')`)
			for _, replica := range replicas {
				if got := seen(replica); !slices.Equal(got, []string{"RV-100001", "RV-100002"}) {
					t.Errorf("after the revocation: %v", got)
				}
			}
			alter(t, beside, `UPDATE grants SET revoked_at = created_at WHERE revoked_at IS NULL`)
			for _, replica := range replicas {
				if got := seen(replica); len(got) != 0 {
					t.Errorf("after the last revocation: %v", got)
				}
			}
		})
	}
}
