package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/ent"
	"kontor/ent/userrole"
	"kontor/graph"
	"kontor/server/servertest"
)

// target is whose objects an operation names.
type target int

// The targets, in the order of the letters of a cell.
const (
	ofMine      target = iota // its own, and a contract that it has rights on
	ofColleague               // of a master admin of the same company, and another contract
	ofChild                   // of a company below; of another customer for an agent that acts
	ofForeign                 // of a company beside
	ofTransfer                // of a company that transferred a contract, and no more, to it
	targets
)

// persona is somebody who asks.
type persona struct {
	name    string
	role    userrole.Role // none for nobody
	acts    bool
	targets []target
}

// personas are the columns of the table. There is one tree of companies, so that nothing is
// foreign to a service agent, and customers have nobody below them.
var personas = []persona{
	{name: "nobody", targets: []target{ofForeign}},
	{name: "general", role: userrole.RoleGENERAL_USER, targets: []target{ofMine, ofColleague, ofForeign, ofTransfer}},
	{name: "approver", role: userrole.RoleAPPROVER, targets: []target{ofMine, ofColleague, ofForeign, ofTransfer}},
	{name: "sub", role: userrole.RoleSUB_ADMIN, targets: []target{ofMine, ofColleague, ofForeign, ofTransfer}},
	{name: "master", role: userrole.RoleMASTER_ADMIN, targets: []target{ofMine, ofColleague, ofForeign, ofTransfer}},
	{name: "partner", role: userrole.RolePARTNER_AGENT, targets: []target{ofMine, ofColleague, ofChild, ofForeign, ofTransfer}},
	{name: "service", role: userrole.RoleSERVICE_AGENT, targets: []target{ofMine, ofColleague, ofChild, ofTransfer}},
	{name: "acting", role: userrole.RolePARTNER_AGENT, acts: true, targets: []target{ofMine, ofColleague, ofChild, ofForeign, ofTransfer}},
}

// Every role, every operation and every place where a client can name an object: what comes
// of it is what testdata/matrix.txt says. A new operation has to be looked at first.
//
// It runs on SQLite only: each persona and target has a server of its own, and that the
// predicates of both databases select the same rows is proved by the tests of isolation.
//
// Requirement: AC-01
// Requirement: AC-02
// Requirement: AC-03
// Requirement: AC-08
// Case: AUTHZ-01
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := &matrix{rows: matrixRows(t), cells: map[string]map[string]string{}}
	t.Run("ask", func(t *testing.T) {
		for _, p := range personas {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				m.operations(t, p)
			})
			for _, at := range p.targets {
				t.Run(fmt.Sprint(p.name, " ", at), func(t *testing.T) {
					t.Parallel()
					m.places(t, p, at)
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	m.telling(t)
	m.compare(t)
}

// row is a line of the table.
type row struct {
	name  string
	place string // the place of probes; empty for an operation
	probe probe
	// field is an operation, or another field that has a door of its own.
	field rootField
}

// nodeKinds are the kinds of the types that implement Node.
var nodeKinds = map[string]string{
	"Address": ent.KindAddress, "AlloyGroup": ent.KindAlloyGroup, "ApprovalRule": ent.KindApprovalRule, "AuditEntry": ent.KindAuditEntry, "Booking": ent.KindBooking, "Cart": ent.KindCart, "CartItem": ent.KindCartItem, "Category": ent.KindCategory,
	"Contract": ent.KindContract, "ContractPosition": ent.KindContractPosition, "CustomerNumber": ent.KindCustomerNumber, "Document": ent.KindDocument, "ImportRun": ent.KindImportRun, "Order": ent.KindOrder,
	"OrderItem": ent.KindOrderItem, "Product": ent.KindProduct, "Quote": ent.KindQuote, "QuoteItem": ent.KindQuoteItem, "SavedCart": ent.KindSavedCart, "SavedAccountAssignment": ent.KindSavedAssignment, "Tenant": ent.KindTenant,
	"TelephonyUser": ent.KindTelephonyUser, "TelephonyUserOrder": ent.KindWizard, "Transfer": ent.KindTransfer, "User": ent.KindUser,
}

// matrixRows are the lines of the table, as the schema gives them: each field with a door,
// followed by the places where it takes a name.
func matrixRows(t *testing.T) []row {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(probes)), places(t); !slices.Equal(got, want) {
		t.Fatalf("there are probes for %v, but clients name objects at %v", got, want)
	}
	api := graph.Schema(&graph.Resolver{}).Schema()
	var rows []row
	for _, field := range doors(t, api) {
		rows = append(rows, row{name: field.name, field: field})
		for _, place := range slices.Sorted(maps.Keys(probes)) {
			if !strings.HasPrefix(place, field.name+".") {
				continue
			}
			if place != "Query.node.id" {
				rows = append(rows, row{name: place, place: place, probe: probes[place]})
				continue
			}
			var types []string
			for _, of := range api.GetPossibleTypes(api.Types["Node"]) {
				types = append(types, of.Name)
			}
			for _, name := range slices.Sorted(slices.Values(types)) {
				kind, known := nodeKinds[name]
				if !known {
					t.Errorf("say in nodeKinds what kind a %s is, and make one in builder.belong", name)
				}
				if kind != "" {
					rows = append(rows, row{name: place + ":" + name, place: place, probe: probe{probes[place].document, kind}})
				}
			}
		}
	}
	return rows
}

// doors are the operations, and the other fields that say what they need.
func doors(t *testing.T, api *ast.Schema) []rootField {
	t.Helper()
	var all []rootField
	for _, f := range rootFields(t) {
		f.name = f.root + "." + f.name
		all = append(all, f)
	}
	for _, f := range api.Subscription.Fields {
		document := "subscription { " + selection(t, api, f) + " }"
		all = append(all, rootField{"Subscription", "Subscription." + f.Name, f.Directives.ForName("public") != nil, document})
	}
	for _, name := range slices.Sorted(maps.Keys(api.Types)) {
		definition := api.Types[name]
		if definition.Kind != ast.Object || definition == api.Query || definition == api.Mutation || definition == api.Subscription {
			continue
		}
		for _, f := range definition.Fields {
			if f.Directives.ForName("can") == nil {
				continue
			}
			if name != "Tenant" {
				t.Fatalf("say here how to get to a %s", name)
			}
			all = append(all, rootField{root: name, name: name + "." + f.Name, document: "query { viewer { tenant { " + selection(t, api, f) + " } } }"})
		}
	}
	return all
}

// matrix collects the cells, by row and persona.
type matrix struct {
	mu    sync.Mutex
	rows  []row
	cells map[string]map[string]string
}

// put writes the letter of a target; -1 stands for all of the cell.
func (m *matrix) put(row, persona string, at target, letter string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells[row] == nil {
		m.cells[row] = map[string]string{}
	}
	cell := m.cells[row][persona]
	if cell == "" {
		cell = strings.Repeat(".", int(targets))
	}
	if at < 0 {
		cell = letter
	} else {
		cell = cell[:at] + letter + cell[at+1:]
	}
	m.cells[row][persona] = cell
}

// client is a persona that is logged in, and acts if that is what it does.
func (p persona) client(t *testing.T, k *servertest.Kontor, username string, customer string) *servertest.Client {
	t.Helper()
	if p.role == "" {
		return k.Anonymous()
	}
	c := k.As(t, username)
	if p.acts {
		actFor(t, c, customer).OK(t)
	}
	return c
}

// through lets a question about the viewer's company also be about those that an agent
// gets to: its customers, and the one that it acts for.
func (p persona) through(document string) string {
	before, inner, found := strings.Cut(document, "viewer { tenant {")
	if !found || p.role != userrole.RolePARTNER_AGENT && p.role != userrole.RoleSERVICE_AGENT {
		return document
	}
	inner = strings.TrimSuffix(strings.TrimSpace(inner), "} } }")
	acting := ""
	if p.acts {
		acting = " actingFor {" + inner + "}"
	}
	return before + "viewer { tenant {" + inner + "}" + acting + " } tenants(first: 20, where: {kind: CUSTOMER}) { nodes {" + inner + "} } }"
}

// operations asks for every field that has a door, whatever it is about.
func (m *matrix) operations(t *testing.T, p persona) {
	k, me, there := worldOfPersona(t, p)
	c := p.client(t, k, me.Username, there[ofMine].names[ent.KindTenant])
	// What ends the session or the acting comes last.
	last := []string{"Mutation.actFor", "Mutation.logout"}
	rows := slices.SortedStableFunc(slices.Values(m.rows), func(a, b row) int { return slices.Index(last, a.name) - slices.Index(last, b.name) })
	for _, r := range rows {
		if r.place != "" {
			continue
		}
		answer := c.Ask(t, p.through(r.field.document), nil)
		letter := refusal(t, r.name, answer)
		switch {
		case letter != "":
		case r.field.public:
			letter = "P"
		default:
			letter = "+"
		}
		m.put(r.name, p.name, -1, letter)
	}
}

// refusal is the letter of an answer that says that the viewer may not do this at all, or
// empty.
func refusal(t *testing.T, what string, answer *servertest.Answer) string {
	t.Helper()
	switch code := answer.Code(); code {
	case "UNAUTHENTICATED":
		return "U"
	case "FORBIDDEN":
		return "F"
	case "", "NOT_FOUND":
		return ""
	default:
		t.Errorf("%s: %s", what, answer.Body)
		return ""
	}
}

// late are parts of places that have their turn after all others, in this order: the more
// they change, the later, and last what the asker itself would suffer from.
var late = []string{
	"abandonTelephonyUserOrder", "connectCustomerNumber", "remove", "placeOrder.input.contractId", "createQuote.input.idempotencyKey", "reorderToCart", "loadSavedCart", "delete", "endSessions", "setUserRoles.input.newSuperiorId", "deactivateUser.input.newSuperiorId",
	"setUserRoles.input.id", "deactivateUser.input.id", "actFor",
}

// stage is when a place has its turn; questions come before changes.
func stage(place string) int {
	for i, part := range late {
		if strings.Contains(place, part) {
			return 2 + i
		}
	}
	return strings.Count(place, "Mutation.")
}

// places names objects of one target at every place where a client can.
func (m *matrix) places(t *testing.T, p persona, at target) {
	k, me, there := worldOfPersona(t, p)
	customer, d := there[ofMine].names[ent.KindTenant], k.SQL(t)
	c := p.client(t, k, me.Username, customer)
	named := there[at]
	named.names["ses"] = shopper{k.Anonymous(), t}.login(named.owner.Username)
	elsewhere := map[string]any{"email": "boss.else@matrix.example", "customerNumber": "7700000001", "line": "GENERAL"}
	if p.role == userrole.RoleMASTER_ADMIN {
		there[ofMine].with["target"] = find(t, c, elsewhere)
	}
	named.names["target"] = fmt.Sprint(there[ofMine].with["target"])
	if at != ofMine {
		named.names["target"] = find(t, k.As(t, named.boss.Username), elsewhere)
	}
	before := ""
	if at == ofForeign {
		before = dump(t, d, named.organization)
	}
	rows := slices.SortedStableFunc(slices.Values(m.rows), func(a, b row) int { return stage(a.place) - stage(b.place) })
	for _, r := range rows {
		if r.place == "" {
			continue
		}
		if at == ofMine && stage(r.place) >= stage("setUserRoles.input.id") {
			c = m.revive(t, p, k, me, customer)
		}
		name := named.names[r.probe.kind]
		none := unknown[r.probe.kind]
		if none == "" {
			none = nobodys(t, name)
		}
		if name == "" {
			t.Fatalf("%s: there is no %s", r.name, r.probe.kind)
		}
		// What comes along with the name is the target's; the rest is one's own or, in a
		// second try, the target's as well.
		with := maps.Clone(there[ofMine].with)
		for _, along := range []string{"number", "letter", "email"} {
			with[along] = named.with[along]
		}
		letter := m.tell(t, p, c, r, name, none, with)
		if letter == "-" && at != ofMine && (strings.Contains(r.probe.document, "$colleague") || strings.Contains(r.probe.document, "$contract")) {
			with["colleague"], with["contract"] = named.with["colleague"], named.with["contract"]
			letter = m.tell(t, p, c, r, name, none, with)
		}
		m.put(r.name, p.name, at, letter)
	}
	if at != ofForeign {
		return
	}
	if after := dump(t, d, named.organization); withoutLogins(after) != withoutLogins(before) {
		t.Errorf("something of a foreign company has changed:\n%s\nbefore:\n%s", after, before)
	}
}

// tell is the letter of a question about a name: whether it is answered otherwise than one
// about a name that nothing has.
func (m *matrix) tell(t *testing.T, p persona, c *servertest.Client, r row, name, none string, with servertest.Vars) string {
	t.Helper()
	ask := func(name string) (string, *servertest.Answer) {
		vars := maps.Clone(with)
		vars["id"] = name
		answer := c.Ask(t, p.through(r.probe.document), vars)
		return strings.ReplaceAll(fmt.Sprint(answer.Status, " ", plain(answer)), name, "…"), answer
	}
	missing, answer := ask(none)
	if letter := refusal(t, r.name, answer); letter != "" {
		return letter
	}
	real, answer := ask(name)
	if letter := refusal(t, r.name, answer); letter != "" {
		return letter
	}
	if real == missing {
		return "-"
	}
	return "+"
}

// revive gives the persona back what the last operation may have taken: roles and session.
func (m *matrix) revive(t *testing.T, p persona, k *servertest.Kontor, me *ent.User, customer string) *servertest.Client {
	t.Helper()
	if p.role == "" {
		return k.Anonymous()
	}
	d := k.SQL(t)
	alter(t, d, `UPDATE users SET status = 'ACTIVE' WHERE username = '`+me.Username+`'`)
	alter(t, d, `UPDATE user_roles SET role = '`+string(p.role)+`' WHERE user_id = '`+me.ID.String()+`'`)
	return p.client(t, k, me.Username, customer)
}

// telling makes sure that the questions can tell: what nobody gets an answer to would look
// like a wall.
func (m *matrix) telling(t *testing.T) {
	t.Helper()
	letters := map[rune]bool{}
	for _, r := range m.rows {
		told := false
		for _, cell := range m.cells[r.name] {
			for i, letter := range cell {
				letters[letter] = true
				told = told || letter == '+' && (i == int(ofMine) || i == int(ofChild))
			}
		}
		mute := slices.Contains(silent, r.place) || slices.Contains([]string{"Query.node.id:ContractPosition", "Query.node.id:OrderItem", "Query.node.id:QuoteItem"}, r.name)
		if r.place != "" && told == mute {
			t.Errorf("%s: whether a question about one's own is answered is %v", r.name, told)
		}
	}
	for _, letter := range "UFP+-." {
		if !letters[letter] {
			t.Errorf("no cell is %c", letter)
		}
	}
}
