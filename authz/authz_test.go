package authz

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func someViewer(t *rapid.T, tenants []uuid.UUID, user uuid.UUID) *Viewer {
	roles := rapid.SliceOfNDistinct(rapid.SampledFrom(Roles), 0, 3, rapid.ID).Draw(t, "roles")
	v := &Viewer{
		User: user, Tenant: rapid.SampledFrom(tenants).Draw(t, "tenant"), TenantPath: rapid.SampledFrom([]string{"a/", "a/b/", "a/b/c/"}).Draw(t, "path"),
		Operator: tenants[0], Roles: roles,
		HoldsGrants: true, HoldsConnections: true,
	}
	if customer := rapid.SampledFrom(tenants).Draw(t, "customer"); rapid.IntRange(0, 3).Draw(t, "acts") == 0 {
		acting, ok, err := v.ActFor(customer, rapid.SampledFrom([]string{"a/b/", "a/b/c/", "x/"}).Draw(t, "customerPath"))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return acting
		}
	}
	return v
}

// What an agent holds itself stays behind while it acts for a customer.
//
// Requirement: AC-02
func TestActFor(t *testing.T) {
	own, customer := uuid.New(), uuid.New()
	agent := &Viewer{User: uuid.New(), Username: "paul", Tenant: own, TenantPath: "op/me/", Operator: uuid.New(), Session: "s",
		Roles: []Role{MasterAdmin, PartnerAgent}, HoldsGrants: true, HoldsConnections: true}
	for name, to := range map[string]struct {
		tenant uuid.UUID
		path   string
		may    bool
	}{
		"below": {customer, "op/me/c/", true}, "beside": {customer, "op/c/", false}, "a like name": {customer, "op/me2/c/", false}, "its own": {own, "op/me/", false},
	} {
		acting, ok, err := agent.ActFor(to.tenant, to.path)
		if err != nil || ok != to.may || ok != (acting != nil) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	acting, _, _ := agent.ActFor(customer, "op/me/c/")
	held, err := HeldRights(acting, Thing{Tenant: customer, TenantPath: "op/me/c/", Granted: Rights, Connected: true})
	if err != nil || !slices.Equal(held, []Right{View, OrderOn}) {
		t.Errorf("on the customer's contracts: %v, %v", held, err)
	}
	if held, err := HeldRights(acting, Thing{Tenant: own, TenantPath: "op/me/", Granted: Rights, Connected: true}); err != nil || len(held) > 0 {
		t.Errorf("on its own contracts: %v, %v", held, err)
	}
	if !slices.Equal(acting.Roles, []Role{PartnerAgent}) || acting.Has(PartnerAgent) || acting.Has(MasterAdmin) || acting.Has(Member) || acting.AtHome() != agent {
		t.Errorf("the agent became %+v", acting)
	}
	if again, ok, err := acting.ActFor(customer, "op/me/d/"); err != nil || !ok || again.AtHome() != agent {
		t.Errorf("for another one from there: %v, %v", ok, err)
	}
	if _, ok, err := (&Viewer{User: uuid.New(), Tenant: own, TenantPath: "op/me/", Roles: []Role{MasterAdmin}}).ActFor(customer, "op/me/c/"); ok || err != nil {
		t.Errorf("a master admin: %v, %v", ok, err)
	}
}

// What Casbin enforces and what HeldRights tells for lists is the same, for every
// role, right and tie between a viewer and a contract.
//
// Requirement: AC-15
func TestHeldRightsAndEnforceAgree(t *testing.T) {
	tenants := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	user := uuid.New()
	allowed, asked := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		v := someViewer(t, tenants, user)
		contract := Thing{
			Tenant:     rapid.SampledFrom(tenants).Draw(t, "owner"),
			TenantPath: rapid.SampledFrom([]string{"a/", "a/b/", "a/b/c/", "x/"}).Draw(t, "ownerPath"),
			Granted:    rapid.SliceOfDistinct(rapid.SampledFrom(Rights), rapid.ID).Draw(t, "granted"),
			Connected:  rapid.Bool().Draw(t, "connected"),
		}
		held, err := HeldRights(v, contract)
		if err != nil {
			t.Fatal(err)
		}
		for _, right := range Rights {
			can, err := Can(v, right.Action(), contract)
			if err != nil {
				t.Fatal(err)
			}
			asked++
			if can {
				allowed++
			}
			if can != slices.Contains(held, right) {
				t.Fatalf("%s on %+v for %+v: Casbin says %v, the list %v", right, contract, v, can, held)
			}
		}
	})
	// Agreement by never saying yes, or always, would prove nothing.
	if share := float64(allowed) / float64(asked); share < 0.05 || share > 0.95 {
		t.Fatalf("%d of %d were allowed: the worlds are too simple", allowed, asked)
	}
}

// Requirement: AC-07
// Requirement: AC-04
func TestContractRightsByRole(t *testing.T) {
	own, other, user := uuid.New(), uuid.New(), uuid.New()
	for name, c := range map[string]struct {
		roles    []Role
		contract Thing
		want     []Right
	}{
		"general user, own tenant":               {[]Role{GeneralUser}, Thing{Tenant: own}, []Right{View, OrderOn}},
		"general user, other tenant":             {[]Role{GeneralUser}, Thing{Tenant: other}, nil},
		"sub admin without rights":               {[]Role{SubAdmin}, Thing{Tenant: own}, nil},
		"sub admin with rights":                  {[]Role{SubAdmin}, Thing{Tenant: own, Granted: []Right{View, Billing}}, []Right{View, Billing}},
		"master admin, own tenant":               {[]Role{MasterAdmin}, Thing{Tenant: own}, []Right{View, OrderOn}},
		"master admin that connected the number": {[]Role{MasterAdmin}, Thing{Tenant: own, Connected: true}, Rights},
		"master admin, other tenant":             {[]Role{MasterAdmin}, Thing{Tenant: other}, nil},
		"master admin, transferred":              {[]Role{MasterAdmin}, Thing{Tenant: other, Granted: []Right{View, OrderOn}}, []Right{View, OrderOn}},
		"general user that connected long ago":   {[]Role{GeneralUser}, Thing{Tenant: other, Connected: true}, nil},
		"no role at all":                         {nil, Thing{Tenant: own}, nil},
		"partner agent, tenant below":            {[]Role{PartnerAgent}, Thing{Tenant: other, TenantPath: "op/me/below/"}, []Right{View}},
		"partner agent, tenant beside":           {[]Role{PartnerAgent}, Thing{Tenant: other, TenantPath: "op/beside/"}, nil},
		"partner agent, beside with a like name": {[]Role{PartnerAgent}, Thing{Tenant: other, TenantPath: "op/me2/"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := &Viewer{User: user, Tenant: own, TenantPath: "op/me/", Roles: c.roles, HoldsGrants: true, HoldsConnections: true}
			held, err := HeldRights(v, c.contract)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(held, c.want) && len(held)+len(c.want) > 0 {
				t.Fatalf("got %v, want %v", held, c.want)
			}
		})
	}
}

// Case: AUTHZ-13
func TestDecisionsFailClosed(t *testing.T) {
	for name, v := range map[string]*Viewer{"nobody": nil, "empty": {}, "without tenant": {User: uuid.New()}} {
		if allowed, err := Allows(v, "order.place"); allowed || err == nil {
			t.Errorf("%s: got %v, %v", name, allowed, err)
		}
	}
	v := &Viewer{User: uuid.New(), Tenant: uuid.New(), Roles: []Role{"ROOT"}}
	for _, action := range []string{"no.such.action", "*", "order.*"} {
		if allowed, err := Allows(v, action); allowed || err != nil {
			t.Errorf("%s: got %v, %v", action, allowed, err)
		}
	}
	if allowed, err := Allows(v, ""); allowed || err == nil {
		t.Errorf("without an action: got %v, %v", allowed, err)
	}
}

// Many decide at once, also while the policy is being read, and all get what one alone gets.
//
// Case: AUTHZ-13
func TestDecisionsAtOnce(t *testing.T) {
	user, own, other := uuid.New(), uuid.New(), uuid.New()
	decide := func() string {
		var all strings.Builder
		for _, role := range Roles {
			v := &Viewer{User: user, Tenant: own, TenantPath: "op/me/", Roles: []Role{role}, HoldsGrants: true}
			for _, action := range []string{"order.place", "order.view", "contract.VIEW", "user.administer", "no.such.action"} {
				allowed, err := Allows(v, action)
				scope, failed := Scope(v, action)
				can, refused := Can(v, action, Thing{Tenant: other, TenantPath: "op/other/", Owner: user})
				fmt.Fprintln(&all, role, action, allowed, err, scope, failed, can, refused)
			}
		}
		return all.String()
	}
	want := decide()
	var at sync.WaitGroup
	for i := range 32 {
		at.Go(func() {
			for range 20 {
				if i%8 == 0 {
					if _, err := parse(policyText); err != nil {
						t.Error(err)
					}
				}
				if got := decide(); got != want {
					t.Errorf("at once: %s, alone: %s", got, want)
				}
			}
		})
	}
	at.Wait()
}

// A policy that does not say what it means stops the server.
//
// Case: AUTHZ-13
func TestPolicyIsCheckedWhenRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty":            "# nothing\n",
		"unknown role":     "p, KING, order.view, tenant\n",
		"unknown relation": "p, MEMBER, order.view, everywhere\n",
		"too short":        "p, MEMBER, order.view\n",
		"twice":            "p, MEMBER, order.view, own\np, MEMBER, order.view, own\n",
		"another kind":     "g, MEMBER, order.view, own\n",
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := parse(policyText); err != nil {
		t.Errorf("our own: %v", err)
	}
}

// The order of roles does not matter, and a role adds, it never takes away.
func TestScopeIsTheUnionOfRoles(t *testing.T) {
	v := &Viewer{User: uuid.New(), Tenant: uuid.New(), Roles: []Role{SubAdmin, GeneralUser}, HoldsGrants: true}
	scope, err := Scope(v, "contract.VIEW")
	if err != nil {
		t.Fatal(err)
	}
	if len(scope) != 2 || !slices.Contains(scope, Granted) || !slices.Contains(scope, Tenant) {
		t.Fatalf("got %v", scope)
	}
	v.HoldsGrants = false
	if scope, _ = Scope(v, "contract.VIEW"); !slices.Equal(scope, []Relation{Tenant}) {
		t.Fatalf("a viewer without grants got %v", scope)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(policyText)
	f.Add("p, MEMBER, a, own")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parse(text); err == nil && len(p.enforcers) == 0 {
			t.Fatalf("a policy without rules was accepted: %q", strings.TrimSpace(text))
		}
	})
}

// What is left out of a scope because another relation contains it changes no
// decision.
//
// Requirement: AC-15
func TestAScopeSaysTheSameAsCasbin(t *testing.T) {
	tenants := []uuid.UUID{uuid.New(), uuid.New()}
	user, other := uuid.New(), uuid.New()
	rapid.Check(t, func(t *rapid.T) {
		v := someViewer(t, tenants, user)
		thing := Thing{
			Tenant:  rapid.SampledFrom(tenants).Draw(t, "owner"),
			Owner:   rapid.SampledFrom([]uuid.UUID{user, other}).Draw(t, "person"),
			Granted: rapid.SliceOfDistinct(rapid.SampledFrom(Rights), rapid.ID).Draw(t, "granted"),
		}
		for _, action := range []string{"order.view", "cart.use", "user.view", "grant.view", "tenant.view"} {
			can, err := Can(v, action, thing)
			if err != nil {
				t.Fatal(err)
			}
			scope, err := Scope(v, action)
			if err != nil {
				t.Fatal(err)
			}
			thing.action = action
			listed := slices.ContainsFunc(scope, func(r Relation) bool { return related(v, r, &thing) })
			if can != listed {
				t.Fatalf("%s on %+v for %+v: Casbin says %v, the scope %v", action, thing, v, can, scope)
			}
		}
	})
}

// The policy explains itself: each relation in its head, and no line is lost on the way to
// the documentation.
//
// Requirement: AC-03
func TestThePolicyExplainsItself(t *testing.T) {
	for _, relation := range Relations() {
		if Meaning()[relation] == "" {
			t.Errorf("the head of policy.csv does not say what %q is", relation)
		}
	}
	lines, err := Lines()
	if want := strings.Count(policyText, "\np, "); err != nil || len(lines) != want || want < 50 {
		t.Errorf("%d lines of %d are told: %v", len(lines), want, err)
	}
}

// Documents of contracts stand behind the wall of orders, so whoever sees orders by anything but
// having placed them sees contracts by the same.
//
// Requirement: CO-04
func TestOrdersAndContractsAreSeenAlike(t *testing.T) {
	p, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range slices.Concat(Roles, []Role{Member, Acting}) {
		orders := slices.DeleteFunc(slices.Clone(p.scopes[role]["order.view"]), func(r Relation) bool { return r == Own })
		contracts := slices.Clone(p.scopes[role][View.Action()])
		slices.Sort(orders)
		slices.Sort(contracts)
		if !slices.Equal(orders, contracts) {
			t.Errorf("%s sees orders by %v, contracts by %v", role, orders, contracts)
		}
	}
}
