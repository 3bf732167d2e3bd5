package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kontor/server/servertest"
)

// changeSettings changes the settings of a company; there is no operation of the
// clients for it.
func changeSettings(t *testing.T, c *servertest.Client, input map[string]any) *servertest.Answer {
	t.Helper()
	return c.Do(t, `mutation($input: UpdateTenantSettingsInput!) { updateTenantSettings(input: $input) {
		tenant { id settings { loginNeedsOrganization usersCreatedBy namesChangeable passwordPolicy mandatoryContactFields sessionIdleMinutes sessionAbsoluteMinutes onlineBillingNeedsLink } }
		errors { code field message contact { name } } } }`, servertest.Vars{"input": input})
}

// settingsOf are the settings of the company that a client works for, as text.
func settingsOf(t *testing.T, c *servertest.Client) string {
	t.Helper()
	return fmt.Sprint(c.Do(t, `{ viewer { tenant { settings { loginNeedsOrganization usersCreatedBy namesChangeable passwordPolicy mandatoryContactFields
		sessionIdleMinutes sessionAbsoluteMinutes onlineBillingNeedsLink } } } }`, nil).OK(t).Get("viewer.tenant.settings"))
}

// Each setting counts for what comes next, of this company and of no other.
//
// Requirement: ID-21
// Requirement: ID-08
func TestSettingsTakeEffect(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		d, sabine := k[0].SQL(t), k[0].As(t, "sabine.kurz")
		gerd, martha, greta := k[1].As(t, "gerd.grau"), k[1].As(t, "martha.hansen"), k[1].As(t, "greta.groth")
		set := func(setting string, value any) {
			t.Helper()
			changeSettings(t, sabine, map[string]any{"tenantId": tenantID(t, d, "HANSA"), setting: value}).OK(t)
		}
		elsewhere := settingsOf(t, greta)

		set("loginNeedsOrganization", true)
		if loggedIn(t, k[1], "gerd.grau", servertest.DemoPassword) || !loggedIn(t, k[1], "greta.groth", servertest.DemoPassword) {
			t.Error("a login works without the organization, or no longer elsewhere")
		}
		loginAs(t, k[1].Anonymous(), "gerd.grau", servertest.DemoPassword, "organization", "hansa").OK(t).String(t, "login.token")
		expectLive(t, "somebody who is logged in", gerd, true)
		set("loginNeedsOrganization", false)
		if !loggedIn(t, k[1], "gerd.grau", servertest.DemoPassword) {
			t.Error("a login still needs the organization")
		}

		rename := func() []string {
			return faultsOf(t, gerd.Operation(t, "spa/account", "UpdateContactData", servertest.Vars{"input": map[string]any{"lastName": "Grün"}}), "updateContactData")
		}
		if got := rename(); !slices.Equal(got, []string{"NAME_NOT_CHANGEABLE lastName"}) {
			t.Errorf("a name that cannot be changed: %v", got)
		}
		set("namesChangeable", true)
		if got := rename(); got != nil || len(userList.all(t, martha, map[string]any{"search": "grün"})) != 1 {
			t.Errorf("a name that can be changed: %v", got)
		}

		const simple = "einfacher" // for BASIC, and for no other policy
		if got := changePassword(t, gerd, servertest.DemoPassword, simple).Codes("changePassword"); len(got) == 0 {
			t.Errorf("a simple password under STRICT: %v", got)
		}
		set("passwordPolicy", "BASIC")
		if policy, _ := policyOf(t, gerd); policy.Get("viewer.passwordPolicy.name") != "BASIC" {
			t.Errorf("the policy: %s", policy.Body)
		}
		changePassword(t, gerd, servertest.DemoPassword, simple).OK(t)
		set("passwordPolicy", "MODERN")
		if !loggedIn(t, k[1], "gerd.grau", simple) {
			t.Error("the password that somebody has no longer works under another policy")
		}
		if got := changePassword(t, gerd, simple, "einfachst").Codes("changePassword"); len(got) == 0 {
			t.Error("a simple password under MODERN is taken")
		}
		set("passwordPolicy", "PIN_OTP")
		if answer := gerd.Operation(t, "spa/cart", "CurrentCart", nil); answer.Code() != "OTP_ENROLMENT_REQUIRED" {
			t.Errorf("without one-time codes: %s", answer.Body)
		}
		set("passwordPolicy", "STRICT")
		gerd.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)

		set("mandatoryContactFields", []string{"mobile", "phone"}) // gerd has no mobile
		answer := gerd.Operation(t, "spa/cart", "CurrentCart", nil)
		me := gerd.Operation(t, "spa/session", "Me", nil).OK(t)
		if answer.Code() != "CONTACT_DATA_REQUIRED" || fmt.Sprint(me.Get("viewer.pendingSteps")) != "[COMPLETE_CONTACT_DATA]" {
			t.Errorf("with contact data missing: %s %s", answer.Body, me.Body)
		}
		if account := gerd.Operation(t, "spa/account", "MyAccount", nil).OK(t); fmt.Sprint(account.Get("viewer.mandatoryContactFields")) != "[phone mobile]" {
			t.Errorf("the mandatory fields: %s", account.Body)
		}
		martha.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		gerd.Operation(t, "spa/account", "UpdateContactData", servertest.Vars{"input": map[string]any{"mobile": "+49 171 4711"}}).OK(t)
		gerd.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		set("mandatoryContactFields", []string{"street"})
		if answer := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}); answer.Code() != "CONTACT_DATA_REQUIRED" {
			t.Errorf("a master admin with contact data missing: %s", answer.Body)
		}
		set("mandatoryContactFields", []string{})
		martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1}).OK(t)

		if after := settingsOf(t, greta); after != elsewhere {
			t.Errorf("settings of another company are %s, were %s", after, elsewhere)
		}
	})
}

// What is wrong is told, field by field, and then nothing changes. What is left out
// stays. Only service agents change settings; those of the own company anybody reads.
//
// Requirement: ID-21
func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d, sabine, gerd := k.SQL(t), k.As(t, "sabine.kurz"), k.As(t, "gerd.grau")
		hansa := tenantID(t, d, "HANSA")
		before := settingsOf(t, gerd)
		for _, each := range []struct {
			input map[string]any
			want  []string
		}{
			{map[string]any{"sessionIdleMinutes": -1}, []string{"MINUTES_INVALID sessionIdleMinutes"}},
			{map[string]any{"sessionAbsoluteMinutes": 365*24*60 + 1}, []string{"MINUTES_INVALID sessionAbsoluteMinutes"}},
			{map[string]any{"sessionIdleMinutes": 1 << 40}, []string{"MINUTES_INVALID sessionIdleMinutes"}},
			{map[string]any{"mandatoryContactFields": []string{"phone", "email"}}, []string{"CONTACT_FIELD_UNKNOWN mandatoryContactFields"}},
			{map[string]any{"mandatoryContactFields": []string{"", "phone; DROP TABLE users"}}, []string{"CONTACT_FIELD_UNKNOWN mandatoryContactFields"}},
			{map[string]any{"mandatoryContactFields": []string{"phone mobile"}}, []string{"CONTACT_FIELD_UNKNOWN mandatoryContactFields"}},
			{map[string]any{"mandatoryContactFields": []string{"fax"}, "sessionIdleMinutes": -5, "sessionAbsoluteMinutes": -5, "namesChangeable": true, "passwordPolicy": "BASIC"},
				[]string{"CONTACT_FIELD_UNKNOWN mandatoryContactFields", "MINUTES_INVALID sessionIdleMinutes", "MINUTES_INVALID sessionAbsoluteMinutes"}},
			{map[string]any{"tenantId": "ten_none"}, []string{"NOT_FOUND"}},
			{map[string]any{"tenantId": hansa + "x", "namesChangeable": true}, []string{"NOT_FOUND"}},
		} {
			input := map[string]any{"tenantId": hansa}
			for name, value := range each.input {
				input[name] = value
			}
			answer := changeSettings(t, sabine, input)
			if got := faultsOf(t, answer, "updateTenantSettings"); !slices.Equal(got, each.want) || answer.Get("updateTenantSettings.tenant") != nil {
				t.Errorf("%v: %s, want %v", each.input, answer.Body, each.want)
			}
		}
		for setting, value := range map[string]any{"passwordPolicy": "NONE", "usersCreatedBy": "ANYBODY", "sessionIdleMinutes": 1.5, "sessionAbsoluteMinutes": "an hour", "namesChangeable": "yes"} {
			if answer := changeSettings(t, sabine, map[string]any{"tenantId": hansa, setting: value}); answer.Data != nil || answer.Code() == "INTERNAL" {
				t.Errorf("%s: %v: %s", setting, value, answer.Body)
			}
		}
		if after := settingsOf(t, gerd); after != before {
			t.Errorf("refused changes have made %s out of %s", after, before)
		}

		all := map[string]any{
			"tenantId": hansa, "loginNeedsOrganization": true, "usersCreatedBy": "OPERATOR", "namesChangeable": true, "passwordPolicy": "MODERN",
			"mandatoryContactFields": []string{"city", "phone", "city"}, "sessionIdleMinutes": 365 * 24 * 60, "sessionAbsoluteMinutes": 1,
			"onlineBillingNeedsLink": false,
		}
		changed := changeSettings(t, sabine, all).OK(t)
		all["mandatoryContactFields"] = []string{"phone", "city"}
		for setting, want := range all {
			if got := changed.Get("updateTenantSettings.tenant.settings." + setting); setting != "tenantId" && fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s is %v, want %v", setting, got, want)
			}
		}
		if after := settingsOf(t, gerd); after != fmt.Sprint(changed.Get("updateTenantSettings.tenant.settings")) {
			t.Errorf("the company reads %s", after)
		}
		again := changeSettings(t, sabine, map[string]any{"tenantId": hansa}).OK(t)
		if fmt.Sprint(again.Get("updateTenantSettings.tenant")) != fmt.Sprint(changed.Get("updateTenantSettings.tenant")) {
			t.Errorf("with everything left out: %s", again.Body)
		}
		defaults := changeSettings(t, sabine, map[string]any{"tenantId": hansa, "sessionIdleMinutes": 0, "sessionAbsoluteMinutes": 0, "mandatoryContactFields": []string{}}).OK(t)
		for _, setting := range []string{"sessionIdleMinutes", "sessionAbsoluteMinutes"} {
			if got := defaults.Get("updateTenantSettings.tenant.settings." + setting); got != nil {
				t.Errorf("%s is %v by default", setting, got)
			}
		}
		if !strings.Contains(string(defaults.Body), `"mandatoryContactFields":[]`) {
			t.Errorf("without mandatory fields: %s", defaults.Body)
		}
	})
}
