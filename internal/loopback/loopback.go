// Package loopback says what this host is called: where plain http is taken, since nothing leaves the machine.
package loopback

import "net/netip"

// Host says whether a URL's host is, letter for letter, this host: localhost or a loopback address. An IPv4 address
// wrapped in IPv6 isn't, since nobody writes that in good faith, nor is what only some resolvers read as an address
// ("127.1").
func Host(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() && !ip.Is4In6()
}

// Address says whether an address with a port, as sockets have it, is on this host, wrapped or not: what counts is
// where it leads. Names have no place there.
func Address(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}
