package issuer

import (
	"crypto/sha256"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

// memoSize is how many verified tokens a Set remembers at least, so that a token which comes again costs no signature.
// That only speeds things up: what is remembered holds for the very configuration and the very keys
// that it was verified under, and whatever depends on the time is checked anew.
const memoSize = 1024

// verified is what a token was found to be, and under what.
type verified struct {
	by   *issuer
	keys *token.KeySet
	out  *Outside
}

// digestOf tells the kinds apart, since they have different rules.
func digestOf(text string, kind Kind) lately.Digest {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write([]byte(text))
	return lately.Digest(h.Sum(nil))
}
