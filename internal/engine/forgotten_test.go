package engine

import (
	"runtime"
	"testing"
	"weak"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
)

// What is remembered of a token may last for weeks on a quiet server. The policy that it was looked at under, and the keys, private
// halves and all, are not to last with it.
func TestWhatIsRememberedKeepsNoOldPolicyAndNoOldKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken()
	for range 3 { // so that it is remembered, and an answer with it
		w.look("data-gateway", read)
	}
	if _, kept := w.memo.get(lately.DigestOf(read.Reveal()), w.image.View().Ring); !kept {
		t.Fatal("the token isn't remembered")
	}
	old, ring := weak.Make[policy.Policy](w.image.View().Policy), weak.Make[token.Keyring](w.image.View().Keys)
	w.apply(w.policy)
	w.rotateKey(KeyOverlap)
	runtime.GC()
	runtime.GC()
	if old.Value() != nil {
		t.Error("the old policy is still in memory")
	}
	if ring.Value() != nil {
		t.Error("the old keys are still in memory")
	}
	runtime.KeepAlive(w)
}
