// Package budget bounds what a user, and all users of a company together, may ask for in a time,
// so that nobody takes the server away from the others (GQL-14). What an operation costs is told in points.
package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/fault"
)

// Rates are how many points come back each second; 0 for no bound.
type Rates struct{ User, Tenant int }

// seconds is for how many seconds' worth of points a bucket has room, and least how many it has
// at least: one operation of any size that is allowed.
const (
	seconds = 10
	least   = 20_000
)

// Budget has two buckets for each user, in Redis, so that replicas share them: its own and that of its
// company. Points come back all the time.
type Budget struct {
	client redis.UniversalClient
	rates  Rates
}

// New bounds by these rates.
func New(client redis.UniversalClient, rates Rates) *Budget { return &Budget{client, rates} }

// Left is what is left after an operation, of the bucket that has less.
type Left struct {
	Remaining, Maximum, PerSecond int
	// RetryAfter is when there is enough again, if the operation was refused.
	RetryAfter time.Duration
}

// Refused tells that there was not enough.
func (l Left) Refused() bool { return l.RetryAfter > 0 }

// take keeps of each bucket when it is full again, in microseconds of Redis's own clock: those of
// the replicas may differ. Both have enough, or nothing is taken. It gives for each bucket what is left, and for
// how long to wait.
var take = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local points, full, wait, left = tonumber(ARGV[1]), {}, 0, {}
for i, key in ipairs(KEYS) do
	local rate, room = tonumber(ARGV[2*i]), tonumber(ARGV[2*i+1])
	if rate > 0 then
		local before = math.max(now, tonumber(redis.call('GET', key) or now))
		full[i] = before + points * 1000000 / rate
		wait = math.max(wait, full[i] - now - room * 1000000 / rate)
		left[i] = math.floor(room - (before - now) * rate / 1000000)
	else
		left[i] = -1
	end
end
if wait > 0 then
	return {math.ceil(wait), left[1], left[2]}
end
for i, key in ipairs(KEYS) do
	if full[i] then
		redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1)
		left[i] = left[i] - points
	end
end
return {0, left[1], left[2]}
`)

// Take takes the points of an operation out of both buckets, or out of none. It fails with
// fault.ErrUnavailable.
func (b *Budget) Take(ctx context.Context, user, tenant uuid.UUID, points int) (Left, error) {
	if b.rates == (Rates{}) {
		return Left{}, nil
	}
	// In braces: both are in one slot of a cluster.
	of := "kontor:budget:{" + tenant.String() + "}"
	got, err := take.Run(ctx, b.client, []string{of + ":" + user.String(), of}, points,
		b.rates.User, room(b.rates.User), b.rates.Tenant, room(b.rates.Tenant)).Int64Slice()
	if err != nil || len(got) != 3 {
		return Left{}, fmt.Errorf("taking from a budget: %w: %w", fault.ErrUnavailable, err)
	}
	left := Left{Remaining: int(got[1]), Maximum: room(b.rates.User), PerSecond: b.rates.User, RetryAfter: time.Duration(got[0]) * time.Microsecond}
	if b.rates.User == 0 || b.rates.Tenant > 0 && int(got[2]) < left.Remaining {
		left.Remaining, left.Maximum, left.PerSecond = int(got[2]), room(b.rates.Tenant), b.rates.Tenant
	}
	return left, nil
}

func room(rate int) int { return max(seconds*rate, least) }
