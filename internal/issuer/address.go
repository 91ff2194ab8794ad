package issuer

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/whittle-sts/whittle/internal/loopback"
)

// closed lists the networks that no fetch may reach unless the settings allow it: what isn't the
// public Internet, and the forms of IPv6 that carry an IPv4 address to somewhere unseen
// (IANA special-purpose address registries; RFC 6890).
var closed = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this network, unspecified
	netip.MustParsePrefix("10.0.0.0/8"),     // private
	netip.MustParsePrefix("100.64.0.0/10"),  // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),    // loopback
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, cloud metadata
	netip.MustParsePrefix("172.16.0.0/12"),  // private
	netip.MustParsePrefix("192.0.0.0/24"),   // protocol assignments
	netip.MustParsePrefix("192.168.0.0/16"), // private
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarking
	netip.MustParsePrefix("224.0.0.0/4"),    // multicast
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved, broadcast
	netip.MustParsePrefix("::/96"),          // unspecified, loopback, IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"), // local NAT64
	netip.MustParsePrefix("100::/64"),       // discard
	netip.MustParsePrefix("2001::/32"),      // Teredo
	netip.MustParsePrefix("2002::/16"),      // 6to4
	netip.MustParsePrefix("fc00::/7"),       // unique local
	netip.MustParsePrefix("fe80::/10"),      // link-local
	netip.MustParsePrefix("fec0::/10"),      // site-local
	netip.MustParsePrefix("ff00::/8"),       // multicast
}

// nat64 is the well-known prefix under which a gateway reaches IPv4 addresses (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// plain reduces an address to the one that is really reached: without a zone, and IPv4 where
// IPv6 only wraps it.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

// control is what a [net.Dialer] asks before it connects. It sees the address that is dialled,
// not one looked up before, so a name that changes its answer gains nothing (DNS rebinding).
type control func(network, address string, _ syscall.RawConn) error

// toOutside permits the public Internet and what is allowed by the settings.
func toOutside(allow []netip.Prefix) control {
	return func(_, address string, _ syscall.RawConn) error {
		dialled, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q is not an IP address", errForbidden, address)
		}
		ip := plain(dialled.Addr())
		holds := func(p netip.Prefix) bool { return p.Contains(ip) }
		if slices.ContainsFunc(closed, holds) && !slices.ContainsFunc(allow, holds) {
			return fmt.Errorf("%w: address %s", errForbidden, dialled.Addr())
		}
		return nil
	}
}

// toLoopback permits this host where the settings allow it, and nothing else, also where "localhost"
// resolves to something unexpected: plain http goes this way. What else listens on this host trusts
// whoever can reach it, so without the settings' word no policy points a fetch there.
func toLoopback(allow []netip.Prefix) control {
	permit := toOutside(allow)
	return func(network, address string, conn syscall.RawConn) error {
		if !loopback.Address(address) {
			return fmt.Errorf("%w: %s is not loopback", errForbidden, address)
		}
		return permit(network, address, conn)
	}
}
