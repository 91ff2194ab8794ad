package lately

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
)

func numbered(n int) Digest { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

// held is how many values there are.
func (c *Cache[V]) held() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		n += len(s.young)
		for d := range s.aged {
			if _, again := s.young[d]; !again {
				n++
			}
		}
		s.Unlock()
	}
	return n
}

func TestACacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	const size = 1024
	c := New(size, One[int])
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
	if held := c.held(); held < size || held > 2*size {
		t.Errorf("%d are held", held)
	}
	if _, ok := c.Get(numbered(1)); ok {
		t.Error("what nobody asked for is still held")
	}
}

// What weighs more takes the room of more, and what would take all of it isn't kept at all.
func TestWhatWeighsMoreTakesMoreRoom(t *testing.T) {
	const size = 1600
	c := New(size, func(v int) int { return v })
	c.Put(numbered(0), size/shards+1)
	if _, ok := c.Get(numbered(0)); ok {
		t.Error("what is heavier than there is room was kept")
	}
	for n := 1; n <= 1000; n++ {
		c.Put(numbered(n), 1+n%50)
		held := 0
		for k := 1; k <= n; k++ {
			s := &c.shards[numbered(k)[0]%shards]
			if _, young := s.young[numbered(k)]; young {
				held += 1 + k%50
			} else if _, aged := s.aged[numbered(k)]; aged {
				held += 1 + k%50
			}
		}
		if held > 2*size {
			t.Fatalf("after %d, what is held weighs %d", n, held)
		}
	}
	if held := c.held(); held < size/50 {
		t.Errorf("only %d are held", held)
	}
}

func TestTheNewestValueCounts(t *testing.T) {
	c := New(shards, One[string])
	c.Put(numbered(0), "older")
	c.Put(numbered(0), "newer")
	if v, _ := c.Get(numbered(0)); v != "newer" {
		t.Errorf("found %q", v)
	}
}

func TestManyMayUseACacheAtOnce(t *testing.T) {
	c := New(64, One[int])
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
