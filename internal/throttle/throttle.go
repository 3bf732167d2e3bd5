// Package throttle slows guessing of passwords and codes down (ID-19): for each
// account or code by waits that double, for each source by a bucket of failures.
// The counts live in Redis, so all replicas count together.
//
// An attempt is counted before it is evaluated, or parallel attempts would all
// pass before the first of them is known to be wrong (AUTH-06):
//
//	attempt, err := t.Reserve(ctx, "login", username, limits)
//	// An error or a refusal: answer without looking at the password.
//	err = t.Succeed(ctx, attempt) // when the password was right
//
// A client repeats a command whose reply was lost, so every script may run twice.
// Attempts and successes carry what tells a repetition from another one: limits
// may trip early when replies are lost, never late (CONC-11).
package throttle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/text/unicode/norm"
)

// ErrUnavailable is returned when Redis cannot be asked. Nothing may be evaluated
// then: whoever could bring Redis down could guess without limits otherwise.
var ErrUnavailable = errors.New("attempts cannot be counted")

// hardStopKept is how long a hard stop lasts if nobody lifts it.
const hardStopKept = 30 * 24 * time.Hour

// Limits are how much guessing one kind of secret withstands. Failures count in a
// row: a success begins anew.
type Limits struct {
	// Free failures have no wait after them, the next one has First, and each one
	// after that twice the wait of the one before, up to Longest.
	Free           int
	First, Longest time.Duration
	// Tell is the failure that locks: the owner is told, once (see Decision.Locked).
	// None is if it is 0.
	Tell int
	// Hard is how many attempts are evaluated at all: then it takes a Reset, or 30 days.
	Hard int
	// Forget is how long failures count, from the last of them on. A hard stop lasts longer.
	Forget time.Duration
}

// DefaultLimits are those of a login: waits from the sixth failure on, of 1 s to
// 15 min, a mail at the tenth, the end at the hundredth.
func DefaultLimits() Limits {
	return Limits{Free: 5, First: time.Second, Longest: 15 * time.Minute, Tell: 10, Hard: 100, Forget: 12 * time.Hour}
}

// check refuses limits that would not limit.
func (l Limits) check() error {
	if l.Hard < 1 || l.Forget < time.Millisecond || l.Forget < l.Longest {
		return fmt.Errorf("%+v are no limits: Hard must be at least 1, and Forget no shorter than Longest", l)
	}
	return nil
}

// Decision says what becomes of one attempt.
type Decision struct {
	// Allowed attempts are evaluated, and count as failures until they Succeed.
	// Others were not counted, right or wrong, and prolong nothing: hammering does
	// not keep the owner out.
	Allowed bool
	// RetryAfter is when an attempt may be allowed again, if this one is not.
	RetryAfter time.Duration
	// Failures are all that count now, this attempt among them if it is allowed.
	Failures int
	// Locked is set for the one attempt that is number Tell in a row: the caller
	// tells the owner by mail, if the attempt turns out wrong.
	Locked bool

	key    string
	number int64
}

// Throttle counts attempts in Redis, by the caller's clock. Every script has one
// key, so it works on a cluster; keys are hashes of names and addresses, which a
// dump of Redis must not tell, and expire by themselves.
type Throttle struct {
	client redis.UniversalClient
	now    func() time.Time
}

// New counts through this client, by this clock.
func New(client redis.UniversalClient, now func() time.Time) *Throttle {
	return &Throttle{client: client, now: now}
}

// reserve numbers the attempts at a key. Those after number `cleared` count, the
// last of them was at `at`, by the attempt with the ID `by`. An attempt that meets
// its own ID is repeated, and counted already. The clock of another replica may be
// ahead: time does not run backwards here.
var reserve = redis.NewScript(`
local key, now, id = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local free, first, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tell, hard, forget, kept = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local record = redis.call('HMGET', key, 'counted', 'cleared', 'at', 'by')
local counted, cleared, at = tonumber(record[1] or 0), tonumber(record[2] or 0), tonumber(record[3] or 0)
local failures = counted - cleared
local function lifetime() return failures >= hard and kept or forget end

if record[4] ~= id then
	if now - at >= lifetime() then
		cleared, failures = counted, 0
	end
	local wait = 0
	if failures >= hard then
		wait = kept
	elseif failures > free then
		wait = math.min(longest, first * 2 ^ (failures - free - 1))
	end
	if wait > 0 and now < at + wait then
		return {0, math.min(wait, at + wait - now), failures, counted}
	end
	counted, failures = counted + 1, failures + 1
	redis.call('HSET', key, 'counted', counted, 'cleared', cleared, 'at', math.max(at, now), 'by', id)
	redis.call('PEXPIRE', key, lifetime())
end
return {1, 0, failures, counted}
`)

// Reserve counts an attempt at what key names, and says whether it may be
// evaluated. On a fresh key that is Free+1 of any number of parallel attempts, and
// one for each wait that passes. Upper and lower case of the key are the same, and
// so are all forms of a character that a login takes for one.
func (t *Throttle) Reserve(ctx context.Context, kind, key string, l Limits) (Decision, error) {
	if err := l.check(); err != nil {
		return Decision{}, err
	}
	stored := redisKey(kind, key)
	reply, err := reserve.Run(ctx, t.client, []string{stored}, t.now().UnixMilli(), rand.Text(),
		l.Free, l.First.Milliseconds(), l.Longest.Milliseconds(),
		l.Tell, l.Hard, l.Forget.Milliseconds(), max(l.Forget, hardStopKept).Milliseconds()).Int64Slice()
	if err != nil {
		return Decision{}, unavailable("counting an attempt", err)
	}
	d := Decision{
		Allowed:    reply[0] == 1,
		RetryAfter: time.Duration(reply[1]) * time.Millisecond,
		Failures:   int(reply[2]),
		key:        stored,
		number:     reply[3],
	}
	d.Locked = d.Allowed && d.Failures == l.Tell
	return d, nil
}

// forget drops the attempts up to a number, however often it runs: those counted
// since are other attempts. A number not given out yet is from before Redis lost
// its data.
var forget = redis.NewScript(`
local record = redis.call('HMGET', KEYS[1], 'counted', 'cleared')
local number = tonumber(ARGV[1])
if record[1] and number <= tonumber(record[1]) and number > tonumber(record[2]) then
	redis.call('HSET', KEYS[1], 'cleared', number)
end
return 0
`)

// Succeed says that an attempt was right: it and the failures before it are
// forgotten, but not those counted since, which may still turn out wrong.
func (t *Throttle) Succeed(ctx context.Context, d Decision) error {
	if !d.Allowed {
		return nil
	}
	return t.forget(ctx, d.key, d.number)
}

// Reset forgets all failures of what key names, and lifts the hard stop: an
// administrator's release, or a password reset.
func (t *Throttle) Reset(ctx context.Context, kind, key string) error {
	stored := redisKey(kind, key)
	// Read first: a repeated "forget all" would forget attempts made in between.
	counted, err := t.client.HGet(ctx, stored, "counted").Int64()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return unavailable("reading failed attempts", err)
	}
	return t.forget(ctx, stored, counted)
}

func (t *Throttle) forget(ctx context.Context, key string, number int64) error {
	if err := forget.Run(ctx, t.client, []string{key}, number).Err(); err != nil {
		return unavailable("forgetting failed attempts", err)
	}
	return nil
}

// redisKey names a thing without telling it. It is folded as user names are, or
// each way to write one would have attempts of its own.
func redisKey(kind, key string) string {
	folded := strings.ToLower(norm.NFKC.String(strings.TrimSpace(key)))
	sum := sha256.Sum256([]byte(kind + "\x00" + folded))
	return "kontor:throttle:" + hex.EncodeToString(sum[:])
}

// unavailable keeps a failure of Redis apart from a refusal.
func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
