package server_test

import (
	"slices"
	"testing"

	"github.com/pquerna/otp/totp"

	"kontor/server/servertest"
)

// closedExcept sends every operation that is neither public nor named here: each is
// refused with a code.
func closedExcept(t *testing.T, c *servertest.Client, code string, open ...string) {
	t.Helper()
	refused := 0
	for _, field := range rootFields(t) {
		if field.public || slices.Contains(append(open, "viewer", "endSessions", "logout"), field.name) {
			continue
		}
		refused++
		if answer := c.Do(t, field.document, nil); answer.Code() != code || answer.Get(field.name) != nil {
			t.Errorf("%s: %s, want %s", field.name, answer.Body, code)
		}
	}
	if refused < 20 {
		t.Errorf("only %d fields were tried", refused)
	}
}

// Whoever lacks contact data sees which, completes it or leaves, and does nothing else.
//
// Requirement: ID-08
// Requirement: ID-21
func TestContactDataComesFirst(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		hansa := globalID("ten", columnOf(t, d, `SELECT id FROM tenants WHERE organization_id = 'HANSA'`)[0])
		gerd := k.As(t, "gerd.grau")
		gerd.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		k.As(t, "sabine.kurz").Do(t, `mutation($id: ID!, $fields: [String!]) { updateTenantSettings(input: {tenantId: $id, mandatoryContactFields: $fields}) { errors { code } } }`,
			servertest.Vars{"id": hansa, "fields": []string{"phone", "street", "postalCode", "city", "country"}}).OK(t)
		alter(t, d, `UPDATE users SET phone = '' WHERE username = 'gerd.grau'`)

		account := gerd.Operation(t, "spa/account", "MyAccount", nil).OK(t)
		if got := said(account, "viewer.mandatoryContactFields"); got != "[phone street postalCode city country]" {
			t.Errorf("the form marks %s", got)
		}
		login := loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword).OK(t)
		if got := said(login, "login.viewer.pendingSteps"); got != "[COMPLETE_CONTACT_DATA]" {
			t.Errorf("after the login %s is pending", got)
		}
		closedExcept(t, gerd, "CONTACT_DATA_REQUIRED", "updateContactData")
		for _, each := range []struct {
			pairs []any
			want  []string
		}{
			{nil, []string{"VALUE_REQUIRED phone", "VALUE_REQUIRED street", "VALUE_REQUIRED postalCode", "VALUE_REQUIRED city", "VALUE_REQUIRED country"}},
			{[]any{"phone", "+49 40 1", "street", "Kai 7", "postalCode", "20457", "city", "\t"}, []string{"VALUE_REQUIRED city", "VALUE_REQUIRED country"}},
			{[]any{"phone", "nein", "street", "Kai 7", "postalCode", "20457", "city", "Ham\nburg", "country", "XXX"}, []string{"PHONE_INVALID phone", "VALUE_INVALID city", "VALUE_TOO_LONG country"}},
		} {
			answer := ofAccount(t, gerd, "UpdateContactData", each.pairs...)
			if got := faultsOf(t, answer, "updateContactData"); !slices.Equal(got, each.want) || said(answer, "updateContactData.pendingSteps") != "[COMPLETE_CONTACT_DATA]" {
				t.Errorf("%v: %v %s", each.pairs, got, answer.Body)
			}
		}
		complete := ofAccount(t, gerd, "UpdateContactData", "phone", "+49 40 1", "street", "Kai 7", "postalCode", "20457", "city", "Hamburg", "country", "DE").OK(t)
		if got := said(complete, "updateContactData.user.phone", "updateContactData.pendingSteps"); got != "+49 40 1 []" {
			t.Errorf("complete: %s", complete.Body)
		}
		gerd.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		gerd.Operation(t, "spa/session", "Logout", nil).OK(t)
	})
}

// Several steps can be done in any order; until all are, the first that is left is named.
//
// Requirement: ID-07
// Requirement: ID-08
// Requirement: ID-11
func TestSeveralStepsComeFirst(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET must_change_password = true, phone = '' WHERE username IN ('martha.hansen', 'moritz.hansen', 'anna.abel')`)
		alter(t, k.SQL(t), `UPDATE tenants SET password_policy = 'PIN_OTP' WHERE organization_id = 'HANSA'`)
		steps := []struct {
			name, required string
			fields         []string
			do             func(c *servertest.Client)
		}{
			{"CHANGE_PASSWORD", "PASSWORD_CHANGE_REQUIRED", []string{"changePassword"}, func(c *servertest.Client) {
				changePassword(t, c, servertest.DemoPassword, "8642097531").OK(t)
			}},
			{"COMPLETE_CONTACT_DATA", "CONTACT_DATA_REQUIRED", []string{"updateContactData"}, func(c *servertest.Client) {
				ofAccount(t, c, "UpdateContactData", "phone", "+49 40 1").OK(t)
			}},
			{"ENROL_OTP", "OTP_ENROLMENT_REQUIRED", []string{"enrolOtp", "confirmOtp", "disableOtp"}, func(c *servertest.Client) {
				secret := c.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")
				code, err := totp.GenerateCode(secret, k.Clock.Now())
				if err != nil {
					t.Fatal(err)
				}
				ofAccount(t, c, "ConfirmOtp", "code", code).OK(t)
			}},
		}
		for username, order := range map[string][]int{"martha.hansen": {0, 1, 2}, "moritz.hansen": {2, 1, 0}, "anna.abel": {1, 2, 0}} {
			c, left := k.As(t, username), []int{0, 1, 2}
			for _, next := range order {
				var pending, open []string
				for _, i := range left {
					pending, open = append(pending, steps[i].name), append(open, steps[i].fields...)
				}
				me := c.Operation(t, "spa/session", "Me", nil).OK(t)
				for i, name := range pending {
					if got := me.List(t, "viewer.pendingSteps"); len(got) != len(pending) || got[i] != name {
						t.Errorf("%s has %v to do, want %v", username, got, pending)
						break
					}
				}
				closedExcept(t, c, steps[left[0]].required, open...)
				steps[next].do(c)
				left = slices.DeleteFunc(left, func(i int) bool { return i == next })
			}
			if me := c.Operation(t, "spa/session", "Me", nil).OK(t); len(me.List(t, "viewer.pendingSteps")) != 0 {
				t.Errorf("%s has done all: %s", username, me.Body)
			}
			c.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		}
	})
}
