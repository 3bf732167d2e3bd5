package server

import (
	"net/http/httptest"
	"testing"
)

// A client says nothing about its own address that counts; proxies that are named do.
//
// Requirement: ID-19
// Case: AUTHZ-05
func TestClientAddress(t *testing.T) {
	s := &Server{config: Config{TrustedProxies: []string{"10.0.0.0/8", "::1/128"}}}
	for _, each := range []struct{ remote, forwarded, want string }{
		{"203.0.113.7:4711", "", "203.0.113.7"},
		{"203.0.113.7:4711", "198.51.100.1", "203.0.113.7"}, // not a proxy
		{"10.0.0.1:80", "", "10.0.0.1"},
		{"10.0.0.1:80", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:80", "6.6.6.6, 198.51.100.1", "198.51.100.1"}, // what the client wrote before
		{"10.0.0.1:80", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"10.0.0.1:80", "nonsense", "10.0.0.1"},
		{"10.0.0.1:80", "nonsense, 198.51.100.1", "198.51.100.1"},
		{"[::1]:80", "2001:db8::1", "2001:db8::1"},
		{"[::ffff:10.0.0.1]:80", "::ffff:198.51.100.1", "198.51.100.1"},
		{"nonsense", "198.51.100.1", "nonsense"},
	} {
		r := httptest.NewRequest("POST", "/graphql", nil)
		r.RemoteAddr = each.remote
		r.Header.Set("X-Forwarded-For", each.forwarded)
		r.Header.Set("X-Real-IP", "6.6.6.6")
		if got := s.clientIP(r); got != each.want {
			t.Errorf("%s with %q: %s, want %s", each.remote, each.forwarded, got, each.want)
		}
	}
}
