package engine

import (
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
)

// verified is a token of ours that was verified, with what that took some work to find out. It says
// nothing of whether the token is still good. It is shared: nobody changes it but for what was looked at.
type verified struct {
	*token.Claims
	key   string     // what verified it; empty for an opaque token
	trace live.Trace // what can kill it
	ring  uint64     // the number of the keys that it was verified under
	bytes int        // that it takes at most, about

	// What every look asks of the claims stands here too: the claims of a thousand tokens in turn are in no cache of
	// the processor, and cost a look 0.6 µs.
	ends         time.Time
	exchangeOnly bool
	limited      bool // its uses, or those of a token that it comes from, are counted

	usable, reach lookedAt
	answers       answers
}

// of takes the claims into a token that was verified, of a text of that size.
func (v *verified) of(c *token.Claims, size int) {
	v.Claims, v.ends, v.exchangeOnly, v.limited = c, c.Expires, c.ExchangeOnly(), len(c.Evidence.Limited) > 0
	if v.key == "" {
		v.trace = live.TraceOf(c)
	} else {
		v.trace = live.TraceOf(c, live.OfKey(v.key))
	}
	v.bytes = weightOf(c, size)
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

// given is what a policy gives until then, if that moment isn't zero. The policy is known by its version: a pointer would
// keep it in memory for as long as the token is remembered.
type given struct {
	version uint64
	until   time.Time
	pairs   narrow.Pairs
}

func (l *lookedAt) now(p *policy.Policy, now time.Time, look func() (narrow.Pairs, time.Time)) (narrow.Pairs, time.Time) {
	if last := l.last.Load(); last != nil && last.version == p.Version() && (last.until.IsZero() || now.Before(last.until)) {
		return last.pairs, last.until
	}
	pairs, until := look()
	l.last.Store(&given{version: p.Version(), until: until, pairs: pairs})
	return pairs, until
}

const (
	memoSize     = 128 << 20 // bytes, as weightOf reckons: some 14,000 of the usual tokens, which are 4 KiB with their answers
	familiarSize = 64 << 10  // digests of some 60 bytes
)

// weightOf is about how many bytes a token takes at most, with the answers that are kept of it: one of a few KiB can hold
// thousands of scopes, each a string in each list.
func weightOf(c *token.Claims, size int) int {
	const (
		least = 1 << 10
		each  = 24 // of a scope in a list
	)
	listed := len(c.Scope) * (1 + maxAnswers)
	for _, r := range c.Evidence.Reach {
		listed += len(r.Scopes)
	}
	return least + each*listed + 8*size
}

// memo remembers verified tokens by the digest of their text, so that a token that comes again and again costs neither its
// signature nor decoding. It only ever speeds things up: what it holds is good for the very keys that it was verified under;
// expiry, revocations and uses are looked at anew each time, the policy whenever it or time may have changed.
type memo struct{ tokens *lately.Cache[*verified] }

func newMemo() memo { return memo{lately.New(memoSize, func(v *verified) int { return v.bytes })} }

func (m memo) get(d lately.Digest, ring uint64) (*verified, bool) {
	v, ok := m.tokens.Get(d)
	return v, ok && v.ring == ring
}

func (m memo) put(d lately.Digest, v *verified) { m.tokens.Put(d, v) }

// familiar remembers, by digest, the texts of tokens that are known to be ours: those that this process signed, and those that it
// verified. A first look at what was signed here costs no signature: 30 µs instead of 100. And only a token that comes a second
// time is kept in the memo. It holds no pointers, and so costs the garbage collector nothing; a memo full of tokens that never
// come again took 15 to 25 % of each request.
type familiar struct{ texts *lately.Cache[bool] } // true: it was presented before

func newFamiliar() familiar { return familiar{lately.New(familiarSize, lately.One[bool])} }

// presented says whether the text was presented before, and whether its signature needs no look.
func (f familiar) presented(d lately.Digest) (before, ours bool) { return f.texts.Get(d) }

func (f familiar) sign(d lately.Digest)    { f.texts.Put(d, false) }
func (f familiar) present(d lately.Digest) { f.texts.Put(d, true) }
