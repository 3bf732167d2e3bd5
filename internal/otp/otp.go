// Package otp is the second factor of a login: time-based one-time codes from an
// app on the user's phone (RFC 6238), and recovery codes for whoever lost the
// phone (ID-18).
package otp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"
)

const (
	// secretBytes are the 160 bits that RFC 4226 recommends.
	secretBytes = 20
	// stepSeconds is how long one code is shown. It is, with SHA-1 and six digits,
	// what every authenticator app can do; many ignore a wish for anything else.
	stepSeconds = 30
	// drift is how many steps a clock may be wrong, either way: the code that
	// changed while it was typed counts, the one before that does not (AUTH-11).
	drift = 1
)

// Key is what the user's app and the server share.
type Key struct {
	// Secret is for the server to keep, sealed, and for people to type into an app
	// that has no camera: 32 characters of base32.
	Secret string
	// URI is for the app to scan: otpauth://totp/…
	URI string
}

// New is a fresh key. The app shows it under the issuer's name and the account's.
func New(issuer, account string) (Key, error) {
	// In the label a colon parts the two, so neither may have one of its own.
	issuer, account = strings.ReplaceAll(issuer, ":", ""), strings.ReplaceAll(account, ":", "")
	if issuer == "" || account == "" {
		return Key{}, fmt.Errorf("a key for one-time codes needs an issuer and an account, got %q and %q", issuer, account)
	}
	raw := make([]byte, secretBytes)
	if _, err := rand.Read(raw); err != nil {
		return Key{}, fmt.Errorf("making a key for one-time codes: %w", err)
	}
	secret := base32.StdEncoding.EncodeToString(raw)
	// Not by totp.Generate, whose URI ends the issuer "Brandt & Co" at the ampersand.
	uri := fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=6&period=%d",
		escape(issuer), escape(account), secret, escape(issuer), stepSeconds)
	return Key{Secret: secret, URI: uri}, nil
}

// escape writes a space as %20: some apps show the plus of url.QueryEscape.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// Step tells which step the code belongs to: the current one, the one before or
// the one after. A step up to lastStep, which is that of the code used last or 0,
// is refused; whoever keeps the step returned, in the transaction of the login,
// accepts each code once.
func Step(secret, code string, now time.Time, lastStep int64) (step int64, ok bool) {
	// An empty secret would have codes too, and everyone could compute them.
	raw, err := base32.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != secretBytes {
		return 0, false
	}
	typed := []byte(strings.Join(strings.Fields(code), "")) // apps show 123 456
	current := now.Unix() / stepSeconds
	// Should one code belong to two steps, the later one counts: after the earlier
	// it could be used again.
	for candidate := current - drift; candidate <= current+drift; candidate++ {
		want, err := hotp.GenerateCode(secret, uint64(candidate))
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), typed) == 1 && candidate > lastStep {
			step, ok = candidate, true
		}
	}
	return step, ok
}
