package engine

import (
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/token"
)

func (w *world) readToken() token.Secret {
	return w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
}

func TestWhatIsSignedHereIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.readToken()
	if !w.signed.has(digestOf(read)) {
		t.Error("a token that was just signed costs a verification")
	}
	if w.restart(); w.signed.has(digestOf(read)) {
		t.Error("remembered by a process that didn't sign it")
	}
	if !w.look("data-gateway", read).Active {
		t.Error("inactive once its signature counts")
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
	_, kid, err := w.verifier.VerifyJWT(w.Image.View().Keys, read.Reveal())
	w.check(err)
	w.revokeKeyOf(kid)
	if w.look("data-gateway", read).Active {
		t.Error("active though its key was revoked")
	}
}
