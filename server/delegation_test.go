package server_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/ent"
	"kontor/server/servertest"
)

// setRights gives a sub admin the full set of its rights on a contract.
func setRights(t *testing.T, c *servertest.Client, user, contract string, rights ...string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/users", "SetContractRights", servertest.Vars{"input": map[string]any{
		"userId": user, "contractId": contract, "rights": append([]string{}, rights...)}})
}

// orderOn tries to order on a contract and gives the number of the order or the code of
// what was wrong.
func orderOn(t *testing.T, s shopper, contract string) string {
	t.Helper()
	s.do("ClearCart", nil).OK(t)
	s.add(item("TEL-DT-0104", "1")).OK(t)
	answer := s.place(map[string]any{"idempotencyKey": uuid.NewString(), "businessCase": "ADDITIONAL_ORDER", "contractId": contract})
	if len(answer.Errors) > 0 {
		return answer.Code()
	}
	if codes := answer.Codes("placeOrder"); len(codes) > 0 {
		return strings.Join(codes, " ")
	}
	return answer.String(t, "placeOrder.order.number")
}

// wantContract compares everything that a user finds out about a contract with the rights
// that it should have: the list, the contract by its number and its ID, an order on it.
func wantContract(t *testing.T, s shopper, number, id string, want ...string) {
	t.Helper()
	sees := slices.Contains(want, "VIEW")
	mine, listed := rightsOf(t, s.Client)[number]
	if listed != sees || sees && !slices.Equal(mine, want) {
		t.Errorf("the list has %s %v with %v, want %v", number, listed, mine, want)
	}
	if got := s.Operation(t, "spa/contracts", "Contract", servertest.Vars{"number": number}).OK(t).Get("contract") != nil; got != sees {
		t.Errorf("the contract by its number: %v", got)
	}
	if got := s.Do(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, servertest.Vars{"ids": []string{id}}).OK(t).Get("nodes.0") != nil; got != sees {
		t.Errorf("the contract by its ID: %v", got)
	}
	for _, right := range allRights {
		held := slices.Contains(contractList.all(t, s.Client, map[string]any{"right": right}), number)
		if held != (sees && slices.Contains(want, right)) {
			t.Errorf("the list of contracts with %s has it: %v", right, held)
		}
	}
	ordered := orderOn(t, s, id)
	if may := sees && slices.Contains(want, "ORDER"); may != strings.Contains(ordered, "-0") || !may && ordered != "CONTRACT_UNKNOWN" {
		t.Errorf("an order with %v: %s", want, ordered)
	}
}

// noOrphans makes sure that no right hangs on one that is gone, and none is there twice.
func noOrphans(t *testing.T, d *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"rights that hang on revoked ones":       `SELECT g.id FROM grants g JOIN grants p ON p.id = g.parent_id WHERE g.revoked_at IS NULL AND p.revoked_at IS NOT NULL`,
		"rights of transfers that are revoked":   `SELECT g.id FROM grants g JOIN transfers x ON x.id = g.transfer_id WHERE g.revoked_at IS NULL AND x.revoked_at IS NOT NULL`,
		"transfers without their five rights":    `SELECT x.id FROM transfers x WHERE x.revoked_at IS NULL AND (SELECT COUNT(*) FROM grants g WHERE g.transfer_id = x.id AND g.revoked_at IS NULL) <> 5`,
		"rights that were transferred by no-one": `SELECT id FROM grants WHERE kind = 'TRANSFER' AND transfer_id IS NULL`,
		"rights that are held twice":             `SELECT holder_id FROM grants WHERE revoked_at IS NULL GROUP BY holder_id, contract_id, "right", kind HAVING COUNT(*) > 1`,
		"transfers that are there twice":         `SELECT receiver_id FROM transfers WHERE revoked_at IS NULL GROUP BY receiver_id, contract_id HAVING COUNT(*) > 1`,
		"commercial contacts by transfer":        `SELECT id FROM grants WHERE kind = 'TRANSFER' AND "right" = 'COMMERCIAL_CONTACT'`,
	} {
		if rows := columnOf(t, d, query); len(rows) > 0 {
			t.Errorf("there are %d %s", len(rows), what)
		}
	}
}

// A master admin sets the full set of a sub admin's rights: more, fewer, none. With the
// next request, on another replica, the sub admin may exactly that.
//
// Requirement: AC-06
// Requirement: AC-07
// Case: AUTHZ-12
func TestDelegationIsAFullSet(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		martha, silke := one.As(t, "martha.hansen"), shopper{one.As(t, "silke.sommer").On(two), t}
		user, id := userID(t, one.SQL(t), "silke.sommer"), contractID(t, one, "SV-100004")
		others := rightsOf(t, silke.Client)
		wantContract(t, silke, "SV-100004", id)
		for _, rights := range [][]string{
			{"VIEW"}, {"VIEW", "ORDER", "BILLING"}, {"ORDER", "VIEW", "VIEW"}, {"VIEW", "CONFIGURE"}, allRights, {"ORDER"}, {}, {"VIEW", "COMMERCIAL_CONTACT"},
		} {
			answer := setRights(t, martha, user, id, rights...).OK(t)
			var want []string
			for _, right := range allRights {
				if slices.Contains(rights, right) {
					want = append(want, right)
				}
			}
			var told []string
			for i := range answer.List(t, "setContractRights.user.contractRights") {
				at := fmt.Sprintf("setContractRights.user.contractRights.%d.", i)
				if answer.Get(at+"contract.number") == "SV-100004" {
					for _, right := range answer.List(t, at+"rights") {
						told = append(told, fmt.Sprint(right))
					}
				}
			}
			if !slices.Equal(sorted(told), sorted(want)) {
				t.Errorf("setting %v answers %v", rights, told)
			}
			wantContract(t, silke, "SV-100004", id, want...)
		}
		mine := rightsOf(t, silke.Client)
		delete(mine, "SV-100004")
		if fmt.Sprint(mine) != fmt.Sprint(others) {
			t.Errorf("on other contracts silke has %v, had %v", mine, others)
		}
		noOrphans(t, one.SQL(t))
	})
}

// Nobody gives what it does not hold, nor to anybody but its own sub admins; and nothing
// of a request happens that asks for that. Others' people and contracts are as none.
//
// Requirement: AC-06
// Requirement: AC-01
// Case: AUTHZ-12
func TestDelegationRefused(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha, moritz := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "moritz.hansen")
		silke, id := userID(t, k.SQL(t), "silke.sommer"), contractID(t, k, "SV-100004")
		before := dump(t, beside, "HANSA")
		faults := func(answer *servertest.Answer) string {
			return strings.Join(faultsOf(t, answer, "setContractRights"), ", ")
		}
		// moritz has connected no number: he holds VIEW and ORDER by his role.
		if got := faults(setRights(t, moritz, silke, id, "VIEW", "BILLING", "ORDER", "ADMINISTER")); got != "RIGHT_NOT_HELD rights.1, RIGHT_NOT_HELD rights.3" {
			t.Errorf("giving what one does not hold: %s", got)
		}
		for username, want := range map[string]string{"gerd.grau": "NOT_A_SUB_ADMIN userId", "martha.hansen": "NOT_A_SUB_ADMIN userId", "moritz.hansen": "NOT_A_SUB_ADMIN userId",
			"susi.stein": "NOT_FOUND", "maik.alster": "NOT_FOUND", "sabine.kurz": "NOT_FOUND"} {
			if got := faults(setRights(t, martha, userID(t, k.SQL(t), username), id, "VIEW")); got != want {
				t.Errorf("giving to %s: %s", username, got)
			}
		}
		foreign := contractID(t, k, "SV-200001")
		for what, pair := range map[string][2]*servertest.Answer{
			"another company's user":     {setRights(t, martha, userID(t, k.SQL(t), "susi.stein"), id, "VIEW"), setRights(t, martha, nobodys(t, silke), id, "VIEW")},
			"another company's contract": {setRights(t, martha, silke, foreign, "VIEW"), setRights(t, martha, silke, nobodys(t, foreign), "VIEW")},
			"a contract as a user":       {setRights(t, martha, id, id, "VIEW"), setRights(t, martha, nobodys(t, silke), id, "VIEW")},
		} {
			if foreign, none := plain(pair[0]), plain(pair[1]); foreign != none || !strings.Contains(foreign, "NOT_FOUND") && !strings.Contains(foreign, "CONTRACT_UNKNOWN") {
				t.Errorf("%s answers %s, none %s", what, foreign, none)
			}
		}
		for _, username := range []string{"silke.sommer", "gerd.grau", "anna.abel", "paul.lang", "sabine.kurz"} {
			if answer := setRights(t, k.As(t, username), silke, id, "VIEW"); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s delegates: %s", username, answer.Body)
			}
		}
		if after := dump(t, beside, "HANSA"); withoutLogins(after) != withoutLogins(before) {
			t.Error("something has changed")
		}
		// What silke has already moritz may leave, and take, though he does not hold it.
		setRights(t, martha, silke, id, "VIEW", "BILLING").OK(t)
		setRights(t, moritz, silke, id, "VIEW", "ORDER", "BILLING").OK(t)
		wantContract(t, shopperAs(t, k, "silke.sommer"), "SV-100004", id, "VIEW", "ORDER", "BILLING")
		setRights(t, moritz, silke, id, "ORDER").OK(t)
		if got := faults(setRights(t, moritz, silke, id, "BILLING")); got != "RIGHT_NOT_HELD rights.0" {
			t.Errorf("giving again what was taken: %s", got)
		}
		// Nobody delegates to itself, whatever its roles.
		promote(t, k, "SUB_ADMIN", "moritz.hansen")
		if got := faults(setRights(t, moritz, userID(t, k.SQL(t), "moritz.hansen"), id, "VIEW")); got != "NOT_A_SUB_ADMIN userId" {
			t.Errorf("delegating to oneself: %s", got)
		}
	})
}

// What was given can be taken back from whoever is no active sub admin any more; nothing
// can be given to it.
//
// Requirement: AC-06
func TestDelegationTakenFromFormerSubAdmins(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, silke, id := k.As(t, "martha.hansen"), userID(t, k.SQL(t), "silke.sommer"), contractID(t, k, "SV-100001")
		setRights(t, martha, silke, id, "VIEW", "ORDER", "BILLING").OK(t)
		martha.Operation(t, "spa/users", "SetUserRoles", servertest.Vars{"input": map[string]any{"id": silke, "roles": []string{"GENERAL_USER"}}}).OK(t)
		wantContract(t, shopperAs(t, k, "silke.sommer"), "SV-100001", id, "VIEW", "ORDER", "BILLING")
		if got := faultsOf(t, setRights(t, martha, silke, id, "VIEW", "ORDER", "CONFIGURE"), "setContractRights"); !slices.Equal(got, []string{"NOT_A_SUB_ADMIN userId"}) {
			t.Errorf("more rights for a general user: %v", got)
		}
		setRights(t, martha, silke, id).OK(t)
		wantContract(t, shopperAs(t, k, "silke.sommer"), "SV-100001", id, "VIEW", "ORDER")

		other := contractID(t, k, "RV-100001")
		martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": map[string]any{"id": silke}}).OK(t)
		setRights(t, martha, silke, other).OK(t)
		martha.Operation(t, "spa/users", "SetUserRoles", servertest.Vars{"input": map[string]any{"id": silke, "roles": []string{"SUB_ADMIN"}}}).OK(t)
		martha.Operation(t, "spa/users", "ReactivateUser", servertest.Vars{"input": map[string]any{"id": silke}}).OK(t)
		if got := rightsOf(t, k.As(t, "silke.sommer")); len(got) != 1 || got["RV-100002"] == nil {
			t.Errorf("silke comes back with %v", got)
		}
	})
}

// Two master admins set a sub admin's rights at once, again and again, on two replicas:
// in the end it holds what one of them said, each right once.
//
// Requirement: AC-06
// Case: CONC-07
func TestDelegationsAtOnce(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, one, two *servertest.Kontor) {
		promote(t, one, "MASTER_ADMIN", "gerd.grau")
		wantConnect(t, "moritz", "", connect(t, one.As(t, "moritz.hansen"), "4066969100", write(t, one.As(t, "sabine.kurz"), "4066969100")))
		clients := []*servertest.Client{one.As(t, "martha.hansen"), one.As(t, "moritz.hansen").On(two), one.As(t, "gerd.grau")}
		sets := [][]string{allRights, {"VIEW", "CONFIGURE"}, {"VIEW", "ORDER"}, {}}
		silke, id := userID(t, one.SQL(t), "silke.sommer"), contractID(t, one, "SV-100005")
		answers := atOnce(24, func(i int) *servertest.Answer {
			set := sets[i%len(sets)]
			return setRights(t, clients[i%len(clients)], silke, id, set...)
		})
		for i, answer := range answers {
			// gerd, who connected nothing, gives no more than others gave before.
			if i%len(clients) != 2 {
				answer.OK(t)
			}
		}
		noOrphans(t, one.SQL(t))
		rights := columnOf(t, one.SQL(t), `SELECT g."right" FROM grants g JOIN contracts c ON c.id = g.contract_id WHERE c.number = 'SV-100005' AND g.revoked_at IS NULL`)
		if !slices.ContainsFunc(sets, func(set []string) bool { return slices.Equal(sorted(set), sorted(rights)) }) {
			t.Errorf("in the end silke holds %v", rights)
		}
	})
}

// A right that is held by a delegation or a transfer alone and passed on is gone below
// when it goes, in one company as between two.
//
// Requirement: AC-10
// Case: AUTHZ-12
func TestDelegationHangsOnWhatItIsOf(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, moritz, silke := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), shopperAs(t, k, "silke.sommer")
		id := contractID(t, k, "SV-100005")
		promote(t, k, "SUB_ADMIN", "moritz.hansen", "gerd.grau")
		promote(t, k, "MASTER_ADMIN", "gerd.grau")
		gerd := k.As(t, "gerd.grau")
		// martha -> moritz -> gerd -> silke, and round in a circle.
		setRights(t, martha, userID(t, k.SQL(t), "moritz.hansen"), id, "BILLING", "CONFIGURE").OK(t)
		setRights(t, moritz, userID(t, k.SQL(t), "gerd.grau"), id, "BILLING", "CONFIGURE").OK(t)
		setRights(t, gerd, userID(t, k.SQL(t), "silke.sommer"), id, "VIEW", "BILLING", "CONFIGURE").OK(t)
		setRights(t, gerd, userID(t, k.SQL(t), "moritz.hansen"), id, "BILLING", "CONFIGURE").OK(t)
		wantContract(t, silke, "SV-100005", id, "VIEW", "CONFIGURE", "BILLING")
		setRights(t, martha, userID(t, k.SQL(t), "moritz.hansen"), id, "CONFIGURE").OK(t)
		wantContract(t, silke, "SV-100005", id, "VIEW", "CONFIGURE")
		wantContract(t, shopper{gerd, t}, "SV-100005", id, "VIEW", "ORDER", "CONFIGURE")
		setRights(t, martha, userID(t, k.SQL(t), "moritz.hansen"), id).OK(t)
		// VIEW gerd has by his roles: it stays.
		wantContract(t, silke, "SV-100005", id, "VIEW")

		// By a transfer to a colleague.
		alter(t, k.SQL(t), `UPDATE connections SET user_id = (SELECT id FROM users WHERE username = 'moritz.hansen')
			WHERE customer_number_id = (SELECT id FROM customer_numbers WHERE number = '1713920200')`)
		colleague := find(t, martha, map[string]any{"email": "moritz.hansen@hansa.example", "customerNumber": "1713920200", "line": "MOBILE"})
		save(t, martha, colleague, []string{id}, nil).OK(t)
		wantContract(t, shopper{moritz, t}, "SV-100005", id, allRights[:5]...)
		setRights(t, moritz, userID(t, k.SQL(t), "silke.sommer"), id, "VIEW", "ADMINISTER").OK(t)
		save(t, martha, colleague, nil, []string{id}).OK(t)
		wantContract(t, silke, "SV-100005", id, "VIEW")
		wantContract(t, shopper{moritz, t}, "SV-100005", id, "VIEW", "ORDER")
		// To have been given rights does not stand in the way of a transfer.
		setRights(t, martha, userID(t, k.SQL(t), "moritz.hansen"), id, "BILLING").OK(t)
		save(t, martha, colleague, []string{id}, nil).OK(t)
		wantContract(t, shopper{moritz, t}, "SV-100005", id, allRights[:5]...)
		noOrphans(t, k.SQL(t))
	})
}

// The users of a company with their rights: the same few statements for any number.
//
// Requirement: AC-06
func TestStatementsOfUsersWithRights(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha := k.SQL(t), k.As(t, "martha.hansen")
		copies(t, beside, 110, `INSERT INTO users (id, tenant_id, username, username_key, email, email_key, title, first_name, last_name, phone, mobile, language, password_hash, must_change_password, status, sessions_valid_after, created_at, surviving_session)
			SELECT $1, tenant_id, $2, $2, $2, $2, title, first_name, 'AAA', phone, mobile, language, password_hash, must_change_password, status, sessions_valid_after, created_at, surviving_session FROM users WHERE username = $3`, "silke.sommer")
		giver, contract := columnOf(t, beside, `SELECT id FROM users WHERE username = 'martha.hansen'`)[0], rowsOf(t, beside, `SELECT tenant_id, id FROM contracts WHERE number = 'SV-100001'`)[0]
		for _, holder := range columnOf(t, beside, `SELECT id FROM users WHERE last_name = 'AAA'`) {
			for _, right := range allRights[:2] {
				alter(t, beside, `INSERT INTO grants (id, tenant_id, contract_id, holder_id, "right", kind, granted_by_id, created_at) VALUES ($1, $2, $3, $4, $5, 'DELEGATION', $6, '2026-11-23 09:00:00+00:00')`,
					uuid.Must(uuid.NewV7()).String(), contract[0], contract[1], holder, right, giver)
			}
		}
		// The viewer, the total, users, their grants, the contracts.
		sameForAnyLength(t, k, "users with their rights", 5, func(n int) *servertest.Answer {
			answer := martha.Do(t, fmt.Sprintf(`{ users(first: %d, where: {search: "AAA"}) { totalCount nodes { username contractRights { contract { number } rights } } } }`, n), nil).OK(t)
			if got := answer.String(t, "users.nodes.0.contractRights.0.contract.number"); got != "SV-100001" {
				t.Errorf("the rights are on %s", got)
			}
			return answer
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "users.nodes")) })
		// A colleague who does not administer sees none of it.
		answer := k.As(t, "gerd.grau").Do(t, `query($id: ID!) { node(id: $id) { ... on User { contractRights { rights } } } }`, servertest.Vars{"id": globalID(ent.KindUser, columnOf(t, beside, `SELECT id FROM users WHERE username = 'silke.sommer'`)[0])})
		if answer.Code() != "NOT_FOUND" {
			t.Errorf("a general user asks for silke: %s", answer.Body)
		}
	})
}
