package issuer

import (
	"crypto/sha256"
	"sync"

	"github.com/whittle-sts/whittle/internal/token"
)

// memoSize bounds the memo: between one and two of it are held.
const memoSize = 1024

// memo remembers tokens whose signature and claims were found good, by the digest of their text,
// so that a token which comes again costs no signature. It only speeds things up: an entry holds
// for the very configuration and the very keys that it was made under, and whatever depends on
// the time is checked anew.
type memo struct {
	mu    sync.Mutex
	young generation // what was used since the last turn
	aged  generation // what was used before that
}

type generation map[digest]verified

type digest [sha256.Size]byte

// verified is what a token was found to be, and under what.
type verified struct {
	by   *issuer
	keys *token.KeySet
	out  *Outside
}

// digestOf tells the kinds apart, since they have different rules.
func digestOf(text string, kind Kind) digest {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write([]byte(text))
	return digest(h.Sum(nil))
}

func (m *memo) get(d digest) (verified, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[d]; ok {
		return v, true
	}
	v, ok := m.aged[d]
	if ok {
		m.put(d, v)
	}
	return v, ok
}

func (m *memo) add(d digest, v verified) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(d, v)
}

// put turns the generations when the young one is full: what wasn't used for a whole turn goes.
func (m *memo) put(d digest, v verified) {
	if m.young == nil || len(m.young) >= memoSize {
		m.young, m.aged = make(generation), m.young
	}
	m.young[d] = v
}
