package engine

import (
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/token"
)

func (w *world) readToken() token.Secret {
	return w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
}

func TestWhatIsSignedHereIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken()
	if _, ours := w.familiar.presented(lately.DigestOf(read.Reveal())); !ours {
		t.Error("a token that was just signed costs a verification")
	}
	w.restart()
	if _, ours := w.familiar.presented(lately.DigestOf(read.Reveal())); ours {
		t.Error("remembered by a process that didn't sign it")
	}
	if !w.look("data-gateway", read).Active {
		t.Error("inactive once its signature counts")
	}
	if _, ours := w.familiar.presented(lately.DigestOf(read.Reveal())); !ours {
		t.Error("a token that was verified costs another verification")
	}
}

// What comes once only, as most tokens do, leaves room to those that come again.
func TestOnlyATokenThatComesAgainIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken()
	for n, want := range []bool{false, true} {
		if !w.look("data-gateway", read).Active {
			t.Fatal("inactive")
		}
		if _, kept := w.memo.get(lately.DigestOf(read.Reveal()), w.image.View().Ring); kept != want {
			t.Errorf("after look %d kept = %v", n+1, kept)
		}
	}
}

// What doesn't verify is never known, however often it comes.
func TestAForgedTokenIsNeverKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken().Reveal()
	forged := token.NewSecret(read[:len(read)-4] + "AAAA")
	for range 3 {
		if w.look("data-gateway", forged).Active {
			t.Fatal("active")
		}
	}
	if _, ours := w.familiar.presented(lately.DigestOf(forged.Reveal())); ours {
		t.Error("taken for one of ours")
	}
}

// Only the very text is known: with another signature, if one of the same key, it is another text.
func TestAnotherSignatureIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.readToken().Reveal(), w.readToken().Reveal()
	body := one[:strings.LastIndexByte(one, '.')]
	for name, text := range map[string]string{
		"of another token": body + two[strings.LastIndexByte(two, '.'):], "none": body + ".", "half": one[:len(one)-43],
	} {
		if w.look("data-gateway", token.NewSecret(text)).Active {
			t.Errorf("active with the signature: %s", name)
		}
	}
}

// A token that nobody presented yet dies with its key, like any other.
func TestWhatIsSignedHereDiesWithItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken()
	_, kid, err := w.verifier.VerifyJWT(w.image.View().Keys, read.Reveal())
	w.check(err)
	w.revokeKeyOf(kid)
	if w.look("data-gateway", read).Active {
		t.Error("active though its key was revoked")
	}
}
