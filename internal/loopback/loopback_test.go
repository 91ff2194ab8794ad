package loopback

import "testing"

func TestOnlyWhatIsWrittenAsThisHostIsThisHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost":                  true,
		"127.0.0.1":                  true,
		"127.255.255.254":            true,
		"::1":                        true,
		"0:0:0:0:0:0:0:1":            true,
		"":                           false,
		"LOCALHOST":                  false,
		"localhost.":                 false,
		"localhost.example.com":      false,
		"a.localhost":                false,
		"127.0.0.1.example.com":      false,
		"127.0.0.1:80":               false,
		"[::1]":                      false,
		"::ffff:127.0.0.1":           false,
		"::ffff:7f00:1":              false,
		"::127.0.0.1":                false,
		"64:ff9b::7f00:1":            false,
		"127.1":                      false,
		"127.0.0.01":                 false,
		"2130706433":                 false,
		"0x7f.0.0.1":                 false,
		"0.0.0.0":                    false,
		"::":                         false,
		"128.0.0.1":                  false,
		"10.0.0.1":                   false,
		"fe80::1":                    false,
		"ip6-localhost":              false,
		"127.0.0.1@evil.example.com": false,
	} {
		if got := Host(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestOnlyAnAddressThatLeadsHereIsOnThisHost(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80":          true,
		"127.9.9.9:80":          true,
		"[::1]:80":              true,
		"[::ffff:127.0.0.1]:80": true,
		"localhost:80":          false,
		"127.0.0.1":             false,
		"[::]:80":               false,
		"0.0.0.0:80":            false,
		"[::127.0.0.1]:80":      false,
		"10.0.0.1:80":           false,
		"93.184.215.14:80":      false,
		"@/run/socket":          false,
		"":                      false,
	} {
		if got := Address(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
