package centre

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/redis/go-redis/v9"
	"golang.org/x/oauth2"

	"kontor/internal/seal"
)

// discoveredFor is how long the discovery document is believed.
const discoveredFor = time.Hour

// Client is Kontor at the customer centre. It is safe for concurrent use.
type Client struct {
	settings Settings
	redis    redis.UniversalClient
	sealer   *seal.Sealer
	now      func() time.Time

	http  *http.Client
	fence *fenced
	// found is what discovery gave, or nil: the customer centre may be down when Kontor
	// starts, and is asked when it is needed.
	found atomic.Pointer[discovered]
}

// discovered is what the customer centre says about itself.
type discovered struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	// namesIssuer is whether answers in the browser must name the issuer (RFC 9207).
	namesIssuer bool
	until       time.Time
}

// New is a client with these settings, by this clock; without an issuer every use of it
// is ErrNotConfigured. Logins under way are kept in Redis, sealed. It asks nobody yet.
func New(s Settings, r redis.UniversalClient, sealer *seal.Sealer, now func() time.Time) (*Client, error) {
	c := &Client{settings: s, redis: r, sealer: sealer, now: now}
	if s.Issuer == "" {
		return c, nil
	}
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return nil, fmt.Errorf("reading the issuer of the customer centre: %w", err)
	}
	c.http, c.fence = newClient(issuer, strings.TrimSuffix(issuer.String(), "/")+"/.well-known/openid-configuration")
	return c, nil
}

// provider is what the customer centre says about itself: as it said within the last
// hour, or asked now.
func (c *Client) provider(ctx context.Context) (*discovered, error) {
	if c.settings.Issuer == "" {
		return nil, ErrNotConfigured
	}
	if d := c.found.Load(); d != nil && c.now().Before(d.until) {
		return d, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: discovering it: %w", ErrUnavailable, err)
	}
	var says struct {
		KeysURL     string   `json:"jwks_uri"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&says); err != nil {
		return nil, fmt.Errorf("%w: reading what it says about itself: %w", ErrUnavailable, err)
	}
	endpoint := p.Endpoint()
	_, err = c.fence.check(endpoint.AuthURL) // for the browser: nothing is sent there from here
	if err := errors.Join(err, c.fence.allow(endpoint.TokenURL), c.fence.allow(says.KeysURL)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// Said outright, because the library would find out by trying twice, and a wrong
	// password would count twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if len(says.AuthMethods) > 0 && !slices.Contains(says.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	d := &discovered{
		oauth: oauth2.Config{
			ClientID: c.settings.ClientID, ClientSecret: c.settings.ClientSecret, Endpoint: endpoint,
			RedirectURL: c.settings.RedirectURL, Scopes: []string{oidc.ScopeOpenID},
		},
		verifier:    p.Verifier(&oidc.Config{ClientID: c.settings.ClientID, Now: c.now}),
		namesIssuer: says.NamesIssuer, until: c.now().Add(discoveredFor),
	}
	c.found.Store(d)
	return d, nil
}

// ByPassword is who somebody is by an access number and its personal password.
func (c *Client) ByPassword(ctx context.Context, accessNumber, password string) (Identity, error) {
	d, err := c.provider(ctx)
	if err != nil {
		return Identity{}, err
	}
	answer, err := d.oauth.PasswordCredentialsToken(oidc.ClientContext(ctx, c.http), accessNumber, password)
	if err != nil {
		return Identity{}, refusal("asking for a token by access number", err)
	}
	// There was no browser in between: no nonce that could have been swapped.
	return c.identity(ctx, d, answer, "")
}

// identity is who the ID token of an answer is about, if it can be believed.
func (c *Client) identity(ctx context.Context, d *discovered, answer *oauth2.Token, nonce string) (Identity, error) {
	raw, _ := answer.Extra("id_token").(string)
	token, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		// Keys that could not be fetched are no fault of the token.
		if strings.Contains(err.Error(), "fetching keys") {
			return Identity{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return Identity{}, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	var says struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&says); err != nil {
		return Identity{}, fmt.Errorf("%w: reading its claims: %w", ErrUntrusted, err)
	}
	switch {
	case says.Party != "" && says.Party != c.settings.ClientID, says.Party == "" && len(token.Audience) > 1:
		return Identity{}, fmt.Errorf("%w: it was given to another client", ErrUntrusted)
	case nonce != "" && token.Nonce != nonce:
		return Identity{}, fmt.Errorf("%w: it is of another login", ErrUntrusted)
	case token.Subject == "" || len(token.Subject) > 255: // as OpenID Connect bounds it
		return Identity{}, fmt.Errorf("%w: it names nobody", ErrUntrusted)
	}
	return Identity{Issuer: token.Issuer, Subject: token.Subject}, nil
}

// refusal parts a no of the customer centre from a failure. What it answered besides its
// code is left out: it may repeat what was sent.
func refusal(doing string, err error) error {
	var answered *oauth2.RetrieveError
	switch {
	case !errors.As(err, &answered):
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
	case answered.ErrorCode == "invalid_grant":
		return fmt.Errorf("%w: %s", ErrRefused, doing)
	default:
		return fmt.Errorf("%w: %s: status %d, code %.40q", ErrUnavailable, doing, answered.Response.StatusCode, answered.ErrorCode)
	}
}
