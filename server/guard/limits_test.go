package guard

import (
	"testing"
	"time"
)

func TestTheTableOfBucketsIsBounded(t *testing.T) {
	b := newBuckets[int](3)
	now := time.Unix(0, 0)
	l := Rate{1, 1}
	for key := range 1000 {
		if !b.allow(key, l, now) {
			t.Fatalf("the first of key %d was refused", key)
		}
	}
	if len(b.byKey) != 3 || b.order.Len() != 3 {
		t.Errorf("%d and %d buckets", len(b.byKey), b.order.Len())
	}
	if b.allow(999, l, now) {
		t.Error("the bucket in use was forgotten")
	}
	b.allow(998, l, now)
	b.allow(1000, l, now) // makes room by dropping 997, not 998
	if b.allow(998, l, now) {
		t.Error("the bucket used last but one was forgotten")
	}
}

func TestANetworkIsAnAddressOrASlash64(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::1%eth1]:1", true},
		{"", "@", true},
	} {
		if same := networkOf(Peer(c.a)) == networkOf(Peer(c.b)); same != c.same {
			t.Errorf("%s and %s: %t", c.a, c.b, same)
		}
	}
}
