package server_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aclements/go-moremath/stats"

	"kontor/internal/password"
	"kontor/server/servertest"
)

// The time of a refused login does not tell why it was refused, with passwords hashed as in
// production. All kinds are asked for in turns, in another order each time.
//
// `make timing` runs it, once a night: other work of the machine would disturb it.
//
// Requirement: ID-01
// Case: AUTH-01
func TestTimeOfRefusedLogins(t *testing.T) {
	eachTimed(t, func(t *testing.T, k *servertest.Kontor, hasher *password.Hasher) { timeRefusals(t, k, hasher) })
}

// The time of a request for a new password does not tell whether there is such a user.
//
// Requirement: ID-09
// Case: AUTH-02
func TestTimeOfRequestsForAPassword(t *testing.T) {
	eachTimed(t, func(t *testing.T, k *servertest.Kontor, _ *password.Hasher) {
		took := map[string][]time.Duration{}
		for round := range timedRounds {
			k.Clock.Advance(time.Hour) // mails to one address are throttled
			kinds := []string{"gerd.grau@hansa.example", fmt.Sprintf("niemand.%d@hansa.example", round), fmt.Sprintf("fremd.%d@wind.example", round)}
			for _, i := range rand.Perm(len(kinds)) {
				began := time.Now()
				answer := forget(t, k, kinds[i])
				kind := []string{"known", "unknown", "unknown company"}[i]
				took[kind] = append(took[kind], time.Since(began))
				answer.OK(t)
			}
		}
		wantSameTime(t, took)
	})
}

// timedRounds is how often each kind of request is timed.
const timedRounds = 200

// eachTimed runs a test of times on every backend, one after the other. Other tests disturb it: it
// runs only where KONTOR_TIMING is set, as `make timing` does.
func eachTimed(t *testing.T, test func(t *testing.T, k *servertest.Kontor, hasher *password.Hasher)) {
	if os.Getenv("KONTOR_TIMING") == "" {
		t.Skip("KONTOR_TIMING is not set")
	}
	for _, backend := range servertest.Backends {
		t.Run(backend, func(t *testing.T) {
			hasher := password.NewHasher(0, 64)
			test(t, servertest.StartWith(t, backend, hasher), hasher)
		})
	}
}

// wantSameTime fails where a rank test tells one kind from all others: at 1 percent, shared out among
// the kinds, as each is one more chance to be wrong; or at 1 percent where its median is 5 percent away,
// too. Medians alone wander by more than that where a machine has other work.
func wantSameTime(t *testing.T, took map[string][]time.Duration) {
	t.Helper()
	for _, kind := range slices.Sorted(maps.Keys(took)) {
		var own, others []float64
		for other, all := range took {
			for _, one := range all {
				if other == kind {
					own = append(own, one.Seconds())
				} else {
					others = append(others, one.Seconds())
				}
			}
		}
		test, err := stats.MannWhitneyUTest(own, others, stats.LocationDiffers)
		if err != nil {
			t.Fatal(err)
		}
		apart := median(own)/median(others) - 1
		t.Logf("%-20s median %.3f ms, %+.1f %%, p = %.3f", kind, 1000*median(own), 100*apart, test.P)
		if test.P < 0.01/float64(len(took)) || math.Abs(apart) > 0.05 && test.P < 0.01 {
			t.Errorf("%s can be told by its time: %+.1f %%, p = %.5f", kind, 100*apart, test.P)
		}
	}
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func timeRefusals(t *testing.T, k *servertest.Kontor, hasher *password.Hasher) {
	hash, err := hasher.Hash(t.Context(), servertest.DemoPassword)
	if err != nil {
		t.Fatal(err)
	}
	d := k.SQL(t)
	for _, statement := range []string{
		`UPDATE users SET password_hash = '` + hash + `'`,
		`UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`,
		`UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`,
		`UPDATE users SET status = 'INVITED', password_hash = '' WHERE username = 'silke.sommer'`,
	} {
		if _, err := d.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	login := func(username, password, organization string) time.Duration {
		began := time.Now()
		answer := k.Anonymous().Operation(t, "spa/session", "Login", servertest.Vars{"input": map[string]any{
			"username": username, "password": password, "organization": organization, "transport": "BEARER",
		}})
		took := time.Since(began)
		if got := answer.Codes("login"); answer.Status != http.StatusOK || !slices.Equal(got, []string{"INVALID_CREDENTIALS"}) {
			t.Fatalf("%s: %s", username, answer.Body)
		}
		return took
	}
	right := servertest.DemoPassword
	kinds := map[string]func(round int) time.Duration{
		"unknown-user":       func(round int) time.Duration { return login(fmt.Sprint("niemand.", round), right, "HANSA") },
		"wrong-password":     func(int) time.Duration { return login("martha.hansen", wrongPassword, "HANSA") },
		"wrong-organization": func(int) time.Duration { return login("moritz.hansen", right, "ALSTER") },
		"deactivated":        func(int) time.Duration { return login("gerd.grau", right, "HANSA") },
		"locked":             func(int) time.Duration { return login("anna.abel", right, "HANSA") },
		"never-registered":   func(int) time.Duration { return login("silke.sommer", right, "HANSA") },
		"during-a-wait":      func(int) time.Duration { return login("malte.brandt", right, "BRANDT") },
		"a-name-not-a-user":  func(int) time.Duration { return login("", right, "HANSA") },
	}
	took := map[string][]time.Duration{}
	for round := range timedRounds {
		// Each hour one attempt is evaluated, and before a hundred of them all is forgotten.
		k.Clock.Advance(time.Hour)
		if round%50 == 0 {
			k.Clock.Advance(13 * time.Hour)
			for range 15 {
				login("malte.brandt", wrongPassword, "BRANDT")
				k.Clock.Advance(time.Minute)
			}
		}
		login("malte.brandt", wrongPassword, "BRANDT")
		order := slices.Sorted(maps.Keys(kinds))
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, kind := range order {
			took[kind] = append(took[kind], kinds[kind](round))
		}
	}
	wantSameTime(t, took)
}
