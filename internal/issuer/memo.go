package issuer

import (
	"crypto/sha256"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

// memoSize bounds what a Set remembers of verified tokens, so that a token which comes again costs no signature. It is in
// bytes of their texts: what is made of one takes up to 40 times as much. That only speeds things up: what is remembered holds for
// the very configuration and the very keys that it was verified under, and whatever depends on the time is checked anew.
const memoSize = 2 << 20

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
