package server_test

import (
	"fmt"
	"testing"

	"kontor/internal/kontortest"
	"kontor/server/servertest"
)

// billingOf is whether the invoices of a contract are open to somebody, and why not.
func billingOf(t *testing.T, c *servertest.Client, contract string) string {
	t.Helper()
	answer := c.Do(t, `query($id: ID!) { node(id: $id) { ... on Contract { onlineBilling { reachable reason } } } }`, servertest.Vars{"id": contract}).OK(t)
	return said(answer, "node.onlineBilling.reachable", "node.onlineBilling.reason")
}

// Online billing of a contract is open to whoever holds the right BILLING on it and is
// linked to the customer centre, unless the contract's company does without the link.
//
// Requirement: AC-12
// Requirement: AC-14
// Requirement: ID-21
func TestOnlineBillingNeedsALink(t *testing.T) {
	t.Parallel()
	eachCentre(t, func(t *testing.T, k *servertest.Kontor, _ *kontortest.Centre) {
		const open, noRight, notLinked = "true <nil>", "false NO_RIGHT", "false NOT_LINKED"
		d, contract := k.SQL(t), contractID(t, k, "SV-100001")
		martha, gerd, silke, maik := k.As(t, "martha.hansen"), k.As(t, "gerd.grau"), k.As(t, "silke.sommer"), k.As(t, "maik.alster")
		for _, right := range []string{"VIEW", "BILLING"} {
			give(t, d, "TRANSFER", "martha.hansen", "maik.alster", "SV-100001", right)
		}
		expect := func(when string, want map[*servertest.Client]string) {
			t.Helper()
			for name, c := range map[string]*servertest.Client{"martha": martha, "gerd": gerd, "silke": silke, "maik": maik} {
				if got := billingOf(t, c, contract); got != want[c] {
					t.Errorf("%s: %s has %s, want %s", when, name, got, want[c])
				}
			}
		}
		expect("without links", map[*servertest.Client]string{martha: notLinked, gerd: noRight, silke: noRight, maik: notLinked})
		linkBy(t, martha, numberOfMartha, kontortest.CentrePassword).OK(t)
		linkBy(t, gerd, numberOfMoritz, kontortest.CentrePassword).OK(t)
		expect("with links", map[*servertest.Client]string{martha: open, gerd: noRight, silke: noRight, maik: notLinked})
		alter(t, d, `UPDATE grants SET "right" = 'BILLING' WHERE holder_id = (SELECT id FROM users WHERE username = 'silke.sommer') AND contract_id = $1 AND "right" = 'VIEW'`,
			columnOf(t, d, `SELECT id FROM contracts WHERE number = 'SV-100001'`)[0])
		if answer := silke.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": contract}); answer.Code() != "NOT_FOUND" {
			t.Errorf("whoever may not see a contract is told about its invoices: %s", answer.Body)
		}
		martha.Operation(t, "spa/account", "UnlinkCustomerCentre", nil).OK(t)
		if got := billingOf(t, martha, contract); got != notLinked {
			t.Errorf("after unlinking: %s", got)
		}
		// It is the contract's company that decides, for whomever it is shared with, too.
		sabine := k.As(t, "sabine.kurz")
		for organization, want := range map[string]string{"ALSTER": notLinked, "HANSA": open} {
			id := tenantID(t, d, organization)
			answer := sabine.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, onlineBillingNeedsLink: false}) { tenant { settings { onlineBillingNeedsLink } } errors { code } } }`,
				servertest.Vars{"id": id}).OK(t)
			if answer.Get("updateTenantSettings.tenant.settings.onlineBillingNeedsLink") != false {
				t.Errorf("the setting: %s", answer.Body)
			}
			if got := billingOf(t, maik, contract); got != want {
				t.Errorf("%s does without the link: maik has %s, want %s", organization, got, want)
			}
			sabine.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, onlineBillingNeedsLink: true}) { errors { code } } }`, servertest.Vars{"id": id}).OK(t)
		}
	})
}

// A list tells for each contract what the contract alone does, and costs no more
// statements when it is longer.
//
// Requirement: AC-12
// Requirement: AC-15
func TestOnlineBillingOfLists(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		list := martha.Do(t, `{ contracts(first: 100) { nodes { id myRights onlineBilling { reachable reason } } } }`, nil).OK(t)
		seen := map[string]int{}
		for i := range list.List(t, "contracts.nodes") {
			at := fmt.Sprintf("contracts.nodes.%d.", i)
			got := said(list, at+"onlineBilling.reachable", at+"onlineBilling.reason")
			seen[got]++
			if alone := billingOf(t, martha, list.String(t, at+"id")); alone != got {
				t.Errorf("in a list %s, alone %s", got, alone)
			}
		}
		if len(seen) == 0 || seen["true <nil>"] > 0 {
			t.Errorf("the list has %v", seen)
		}
		manyContracts(t, k.SQL(t), 100)
		// The viewer, contracts, grants, connections, the link, the companies.
		sameForAnyLength(t, k, "online billing", 6, func(n int) *servertest.Answer {
			return martha.Do(t, fmt.Sprintf(`{ contracts(first: %d) { nodes { onlineBilling { reachable } } } }`, n), nil).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "contracts.nodes")) })
	})
}
