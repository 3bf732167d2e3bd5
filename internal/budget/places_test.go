package budget

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// However many ask at once, on however many replicas, as many are in as there are places; another company has its own, one that was
// left is free, and one that nobody renews ends.
//
// Case: CONC-13
func TestPlacesAreExact(t *testing.T) {
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		replicas := []*Places{NewPlaces(client, "export", 2), NewPlaces(client, "export", 2)}
		one, other := uuid.New(), uuid.New()
		var in atomic.Int64
		leave := make(chan func(), 100)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				out, entered, err := replicas[i%2].Enter(t.Context(), one)
				if err != nil {
					t.Error(err)
				}
				if entered {
					in.Add(1)
					leave <- out
				}
			})
		}
		all.Wait()
		if in.Load() != 2 {
			t.Errorf("%d are in, of 2", in.Load())
		}
		enters := func(of uuid.UUID, want bool, when string) {
			t.Helper()
			out, entered, err := replicas[0].Enter(t.Context(), of)
			if err != nil || entered != want {
				t.Errorf("%s: %v, %v", when, entered, err)
			}
			out()
		}
		enters(one, false, "a third")
		enters(other, true, "another company")
		(<-leave)()
		enters(one, true, "after one left")
		enters(one, true, "after another left")
		key := "kontor:places:export:" + one.String()
		if life := client.PTTL(t.Context(), key).Val(); life <= 0 || life > held {
			t.Errorf("places are kept for %s", life)
		}
		// A replica that is gone renews nothing.
		for _, gone := range []string{"a", "b"} {
			client.ZAdd(t.Context(), key, redis.Z{Score: 1, Member: gone})
		}
		enters(one, true, "beside one that is there and two whose time is over")
		(<-leave)()
	})
}
