package issuer

import (
	"errors"
	"net/netip"
	"testing"
)

func TestOnlyPublicAddressesAreDialled(t *testing.T) {
	for address, open := range map[string]bool{
		"93.184.215.14:443":                  true,
		"[2606:2800:21f:cb07::1]:443":        true,
		"[::ffff:93.184.215.14]:443":         true,
		"[64:ff9b::5db8:d70e]:443":           true, // NAT64 of a public address
		"127.0.0.1:443":                      false,
		"127.255.255.254:443":                false,
		"[::1]:443":                          false,
		"[::ffff:127.0.0.1]:443":             false,
		"[::127.0.0.1]:443":                  false,
		"[64:ff9b::7f00:1]:443":              false,
		"169.254.169.254:80":                 false,
		"[::ffff:169.254.169.254]:80":        false,
		"[64:ff9b::a9fe:a9fe]:80":            false,
		"[fe80::1]:443":                      false,
		"[fe80::1%eth0]:443":                 false,
		"10.1.2.3:443":                       false,
		"172.16.0.1:443":                     false,
		"172.31.255.255:443":                 false,
		"172.32.0.1:443":                     true,
		"192.168.1.1:443":                    false,
		"100.64.0.1:443":                     false,
		"100.127.255.255:443":                false,
		"100.128.0.1:443":                    true,
		"0.0.0.0:443":                        false,
		"0.1.2.3:443":                        false,
		"[::]:443":                           false,
		"224.0.0.1:443":                      false,
		"239.1.2.3:443":                      false,
		"255.255.255.255:443":                false,
		"198.18.0.1:443":                     false,
		"[ff02::1]:443":                      false,
		"[fd00::1]:443":                      false,
		"[fec0::1]:443":                      false,
		"[64:ff9b:1::7f00:1]:443":            false,
		"[2002:7f00:1::]:443":                false, // 6to4 of loopback
		"[2001:0:4136:e378:8000:63bf::]:443": false, // Teredo
		"example.com:443":                    false, // the dialler only ever sees addresses
		"":                                   false,
	} {
		err := toOutside(nil)("tcp", address, nil)
		if (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
		if err != nil && !errors.Is(err, errForbidden) {
			t.Errorf("%s: %v isn't errForbidden", address, err)
		}
	}
}

func TestAllowedNetworksAreDialledInEveryForm(t *testing.T) {
	permit := toOutside([]netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd12::/16")})
	for address, open := range map[string]bool{
		"10.20.1.1:443":           true,
		"[::ffff:10.20.1.1]:443":  true,
		"[64:ff9b::0a14:101]:443": true,
		"[fd12::1]:443":           true,
		"10.21.1.1:443":           false,
		"[fd13::1]:443":           false,
		"127.0.0.1:443":           false,
		"93.184.215.14:443":       true,
	} {
		if err := permit("tcp", address, nil); (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
	}
}

func TestPlainHTTPStaysOnThisHost(t *testing.T) {
	permit := toLoopback(append(thisHost(), netip.MustParsePrefix("10.0.0.0/8")))
	for address, open := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "10.0.0.1:80": false, "93.184.215.14:80": false, "x": false,
	} {
		if err := permit("tcp", address, nil); (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
	}
}

func TestThisHostIsClosedUnlessAllowed(t *testing.T) {
	permit := toLoopback([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	for address, open := range map[string]bool{"127.0.0.1:80": true, "127.0.0.2:80": false, "[::1]:80": false} {
		if err := permit("tcp", address, nil); (err == nil) != open {
			t.Errorf("%s: %v, want open %v", address, err, open)
		}
	}
	if err := toLoopback(nil)("tcp", "127.0.0.1:80", nil); err == nil {
		t.Error("loopback is open although no setting allows it")
	}
}

func TestPlainHTTPIsTakenOfALiteralLoopbackHostOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"http://127.0.0.1:8080/x":         true,
		"http://[::1]:8080":               true,
		"http://localhost":                true,
		"http://127.9.9.9":                true,
		"http://[::ffff:127.0.0.1]":       false,
		"http://localhost.example.com":    false,
		"http://127.0.0.1.example.com":    false,
		"http://127.1":                    false,
		"http://2130706433":               false,
		"http://user@127.0.0.1@evil.test": false,
		"http://0.0.0.0":                  false,
	} {
		if _, err := parseURL(address); (err == nil) != want {
			t.Errorf("%s: %v, want taken %v", address, err, want)
		}
	}
}
