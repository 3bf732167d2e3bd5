// Package centre talks to the operator's customer centre, an OpenID Connect provider, and
// finds out who somebody is there (AC-12): by a login in the browser (authorization code
// with PKCE) or by access number and personal password. Who may link what to whom is the
// room access's.
package centre

import "errors"

var (
	// ErrNotConfigured is returned where the operator has no customer centre.
	ErrNotConfigured = errors.New("no customer centre is configured")
	// ErrUnavailable is returned when the customer centre does not answer, or answers
	// something that it never should.
	ErrUnavailable = errors.New("the customer centre is not available")
	// ErrRefused is returned when the customer centre does not know the access number with
	// this password, or the code of a login.
	ErrRefused = errors.New("the customer centre refused")
	// ErrUntrusted is returned for an answer that proves nothing: an ID token of somebody
	// else, for somebody else, of another login, too old or not signed by the customer centre.
	ErrUntrusted = errors.New("the answer of the customer centre proves nothing")
	// ErrStore is returned when Redis cannot be asked for logins under way.
	ErrStore = errors.New("logins at the customer centre cannot be kept")
	// ErrUnknownLogin is returned for a login that did not begin in the same session, has
	// been finished, or has run out. The caller cannot tell which.
	ErrUnknownLogin = errors.New("no such login at the customer centre")
)

// Settings are how Kontor is known to the customer centre.
type Settings struct {
	Issuer, ClientID, ClientSecret string
	// RedirectURL is where the browser comes back to.
	RedirectURL string
}

// Identity is who somebody is at the customer centre.
type Identity struct{ Issuer, Subject string }
