package centre

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/redis/go-redis/v9"
	"golang.org/x/oauth2"

	"kontor/authz"
	"kontor/internal/token"
)

// loginLifetime is how long somebody may take to log in at the customer centre.
const loginLifetime = 10 * time.Minute

// pending is a login that began here and is under way there.
type pending struct {
	Nonce, Verifier string
	Until           time.Time
}

// pendingKey is where a login under way is kept. The session is part of it: whoever comes
// with the state of another session finds nothing, and takes nothing away.
func pendingKey(v *authz.Viewer, stateHash string) string {
	return "kontor:centre:" + v.User.String() + ":" + v.Session + ":" + stateHash
}

func pendingPurpose(v *authz.Viewer, stateHash string) string {
	return "customer centre login " + pendingKey(v, stateHash)
}

// Begin starts a login and gives the address at the customer centre to go to.
func (c *Client) Begin(ctx context.Context, v *authz.Viewer) (string, error) {
	d, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	state, hash, err := token.NewLink()
	if err != nil {
		return "", fmt.Errorf("making a state: %w", err)
	}
	nonce, _, err := token.NewLink()
	if err != nil {
		return "", fmt.Errorf("making a nonce: %w", err)
	}
	p := pending{Nonce: nonce, Verifier: oauth2.GenerateVerifier(), Until: c.now().UTC().Round(0).Add(loginLifetime)}
	plain, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("writing a login down: %w", err)
	}
	sealed, err := c.sealer.Seal(pendingPurpose(v, hash), plain)
	if err != nil {
		return "", fmt.Errorf("sealing a login: %w", err)
	}
	if err := c.redis.Set(ctx, pendingKey(v, hash), sealed, loginLifetime).Err(); err != nil {
		return "", fmt.Errorf("%w: keeping a login: %w", ErrStore, err)
	}
	return d.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(p.Verifier)), nil
}

// Finish ends a login that the same session of the same user began, and tells who it is
// there. Once the customer centre can be asked it works once, whatever comes of it. issuer is
// what the answer in the browser names as such, or empty.
func (c *Client) Finish(ctx context.Context, v *authz.Viewer, code, state, issuer string) (Identity, error) {
	d, err := c.provider(ctx)
	if err != nil {
		return Identity{}, err
	}
	p, err := c.take(ctx, v, state)
	if err != nil {
		return Identity{}, err
	}
	if issuer != c.settings.Issuer && (issuer != "" || d.namesIssuer) {
		return Identity{}, fmt.Errorf("%w: it comes from another issuer", ErrUntrusted)
	}
	answer, err := d.oauth.Exchange(oidc.ClientContext(ctx, c.http), code, oauth2.VerifierOption(p.Verifier))
	if err != nil {
		return Identity{}, refusal("exchanging a code", err)
	}
	return c.identity(ctx, d, answer, p.Nonce)
}

// take is the login under way with this state, which is gone with that.
func (c *Client) take(ctx context.Context, v *authz.Viewer, state string) (pending, error) {
	var p pending
	hash, wellFormed := token.HashLink(state)
	if !wellFormed {
		return p, ErrUnknownLogin
	}
	sealed, err := c.redis.GetDel(ctx, pendingKey(v, hash)).Result()
	if errors.Is(err, redis.Nil) {
		return p, ErrUnknownLogin
	}
	if err != nil {
		return p, fmt.Errorf("%w: finding a login: %w", ErrStore, err)
	}
	plain, err := c.sealer.Open(pendingPurpose(v, hash), sealed)
	if err != nil {
		return p, fmt.Errorf("%w: opening it: %w", ErrUnknownLogin, err)
	}
	if err := json.Unmarshal(plain, &p); err != nil {
		return p, fmt.Errorf("reading a login: %w", err)
	}
	// Redis forgets by its own clock, so the time that was written down decides.
	if !c.now().Before(p.Until) {
		return p, ErrUnknownLogin
	}
	return p, nil
}
