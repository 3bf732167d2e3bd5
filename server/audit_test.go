package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"

	"kontor/authz"
	"kontor/ent/auditentry"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/server/servertest"
)

// auditOf are the entries of the audit log that a viewer sees, the newest first.
func auditOf(t *testing.T, c *servertest.Client, where map[string]any) []map[string]any {
	t.Helper()
	answer := c.Operation(t, "spa/users", "AuditLog", servertest.Vars{"first": 100, "where": where}).OK(t)
	var entries []map[string]any
	for _, node := range answer.List(t, "auditLog.nodes") {
		entries = append(entries, node.(map[string]any))
	}
	return entries
}

// Every change of users, roles, rights and orders leaves an entry that says who did what
// to whom, what was so before and after, when and from where; secrets are never in it.
//
// Requirement: AC-13
// Case: PRIV-03
// Case: INV-6
func TestAuditLogOfChanges(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := shopperAs(t, k, "martha.hansen")
		created := martha.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
			"firstName": "Nele", "lastName": "Neu", "email": "nele.neu@hansa.example", "roles": []string{"GENERAL_USER"}}}).OK(t)
		id := created.String(t, "createUser.user.id")
		token := k.Mails(t, "nele.neu@hansa.example")[0].Token(t)
		k.Anonymous().Operation(t, "spa/registration", "AcceptInvitation", servertest.Vars{"input": map[string]any{
			"token": token, "password": "Elbe-Kai-2026", "phone": "+49 40 1234"}}).OK(t)
		martha.Operation(t, "spa/users", "SetUserRoles", servertest.Vars{"input": map[string]any{"id": id, "roles": []string{"SUB_ADMIN"}}}).OK(t)
		contract := contractID(t, k, "SV-100001")
		martha.Operation(t, "spa/users", "SetContractRights", servertest.Vars{"input": map[string]any{
			"userId": id, "contractId": contract, "rights": []string{"VIEW", "ORDER"}}}).OK(t)
		martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": map[string]any{"id": id}}).OK(t)
		martha.add(item("TEL-DT-0101", "1")).OK(t)
		martha.place(map[string]any{"idempotencyKey": "audited"}).OK(t)
		// What changes nothing leaves none, nor does what is refused.
		martha.Operation(t, "spa/account", "UpdateContactData", servertest.Vars{"input": map[string]any{"title": "Frau"}}).OK(t)
		martha.Operation(t, "spa/users", "DeactivateUser", servertest.Vars{"input": map[string]any{"id": userID(t, k.SQL(t), "martha.hansen"), "newSuperiorId": id}})

		entries := auditOf(t, martha.Client, nil)
		var actions []string
		for _, e := range slices.Backward(entries) {
			actions = append(actions, e["action"].(string))
		}
		if got, want := strings.Join(actions, " "), "user.create user.register user.roles right.delegate user.deactivate order.place"; got != want {
			t.Fatalf("the log has %s, want %s", got, want)
		}
		byAction := map[string]map[string]any{}
		for _, e := range entries {
			byAction[e["action"].(string)] = e
			if e["ipAddress"] == "" || e["requestId"] == "" || e["at"] == "" {
				t.Errorf("an entry does not say when and from where: %v", e)
			}
		}
		for action, want := range map[string][3]string{
			"user.create":     {"martha.hansen", "<nil>", `{"email":"nele.neu@hansa.example","roles":["GENERAL_USER"]}`},
			"user.register":   {"nele.neu@hansa.example", `{"status":"INVITED"}`, `{"status":"ACTIVE"}`},
			"user.roles":      {"martha.hansen", `{"roles":["GENERAL_USER"]}`, `{"roles":["SUB_ADMIN"]}`},
			"right.delegate":  {"martha.hansen", `{"rights":[],"username":"nele.neu@hansa.example"}`, `{"rights":["VIEW","ORDER"],"username":"nele.neu@hansa.example"}`},
			"user.deactivate": {"martha.hansen", `{"status":"ACTIVE"}`, `{"status":"DEACTIVATED"}`},
		} {
			e := byAction[action]
			actor := e["actor"].(map[string]any)
			if got := [3]string{fmt.Sprint(actor["username"]), asJSON(t, e["before"]), asJSON(t, e["after"])}; got != want || actor["tenantName"] != "Hansa Logistik GmbH" {
				t.Errorf("%s: %v, want %v", action, got, want)
			}
		}
		if subject := byAction["right.delegate"]["subject"].(map[string]any); subject["id"] != contract || subject["kind"] != "Contract" || subject["label"] != "SV-100001" {
			t.Errorf("the subject of a delegation: %v", subject)
		}
		// Filters, and who reads it.
		for _, each := range []struct {
			where map[string]any
			want  int
		}{
			{map[string]any{"action": "user.roles"}, 1}, {map[string]any{"subjectId": id}, 4}, {map[string]any{"actorId": id}, 1},
			{map[string]any{"actorId": id, "action": "user.roles"}, 0}, {map[string]any{"from": "2030-01-01T00:00:00Z"}, 0}, {map[string]any{"to": "2030-01-01T00:00:00Z"}, 6},
		} {
			if got := len(auditOf(t, martha.Client, each.where)); got != each.want {
				t.Errorf("%v finds %d entries, want %d", each.where, got, each.want)
			}
		}
		for _, other := range []string{"maik.alster", "malte.brandt"} {
			if got := auditOf(t, k.As(t, other), nil); len(got) != 0 {
				t.Errorf("%s sees %v", other, got)
			}
		}
		if got := auditOf(t, k.As(t, "sabine.kurz"), nil); len(got) != 6 {
			t.Errorf("the operator sees %d entries", len(got))
		}
		for _, other := range []string{"silke.sommer", "gerd.grau", "anna.abel", "paul.lang"} {
			answer := k.As(t, other).Operation(t, "spa/users", "AuditLog", servertest.Vars{"first": 1})
			if answer.Code() != "FORBIDDEN" {
				t.Errorf("%s: %s", other, answer.Body)
			}
		}
		for _, e := range entries {
			text := fmt.Sprint(e)
			if strings.Contains(text, "Elbe-Kai") || strings.Contains(text, token) || strings.Contains(text, "argon2") {
				t.Errorf("a secret is in the log: %s", text)
			}
		}
		// The file holds what the list holds.
		answer := martha.Operation(t, "spa/users", "AuditLog", servertest.Vars{"first": 1}).OK(t)
		request, err := http.NewRequest(http.MethodGet, k.URL+answer.String(t, "auditLog.download.url"), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+martha.Token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		file, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || strings.Count(string(file), "\n") != 7 || !strings.Contains(string(file), "user.deactivate") {
			t.Errorf("the file: %d %s %v", response.StatusCode, file, err)
		}
	})
}

// asJSON is JSON as it is kept.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	if value == nil {
		return "<nil>"
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Both companies have what was transferred and taken back in their logs.
//
// Requirement: AC-13
// Requirement: AC-11
func TestAuditLogOfTransfers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, maik := k.As(t, "martha.hansen"), k.As(t, "maik.alster")
		find := martha.Operation(t, "spa/transfers", "FindTransferTarget", servertest.Vars{"first": 1, "input": map[string]any{
			"email": "maik.alster@alster.example", "customerNumber": "4066969300", "line": "FIXED_LINE"}}).OK(t)
		contract := contractID(t, k, "SV-100001")
		martha.Operation(t, "spa/transfers", "SaveTransfers", servertest.Vars{"input": map[string]any{
			"targetId": find.String(t, "transferTarget.id"), "grant": []any{contract}, "idempotencyKey": "a"}}).OK(t)
		martha.Operation(t, "spa/transfers", "SaveTransfers", servertest.Vars{"input": map[string]any{
			"targetId": find.String(t, "transferTarget.id"), "revoke": []any{contract}, "idempotencyKey": "b"}}).OK(t)
		for _, side := range []*servertest.Client{martha, maik} {
			var actions []string
			for _, e := range auditOf(t, side, map[string]any{"subjectId": contract}) {
				actions = append(actions, e["action"].(string)+" by "+e["actor"].(map[string]any)["username"].(string))
			}
			if got := strings.Join(actions, ", "); got != "right.take_back by martha.hansen, right.transfer by martha.hansen" {
				t.Errorf("a side has %s", got)
			}
		}
	})
}

// The chain of a tenant shows what was changed, removed, put in or cut off, also by
// whoever gets past the triggers of the database; and many who write at once do not
// break it.
//
// Requirement: AC-13
// Case: PRIV-02
func TestAuditChain(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		atOnce(12, func(i int) *servertest.Answer {
			return martha.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
				"firstName": "Nele", "lastName": "Neu", "email": fmt.Sprintf("nele%d@hansa.example", i), "roles": []string{"GENERAL_USER"}}}).OK(t)
		})
		if entries := auditOf(t, martha, nil); len(entries) != 12 {
			t.Fatalf("%d entries", len(entries))
		}
		// Behind the API: the triggers refuse, and where they are gone the chain tells.
		d := k.SQL(t)
		for _, statement := range []string{
			`UPDATE audit_entries SET after = '{}'`, `DELETE FROM audit_entries`, `DELETE FROM audit_heads`,
		} {
			if _, err := d.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("the database accepts %s", statement)
			}
		}
	})
	// Verify is asked on a database of its own, whose triggers are taken away.
	ctx := authz.System(t.Context())
	for name, each := range map[string]struct{ statement, want string }{
		"untouched":     {``, ``},
		"changed":       {`UPDATE audit_entries SET after = '{"forged":true}' WHERE sequence = 2`, "entry 2 was changed"},
		"other actor":   {`UPDATE audit_entries SET actor_username = 'somebody' WHERE sequence = 3`, "entry 3 was changed"},
		"removed":       {`DELETE FROM audit_entries WHERE sequence = 2`, "entry 2 is missing"},
		"cut off":       {`DELETE FROM audit_entries WHERE sequence = 4`, "it ends at entry 3 and not at 4"},
		"renumbered":    {`UPDATE audit_entries SET sequence = 20 WHERE sequence = 4`, "entry 4 is missing"},
		"head reset":    {`UPDATE audit_heads SET sequence = 3`, "it ends at entry 4 and not at 3"},
		"hash replaced": {`UPDATE audit_entries SET previous_hash = '' WHERE sequence = 3`, "entry 3 does not follow the one before"},
	} {
		t.Run(name, func(t *testing.T) {
			k := servertest.Start(t, servertest.Backends[0])
			martha := k.As(t, "martha.hansen")
			for i := range 4 {
				martha.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
					"firstName": "Nele", "lastName": "Neu", "email": fmt.Sprintf("nele%d@hansa.example", i), "roles": []string{"GENERAL_USER"}}}).OK(t)
			}
			d := k.SQL(t)
			for _, statement := range []string{`DROP TRIGGER audit_entries_frozen`, `DROP TRIGGER audit_entries_undeletable`, each.statement} {
				if _, err := d.ExecContext(t.Context(), statement); err != nil && statement != "" {
					t.Fatal(err)
				}
			}
			k.WithDatabase(t, func(d *db.DB) {
				chains, err := audit.New(d, time.Now, nil).Verify(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, chain := range chains {
					want := ""
					if chain.Organization == "HANSA" {
						want = each.want
					}
					if chain.Broken != want {
						t.Errorf("%s: %q, want %q", chain.Organization, chain.Broken, want)
					}
				}
				if n := d.Client.AuditEntry.Query().Order(auditentry.BySequence(sql.OrderDesc())).CountX(ctx); n < 3 {
					t.Errorf("only %d entries were verified", n)
				}
			})
		})
	}
}
