package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// why is the answer to why a user has a right: each way as KIND role, who it goes through
// and since when; nothing for a right that it has not.
func why(t *testing.T, c *servertest.Client, user, contract, right string) []string {
	t.Helper()
	vars := servertest.Vars{"userId": user, "contractId": contract, "right": right}
	answer := c.Do(t, `query($userId: ID!, $contractId: ID!, $right: ContractRight!) { explainRight(userId: $userId, contractId: $contractId, right: $right) {
		allowed paths { kind role via { username tenantName } grantedAt } } }`, vars)
	if answer.Code() != "" {
		return []string{answer.Code()}
	}
	clients := c.Operation(t, "spa/users", "WhyAllowed", vars).OK(t)
	var ways []string
	for i := range answer.List(t, "explainRight.paths") {
		at := fmt.Sprintf("explainRight.paths.%d.", i)
		parts := []string{answer.String(t, at+"kind")}
		for _, field := range []string{"role", "via.username", "via.tenantName", "grantedAt"} {
			if got := answer.Get(at + field); got != nil {
				parts = append(parts, fmt.Sprint(got))
			}
		}
		ways = append(ways, strings.Join(parts, " "))
		if clients.Get(at+"kind") != parts[0] || clients.Get(at+"grantedAt") != answer.Get(at+"grantedAt") {
			t.Errorf("the clients' operation says %s", clients.Body)
		}
	}
	if allowed := answer.Get("explainRight.allowed"); allowed != (len(ways) > 0) {
		t.Errorf("allowed is %v by %v", allowed, ways)
	}
	return sorted(ways)
}

// Every way by which a right is held is told, with the person behind it and since when:
// one, several at once, or none.
//
// Requirement: AC-14
func TestExplainRights(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha, receiver, operator := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "maik.alster"), k.As(t, "sabine.kurz")
		began := k.Clock.Now().Format(time.RFC3339)
		k.Clock.Advance(time.Hour)
		later := k.Clock.Now().Format(time.RFC3339)
		id, user := contractID(t, k, "SV-100001"), func(username string) string { return userID(t, k.SQL(t), username) }
		target := find(t, martha, maik)
		save(t, martha, target, []string{id}, nil).OK(t)
		setRights(t, receiver, user("susi.stein"), id, "VIEW", "BILLING").OK(t)
		promote(t, k, "APPROVER", "gerd.grau")
		promote(t, k, "SUB_ADMIN", "gerd.grau", "moritz.hansen")
		setRights(t, martha, user("gerd.grau"), id, "ORDER", "COMMERCIAL_CONTACT").OK(t)
		// moritz holds a right in every way that there is.
		connect(t, k.As(t, "moritz.hansen"), "4066969100", write(t, operator, "4066969100")).OK(t)
		setRights(t, martha, user("moritz.hansen"), id, "VIEW").OK(t)
		save(t, martha, find(t, martha, map[string]any{"email": "moritz.hansen@hansa.example", "customerNumber": "4066969100", "line": "FIXED_LINE"}), []string{id}, nil).OK(t)

		hansa, alster := " Hansa Logistik GmbH ", " Alster Druck KG "
		type question struct {
			asker    *servertest.Client
			username string
			right    string
		}
		for q, want := range map[question][]string{
			{martha, "martha.hansen", "VIEW"}:               {"ROLE MASTER_ADMIN"},
			{martha, "martha.hansen", "BILLING"}:            {"CONNECTION martha.hansen" + hansa + began},
			{martha, "silke.sommer", "VIEW"}:                {"DELEGATION martha.hansen" + hansa + began},
			{martha, "silke.sommer", "BILLING"}:             nil,
			{martha, "gerd.grau", "VIEW"}:                   {"ROLE APPROVER", "ROLE GENERAL_USER"},
			{martha, "gerd.grau", "ORDER"}:                  {"DELEGATION martha.hansen" + hansa + later, "ROLE GENERAL_USER"},
			{martha, "gerd.grau", "COMMERCIAL_CONTACT"}:     {"DELEGATION martha.hansen" + hansa + later},
			{martha, "gerd.grau", "CONFIGURE"}:              nil,
			{martha, "moritz.hansen", "VIEW"}:               {"DELEGATION martha.hansen" + hansa + later, "ROLE MASTER_ADMIN", "TRANSFER martha.hansen" + hansa + later},
			{martha, "moritz.hansen", "BILLING"}:            {"CONNECTION moritz.hansen" + hansa + later, "TRANSFER martha.hansen" + hansa + later},
			{martha, "moritz.hansen", "COMMERCIAL_CONTACT"}: {"CONNECTION moritz.hansen" + hansa + later},
			// Those of another company who hold something on one's own contract …
			{martha, "maik.alster", "BILLING"}:            {"TRANSFER martha.hansen" + hansa + later},
			{martha, "maik.alster", "COMMERCIAL_CONTACT"}: nil,
			{martha, "susi.stein", "BILLING"}:             {"DELEGATION maik.alster" + alster + later},
			// … and no others: not those who hold nothing, nor agents.
			{martha, "greta.groth", "VIEW"}: {"NOT_FOUND"},
			{martha, "sabine.kurz", "VIEW"}: {"NOT_FOUND"},
			{martha, "paul.lang", "VIEW"}:   {"NOT_FOUND"},
			// The receiver asks for its own people on what it received, and for nobody else.
			{receiver, "maik.alster", "ORDER"}:                {"TRANSFER martha.hansen" + hansa + later},
			{receiver, "susi.stein", "VIEW"}:                  {"DELEGATION maik.alster" + alster + later},
			{receiver, "greta.groth", "VIEW"}:                 nil,
			{receiver, "martha.hansen", "VIEW"}:               {"NOT_FOUND"},
			{receiver, "silke.sommer", "VIEW"}:                {"NOT_FOUND"},
			{k.As(t, "malte.brandt"), "malte.brandt", "VIEW"}: {"NOT_FOUND"},
			{operator, "sabine.kurz", "VIEW"}:                 {"ROLE SERVICE_AGENT"},
			{operator, "paul.lang", "VIEW"}:                   {"ROLE PARTNER_AGENT"},
			{operator, "malte.brandt", "VIEW"}:                nil,
			{operator, "susi.stein", "BILLING"}:               {"DELEGATION maik.alster" + alster + later},
		} {
			if got := why(t, q.asker, user(q.username), id, q.right); !slices.Equal(got, want) {
				t.Errorf("why %s has %s: %v, want %v", q.username, q.right, got, want)
			}
		}
		for _, username := range []string{"silke.sommer", "gerd.grau", "anna.abel", "susi.stein", "paul.lang"} {
			if got := why(t, k.As(t, username), user(username), id, "VIEW"); !slices.Equal(got, []string{"FORBIDDEN"}) {
				t.Errorf("%s asks why: %v", username, got)
			}
		}
		for what, ids := range map[string][2]string{"no such user": {nobodys(t, user("silke.sommer")), id}, "no such contract": {user("silke.sommer"), nobodys(t, id)}, "another's contract": {user("silke.sommer"), contractID(t, k, "SV-200001")}} {
			if got := why(t, martha, ids[0], ids[1], "VIEW"); !slices.Equal(got, []string{"NOT_FOUND"}) {
				t.Errorf("%s: %v", what, got)
			}
		}

		// What is gone is told no more, and who cannot log in has no rights; who is only kept
		// from logging in anew goes on.
		alter(t, beside, `UPDATE users SET status = 'LOCKED' WHERE username = 'silke.sommer'`)
		if got := why(t, martha, user("silke.sommer"), id, "VIEW"); len(got) != 1 {
			t.Errorf("silke, locked: %v", got)
		}
		for _, status := range []string{"DEACTIVATED", "INVITED"} {
			alter(t, beside, `UPDATE users SET status = $1 WHERE username = 'silke.sommer'`, status)
			if got := why(t, martha, user("silke.sommer"), id, "VIEW"); len(got) != 0 {
				t.Errorf("silke, %s: %v", status, got)
			}
		}
		save(t, martha, target, nil, []string{id}).OK(t)
		for username, want := range map[string]string{"maik.alster": "NOT_FOUND", "susi.stein": "NOT_FOUND"} {
			if got := why(t, martha, user(username), id, "BILLING"); !slices.Equal(got, []string{want}) {
				t.Errorf("%s after all was taken back: %v", username, got)
			}
			if got := why(t, operator, user(username), id, "BILLING"); len(got) != 0 {
				t.Errorf("%s after all was taken back, for the operator: %v", username, got)
			}
		}
	})
}

// The viewer's customer numbers with what hangs under them: the same few statements for
// any number of them.
//
// Requirement: AC-05
func TestStatementsOfCustomerNumbers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha, have := k.SQL(t), k.As(t, "martha.hansen"), 0
		alter(t, beside, `UPDATE connections SET revoked_at = connected_at`)
		tenant, owner := columnOf(t, beside, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0], columnOf(t, beside, `SELECT id FROM users WHERE username = 'martha.hansen'`)[0]
		// The viewer, the connections, the numbers, since when, the contracts, their totals.
		sameForAnyLength(t, k, "customer numbers", 6, func(n int) *servertest.Answer {
			for ; have < n; have++ {
				number, contract := uuid.Must(uuid.NewV7()).String(), uuid.Must(uuid.NewV7()).String()
				alter(t, beside, `INSERT INTO customer_numbers (id, tenant_id, number, line, created_at) VALUES ($1, $2, $3, 'MOBILE', '2026-01-01 00:00:00+00:00')`, number, tenant, fmt.Sprint(9000+have))
				alter(t, beside, `INSERT INTO connections (id, tenant_id, user_id, customer_number_id, connected_at) VALUES ($1, $2, $3, $4, '2026-11-23 09:00:00+00:00')`, uuid.Must(uuid.NewV7()).String(), tenant, owner, number)
				alter(t, beside, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id) VALUES ($1, $2, '', 'SERVICE_CONTRACT', 'ACTIVE', '2026-01-01', '2026-01-01 00:00:00+00:00', $3, $4)`,
					contract, fmt.Sprint("N-", have), tenant, number)
			}
			k.Statements.Take()
			answer := martha.Operation(t, "spa/transfers", "MyCustomerNumbers", nil).OK(t)
			for i := range n {
				at := fmt.Sprintf("viewer.customerNumbers.%d.", i)
				if answer.Get(at+"contracts.totalCount") != float64(1) || answer.Get(at+"connectedAt") == nil {
					t.Fatalf("number %d is %v", i, answer.Get(strings.TrimSuffix(at, ".")))
				}
			}
			return answer
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "viewer.customerNumbers")) })
	})
}
