package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

// Each thing that happens around ways in and data leaves exactly one entry, with time, number,
// actor, company, object, result, request and origin; what did not happen leaves none, unless it
// was refused.
//
// Case: PRIV-03
// Case: INV-6
func TestEachSecurityEventLeavesOneEntry(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		martha, sabine := k.As(t, "martha.hansen"), k.As(t, "sabine.kurz")
		anna := shopperAs(t, k, "anna.abel").Client
		gerd := userID(t, d, "gerd.grau")
		hansa := tenantID(t, d, "HANSA")
		contract := contractID(t, k, "SV-100001")
		fetch := func(who *servertest.Client, url string) func() {
			return func() {
				request, err := http.NewRequest(http.MethodGet, k.URL+url, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+who.Token)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
			}
		}
		linkOf := func() string {
			return martha.Operation(t, "spa/users", "AuditLog", servertest.Vars{"first": 1}).OK(t).String(t, "auditLog.download.url")
		}
		order := func(key string) string {
			shopper := shopperAs(t, k, "martha.hansen")
			shopper.add(item("TEL-DT-0101", "100")).OK(t)
			return shopper.place(map[string]any{"idempotencyKey": key}).OK(t).String(t, "placeOrder.order.id")
		}
		first, second := order("first"), order("second")
		decide := func(operation string, input map[string]any) func() {
			return func() { anna.Operation(t, "spa/orders", operation, servertest.Vars{"input": input}).OK(t) }
		}
		mutate := func(who *servertest.Client, file, operation string, input map[string]any) func() {
			return func() { who.Operation(t, file, operation, servertest.Vars{"input": input}).OK(t) }
		}
		invited := func() string {
			return userID(t, d, "nina.neu@hansa.example")
		}
		leaving, other := k.As(t, "silke.sommer"), k.As(t, "gerd.grau")
		k.As(t, "silke.sommer")
		var twofold *servertest.Client
		var app authenticator
		for _, each := range []struct {
			name, organization, entry string
			do                        func()
		}{
			{"login", "HANSA", "login DONE by moritz.hansen about User moritz.hansen", func() { k.As(t, "moritz.hansen") }},
			{"wrong password", "HANSA", `login REFUSED by  about User moritz.hansen {"reason":"PASSWORD"}`, func() { loginAs(t, k.Anonymous(), "moritz.hansen", "Falsch-1!") }},
			{"nobody", "SERVICE", `login REFUSED by  about   {"reason":"UNKNOWN"}`, func() { loginAs(t, k.Anonymous(), "ein-passwort-im-falschen-feld", "Falsch-1!") }},
			{"other organization", "SERVICE", `login REFUSED by  about   {"reason":"UNKNOWN"}`, func() {
				loginAs(t, k.Anonymous(), "moritz.hansen", servertest.DemoPassword, "organization", "ALSTER")
			}},
			{"second factor", "HANSA", `user.otp DONE by gisela.gross`, nil},
			{"ends others", "HANSA", `session.end DONE by silke.sommer about User silke.sommer {"sessions":1}`, func() {
				leaving.Do(t, `mutation { endSessions(input: {allOthers: true}) { errors { code } } }`, nil).OK(t)
			}},
			{"ends none", "HANSA", ``, func() {
				leaving.Do(t, `mutation { endSessions(input: {allOthers: true}) { errors { code } } }`, nil).OK(t)
			}},
			{"logout", "HANSA", `session.end DONE by silke.sommer about User silke.sommer {"sessions":1}`, func() { leaving.Do(t, `mutation { logout { errors { code } } }`, nil).OK(t) }},
			{"invite", "HANSA", `user.create DONE by martha.hansen about User nina.neu@hansa.example`, mutate(martha, "spa/users", "CreateUser", map[string]any{
				"firstName": "Nina", "lastName": "Neu", "email": "nina.neu@hansa.example", "roles": []string{"SUB_ADMIN"}})},
			{"grant", "HANSA", `right.delegate DONE by martha.hansen about Contract SV-100001`, func() {
				martha.Operation(t, "spa/users", "SetContractRights", servertest.Vars{"input": map[string]any{"userId": invited(), "contractId": contract, "rights": []string{"VIEW"}}}).OK(t)
			}},
			{"revoke", "HANSA", `right.delegate DONE by martha.hansen about Contract SV-100001`, func() {
				martha.Operation(t, "spa/users", "SetContractRights", servertest.Vars{"input": map[string]any{"userId": invited(), "contractId": contract, "rights": []string{}}}).OK(t)
			}},
			{"roles", "HANSA", `user.roles DONE by martha.hansen about User gerd.grau`, mutate(martha, "spa/users", "SetUserRoles", map[string]any{"id": gerd, "roles": []string{"SUB_ADMIN"}})},
			{"roles refused", "HANSA", ``, func() {
				martha.Operation(t, "spa/users", "SetUserRoles", servertest.Vars{"input": map[string]any{"id": gerd, "roles": []string{"SERVICE_AGENT"}}})
			}},
			{"roles rolled back", "HANSA", ``, func() {
				rename := func(from, to string) {
					if _, err := d.ExecContext(t.Context(), `ALTER TABLE `+from+` RENAME TO `+to); err != nil {
						t.Fatal(err)
					}
				}
				rename("mails", "gone")
				answer := martha.Operation(t, "spa/users", "SetUserRoles", servertest.Vars{"input": map[string]any{"id": gerd, "roles": []string{"GENERAL_USER"}}})
				if rename("gone", "mails"); answer.Code() != "INTERNAL" {
					t.Errorf("without an outbox: %s", answer.Body)
				}
			}},
			{"approve", "HANSA", `order.approve DONE by anna.abel about Order HANSA`, decide("ApproveOrder", map[string]any{"orderId": first})},
			{"reject", "HANSA", `order.reject DONE by anna.abel about Order HANSA`, decide("RejectOrder", map[string]any{"orderId": second, "reason": "zu teuer"})},
			{"decided already", "HANSA", ``, func() {
				anna.Operation(t, "spa/orders", "ApproveOrder", servertest.Vars{"input": map[string]any{"orderId": second}})
			}},
			{"download", "HANSA", `data.download DONE by martha.hansen about File audit {"format":"CSV"}`, fetch(martha, linkOf())},
			{"another's link", "HANSA", `data.download REFUSED by anna.abel about File audit {"format":"CSV"}`, fetch(anna, linkOf())},
			{"another company's user", "SERVICE", `access REFUSED by martha.hansen about User node {"owner":"`, func() {
				martha.Do(t, `query($id: ID!) { node(id: $id) { id } }`, servertest.Vars{"id": userID(t, d, "maik.alster")})
			}},
			{"several of another company's", "SERVICE", `access REFUSED by martha.hansen about Contract nodes {"owner":"`, func() {
				martha.Do(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, servertest.Vars{"ids": []string{contract, contractID(t, k, "SV-200001"), userID(t, d, "maik.alster")}}).OK(t)
			}},
			{"a right for another company's user", "SERVICE", `access REFUSED by martha.hansen about User setUserRoles {"owner":"`, func() {
				martha.Do(t, `mutation { setUserRoles(input: {id: "`+userID(t, d, "maik.alster")+`", roles: [SUB_ADMIN]}) { errors { code } } }`, nil)
			}},
			{"nothing at all", "HANSA", ``, func() {
				martha.Do(t, `{ node(id: "usr_00000000000000000000000000") { id } }`, nil)
			}},
			{"not allowed", "HANSA", `access REFUSED by gerd.grau about Operation auditLog {"reason":"FORBIDDEN"}`, func() {
				other.Do(t, `query Secret17 { auditLog(first: 1) { nodes { id } } }`, nil)
			}},
			{"operator acts", "HANSA", `tenant.act DONE by sabine.kurz about Tenant Hansa Logistik GmbH`, mutate(sabine, "partner/dashboard", "ActFor", map[string]any{"tenantId": hansa})},
			{"operator stops", "HANSA", `tenant.act DONE by sabine.kurz about Tenant Hansa Logistik GmbH`, mutate(sabine, "partner/dashboard", "ActFor", map[string]any{"tenantId": nil})},
			{"settings", "HANSA", `tenant.settings DONE by sabine.kurz about Tenant Hansa Logistik GmbH`, func() {
				sabine.Do(t, `mutation($id: ID!) { updateTenantSettings(input: {tenantId: $id, namesChangeable: true}) { errors { code } } }`, servertest.Vars{"id": hansa}).OK(t)
			}},
			{"second factor off", "BRANDT", `user.otp DONE by gisela.gross`, nil},
			{"reset", "HANSA", `user.password DONE by gerd.grau about User gerd.grau`, nil},
			{"password", "HANSA", `user.password DONE by moritz.hansen about User moritz.hansen`, nil},
		} {
			if each.do == nil {
				switch each.name {
				case "password":
					who := k.As(t, "moritz.hansen")
					each.do = func() { changePassword(t, who, servertest.DemoPassword, "Marke-Neu-17!").OK(t) }
				case "second factor":
					who := k.As(t, "gisela.gross")
					twofold, each.organization, each.do = who, "BRANDT", func() { app = setUp(t, k, who) }
				case "second factor off":
					who := twofold
					each.do = func() { disableOtp(t, who, servertest.DemoPassword, app.recovery[0]).OK(t) }
				case "reset":
					k.Anonymous().Operation(t, "spa/registration", "RequestPasswordReset", servertest.Vars{"input": map[string]any{"email": "gerd.grau@hansa.example"}}).OK(t)
					token := mailsSoon(t, k, "gerd.grau@hansa.example", 2)[0].Token(t)
					each.do = func() {
						k.Anonymous().Operation(t, "spa/registration", "ResetPassword", servertest.Vars{"input": map[string]any{"token": token, "newPassword": "Marke-Neu-18!"}}).OK(t)
					}
				}
			}
			time.Sleep(20 * time.Millisecond) // what is behind an answer
			newest := columnOf(t, d, `SELECT max(id) FROM (SELECT CAST(id AS text) AS id FROM audit_entries) e`)[0]
			each.do()
			var found []string
			for range 50 { // what is behind an answer is there soon
				found = columnOf(t, d, `SELECT t.organization_id || ' ' || e.action || ' ' || e.result || ' by ' || e.actor_username || ' about ' || e.subject_kind || ' ' || e.subject_label || ' ' || e.after
					|| '|' || CASE WHEN e.ip_address <> '' AND e.request_id <> '' AND e.sequence > 0 AND (e.actor_id IS NOT NULL OR e.result = 'REFUSED') THEN 'complete' ELSE 'incomplete' END
					FROM audit_entries e JOIN tenants t ON t.id = e.tenant_id WHERE CAST(e.id AS text) > '`+newest+`' ORDER BY e.id`)
				if len(found) > 0 {
					break
				}
				if each.entry == "" {
					time.Sleep(50 * time.Millisecond)
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			want := 1
			if each.entry == "" {
				want = 0
			}
			if len(found) != want || want == 1 && (!strings.HasPrefix(found[0], each.organization+" "+each.entry) || !strings.HasSuffix(found[0], "|complete")) {
				t.Errorf("%s leaves %q, want one: %s %s", each.name, found, each.organization, each.entry)
			}
		}
		// The lock of an account.
		for range 12 {
			loginAs(t, k.Anonymous(), "susi.stein", "Falsch-1!")
			k.Clock.Advance(time.Minute)
		}
		time.Sleep(200 * time.Millisecond)
		if n := columnOf(t, d, `SELECT count(*) FROM audit_entries WHERE action = 'login.lock' AND subject_label = 'susi.stein'`)[0]; n != "1" {
			t.Errorf("a locked login leaves %s entries", n)
		}
		if text := strings.Join(columnOf(t, d, `SELECT subject_label || after FROM audit_entries`), " "); strings.Contains(text, "ein-passwort-im-falschen-feld") || strings.Contains(text, "Falsch-1!") {
			t.Error("what was typed is in the log")
		}
		// The company's admin lists them apart.
		if got := auditOf(t, martha, map[string]any{"kind": "SECURITY"}); len(got) < 8 {
			t.Errorf("%d entries are listed", len(got))
		}
		for _, e := range auditOf(t, martha, nil) {
			if strings.HasPrefix(e["action"].(string), "login") {
				t.Errorf("%v is among the changes", e)
			}
		}
	})
}

// An entry says which kind it is of.
//
// Case: PRIV-03
func TestEntriesSayTheirKind(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		changePassword(t, martha, servertest.DemoPassword, "Marke-Neu-1!").OK(t)
		for _, kind := range []string{"SECURITY", "CHANGE"} {
			for _, page := range []string{"nodes { kind action }", "edges { node { id kind } } nodes { kind }"} {
				answer := k.As(t, "moritz.hansen").Do(t, `query($k: AuditLogKind!) { auditLog(first: 1, where: {kind: $k}) { `+page+` } }`, servertest.Vars{"k": kind}).OK(t)
				if got := answer.String(t, "auditLog.nodes.0.kind"); got != kind {
					t.Errorf("of kind %s: %s", kind, answer.Body)
				}
			}
		}
	})
}
