package engine

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
)

// verified is a token of ours that was verified, with what that took some work to find out. It says
// nothing of whether the token is still good. It is shared: nobody changes it but for what was looked at.
type verified struct {
	*token.Claims
	key   string         // what verified it; empty for an opaque token
	trace live.Trace     // what can kill it
	keys  *token.Keyring // the keys that it was verified under

	usable, reach lookedAt
	answers       answers
}

// usableNow is what of the token's audience × scope the policy still gives, and until when.
func (v *verified) usableNow(p *policy.Policy, now time.Time) (narrow.Pairs, time.Time) {
	return v.usable.now(p, now, func() (narrow.Pairs, time.Time) {
		s := standing(v.Claims)
		s.Audience, s.Scope = v.Audience, v.Scope
		return p.Again(now, s)
	})
}

// reachNow is what of the token's reach the policy still gives.
func (v *verified) reachNow(p *policy.Policy, now time.Time) narrow.Pairs {
	reach, _ := v.reach.now(p, now, func() (narrow.Pairs, time.Time) { return reachUnder(p, v.Claims, now) })
	return reach
}

// lookedAt is what a policy last gave of a token. It is kept for that very policy until time alone may
// change it.
type lookedAt struct{ last atomic.Pointer[given] }

// given is what a policy gives until then, if that moment isn't zero.
type given struct {
	policy *policy.Policy
	until  time.Time
	pairs  narrow.Pairs
}

func (l *lookedAt) now(p *policy.Policy, now time.Time, look func() (narrow.Pairs, time.Time)) (narrow.Pairs, time.Time) {
	if last := l.last.Load(); last != nil && last.policy == p && (last.until.IsZero() || now.Before(last.until)) {
		return last.pairs, last.until
	}
	pairs, until := look()
	l.last.Store(&given{policy: p, until: until, pairs: pairs})
	return pairs, until
}

const (
	memoShards = 16
	memoSize   = 1024 // of one generation of one shard; a verified token takes some 2 KiB, and as much again with its answers
)

// memo remembers verified tokens by the digest of their text, so that a token that comes again costs
// no signature (77 of the 85 microseconds of a first look). It only ever speeds things up: what it
// holds is good for the very keys that it was verified under, and expiry, revocations and uses are
// looked at anew each time, the policy whenever it or time may have changed.
type memo struct{ shards [memoShards]memoShard }

type memoShard struct {
	sync.Mutex
	young map[[sha256.Size]byte]*verified // what was used since the last turn
	aged  map[[sha256.Size]byte]*verified // what was used in the turn before
}

func (m *memo) get(digest [sha256.Size]byte, keys *token.Keyring) (*verified, bool) {
	shard := &m.shards[digest[0]%memoShards]
	shard.Lock()
	defer shard.Unlock()
	v, ok := shard.young[digest]
	if !ok {
		if v, ok = shard.aged[digest]; ok {
			shard.add(digest, v)
		}
	}
	return v, ok && v.keys == keys
}

func (m *memo) put(digest [sha256.Size]byte, v *verified) {
	shard := &m.shards[digest[0]%memoShards]
	shard.Lock()
	defer shard.Unlock()
	shard.add(digest, v)
}

// add turns the generations when the young one is full: what wasn't used for a whole turn goes.
func (s *memoShard) add(digest [sha256.Size]byte, v *verified) {
	if s.young == nil || len(s.young) >= memoSize {
		s.young, s.aged = make(map[[sha256.Size]byte]*verified), s.young
	}
	s.young[digest] = v
}
