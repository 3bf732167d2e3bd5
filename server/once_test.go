package server_test

import (
	"fmt"
	"slices"
	"testing"

	"kontor/server/servertest"
)

// Whatever works once works once: of a hundred who come with it at the same time, at
// all replicas, one gets through.
//
// Requirement: ID-03
// Requirement: ID-04
// Requirement: ID-06
// Requirement: ID-09
// Requirement: ID-13
// Case: CONC-05
func TestWaysInWorkOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		replicas := k.Both(t)
		martha, gerd, nobody := k.As(t, "martha.hansen"), k.As(t, "gerd.grau"), k.Anonymous()
		ida := inviteAs(t, k, martha, "ida.immergruen", "hansa.example")
		code := codeFor(t, k, "max@mueller.example")
		perform(t, nobody, "spa/registration", "RequestPasswordReset", "email", "anna.abel@hansa.example").OK(t)
		reset := newest(t, k, "anna.abel@hansa.example").Token(t)
		perform(t, gerd, "spa/account", "ChangeEmail", "currentPassword", servertest.DemoPassword, "newEmail", "gerd.neu@hansa.example").OK(t)
		confirm := newest(t, k, "gerd.neu@hansa.example").Token(t)
		password := func(i int) string { return fmt.Sprintf("Wettlauf-%03d-xyz!", i) }

		for _, race := range []struct {
			payload, used, username string // username: who logs in with the winner's password
			run                     func(c *servertest.Client, i int) *servertest.Answer
		}{
			{"acceptInvitation", "LINK_USED token", ida.email, func(c *servertest.Client, i int) *servertest.Answer {
				return acceptance(t, c, ida.token, password(i), "firstName", fmt.Sprint("Ida", i))
			}},
			{"activateAccount", "LINK_USED activationCode", "max@mueller.example", func(c *servertest.Client, i int) *servertest.Answer {
				return activate(t, c, code, "max@mueller.example", fmt.Sprint("mueller", i), password(i))
			}},
			{"resetPassword", "LINK_USED token", "anna.abel", func(c *servertest.Client, i int) *servertest.Answer {
				return perform(t, c, "spa/registration", "ResetPassword", "token", reset, "newPassword", password(i))
			}},
			{"confirmEmail", "LINK_USED token", "", func(c *servertest.Client, i int) *servertest.Answer {
				return perform(t, c, "spa/account", "ConfirmEmail", "token", confirm)
			}},
		} {
			var won []int
			answers := atOnce(100, func(i int) *servertest.Answer { return race.run(nobody.On(replicas[i%len(replicas)]), i) })
			for i, answer := range answers {
				switch got := faultsOf(t, answer, race.payload); {
				case len(got) == 0:
					won = append(won, i)
				case !slices.Equal(got, []string{race.used}) && !slices.Equal(got, []string{"RATE_LIMITED"}):
					t.Errorf("%s: %d %s", race.payload, answer.Status, answer.Body)
				}
			}
			if len(won) != 1 {
				t.Errorf("%s worked for %v", race.payload, won)
				continue
			}
			if race.username != "" && (!loggedIn(t, k, race.username, password(won[0])) || loggedIn(t, k, race.username, password((won[0]+1)%100))) {
				t.Errorf("%s: the winner's password does not work, or another one does", race.payload)
			}
		}
		for query, want := range map[string]string{
			`SELECT COUNT(*) FROM users WHERE email_key IN ('ida.immergruen@hansa.example', 'max@mueller.example', 'gerd.neu@hansa.example')`: "3",
			`SELECT COUNT(*) FROM tenants WHERE name = 'Müller & Söhne KG'`:                                                                   "1",
			`SELECT COUNT(*) FROM password_hashes`:                                                                                            "1",
			`SELECT COUNT(*) FROM mails WHERE subject LIKE '%Passwort wurde geändert' OR subject LIKE '%E-Mail-Adresse wurde geändert'`:       "2",
		} {
			if got := columnOf(t, k.SQL(t), query)[0]; got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	})
}
