package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"kontor/server/servertest"
)

// A thousand times somebody works on one replica, ends its sessions at the other one, by a logout, by
// ending all others or by an administrator, and the very next request at the first is refused.
//
// Requirement: ID-02
// Requirement: ID-16
// Case: AUTH-09
func TestSessionsEndAThousandTimes(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, k [2]*servertest.Kontor) {
		martha, usernames := k[0].As(t, "martha.hansen"), []string{"gerd.grau", "anna.abel", "silke.sommer", "moritz.hansen"}
		ids := map[string]string{}
		for _, username := range usernames {
			ids[username] = userID(t, k[0].SQL(t), username)
		}
		atOnce(len(usernames), func(i int) bool {
			username := usernames[i]
			for round := range 250 {
				here, there := k[round%2], k[(round+1)%2]
				c := here.As(t, username)
				k[0].Clock.Advance(time.Second)
				switch {
				case round%50 == 49:
					deactivate(t, martha.On(there), ids[username]).OK(t)
				case round%10 == 9:
					other := there.As(t, username)
					endSessions(t, other, map[string]any{"allOthers": true}).OK(t)
					defer other.Operation(t, "spa/session", "Logout", nil)
				default:
					c.On(there).Operation(t, "spa/session", "Logout", nil).OK(t)
				}
				expectLive(t, fmt.Sprint(username, ", round ", round), c, false)
				if round%50 == 49 {
					reactivate(t, martha, ids[username]).OK(t)
				}
				if t.Failed() {
					return false
				}
			}
			return true
		})
		for _, username := range usernames {
			if n := sessionCount(t, k[0].As(t, username)); n != 1 {
				t.Errorf("%s has %d sessions after one login", username, n)
			}
		}
	})
}

// A logout takes the cookie back as it was set, and has the browser forget what it keeps of the
// portal; nothing else does that.
//
// Requirement: ID-02
// Case: AUTH-09
func TestALogoutClearsTheBrowser(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		browser := browserOf(t, k)
		login := loginAs(t, browser, "martha.hansen", servertest.DemoPassword, "transport", "COOKIE").OK(t)
		me := browser.Operation(t, "spa/session", "Me", nil).OK(t)
		out := browser.Operation(t, "spa/session", "Logout", nil).OK(t)
		given, taken := sessionCookies(login)[0], sessionCookies(out)[0]
		if taken.Value != "" || taken.MaxAge >= 0 || taken.Name != given.Name || taken.Path != given.Path || taken.Domain != given.Domain ||
			taken.Secure != given.Secure || taken.HttpOnly != given.HttpOnly || taken.SameSite != given.SameSite {
			t.Errorf("the login sets %v, the logout %v", given, taken)
		}
		for name, each := range map[string]struct {
			answer *servertest.Answer
			want   string
		}{"login": {login, ""}, "an operation": {me, ""}, "logout": {out, `"cache", "storage"`}} {
			if got := each.answer.Header.Get("Clear-Site-Data"); got != each.want || each.answer.Status != http.StatusOK {
				t.Errorf("%s: Clear-Site-Data is %q, want %q", name, got, each.want)
			}
		}
	})
}
