package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/token"
)

// Case: CONC-10
// Case: AUTH-09
func TestNotingTheUseNeverRevivesAnEndedSession(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		for round := range 1000 {
			token, session := login(t, store, user, Bearer)
			clock.advance(2 * time.Minute)
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := store.Get(t.Context(), token); err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("round %d: %v", round, err)
				}
			})
			both.Go(func() {
				var err error
				if round%2 == 0 {
					err = store.EndToken(t.Context(), token)
				} else {
					_, err = store.End(t.Context(), user, session.ID)
				}
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
			both.Wait()
			wantEnded(t, store, token)
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		}
	})
}

// Case: AUTH-15
// Case: INV-7
func TestADumpOfRedisLogsNobodyIn(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		token, _ := login(t, store, user, Bearer)
		clock.advance(time.Hour)
		wantLive(t, store, token)

		dump := dumpRedis(t, client)
		if len(dump) < 5 {
			t.Fatalf("the dump holds %d texts only: %v", len(dump), dump)
		}
		for _, stored := range dump {
			if strings.Contains(stored, token) {
				t.Errorf("Redis holds the token: %s", stored)
			}
			for _, attempt := range []string{stored, strings.TrimPrefix(stored, "kontor:session:")} {
				wantEnded(t, store, attempt)
			}
		}
	})
}

// dumpRedis is every key and every value in Redis.
func dumpRedis(t *testing.T, client redis.UniversalClient) []string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	dump := slices.Clone(keys)
	for _, key := range keys {
		switch kind := client.Type(t.Context(), key).Val(); kind {
		case "string":
			dump = append(dump, client.Get(t.Context(), key).Val())
		case "hash":
			for field, value := range client.HGetAll(t.Context(), key).Val() {
				dump = append(dump, field, value)
			}
		default:
			t.Fatalf("key %s is a %s, which this dump cannot read", key, kind)
		}
	}
	return dump
}

// Requirement: ID-02
func TestRedisBeingDownIsNotTheSameAsLoggedOut(t *testing.T) {
	t.Parallel()
	store := NewStore(open(t, "redis://127.0.0.1:1"), (&clock{}).now)
	user := uuid.New()
	token, _, err := token.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	_, getErr := store.Get(t.Context(), token)
	_, listErr := store.List(t.Context(), user)
	_, endErr := store.End(t.Context(), user, "id")
	_, endAllErr := store.EndAll(t.Context(), user, "")
	created, _, createErr := store.Create(t.Context(), Session{UserID: user, TenantID: uuid.New(), Transport: Cookie})
	if created != "" {
		t.Error("a token was given out for a session that is not stored")
	}
	for name, err := range map[string]error{
		"Get": getErr, "List": listErr, "End": endErr, "EndAll": endAllErr, "Create": createErr,
		"EndToken": store.EndToken(t.Context(), token),
	} {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	// No Redis is asked for what cannot be a token.
	for _, malformed := range []string{"", "x", token + "A", token[:42], token[:42] + "!", strings.Repeat("\n", 43), token[:42] + "B", fmt.Sprintf("%043d", 1)} {
		wantEnded(t, store, malformed)
		if err := store.EndToken(t.Context(), malformed); err != nil {
			t.Errorf("EndToken(%q): %v", malformed, err)
		}
	}
}

// A session that gets another token while all are ended is over under both.
//
// Case: CONC-10
// Case: AUTH-08
func TestNoTokenSurvivesTheEndOfAll(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		for round := range 500 {
			old, session := login(t, store, user, Cookie)
			var fresh string
			var both sync.WaitGroup
			both.Go(func() {
				var err error
				if fresh, _, err = store.Rotate(t.Context(), user, session.ID); err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("round %d: %v", round, err)
				}
			})
			both.Go(func() {
				if ended, err := store.EndAll(t.Context(), user, ""); err != nil || ended > 1 {
					t.Errorf("round %d: ended %d, %v", round, ended, err)
				}
			})
			both.Wait()
			wantEnded(t, store, old)
			if fresh != "" {
				wantEnded(t, store, fresh)
			}
			if left := listed(t, store, user); len(left) > 0 || t.Failed() {
				t.Fatalf("round %d: %v are left", round, left)
			}
		}
	})
}

// Whoever looks at the list while a session gets another token takes it away from
// nobody: it is listed, and can be ended.
//
// Case: CONC-10
func TestListingNeverLosesASession(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		clock := &clock{}
		store, user := NewStore(client, clock.now), uuid.New()
		for round := range 500 {
			_, session := login(t, store, user, Cookie)
			var fresh string
			var both sync.WaitGroup
			both.Go(func() {
				var err error
				if fresh, _, err = store.Rotate(t.Context(), user, session.ID); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
			both.Go(func() {
				if seen := listed(t, store, user); !slices.Equal(seen, []string{session.ID}) {
					t.Errorf("round %d: %v are listed meanwhile", round, seen)
				}
			})
			both.Wait()
			wantLive(t, store, fresh)
			if ended, err := store.EndAll(t.Context(), user, ""); err != nil || ended != 1 {
				t.Errorf("round %d: ended %d, %v", round, ended, err)
			}
			wantEnded(t, store, fresh)
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		}
	})
}
