package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/server/servertest"
)

// The session says which company a request is for, and nothing else that a request brings along.
//
// Requirement: AC-01
// Case: AUTHZ-05
func TestForgedCompanies(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		const query = `{ viewer { tenant { name } user { username } roles } orders(first: 1) { totalCount } contracts(first: 1) { totalCount nodes { number } } users(first: 1) { totalCount } }`
		want := plain(martha.Do(t, query, nil).OK(t))
		brandt := tenantID(t, d, "BRANDT")
		forged := map[string]string{}
		for _, name := range []string{"X-Tenant-ID", "X-Tenant", "X-Organization", "X-Org-Id", "X-Company", "X-User", "X-Forwarded-User", "X-Remote-User", "X-Role", "X-Original-URL", "X-Acting-For"} {
			for _, value := range []string{"BRANDT", brandt, "malte.brandt"} {
				forged[name] = value
				c := *martha
				c.Header = map[string]string{name: value}
				if got := plain(c.Do(t, query, nil)); got != want {
					t.Errorf("%s: %s gives %s, want %s", name, value, got, want)
				}
			}
		}
		maps.Copy(forged, map[string]string{"X-Forwarded-Host": "brandt.localhost", "Forwarded": "for=127.0.0.9;host=brandt.localhost", "X-Real-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.1", "X-Client-IP": "192.0.2.1", "True-Client-IP": "192.0.2.1"})
		all := *martha
		all.Header = forged
		if got := plain(all.Do(t, query, nil)); got != want {
			t.Errorf("all at once: %s, want %s", got, want)
		}
		if elsewhere := sentTo(martha, "brandt.kontor.example"); plain(elsewhere.Do(t, query, nil)) != want {
			t.Error("another host name gives another answer")
		}
		// A login goes by the input alone, and its session is of the address that the connection is of.
		all.Token, all.Header = "", forged
		token := loginAs(t, &all, "martha.hansen", servertest.DemoPassword, "organization", "HANSA").OK(t).String(t, "login.token")
		all.Token = token
		sessions := all.Operation(t, "spa/session", "MySessions", nil).OK(t)
		for i := range sessions.List(t, "viewer.sessions") {
			if got := sessions.Get(fmt.Sprintf("viewer.sessions.%d.ipAddress", i)); got != "127.0.0.1" {
				t.Errorf("a session is said to be of %v", got)
			}
		}
		// A company in a variable counts where the schema asks for one, and then only the viewer's own.
		for _, organization := range []string{"HANSA", "BRANDT"} {
			answer := martha.Do(t, `query($id: ID!) { orders(first: 1, where: {tenantId: $id}) { totalCount } contracts(first: 1, where: {tenantId: $id}) { totalCount } }`, servertest.Vars{"id": tenantID(t, d, organization)}).OK(t)
			if none := said(answer, "orders.totalCount", "contracts.totalCount") == "0 0"; none != (organization == "BRANDT") {
				t.Errorf("the lists of %s: %s", organization, answer.Body)
			}
		}
	})
}

// sentTo is a client that asks for another host name.
func sentTo(c *servertest.Client, host string) *servertest.Client {
	other := *c
	other.HTTP = &http.Client{Transport: hostName(host)}
	return &other
}

type hostName string

func (n hostName) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = string(n)
	return http.DefaultTransport.RoundTrip(r)
}

// own are the fields that only the server sets, wherever they are. An id names what is changed.
var own = []string{
	"tenantId", "tenant", "organizationId", "userId", "ownerId", "placedBy", "placedById", "createdAt", "createdBy", "updatedAt", "placedAt",
	"role", "roles", "isPartner", "isAdmin", "partner", "kind", "status", "state", "approvedBy", "decidedBy", "decidedAt", "approval", "price", "unitPrice", "amount",
	"net", "tax", "gross", "total", "totals", "lineTotal", "discount", "currency", "taxRate", "number", "path", "passwordHash", "otpEnabled", "sessionsValidAfter",
}

// given are those of them that an input has because somebody chooses there: which customer an agent or
// the operator works for, where rights decide as for any ID, or a word that means something else.
var given = map[string][]string{
	"ActForInput": {"tenantId"}, "CreateQuoteInput": {"tenantId"}, "IssueOneTimePasswordInput": {"tenantId"}, "StartTelephonyUserOrderInput": {"tenantId"},
	"UpdateTenantSettingsInput": {"tenantId"}, "CreateUserInput": {"tenantId", "roles"}, "SetUserRolesInput": {"roles"}, "SetContractRightsInput": {"userId"},
	"InviteCompanyInput": {"organizationId"}, "InvitedCompanyInput": {"kind", "currency"}, // what it will be
	"FinishCustomerCentreLoginInput": {"state"}, // of OpenID Connect
	"ImportDataInput":                {"kind"}, "WizardNumberInput": {"kind", "number"}, "SetTelephonyUserOrderStepInput": {"number"},
	"InvoiceItemInput": {"amount"}, // of an invoice, which the operator writes
}

// No input of the schema has a field that is the server's, and a request that brings one is refused
// before anything happens: as a variable and in the document.
//
// Requirement: AC-01
// Case: AUTHZ-06
func TestForgedFields(t *testing.T) {
	t.Parallel()
	api := graph.Schema(&graph.Resolver{}).Schema()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, tried := k.As(t, "martha.hansen"), 0
		before := dump(t, k.SQL(t), "HANSA")
		for _, f := range api.Mutation.Fields {
			argument := f.Arguments.ForName("input")
			if argument == nil {
				continue
			}
			input := api.Types[argument.Type.Name()]
			for _, name := range own {
				if input.Fields.ForName(name) != nil {
					continue
				}
				tried++
				filled := strings.TrimSuffix(something(t, api, ast.NonNullNamedType(input.Name, nil)), "}")
				separator := ", "
				if filled == "{" {
					separator = ""
				}
				answer := martha.Do(t, fmt.Sprintf(`mutation { %s(input: %s%s%s: "1"}) { __typename } }`, f.Name, filled, separator, name), nil)
				if answer.Status != http.StatusBadRequest || answer.Data != nil || answer.Code() != "GRAPHQL_VALIDATION_FAILED" {
					t.Errorf("%s with %s: %d %s", f.Name, name, answer.Status, answer.Body)
				}
			}
		}
		if tried < 1000 {
			t.Errorf("only %d requests were tried", tried)
		}
		if after := dump(t, k.SQL(t), "HANSA"); after != before {
			t.Error("something has changed")
		}
	})
	for name, input := range api.Types {
		if input.Kind != ast.InputObject || strings.HasSuffix(name, "Filter") || strings.HasSuffix(name, "Order") {
			continue
		}
		var has []string
		for _, field := range own {
			if input.Fields.ForName(field) != nil {
				has = append(has, field)
			}
		}
		if !slices.Equal(has, given[name]) {
			t.Errorf("%s has %q: look at each of them, and say so in this test", name, has)
		}
	}
}
