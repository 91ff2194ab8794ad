package engine

import (
	"context"
	"testing"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// A grant's receipt is for the client that got it and for who may read the log, and verifies offline once a
// checkpoint covers the entry.
func TestReceiptOfAGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, err := w.Checkpoint(false)
	mustBe(t, err, NotFound)
	plain := w.trade("agent", outside(w.ana(), "ai.training.read"))
	if plain.Entry != nil {
		t.Error("an index that nobody asked for")
	}
	req := outside(w.ana(), "ai.training.read")
	req.Receipt = true
	granted := w.trade("agent", req)
	if granted.Entry == nil {
		t.Fatal("no index")
	}
	_, err = w.Receipt(ctx, w.as("agent"), *granted.Entry, false)
	mustBe(t, err, NotFound)
	_, err = w.log.Sign(ctx)
	w.check(err)
	trust, err := checkpoint.NewTrust(w.log.Verifier(), nil, 0)
	w.check(err)
	for _, who := range []string{"agent", "ops"} {
		r, err := w.Receipt(ctx, w.as(who), *granted.Entry, false)
		w.check(err)
		proof, err := checkpoint.ParseProof(r.Proof)
		w.check(err)
		if _, err := proof.Verify(trust, tree.LeafHash([]byte(r.Entry))); err != nil || proof.Index != *granted.Entry {
			t.Errorf("for %s: entry %d, %v", who, proof.Index, err)
		}
		if index, event, err := w.Explain(ctx, w.as("ops"), granted.Decision); err != nil || index != proof.Index || event.Granted == nil {
			t.Errorf("the decision's entry is %d, not %d: %v", index, proof.Index, err)
		}
	}
	_, err = w.Receipt(ctx, w.as("data-gateway"), *granted.Entry, false)
	mustBe(t, err, AccessDenied)
	_, err = w.Receipt(ctx, w.as("ops"), 1<<40, false)
	mustBe(t, err, NotFound)
	_, err = w.Receipt(ctx, w.as("agent"), *granted.Entry, true) // nobody witnesses here
	mustBe(t, err, NotFound)
}

func TestProofsEndAtTheCheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, err := w.log.Sign(ctx)
	w.check(err)
	c, err := w.Checkpoint(false)
	w.check(err)
	w.trade("agent", outside(w.ana(), "ai.training.read"))
	if size, _, _, err := w.Inclusion(ctx, 0, 0); err != nil || size != c.Size {
		t.Errorf("of %d, want %d: %v", size, c.Size, err)
	}
	if size, _, err := w.Consistency(ctx, 1, 0); err != nil || size != c.Size {
		t.Errorf("to %d, want %d: %v", size, c.Size, err)
	}
	for _, beyond := range []struct{ size, index uint64 }{{c.Size + 1, 0}, {0, c.Size}} {
		_, _, proof, err := w.Inclusion(ctx, beyond.size, beyond.index)
		if mustBe(t, err, NotFound); len(proof) > 0 {
			t.Errorf("entry %d in %d is proved", beyond.index, beyond.size)
		}
	}
	_, _, err = w.Consistency(ctx, 2, 1)
	mustBe(t, err, NotFound)
}
