package authz

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/google/uuid"
)

// Relation is what ties a viewer to a row; policy.csv explains each.
type Relation string

// The relations. A new one needs its meaning in related and its SQL in package rows.
const (
	Own        Relation = "own"
	Held       Relation = "held"
	Tenant     Relation = "tenant"
	Shared     Relation = "shared"
	Granted    Relation = "granted"
	Connected  Relation = "connected"
	Assortment Relation = "assortment"
	Operator   Relation = "operator"
	Subtree    Relation = "subtree"
	All        Relation = "all"
)

var relations = []Relation{Own, Held, Tenant, Shared, Granted, Connected, Assortment, Operator, Subtree, All}

// Thing is what a decision is about: the facts of one row, read from the
// database and never taken from the client.
type Thing struct {
	Tenant     uuid.UUID
	TenantPath string
	Owner      uuid.UUID
	Granted    []Right // what the viewer holds by delegation or transfer, live now
	Shared     bool    // its owner shares it with the tenant
	Connected  bool    // the viewer connected the contract's customer number
	Assorted   bool    // the product has a price for the viewer's tenant
	action     string
}

var (
	//go:embed model.conf
	modelText string
	//go:embed policy.csv
	policyText string
)

// policy is one enforcer for each role, each holding that role's lines only:
// a decision then walks a handful of lines instead of all of them.
type policy struct {
	lines     []Line
	enforcers map[Role]*casbin.Enforcer
	scopes    map[Role]map[string][]Relation
	// allowed is what Casbin says where there is no thing yet, asked once when the
	// policy is read: it depends on nothing but role and action.
	allowed map[Role]map[string]bool
	// below and all are the actions by which a role reaches other tenants, for Wall.
	below, all map[Role]string
}

var load = sync.OnceValues(func() (*policy, error) { return parse(policyText) })

// Check reads the policy that is built into the binary; the server refuses to
// start with one that is empty or does not parse.
func Check() error {
	_, err := load()
	return err
}

func parse(text string) (*policy, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comment, reader.TrimLeadingSpace, reader.FieldsPerRecord = '#', true, 4
	lines, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading policy.csv: %w", err)
	}
	if len(lines) == 0 {
		return nil, errors.New("policy.csv has no lines: nothing would be decided")
	}
	p := &policy{
		enforcers: map[Role]*casbin.Enforcer{}, scopes: map[Role]map[string][]Relation{}, allowed: map[Role]map[string]bool{},
		below: map[Role]string{}, all: map[Role]string{},
	}
	for _, line := range lines {
		kind, role, action, relation := line[0], Role(line[1]), line[2], Relation(line[3])
		if kind != "p" || (role != Member && role != Acting && !slices.Contains(Roles, role)) || !slices.Contains(relations, relation) || action == "" {
			return nil, fmt.Errorf("policy.csv: %q is no line: want p, role, action, relation", strings.Join(line, ", "))
		}
		if err := p.add(role, action, relation); err != nil {
			return nil, err
		}
	}
	for role := range p.scopes {
		p.below[role], p.all[role] = p.reaching(role, Subtree), p.reaching(role, All)
	}
	return p, p.ask()
}

// ask fills allowed with Casbin's answers.
func (p *policy) ask() error {
	for role, scopes := range p.scopes {
		p.allowed[role] = make(map[string]bool, len(scopes))
		for action := range scopes {
			allowed, err := p.enforcers[role].Enforce(&Viewer{}, string(role), action, (*Thing)(nil))
			if err != nil {
				return fmt.Errorf("deciding %s for %s: %w", action, role, err)
			}
			p.allowed[role][action] = allowed
		}
	}
	return nil
}

func (p *policy) add(role Role, action string, relation Relation) error {
	e := p.enforcers[role]
	if e == nil {
		m, err := model.NewModelFromString(modelText)
		if err != nil {
			return fmt.Errorf("reading model.conf: %w", err)
		}
		if e, err = casbin.NewEnforcer(m); err != nil {
			return fmt.Errorf("making the enforcer of %s: %w", role, err)
		}
		e.AddFunction("related", relatedFunction)
		p.enforcers[role], p.scopes[role] = e, map[string][]Relation{}
	}
	added, err := e.AddPolicy(string(role), action, string(relation))
	if err != nil {
		return fmt.Errorf("adding %s, %s, %s to the policy: %w", role, action, relation, err)
	}
	if !added {
		return fmt.Errorf("policy.csv says %s, %s, %s twice", role, action, relation)
	}
	p.scopes[role][action] = append(p.scopes[role][action], relation)
	p.lines = append(p.lines, Line{role, action, relation})
	return nil
}

// Allows tells whether one of the viewer's roles may do this at all.
func Allows(v *Viewer, action string) (bool, error) {
	p, err := asked(v, action)
	if err != nil || v.system {
		return err == nil, err
	}
	for role := range v.everyRole {
		if p.allowed[role][action] {
			return true, nil
		}
	}
	return false, nil
}

// Can tells whether the viewer may do this to that thing.
func Can(v *Viewer, action string, thing Thing) (bool, error) {
	p, err := asked(v, action)
	if err != nil || v.system {
		return err == nil, err
	}
	thing.action = action
	for role := range v.everyRole {
		e := p.enforcers[role]
		if e == nil {
			continue
		}
		allowed, err := e.Enforce(v, string(role), action, &thing)
		if err != nil {
			return false, fmt.Errorf("deciding %s: %w", action, err)
		}
		if allowed {
			return true, nil
		}
	}
	return false, nil
}

// asked is the policy, for a question that may be asked. An empty one must never
// reach the matcher: without a loaded rule Casbin would compare empty with empty
// and say yes.
func asked(v *Viewer, action string) (*policy, error) {
	if v == nil || action == "" || (!v.system && (v.User == uuid.Nil || v.Tenant == uuid.Nil)) {
		return nil, errors.New("a decision needs a viewer and an action")
	}
	return load()
}

// Scope is the set of relations by which the viewer may do this, from the same
// lines that Can enforces; empty means never. Relations that cannot hold for
// this viewer are left out.
func Scope(v *Viewer, action string) ([]Relation, error) {
	p, err := load()
	if err != nil {
		return nil, err
	}
	if v.system {
		return []Relation{All}, nil
	}
	var scope []Relation
	for role := range v.everyRole {
		for _, relation := range p.scopes[role][action] {
			impossible := relation == Granted && !v.HoldsGrants || relation == Connected && !v.HoldsConnections
			if !impossible && !slices.Contains(scope, relation) {
				scope = append(scope, relation)
			}
		}
	}
	return reduced(scope), nil
}

// reduced leaves out relations that others contain: a predicate of one comparison
// can follow an index, one of alternatives often cannot.
func reduced(scope []Relation) []Relation {
	if slices.Contains(scope, All) {
		return []Relation{All}
	}
	if slices.Contains(scope, Tenant) {
		return slices.DeleteFunc(scope, func(r Relation) bool { return r == Own || r == Shared })
	}
	return scope
}

// Way is a line of the policy by which an action is allowed: a role, and the relation
// that it has to the thing.
type Way struct {
	Role     Role
	Relation Relation
}

// Ways are all lines of the policy by which the viewer may do this to that thing (AC-14):
// none when Can says no.
func Ways(v *Viewer, action string, thing Thing) ([]Way, error) {
	p, err := asked(v, action)
	if err != nil {
		return nil, err
	}
	thing.action = action
	var ways []Way
	for role := range v.everyRole {
		for _, relation := range p.scopes[role][action] {
			if related(v, relation, &thing) {
				ways = append(ways, Way{role, relation})
			}
		}
	}
	return ways, nil
}

// HeldRights are the rights that the viewer has on a contract (AC-14), by the
// relations of Scope: for lists, where asking Casbin for each row and right would
// cost more than the row. A property test holds it and Can together.
func HeldRights(v *Viewer, contract Thing) ([]Right, error) {
	held := make([]Right, 0, len(Rights))
	for _, right := range Rights {
		contract.action = right.Action()
		scope, err := Scope(v, contract.action)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(scope, func(r Relation) bool { return related(v, r, &contract) }) {
			held = append(held, right)
		}
	}
	return held, nil
}

// related is the meaning of a relation for one thing; package rows says the same
// in SQL.
func related(v *Viewer, relation Relation, t *Thing) bool {
	switch relation {
	case Own:
		return t.Owner != uuid.Nil && t.Owner == v.User && t.Tenant == v.Tenant
	case Held:
		return t.Owner != uuid.Nil && t.Owner == v.User
	case Shared:
		return t.Shared && t.Tenant == v.Tenant
	case Tenant:
		return t.Tenant == v.Tenant
	case Granted:
		// What is not a contract right itself (its orders, its list entry) follows
		// the right to see the contract.
		right := View
		if name, ok := strings.CutPrefix(t.action, "contract."); ok && slices.Contains(Rights, Right(name)) {
			right = Right(name)
		}
		return slices.Contains(t.Granted, right)
	case Connected:
		return t.Connected
	case Assortment:
		return t.Assorted
	case Operator:
		return t.Tenant == v.Operator
	case Subtree:
		return v.below(t.TenantPath)
	case All:
		return true
	default:
		return false
	}
}

// relatedFunction is related as the matcher calls it. Any surprise is an error,
// and an error is a no.
func relatedFunction(arguments ...any) (any, error) {
	if len(arguments) != 3 {
		return nil, errors.New("related takes a viewer, a relation and a thing")
	}
	v, okViewer := arguments[0].(*Viewer)
	relation, okRelation := arguments[1].(string)
	thing, okThing := arguments[2].(*Thing)
	if !okViewer || !okRelation || !okThing || v == nil {
		return nil, errors.New("related takes a viewer, a relation and a thing")
	}
	return thing == nil || related(v, Relation(relation), thing), nil
}
