package throttle

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"
)

// Allowance is how often somebody may fail: Burst times at once, and once more each time
// Refill has passed. What turns out right uses nothing up, and forgives nothing either:
// whoever knows one right answer cannot guess at others with it.
type Allowance struct {
	Burst  int
	Refill time.Duration
}

// ofSource is the allowance of an address, 20 a minute: enough for a company behind it.
var ofSource = Allowance{Burst: 100, Refill: 3 * time.Second}

// returnWithin is how long an attempt can take and still be given back. Longer than any
// password check, and what bounds the memory of a source.
const returnWithin = time.Minute

// Slot is one attempt of those that an allowance has.
type Slot struct {
	Allowed bool
	// RetryAfter is when there is an attempt again, if this one is refused.
	RetryAfter time.Duration

	key, id string
	refill  time.Duration
}

// take is a token bucket, kept as the time at which it is full again: the score of
// the member `full`. The other members are the attempts that can be given back, with
// their times; one that meets itself is repeated. What is past needs no keeping.
var take = redis.NewScript(`
local key, now, id = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local burst, refill, within = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

redis.call('ZREMRANGEBYSCORE', key, '-inf', now - within)
if redis.call('ZSCORE', key, id) then
	return 0
end
local full = math.max(now, tonumber(redis.call('ZSCORE', key, 'full') or now)) + refill
local wait = full - now - burst * refill
if wait > 0 then
	return wait
end
redis.call('ZADD', key, full, 'full', now, id)
redis.call('PEXPIRE', key, math.max(full - now, within))
return 0
`)

// Source takes an attempt from those of an address, before it is evaluated. An
// IPv6 address counts as its /64, all of which one subscriber has. Give it back with
// Return when it was right: only failures use a source up.
func (t *Throttle) Source(ctx context.Context, address string) (Slot, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return Slot{}, fmt.Errorf("the source of an attempt is no IP address: %w", err)
	}
	return t.Take(ctx, "source", network(ip), ofSource)
}

// Take takes an attempt from those of what key names, before it is evaluated. Give it
// back with Return when it was right.
func (t *Throttle) Take(ctx context.Context, kind, key string, a Allowance) (Slot, error) {
	slot := Slot{key: redisKey(kind, key), id: rand.Text(), refill: a.Refill}
	wait, err := take.Run(ctx, t.client, []string{slot.key}, t.now().UnixMilli(), slot.id,
		a.Burst, a.Refill.Milliseconds(), returnWithin.Milliseconds()).Int64()
	if err != nil {
		return Slot{}, unavailable("counting an attempt", err)
	}
	slot.Allowed, slot.RetryAfter = wait == 0, time.Duration(wait)*time.Millisecond
	return slot, nil
}

// giveBack returns an attempt once, however often it runs.
var giveBack = redis.NewScript(`
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
	redis.call('ZINCRBY', KEYS[1], -tonumber(ARGV[2]), 'full')
end
return 0
`)

// Return gives the attempt back: it was right. After a minute it
// stays with the failures.
func (t *Throttle) Return(ctx context.Context, slot Slot) error {
	if !slot.Allowed {
		return nil
	}
	if err := giveBack.Run(ctx, t.client, []string{slot.key}, slot.id, slot.refill.Milliseconds()).Err(); err != nil {
		return unavailable("giving an attempt back", err)
	}
	return nil
}

// network is what one subscriber has of the addresses around this one.
func network(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
