// Package lately keeps what was put or asked for lately, in bounded memory.
package lately

import (
	"crypto/sha256"
	"sync"
	"unsafe"
)

// Digest is what a text is known by: the text itself may be a secret, and isn't kept.
type Digest = [sha256.Size]byte

// DigestOf is what the text is known by. The text is read where it is, since the hash only reads: a copy of a token, on the stack
// of whichever worker has the request, cost a look 1 µs.
func DigestOf(text string) Digest {
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(text), len(text))) //nolint:gosec // the hash reads what nobody can change, and keeps none of it
}

// shards is how many parts a Cache has, so that its callers rarely wait for each other.
const shards = 16

// Cache keeps values by digest. It is safe for concurrent use; make one with [New].
type Cache[V any] struct {
	size   int         // of one generation of one shard
	weight func(V) int // of a value, at least 1
	shards [shards]shard[V]
}

// New makes a Cache that holds values which together weigh between one and two times as much as size, once so many were put.
// What weight says of a value must not change.
func New[V any](size int, weight func(V) int) *Cache[V] {
	return &Cache[V]{size: max(1, size/shards), weight: weight}
}

// One is the weight of values of which each weighs the same.
func One[V any](V) int { return 1 }

// Get is the digest's value, which stays for as long as it is asked for.
func (c *Cache[V]) Get(d Digest) (V, bool) {
	s := &c.shards[d[0]%shards]
	s.Lock()
	defer s.Unlock()
	v, ok := s.young[d]
	if !ok {
		if v, ok = s.aged[d]; ok {
			s.put(d, v, c.weight(v), c.size)
		}
	}
	return v, ok
}

// Put keeps the value for the digest, in place of an older one.
func (c *Cache[V]) Put(d Digest, v V) {
	s := &c.shards[d[0]%shards]
	s.Lock()
	defer s.Unlock()
	s.put(d, v, c.weight(v), c.size)
}

type shard[V any] struct {
	sync.Mutex
	young map[Digest]V // what was used since the last turn
	aged  map[Digest]V // what was used in the turn before
	heavy int          // what was put into the young ones weighs
}

// put turns the generations when the young one is full: what wasn't used for a whole turn goes. What is heavier than a
// generation isn't kept. The caller has the lock.
func (s *shard[V]) put(d Digest, v V, weight, size int) {
	if weight > size {
		return
	}
	if s.young == nil || s.heavy+weight > size {
		s.young, s.aged, s.heavy = make(map[Digest]V), s.young, 0
	}
	s.young[d] = v
	s.heavy += weight
}
