package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/db"
	"kontor/internal/fault"
	"kontor/internal/gid"
	"kontor/internal/live"
	"kontor/internal/session"
)

// KindSession is the kind of sessions in global IDs.
const KindSession = "ses"

// EndSessionsInput is which sessions of the viewer to end.
type EndSessionsInput struct {
	Ids       []gid.ID
	AllOthers *bool
}

// OwnSessions are the viewer's sessions, the last used first (ID-02).
func (s *Service) OwnSessions(ctx context.Context) ([]session.Session, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Sessions.List(ctx, v.User)
	if err != nil {
		return nil, unavailable(err)
	}
	return all, nil
}

// OwnSession is the session of this request, or fault.ErrUnauthenticated where it ended
// while it was asked about.
func (s *Service) OwnSession(ctx context.Context) (session.Session, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return session.Session{}, err
	}
	own, err := s.Sessions.Find(ctx, v.User, v.Session)
	if errors.Is(err, session.ErrNotFound) {
		return own, fault.ErrUnauthenticated
	}
	if err != nil {
		return own, unavailable(err)
	}
	return own, nil
}

// EndSessions ends sessions of the viewer, and gives those that go on (ID-02).
func (s *Service) EndSessions(ctx context.Context, in EndSessionsInput) ([]session.Session, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if in.AllOthers != nil && *in.AllOthers {
		if err := s.cutOff(ctx, v); err != nil {
			return nil, err
		}
		ended, err := s.Sessions.EndAll(ctx, v.User, v.Session)
		if err != nil {
			return nil, unavailable(err)
		}
		if err := s.noteEnd(ctx, v, ended); err != nil {
			return nil, err
		}
		return s.OwnSessions(ctx)
	}
	if len(in.Ids) == 0 {
		return nil, fault.New("VALUE_REQUIRED", "ids")
	}
	ids := make([]string, 0, len(in.Ids))
	for _, id := range in.Ids {
		if key := id.Of(KindSession); key != uuid.Nil {
			ids = append(ids, key.String())
		}
	}
	ended, err := s.Sessions.End(ctx, v.User, ids...)
	if err != nil {
		return nil, unavailable(err)
	}
	if ended == 0 {
		return nil, fault.New("SESSION_UNKNOWN", "ids")
	}
	if err := s.noteEnd(ctx, v, ended); err != nil {
		return nil, err
	}
	return s.OwnSessions(ctx)
}

// cutOff ends in the database what else there is of the viewer: its other sessions, logins that are
// under way, and what its devices are known by.
func (s *Service) cutOff(ctx context.Context, v *authz.Viewer) error {
	system := authz.System(ctx)
	_, err := db.InTx(system, s.DB, func(tx *ent.Tx) (struct{}, error) {
		return struct{}{}, tx.User.UpdateOneID(v.User).SetSessionsValidAfter(s.moment()).SetSurvivingSession(v.Session).Exec(system)
	})
	if err != nil {
		return fmt.Errorf("ending what else there is of a user: %w", err)
	}
	return s.stayKnown(ctx, v)
}

// stayAlone ends all sessions of the viewer but its own, after a change of privilege.
// The database has cut them off already; this frees what Redis keeps.
func (s *Service) stayAlone(ctx context.Context, v *authz.Viewer) error {
	if _, err := s.Sessions.EndAll(ctx, v.User, v.Session); err != nil {
		return unavailable(err)
	}
	if err := s.stayKnown(ctx, v); err != nil {
		return err
	}
	return s.renew(ctx, v)
}

// endFormer ends the session that a client had when it logged in anew: its token is
// replaced, and must be worth nothing to whoever has seen it (AUTH-08).
func (s *Service) endFormer(ctx context.Context) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil // nobody was logged in
	}
	if _, err := s.Sessions.End(ctx, v.User, v.Session); err != nil {
		return unavailable(err)
	}
	return nil
}

// Renewed is the token that an app goes on with, where it got another one.
type Renewed struct{ Token *string }

type renewedKey struct{}

// Renewing says that an app takes another token with the answer. Without it an app keeps the one it has: one
// that it does not read would log it out.
func Renewing(ctx context.Context, renewed *Renewed) context.Context {
	return context.WithValue(ctx, renewedKey{}, renewed)
}

// renew gives a client another token for its session, after a change of privilege (AUTH-08): a browser, and an app that
// takes one.
func (s *Service) renew(ctx context.Context, v *authz.Viewer) error {
	renewed, takes := ctx.Value(renewedKey{}).(*Renewed)
	own, err := s.Sessions.Find(ctx, v.User, v.Session)
	if err == nil && own.Transport == session.Bearer && !takes {
		return nil
	}
	var fresh string
	if err == nil {
		fresh, own, err = s.Sessions.Rotate(ctx, v.User, v.Session)
	}
	if errors.Is(err, session.ErrNotFound) {
		return nil // it ended meanwhile
	}
	if err != nil {
		return unavailable(err)
	}
	if own.Transport == session.Bearer {
		renewed.Token = &fresh
	} else {
		clientOf(ctx).SetCookie(fresh, own.ExpiresAt)
	}
	// Whoever listens by the old token hears no more.
	s.Live.Tell(ctx, live.News{Kind: live.Session, User: v.User, Session: v.Session})
	return nil
}

// SessionID is the global ID of a session.
func SessionID(of session.Session) gid.ID {
	key, err := uuid.Parse(of.ID)
	if err != nil {
		return ""
	}
	return gid.New(KindSession, key)
}
