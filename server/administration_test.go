package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"kontor/graph"
	"kontor/server/servertest"
)

// A master admin has a link for a new password sent, and does not learn it. Who was
// locked or had to wait may log in again; for whoever cannot have one the fault says
// why.
//
// Requirement: ID-15
// Requirement: ID-19
// Case: AUTH-20
func TestAdministrationSendsPasswordResets(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha := k.SQL(t), k.As(t, "martha.hansen")
		gerd, anna := userID(t, d, "gerd.grau"), userID(t, d, "anna.abel")
		session := k.As(t, "gerd.grau")
		answer := administer(t, martha, "SendPasswordReset", map[string]any{"id": gerd}).OK(t)
		mails := k.Mails(t, "gerd.grau@hansa.example")
		if len(mails) != 1 {
			t.Fatalf("the mails to gerd: %+v", mails)
		}
		first := mails[0].Token(t)
		if strings.Contains(string(answer.Body), first) {
			t.Errorf("the administrator learns the link: %s", answer.Body)
		}
		expectLive(t, "the user, before anything has changed", session, true)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("the old password no longer works before there is a new one")
		}
		administer(t, martha, "SendPasswordReset", map[string]any{"id": gerd}).OK(t)
		second := k.Mails(t, "gerd.grau@hansa.example")[0].Token(t)
		reset := func(token string) []string {
			return faultsOf(t, k.Anonymous().Operation(t, "spa/registration", "ResetPassword",
				servertest.Vars{"input": map[string]any{"token": token, "newPassword": "Neu-4711-Sicher!"}}), "resetPassword")
		}
		if got := reset(first); !slices.Equal(got, []string{"LINK_REVOKED token"}) {
			t.Errorf("the first of two links: %v", got)
		}
		if got := reset(second); got != nil || !loggedIn(t, k, "gerd.grau", "Neu-4711-Sicher!") {
			t.Errorf("the second link: %v", got)
		}
		expectLive(t, "the user, with a new password", session, false)

		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`)
		for range 6 {
			loginAs(t, k.Anonymous(), "anna.abel", "Falsch-2026!")
		}
		if loggedIn(t, k, "anna.abel", servertest.DemoPassword) {
			t.Fatal("somebody who is locked logs in")
		}
		administer(t, martha, "SendPasswordReset", map[string]any{"id": anna}).OK(t)
		if !loggedIn(t, k, "anna.abel", servertest.DemoPassword) {
			t.Error("a reset does not release whoever was locked")
		}
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`)
		for range 6 {
			loginAs(t, k.Anonymous(), "anna.abel", "Falsch-2026!")
		}
		if on := reactivate(t, martha, anna).OK(t); on.Get("reactivateUser.user.status") != "ACTIVE" || !loggedIn(t, k, "anna.abel", servertest.DemoPassword) {
			t.Errorf("to switch on releases whoever was locked: %s", on.Body)
		}

		eva := newUser(t, martha, "eva.neu@hansa.example", "GENERAL_USER")
		if got := faultsOf(t, administer(t, martha, "SendPasswordReset", map[string]any{"id": eva}), "sendPasswordReset"); !slices.Equal(got, []string{"USER_NOT_REGISTERED id"}) {
			t.Errorf("for somebody who has not registered: %v", got)
		}
		deactivate(t, martha, gerd).OK(t)
		if got := faultsOf(t, administer(t, martha, "SendPasswordReset", map[string]any{"id": gerd}), "sendPasswordReset"); !slices.Equal(got, []string{"USER_DEACTIVATED id"}) {
			t.Errorf("for somebody who is switched off: %v", got)
		}
		if n := len(k.Mails(t, "eva.neu@hansa.example")); n != 1 {
			t.Errorf("%d mails went to eva", n)
		}
	})
}

// No field of the administration reads or sets a password, a secret or what stands for
// them: only a mail can be sent.
//
// Case: AUTH-20
func TestAdministrationKnowsNoPasswords(t *testing.T) {
	t.Parallel()
	api := graph.Schema(&graph.Resolver{}).Schema()
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, f := range api.Types[name].Fields {
			lower := strings.ToLower(f.Name)
			if f.Name == "onlineBillingNeedsLink" { // to the customer centre: no link that anybody follows
				continue
			}
			for _, secret := range []string{"password", "secret", "hash", "token", "otpsecret", "link", "code"} {
				if strings.Contains(lower, secret) && name != "UserError" && f.Name != "postalCode" && f.Name != "areaCode" && !strings.HasPrefix(f.Name, "passwordPolicy") && f.Name != "sendPasswordReset" {
					t.Errorf("%s.%s", name, f.Name)
				}
			}
			visit(f.Type.Name())
		}
	}
	fields := rootFieldsFor(t, "user.administer", "tenant.settings")
	for _, field := range fields {
		definition := api.Query.Fields.ForName(field.name)
		if definition == nil {
			definition = api.Mutation.Fields.ForName(field.name)
		}
		visit(definition.Type.Name())
		for _, argument := range definition.Arguments {
			visit(argument.Type.Name())
		}
	}
	if len(fields) != 9 || !seen["User"] || !seen["CreateUserInput"] || !seen["SentInvitation"] {
		t.Fatalf("only %d fields were looked at: %v", len(fields), seen)
	}
}

// What a client may not set is in no input: a request that tries is refused before
// anything happens.
//
// Case: AUTHZ-06
// Requirement: ID-15
func TestAdministrationHasNoHiddenInput(t *testing.T) {
	t.Parallel()
	hidden := map[string]any{
		"status": "ACTIVE", "password": "x", "passwordHash": "x", "username": "root", "superiorId": "usr_1", "role": "SERVICE_AGENT", "isAdmin": true,
		"mustChangePassword": false, "otpEnabled": false, "emailKey": "x", "createdAt": "2026-01-01T00:00:00Z", "sessionsValidAfter": "2026-01-01T00:00:00Z",
		"tenant": map[string]any{"id": "ten_1"}, "tenant_id": "ten_1", "organizationId": "HANSA", "path": "", "kind": "OPERATOR", "emailDomain": "evil.example",
	}
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, martha, sabine := k.SQL(t), k.As(t, "martha.hansen"), k.As(t, "sabine.kurz")
		id, tried := userID(t, d, "gerd.grau"), 0
		before := dump(t, d, "HANSA")
		api := graph.Schema(&graph.Resolver{}).Schema()
		for _, field := range rootFieldsFor(t, "user.administer", "tenant.settings") {
			definition := api.Mutation.Fields.ForName(field.name)
			if definition == nil {
				continue
			}
			input := definition.Arguments.ForName("input").Type.Name()
			query := fmt.Sprintf(`mutation($input: %s!) { %s(input: $input) { errors { code } } }`, input, field.name)
			for name, value := range hidden {
				filled := map[string]any{"id": id, "roles": []string{"GENERAL_USER"}, "firstName": "Eva", "lastName": "Neu", "email": "eva@hansa.example", "tenantId": tenantID(t, d, "HANSA")}
				for own := range filled {
					if api.Types[input].Fields.ForName(own) == nil {
						delete(filled, own)
					}
				}
				filled[name] = value
				for _, c := range []*servertest.Client{martha, sabine} {
					tried++
					answer := c.Do(t, query, servertest.Vars{"input": filled})
					if answer.Data != nil || answer.Status != 400 && answer.Status != 422 || answer.Code() == "INTERNAL" {
						t.Errorf("%s with %s: %d %s", field.name, name, answer.Status, answer.Body)
					}
				}
				if _, isText := value.(string); isText {
					literal := strings.TrimSuffix(something(t, api, ast.NonNullNamedType(input, nil)), "}")
					encoded, err := json.Marshal(value)
					if err != nil {
						t.Fatal(err)
					}
					answer := martha.Do(t, fmt.Sprintf(`mutation { %s(input: %s, %s: %s}) { errors { code } } }`, field.name, literal, name, encoded), nil)
					if answer.Data != nil || answer.Status != 400 {
						t.Errorf("%s with %s in the document: %d %s", field.name, name, answer.Status, answer.Body)
					}
				}
			}
		}
		if tried < 200 {
			t.Errorf("only %d requests were tried", tried)
		}
		if after := dump(t, d, "HANSA"); withoutLogins(after) != withoutLogins(before) {
			t.Errorf("something has changed:\n%s\nbefore:\n%s", after, before)
		}
		// Null is what is left out: nothing, or the default.
		changeSettings(t, sabine, map[string]any{"tenantId": tenantID(t, d, "HANSA"), "namesChangeable": nil, "mandatoryContactFields": nil, "sessionIdleMinutes": nil}).OK(t)
		if after := dump(t, d, "HANSA"); withoutLogins(after) != withoutLogins(before) {
			t.Errorf("null has changed something:\n%s\nbefore:\n%s", after, before)
		}
	})
}
