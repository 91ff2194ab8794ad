package issuer

import (
	"crypto/sha256"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

const (
	memoSize = 2 << 20  // bytes of tokens' texts: what is made of one takes up to 40 times as much
	onceSize = 64 << 10 // digests of some 60 bytes
)

// memo remembers verified tokens, so that one which comes again costs no signature. That only speeds things up: what is remembered
// holds for the very configuration and the very keys that it was verified under, and whatever depends on the time is checked anew.
// A token is kept when it comes a second time: each is some thirty objects, and thousands that never came again took the garbage
// collector a twentieth of every request.
type memo struct {
	tokens *lately.Cache[verified]
	once   *lately.Cache[struct{}] // what came
}

func newMemo() memo {
	return memo{lately.New(memoSize, verified.weight), lately.New(onceSize, lately.One[struct{}])}
}

func (m memo) get(d lately.Digest) (verified, bool) { return m.tokens.Get(d) }

// put takes in a token that was found to be good.
func (m memo) put(d lately.Digest, v verified) {
	if _, again := m.once.Get(d); again {
		m.tokens.Put(d, v)
	} else {
		m.once.Put(d, struct{}{})
	}
}

// verified is what a token was found to be, and under what.
type verified struct {
	by   *issuer
	keys *token.KeySet
	out  *Outside
	size int // of the text
}

func (v verified) weight() int { return v.size }

// digestOf tells the kinds apart, since they have different rules.
func digestOf(text string, kind Kind) lately.Digest {
	d := lately.DigestOf(text)
	return sha256.Sum256(append([]byte{byte(kind)}, d[:]...))
}
