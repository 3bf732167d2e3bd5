package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/server/servertest"
)

func changePassword(t *testing.T, c *servertest.Client, current, next string) *servertest.Answer {
	t.Helper()
	return c.Operation(t, "spa/account", "ChangePassword", servertest.Vars{"input": map[string]any{"currentPassword": current, "newPassword": next}})
}

// loggedIn tells whether a password works.
func loggedIn(t *testing.T, k *servertest.Kontor, username, password string) bool {
	t.Helper()
	answer := loginAs(t, k.Anonymous(), username, password)
	if answer.Status != http.StatusOK || len(answer.Errors) > 0 {
		t.Fatalf("a login as %s: %d %s", username, answer.Status, answer.Body)
	}
	return answer.Get("login.token") != nil
}

// policyOf is the policy as a form reads it: the description of each rule.
func policyOf(t *testing.T, c *servertest.Client) (*servertest.Answer, map[string]string) {
	t.Helper()
	answer := c.Do(t, `{ viewer { passwordPolicy { name minLength maxLength rules { code description } } } }`, nil).OK(t)
	rules := map[string]string{}
	for i := range answer.List(t, "viewer.passwordPolicy.rules") {
		at := fmt.Sprintf("viewer.passwordPolicy.rules.%d.", i)
		rules[answer.String(t, at+"code")] = answer.String(t, at+"description")
	}
	return answer, rules
}

// Every broken rule is told at once, each with its code, its field and the words
// that the policy has for it, in the language of the request. The current password
// is checked first.
//
// Requirement: ID-10
// Requirement: ID-11
// Requirement: ID-20
// Case: AUTH-13
func TestIdentityPasswordRules(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		for _, portal := range []struct {
			username, policy string
			least, most      float64
			broken           map[string][]string // by new password
		}{
			{"gerd.grau", "STRICT", 8, 32, map[string][]string{
				"ß":                        {"PASSWORD_TOO_SHORT", "PASSWORD_LETTER_MISSING", "PASSWORD_DIGIT_MISSING", "PASSWORD_SPECIAL_MISSING", "PASSWORD_FORBIDDEN_CHARACTER"},
				"":                         {"PASSWORD_TOO_SHORT", "PASSWORD_LETTER_MISSING", "PASSWORD_DIGIT_MISSING", "PASSWORD_SPECIAL_MISSING"},
				"Grau ü":                   {"PASSWORD_TOO_SHORT", "PASSWORD_DIGIT_MISSING", "PASSWORD_SPECIAL_MISSING", "PASSWORD_FORBIDDEN_CHARACTER", "PASSWORD_CONTAINS_USERNAME"},
				strings.Repeat("ü", 33):    {"PASSWORD_TOO_LONG", "PASSWORD_LETTER_MISSING", "PASSWORD_DIGIT_MISSING", "PASSWORD_SPECIAL_MISSING", "PASSWORD_FORBIDDEN_CHARACTER"},
				strings.Repeat("a1!", 200): {"PASSWORD_TOO_LONG"},
				"x-GERD.GRAU-1":            {"PASSWORD_CONTAINS_USERNAME"},
				"Kontor-2026! ":            {"PASSWORD_FORBIDDEN_CHARACTER"}, // a space is no part to cut off
				servertest.DemoPassword:    {"PASSWORD_REUSED"},
				"Kontor-2026\uff01":        {"PASSWORD_FORBIDDEN_CHARACTER", "PASSWORD_REUSED"}, // the same text in another normal form
			}},
			{"greta.groth", "BASIC", 8, 128, map[string][]string{
				"":                       {"PASSWORD_TOO_SHORT"},
				"kurz":                   {"PASSWORD_TOO_SHORT"},
				"password":               {"PASSWORD_COMMON"},
				"greta.groth":            {"PASSWORD_COMMON"},
				"Alster Druck KG":        {"PASSWORD_COMMON"},
				strings.Repeat("ab", 65): {"PASSWORD_TOO_LONG"},
				servertest.DemoPassword:  {"PASSWORD_REUSED"},
			}},
		} {
			c := k.As(t, portal.username)
			texts := map[string]map[string]string{}
			for _, language := range []string{"de", "en"} {
				c.Header["Accept-Language"] = language
				policy, rules := policyOf(t, c)
				if got := policy.Get("viewer.passwordPolicy.name"); got != portal.policy ||
					policy.Get("viewer.passwordPolicy.minLength") != portal.least || policy.Get("viewer.passwordPolicy.maxLength") != portal.most {
					t.Errorf("the policy of %s: %s", portal.username, policy.Body)
				}
				texts[language] = rules
				for next, want := range portal.broken {
					answer := changePassword(t, c, servertest.DemoPassword, next)
					if got := answer.Codes("changePassword"); !slices.Equal(got, want) {
						t.Errorf("%s, %q: %v, want %v", portal.policy, next, got, want)
					}
					for i := range answer.List(t, "changePassword.errors") {
						at := fmt.Sprintf("changePassword.errors.%d.", i)
						code, field := answer.String(t, at+"code"), answer.Get(at+"field.0")
						if field != "newPassword" || answer.String(t, at+"message") != rules[code] {
							t.Errorf("%s in %s: field %v, %q, but the policy says %q", code, language, field, answer.String(t, at+"message"), rules[code])
						}
					}
				}
			}
			for code, german := range texts["de"] {
				if english := texts["en"][code]; german == "" || english == "" || german == english {
					t.Errorf("%s reads %q in German and %q in English", code, german, english)
				}
			}
			for _, wrong := range []string{"", "Falsch-2026!", strings.Repeat("x", 600)} {
				answer := changePassword(t, c, wrong, "ß")
				if got := faultsOf(t, answer, "changePassword"); !slices.Equal(got, []string{"PASSWORD_WRONG currentPassword"}) {
					t.Errorf("with the wrong current password: %s", answer.Body)
				}
			}
			if !loggedIn(t, k, portal.username, servertest.DemoPassword) {
				t.Errorf("a refused change has changed the password of %s", portal.username)
			}
		}
		if mails := columnOf(t, k.SQL(t), `SELECT subject FROM mails`); len(mails) > 0 {
			t.Errorf("refused changes have sent %v", mails)
		}
	})
}

// The password so far and the five before it are refused; the sixth is not.
//
// Requirement: ID-10
// Case: AUTH-13
func TestIdentityFormerPasswords(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		gerd := k.As(t, "gerd.grau")
		used := []string{servertest.DemoPassword}
		current := func() string { return used[len(used)-1] }
		for i := range 6 {
			next := fmt.Sprintf("Geheim-%d!", 100+i)
			changePassword(t, gerd, current(), next).OK(t)
			used = append(used, next)
			for _, former := range used[max(0, len(used)-6):] {
				if got := changePassword(t, gerd, current(), former).Codes("changePassword"); !slices.Equal(got, []string{"PASSWORD_REUSED"}) {
					t.Errorf("after %d changes %s gives %v", i+1, former, got)
				}
			}
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM password_hashes`); n[0] != "5" {
			t.Errorf("%s former passwords are kept", n[0])
		}
		changePassword(t, gerd, current(), used[0]).OK(t)
		if !loggedIn(t, k, "gerd.grau", used[0]) || loggedIn(t, k, "gerd.grau", current()) {
			t.Error("the sixth last password was taken and does not work")
		}
	})
}

// A change ends all other sessions, lets the one that asked go on, and tells the
// user by mail in its own language.
//
// Requirement: ID-10
// Requirement: ID-20
// Case: AUTH-10
func TestIdentityPasswordChange(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET language = 'en' WHERE username = 'greta.groth'`)
		for _, each := range []struct{ username, email, subject, text string }{
			{"gerd.grau", "gerd.grau@hansa.example", "Hansa Logistik GmbH: Ihr Passwort wurde geändert", "Guten Tag Gerd Grau,"},
			{"greta.groth", "greta.groth@alster.example", "Alster Druck KG: your password was changed", "Hello Greta Groth,"},
		} {
			other, browser, stranger := k.As(t, each.username), browserOf(t, k), k.As(t, "martha.hansen")
			loginAs(t, browser, each.username, servertest.DemoPassword, "transport", "COOKIE").OK(t)
			asks := k.As(t, each.username)
			// The mail follows the user, not the request.
			asks.Header["Accept-Language"] = map[string]string{"gerd.grau": "en", "greta.groth": "de"}[each.username]
			changePassword(t, asks, servertest.DemoPassword, "Neu-4711-Sicher!").OK(t)
			expectLive(t, each.username+": the session that asked", asks, true)
			expectLive(t, each.username+": another session", other, false)
			expectLive(t, each.username+": a browser's session", browser, false)
			expectLive(t, "another user", stranger, true)
			if loggedIn(t, k, each.username, servertest.DemoPassword) || !loggedIn(t, k, each.username, "Neu-4711-Sicher!") {
				t.Errorf("%s: the new password does not work, or the old one does", each.username)
			}
			mails := k.Mails(t, each.email)
			if len(mails) != 1 || mails[0].Subject != each.subject || !strings.Contains(mails[0].Text, each.text) || !strings.Contains(mails[0].HTML, "<") {
				t.Errorf("the mails to %s: %+v", each.email, mails)
			}
			for _, mail := range mails {
				if strings.Contains(mail.Subject+mail.Text+mail.HTML, "4711-Sicher") {
					t.Errorf("the mail tells the password: %+v", mail)
				}
			}
		}
	})
}

// Of many changes at once one wins. The others are told that somebody was faster,
// or, where they came after it, that their current password is wrong.
//
// Requirement: ID-10
// Case: CONC-06
func TestIdentityParallelPasswordChanges(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas, gerd := k.Both(t), k.As(t, "gerd.grau")
		password := func(i int) string { return fmt.Sprintf("Geheim-%d!", 100+i) }
		answers := atOnce(50, func(i int) *servertest.Answer {
			return changePassword(t, gerd.On(replicas[i%len(replicas)]), servertest.DemoPassword, password(i))
		})
		var won []string
		for i, answer := range answers {
			switch got := answer.Codes("changePassword"); {
			case len(answer.Errors) > 0:
				t.Errorf("change %d: %d %s", i, answer.Status, answer.Body)
			case len(got) == 0:
				won = append(won, password(i))
			case !slices.Equal(got, []string{"CONFLICT"}) && !slices.Equal(got, []string{"PASSWORD_WRONG"}):
				t.Errorf("change %d: %v", i, got)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d changes worked", len(won))
		}
		for i := range answers {
			k.Clock.Advance(13 * time.Hour) // earlier failures are forgotten
			if got, want := loggedIn(t, k, "gerd.grau", password(i)), password(i) == won[0]; got != want {
				t.Errorf("password %d works: %v, want %v", i, got, want)
			}
		}
		for _, table := range []string{"password_hashes", "mails"} {
			if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM `+table); n[0] != "1" {
				t.Errorf("%s rows in %s", n[0], table)
			}
		}
		// The history goes on from there, and holds five.
		current := won[0]
		for i := range 6 {
			next := fmt.Sprintf("Weiter-%d-und-%d!", i, i)
			gerd = k.Anonymous()
			gerd.Token = loginAs(t, gerd, "gerd.grau", current).OK(t).String(t, "login.token")
			changePassword(t, gerd, current, next).OK(t)
			current = next
		}
		if n := columnOf(t, k.SQL(t), `SELECT COUNT(*) FROM password_hashes`); n[0] != "5" {
			t.Errorf("the history holds %s", n[0])
		}
	})
}

// With an initial password the first login works, and nothing else does until it
// is changed.
//
// Requirement: ID-07
// Case: AUTH-14
func TestIdentityInitialPassword(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET must_change_password = true WHERE username = 'martha.hansen'`)
		login := loginAs(t, k.Anonymous(), "martha.hansen", servertest.DemoPassword).OK(t)
		if got := fmt.Sprint(login.Get("login.viewer.pendingSteps")); got != "[CHANGE_PASSWORD]" {
			t.Errorf("after the login %s is pending", got)
		}
		martha := k.Anonymous()
		martha.Token = login.String(t, "login.token")
		open := []string{"login", "viewer", "changePassword", "endSessions", "logout"}
		for _, field := range rootFields(t) {
			if field.public {
				open = append(open, field.name)
			}
		}
		refused := 0
		for _, field := range rootFields(t) {
			if slices.Contains(open, field.name) {
				continue
			}
			refused++
			answer := martha.Do(t, field.document, nil)
			if answer.Code() != "PASSWORD_CHANGE_REQUIRED" || answer.Get(field.name) != nil {
				t.Errorf("%s: %s", field.name, answer.Body)
			}
		}
		if refused < 10 {
			t.Fatalf("only %d fields were tried", refused)
		}
		if me := martha.Operation(t, "spa/session", "Me", nil).OK(t); fmt.Sprint(me.Get("viewer.pendingSteps")) != "[CHANGE_PASSWORD]" {
			t.Errorf("the viewer: %s", me.Body)
		}
		policyOf(t, martha)
		if got := changePassword(t, martha, servertest.DemoPassword, servertest.DemoPassword).Codes("changePassword"); !slices.Equal(got, []string{"PASSWORD_REUSED"}) {
			t.Errorf("keeping the initial password: %v", got)
		}
		changePassword(t, martha, servertest.DemoPassword, "Neu-4711-Sicher!").OK(t)
		if me := martha.Operation(t, "spa/session", "Me", nil).OK(t); len(me.List(t, "viewer.pendingSteps")) != 0 {
			t.Errorf("after the change: %s", me.Body)
		}
		martha.Operation(t, "spa/cart", "CurrentCart", nil).OK(t)
		martha.Operation(t, "spa/session", "Logout", nil).OK(t)
	})
}

// An initial password lets in for ten days, to the second; then it is refused like any that is wrong, whatever the
// user had come to before, and the mailed link is the way in.
//
// Requirement: ID-07
// Requirement: ID-09
// Case: AUTH-14
func TestIdentityInitialPasswordsEnd(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		d := k.SQL(t)
		alter(t, d, `UPDATE users SET must_change_password = true, created_at = '`+k.Clock.Now().UTC().Format("2006-01-02 15:04:05.999999-07:00")+`' WHERE username IN ('gerd.grau', 'greta.groth')`)
		k.Clock.Advance(10*24*time.Hour - time.Second)
		gerd := k.As(t, "gerd.grau")
		changePassword(t, gerd, servertest.DemoPassword, "Neu-4711-Sicher!").OK(t)
		if !loggedIn(t, k, "greta.groth", servertest.DemoPassword) {
			t.Error("it ends before ten days are over")
		}
		k.Clock.Advance(time.Second)
		want := refused(t, loginAs(t, k.Anonymous(), "greta.groth", wrongPassword))
		if got := refused(t, loginAs(t, k.Anonymous(), "greta.groth", servertest.DemoPassword)); got != want {
			t.Errorf("after ten days: %s, a wrong one: %s", got, want)
		}
		const noted = `SELECT after FROM audit_entries WHERE action = 'login' AND result = 'REFUSED' AND subject_label = 'greta.groth'`
		for i := 0; len(columnOf(t, d, noted)) < 2 && i < 200; i++ {
			time.Sleep(10 * time.Millisecond) // behind the answer
		}
		if got := columnOf(t, d, noted); !slices.Equal(got, []string{`{"reason":"EXPIRED"}`, `{"reason":"EXPIRED"}`}) {
			t.Errorf("the audit log says %v", got)
		}
		if !loggedIn(t, k, "gerd.grau", "Neu-4711-Sicher!") {
			t.Error("a password that the user chose ends, too")
		}
		resetByMail(t, k, "greta.groth@alster.example", "Zurueckgesetzt-1!")
		if !loggedIn(t, k, "greta.groth", "Zurueckgesetzt-1!") {
			t.Error("the mailed link does not help")
		}
	})
}

// Messages are in the language that the request asks for, otherwise the user's,
// otherwise German.
//
// Requirement: ID-20
func TestIdentityLanguageOfMessages(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		alter(t, k.SQL(t), `UPDATE users SET language = 'en' WHERE username = 'greta.groth'`)
		const german, english = "Diese Sitzung gibt es nicht mehr.", "There is no such session any more."
		gerd, greta := k.As(t, "gerd.grau"), k.As(t, "greta.groth")
		for _, each := range []struct {
			name     string
			client   *servertest.Client
			accepted string
			want     string
		}{
			{"a German user", gerd, "", german},
			{"an English user", greta, "", english},
			{"a German user, in English", gerd, "en", english},
			{"an English user, in German", greta, "de", german},
			{"a region", gerd, "en-GB,en;q=0.9,de;q=0.1", english},
			{"the better of two", greta, "en;q=0.2,de;q=0.8", german},
			{"one that Kontor does not speak", greta, "fr", german},
			{"one that is none", greta, "!!", german},
		} {
			c := *each.client
			c.Header = map[string]string{"Accept-Language": each.accepted}
			if each.accepted == "" {
				delete(c.Header, "Accept-Language")
			}
			answer := endSessions(t, &c, map[string]any{"ids": []string{"ses_none"}})
			if got := answer.String(t, "endSessions.errors.0.message"); got != each.want {
				t.Errorf("%s: %q, want %q", each.name, got, each.want)
			}
		}
		for accepted, want := range map[string]string{"": "Bitte melden Sie sich an.", "en": "Please log in."} {
			c := k.Anonymous()
			c.Header["Accept-Language"] = accepted
			answer := c.Do(t, `{ viewer { user { id } } }`, nil)
			if len(answer.Errors) != 1 || answer.Errors[0].Message != want {
				t.Errorf("nobody, %q: %s", accepted, answer.Body)
			}
		}
	})
}
