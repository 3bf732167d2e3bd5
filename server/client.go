package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientIP is where a request comes from. X-Forwarded-For is believed as far as trusted
// proxies wrote it: from its end on, up to the first address that is none of theirs
// (AUTHZ-05).
func (s *Server) clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.isProxy(host); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = hop.Unmap().String()
	}
	return host
}

func (s *Server) isProxy(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, network := range s.config.TrustedProxies {
		if prefix, err := netip.ParsePrefix(network); err == nil && prefix.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}
