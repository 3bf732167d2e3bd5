package session

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// clock is a time that tests set; requests read it at the same time.
type clock struct{ offset atomic.Int64 }

var start = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// login starts a session that must start.
func login(t *testing.T, store *Store, userID uuid.UUID, transport Transport) (string, Session) {
	t.Helper()
	token, session, err := store.Create(t.Context(), Session{
		UserID: userID, TenantID: uuid.New(), Transport: transport, Device: "Firefox", IPAddress: "192.0.2.7",
	})
	if err != nil {
		t.Fatal(err)
	}
	return token, session
}

// wantEnded fails unless the token is worth nothing.
func wantEnded(t *testing.T, store *Store, token string) {
	t.Helper()
	if session, err := store.Get(t.Context(), token); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %+v, %v, want ErrNotFound", session, err)
	}
}

// wantLive fails unless the token gives a session.
func wantLive(t *testing.T, store *Store, token string) {
	t.Helper()
	if _, err := store.Get(t.Context(), token); err != nil {
		t.Errorf("Get: %v, want a session", err)
	}
}

// listed are the IDs of the user's sessions, in their order.
func listed(t *testing.T, store *Store, userID uuid.UUID) []string {
	t.Helper()
	sessions, err := store.List(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, session := range sessions {
		ids = append(ids, session.ID)
	}
	return ids
}

// Requirement: ID-01
// Requirement: ID-02
func TestSessionComesBackAsItWasCreated(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		store := NewStore(client, (&clock{}).now)
		user, tenant := uuid.New(), uuid.New()
		token, created, err := store.Create(t.Context(), Session{
			ID: "chosen by the caller", UserID: user, TenantID: tenant, Transport: Cookie,
			Device: strings.Repeat("\u00e4", 300), IPAddress: "2001:db8::1",
		})
		if err != nil {
			t.Fatal(err)
		}
		want := Session{
			ID: created.ID, UserID: user, TenantID: tenant, Transport: Cookie,
			Device: strings.Repeat("\u00e4", 200), IPAddress: "2001:db8::1",
			CreatedAt: start, LastSeenAt: start, ExpiresAt: start.Add(12 * time.Hour), IdleTimeout: 30 * time.Minute,
		}
		if created != want {
			t.Errorf("created is %+v, want %+v", created, want)
		}
		if id, err := uuid.Parse(created.ID); err != nil || id.Version() != 7 {
			t.Errorf("public ID %q is no UUIDv7", created.ID)
		}
		if len(token) != 43 {
			t.Errorf("the token has %d characters, want 43 for 32 bytes", len(token))
		}
		for name, read := range map[string]func(context.Context, string) (Session, error){"Get": store.Get, "Peek": store.Peek} {
			if got, err := read(t.Context(), token); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s = %+v, %v, want %+v", name, got, err, want)
			}
		}
		if got, err := store.List(t.Context(), user); err != nil || !slices.Equal(got, []Session{want}) {
			t.Errorf("List = %+v, %v, want %+v", got, err, want)
		}
		if got := listed(t, store, uuid.New()); len(got) != 0 {
			t.Errorf("another user sees %v", got)
		}
		if other, _ := login(t, store, user, Cookie); other == token {
			t.Error("two sessions have one token")
		}
	})
}

// Requirement: ID-21
func TestLifetimesOfTheCallerCount(t *testing.T) {
	t.Parallel()
	store := NewStore(open(t, ""), (&clock{}).now)
	who := Session{UserID: uuid.New(), TenantID: uuid.New(), Transport: Bearer, IdleTimeout: 15 * time.Minute, ExpiresAt: start.Add(8 * time.Hour)}
	_, created, err := store.Create(t.Context(), who)
	if err != nil || created.IdleTimeout != who.IdleTimeout || !created.ExpiresAt.Equal(who.ExpiresAt) {
		t.Errorf("created is %+v, %v, want idle %s, end %s", created, err, who.IdleTimeout, who.ExpiresAt)
	}
	for name, spoil := range map[string]func(*Session){
		"no user":           func(s *Session) { s.UserID = uuid.Nil },
		"no tenant":         func(s *Session) { s.TenantID = uuid.Nil },
		"unknown transport": func(s *Session) { s.Transport = "PIGEON" },
		"over already":      func(s *Session) { s.ExpiresAt = start },
	} {
		bad := who
		spoil(&bad)
		if token, _, err := store.Create(t.Context(), bad); err == nil || errors.Is(err, ErrUnavailable) || token != "" {
			t.Errorf("%s: token %q, %v, want a clear error", name, token, err)
		}
	}
}

// Requirement: ID-02
// Case: AUTH-16
func TestSessionEndsAtBothLimits(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		for transport, lifetimes := range map[Transport]Lifetimes{
			Cookie: {Idle: 30 * time.Minute, Absolute: 12 * time.Hour},
			Bearer: {Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour},
		} {
			// Left alone, it ends after the idle time.
			idle := &clock{}
			store, user := NewStore(client, idle.now), uuid.New()
			token, session := login(t, store, user, transport)
			idle.advance(lifetimes.Idle - time.Nanosecond)
			if _, err := store.Peek(t.Context(), token); err != nil {
				t.Errorf("%s just before the idle limit: %v", transport, err)
			}
			idle.advance(time.Nanosecond)
			wantEnded(t, store, token)
			if got := listed(t, store, user); len(got) != 0 {
				t.Errorf("%s: an idle session %s is listed: %v", transport, session.ID, got)
			}

			// Kept busy, it ends after the absolute time.
			busy := &clock{}
			store = NewStore(client, busy.now)
			token, session = login(t, store, uuid.New(), transport)
			step := lifetimes.Idle - time.Minute
			for busy.now().Add(step).Before(session.ExpiresAt) {
				busy.advance(step)
				wantLive(t, store, token)
			}
			busy.advance(session.ExpiresAt.Sub(busy.now()) - time.Nanosecond)
			wantLive(t, store, token)
			busy.advance(time.Nanosecond)
			wantEnded(t, store, token)
		}
	})
}

// Case: AUTH-16
func TestPeekDoesNotKeepASessionAlive(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store := NewStore(client, clock.now)
		token, _ := login(t, store, uuid.New(), Cookie)
		for range 29 {
			clock.advance(time.Minute)
			if _, err := store.Peek(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		clock.advance(time.Minute)
		wantEnded(t, store, token)
	})
}

// Requirement: ID-02
func TestUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock, commands := &clock{}, &commandCount{}
		client.AddHook(commands)
		store := NewStore(client, clock.now)
		token, _ := login(t, store, uuid.New(), Cookie)
		for _, step := range []struct {
			after    time.Duration
			seen     time.Time
			commands int64
		}{
			{0, start, 1},
			{59 * time.Second, start, 1},
			{time.Second, start.Add(time.Minute), 2},
			{59 * time.Second, start.Add(time.Minute), 1},
			{10 * time.Minute, start.Add(11*time.Minute + 59*time.Second), 2},
		} {
			clock.advance(step.after)
			commands.count.Store(0)
			session, err := store.Get(t.Context(), token)
			if err != nil || !session.LastSeenAt.Equal(step.seen) {
				t.Errorf("at %s: last seen %s, %v, want %s", clock.now(), session.LastSeenAt, err, step.seen)
			}
			if got := commands.count.Load(); got != step.commands {
				t.Errorf("at %s: Get asked Redis %d times, want %d", clock.now(), got, step.commands)
			}
		}
	})
}

// commandCount counts the commands that go to Redis.
type commandCount struct{ count atomic.Int64 }

func (c *commandCount) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (c *commandCount) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		c.count.Add(1)
		return next(ctx, command)
	}
}

func (c *commandCount) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		c.count.Add(1)
		return next(ctx, commands)
	}
}

// Redis must forget sessions by itself, or it fills up.
func TestKeysExpireInRedis(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		token, _ := login(t, store, user, Bearer)
		hash, _ := hashToken(token)
		wantTTL(t, client, sessionKey(hash), 14*24*time.Hour)
		wantTTL(t, client, indexKey(user), 30*24*time.Hour)

		short, _ := login(t, store, user, Cookie)
		hash, _ = hashToken(short)
		wantTTL(t, client, sessionKey(hash), 30*time.Minute)
		wantTTL(t, client, indexKey(user), 30*24*time.Hour)

		// Kept busy until 20 minutes before its absolute end.
		for range 28 {
			clock.advance(25 * time.Minute)
			wantLive(t, store, short)
		}
		wantTTL(t, client, sessionKey(hash), 20*time.Minute)
	})
}

// wantTTL allows for the second that a slow machine may take.
func wantTTL(t *testing.T, client redis.UniversalClient, key string, want time.Duration) {
	t.Helper()
	got, err := client.PTTL(t.Context(), key).Result()
	if err != nil || got > want+time.Second || got < want-10*time.Second {
		t.Errorf("%s expires in %s, %v, want %s", key, got, err, want)
	}
}

// Requirement: ID-02
// Case: AUTH-09
func TestEndingSessions(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		here, there := NewStore(client, clock.now), NewStore(client, clock.now)
		user, stranger := uuid.New(), uuid.New()
		var tokens, ids []string
		for range 5 {
			token, session := login(t, here, user, Bearer)
			tokens, ids = append(tokens, token), append(ids, session.ID)
			clock.advance(time.Second)
		}
		foreign, foreignSession := login(t, here, stranger, Cookie)

		if err := here.EndToken(t.Context(), tokens[0]); err != nil {
			t.Fatal(err)
		}
		wantEnded(t, there, tokens[0])
		if err := here.EndToken(t.Context(), tokens[0]); err != nil {
			t.Errorf("logging out twice: %v", err)
		}
		if got, want := listed(t, there, user), []string{ids[4], ids[3], ids[2], ids[1]}; !slices.Equal(got, want) {
			t.Errorf("after logout %v are listed, want %v", got, want)
		}

		ended, err := here.End(t.Context(), user, ids[0], ids[1], foreignSession.ID, "unknown")
		if err != nil || ended != 1 {
			t.Errorf("End = %d, %v, want the one of the user's own that was live", ended, err)
		}
		wantEnded(t, there, tokens[1])
		wantLive(t, there, foreign)

		if ended, err := here.EndAll(t.Context(), user, ids[3]); err != nil || ended != 2 {
			t.Errorf("EndAll but one = %d, %v, want 2", ended, err)
		}
		wantEnded(t, there, tokens[2])
		wantLive(t, there, tokens[3])
		wantEnded(t, there, tokens[4])

		if ended, err := here.EndAll(t.Context(), user, ""); err != nil || ended != 1 {
			t.Errorf("EndAll = %d, %v, want 1", ended, err)
		}
		wantEnded(t, there, tokens[3])
		if left := client.Exists(t.Context(), indexKey(user)).Val(); left != 0 {
			t.Error("the user's index is not empty")
		}
		wantLive(t, there, foreign)
	})
}

// Requirement: ID-02
func TestTheOldestEndsBeyondTen(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		var tokens []string
		for range 10 {
			token, _ := login(t, store, user, Bearer)
			tokens = append(tokens, token)
			clock.advance(time.Hour)
		}
		for _, token := range tokens {
			wantLive(t, store, token)
		}
		// The first has just been used; it is the oldest all the same.
		token, _ := login(t, store, user, Bearer)
		wantEnded(t, store, tokens[0])
		for _, token := range append(tokens[1:], token) {
			wantLive(t, store, token)
		}
		if got := len(listed(t, store, user)); got != 10 {
			t.Errorf("%d sessions, want 10", got)
		}
	})
}

// Requirement: ID-02
func TestSessionsThatRanOutDoNotCountAndAreClearedAway(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		store, user := NewStore(client, (&clock{}).now), uuid.New()
		kept, _ := login(t, store, user, Bearer)
		for range 9 {
			token, _ := login(t, store, user, Cookie)
			hash, _ := hashToken(token)
			// As if Redis had let them expire: the index does not notice.
			if err := client.Del(t.Context(), sessionKey(hash)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		login(t, store, user, Cookie)
		wantLive(t, store, kept)
		if entries := client.HLen(t.Context(), indexKey(user)).Val(); entries != 2 {
			t.Errorf("%d entries are left in the index, want 2", entries)
		}
	})
}
