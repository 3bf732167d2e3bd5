package budget

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/kontortest"
	"kontor/internal/session"
)

func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }

func eachRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	for name, redisURL := range map[string]func(*testing.T) string{
		"in process": func(*testing.T) string { return "" },
		"server":     func(t *testing.T) string { return kontortest.SharedRedis(t).FreshDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			client, closeAll, err := session.Open(redisURL(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = closeAll() })
			test(t, client)
		})
	}
}

// However many ask at once, nobody gets more than there is; what is refused takes nothing.
//
// Case: GQL-14
func TestBucketsAreExact(t *testing.T) {
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		b := New(client, Rates{User: 1, Tenant: 1})
		tenant := uuid.New()
		var let atomic.Int64
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				left, err := b.Take(t.Context(), uuid.New(), tenant, 1000)
				switch {
				case err != nil:
					t.Error(err)
				case !left.Refused():
					let.Add(1)
				case left.RetryAfter > 1000*time.Second || left.Remaining >= 1000:
					t.Errorf("user %d is to wait for %s, and has %d left", i, left.RetryAfter, left.Remaining)
				}
			})
		}
		all.Wait()
		if let.Load() != least/1000 {
			t.Errorf("%d got 1000 points each, of %d", let.Load(), least)
		}
		// Others have theirs.
		if left, err := b.Take(t.Context(), uuid.New(), uuid.New(), least); err != nil || left.Refused() || left.Remaining != 0 {
			t.Errorf("another company: %+v, %v", left, err)
		}
		for _, key := range client.Keys(t.Context(), "*").Val() {
			if client.TTL(t.Context(), key).Val() <= 0 {
				t.Errorf("%s is kept for ever", key)
			}
		}
	})
}

// Points come back with time, up to what a bucket holds, and without rates there is no bound.
//
// Case: GQL-14
func TestPointsComeBack(t *testing.T) {
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		b := New(client, Rates{User: 100_000})
		user, tenant := uuid.New(), uuid.New()
		if left, err := b.Take(t.Context(), user, tenant, room(100_000)); err != nil || left.Refused() || left.Maximum != 1_000_000 {
			t.Fatalf("all at once: %+v, %v", left, err)
		}
		if left, err := b.Take(t.Context(), user, tenant, 500_000); err != nil || !left.Refused() || left.RetryAfter > 5*time.Second {
			t.Errorf("at once again: %+v, %v", left, err)
		}
		time.Sleep(50 * time.Millisecond)
		if left, err := b.Take(t.Context(), user, tenant, 1000); err != nil || left.Refused() {
			t.Errorf("after a while: %+v, %v", left, err)
		}
		if left, err := New(client, Rates{}).Take(t.Context(), user, tenant, 1<<30); err != nil || left != (Left{}) {
			t.Errorf("without a bound: %+v, %v", left, err)
		}
	})
}
