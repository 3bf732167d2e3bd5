package access_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/connection"
	"kontor/ent/contract"
	"kontor/ent/grant"
	"kontor/ent/transfer"
	"kontor/internal/access"
	"kontor/internal/gid"
)

// told is what was explained of one right, and what it has to agree with: Casbin's answer,
// and the roles and rows by which the right can be held.
type told struct {
	about string
	can   bool
	rows  map[access.Kind]int
	access.Explanation
}

// disagreement says how an explanation contradicts the decision or leaves out a row; it is
// empty when they agree.
func (e told) disagreement() string {
	kinds := map[access.Kind]int{}
	for _, p := range e.Paths {
		kinds[p.Kind]++
		if (p.Kind == access.ByRole) != (p.Role != nil) || (p.Kind == access.ByRole) != (p.Via == nil) || (p.Via == nil) != (p.GrantedAt == nil) {
			return fmt.Sprintf("%s: the way %+v is incomplete", e.about, p)
		}
	}
	switch {
	case e.Allowed != e.can:
		return fmt.Sprintf("%s: Casbin says %v, the explanation %v", e.about, e.can, e.Allowed)
	case e.Allowed != (len(e.Paths) > 0):
		return fmt.Sprintf("%s: allowed is %v, by %d ways", e.about, e.Allowed, len(e.Paths))
	case !maps.Equal(kinds, e.rows):
		return fmt.Sprintf("%s: the ways are %v, the rows %v", e.about, kinds, e.rows)
	}
	return ""
}

// compareExplanations asks why each user has each right on some contracts.
func (w *world) compareExplanations(t *testing.T, when string) {
	t.Helper()
	for _, e := range w.explain(t) {
		if wrong := e.disagreement(); wrong != "" {
			t.Fatalf("%s: %s", when, wrong)
		}
	}
}

// explain asks why each user has each right: on a contract of its company or any, and on
// one on which it was given that right. A service agent may ask about everybody.
func (w *world) explain(t *testing.T) []told {
	t.Helper()
	asker := authz.NewContext(t.Context(), w.viewer(w.users[0], []authz.Role{authz.ServiceAgent}))
	var all []told
	for i, u := range w.users {
		viewer := w.viewer(u, w.roles[i])
		ctx := authz.NewContext(t.Context(), viewer)
		for _, right := range authz.Rights {
			about := []*ent.Contract{w.contracts[i/6*4+w.r.IntN(4)]}
			if w.r.IntN(2) == 0 {
				about[0] = w.contracts[w.r.IntN(len(w.contracts))]
			}
			given := w.db.Client.Grant.Query().Where(grant.HolderID(u.ID), grant.RightEQ(grant.Right(right)), grant.RevokedAtIsNil()).Order(grant.ByID()).AllX(w.ctx)
			if len(given) > 0 {
				some := given[w.r.IntN(len(given))].ContractID
				about = append(about, w.contracts[slices.IndexFunc(w.contracts, func(c *ent.Contract) bool { return c.ID == some })])
			}
			for _, c := range about {
				e := told{about: fmt.Sprintf("%s of %s with %v on %s of %s", right, u.Username, w.roles[i], c.Number, c.TenantID), rows: map[access.Kind]int{}}
				fresh := w.db.Client.Contract.Query().Where(contract.ID(c.ID)).OnlyX(w.ctx)
				can, err := w.rights.Can(ctx, w.db.Client, right, fresh)
				if err != nil {
					t.Fatal(err)
				}
				explained, err := w.rights.Explain(asker, gid.New(ent.KindUser, u.ID), gid.New(ent.KindContract, c.ID), right)
				if err != nil {
					t.Fatal(err)
				}
				e.Explanation = *explained
				if w.active[i] { // whoever is switched off is no viewer
					e.can, e.rows = can, w.rowsFor(t, u, w.roles[i], right, fresh, given)
				}
				all = append(all, e)
			}
		}
	}
	return all
}

// rowsFor counts the roles that Casbin says yes to, each by itself and without any row, and
// the rows by which a right is held, read apart from the code that explains.
func (w *world) rowsFor(t *testing.T, u *ent.User, roles []authz.Role, right authz.Right, c *ent.Contract, given []*ent.Grant) map[access.Kind]int {
	t.Helper()
	rows := map[access.Kind]int{}
	for _, role := range roles {
		v := w.viewer(u, []authz.Role{role})
		v.HoldsGrants, v.HoldsConnections = false, false
		fresh := w.db.Client.Contract.Query().Where(contract.ID(c.ID)).OnlyX(w.ctx)
		can, err := w.rights.Can(authz.NewContext(t.Context(), v), w.db.Client, right, fresh)
		if err != nil {
			t.Fatal(err)
		}
		if can {
			rows[access.ByRole]++
		}
	}
	for _, g := range given {
		if g.ContractID == c.ID {
			rows[access.Kind(g.Kind)]++
		}
	}
	byNumber := right != authz.View && right != authz.OrderOn && slices.Contains(roles, authz.MasterAdmin) && c.CustomerNumberID != nil
	if byNumber && w.db.Client.Connection.Query().Where(connection.UserID(u.ID), connection.CustomerNumberID(*c.CustomerNumberID), connection.RevokedAtIsNil()).ExistX(w.ctx) {
		rows[access.ByConnection]++
	}
	return rows
}

// expectTellingChanges makes sure that the comparison would notice: explanations that are
// wrong on purpose, each in one way, disagree; and the world had all that it is about.
func (w *world) expectTellingChanges(t *testing.T) {
	t.Helper()
	answers := w.explain(t)
	without := func(kind access.Kind) func(e *told) {
		return func(e *told) {
			e.Paths = slices.DeleteFunc(slices.Clone(e.Paths), func(p *access.Path) bool { return p.Kind == kind })
		}
	}
	for what, change := range map[string]func(e *told){
		"always allowed": func(e *told) { e.Allowed = true }, "never allowed": func(e *told) { e.Allowed = false },
		"no ways": func(e *told) { e.Paths = nil }, "a role that there is not": func(e *told) {
			e.Paths = append(slices.Clone(e.Paths), &access.Path{Kind: access.ByRole, Role: &w.roles[0][0]})
		},
		"without roles": without(access.ByRole), "without connections": without(access.ByConnection),
		"without delegations": without(access.ByDelegation), "without transfers": without(access.ByTransfer),
		"one way of several": func(e *told) { e.Paths = e.Paths[:min(1, len(e.Paths))] }, "a role for another": func(e *told) {
			for i, p := range e.Paths {
				if p.Kind == access.ByDelegation {
					e.Paths = slices.Concat(e.Paths[:i], []*access.Path{{Kind: access.ByRole, Role: &w.roles[0][0]}}, e.Paths[i+1:])
				}
			}
		},
		"a decision without transfers": func(e *told) {
			if e.rows[access.ByTransfer] > 0 && len(e.Paths) == e.rows[access.ByTransfer] {
				e.can = false
			}
		},
	} {
		found := 0
		for _, e := range answers {
			change(&e)
			if e.disagreement() != "" {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: the comparison does not notice", what)
		}
	}
	t.Logf("done: %v", w.done)
	cascaded := w.db.Client.Grant.Query().Where(grant.ParentIDNotNil(), grant.RevokedAtNotNil()).CountX(w.ctx)
	below := w.db.Client.Grant.Query().Where(grant.ParentIDNotNil(), grant.RevokedAtIsNil()).CountX(w.ctx)
	if w.done["delegations"] < 20 || w.done["transfers given"] < 20 || w.done["transfers taken back"] < 10 || cascaded < 5 || below < 3 {
		t.Errorf("too little was done: %v, of what was passed on %d rights went and %d are left", w.done, cascaded, below)
	}
}

// noOrphans makes sure that nothing is held that hangs on what is gone.
func (w *world) noOrphans(t *testing.T, when string) {
	t.Helper()
	for _, g := range w.db.Client.Grant.Query().Where(grant.RevokedAtIsNil()).AllX(w.ctx) {
		if g.ParentID != nil && w.db.Client.Grant.GetX(w.ctx, *g.ParentID).RevokedAt != nil {
			t.Fatalf("%s: %s on %s hangs on a right that is gone", when, g.Right, g.ContractID)
		}
		if g.TransferID != nil && !w.db.Client.Transfer.Query().Where(transfer.ID(*g.TransferID), transfer.RevokedAtIsNil()).ExistX(w.ctx) {
			t.Fatalf("%s: %s on %s is of a transfer that was taken back", when, g.Right, g.ContractID)
		}
	}
}
