package session

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// indexKey is the hash that lists a user's sessions: the public ID of each, and under
// which token it is kept.
func indexKey(userID uuid.UUID) string { return "kontor:sessions:" + userID.String() }

// addToIndex adds a session to its user's index, which lives as long as the
// longest of them, and returns how many entries there are.
var addToIndex = redis.NewScript(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HLEN', KEYS[1])
`)

// moveInIndex gives a session that is still listed under one token another one.
var moveInIndex = redis.NewScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
	return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`)

// takeFromIndex takes ended sessions out of the index, and returns those that are
// listed under another token by now.
var takeFromIndex = redis.NewScript(`
local moved = {}
for i = 1, #ARGV, 2 do
	local now = redis.call('HGET', KEYS[1], ARGV[i])
	if now == ARGV[i + 1] then
		redis.call('HDEL', KEYS[1], ARGV[i])
	elseif now then
		moved[#moved + 1] = ARGV[i]
		moved[#moved + 1] = now
	end
end
return moved
`)

// read gives the live sessions of an index, and the entries whose sessions are gone.
func (s *Store) read(ctx context.Context, index map[string]string) (live []Session, gone map[string]string, err error) {
	replies := make(map[string]*redis.StringCmd, len(index))
	pipe := s.client.Pipeline()
	for id, hash := range index {
		replies[id] = pipe.Get(ctx, sessionKey(hash))
	}
	// The pipeline's own error is the first of its replies', which are looked at
	// one by one: a missing session is no failure.
	_, _ = pipe.Exec(ctx)

	gone = map[string]string{}
	for id, reply := range replies {
		value, err := reply.Result()
		if errors.Is(err, redis.Nil) {
			gone[id] = index[id]
			continue
		}
		if err != nil {
			return nil, nil, unavailable("listing sessions", err)
		}
		session, err := decode(value)
		if err != nil {
			return nil, nil, err
		}
		if s.now().Before(session.endsAt()) {
			live = append(live, session)
		}
	}
	return live, gone, nil
}

// unlist takes ended sessions out of the user's index, and gives those that are listed
// under another token by now.
func (s *Store) unlist(ctx context.Context, userID uuid.UUID, ended map[string]string) (moved map[string]string, err error) {
	if len(ended) == 0 {
		return nil, nil
	}
	arguments := make([]any, 0, 2*len(ended))
	for id, hash := range ended {
		arguments = append(arguments, id, hash)
	}
	pairs, err := takeFromIndex.Run(ctx, s.client, []string{indexKey(userID)}, arguments...).StringSlice()
	if err != nil {
		return nil, unavailable("clearing ended sessions", err)
	}
	moved = make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		moved[pairs[i]] = pairs[i+1]
	}
	return moved, nil
}
