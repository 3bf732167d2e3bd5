package identity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/user"
	"kontor/internal/seal"
	"kontor/internal/session"
	"kontor/internal/throttle"
)

// A known device is one that its user has logged in from before. Its attempts to log in are counted by
// themselves, so that whoever guesses elsewhere cannot lock the user out there (AUTH-04). It proves nothing
// else: password and code are asked for as everywhere.

// deviceLifetime is how long a device is known after a login from it.
const deviceLifetime = 180 * 24 * time.Hour

// deviceLimits are those of passwords that are tried from a known device. Somebody may have stolen what it is known
// by: their guesses come on top of those from elsewhere, so there are fewer of them.
var deviceLimits = throttle.Limits{Free: 5, First: time.Second, Longest: 15 * time.Minute, Tell: 10, Hard: 30, Forget: 12 * time.Hour}

// devices makes and reads what devices are known by: signed, and good for one user only, until something
// ends the sessions of that user. It names nobody and opens nothing.
type devices struct {
	signer *seal.Signer
	now    func() time.Time
}

// issue is what a device is known by from now on.
func (d devices) issue(u *ent.User, device uuid.UUID) string {
	text := binary.BigEndian.AppendUint64(device[:], uint64(d.now().Unix()))
	return base64.RawURLEncoding.EncodeToString(d.signer.Sign(deviceOf(u), text))
}

// read is the device of this user that a token is about; uuid.Nil for whatever else was sent. For nobody
// it does the same work.
func (d devices) read(u *ent.User, token string) uuid.UUID {
	signed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return uuid.Nil
	}
	if u == nil {
		u = &ent.User{}
	}
	text, err := d.signer.Open(deviceOf(u), signed)
	if err != nil || len(text) != len(uuid.UUID{})+8 {
		return uuid.Nil
	}
	device, issued := uuid.UUID(text[:len(uuid.UUID{})]), int64(binary.BigEndian.Uint64(text[len(uuid.UUID{}):]))
	if u.ID == uuid.Nil || d.now().Sub(time.Unix(issued, 0)) >= deviceLifetime {
		return uuid.Nil
	}
	return device
}

// deviceOf is what signatures are about: a user, and since when its sessions count.
func deviceOf(u *ent.User) string {
	return u.ID.String() + " " + strconv.FormatInt(u.SessionsValidAfter.UnixMicro(), 10)
}

// mayLogIn tells whether the right password is enough: of a user that was locked for guesses, from a
// known device only.
func mayLogIn(u *ent.User, device uuid.UUID) bool {
	return u.Status == user.StatusACTIVE || u.Status == user.StatusLOCKED && device != uuid.Nil
}

// remember gives the client what its device is known by at the next login: a browser in a cookie, an app
// in the answer.
func (s *Service) remember(ctx context.Context, u *ent.User, device uuid.UUID, transport session.Transport) (*string, error) {
	if device == uuid.Nil {
		fresh, err := uuid.NewRandom()
		if err != nil {
			return nil, fmt.Errorf("naming a device: %w", err)
		}
		device = fresh
	}
	token := s.devices.issue(u, device)
	if transport == session.Bearer {
		return &token, nil
	}
	clientOf(ctx).SetKnownBy(token, s.Now().Add(deviceLifetime))
	return nil, nil
}

// stayKnown lets the viewer's browser be a known device still, after a change that made all of its devices
// unknown. An app becomes one with its next login.
func (s *Service) stayKnown(ctx context.Context, v *authz.Viewer) error {
	own, err := s.Sessions.Find(ctx, v.User, v.Session)
	if errors.Is(err, session.ErrNotFound) || err == nil && own.Transport != session.Cookie {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	_, err = s.remember(ctx, u, uuid.Nil, own.Transport)
	return err
}
