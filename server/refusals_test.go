package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kontor/internal/password"
	"kontor/server/servertest"
)

// BenchmarkLoginRefusals measures whether the time of a refused login tells why it was
// refused, with passwords hashed as in production. All kinds are asked for in turns, in
// another order each time; medians are reported in microseconds, and the largest
// difference between two of them in percent.
//
//	go test ./server -run '^$' -bench LoginRefusals -benchtime 200x
//
// Requirement: ID-01
// Case: AUTH-01
func BenchmarkLoginRefusals(b *testing.B) {
	for _, backend := range servertest.Backends {
		b.Run(strings.ReplaceAll(backend, " ", ""), func(b *testing.B) { benchmarkRefusals(b, backend) })
	}
}

func benchmarkRefusals(b *testing.B, backend string) {
	hasher := password.NewHasher(0, 64)
	k := servertest.StartWith(b, backend, hasher)
	hash, err := hasher.Hash(b.Context(), servertest.DemoPassword)
	if err != nil {
		b.Fatal(err)
	}
	d := k.SQL(b)
	for _, statement := range []string{
		`UPDATE users SET password_hash = '` + hash + `'`,
		`UPDATE users SET status = 'DEACTIVATED' WHERE username = 'gerd.grau'`,
		`UPDATE users SET status = 'LOCKED' WHERE username = 'anna.abel'`,
		`UPDATE users SET status = 'INVITED', password_hash = '' WHERE username = 'silke.sommer'`,
	} {
		if _, err := d.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	login := func(username, password, organization string) time.Duration {
		began := time.Now()
		answer := k.Anonymous().Operation(b, "spa/session", "Login", servertest.Vars{"input": map[string]any{
			"username": username, "password": password, "organization": organization, "transport": "BEARER",
		}})
		took := time.Since(began)
		if got := answer.Codes("login"); answer.Status != http.StatusOK || !slices.Equal(got, []string{"INVALID_CREDENTIALS"}) {
			b.Fatalf("%s: %s", username, answer.Body)
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
	for round := range b.N {
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
	var medians []time.Duration
	for kind, all := range took {
		slices.Sort(all)
		median := all[len(all)/2]
		medians = append(medians, median)
		b.ReportMetric(float64(median.Microseconds()), kind+"-µs")
	}
	least, most := slices.Min(medians), slices.Max(medians)
	b.ReportMetric(100*float64(most-least)/float64(least), "%-apart")
}
