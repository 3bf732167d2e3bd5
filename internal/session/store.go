package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"kontor/internal/token"
)

var (
	// ErrNotFound is returned for a token without a session: unknown, malformed,
	// ended, idle for too long or past its end. The caller cannot tell which.
	ErrNotFound = errors.New("no such session")
	// ErrUnavailable is returned when Redis cannot be asked. It must never be
	// read as "not logged in".
	ErrUnavailable = errors.New("sessions are unavailable")
)

// Store keeps sessions in Redis. The key of a session is the SHA-256 of its
// token, so that a dump of Redis logs nobody in (AUTH-15); a hash for each user
// lists the sessions by their public IDs. Every command has one key, so it works
// on a cluster.
//
// A login that is under way while EndAll runs may survive it: whoever deactivates
// a user must make that visible to logins first.
type Store struct {
	client redis.UniversalClient
	now    func() time.Time
	begun  func()
	ended  func(ctx context.Context, userID uuid.UUID, sessionID string)
}

// NewStore keeps sessions through this client, by this clock.
func NewStore(client redis.UniversalClient, now func() time.Time) *Store {
	return &Store{client: client, now: now, begun: func() {}, ended: func(context.Context, uuid.UUID, string) {}}
}

// WhenBegun has this called for each session that begins.
func (s *Store) WhenBegun(tell func()) { s.begun = tell }

// WhenEnded has this called for each session that is ended before its time: for what
// goes on in it.
func (s *Store) WhenEnded(tell func(ctx context.Context, userID uuid.UUID, sessionID string)) {
	s.ended = tell
}

func sessionKey(tokenHash string) string { return "kontor:session:" + tokenHash }

// Create starts a session and returns its token, which is not kept anywhere. The
// caller fills in user, tenant, transport, device and address, and IdleTimeout and
// ExpiresAt unless the defaults will do. The user's oldest sessions beyond
// MaxPerUser end.
func (s *Store) Create(ctx context.Context, session Session) (string, Session, error) {
	session, err := session.begin(s.now())
	if err != nil {
		return "", Session{}, err
	}
	token, hash, err := token.NewLink()
	if err != nil {
		return "", Session{}, err
	}
	value, err := session.encode()
	if err != nil {
		return "", Session{}, err
	}
	// The session comes before its index entry: an entry without a session is
	// always one that ended, and may be cleared away by anyone who meets it.
	if err := s.client.Set(ctx, sessionKey(hash), value, s.timeToLive(session)).Err(); err != nil {
		return "", Session{}, unavailable("starting a session", err)
	}
	if err := s.register(ctx, session, hash); err != nil {
		// Nobody learns the token; the key only takes up room until it expires.
		_ = s.client.Del(context.WithoutCancel(ctx), sessionKey(hash)).Err()
		return "", Session{}, err
	}
	s.begun()
	return token, session, nil
}

// register lists a new session in its user's index and ends the oldest ones
// beyond MaxPerUser.
func (s *Store) register(ctx context.Context, session Session, hash string) error {
	index := indexKey(session.UserID)
	milliseconds := session.ExpiresAt.Sub(s.now()).Milliseconds() + 1
	count, err := addToIndex.Run(ctx, s.client, []string{index}, session.ID, hash, milliseconds).Int()
	if err != nil {
		return unavailable("listing a new session", err)
	}
	if count <= MaxPerUser {
		return nil
	}
	live, err := s.List(ctx, session.UserID)
	if err != nil || len(live) <= MaxPerUser {
		return err
	}
	slices.SortFunc(live, func(a, b Session) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	var oldest []string
	for _, old := range live[MaxPerUser:] {
		oldest = append(oldest, old.ID)
	}
	_, err = s.End(ctx, session.UserID, oldest...)
	return err
}

// Get returns the session of a token and notes its use, at most once a minute. It
// fails with ErrNotFound or ErrUnavailable. It asks Redis once, and once more in
// the minutes in which the use is noted; not at all for a malformed token.
func (s *Store) Get(ctx context.Context, token string) (Session, error) {
	session, err := s.Peek(ctx, token)
	if err != nil || s.now().Sub(session.LastSeenAt) < session.touchEvery() {
		return session, err
	}
	session.LastSeenAt = s.now().UTC().Round(0)
	value, err := session.encode()
	if err != nil {
		return Session{}, err
	}
	hash, _ := hashToken(token)
	// XX: a session that has ended since it was read must not come back (CONC-10).
	found, err := s.client.SetXX(ctx, sessionKey(hash), value, s.timeToLive(session)).Result()
	switch {
	case err != nil:
		return Session{}, unavailable("noting the use of a session", err)
	case !found:
		return Session{}, ErrNotFound
	}
	return session, nil
}

// Rotate gives a session another token, which it returns; the one so far no longer
// works. It is for a change of privilege, after which a token that somebody may have
// seen must be worth nothing (AUTH-08).
func (s *Store) Rotate(ctx context.Context, userID uuid.UUID, sessionID string) (string, Session, error) {
	old, err := s.client.HGet(ctx, indexKey(userID), sessionID).Result()
	if errors.Is(err, redis.Nil) {
		return "", Session{}, ErrNotFound
	}
	if err != nil {
		return "", Session{}, unavailable("finding a session", err)
	}
	value, err := s.client.Get(ctx, sessionKey(old)).Result()
	if errors.Is(err, redis.Nil) {
		return "", Session{}, ErrNotFound
	}
	if err != nil {
		return "", Session{}, unavailable("reading a session", err)
	}
	session, err := decode(value)
	if err != nil {
		return "", Session{}, err
	}
	fresh, hash, err := token.NewLink()
	if err != nil {
		return "", Session{}, fmt.Errorf("making a session token: %w", err)
	}
	if err := s.client.Set(ctx, sessionKey(hash), value, s.timeToLive(session)).Err(); err != nil {
		return "", Session{}, unavailable("rotating a session", err)
	}
	moved, err := moveInIndex.Run(ctx, s.client, []string{indexKey(userID)}, sessionID, old, hash).Int()
	if err != nil || moved == 0 {
		// Nobody learns the token; and a session that ended meanwhile stays ended.
		_ = s.client.Del(context.WithoutCancel(ctx), sessionKey(hash)).Err()
	}
	if err != nil {
		return "", Session{}, unavailable("rotating a session", err)
	}
	if moved == 0 {
		return "", Session{}, ErrNotFound
	}
	if err := s.client.Del(ctx, sessionKey(old)).Err(); err != nil {
		return "", Session{}, unavailable("ending a token", err)
	}
	return fresh, session, nil
}

// Peek is Get without noting the use: for requests that a client sends by itself,
// which must not keep a session alive (AUTH-16).
func (s *Store) Peek(ctx context.Context, token string) (Session, error) {
	hash, wellFormed := hashToken(token)
	if !wellFormed {
		return Session{}, ErrNotFound
	}
	return s.peek(ctx, hash)
}

func (s *Store) peek(ctx context.Context, hash string) (Session, error) {
	value, err := s.client.Get(ctx, sessionKey(hash)).Result()
	if errors.Is(err, redis.Nil) {
		return Session{}, ErrNotFound
	}
	if err != nil {
		return Session{}, unavailable("reading a session", err)
	}
	session, err := decode(value)
	if err != nil {
		return Session{}, err
	}
	// Redis forgets keys by its own clock, so the stored times decide.
	if !s.now().Before(session.endsAt()) {
		return Session{}, ErrNotFound
	}
	return session, nil
}

// List returns the user's live sessions, the last used first (ID-02).
func (s *Store) List(ctx context.Context, userID uuid.UUID) ([]Session, error) {
	index, err := s.client.HGetAll(ctx, indexKey(userID)).Result()
	if err != nil {
		return nil, unavailable("listing sessions", err)
	}
	var live []Session
	for len(index) > 0 {
		found, gone, err := s.read(ctx, index)
		if err != nil {
			return nil, err
		}
		live = append(live, found...)
		// What got another token since the index was read is read again.
		if index, err = s.unlist(ctx, userID, gone); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(live, func(a, b Session) int {
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), cmp.Compare(b.ID, a.ID))
	})
	return live, nil
}

// End ends the user's sessions with these public IDs and returns how many there
// were. IDs of other users' sessions and of ended ones are passed over.
func (s *Store) End(ctx context.Context, userID uuid.UUID, ids ...string) (int, error) {
	index, err := s.client.HGetAll(ctx, indexKey(userID)).Result()
	if err != nil {
		return 0, unavailable("ending sessions", err)
	}
	chosen := make(map[string]string, len(ids))
	for _, id := range ids {
		if hash, listed := index[id]; listed {
			chosen[id] = hash
		}
	}
	return s.end(ctx, userID, chosen)
}

// EndAll ends all of the user's sessions but the one with the public ID exceptID
// (empty: all) and returns how many there were.
func (s *Store) EndAll(ctx context.Context, userID uuid.UUID, exceptID string) (int, error) {
	index, err := s.client.HGetAll(ctx, indexKey(userID)).Result()
	if err != nil {
		return 0, unavailable("ending sessions", err)
	}
	delete(index, exceptID)
	return s.end(ctx, userID, index)
}

// end removes sessions, and then their entries in the index: should it fail half
// way, the rest is still listed and can be ended by trying again. One that gets another
// token meanwhile ends under that one, too (CONC-10).
func (s *Store) end(ctx context.Context, userID uuid.UUID, hashes map[string]string) (int, error) {
	ended := map[string]bool{}
	for len(hashes) > 0 {
		replies := make(map[string]*redis.IntCmd, len(hashes))
		pipe := s.client.Pipeline()
		for id, hash := range hashes {
			replies[id] = pipe.Del(ctx, sessionKey(hash))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return 0, unavailable("ending sessions", err)
		}
		for id, reply := range replies {
			if reply.Val() > 0 && !ended[id] {
				ended[id] = true
				s.ended(ctx, userID, id)
			}
		}
		var err error
		if hashes, err = s.unlist(ctx, userID, hashes); err != nil {
			return 0, err
		}
	}
	return len(ended), nil
}

// EndToken ends the session of a token (logout). One that has ended already is
// no error.
func (s *Store) EndToken(ctx context.Context, token string) error {
	hash, wellFormed := hashToken(token)
	if !wellFormed {
		return nil
	}
	value, err := s.client.GetDel(ctx, sessionKey(hash)).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return unavailable("ending a session", err)
	}
	session, err := decode(value)
	if err != nil {
		return err
	}
	s.ended(ctx, session.UserID, session.ID)
	_, err = s.end(ctx, session.UserID, map[string]string{session.ID: hash})
	return err
}

// Find returns the user's session with this public ID, without noting its use: for what
// goes on in a session by itself (AUTH-16). It fails with ErrNotFound or ErrUnavailable.
func (s *Store) Find(ctx context.Context, userID uuid.UUID, sessionID string) (Session, error) {
	hash, err := s.client.HGet(ctx, indexKey(userID), sessionID).Result()
	if errors.Is(err, redis.Nil) {
		return Session{}, ErrNotFound
	}
	if err != nil {
		return Session{}, unavailable("finding a session", err)
	}
	return s.peek(ctx, hash)
}

// timeToLive is how long Redis keeps a session that is not used again. Zero would
// mean for ever, hence the millisecond.
func (s *Store) timeToLive(session Session) time.Duration {
	return max(session.endsAt().Sub(s.now()), time.Millisecond)
}

// unavailable keeps a failure of Redis apart from "no such session".
func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
