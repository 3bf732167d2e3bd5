// Package dial connects to addresses outside that the deployment names, and to none that only machines
// of a data centre tell their secrets at.
package dial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// timeout bounds how long a connection may take to come about.
const timeout = 10 * time.Second

// ErrForbidden says that an address is none to connect to.
var ErrForbidden = errors.New("this address is none to connect to")

// metadata are the addresses at which clouds tell a machine its secrets, beside those of the link.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}

// Outside is a dialer for hosts of the settings. It looks at the address that it connects to, after the
// name has become one: whoever answers for a name cannot have Kontor ask the metadata service of its
// cloud. Private addresses and the machine itself are allowed, because only the deployment names hosts.
func Outside() *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: Look}
}

// Look is what Outside does with an address, for libraries that have a dialer of their own
// (net.Dialer.Control). It fails with ErrForbidden. A socket of this machine is no address.
func Look(network, address string, _ syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	return check(address)
}

// check refuses addresses of the link, of groups, of nobody, and of metadata services.
func check(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrForbidden, address)
	}
	a := parsed.Addr().Unmap().WithZone("")
	if a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || slices.Contains(metadata, a) {
		return fmt.Errorf("%w: %s", ErrForbidden, a)
	}
	return nil
}
