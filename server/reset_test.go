package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kontor/server/servertest"
)

// forget asks for a link for a new password.
func forget(t *testing.T, k *servertest.Kontor, email string) *servertest.Answer {
	t.Helper()
	return perform(t, k.Anonymous(), "spa/registration", "RequestPasswordReset", "email", email)
}

// resetLink asks for a link for a new password and takes its token from the mail.
func resetLink(t *testing.T, k *servertest.Kontor, email string) string {
	t.Helper()
	forget(t, k, email).OK(t)
	return newest(t, k, email).Token(t)
}

func resetPassword(t *testing.T, c *servertest.Client, token, password string) *servertest.Answer {
	t.Helper()
	return perform(t, c, "spa/registration", "ResetPassword", "token", token, "newPassword", password)
}

// The answer, and the least time it takes, are the same whether there is an account
// and what became of it. Asking changes nothing.
//
// Requirement: ID-09
// Requirement: ID-20
// Case: AUTH-02
func TestResetTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET status = 'DEACTIVATED' WHERE username = 'anna.abel'`)
		alter(t, d, `UPDATE users SET status = 'LOCKED' WHERE username = 'silke.sommer'`)
		alter(t, d, `UPDATE users SET language = 'en' WHERE username = 'greta.groth'`)
		inviteAs(t, k, k.As(t, "martha.hansen"), "ida.immergruen", "hansa.example")
		gerd, want := k.As(t, "gerd.grau"), forget(t, k, "niemand@hansa.example").OK(t)
		if want.Get("requestPasswordReset.accepted") != true {
			t.Errorf("for nobody: %s", want.Body)
		}
		for address, mails := range map[string]int{
			"gerd.grau@hansa.example": 1, " Greta.Groth@ALSTER.example": 1, "silke.sommer@hansa.example": 1,
			"anna.abel@hansa.example": 0, "ida.immergruen@hansa.example": 1, "fremd@wind.example": 0, // Ida's is her invitation
		} {
			began := time.Now()
			answer := forget(t, k, address)
			if took := time.Since(began); took < 100*time.Millisecond {
				t.Errorf("%s was answered after %s", address, took)
			}
			if string(answer.Body) != string(want.Body) || answer.Status != want.Status || !maps.Equal(steady(answer.Header), steady(want.Header)) {
				t.Errorf("%s: %s, want %s", address, answer.Body, want.Body)
			}
			if letters := k.Mails(t, strings.TrimSpace(address)); len(letters) != mails {
				t.Errorf("%s got %+v", address, letters)
			}
		}
		if letter := newest(t, k, "ida.immergruen@hansa.example"); !strings.Contains(letter.Text, "/invitation?token=") {
			t.Errorf("somebody who never registered got %+v", letter)
		}
		if letter := newest(t, k, "greta.groth@alster.example"); letter.Subject != "Alster Druck KG: choose a new password" || !strings.Contains(letter.Text, "23 November 2026 at 10:00 (UTC)") {
			t.Errorf("the mail: %+v", letter)
		}
		for _, bad := range []string{"", "gerd.grau", "a@b@c.example"} {
			if got := faultsOf(t, forget(t, k, bad), "requestPasswordReset"); !slices.Equal(got, []string{"EMAIL_INVALID email"}) {
				t.Errorf("%q: %v", bad, got)
			}
		}
		expectLive(t, "whoever somebody asked for", gerd, true)
		if !loggedIn(t, k, "gerd.grau", servertest.DemoPassword) {
			t.Error("asking has changed the password")
		}
		for range 10 {
			forget(t, k, "malte.brandt@brandt.example").OK(t)
		}
		if n := len(k.Mails(t, "malte.brandt@brandt.example")); n != 6 {
			t.Errorf("%d mails went to one address at once", n)
		}
	})
}

// A link works once and for an hour; the password that it sets is a new one, and every
// session of the user ends on every replica. It does not log in.
//
// Requirement: ID-09
// Requirement: ID-10
// Case: AUTH-10
// Case: AUTH-13
func TestResetOfAPassword(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas, nobody := k.Both(t), k.Anonymous()
		const gerd = "gerd.grau@hansa.example"
		used := []string{servertest.DemoPassword}
		for i := range 6 {
			used = append(used, fmt.Sprintf("Geheim-%d!", 100+i))
			changePassword(t, loginFor(t, k, "gerd.grau", used[i]), used[i], used[i+1]).OK(t)
		}
		link := resetLink(t, k, gerd)
		for name, each := range map[string]struct {
			password string
			want     []string
		}{
			"the current one": {used[6], []string{"PASSWORD_REUSED newPassword"}},
			"the fifth last":  {used[1], []string{"PASSWORD_REUSED newPassword"}},
			"all wrong":       {"ß", []string{"PASSWORD_TOO_SHORT newPassword", "PASSWORD_LETTER_MISSING newPassword", "PASSWORD_DIGIT_MISSING newPassword", "PASSWORD_SPECIAL_MISSING newPassword", "PASSWORD_FORBIDDEN_CHARACTER newPassword"}},
		} {
			if got := faultsOf(t, resetPassword(t, nobody, link, each.password), "resetPassword"); !slices.Equal(got, each.want) {
				t.Errorf("%s: %v, want %v", name, got, each.want)
			}
		}
		browser := browserOf(t, k)
		loginAs(t, browser, "gerd.grau", used[6], "transport", "COOKIE").OK(t)
		var open []*servertest.Client
		for _, replica := range replicas {
			open = append(open, loginFor(t, replica, "gerd.grau", used[6]))
		}
		other := k.As(t, "martha.hansen")
		k.Clock.Advance(time.Hour - time.Second)
		app := browserOf(t, k)
		answer := resetPassword(t, app, link, used[0]).OK(t) // the sixth last may come again
		if len(sessionCookies(answer)) != 0 || strings.Contains(string(answer.Body), "token") {
			t.Errorf("a reset logs in: %s", answer.Body)
		}
		expectLive(t, "whoever reset the password", app, false)
		expectLive(t, "a browser from before", browser, false)
		for _, replica := range replicas {
			for _, c := range open {
				expectLive(t, "a session from before", c.On(replica), false)
			}
			expectLive(t, "somebody else", other.On(replica), true)
		}
		if loggedIn(t, k, "gerd.grau", used[6]) || !loggedIn(t, k, "gerd.grau", used[0]) {
			t.Error("the new password does not work, or the old one does")
		}
		if letter := newest(t, k, gerd); letter.Subject != "Hansa Logistik GmbH: Ihr Passwort wurde geändert" {
			t.Errorf("the owner is told %+v", letter)
		}
		expectEnd(t, "again", resetPassword(t, nobody, link, goodPassword), "resetPassword", "LINK_USED token", "Paul Lang")
		late := resetLink(t, k, gerd)
		k.Clock.Advance(time.Hour)
		expectEnd(t, "after an hour", resetPassword(t, nobody, late, goodPassword), "resetPassword", "LINK_EXPIRED token", "Paul Lang")
		k.Clock.Advance(time.Second)
		expectEnd(t, "a second later", resetPassword(t, nobody, late, goodPassword), "resetPassword", "LINK_EXPIRED token", "Paul Lang")
		expectEnd(t, "unknown", resetPassword(t, nobody, strings.Repeat("A", 43), goodPassword), "resetPassword", "LINK_UNKNOWN token", "")
	})
}

// Only the newest link works, and none outlives what it was asked for: a new password,
// another address, the end of the account.
//
// Requirement: ID-09
// Requirement: ID-13
// Requirement: ID-16
// Case: AUTH-10
func TestResetEndsOtherLinks(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		nobody := k.Anonymous()
		changeTo := func(c *servertest.Client, password, address string) string {
			perform(t, c, "spa/account", "ChangeEmail", "currentPassword", password, "newEmail", address).OK(t)
			return newest(t, k, address).Token(t)
		}
		confirm := func(token string) *servertest.Answer {
			return perform(t, nobody, "spa/account", "ConfirmEmail", "token", token)
		}
		dead := func(name string, answer *servertest.Answer, payload string) {
			t.Helper()
			expectEnd(t, name, answer, payload, "LINK_REVOKED token", "Paul Lang")
		}
		const gerd, anna, silke = "gerd.grau@hansa.example", "anna.abel@hansa.example", "silke.sommer@hansa.example"
		older, newer := resetLink(t, k, gerd), resetLink(t, k, gerd)
		dead("an older link", resetPassword(t, nobody, older, goodPassword), "resetPassword")
		// Whoever stole a password must not take the account along after it was reset.
		stolen := changeTo(k.As(t, "gerd.grau"), servertest.DemoPassword, "dieb@evil.example")
		resetPassword(t, nobody, newer, goodPassword).OK(t)
		dead("a change of address, after a reset", confirm(stolen), "confirmEmail")

		reset, change := resetLink(t, k, anna), changeTo(k.As(t, "anna.abel"), servertest.DemoPassword, "diebin@evil.example")
		changePassword(t, k.As(t, "anna.abel"), servertest.DemoPassword, goodPassword).OK(t)
		dead("a reset, after a change of the password", resetPassword(t, nobody, reset, otherPassword), "resetPassword")
		dead("a change of address, after a change of the password", confirm(change), "confirmEmail")

		reset, change = resetLink(t, k, silke), changeTo(k.As(t, "silke.sommer"), servertest.DemoPassword, "silke@hansa.example")
		confirm(change).OK(t)
		dead("a reset, after a change of address", resetPassword(t, nobody, reset, goodPassword), "resetPassword")
		reset = resetLink(t, k, "silke@hansa.example")
		change = changeTo(k.As(t, "silke.sommer"), servertest.DemoPassword, "silke.neu@hansa.example")
		id := globalID("usr", columnOf(t, k.SQL(t), `SELECT id FROM users WHERE username = 'silke.sommer'`)[0])
		martha := k.As(t, "martha.hansen")
		for _, operation := range []string{"DeactivateUser", "ReactivateUser"} {
			perform(t, martha, "spa/users", operation, "id", id).OK(t)
			dead("a reset, after "+operation, resetPassword(t, nobody, reset, goodPassword), "resetPassword")
			dead("a change of address, after "+operation, confirm(change), "confirmEmail")
		}
	})
}

// A reset releases whoever was locked and replaces an initial password, but no second
// factor.
//
// Requirement: ID-07
// Requirement: ID-09
// Requirement: ID-18
// Requirement: ID-19
// Case: AUTH-10
func TestResetLeavesTheSecondFactor(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		secret := gerd.Operation(t, "spa/account", "EnrolOtp", nil).OK(t).String(t, "enrolOtp.secret")
		code, err := totp.GenerateCode(secret, k.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		perform(t, gerd, "spa/account", "ConfirmOtp", "code", code).OK(t)
		alter(t, k.SQL(t), `UPDATE users SET must_change_password = true, status = 'LOCKED' WHERE username = 'gerd.grau'`)
		resetPassword(t, k.Anonymous(), resetLink(t, k, "gerd.grau@hansa.example"), goodPassword).OK(t)
		login := loginAs(t, k.Anonymous(), "gerd.grau", goodPassword).OK(t)
		if login.Get("login.token") != nil || login.Get("login.viewer") != nil || login.Get("login.challenge.kind") != "TOTP" {
			t.Fatalf("after the reset: %s", login.Body)
		}
		k.Clock.Advance(30 * time.Second)
		if code, err = totp.GenerateCode(secret, k.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		answered := perform(t, k.Anonymous(), "spa/session", "AnswerChallenge", "challengeId", login.String(t, "login.challenge.id"), "code", code).OK(t)
		if said(answered, "answerChallenge.viewer.user.username", "answerChallenge.viewer.pendingSteps") != "gerd.grau []" {
			t.Errorf("with the code: %s", answered.Body)
		}
	})
}
