package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/fault"
)

const (
	// held is for how long a place is kept without being renewed: as long a replica that is gone holds one.
	held = 30 * time.Second
	// renewEvery is how often it is renewed.
	renewEvery = 10 * time.Second
)

// Places are so many of a company for something that takes long, over all replicas (CONC-13).
type Places struct {
	client redis.UniversalClient
	what   string
	most   int
}

// NewPlaces gives each company so many.
func NewPlaces(client redis.UniversalClient, what string, most int) *Places {
	return &Places{client, what, most}
}

// enter keeps of each who is in until when, in milliseconds of Redis's own clock.
var enter = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
	return 0
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// Enter takes a place of a company, if there is one, and holds it until it is left or the context ends. It fails with
// fault.ErrUnavailable.
func (p *Places) Enter(ctx context.Context, tenant uuid.UUID) (leave func(), entered bool, err error) {
	key, who := "kontor:places:"+p.what+":"+tenant.String(), uuid.NewString()
	hold := func() (bool, error) {
		in, err := enter.Run(ctx, p.client, []string{key}, who, p.most, held.Milliseconds()).Int()
		if err != nil {
			return false, fmt.Errorf("taking a place: %w: %w", fault.ErrUnavailable, err)
		}
		return in == 1, nil
	}
	if entered, err = hold(); err != nil || !entered {
		return func() {}, false, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		renew := time.NewTicker(renewEvery)
		defer renew.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-renew.C:
				_, _ = hold() // without Redis it is lost, and there is one more for a while
			}
		}
	}()
	return func() {
		stop()
		<-ended
		// Where that fails it ends by itself.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = p.client.ZRem(after, key, who).Err()
	}, true, nil
}
