package verify

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/store"
)

// The log's key is replaced twice. Whichever key is known, the log verifies, with what was seen under any of them.
func TestKeysThatFollowEachOther(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	keys := []string{w.log.Verifier()}
	seen := bytes.Clone(w.seen[2])
	for range 2 {
		if _, _, err := w.log.RotateKey(ctx, audit.Event{Client: "ops"}); err != nil {
			t.Fatal(err)
		}
		w.grow(t, int(w.log.Size())+300)
		w.sign(t)
		keys = append(keys, w.log.Verifier())
	}
	c := w.copy(t)
	var out bytes.Buffer
	if err := Export(ctx, w.store, 0, &out); err != nil {
		t.Fatal(err)
	}
	beyond := must(w.key.Sign(c.meta.Size, c.meta.Root)) // by the first key, after it was replaced
	for i, key := range keys {
		trust := must(checkpoint.NewTrust(key, nil, 0))
		against := Against{Trust: trust, Seen: [][]byte{seen}}
		if report, err := Database(ctx, c, against); err != nil || report.Signed != c.meta.Size {
			t.Errorf("key %d, the database: %+v, %v", i, report, err)
		}
		if _, err := ReadExport(ctx, bytes.NewReader(out.Bytes()), against); err != nil {
			t.Errorf("key %d, an export: %v", i, err)
		}
		m := Monitor{Trust: trust, URL: published(t, c), Seen: remembering(t, seen), Entries: pages(c)}
		if report, err := m.Step(ctx); err != nil || report.Size != c.meta.Size {
			t.Errorf("key %d, a monitor: %+v, %v", i, report, err)
		}
		if _, err := Database(ctx, c, Against{Trust: trust, Seen: [][]byte{beyond}}); !errors.Is(err, ErrUnsigned) {
			t.Errorf("key %d takes what a key signs that was replaced: %v", i, err)
		}
	}
	forged := w.copy(t)
	forged.checkpoints = map[bool]store.Checkpoint{false: {Size: c.meta.Size, Root: c.meta.Root, Note: beyond}}
	m := Monitor{Trust: must(checkpoint.NewTrust(keys[0], nil, 0)), URL: published(t, forged), Seen: remembering(t, nil)}
	if _, err := m.Step(ctx); !errors.Is(err, ErrUnsigned) {
		t.Errorf("a monitor takes it: %v", err)
	}
}
