package verify

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
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

// Without the entry that names the next key nothing that this one signed can be verified by who knows the first: the log still
// tells that it is this entry that was changed.
func TestAChangedHandoverIsNamed(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.log.RotateKey(t.Context(), audit.Event{Client: "ops"}); err != nil {
		t.Fatal(err)
	}
	w.grow(t, int(w.log.Size())+300)
	w.sign(t)
	const handover = entries // the first that was written after
	for name, change := range map[string]func(note string) string{
		"another note":            func(note string) string { return strings.Replace(note, "sts.example.com", "sts.example.net", 1) },
		"no note at all":          func(string) string { return "{}" },
		"not said to be any more": func(note string) string { return strings.Replace(note, audit.ActionTookOver, "applied", 1) },
	} {
		c := w.copy(t)
		index := slices.IndexFunc(c.entries, func(e []byte) bool { return bytes.Contains(e, []byte(audit.ActionTookOver)) })
		if index < handover {
			t.Fatalf("the handover is entry %d", index)
		}
		c.entries[index] = []byte(change(string(c.entries[index])))
		var found *Finding
		_, err := Database(t.Context(), c, Against{Trust: w.trust})
		if !errors.As(err, &found) || found.Index != uint64(index) || found.Last != uint64(index) || !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	forged := w.copy(t)
	index := slices.IndexFunc(forged.entries, func(e []byte) bool { return bytes.Contains(e, []byte(audit.ActionTookOver)) })
	forged.entries = slices.Delete(forged.entries, index, index+1)
	forged.again()
	if _, err := Database(t.Context(), forged, Against{Trust: w.trust}); !errors.Is(err, ErrUnsigned) {
		t.Errorf("a log that agrees with itself, without the handover: %v", err)
	}
}

// receipt is what a server gives out for an entry.
func (w *world) receipt(t *testing.T, index uint64) Receipt {
	t.Helper()
	s, _ := w.log.Signed()
	_, hashes, err := w.log.Inclusion(t.Context(), s.Size, index)
	if err != nil {
		t.Fatal(err)
	}
	r := Receipt{Entry: string(w.copy(t).entries[index]), Proof: checkpoint.Proof{Index: index, Hashes: hashes, Note: s.Note}.Text()}
	for _, note := range w.log.Handovers() {
		older := must(checkpoint.Unverified(note))
		h := ReceiptHandover{Note: string(note)}
		for _, hash := range must(w.log.Consistency(t.Context(), older.Size, s.Size)) {
			h.Hashes = append(h.Hashes, hash[:])
		}
		r.Handovers = append(r.Handovers, h)
	}
	return r
}

// A receipt leads from any of the log's keys to the one that signed it, by what it holds itself.
func TestAReceiptOutlivesTheKeyThatItsHolderKnows(t *testing.T) {
	w := newWorld(t)
	keys := []string{w.log.Verifier()}
	before := w.receipt(t, 7)
	for range 2 {
		if _, _, err := w.log.RotateKey(t.Context(), audit.Event{Client: "ops"}); err != nil {
			t.Fatal(err)
		}
		w.grow(t, int(w.log.Size())+30)
		w.sign(t)
		keys = append(keys, w.log.Verifier())
	}
	r := w.receipt(t, 620)
	refused := func(what string, r Receipt, key string, want error) {
		t.Helper()
		if _, _, _, err := r.Verify(must(checkpoint.NewTrust(key, nil, 0))); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i, key := range keys {
		index, e, s, err := r.Verify(must(checkpoint.NewTrust(key, nil, 0)))
		if err != nil || index != 620 || e.Kind == "" || s.Size != w.log.Size() {
			t.Errorf("key %d: entry %d, %+v, %v", i, index, e, err)
		}
	}
	refused("one of before, by who knows only a later key", before, keys[2], checkpoint.ErrNote)
	before.Handovers = r.Handovers // the receipt is older than they are, and so isn't held to them
	if _, _, _, err := before.Verify(must(checkpoint.NewTrust(keys[2], nil, 0))); err != nil {
		t.Errorf("one of before, with what came since: %v", err)
	}

	stranger := must(checkpoint.NewKey(w.log.Origin(), bytes.Repeat([]byte{9}, checkpoint.SeedSize)))
	refused("a key that the log never had", r, stranger.Verifier(), checkpoint.ErrNote)
	refused("a handover left out", Receipt{r.Entry, r.Proof, r.Handovers[1:]}, keys[0], checkpoint.ErrNote)
	refused("a log that needn't begin with the handover", Receipt{r.Entry, r.Proof, []ReceiptHandover{{Note: r.Handovers[0].Note}, r.Handovers[1]}}, keys[0], ErrForked)
	forged := r
	beyond := must(w.key.Sign(w.log.Size(), w.copy(t).meta.Root))
	proof := must(checkpoint.ParseProof(r.Proof))
	proof.Note = beyond
	forged.Proof = proof.Text()
	refused("what a key signs that was replaced", forged, keys[0], checkpoint.ErrNote)
}
