package server_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/server/servertest"
)

// saveFaults are what was wrong with a request to save.
func saveFaults(t *testing.T, answer *servertest.Answer) string {
	t.Helper()
	return strings.Join(faultsOf(t, answer, "saveTransfers"), ", ")
}

// The giver sees all contracts under the numbers that it connected, page by page, with the
// target's marks, and pays the same for any number of them.
//
// Requirement: AC-08
// Requirement: AC-09
func TestTransferPages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha := k.SQL(t), k.As(t, "martha.hansen")
		// A contract under no number, and a number that martha did not connect.
		alter(t, beside, `UPDATE contracts SET customer_number_id = NULL WHERE number = 'SV-100002'`)
		alter(t, beside, `UPDATE connections SET revoked_at = connected_at WHERE customer_number_id = (SELECT id FROM customer_numbers WHERE number = '1713920200')`)
		want := columnOf(t, beside, `SELECT c.number FROM contracts c JOIN customer_numbers n ON n.id = c.customer_number_id WHERE n.number IN ('4066969100', '4066969200') ORDER BY c.number`)
		marked := []string{want[0], want[5], want[len(want)-1]}
		target := find(t, martha, maik)
		var ids []string
		for _, number := range marked {
			ids = append(ids, contractID(t, k, number))
		}
		save(t, martha, target, ids, nil).OK(t)
		for _, size := range []int{7, 29, 100} {
			var listed, transferred []string
			vars := servertest.Vars{"first": size, "input": maik}
			for more := true; more; {
				page := martha.Operation(t, "spa/transfers", "FindTransferTarget", vars).OK(t)
				if got := page.Get("transferTarget.contracts.totalCount"); got != float64(len(want)) {
					t.Fatalf("%v contracts in all, want %d", got, len(want))
				}
				for i := range page.List(t, "transferTarget.contracts.nodes") {
					at := fmt.Sprintf("transferTarget.contracts.nodes.%d.", i)
					listed = append(listed, page.String(t, at+"contract.number"))
					if page.Get(at+"transferred") == true {
						transferred = append(transferred, listed[len(listed)-1])
					}
				}
				more = page.Get("transferTarget.contracts.pageInfo.hasNextPage") == true
				vars["after"] = page.Get("transferTarget.contracts.pageInfo.endCursor")
			}
			if !slices.Equal(listed, want) || !slices.Equal(transferred, marked) {
				t.Errorf("pages of %d have %v, transferred %v", size, listed, transferred)
			}
		}
		for _, vars := range []servertest.Vars{{"first": 0, "input": maik}, {"first": 101, "input": maik}, {"first": 1, "after": "x", "input": maik}} {
			if answer := martha.Operation(t, "spa/transfers", "FindTransferTarget", vars); answer.Code() != "BAD_USER_INPUT" {
				t.Errorf("%v: %s", vars, answer.Body)
			}
		}
		manyContracts(t, beside, 100)
		// The viewer, the target, its tenant, the total, contracts, products, marks.
		sameForAnyLength(t, k, "contracts to transfer", 7, func(n int) *servertest.Answer {
			return martha.Operation(t, "spa/transfers", "FindTransferTarget", servertest.Vars{"first": n, "input": maik}).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "transferTarget.contracts.nodes")) })
	})
}

// A request that asks for what is not one's own does nothing at all.
//
// Requirement: AC-08
// Requirement: AC-09
// Case: AUTHZ-09
func TestTransferOfWhatIsNotOnesOwn(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha, receiver := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "maik.alster")
		target, own := find(t, martha, maik), contractID(t, k, "SV-100001")
		save(t, martha, target, []string{own}, nil).OK(t)
		before := dump(t, beside, "HANSA") + dump(t, beside, "ALSTER")
		foreign, free := contractID(t, k, "SV-200001"), contractID(t, k, "SV-100002")
		for what, each := range map[string]struct {
			grant, revoke []string
			want          string
		}{
			"another company's":        {[]string{free, foreign}, nil, "TRANSFER_NOT_OWNER grant.1"},
			"one that there is not":    {[]string{free, nobodys(t, foreign)}, nil, "TRANSFER_NOT_OWNER grant.1"},
			"no ID":                    {[]string{"x", free, ""}, nil, "TRANSFER_NOT_OWNER grant.0, TRANSFER_NOT_OWNER grant.2"},
			"taking back another's":    {[]string{free}, []string{own, foreign}, "TRANSFER_NOT_OWNER revoke.1"},
			"both at once":             {[]string{free, own}, []string{own}, "TRANSFER_CONTRADICTION revoke.0"},
			"more than a thousand":     {slices.Repeat([]string{free}, 1001), nil, "TOO_MANY_ITEMS grant"},
			"more than that to revoke": {nil, slices.Repeat([]string{own}, 1001), "TOO_MANY_ITEMS revoke"},
		} {
			answer := save(t, martha, target, each.grant, each.revoke)
			if got := saveFaults(t, answer); got != each.want || len(answer.List(t, "saveTransfers.granted"))+len(answer.List(t, "saveTransfers.revoked")) > 0 {
				t.Errorf("%s: %s, want %s: %s", what, got, each.want, answer.Body)
			}
		}
		// Who holds rights by a role, or was given them, gives nothing: moritz connected no
		// number, maik received, and both only find somebody.
		moritz := k.As(t, "moritz.hansen")
		if got := saveFaults(t, save(t, moritz, find(t, moritz, maik), []string{free}, nil)); got != "TRANSFER_NOT_OWNER grant.0" {
			t.Errorf("a colleague without the number: %s", got)
		}
		alter(t, beside, `UPDATE connections SET user_id = (SELECT id FROM users WHERE username = 'moritz.hansen') WHERE customer_number_id = (SELECT id FROM customer_numbers WHERE number = '1713920200')`)
		third := find(t, receiver, map[string]any{"email": "moritz.hansen@hansa.example", "customerNumber": "1713920200", "line": "MOBILE"})
		for what, each := range map[string][2][]string{"passing on": {{own}, nil}, "taking back what one received": {nil, {own}}} {
			if got := saveFaults(t, save(t, receiver, third, each[0], each[1])); got != "TRANSFER_NOT_OWNER grant.0" && got != "TRANSFER_NOT_OWNER revoke.0" {
				t.Errorf("%s: %s", what, got)
			}
		}
		alter(t, beside, `UPDATE connections SET user_id = (SELECT id FROM users WHERE username = 'martha.hansen') WHERE customer_number_id = (SELECT id FROM customer_numbers WHERE number = '1713920200')`)
		for _, username := range []string{"silke.sommer", "gerd.grau", "anna.abel", "paul.lang", "sabine.kurz"} {
			if answer := save(t, k.As(t, username), target, []string{free}, nil); answer.Code() != "FORBIDDEN" {
				t.Errorf("%s transfers: %s", username, answer.Body)
			}
		}
		if after := dump(t, beside, "HANSA") + dump(t, beside, "ALSTER"); withoutLogins(after) != withoutLogins(before) {
			t.Error("something has changed")
		}
		// What is transferred already is not transferred again, and what is not is not taken.
		granted, revoked := saved(t, save(t, martha, target, []string{own, own, free, free}, []string{contractID(t, k, "SV-100003")}))
		if !slices.Equal(granted, []string{free}) || len(revoked) > 0 {
			t.Errorf("granted %v, revoked %v", granted, revoked)
		}
		noOrphans(t, beside)
	})
}

// withoutLogins is a dump without what says when users logged in.
func withoutLogins(dumped string) string {
	lines := strings.Split(dumped, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "users: ") || strings.HasPrefix(line, "logins: ")
	}), "\n")
}

// The name of a target is for whoever found it, for an hour and as it was given.
//
// Requirement: AC-08
// Case: AUTHZ-09
func TestTransferTargetsAreNamedForAnHour(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, moritz, own := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), contractID(t, k, "SV-100001")
		target := find(t, martha, maik)
		for what, each := range map[string]struct {
			c      *servertest.Client
			target string
		}{
			"a colleague's": {martha, find(t, moritz, maik)}, "for a colleague": {moritz, target}, "changed": {martha, target[:len(target)-2] + "AA"}, "cut": {martha, target[:len(target)-1]},
			"longer": {martha, target + "A"}, "none": {martha, ""}, "a user's ID": {martha, userID(t, k.SQL(t), "maik.alster")}, "with a line break": {martha, target + "\n"},
		} {
			if got := saveFaults(t, save(t, each.c, each.target, []string{own}, nil)); got != "TRANSFER_TARGET_UNKNOWN targetId" {
				t.Errorf("%s: %s", what, got)
			}
		}
		k.Clock.Advance(time.Hour - time.Second)
		save(t, martha, target, []string{own}, nil).OK(t)
		k.Clock.Advance(time.Second)
		if got := saveFaults(t, save(t, martha, target, nil, []string{own})); got != "TRANSFER_TARGET_UNKNOWN targetId" {
			t.Errorf("after an hour: %s", got)
		}
		save(t, martha, find(t, martha, maik), nil, []string{own}).OK(t)
	})
}

// A receiver that cannot act any more gets nothing, but what it has can be taken back: it
// would hold it again as soon as it comes back.
//
// Requirement: AC-09
// Requirement: AC-10
func TestTransferToWhoCannotActAnyMore(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha := k.SQL(t), k.As(t, "martha.hansen")
		first, second, third := contractID(t, k, "SV-100001"), contractID(t, k, "SV-100002"), contractID(t, k, "SV-100003")
		target := find(t, martha, maik)
		save(t, martha, target, []string{first, second, third}, nil).OK(t)
		for _, change := range []string{
			`UPDATE users SET status = 'DEACTIVATED' WHERE username = 'maik.alster'`,
			`UPDATE user_roles SET role = 'GENERAL_USER' WHERE user_id = (SELECT id FROM users WHERE username = 'maik.alster')`,
		} {
			alter(t, beside, change)
			for _, name := range []string{target, find(t, martha, maik)} {
				if got := saveFaults(t, save(t, martha, name, []string{contractID(t, k, "SV-100004")}, nil)); got != "TRANSFER_TARGET_UNKNOWN targetId" {
					t.Errorf("giving after %s: %s", change, got)
				}
			}
		}
		save(t, martha, target, nil, []string{first}).OK(t)
		save(t, martha, find(t, martha, maik), nil, []string{second}).OK(t)
		alter(t, beside, `UPDATE users SET status = 'ACTIVE' WHERE username = 'maik.alster'`)
		got := rightsOf(t, k.As(t, "maik.alster"))
		if got["SV-100001"] != nil || got["SV-100002"] != nil || got["SV-100003"] == nil {
			t.Errorf("the receiver comes back with %v", got)
		}
		save(t, martha, target, nil, []string{third}).OK(t)
		if answer := search(t, martha, maik).OK(t); answer.Get("transferTarget") != nil {
			t.Errorf("who holds nothing more is found: %s", answer.Body)
		}
		noOrphans(t, beside)
	})
}

// A colleague who connected the number too sees the marks and can take back; the second to
// give gives nothing twice.
//
// Requirement: AC-08
// Requirement: AC-10
func TestTransferTakenBackByAColleague(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, moritz, own := k.As(t, "martha.hansen"), k.As(t, "moritz.hansen"), contractID(t, k, "SV-100001")
		connect(t, moritz, "4066969100", write(t, k.As(t, "sabine.kurz"), "4066969100")).OK(t)
		save(t, martha, find(t, martha, maik), []string{own}, nil).OK(t)
		if marked, _ := marks(t, moritz, maik); !slices.Equal(marked, []string{"SV-100001"}) {
			t.Errorf("the colleague sees the marks %v", marked)
		}
		if granted, _ := saved(t, save(t, moritz, find(t, moritz, maik), []string{own}, nil)); len(granted) > 0 {
			t.Errorf("given twice: %v", granted)
		}
		if _, revoked := saved(t, save(t, moritz, find(t, moritz, maik), nil, []string{own})); !slices.Equal(revoked, []string{own}) {
			t.Errorf("the colleague took back %v", revoked)
		}
		wantContract(t, shopperAs(t, k, "maik.alster"), "SV-100001", own)
		if mails := k.Mails(t, "maik.alster@alster.example"); len(mails) != 2 || !strings.Contains(mails[0].Text, "Moritz Hansen") {
			t.Errorf("the receiver was told %v", mails)
		}
		noOrphans(t, k.SQL(t))
	})
}

// thousand makes so many contracts under one of martha's numbers and gives their IDs.
func thousand(t testing.TB, k *servertest.Kontor, d *sql.DB, n int) []string {
	t.Helper()
	copies(t, d, n, `INSERT INTO contracts (id, number, access_number, type, state, valid_from, created_at, tenant_id, customer_number_id)
		SELECT $1, $2, 'copied', type, state, valid_from, created_at, tenant_id, customer_number_id FROM contracts WHERE number = $3`, "SV-100001")
	ids := columnOf(t, d, `SELECT id FROM contracts WHERE access_number = 'copied' ORDER BY number`)
	for i, id := range ids {
		ids[i] = globalID("con", id)
	}
	return ids
}

// A thousand contracts in one request cost a bounded number of statements, to give and to
// take back, with all that was passed on of them; the mail names some of them.
//
// Requirement: AC-08
// Requirement: AC-10
func TestTransferOfAThousandContracts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		beside, martha := k.SQL(t), k.As(t, "martha.hansen")
		ids := thousand(t, k, beside, 1000)
		target := find(t, martha, maik)
		count := func(what string, most int, do func() *servertest.Answer) *servertest.Answer {
			t.Helper()
			k.Statements.Take()
			answer := do().OK(t)
			sent := k.Statements.Take()
			// The sender looks after the mails meanwhile.
			// Mails and the audit logs of both companies cost the same few for any number.
			sent = slices.DeleteFunc(sent, func(s string) bool {
				return strings.Contains(s, "mails") || strings.Contains(s, "audit_") || strings.HasPrefix(s, "SELECT `tenants`.`name`") || strings.HasPrefix(s, `SELECT "tenants"."name"`)
			})
			t.Logf("%s: %d statements", what, len(sent))
			if len(sent) > most {
				for i, s := range sent {
					sent[i] = s[:min(len(s), 150)]
				}
				t.Errorf("%s: %d statements, want at most %d:\n%s", what, len(sent), most, strings.Join(sent, "\n"))
			}
			return answer
		}
		granted, _ := saved(t, count("giving", 18, func() *servertest.Answer { return save(t, martha, target, ids, nil) }))
		if !slices.Equal(granted, ids) {
			t.Errorf("%d contracts were transferred", len(granted))
		}
		if got := contractList.ask(t, k.As(t, "maik.alster"), servertest.Vars{"first": 1, "where": map[string]any{"search": "copied", "right": "ADMINISTER"}}).OK(t).Get("list.totalCount"); got != float64(1000) {
			t.Errorf("the receiver sees %v of them", got)
		}
		if text := k.Mails(t, "maik.alster@alster.example")[0].Text; !strings.Contains(text, "C-0019") || strings.Contains(text, "C-0020") || !strings.Contains(text, "(+ 980)") {
			t.Errorf("the mail says %s", text)
		}
		// Two sub admins below hold all of it: 15,000 rights go at once.
		giver := columnOf(t, beside, `SELECT id FROM users WHERE username = 'maik.alster'`)[0]
		copies(t, beside, 2, `INSERT INTO users (id, tenant_id, username, username_key, email, email_key, title, first_name, last_name, phone, mobile, language, password_hash, must_change_password, status, sessions_valid_after, created_at, surviving_session)
			SELECT $1, tenant_id, $2, $2, $2, $2, title, first_name, 'AAA', phone, mobile, language, password_hash, must_change_password, status, sessions_valid_after, created_at, surviving_session FROM users WHERE username = $3`, "susi.stein")
		given := rowsOf(t, beside, `SELECT id, tenant_id, contract_id, "right" FROM grants WHERE kind = 'TRANSFER'`)
		for _, holder := range columnOf(t, beside, `SELECT id FROM users WHERE last_name = 'AAA'`) {
			for part := range slices.Chunk(given, 1000) {
				var values []string
				for _, g := range part {
					values = append(values, fmt.Sprintf(`('%s', '%s', '%s', '%s', '%s', 'DELEGATION', '%s', '%s', '2026-11-23 09:00:00+00:00')`, uuid.NewString(), g[1], g[2], holder, g[3], giver, g[0]))
				}
				alter(t, beside, `INSERT INTO grants (id, tenant_id, contract_id, holder_id, "right", kind, granted_by_id, parent_id, created_at) VALUES `+strings.Join(values, ", "))
			}
		}
		_, revoked := saved(t, count("taking back", 16, func() *servertest.Answer { return save(t, martha, target, nil, ids) }))
		if !slices.Equal(revoked, ids) {
			t.Errorf("%d contracts were taken back", len(revoked))
		}
		if live := columnOf(t, beside, `SELECT COUNT(*) FROM grants g JOIN contracts c ON c.id = g.contract_id WHERE c.access_number = 'copied' AND g.revoked_at IS NULL`)[0]; live != "0" {
			t.Errorf("%s rights are left", live)
		}
		noOrphans(t, beside)

		// The list of them costs the same for any length.
		sameForAnyLength(t, k, "transfers", 5, func(n int) *servertest.Answer {
			return martha.Operation(t, "spa/transfers", "Transfers", servertest.Vars{"first": n, "direction": "GIVEN"}).OK(t)
		}, func(answer *servertest.Answer) int { return len(answer.List(t, "transfers.nodes")) })
	})
}
