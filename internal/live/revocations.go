package live

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/store"
)

const shards = 64

// pending is the number of a revocation that isn't durable yet: above every token's sequence, so
// it kills all that match. Tokens minted meanwhile have a lower number than it will get.
const pending = math.MaxUint64

// Revocations is every live revocation, by kind and the digest of its selector. It is safe for concurrent
// use. A look-up takes one read lock for each probe, and costs one load where nothing of its kind is revoked: mostly
// there are tokens and tasks, which is two or three probes of a dozen, and a look costs 1 µs less.
type Revocations struct {
	live    atomic.Int64  // how many there are: the 'none at all' test
	newest  atomic.Uint64 // the revocation sequence: all up to it are in the maps
	awaited awaited

	shares shares
	kinds  [kinds]ofKind
}

// ofKind is the revocations of one kind.
type ofKind struct {
	live   atomic.Int64
	shards [shards]shard
}

type shard struct {
	sync.RWMutex
	byDigest map[digest]mark
	filter   atomic.Pointer[filter] // of what is there, and perhaps of what was
}

func (o *ofKind) at(d digest) *shard { return &o.shards[d[0]%shards] }

// keep takes in what is known of a digest. The caller has the lock. Whoever looks meanwhile, without it, may have the filter of
// before, and then began to look before this was done.
func (s *shard) keep(d digest, m mark) {
	s.byDigest[d] = m
	if f := s.filter.Load(); f.full(len(s.byDigest)) {
		s.filter.Store(newFilter(s.byDigest))
	} else {
		f.add(d)
	}
}

// mark is what is kept of a selector's revocations: the newest of each sort.
type mark struct {
	seq     uint64 // kills tokens whose sequence is below it
	at      int64  // Unix seconds; kills outside tokens issued up to then
	expires int64  // Unix seconds when it may be forgotten; 0: never
	block   uint64 // number of the newest block, which kills new tokens too; 0: none
	owner   uint32 // whose share it takes, by its number; 0: nobody's
}

func newRevocations() *Revocations {
	r := new(Revocations)
	r.shares.init()
	for i := range r.kinds {
		for k := range r.kinds[i].shards {
			shard := &r.kinds[i].shards[k]
			shard.byDigest = make(map[digest]mark)
			shard.filter.Store(newFilter(nil))
		}
	}
	return r
}

// Newest is the revocation sequence. Whoever reads it before looking at the revocations has seen
// all that are numbered up to it.
func (r *Revocations) Newest() uint64 { return r.newest.Load() }

// Len is how many selectors are revoked.
func (r *Revocations) Len() int { return int(r.live.Load()) }

// Announce makes a revocation act before it is durable. It stays even if the commit fails: taking
// power away never waits, and the caller is told to ask again.
func (r *Revocations) Announce(s Selector, block bool, at time.Time) {
	m := mark{seq: pending, at: at.Unix()}
	if block {
		m.block = pending
	}
	r.put(s, m, at)
}

// Apply puts a durable revocation in place of its announcement.
func (r *Revocations) Apply(rev store.Revocation) {
	m := mark{seq: rev.Seq, at: rev.At.Unix()}
	if rev.Block {
		m.block = rev.Seq
	}
	if !rev.Expires.IsZero() {
		m.expires = rev.Expires.Unix()
	}
	if Kind(rev.Kind) == Token {
		m.owner = r.shares.of(rev.By)
	}
	r.put(Selector{Kind(rev.Kind), rev.Selector}, m, rev.At)
	r.reach(rev.Seq)
}

// reach raises the sequence; it never goes back.
func (r *Revocations) reach(seq uint64) {
	for {
		newest := r.newest.Load()
		if seq <= newest || r.newest.CompareAndSwap(newest, seq) {
			return
		}
	}
}

// Lift is Apply for the revocation that takes the place of the blocks numbered below it: it ends them
// and revives nothing. A block that was numbered above it stays, whichever of the two comes first.
func (r *Revocations) Lift(rev store.Revocation) {
	d := Selector{Kind(rev.Kind), rev.Selector}.digest()
	shard := r.kinds[Kind(rev.Kind).place()].at(d)
	shard.Lock()
	if m, known := shard.byDigest[d]; known && (m.block < rev.Seq || m.block == pending) {
		m.block = 0
		shard.byDigest[d] = m
	}
	shard.Unlock()
	r.Apply(rev)
}

func (r *Revocations) put(s Selector, m mark, at time.Time) {
	d, of := s.digest(), &r.kinds[s.Kind.place()]
	shard := of.at(d)
	shard.Lock()
	defer shard.Unlock()
	old, known := shard.byDigest[d]
	r.shares.claim(&m, old)
	if known {
		m = old.merge(m)
	} else {
		of.live.Add(1)
		r.live.Add(1)
	}
	if old.seq == pending || m.seq == pending {
		r.awaited.note(d, m.seq == pending, at)
	}
	shard.keep(d, m)
}

// merge is what two revocations of one selector come to: the newest number, and a block as long
// as one of them blocks. A durable revocation takes the place of an announcement.
func (m mark) merge(n mark) mark {
	out := n
	if m.seq != pending && n.seq != pending {
		out.seq = max(m.seq, n.seq)
	}
	out.at = max(m.at, n.at)
	out.block = max(m.block, n.block)
	if m.block == pending && n.block != 0 {
		out.block = n.block
	}
	out.expires = max(m.expires, n.expires)
	if out.block != 0 || n.seq == pending {
		out.expires = 0
	}
	return out
}

// Durable says whether a revocation by the selector itself is on the disk and stays until then, so that there is nothing
// left to do for whoever asks for it again.
func (r *Revocations) Durable(s Selector, until time.Time) bool {
	m, known := r.find(s)
	return known && m.seq != pending && (m.expires == 0 || m.expires >= until.Unix())
}

func (r *Revocations) announced(s Selector) bool {
	m, known := r.find(s)
	return known && m.seq == pending
}

func (r *Revocations) find(s Selector) (mark, bool) {
	of := &r.kinds[s.Kind.place()]
	if of.live.Load() == 0 {
		return mark{}, false
	}
	return of.get(s.digest())
}

func (o *ofKind) get(d digest) (mark, bool) {
	if o.live.Load() == 0 {
		return mark{}, false
	}
	shard := o.at(d)
	if !shard.filter.Load().mayHave(d) {
		return mark{}, false
	}
	shard.RLock()
	defer shard.RUnlock()
	m, ok := shard.byDigest[d]
	return m, ok
}

// Forget drops what ended before then.
func (r *Revocations) Forget(then time.Time) {
	next := make(ends)
	for i := range r.kinds {
		of := &r.kinds[i]
		for k := range of.shards {
			gone := of.shards[k].forget(then, next, &r.shares)
			of.live.Add(-gone)
			r.live.Add(-gone)
		}
	}
	for owner, first := range next {
		r.shares.at(owner).next.Store(first)
	}
}

// forget drops what ended before then, says how much that was, and notes when the rest ends.
func (s *shard) forget(then time.Time, next ends, of *shares) (gone int64) {
	s.Lock()
	defer s.Unlock()
	for d, m := range s.byDigest {
		if m.expires == 0 || m.expires >= then.Unix() {
			next.note(m)
			continue
		}
		delete(s.byDigest, d)
		gone++
		if m.owner != 0 {
			of.at(m.owner).live.Add(-1)
		}
	}
	if gone > 0 {
		s.filter.Store(newFilter(s.byDigest))
	}
	return gone
}
