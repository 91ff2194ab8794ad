package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/token"
)

func digestOf(n int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func TestTheMemoIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	var m memo
	keys := &token.Keyring{}
	kept := &verified{keys: keys}
	m.put(digestOf(0), kept)
	for n := 1; n <= 20*memoShards*memoSize; n++ {
		m.put(digestOf(n), &verified{keys: keys})
		if v, ok := m.get(digestOf(0), keys); !ok || v != kept {
			t.Fatalf("a token that is used all the time was forgotten after %d others", n)
		}
	}
	held := 0
	for i := range m.shards {
		held += len(m.shards[i].young) + len(m.shards[i].aged)
	}
	if held > 2*memoShards*memoSize {
		t.Errorf("%d tokens are held", held)
	}
	if _, ok := m.get(digestOf(1), keys); ok {
		t.Error("a token that nobody asked about for long is still held")
	}
}

func TestTheMemoHoldsForItsKeysOnly(t *testing.T) {
	t.Parallel()
	var m memo
	m.put(digestOf(0), &verified{keys: &token.Keyring{}})
	if _, ok := m.get(digestOf(0), &token.Keyring{}); ok {
		t.Error("what was verified under other keys was taken as verified")
	}
}

// What a policy gives of a token until an hour must end at that hour, however often it was asked before.
func TestAnAnswerIsKeptOnlyUntilTimeMayChangeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitorLeaves := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC) // testdata/policy.yaml
	w.clock.pass(visitorLeaves.Add(-5 * time.Minute).Sub(w.clock.now()))
	vera := outside(w.person("vera", nil), "ai.training.read")
	read := w.trade("agent", own(w.trade("agent", vera).AccessToken, "ai.training.read").at(dataAPI)).AccessToken
	for range 2 {
		if !w.look("data-gateway", read).Active {
			t.Fatal("inactive before the visitor's binding ended")
		}
	}
	w.clock.pass(5*time.Minute - time.Second)
	if !w.look("data-gateway", read).Active {
		t.Error("inactive a second before the visitor's binding ended")
	}
	w.clock.pass(time.Second)
	if w.look("data-gateway", read).Active {
		t.Error("active after the visitor's binding ended: an old answer was kept")
	}
}

// A new secret or policy doesn't touch the keys, and must not cost every token its next signature.
func TestTheKeysStayWhenOtherThingsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := w.Image.View().Keys
	w.apply(w.policy)
	if _, err := w.CreateSecret(context.Background(), w.as("ops"), "agent"); err != nil || w.Image.View().Keys != keys {
		t.Errorf("the keys were made anew: %v", err)
	}
	if err := w.RotateKey(context.Background(), w.as("ops")); err != nil || w.Image.View().Keys == keys {
		t.Errorf("a new key doesn't show: %v", err)
	}
}
