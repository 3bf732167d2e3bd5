package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/seal"
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
}

// Whoever writes into the database past its triggers, and does not have the secret, breaks the chain,
// and the first bad entry is named. What cannot be seen in the database alone, heads show that were
// kept elsewhere.
//
// Requirement: AC-13
// Case: PRIV-02
func TestAuditChainIsBrokenBySQL(t *testing.T) {
	t.Parallel()
	of := func(organization string) string {
		return `(SELECT id FROM tenants WHERE organization_id = '` + organization + `')`
	}
	hansa, alster := of("HANSA"), of("ALSTER")
	columns := `tenant_id, at, action, actor_id, actor_username, actor_tenant, subject_kind, subject_id, subject_label, before, after, ip_address, request_id, previous_hash, hash, class, result, key_id, seals, salts`
	copied := func(sequence string, more string) string {
		return `INSERT INTO audit_entries (id, sequence, ` + columns + `) SELECT '0198aaaa-0000-7000-8000-000000000001', ` + sequence + `, ` + columns + ` FROM audit_entries WHERE tenant_id = ` + hansa + more
	}
	moved := func(from, to int) string {
		return fmt.Sprintf(`UPDATE audit_entries SET sequence = %d WHERE sequence = %d AND tenant_id = %s`, to, from, hansa)
	}
	for name, each := range map[string]struct {
		statements []string
		want       string
		kept       bool // whether the head that was kept is needed to find it
	}{
		"untouched":        {nil, ``, false},
		"changed":          {[]string{`UPDATE audit_entries SET after = '{"forged":true}' WHERE sequence = 2`}, "entry 2 was changed", false},
		"other actor":      {[]string{`UPDATE audit_entries SET actor_username = 'somebody' WHERE sequence = 3`}, "entry 3 was changed", false},
		"other key":        {[]string{`UPDATE audit_entries SET actor_id = NULL WHERE sequence = 3`}, "entry 3 was changed", false},
		"other origin":     {[]string{`UPDATE audit_entries SET ip_address = '192.0.2.1' WHERE sequence = 1`}, "entry 1 was changed", false},
		"other result":     {[]string{`UPDATE audit_entries SET result = 'REFUSED' WHERE sequence = 4`}, "entry 4 was changed", false},
		"emptied":          {[]string{`UPDATE audit_entries SET actor_username = '', actor_tenant = '', salts = '- ' || substr(salts, 24) WHERE sequence = 2`}, "something was taken out of entry 2, and no entry says", false},
		"emptied silently": {[]string{`UPDATE audit_entries SET before = '', after = '' WHERE sequence = 2`}, "entry 2 was changed", false},
		"removed":          {[]string{`DELETE FROM audit_entries WHERE sequence = 2`}, "entry 2 is missing", false},
		"all removed":      {[]string{`DELETE FROM audit_entries`}, "it ends at entry 0 and not at 4", false},
		"cut off":          {[]string{`DELETE FROM audit_entries WHERE sequence = 4`}, "it ends at entry 3 and not at 4", false},
		"renumbered":       {[]string{`UPDATE audit_entries SET sequence = 20 WHERE sequence = 4`}, "entry 4 is missing", false},
		"reordered":        {[]string{moved(2, 40), moved(3, 2), moved(40, 3)}, "entry 2 does not follow the one before", false},
		"put in":           {[]string{moved(4, 5), copied("4", " AND sequence = 2")}, "entry 4 does not follow the one before", false},
		"put in at the end": {[]string{copied("5", " AND sequence = 4"),
			`UPDATE audit_heads SET sequence = 5 WHERE tenant_id = ` + hansa}, "entry 5 does not follow the one before", false},
		"of another tenant": {[]string{`DELETE FROM audit_entries WHERE tenant_id = ` + alster, `UPDATE audit_heads SET sequence = 1 WHERE tenant_id = ` + alster,
			`UPDATE audit_entries SET tenant_id = ` + alster + ` WHERE sequence = 1 AND tenant_id = ` + hansa}, "entry 1 is missing", false},
		"head reset":           {[]string{`UPDATE audit_heads SET sequence = 3`}, "it ends at entry 4 and not at 3", false},
		"head replaced":        {[]string{`DELETE FROM audit_entries WHERE sequence = 4`, `UPDATE audit_heads SET sequence = 3, hash = (SELECT hash FROM audit_entries e WHERE e.tenant_id = audit_heads.tenant_id AND e.sequence = 3) WHERE tenant_id = ` + hansa}, "the note of its end, entry 3, was changed by another hand", false},
		"without the key":      {[]string{`UPDATE audit_entries SET key_id = '', seals = '', salts = '' WHERE sequence = 2`}, "entry 2 was made without the key", false},
		"as if before the key": {[]string{`UPDATE audit_entries SET key_id = '', seals = '', salts = ''`, `UPDATE audit_heads SET keyed_from = 0, key_id = '', mac = ''`}, "entry 1 was changed", false},
		"as if cut":            {[]string{`DELETE FROM audit_entries WHERE sequence = 1`, `UPDATE audit_heads SET cut_sequence = 1, cut_hash = (SELECT previous_hash FROM audit_entries e WHERE e.tenant_id = audit_heads.tenant_id AND e.sequence = 2) WHERE tenant_id = ` + hansa}, "the note of its end, entry 4, was changed by another hand", false},
		"hash replaced":        {[]string{`UPDATE audit_entries SET previous_hash = '' WHERE sequence = 3`}, "entry 3 does not follow the one before", false},
		// An older state of everything, as a backup has it.
		"rolled back": {[]string{`DELETE FROM audit_entries WHERE sequence > 3 AND tenant_id = ` + hansa,
			`UPDATE audit_heads SET sequence = was.sequence, hash = was.hash, key_id = was.key_id, mac = was.mac FROM was WHERE audit_heads.id = was.id`}, "it ends at entry 3, and its end at entry 4 was kept elsewhere at ", true},
		"begun anew": {[]string{`DELETE FROM audit_entries`, `DELETE FROM audit_heads`}, "it ends at entry 0, and its end at entry 4 was kept elsewhere at ", true},
	} {
		t.Run(name, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
				d := k.SQL(t)
				do := func(statements ...string) {
					for _, statement := range statements {
						if _, err := d.ExecContext(t.Context(), statement); err != nil {
							t.Fatalf("%s: %v", statement, err)
						}
					}
				}
				create := func(who *servertest.Client, domain string, i int) {
					who.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
						"firstName": "Nele", "lastName": "Neu", "email": fmt.Sprintf("nele%d@%s", i, domain), "roles": []string{"GENERAL_USER"}}}).OK(t)
				}
				auditOff(t, k)
				martha := k.As(t, "martha.hansen")
				do(`DELETE FROM audit_entries`, `DELETE FROM audit_heads`) // the logins
				for i := range 4 {
					if i == 3 {
						do(`CREATE TABLE was AS SELECT id, sequence, hash, key_id, mac FROM audit_heads`)
					}
					create(martha, "hansa.example", i)
				}
				maik := k.As(t, "maik.alster")
				do(`DELETE FROM audit_entries WHERE tenant_id = `+alster, `DELETE FROM audit_heads WHERE tenant_id = `+alster)
				create(maik, "alster.example", 9)
				k.WithDatabase(t, func(d *db.DB) {
					log, ctx := k.AuditLog(t, d), authz.System(t.Context())
					heads, err := log.Heads(ctx, nil)
					if err != nil || len(heads) != 2 {
						t.Fatalf("%d heads, %v", len(heads), err)
					}
					do(each.statements...)
					for _, with := range [][]audit.Head{nil, heads} {
						chains, err := log.Verify(ctx, with...)
						if err != nil {
							t.Fatal(err)
						}
						for _, chain := range chains {
							want := each.want
							if each.kept && with == nil {
								want = ""
							}
							if chain.Organization == "HANSA" && (!strings.HasPrefix(chain.Broken, want) || want == "" && chain.Broken != "") {
								t.Errorf("with %d heads: %q, want %q", len(with), chain.Broken, want)
							}
							if name == "of another tenant" && chain.Organization == "ALSTER" && chain.Broken != "entry 1 was changed" && chain.Broken != "entry 1 is another than the one whose hash was kept elsewhere" {
								t.Errorf("the other tenant's: %q", chain.Broken)
							}
							if chain.Organization == "HANSA" && each.want == "" && (chain.Entries != 4 || !chain.Keyed) {
								t.Errorf("%+v", chain)
							}
						}
					}
				})
			})
		})
	}
}

// auditOff takes the triggers of the audit log away.
func auditOff(t *testing.T, k *servertest.Kontor) {
	t.Helper()
	d := k.SQL(t)
	statements := []string{`ALTER TABLE audit_entries DISABLE TRIGGER USER`, `ALTER TABLE audit_heads DISABLE TRIGGER USER`}
	if onSQLite(d) {
		statements = []string{`DROP TRIGGER audit_entries_frozen`, `DROP TRIGGER audit_entries_undeletable`, `DROP TRIGGER audit_entries_keyed`, `DROP TRIGGER audit_heads_kept`}
	}
	for _, statement := range statements {
		if _, err := d.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// A chain of before there were keys verifies, and goes on with the key when it is told to; a secret
// that is given up is needed for what was made with it, and for nothing else.
//
// Case: PRIV-02
func TestAuditChainComesToAKey(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha, d := k.As(t, "martha.hansen"), k.SQL(t)
		auditOff(t, k)
		// As the migration finds it.
		for _, statement := range []string{`DELETE FROM audit_entries`, `DELETE FROM audit_heads`, `INSERT INTO audit_heads (id, tenant_id, sequence, hash) SELECT id, id, 0, '' FROM tenants`} {
			if _, err := d.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		create := func(i int) {
			martha.Operation(t, "spa/users", "CreateUser", servertest.Vars{"input": map[string]any{
				"firstName": "Nele", "lastName": "Neu", "email": fmt.Sprintf("nele%d@hansa.example", i), "roles": []string{"GENERAL_USER"}}}).OK(t)
		}
		create(1)
		create(2)
		ctx := authz.System(t.Context())
		hansa := func(log *audit.Log, heads ...audit.Head) audit.Chain {
			t.Helper()
			chains, err := log.Verify(ctx, heads...)
			if err != nil {
				t.Fatal(err)
			}
			return chains[slices.IndexFunc(chains, func(c audit.Chain) bool { return c.Organization == "HANSA" })]
		}
		k.WithDatabase(t, func(d *db.DB) {
			log := k.AuditLog(t, d)
			if c := hansa(log); c.Broken != "" || c.Keyed || c.Entries != 2 {
				t.Errorf("before: %+v", c)
			}
			if n, err := log.Key(ctx); err != nil || n == 0 {
				t.Errorf("%d logs got a key: %v", n, err)
			}
		})
		k = k.Replica(t)
		martha = k.As(t, "martha.hansen")
		create(3)
		k.WithDatabase(t, func(d *db.DB) {
			log := k.AuditLog(t, d)
			heads, err := log.Heads(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c := hansa(log, heads...); c.Broken != "" || !c.Keyed || c.Entries != 4 { // with a login
				t.Errorf("after: %+v", c)
			}
			// Another secret signs from now on.
			rotated, err := seal.New([]string{"another secret, of 32 characters or more", "0123456789abcdef0123456789abcdef"})
			if err != nil {
				t.Fatal(err)
			}
			alone, err := seal.New([]string{"another secret, of 32 characters or more"})
			if err != nil {
				t.Fatal(err)
			}
			both := audit.New(d, rotated, k.Clock.Now, nil)
			if err := both.Renew(ctx); err != nil {
				t.Error(err)
			}
			if c := hansa(both, heads...); c.Broken != "" {
				t.Errorf("after a rotation: %+v", c)
			}
			if c := hansa(audit.New(d, alone, k.Clock.Now, nil)); !strings.HasPrefix(c.Broken, "entry 3 was made with the secret ") || !strings.Contains(c.Broken, "not listed") {
				t.Errorf("without the old secret: %+v", c)
			}
			// Heads are read as they are printed and as they are logged, and nobody else's are.
			var printed strings.Builder
			shipped := slog.New(slog.NewJSONHandler(&printed, nil))
			shipped.Info("something else", "sequence", 1)
			if err := both.Ship(ctx, shipped, map[uuid.UUID]int64{}); err != nil {
				t.Error(err)
			}
			read, err := both.ReadHeads(strings.NewReader(printed.String()))
			if err != nil || len(read) != len(heads) || len(read) == 0 {
				t.Errorf("read %v of %s: %v", read, printed.String(), err)
			}
			if _, err := log.ReadHeads(strings.NewReader(printed.String())); err == nil {
				t.Error("heads of another deployment are believed")
			}
			if _, err := both.ReadHeads(strings.NewReader(strings.ReplaceAll(printed.String(), `"sequence":4`, `"sequence":3`))); err == nil {
				t.Error("a changed head is believed")
			}
		})
	})
}
