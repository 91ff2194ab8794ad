package guard

import (
	"testing"
)

func TestANetworkHasItsShareAndNoMore(t *testing.T) {
	shares := NewShares(8, 2)
	for _, c := range []struct {
		remote string
		n      int
		want   bool
	}{
		{"192.0.2.1:1", 2, true},
		{"192.0.2.1:2", 1, false},
		{"[::ffff:192.0.2.1]:3", 1, false}, // the same address, as a listener for both versions has it
		{"192.0.2.2:1", 3, false},
		{"192.0.2.2:1", 1, true},
		{"[2001:db8::1]:1", 1, true},
		{"[2001:db8::ffff:2]:1", 1, true},
		{"[2001:db8::3]:1", 1, false}, // one /64 is one stranger
		{"[2001:db8:0:1::1]:1", 1, true},
		{"127.0.0.1:1", 3, false}, // two are left
		{"127.0.0.1:1", 2, true},
		{"198.51.100.1:1", 1, false},
	} {
		if got := shares.Take(Peer(c.remote), c.n); got != c.want {
			t.Errorf("%d for %s: %t", c.n, c.remote, got)
		}
	}
	shares.Give(Peer("192.0.2.1:9"), 2)
	if !shares.Take(Peer("198.51.100.1:1"), 2) {
		t.Error("what was given back isn't there")
	}
	alone := NewShares(8, 2)
	if !alone.Take(Peer("127.0.0.1:1"), 4) || !alone.Take(Peer("[::1]:1"), 4) {
		t.Error("this host is held to a share")
	}
	alone.Give(Peer("127.0.0.1:1"), 4)
	alone.Give(Peer("[::1]:1"), 4)
	if len(alone.byNetwork) > 0 || alone.held > 0 {
		t.Errorf("%d are held by %v", alone.held, alone.byNetwork)
	}
}
