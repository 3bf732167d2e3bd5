package dial

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The address counts that is connected to, however it is written and whoever answers for its name.
//
// Case: IO-09
func TestAddressesNobodyConnectsTo(t *testing.T) {
	t.Parallel()
	for address, allowed := range map[string]bool{
		"169.254.169.254:80": false, "[::ffff:169.254.169.254]:80": false, "[::ffff:a9fe:a9fe]:443": false, "[fe80::1%eth0]:80": false, "[fd00:ec2::254]:80": false, "100.100.100.200:80": false,
		"168.63.129.16:80": false, "0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false, "[ff02::1]:80": false, "255.255.255.255:80": false, "example.com:80": false, "": false,
		"203.0.113.7:443": true, "[2001:db8::1]:443": true, "10.0.0.5:443": true, "127.0.0.1:443": true,
	} {
		if err := check(address); (err == nil) != allowed || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", address, err)
		}
	}
	// A name that is one thing when it is checked and another when it is dialled.
	answers := 0
	outside := Outside()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, port, err := net.SplitHostPort(address); err == nil && answers > 0 {
			address = net.JoinHostPort("169.254.169.254", port)
		}
		answers++
		return outside.DialContext(ctx, network, address)
	}, DisableKeepAlives: true}}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for i, want := range []string{"", ErrForbidden.Error()} {
		response, err := client.Get(server.URL)
		if err == nil {
			_ = response.Body.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the %dth request: %v", i+1, err)
		}
	}
}
