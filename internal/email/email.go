// Package email says what an e-mail address is here: one spelling of it, which
// nobody can dress up as another.
package email

import (
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// longest is what SMTP lets through (RFC 5321).
const longest = 254

// local is the part before the @, without quoted forms, which can hide another @, and
// without ! and %, by which old relays find another host in it.
var local = regexp.MustCompile(`^[A-Za-z0-9#$&'*+/=?^_{|}~-]+(\.[A-Za-z0-9#$&'*+/=?^_{|}~-]+)*$`)

// Parse gives an address with its domain in lower case ASCII, or false for what is
// none. Display names, comments, quotes, several @ and line breaks are none (IO-04,
// AUTHZ-11).
func Parse(text string) (string, bool) {
	text = strings.TrimSpace(text)
	name, host, found := strings.Cut(text, "@")
	if !found || len(text) > longest || len(name) > 64 || !local.MatchString(name) {
		return "", false
	}
	host, ok := Domain(host)
	return name + "@" + host, ok
}

// Domain gives a domain in the form in which domains are compared, or false for
// what is none.
func Domain(text string) (string, bool) {
	host, err := idna.Lookup.ToASCII(text)
	if err != nil || !strings.Contains(host, ".") || strings.Contains(host, "..") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || len(host) > 253 {
		return "", false
	}
	return strings.ToLower(host), true
}

// DomainOf is the domain of an address that Parse gave.
func DomainOf(address string) string {
	_, host, _ := strings.Cut(address, "@")
	return host
}
