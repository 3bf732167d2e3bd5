package server_test

import (
	"slices"
	"testing"
	"time"

	"kontor/server/servertest"
)

// A login that is under way while the password is changed, or its owner switched off,
// is over with it: no session comes of it that outlives the change.
//
// Requirement: ID-10
// Requirement: ID-16
// Case: AUTH-09
// Case: AUTH-10
func TestOutdatedLoginsBeginNoSession(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		martha := k.As(t, "martha.hansen")
		users := martha.Operation(t, "spa/users", "Users", servertest.Vars{"first": 1, "where": map[string]any{"search": "gerd.grau"}}).OK(t)
		gerd := servertest.Vars{"input": map[string]any{"id": users.String(t, "users.nodes.0.id")}}
		for round := range 12 {
			alter(t, k.SQL(t), `UPDATE users SET status = 'ACTIVE', password_hash = (SELECT password_hash FROM users WHERE username = 'anna.abel')
				WHERE username = 'gerd.grau'`)
			owner := k.As(t, "gerd.grau")
			k.Clock.Advance(time.Minute) // so that it is another moment in which sessions were cut off last
			answers := atOnce(6, func(i int) *servertest.Answer {
				switch {
				case i > 0:
					return loginAs(t, k.Anonymous(), "gerd.grau", servertest.DemoPassword)
				case round%2 == 0:
					return changePassword(t, owner, servertest.DemoPassword, "Anderes-1!")
				default:
					return martha.Operation(t, "spa/users", "DeactivateUser", gerd)
				}
			})
			answers[0].OK(t)
			for _, answer := range answers[1:] {
				c := k.Anonymous()
				if c.Token, _ = answer.Get("login.token").(string); c.Token != "" {
					expectLive(t, "a login beside the change", c, false)
				} else if got := faultsOf(t, answer, "login"); !slices.Equal(got, []string{"INVALID_CREDENTIALS"}) && !slices.Equal(got, []string{"UNAUTHENTICATED"}) {
					t.Errorf("a login beside the change: %s", answer.Body) // the second when it ends as it is told about
				}
			}
			k.Clock.Advance(time.Hour)
		}
	})
}
