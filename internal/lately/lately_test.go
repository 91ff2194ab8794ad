package lately

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
)

func numbered(n int) Digest { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func TestACacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	const size = 1024
	c := New[int](size)
	c.Put(numbered(0), -1)
	for n := 1; n <= 20*size; n++ {
		c.Put(numbered(n), n)
		if v, ok := c.Get(numbered(n)); !ok || v != n {
			t.Fatalf("what was just put is %d, %v", v, ok)
		}
		if v, ok := c.Get(numbered(0)); !ok || v != -1 {
			t.Fatalf("what is used all the time was forgotten after %d others", n)
		}
	}
	if held := c.Len(); held < size || held > 2*size {
		t.Errorf("%d are held", held)
	}
	if _, ok := c.Get(numbered(1)); ok {
		t.Error("what nobody asked for is still held")
	}
}

func TestTheNewestValueCounts(t *testing.T) {
	c := New[string](1)
	c.Put(numbered(0), "older")
	c.Put(numbered(0), "newer")
	if v, _ := c.Get(numbered(0)); v != "newer" {
		t.Errorf("found %q", v)
	}
}

func TestManyMayUseACacheAtOnce(t *testing.T) {
	c := New[int](64)
	var group sync.WaitGroup
	for k := range 8 {
		group.Go(func() {
			for n := range 1000 {
				c.Put(numbered(n%97), n%97)
				if v, ok := c.Get(numbered((n + k) % 97)); ok && v != (n+k)%97 {
					t.Errorf("%d is %d", (n+k)%97, v)
				}
			}
		})
	}
	group.Wait()
}
